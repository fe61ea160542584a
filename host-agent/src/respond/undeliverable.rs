//! What is said of a packet that a router cannot pass on: ICMP errors (RFC 792, RFC 4443), from the
//! gateway of the sender's own network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use openflow::protocol::{IP_ICMP, IP_ICMPV6};

use super::PortConfig;
use super::frame::{self, Ethernet, Icmp, Icmpv6};

/// The time to live that no router passes on.
const LAST: u8 = 1;

/// Time exceeded, no way to the network, and too big for the network: type and code.
const EXPIRED_V4: [u8; 2] = [11, 0];
const NOWHERE_V4: [u8; 2] = [3, 0];
const TOO_BIG_V4: [u8; 2] = [3, 4];
const EXPIRED_V6: [u8; 2] = [3, 0];
const NOWHERE_V6: [u8; 2] = [1, 0];
const TOO_BIG_V6: [u8; 2] = [2, 0];

/// ICMP messages that are errors themselves: they are never answered by one (RFC 1122 §3.2.2).
const ERRORS_V4: [u8; 5] = [3, 4, 5, 11, 12];
/// The same for ICMPv6: all types below, and the redirect (RFC 4443 §2.4).
const FIRST_OF_NO_ERROR_V6: u8 = 128;
const REDIRECT_V6: u8 = 137;

/// How much of a packet an error repeats: 576 and 1280 bytes, less its own headers (RFC 1812 §4.3.2.3,
/// RFC 4443 §2.4).
const QUOTE_V4: usize = 576 - 20 - 8;
const QUOTE_V6: usize = 1280 - 40 - 8;

pub(super) fn respond(request: &[u8], port: &PortConfig<'_>) -> Option<Vec<u8>> {
    v4(request, port).or_else(|| v6(request, port))
}

fn v4(request: &[u8], port: &PortConfig<'_>) -> Option<Vec<u8>> {
    let packet = frame::ipv4_packet(request, port.mac)?;
    let deserves = packet.is_first && !packet.destination.is_multicast();
    let is_error = packet.protocol == IP_ICMP
        && packet
            .payload
            .first()
            .is_none_or(|kind| ERRORS_V4.contains(kind));
    if !deserves || packet.destination.is_broadcast() || is_error {
        return None;
    }
    let gateway: Ipv4Addr = match gateway(port, packet.source.into())? {
        IpAddr::V4(gateway) => gateway,
        IpAddr::V6(_) => return None,
    };
    let destination = packet.destination.into();
    let (kind, size) = match Reason::of(port, destination, (packet.ttl, packet.whole)) {
        Reason::Expired => (EXPIRED_V4, 0),
        Reason::Nowhere => (NOWHERE_V4, 0),
        Reason::TooBig(size) => (TOO_BIG_V4, size),
    };
    let carried = Icmp {
        source: gateway,
        destination: packet.source,
        message: message((kind, size), packet.whole, QUOTE_V4),
    };
    frame::with_icmp(ethernet(port), &carried)
}

fn v6(request: &[u8], port: &PortConfig<'_>) -> Option<Vec<u8>> {
    let packet = frame::ipv6_packet(request, port.mac)?;
    let is_error = packet.protocol == IP_ICMPV6
        && packet
            .payload
            .first()
            .is_none_or(|kind| *kind < FIRST_OF_NO_ERROR_V6 || *kind == REDIRECT_V6);
    if packet.destination.is_multicast() || is_error {
        return None;
    }
    let gateway: Ipv6Addr = match gateway(port, packet.source.into())? {
        IpAddr::V6(gateway) => gateway,
        IpAddr::V4(_) => return None,
    };
    let destination = packet.destination.into();
    let (kind, size) = match Reason::of(port, destination, (packet.ttl, packet.whole)) {
        Reason::Expired => (EXPIRED_V6, 0),
        Reason::Nowhere => (NOWHERE_V6, 0),
        Reason::TooBig(size) => (TOO_BIG_V6, size),
    };
    let carried = Icmpv6 {
        source: gateway,
        destination: packet.source,
        message: message((kind, size), packet.whole, QUOTE_V6),
    };
    frame::with_icmpv6(ethernet(port), carried)
}

/// Only one of the port's own addresses is told, by the gateway of its subnet.
fn gateway(port: &PortConfig<'_>, source: IpAddr) -> Option<IpAddr> {
    let own = port.addresses.contains(&source);
    let subnet = port.subnet_of(source).filter(|_| own)?;
    Some(subnet.gateway)
}

fn ethernet(port: &PortConfig<'_>) -> Ethernet {
    Ethernet {
        source: port.gateway_mac,
        destination: port.mac.octets(),
    }
}

/// Why a packet goes no further.
enum Reason {
    Expired,
    Nowhere,
    /// It is for a network that carries only so many bytes.
    TooBig(u16),
}

impl Reason {
    /// As the tables decided it, in their order.
    fn of(port: &PortConfig<'_>, destination: IpAddr, (ttl, whole): (u8, &[u8])) -> Self {
        let routing = port.routing;
        let size = routing.and_then(|(from, routing)| routing.limit_towards(from, destination));
        match size {
            _ if ttl <= LAST => Self::Expired,
            Some(size) if whole.len() > usize::from(size) => Self::TooBig(size),
            _ => Self::Nowhere,
        }
    }
}

/// Type, code, room for the checksum, two bytes unused, the size that would do (RFC 1191 §4; in ICMPv6
/// it has all four bytes, RFC 4443 §3.2), and the start of the packet.
fn message(([kind, code], size): ([u8; 2], u16), packet: &[u8], most: usize) -> Vec<u8> {
    let quote = packet.get(..most).unwrap_or(packet);
    let size = size.to_be_bytes();
    [&[kind, code, 0, 0, 0, 0], &size[..], quote].concat()
}
