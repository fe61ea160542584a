//! What drawn flows are about, and what they match on.

use openflow::field::{Format, Masking};
use openflow::{Field, Match};
use proptest::collection::vec;
use proptest::prelude::*;

/// What a flow is about; which fields and actions there are depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    eth_type: Option<u16>,
    proto: Option<u8>,
    /// The ICMPv6 type of neighbour discovery.
    nd: Option<u8>,
    /// Whether only packets of known connections match.
    pub(crate) tracked: bool,
}

const ANY: Kind = Kind {
    eth_type: None,
    proto: None,
    nd: None,
    tracked: false,
};

const fn eth(eth_type: u16) -> Kind {
    let eth_type = Some(eth_type);
    Kind { eth_type, ..ANY }
}

const fn ip(eth_type: u16, proto: u8) -> Kind {
    let proto = Some(proto);
    Kind {
        proto,
        ..eth(eth_type)
    }
}

const fn nd(kind: u8) -> Kind {
    let nd = Some(kind);
    Kind {
        nd,
        ..ip(0x86dd, 58)
    }
}

const fn tracked(kind: Kind) -> Kind {
    Kind {
        tracked: true,
        ..kind
    }
}

/// Everything, ARP, MPLS, LLDP, IPv4 and IPv6 with all the protocols we know, and one we
/// do not.
pub(crate) const KINDS: [Kind; 18] = [
    ANY,
    eth(0x0806),
    eth(0x8847),
    eth(0x88cc),
    eth(0x0800),
    eth(0x86dd),
    ip(0x0800, 47),
    ip(0x0800, 6),
    ip(0x0800, 17),
    ip(0x0800, 132),
    ip(0x0800, 1),
    ip(0x86dd, 6),
    ip(0x86dd, 17),
    ip(0x86dd, 58),
    nd(135),
    nd(136),
    tracked(ip(0x0800, 6)),
    tracked(ip(0x86dd, 17)),
];

impl Kind {
    pub(crate) fn is_ipv4(self) -> bool {
        self.eth_type == Some(0x0800)
    }

    pub(crate) fn is_ip(self) -> bool {
        self.is_ipv4() || self.eth_type == Some(0x86dd)
    }

    pub(crate) fn start(self) -> Match {
        let mut start = Match::new();
        let mut set = |field: Field, value: u128| start.insert(field, value, field.full_mask());
        self.eth_type
            .into_iter()
            .for_each(|eth_type| set(Field::EthType, eth_type.into()));
        self.proto
            .into_iter()
            .for_each(|proto| set(Field::IpProto, proto.into()));
        if self.tracked {
            set(Field::CtState, 0x22);
        }
        if let Some(nd) = self.nd {
            set(Field::Icmpv6Type, nd.into());
            set(Field::Icmpv6Code, 0);
        }
        start
    }
}

/// What is drawn for one field.
#[derive(Clone, Debug)]
pub(crate) struct Draw {
    pub(crate) wanted: bool,
    pub(crate) value: u128,
    pub(crate) mask: u128,
    pub(crate) style: u8,
}

fn draw() -> impl Strategy<Value = Draw> {
    (0u8..8, any::<u128>(), any::<u128>(), 0u8..3).prop_map(|(chance, value, mask, style)| Draw {
        wanted: chance == 0,
        value,
        mask,
        style,
    })
}

/// Matches for flows of this kind.
pub(crate) fn matches(kind: Kind) -> impl Strategy<Value = Match> {
    vec(draw(), Field::ALL.len()).prop_map(move |draws| {
        let drawn = Field::ALL.iter().zip(draws).filter(|(_, draw)| draw.wanted);
        drawn.fold(kind.start(), |matching, (field, draw)| {
            add(matching, *field, &draw)
        })
    })
}

/// Matches on a field too, if that makes sense.
fn add(matching: Match, field: Field, draw: &Draw) -> Match {
    let (value, mask) = value_and_mask(field, draw);
    let with = matching.clone().masked(field, value, mask);
    let settled = matching.get(field).is_some();
    let makes_sense = match field {
        // Views of other fields; what they are views of is drawn itself.
        Field::VlanTci | Field::InPort16 | Field::IpTos => false,
        _ if !field.reg_parts().is_empty() => false,
        // The kind says.
        Field::EthType | Field::IpProto => false,
        _ => !settled,
    };
    match makes_sense && with.missing_prerequisite().is_none() && !with.is_empty() {
        true => with,
        false => matching,
    }
}

/// A value and a mask that the field takes.
pub(crate) fn value_and_mask(field: Field, draw: &Draw) -> (u128, u128) {
    let full = field.full_mask();
    let bits = u128::from(field.info().bits);
    let prefix = full & !(full >> (draw.mask % bits));
    let masking = field.info().masking;
    let mask = match (masking, draw.style) {
        (Masking::Whole, _) | (_, 0) => full,
        // ovs-ofctl has no room for the longest masks of IPv6.
        (_, 1) if prefix != 0 => prefix,
        (_, _) if field.info().format == Format::Ipv6 => full,
        _ => Some(draw.mask & full)
            .filter(|mask| *mask != 0)
            .unwrap_or(full),
    };
    match (field, field.info().format) {
        (_, Format::Port) => (draw.value % 0xff00, full),
        (_, Format::Fragment) => [(0, 3), (1, 1), (1, 3), (0, 2)][(draw.value % 4) as usize],
        (Field::VlanVid, _) if draw.style == 0 => (0, full),
        (Field::VlanVid, _) => (draw.value | 0x1000, mask | 0x1000),
        // What is invalid cannot be committed.
        (Field::CtState, _) => (draw.value & !0x10, mask),
        // The lowest two bits are the ECN's.
        (Field::IpTos, _) => (draw.value & 0xfc, full),
        // Open vSwitch keeps eight bits of it.
        (Field::ArpOp, _) => (draw.value & 0xff, full),
        // It prints no masks of these.
        (Field::TunGbpFlags, _) => (draw.value, full),
        // Zero is "not there" to it.
        (Field::CtNwProto, _) => (draw.value & 0xf | 1, full),
        _ => (draw.value, mask),
    }
}
