//! Table `forward`: who is this for.
//!
//! Every address is known from the plan, so nothing is learned and nothing unknown is flooded. What
//! came from the fabric goes to local VIFs only: the fabric has already brought it everywhere else.
//!
//! In an overlay each frame is sent to the endpoint of the host it is for. One for everybody is
//! copied here, once for each host that has the network and for no other.

use std::collections::BTreeSet;
use std::net::IpAddr;

use model::MacAddr;
use openflow::{Action, Field, Flow, Match, PortNo};

use super::registers::{FLOOD_PART, FROM, FROM_VIF, NETWORK, OUT_PORT};
use super::{Mark, Miss, NetworkView, RemotePort, Table, Uplink, count_and_output};

pub(super) const TABLE: Table = Table {
    id: 40,
    name: "forward",
    miss: Miss::Drop,
    why: "who is this for: a local port, a remote host, or all of the network",
    infrastructure,
    network: flows,
};

const NEVER: u16 = 300;
const SHARED: u16 = 250;
const KNOWN: u16 = 200;
const EVERYBODY: u16 = 100;

/// The addresses that no bridge may pass on (IEEE 802.1Q-2018 §8.6.3), and their mask.
const LINK_ONLY: [u8; 6] = [0x01, 0x80, 0xc2, 0, 0, 0];
const LINK_ONLY_MASK: [u8; 6] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xf0];

/// The bit that makes an Ethernet address mean more than one receiver.
const MULTICAST: [u8; 6] = [1, 0, 0, 0, 0, 0];

/// How many ports or hosts one flow of a flood serves: a flow must fit into one OpenFlow message of
/// 64 KiB.
const FLOOD_WAYS: usize = 256;

fn infrastructure() -> Vec<Flow> {
    let link_only = Match::new().masked(Field::EthDst, LINK_ONLY, LINK_ONLY_MASK);
    vec![TABLE.flow(NEVER, link_only)]
}

fn flows(network: &NetworkView, flows: &mut Vec<Flow>) {
    let here = || NETWORK.is(network.number.get(), Match::new());
    for local in &network.locals {
        let matching = here().eth_dst(local.mac.octets());
        flows.push(unicast(matching, via(local.port)));
    }
    if let Some(uplink) = network.uplink {
        let outbound = FROM.is(FROM_VIF, here());
        flows.extend(network.remotes.iter().filter_map(|remote| {
            let matching = outbound.clone().eth_dst(remote.mac.octets());
            Some(unicast(matching, towards(uplink, remote)?))
        }));
    }
    shared(network, flows);
    flood(network, flows);
}

/// Frames for an Ethernet address that several ports may have go to all of these and to nobody else:
/// which one has it at the moment is for them to know. Each takes what it has the address for.
fn shared(network: &NetworkView, flows: &mut Vec<Flow>) {
    let own: BTreeSet<MacAddr> = network.macs().collect();
    for mac in network.virtual_macs().difference(&own) {
        let locals = holders_here(network, *mac);
        let abroad = holders_elsewhere(network, *mac);
        let matching = NETWORK.is(network.number.get(), Match::new());
        let matching = matching.eth_dst(mac.octets());
        let from_vif = FROM.is(FROM_VIF, matching.clone());
        let everywhere = locals.iter().cloned().chain(abroad).take(FLOOD_WAYS);
        flows.push(TABLE.flow(SHARED, from_vif).actions(offers(everywhere)));
        flows.push(TABLE.flow(KNOWN, matching).actions(offers(locals)));
    }
}

/// Out to the ports here that may have this address.
fn holders_here(network: &NetworkView, mac: MacAddr) -> Vec<Vec<Action>> {
    let locals = network.locals.iter();
    let holders = locals.filter(|local| local.virtual_macs().any(|it| it == mac));
    let ways = holders.map(|local| via(local.port));
    ways.take(FLOOD_WAYS).collect()
}

