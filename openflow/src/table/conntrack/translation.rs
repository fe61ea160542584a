//! What a new connection may be translated to, in the order in which Open vSwitch tries it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use super::{Connection, Endpoint};
use crate::action::{Nat, NatTarget};
use crate::protocol::{IP_TCP, IP_UDP};

/// The ports that a source may get when its own is taken.
const EPHEMERAL: RangeInclusive<u16> = 1024..=65535;

/// Every way in which `nat` lets the first packet of a connection leave.
pub(super) fn candidates(packet: Connection, nat: &Nat) -> impl Iterator<Item = Connection> {
    let end = match nat.target {
        NatTarget::Destination => packet.destination,
        NatTarget::Source | NatTarget::Known => packet.source,
    };
    let ports: Vec<u16> = ports(packet.protocol, end, nat).collect();
    let target = nat.target;
    addresses(end.address, nat).flat_map(move |address| {
        let ends = ports.clone().into_iter();
        ends.map(move |port| moved(packet, target, Endpoint { address, port }))
    })
}

fn moved(packet: Connection, target: NatTarget, end: Endpoint) -> Connection {
    match target {
        NatTarget::Known => packet,
        NatTarget::Source => Connection {
            source: end,
            ..packet
        },
        NatTarget::Destination => Connection {
            destination: end,
            ..packet
        },
    }
}

fn addresses(own: IpAddr, nat: &Nat) -> Box<dyn Iterator<Item = IpAddr>> {
    let (first, last) = nat.addresses.unwrap_or((own, None));
    match (first, last.unwrap_or(first)) {
        (IpAddr::V4(first), IpAddr::V4(last)) => {
            let bits = first.to_bits()..=last.to_bits();
            Box::new(bits.map(|it| Ipv4Addr::from(it).into()))
        }
        (IpAddr::V6(first), IpAddr::V6(last)) => {
            let bits = first.to_bits()..=last.to_bits();
            Box::new(bits.map(|it| Ipv6Addr::from(it).into()))
        }
        _ => Box::new(std::iter::empty()),
    }
}

/// Its own port first, unless another is asked for. An echo's identifier stays what it is, and a
/// destination gets no other port than those that were asked for.
fn ports(protocol: u8, end: Endpoint, nat: &Nat) -> Box<dyn Iterator<Item = u16>> {
    let own = std::iter::once(end.port);
    match nat.ports {
        _ if protocol != IP_TCP && protocol != IP_UDP => Box::new(own),
        Some((first, last)) => Box::new(first..=last.unwrap_or(first)),
        None if nat.target == NatTarget::Source => Box::new(own.chain(EPHEMERAL)),
        None => Box::new(own),
    }
}
