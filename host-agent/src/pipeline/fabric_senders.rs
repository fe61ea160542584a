//! Table `fabric_senders`: who speaks to us from the fabric.
//!
//! Every port of a network is known from the plan, and its guard lets it send from its own Ethernet
//! address alone. So a frame from any other address was sent by no port: whoever sent it got into the
//! VLAN by a wrong or hostile switch, and is not heard. In an overlay the sender must be on the host
//! that the plan says, too.
//!
//! A virtual address may come from any of the ports that have it in a pair. A port without its guard
//! sends from any address but the gateway's; where one is on another host, whatever comes from there is
//! heard, and in a VLAN whatever comes at all.
//! Where a router joins the network to others, what it is sent by hosts that route comes in too, and
//! is the gateway's again from here on. On a gateway host, what they hand on to get out goes to be
//! translated, if a port of the network may have sent it.
//!
//! Physical machines that share the segment are unknown to the plan: where they are wanted, the table
//! before has seen to them.
//!
//! In a VLAN only the address counts: a port that is being moved speaks from its new host before
//! every other host has heard of it, and the physical switches tell no host from another anyway.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use model::{MacAddr, SpoofGuard};
use openflow::protocol::{ETH_IPV4, ETH_IPV6};
use openflow::{Action, Field, Flow, Match};

use super::classify::sent_by;
use super::registers::NETWORK;
use super::{
    Mark, Miss, NetworkView, Outsiders, RemotePort, Table, WayExit, WayOut, class, forward,
    nothing, translate,
};

pub(super) const TABLE: Table = Table {
    id: 5,
    name: "fabric_senders",
    miss: Miss::Drop,
    why: "is the sender of a frame from the fabric a port of this network on another host",
    infrastructure: nothing,
    network: flows,
};

const GATEWAY: u16 = 200;
const HANDED_ON: u16 = 150;
const KNOWN: u16 = 100;
const UNGUARDED: u16 = 50;

fn flows(network: &NetworkView, flows: &mut Vec<Flow>) {
    let (Some(uplink), Outsiders::None) = (network.uplink, network.outsiders) else {
        return;
    };
    if network.routing.is_some() {
        flows.extend(routed(network));
        flows.extend(handed_on(network));
    }
    let here = || NETWORK.is(network.number.get(), Match::new());
    let from = |host: Option<IpAddr>, matching| match uplink.mark {
        Mark::Untagged | Mark::Vlan(_) => Some(matching),
        Mark::Vni(_) => Some(sent_by(matching, host?)),
    };
    // Several ports may have an address, and in a VLAN all hosts are one.
    let host = |remote: &RemotePort| match uplink.mark {
        Mark::Untagged | Mark::Vlan(_) => None,
        Mark::Vni(_) => remote.endpoint,
    };
    let remotes = network.remotes.iter();
    let known: BTreeSet<(MacAddr, Option<IpAddr>)> = remotes
        .flat_map(|remote| {
            let macs = std::iter::once(remote.mac).chain(remote.virtual_macs.iter().copied());
            macs.map(move |mac| (mac, host(remote)))
        })
        .collect();
    flows.extend(known.into_iter().filter_map(|(mac, host)| {
        let matching = from(host, here().eth_src(mac.octets()))?;
        Some(TABLE.flow(KNOWN, matching).goto(forward::TABLE.id))
    }));
    let remotes = network.remotes.iter();
    let unguarded = remotes.filter(|remote| remote.spoof_guard == SpoofGuard::Off);
    let unguarded: BTreeSet<Option<IpAddr>> = unguarded.map(host).collect();
    if !unguarded.is_empty() {
        let gateway = MacAddr::gateway(network.number);
        flows.push(TABLE.flow(GATEWAY, here().eth_src(gateway.octets())));
    }
    flows.extend(unguarded.into_iter().filter_map(|host| {
        let flow = TABLE.flow(UNGUARDED, from(host, here())?);
        Some(flow.goto(forward::TABLE.id))
    }));
}

/// Hosts alone have such addresses: no guard lets a VIF speak from one, and no port is given one.
fn routed(network: &NetworkView) -> [Flow; 2] {
    let way = network.outside.way.as_ref();
    let from_beyond = way.is_some_and(WayOut::is_shared);
    let gateway = MacAddr::gateway(network.number).octets();
    [ETH_IPV4, ETH_IPV6].map(|eth_type| {
        let flow = TABLE.flow(KNOWN, by_routers(network).eth_type(eth_type));
        let flow = flow.action(Action::set_field(Field::EthSrc, gateway));
        let classed =
            (from_beyond && eth_type == ETH_IPV4).then(|| Action::resubmit(class::TABLE.id));
        flow.actions(classed).goto(forward::TABLE.id)
    })
}

fn by_routers(network: &NetworkView) -> Match {
    let [first, second] = MacAddr::ROUTERS;
    let routers = [first, second, 0, 0, 0, 0];
    let here = NETWORK.is(network.number.get(), Match::new());
    here.masked(Field::EthSrc, routers, [0xff, 0xff, 0, 0, 0, 0])
}

/// What other hosts send to this one to get out: of addresses of this network alone.
fn handed_on(network: &NetworkView) -> Vec<Flow> {
    let exit = network.outside.way.as_ref().map(|way| way.exit);
    let (Some(WayExit::ForAll(mac)), Some(routing)) = (exit, &network.routing) else {
        return Vec::new();
    };
    let own = routing.routes.iter().filter(|it| it.1 == network.number);
    let own = own.filter_map(|(prefix, _)| match prefix {
        IpNet::V4(prefix) => Some(prefix),
        IpNet::V6(_) => None,
    });
    let flows = own.map(|prefix| {
        let matching = by_routers(network).ipv4().eth_dst(mac.octets());
        let matching = matching.ipv4_src(prefix.addr(), prefix.prefix_len());
        TABLE.flow(HANDED_ON, matching).goto(translate::TABLE.id)
    });
    flows.collect()
}
