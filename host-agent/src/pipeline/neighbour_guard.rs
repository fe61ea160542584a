//! Table `neighbour_guard`: does a port announce only itself as an IPv6 neighbour.
//!
//! Sources were checked before; here it is what neighbour discovery says *inside* (RFC 4861 §4).

use openflow::protocol::{ND_ADVERT, ND_SOLICIT};
use openflow::{Field, Flow, Match};

use super::{LocalPort, Miss, NetworkView, Table, count_sent};

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

/// The protocol numbers of IPv6 extension headers that a receiver looks behind: hop-by-hop,
/// routing, fragment, authentication, destination options.
const EXTENSION_HEADERS: [u8; 5] = [0, 43, 44, 51, 60];

/// No absent link-layer address option reads as anything but this.
const NO_OPTION: [u8; 6] = [0; 6];

fn infrastructure() -> Vec<Flow> {
    let icmpv6 = |kind: u8| Match::new().icmpv6().exact(Field::Icmpv6Type, kind);
    let routers = [ROUTER_ADVERT, REDIRECT].map(|kind| TABLE.flow(NEVER, icmpv6(kind)));
    let others = [ND_SOLICIT, ND_ADVERT].map(|kind| TABLE.flow(FOREIGN, icmpv6(kind)));
    routers
        .into_iter()
        .chain(others)
        .chain(hidden_by_fragments())
        .collect()
}

/// A fragment that begins with yet another extension header can carry its ICMPv6 header out of our
/// sight, into the second fragment (RFC 7113 §2). Nothing honest looks like that.
fn hidden_by_fragments() -> impl Iterator<Item = Flow> {
    EXTENSION_HEADERS.into_iter().map(|header| {
        let fragment = Match::new().ipv6().masked(Field::IpFrag, 1u8, 1u8);
        TABLE.flow(NEVER, fragment.ip_proto(header))
    })
}

fn flows(network: &NetworkView, flows: &mut Vec<Flow>) {
    for port in &network.locals {
        port_flows(port, flows);
    }
}

fn port_flows(port: &LocalPort, flows: &mut Vec<Flow>) {
    let addresses: Vec<_> = port.ipv6().collect();
    if addresses.is_empty() {
        return;
    }
    let next = count_sent::TABLE.id;
    let mut allow = |matching| flows.push(TABLE.flow(OWN, matching).goto(next));
    for link_layer in [port.mac.octets(), NO_OPTION] {
        allow(neighbour(port, ND_SOLICIT).exact(Field::NdSll, link_layer));
        for address in &addresses {
            let advert = neighbour(port, ND_ADVERT).exact(Field::NdTarget, *address);
            allow(advert.exact(Field::NdTll, link_layer));
        }
    }
}

fn neighbour(port: &LocalPort, kind: u8) -> Match {
    let matching = Match::new().in_port(port.port).icmpv6();
    matching
        .exact(Field::Icmpv6Type, kind)
        .exact(Field::Icmpv6Code, 0u8)
}
