//! Table `neighbour_guard`: does a port announce only itself as an IPv6 neighbour.
//!
//! Sources were checked before; here it is what neighbour discovery says *inside* (RFC 4861 §4).

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};

use model::{MacAddr, SpoofGuard};
use openflow::protocol::{ND_ADVERT, ND_SOLICIT};
use openflow::{Field, Flow, Match};

use super::registers::NETWORK;
use super::{FIRST_FRAGMENT, LocalPort, Miss, NetworkView, Table, limit_sent, link_local};

pub(super) const TABLE: Table = Table {
    id: 12,
    name: "neighbour_guard",
    miss: Miss::Goto(limit_sent::TABLE.id),
    why: "does a port announce only itself as an IPv6 neighbour, and never as a router",
    infrastructure,
    network: flows,
};

const NEVER: u16 = 300;
const GATEWAY: u16 = 250;
const OWN: u16 = 200;
const FOREIGN: u16 = 100;

const ROUTER_ADVERT: u8 = 134;
const REDIRECT: u8 = 137;

/// What the switch takes the protocol to be when the chain of extension headers is longer than the
/// packet: 0 in userspace, 59 in the kernel. No honest packet has either in the end.
const BROKEN_CHAIN: [u8; 2] = [0, 59];

/// The protocol numbers of IPv6 extension headers that a receiver looks behind: routing, fragment,
/// authentication, destination options.
const EXTENSION_HEADERS: [u8; 4] = [43, 44, 51, 60];

/// What a first fragment matches as its ICMPv6 type when the switch does not show it.
const HIDDEN: u8 = 0;

/// No absent link-layer address option reads as anything but this.
const NO_OPTION: [u8; 6] = [0; 6];

fn infrastructure() -> Vec<Flow> {
    let others = [ND_SOLICIT, ND_ADVERT].map(|kind| TABLE.flow(FOREIGN, icmpv6(kind)));
    let never = never().map(|matching| TABLE.flow(NEVER, matching));
    never.chain(others).collect()
}

/// What no VIF may say, whoever it is: that there is a router, and what hides what it says.
pub(super) fn never() -> impl Iterator<Item = Match> {
    [icmpv6(ROUTER_ADVERT), icmpv6(REDIRECT), malformed()]
        .into_iter()
        .chain(out_of_sight())
}

fn icmpv6(kind: u8) -> Match {
    Match::new().icmpv6().exact(Field::Icmpv6Type, kind)
}

/// A solicitation whose options contradict each other, such as two link-layer addresses, shows
/// neither them nor its target, where it would seem to have no option at all.
fn malformed() -> Match {
    let solicitation = icmpv6(ND_SOLICIT).exact(Field::Icmpv6Code, 0u8);
    solicitation.exact(Field::NdTarget, Ipv6Addr::UNSPECIFIED)
}

/// A first fragment must show what it is (RFC 7112): one that does not can carry its ICMPv6 header
/// out of our sight, into the second fragment (RFC 7113 §2). Neighbour discovery is never
/// fragmented (RFC 6980 §5). Later fragments pass: without a first one they come to nothing.
fn out_of_sight() -> impl Iterator<Item = Match> {
    let broken = BROKEN_CHAIN.map(|protocol| Match::new().ipv6().ip_proto(protocol));
    let first = |matching: Match| matching.exact(Field::IpFrag, FIRST_FRAGMENT);
    let chained = EXTENSION_HEADERS.map(|header| first(Match::new().ipv6()).ip_proto(header));
    let discovery = [HIDDEN, ND_SOLICIT, ND_ADVERT].map(|kind| first(icmpv6(kind)));
    broken.into_iter().chain(chained).chain(discovery)
}

fn flows(network: &NetworkView, flows: &mut Vec<Flow>) {
    for port in &network.locals {
        let here = NETWORK.is(network.number.get(), Match::new());
        let here = here.in_port(port.port);
        match port.spoof_guard {
            SpoofGuard::On => {
                port_flows(&here, port, flows);
                pair_flows(&here, port, flows);
            }
            SpoofGuard::Off => unguarded_flows(&here, network, flows),
        }
    }
}

fn port_flows(here: &Match, port: &LocalPort, flows: &mut Vec<Flow>) {
    let addresses: Vec<_> = port.ipv6().collect();
    if addresses.is_empty() {
        return;
    }
    let next = limit_sent::TABLE.id;
    let mut allow = |matching| flows.push(TABLE.flow(OWN, matching).goto(next));
    for link_layer in [port.mac.octets(), NO_OPTION] {
        allow(neighbour(here, ND_SOLICIT).exact(Field::NdSll, link_layer));
        for address in &addresses {
            let advert = neighbour(here, ND_ADVERT).exact(Field::NdTarget, *address);
            allow(advert.exact(Field::NdTll, link_layer));
        }
    }
}

/// The same for what a port may send from besides, with the Ethernet address of each pair.
fn pair_flows(here: &Match, port: &LocalPort, flows: &mut Vec<Flow>) {
    // Pairs may have an address or a link-layer address in common, also with the port itself.
    let mut solicits = BTreeSet::new();
    let mut adverts = BTreeSet::new();
    for (prefix, mac) in port.ipv6_pairs() {
        for link_layer in [mac.octets(), NO_OPTION] {
            solicits.insert(link_layer);
            adverts.insert((prefix, link_layer));
        }
    }
    for link_layer in [port.mac.octets(), NO_OPTION] {
        for address in port.ipv6() {
            solicits.remove(&link_layer);
            adverts.remove(&(address.into(), link_layer));
        }
    }
    let solicits = solicits
        .into_iter()
        .map(|link_layer| neighbour(here, ND_SOLICIT).exact(Field::NdSll, link_layer));
    let adverts = adverts.into_iter().map(|(prefix, link_layer)| {
        let (address, mask) = (prefix.network(), prefix.netmask());
        let advert = neighbour(here, ND_ADVERT).masked(Field::NdTarget, address, mask);
        advert.exact(Field::NdTll, link_layer)
    });
    let allowed = solicits.chain(adverts);
    flows.extend(allowed.map(|it| TABLE.flow(OWN, it).goto(limit_sent::TABLE.id)));
}

/// Any neighbour but the gateway.
fn unguarded_flows(here: &Match, network: &NetworkView, flows: &mut Vec<Flow>) {
    let gateway = MacAddr::gateway(network.number);
    let of_gateway = network.gateways.iter().filter_map(|address| match address {
        IpAddr::V6(address) => Some(*address),
        IpAddr::V4(_) => None,
    });
    let targets = of_gateway.chain([link_local(gateway)]);
    let mut refused: Vec<Match> = targets
        .map(|target| neighbour(here, ND_ADVERT).exact(Field::NdTarget, target))
        .collect();
    refused.push(neighbour(here, ND_ADVERT).exact(Field::NdTll, gateway.octets()));
    refused.push(neighbour(here, ND_SOLICIT).exact(Field::NdSll, gateway.octets()));
    flows.extend(refused.into_iter().map(|it| TABLE.flow(GATEWAY, it)));
    for kind in [ND_SOLICIT, ND_ADVERT] {
        let flow = TABLE.flow(OWN, neighbour(here, kind));
        flows.push(flow.goto(limit_sent::TABLE.id));
    }
}

fn neighbour(here: &Match, kind: u8) -> Match {
    let matching = here.clone().icmpv6();
    matching
        .exact(Field::Icmpv6Type, kind)
        .exact(Field::Icmpv6Code, 0u8)
}
