//! Table `forward`: who is this for.
//!
//! Every address is known from the plan, so nothing is learned and nothing unknown is flooded: only
//! where physical machines are on a network's segment it goes out to the fabric, and never to a VIF.
//! What came from the fabric goes to local VIFs only: the fabric has already brought it everywhere
//! else.
//!
//! In an overlay each frame is sent to the endpoint of the host it is for. One for everybody is
//! copied here, once for each host that has the network and for no other.

use std::collections::BTreeSet;
use std::net::IpAddr;

use model::MacAddr;
use openflow::{Action, Field, Flow, Match, PortNo};

use super::registers::{COPIES, FLOOD_PART, FROM, FROM_FABRIC, FROM_VIF, NETWORK, OUT_PORT};
use super::{
    LocalPort, Mark, Miss, NetworkView, Outsiders, Reach, RemotePort, Table, Uplink, conntrack_in,
    count_and_output, ip, policy,
};

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
const ELSEWHERE: u16 = 50;

/// The addresses that no bridge may pass on (IEEE 802.1Q-2018 §8.6.3), and their mask.
const LINK_ONLY: [u8; 6] = [0x01, 0x80, 0xc2, 0, 0, 0];
const LINK_ONLY_MASK: [u8; 6] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xf0];

/// The bit that makes an Ethernet address mean more than one receiver.
const MULTICAST: [u8; 6] = [1, 0, 0, 0, 0, 0];
const UNICAST: [u8; 6] = [0; 6];

/// How many ports or hosts one flow of a flood serves: a flow must fit into one OpenFlow message of
/// 64 KiB.
const FLOOD_WAYS: usize = 256;

fn infrastructure() -> Vec<Flow> {
    let link_only = Match::new().masked(Field::EthDst, LINK_ONLY, LINK_ONLY_MASK);
    vec![TABLE.flow(NEVER, link_only)]
}

fn flows(network: &NetworkView, flows: &mut Vec<Flow>) {
    match &network.reach {
        Reach::Everybody => to_everybody(network, flows),
        Reach::Gateway(gateways) => to_gateway(network, gateways, flows),
    }
}

fn to_everybody(network: &NetworkView, flows: &mut Vec<Flow>) {
    inward(network, &here(network), flows);
    if let Some(uplink) = network.uplink {
        outward(network, uplink, flows);
    }
    for mac in virtual_macs(network) {
        let ways = holders_here(network, mac).chain(holders_elsewhere(network, mac));
        let matching = FROM.is(FROM_VIF, here(network)).eth_dst(mac.octets());
        let offers = offers(ways.take(FLOOD_WAYS));
        flows.push(TABLE.flow(SHARED, matching).actions(offers));
    }
    flood(
        &here(network),
        locals(network).chain(abroad(network)),
        flows,
    );
}

/// What ports send leaves for the gateway or for everybody, and comes to no other port; what comes
/// in is the gateway's, as the table before saw to.
fn to_gateway(network: &NetworkView, gateways: &[MacAddr], flows: &mut Vec<Flow>) {
    let from_fabric = FROM.is(FROM_FABRIC, here(network));
    inward(network, &from_fabric, flows);
    flood(&from_fabric, locals(network), flows);
    let (false, Some(uplink)) = (network.outsiders == Outsiders::None, network.uplink) else {
        return;
    };
    let from_vif = FROM.is(FROM_VIF, here(network));
    for mac in gateways {
        let matching = from_vif.clone().eth_dst(mac.octets());
        flows.push(unicast(KNOWN, matching, via(uplink.port)));
    }
    flood(&from_vif, [via(uplink.port)], flows);
}

fn here(network: &NetworkView) -> Match {
    NETWORK.is(network.number.get(), Match::new())
}

/// To the ports of this host.
fn inward(network: &NetworkView, from: &Match, flows: &mut Vec<Flow>) {
    flows.extend(network.locals.iter().map(|local| {
        let matching = from.clone().eth_dst(local.mac.octets());
        unicast(KNOWN, matching, to(local))
    }));
    flows.extend(network.locals.iter().flat_map(|it| lent(network, from, it)));
    for mac in virtual_macs(network) {
        let matching = from.clone().eth_dst(mac.octets());
        let offers = offers(holders_here(network, mac).take(FLOOD_WAYS));
        flows.push(TABLE.flow(KNOWN, matching).actions(offers));
    }
}

/// Routers on other hosts know of an external network's port no more than that the pool gave its address
/// out, and send to the Ethernet address that follows from it.
fn lent(network: &NetworkView, from: &Match, local: &LocalPort) -> Vec<Flow> {
    if network.outsiders == Outsiders::None {
        return Vec::new();
    }
    let flows = local.addresses.iter().map(|address| {
        let matching = from.clone().eth_dst(MacAddr::public(*address).octets());
        // Other IPv6 addresses may end alike.
        let matching = match address {
            IpAddr::V4(_) => matching,
            IpAddr::V6(_) => ip::to(matching, *address),
        };
        let Way { mut actions, next } = to(local);
        actions.insert(0, Action::set_field(Field::EthDst, local.mac.octets()));
        unicast(KNOWN, matching, Way { actions, next })
    });
    flows.collect()
}

/// The Ethernet addresses that several ports may have. Frames for one go to all of these and to
/// nobody else: which has it at the moment is for them to know, and each takes what it has the
/// address for.
fn virtual_macs(network: &NetworkView) -> impl Iterator<Item = MacAddr> + use<> {
    let own: BTreeSet<MacAddr> = network.macs().collect();
    let all = network.virtual_macs();
    all.into_iter().filter(move |mac| !own.contains(mac))
}

