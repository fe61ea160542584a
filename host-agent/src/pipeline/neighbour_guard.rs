//! Table `neighbour_guard`: does a port announce only itself as an IPv6 neighbour.
//!
//! Sources were checked before; here it is what neighbour discovery says *inside* (RFC 4861 §4).

use std::net::Ipv6Addr;

use openflow::protocol::{ND_ADVERT, ND_SOLICIT};
use openflow::{Field, Flow, Match};

use super::registers::NETWORK;
use super::{FIRST_FRAGMENT, LocalPort, Miss, NetworkView, Table, count_sent};

pub(super) const TABLE: Table = Table {
    id: 12,
    name: "neighbour_guard",
    miss: Miss::Goto(count_sent::TABLE.id),
    why: "does a port announce only itself as an IPv6 neighbour, and never as a router",
    infrastructure,
    network: flows,
};

const NEVER: u16 = 300;
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
        port_flows(network, port, flows);
    }
}

fn port_flows(network: &NetworkView, port: &LocalPort, flows: &mut Vec<Flow>) {
    let addresses: Vec<_> = port.ipv6().collect();
    if addresses.is_empty() {
        return;
    }
    let here = NETWORK.is(network.number.get(), Match::new());
    let here = here.in_port(port.port);
    let next = count_sent::TABLE.id;
    let mut allow = |matching| flows.push(TABLE.flow(OWN, matching).goto(next));
    for link_layer in [port.mac.octets(), NO_OPTION] {
        allow(neighbour(&here, ND_SOLICIT).exact(Field::NdSll, link_layer));
        for address in &addresses {
            let advert = neighbour(&here, ND_ADVERT).exact(Field::NdTarget, *address);
            allow(advert.exact(Field::NdTll, link_layer));
        }
    }
}

fn neighbour(here: &Match, kind: u8) -> Match {
    let matching = here.clone().icmpv6();
    matching
        .exact(Field::Icmpv6Type, kind)
        .exact(Field::Icmpv6Code, 0u8)
}
