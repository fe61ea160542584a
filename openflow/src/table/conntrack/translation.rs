//! What a new connection may be translated to, in the order in which Open vSwitch's own datapath tries
//! it. Where it begins in a range of several addresses or ports it decides by a secret hash: here it is
//! the first.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Connection, Endpoint};
use crate::action::{Nat, NatTarget};
use crate::protocol::{IP_TCP, IP_UDP};

/// The ports among which a source gets another one when its own is taken: those of its own class.
const CLASSES: [(u16, u16); 3] = [(1, 511), (600, 1023), (1024, u16::MAX)];

/// Every way in which `nat` lets the first packet of a connection leave.
pub(super) fn candidates(packet: Connection, nat: &Nat) -> impl Iterator<Item = Connection> {
    let end = match nat.target {
        NatTarget::Destination => packet.destination,
        NatTarget::Source | NatTarget::Known => packet.source,
    };
    let pairs: Vec<Ports> = ports(packet, nat).collect();
    let target = nat.target;
    addresses(end.address, nat).flat_map(move |address| {
        let pairs = pairs.clone().into_iter();
        pairs.map(move |ports| moved(packet, (target, address), ports))
    })
}

/// The ports of source and destination.
type Ports = (u16, u16);

fn moved(
    packet: Connection,
    (target, address): (NatTarget, IpAddr),
    (source, destination): Ports,
) -> Connection {
    let end = |is_target: bool, end: Endpoint, port| Endpoint {
        address: if is_target { address } else { end.address },
        port,
    };
    match target {
        NatTarget::Known => packet,
        NatTarget::Source | NatTarget::Destination => Connection {
            source: end(target == NatTarget::Source, packet.source, source),
            destination: end(
                target == NatTarget::Destination,
                packet.destination,
                destination,
            ),
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

/// The own ports first, unless others are asked for. Where a connection would meet another one its
/// source gets another port, also where it is the destination that is translated. An echo's identifier
/// stays what it is.
fn ports(packet: Connection, nat: &Nat) -> Box<dyn Iterator<Item = Ports>> {
    let (source, destination) = (packet.source.port, packet.destination.port);
    let asked = nat.ports.map(|(first, last)| first..=last.unwrap_or(first));
    match (nat.target, asked) {
        _ if packet.protocol != IP_TCP && packet.protocol != IP_UDP => {
            Box::new(std::iter::once((source, destination)))
        }
        (NatTarget::Known, _) => Box::new(std::iter::once((source, destination))),
        (NatTarget::Source, Some(asked)) => Box::new(asked.map(move |it| (it, destination))),
        (NatTarget::Source, None) => Box::new(sources(source).map(move |it| (it, destination))),
        (NatTarget::Destination, None) => {
            Box::new(sources(source).map(move |it| (it, destination)))
        }
        (NatTarget::Destination, Some(asked)) => {
            let first = *asked.start();
            let others = sources(source).skip(1).map(move |it| (it, first));
            Box::new(asked.map(move |it| (source, it)).chain(others))
        }
    }
}

/// A source's own port, and after it all others of its class.
fn sources(own: u16) -> impl Iterator<Item = u16> {
    let class = match own {
        0..=511 => CLASSES[0],
        512..=1023 => CLASSES[1],
        1024.. => CLASSES[2],
    };
    let (first, last) = class;
    let after = own.saturating_add(1).max(first)..=last;
    let before = first..own.min(last);
    std::iter::once(own)
        .chain(after.filter(move |it| *it != own))
        .chain(before)
}