/// The ways to the ports here that may have this address.
fn holders_here(network: &NetworkView, mac: MacAddr) -> impl Iterator<Item = Way> + '_ {
    let locals = network.locals.iter();
    let holders = locals.filter(move |local| local.virtual_macs().any(|it| it == mac));
    holders.map(to)
}

/// The ways to the hosts of other ports that may. What the fabric brings everywhere goes out once;
/// physical machines may have the address, too.
fn holders_elsewhere(network: &NetworkView, mac: MacAddr) -> Vec<Way> {
    let Some(uplink) = network.uplink else {
        return Vec::new();
    };
    let remotes = network.remotes.iter();
    let holders = remotes.filter(|remote| remote.virtual_macs.contains(&mac));
    let hosts: BTreeSet<Option<IpAddr>> = holders.map(|remote| remote.endpoint).collect();
    match uplink.mark {
        Mark::Vni(_) => {
            let ways = hosts.into_iter().filter_map(|host| way_to(uplink, host));
            ways.collect()
        }
        Mark::Untagged | Mark::Vlan(_) => {
            let anybody = network.outsiders != Outsiders::None || !hosts.is_empty();
            anybody.then(|| via(uplink.port)).into_iter().collect()
        }
    }
}

/// Offers a frame to each of these; later tables keep it from the one it came in by.
fn offers(ways: impl IntoIterator<Item = Way>) -> impl Iterator<Item = Action> {
    let ways = ways.into_iter().flat_map(|way| {
        let offer = Action::resubmit(way.next);
        way.actions.into_iter().chain([offer])
    });
    std::iter::once(COPIES.set(1)).chain(ways)
}

/// To ports of other hosts. Where there are physical machines too, to any address that is not here:
/// who has it is for the switches of the fabric to know.
fn outward(network: &NetworkView, uplink: Uplink, flows: &mut Vec<Flow>) {
    let from_vif = FROM.is(FROM_VIF, here(network));
    if network.outsiders != Outsiders::None {
        let matching = from_vif.masked(Field::EthDst, UNICAST, MULTICAST);
        flows.push(unicast(ELSEWHERE, matching, via(uplink.port)));
        return;
    }
    flows.extend(network.remotes.iter().filter_map(|remote| {
        let matching = from_vif.clone().eth_dst(remote.mac.octets());
        Some(unicast(KNOWN, matching, towards(uplink, remote)?))
    }));
}

/// Where a frame goes: what has to be done to it, and the table that goes on with it.
#[derive(Clone)]
struct Way {
    actions: Vec<Action>,
    next: u8,
}

fn unicast(priority: u16, matching: Match, way: Way) -> Flow {
    let flow = TABLE.flow(priority, matching).actions(way.actions);
    flow.goto(way.next)
}

/// To a port of this host, if its policy lets it.
fn to(local: &LocalPort) -> Way {
    Way {
        actions: vec![OUT_PORT.set(local.port.0), policy::of(local)],
        next: conntrack_in::TABLE.id,
    }
}

/// Out by a patch port.
fn via(port: PortNo) -> Way {
    Way {
        actions: vec![OUT_PORT.set(port.0)],
        next: count_and_output::TABLE.id,
    }
}

/// Out by a tunnel port, to one host.
fn through(port: PortNo, endpoint: IpAddr) -> Way {
    let destination = match endpoint {
        IpAddr::V4(endpoint) => Action::set_field(Field::TunDst, endpoint),
        IpAddr::V6(endpoint) => Action::set_field(Field::TunIpv6Dst, endpoint),
    };
    Way {
        actions: vec![destination, OUT_PORT.set(port.0)],
        next: count_and_output::TABLE.id,
    }
}

/// Out to the host of a port, if there is a way.
fn towards(uplink: Uplink, remote: &RemotePort) -> Option<Way> {
    way_to(uplink, remote.endpoint)
}

/// Out to a host, whose endpoint it takes in an overlay.
fn way_to(uplink: Uplink, endpoint: Option<IpAddr>) -> Option<Way> {
    match uplink.mark {
        Mark::Untagged | Mark::Vlan(_) => Some(via(uplink.port)),
        Mark::Vni(_) => Some(through(uplink.port, endpoint?)),
    }
}

/// What takes a frame out to a host whatever it is for, and the table that goes on with it.
pub(super) fn to_host(uplink: Uplink, endpoint: IpAddr) -> Option<(Vec<Action>, u8)> {
    let way = way_to(uplink, Some(endpoint))?;
    Some((way.actions, way.next))
}

/// Out to everybody on other hosts: one frame to the fabric, or one to each host.
fn abroad(network: &NetworkView) -> Vec<Way> {
    let Some(uplink) = network.uplink else {
        return Vec::new();
    };
    match uplink.mark {
        Mark::Untagged | Mark::Vlan(_) => vec![via(uplink.port)],
        Mark::Vni(_) => {
            let endpoints = network.endpoints().into_iter();
            endpoints.map(|it| through(uplink.port, it)).collect()
        }
    }
}

/// Out to everybody on this host.
fn locals(network: &NetworkView) -> impl Iterator<Item = Way> {
    network.locals.iter().map(to)
}

/// Offers a frame for everybody to these ways; later tables keep it from the one it came in by.
/// The uplink comes last, because the tag or tunnel it gets stays on the frame.
fn flood(from: &Match, ways: impl IntoIterator<Item = Way>, flows: &mut Vec<Flow>) {
    let ways: Vec<Way> = ways.into_iter().collect();
    let mut parts = ways.chunks(FLOOD_WAYS).zip(0..).peekable();
    while let Some((ways, part)) = parts.next() {
        let matching = FLOOD_PART.is(part, from.clone());
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