/// Out to the hosts of other ports that may: a tag takes one frame to all of them.
fn holders_elsewhere(network: &NetworkView, mac: MacAddr) -> Vec<Vec<Action>> {
    let remotes = network.remotes.iter();
    let holders = remotes.filter(|remote| remote.virtual_macs.contains(&mac));
    let hosts: BTreeSet<Option<IpAddr>> = holders.map(|remote| remote.endpoint).collect();
    match network.uplink {
        None => Vec::new(),
        Some(Uplink {
            port,
            mark: Mark::Vlan(_),
        }) => hosts.first().map(|_| via(port)).into_iter().collect(),
        Some(uplink) => {
            let ways = hosts.into_iter().filter_map(|host| way_to(uplink, host));
            ways.collect()
        }
    }
}

/// Offers a frame to each of these; the next table keeps it from the one it came in by.
fn offers(ways: impl IntoIterator<Item = Vec<Action>>) -> impl Iterator<Item = Action> {
    ways.into_iter().flat_map(|way| {
        let offer = Action::resubmit(count_and_output::TABLE.id);
        way.into_iter().chain([offer])
    })
}

fn unicast(matching: Match, way: Vec<Action>) -> Flow {
    let flow = TABLE.flow(KNOWN, matching).actions(way);
    flow.goto(count_and_output::TABLE.id)
}

/// Out by a port.
fn via(port: PortNo) -> Vec<Action> {
    vec![OUT_PORT.set(port.0)]
}

/// Out by a tunnel port, to one host.
fn through(port: PortNo, endpoint: IpAddr) -> Vec<Action> {
    let destination = match endpoint {
        IpAddr::V4(endpoint) => Action::set_field(Field::TunDst, endpoint),
        IpAddr::V6(endpoint) => Action::set_field(Field::TunIpv6Dst, endpoint),
    };
    vec![destination, OUT_PORT.set(port.0)]
}

/// Out to the host of a port, if there is a way.
fn towards(uplink: Uplink, remote: &RemotePort) -> Option<Vec<Action>> {
    way_to(uplink, remote.endpoint)
}

/// Out to a host, whose endpoint it takes in an overlay.
fn way_to(uplink: Uplink, endpoint: Option<IpAddr>) -> Option<Vec<Action>> {
    match uplink.mark {
        Mark::Vlan(_) => Some(via(uplink.port)),
        Mark::Vni(_) => Some(through(uplink.port, endpoint?)),
    }
}

/// Out to everybody on other hosts: one frame to the fabric, or one to each host.
fn abroad(network: &NetworkView) -> Vec<Vec<Action>> {
    let Some(uplink) = network.uplink else {
        return Vec::new();
    };
    match uplink.mark {
        Mark::Vlan(_) => vec![via(uplink.port)],
        Mark::Vni(_) => {
            let endpoints = network.endpoints().into_iter();
            endpoints.map(|it| through(uplink.port, it)).collect()
        }
    }
}

/// Offers a frame for everybody to every port of the network; the next table keeps it from the one
/// it came in by. The uplink comes last, because the tag or tunnel it gets stays on the frame.
fn flood(network: &NetworkView, flows: &mut Vec<Flow>) {
    let locals = network.locals.iter().map(|local| via(local.port));
    let ways: Vec<Vec<Action>> = locals.chain(abroad(network)).collect();
    let mut parts = ways.chunks(FLOOD_WAYS).zip(0..).peekable();
    while let Some((ways, part)) = parts.next() {
        let matching = NETWORK.is(network.number.get(), Match::new());
        let matching = FLOOD_PART.is(part, matching);
        let matching = matching.masked(Field::EthDst, MULTICAST, MULTICAST);
        let offers = offers(ways.iter().cloned());
        let mut flow = TABLE.flow(EVERYBODY, matching).actions(offers);
        if parts.peek().is_some() {
            let rest = [FLOOD_PART.set(part + 1), Action::resubmit(TABLE.id)];
            flow = flow.actions(rest);
        }
        flows.push(flow);
    }
}
