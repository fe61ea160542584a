//! What a rule says of protocols, as matches.

use model::{Allowance, Family, PortRange, Protocol, Remote, Tracking};
use openflow::matching::CtState;
use openflow::protocol::{IP_ICMP, IP_ICMPV6, IP_TCP, IP_UDP};
use openflow::{Field, Match};

use crate::pipeline::policy::{LATER_FRAGMENT, is_tracked_icmp, is_tracked_icmpv6};

/// What is known of a packet when rules are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Known {
    /// Its connection, and so the first packet of that.
    Connection,
    /// Itself.
    Packet,
    /// It does not matter.
    Either,
}

impl Known {
    /// `base`, and this much is known.
    pub(super) fn of(self, base: Match) -> Match {
        match self {
            Self::Connection => base.ct_state(CtState::TRK, CtState::INV),
            Self::Packet => base.ct_state(CtState(0), CtState::TRK),
            Self::Either => base,
        }
    }
}

/// The ways in which packets that a rule is about are known.
pub(super) fn ways(tracking: Tracking, allows: &Allowance) -> &'static [Known] {
    let everything = allows.protocol == Protocol::Any && allows.remote == Remote::Any;
    match tracking {
        Tracking::Stateful if everything => &[Known::Either],
        Tracking::Stateful => &[Known::Connection, Known::Packet],
        Tracking::Stateless => &[Known::Packet],
    }
}

/// What a rule says of protocols, besides `base`: any of these. Nothing where packets of that
/// protocol are never known in this way.
pub(super) fn matches(
    base: &Match,
    tracking: Tracking,
    (protocol, family): (Protocol, Family),
    known: Known,
) -> Vec<Match> {
    let is_v4 = family == Family::Ipv4;
    match (protocol, known) {
        (Protocol::Any, _) => vec![base.clone()],
        (Protocol::Icmp(_), _) if !is_v4 => Vec::new(),
        (Protocol::Icmpv6(_), _) if is_v4 => Vec::new(),
        (_, Known::Packet) => packets(base, tracking, protocol),
        (_, Known::Connection | Known::Either) => connections(base, protocol),
    }
}

/// Connections of a protocol, known by their first packet.
fn connections(base: &Match, protocol: Protocol) -> Vec<Match> {
    let of = |number: u8| base.clone().exact(Field::CtNwProto, number);
    let (number, said) = match protocol {
        Protocol::Tcp(Some(ports)) => (IP_TCP, to_ports(&of(IP_TCP), Field::CtTpDst, ports)),
        Protocol::Udp(Some(ports)) => (IP_UDP, to_ports(&of(IP_UDP), Field::CtTpDst, ports)),
        Protocol::Icmp(Some(kind)) => (IP_ICMP, vec![of_kind(of(IP_ICMP), kind)]),
        Protocol::Icmpv6(Some(kind)) => (IP_ICMPV6, vec![of_kind(of(IP_ICMPV6), kind)]),
        Protocol::Tcp(None) => return vec![of(IP_TCP)],
        Protocol::Udp(None) => return vec![of(IP_UDP)],
        Protocol::Icmp(None) => return vec![of(IP_ICMP)],
        Protocol::Icmpv6(None) => return vec![of(IP_ICMPV6)],
        Protocol::Any | Protocol::Other(_) => return Vec::new(),
    };
    // Fragments but the first do not show what they are part of. Without a first one that passes
    // they come to nothing; with one, they are as it is.
    let later = of(number).exact(Field::IpFrag, LATER_FRAGMENT);
    said.into_iter().chain([later]).collect()
}

/// A type, and perhaps a code, of ICMP or ICMPv6, as connection tracking keeps them.
fn of_kind(matching: Match, (kind, code): (u8, Option<u8>)) -> Match {
    let matching = matching.exact(Field::CtTpSrc, u16::from(kind));
    match code {
        Some(code) => matching.exact(Field::CtTpDst, u16::from(code)),
        None => matching,
    }
}

fn to_ports(matching: &Match, field: Field, ports: PortRange) -> Vec<Match> {
    let masks = ports.masks().into_iter();
    let part = |(value, mask)| matching.clone().masked(field, value, mask);
    masks.map(part).collect()
}

/// Packets of a protocol that stand for themselves. In a stateful group those are the ones that
/// connection tracking does not know.
fn packets(base: &Match, tracking: Tracking, protocol: Protocol) -> Vec<Match> {
    let of = |number| base.clone().ip_proto(number);
    let stateless = tracking == Tracking::Stateless;
    match protocol {
        Protocol::Any => vec![base.clone()],
        Protocol::Other(number) => vec![of(number)],
        Protocol::Tcp(ports) if stateless => ports_of(of(IP_TCP), Field::TcpDst, ports),
        Protocol::Udp(ports) if stateless => ports_of(of(IP_UDP), Field::UdpDst, ports),
        Protocol::Tcp(_) | Protocol::Udp(_) => Vec::new(),
        Protocol::Icmp(Some((kind, _))) if !stateless && is_tracked_icmp(kind) => Vec::new(),
        Protocol::Icmpv6(Some((kind, _))) if !stateless && is_tracked_icmpv6(kind) => Vec::new(),
        Protocol::Icmp(kind) => {
            let fields = (Field::Icmpv4Type, Field::Icmpv4Code);
            vec![packet_of_kind(of(IP_ICMP), fields, kind)]
        }
        Protocol::Icmpv6(kind) => {
            let fields = (Field::Icmpv6Type, Field::Icmpv6Code);
            vec![packet_of_kind(of(IP_ICMPV6), fields, kind)]
        }
    }
}

fn ports_of(matching: Match, field: Field, ports: Option<PortRange>) -> Vec<Match> {
    match ports {
        Some(ports) => to_ports(&matching, field, ports),
        None => vec![matching],
    }
}

fn packet_of_kind(
    matching: Match,
    (types, codes): (Field, Field),
    kind: Option<(u8, Option<u8>)>,
) -> Match {
    match kind {
        None => matching,
        Some((kind, None)) => matching.exact(types, kind),
        Some((kind, Some(code))) => matching.exact(types, kind).exact(codes, code),
    }
}
