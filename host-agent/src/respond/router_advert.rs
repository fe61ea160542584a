//! Router advertisements (RFC 4861 §4.2, with RFC 8106): who the gateway is, what is on the link, and
//! that addresses come from DHCPv6.

use std::net::Ipv6Addr;

use ipnet::Ipv6Net;

use super::frame::{self, Ethernet, Icmpv6};
use super::{PortConfig, options};
use crate::pipeline::link_local;

const SOLICIT: u8 = 133;
const ADVERT: u8 = 134;
const HOP_LIMIT: u8 = 64;
/// Addresses (M) and everything else (O) come from DHCPv6.
const MANAGED: u8 = 0xc0;
/// The prefix is on the link (L), and nobody makes up an address in it (A is off).
const ON_LINK: u8 = 0x80;

/// How long the gateway and the resolvers hold, in seconds: the most that RFC 4861 §6.2.1 allows.
/// [`crate::responder`] advertises anew long before.
const ROUTER_SECONDS: u16 = 9000;
/// How long a prefix holds, in seconds, by the defaults of RFC 4861 §6.2.1.
const PREFIX_VALID_SECONDS: u32 = 2_592_000;
const PREFIX_PREFERRED_SECONDS: u32 = 604_800;

const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// Options (RFC 4861 §4.6, RFC 8106 §5).
mod option {
    pub(super) const SOURCE_LINK_LAYER: u8 = 1;
    pub(super) const PREFIX: u8 = 3;
    pub(super) const MTU: u8 = 5;
    pub(super) const RESOLVERS: u8 = 25;
    pub(super) const DOMAINS: u8 = 31;
}

pub(super) fn respond(request: &[u8], port: &PortConfig<'_>) -> Option<Vec<u8>> {
    let request = frame::neighbour_discovery(request, port.mac)?;
    let [SOLICIT, 0, ..] = request.message else {
        return None;
    };
    // All nodes or the one that asked (RFC 4861 §6.2.6); it is alone at its port.
    advertise(port)
}

/// The advertisement for whoever is plugged into this port; none if it has no IPv6 address.
#[must_use]
pub fn advertise(port: &PortConfig<'_>) -> Option<Vec<u8>> {
    let prefixes: Vec<Ipv6Net> = port.ipv6_prefixes().collect();
    if prefixes.is_empty() {
        return None;
    }
    let carried = Icmpv6 {
        source: link_local(port.gateway_mac),
        destination: ALL_NODES,
        message: write(&prefixes, port),
    };
    let ethernet = Ethernet {
        source: port.gateway_mac,
        destination: [0x33, 0x33, 0, 0, 0, 1],
    };
    frame::with_icmpv6(ethernet, carried)
}

fn write(prefixes: &[Ipv6Net], port: &PortConfig<'_>) -> Vec<u8> {
    let flags = match port.ipv6_leases().next() {
        Some(_) => MANAGED,
        None => 0,
    };
    let lifetime = ROUTER_SECONDS.to_be_bytes();
    let mut out = vec![ADVERT, 0, 0, 0, HOP_LIMIT, flags, lifetime[0], lifetime[1]];
    out.extend([0; 8]); // reachable time and retransmission timer: the client's own
    put(
        &mut out,
        option::SOURCE_LINK_LAYER,
        &port.gateway_mac.octets(),
    );
    let mtu = u32::from(port.mtu).to_be_bytes();
    put(&mut out, option::MTU, &[&[0, 0][..], &mtu].concat());
    for prefix in prefixes {
        put_prefix(&mut out, *prefix);
    }
    let seconds = u32::from(ROUTER_SECONDS).to_be_bytes();
    let resolvers = port.ipv6_resolvers();
    if !resolvers.is_empty() {
        let mut body = [&[0, 0][..], &seconds].concat();
        body.extend(resolvers.iter().flat_map(|it| it.octets()));
        put(&mut out, option::RESOLVERS, &body);
    }
    if let Some(domain) = port.domain() {
        let name = options::wire_name(domain);
        put(
            &mut out,
            option::DOMAINS,
            &[&[0, 0][..], &seconds, &name].concat(),
        );
    }
    out
}

fn put_prefix(out: &mut Vec<u8>, prefix: Ipv6Net) {
    let mut body = vec![prefix.prefix_len(), ON_LINK];
    body.extend(PREFIX_VALID_SECONDS.to_be_bytes());
    body.extend(PREFIX_PREFERRED_SECONDS.to_be_bytes());
    body.extend([0; 4]);
    body.extend(prefix.network().octets());
    put(out, option::PREFIX, &body);
}

/// Appends an option, filled up with zeros to whole groups of eight bytes.
fn put(out: &mut Vec<u8>, kind: u8, body: &[u8]) {
    let groups = (body.len() + 2).div_ceil(8);
    if let Ok(length) = u8::try_from(groups) {
        out.extend([kind, length]);
        out.extend(body);
        out.resize(out.len() + groups * 8 - body.len() - 2, 0);
    }
}
