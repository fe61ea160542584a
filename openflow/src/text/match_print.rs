//! Matches into text, in the order of `ovs-ofctl`, which is not that of the wire.

use std::fmt::{self, Formatter};

use super::value::{Hex, write_value};
use crate::field::Field;
use crate::matching::{FieldMatch, Match, VLAN_PRESENT};
use crate::protocol;

/// What comes before the word for the protocol.
const FIRST: &[Field] = &[
    Field::PktMark,
    Field::ConjId,
    Field::ActsetOutput,
    Field::CtState,
    Field::CtZone,
    Field::CtMark,
    Field::CtLabel,
    Field::CtNwSrc,
    Field::CtIpv6Src,
    Field::CtNwDst,
    Field::CtIpv6Dst,
    Field::CtNwProto,
    Field::CtTpSrc,
    Field::CtTpDst,
];

/// What comes between the registers and the VLAN tag.
const MIDDLE: &[Field] = &[
    Field::TunId,
    Field::TunSrc,
    Field::TunDst,
    Field::TunIpv6Src,
    Field::TunIpv6Dst,
    Field::TunGbpId,
    Field::TunGbpFlags,
    Field::TunFlags,
    Field::Metadata,
    Field::InPort,
];

/// What comes after the VLAN tag.
const LAST: &[Field] = &[
    Field::EthSrc,
    Field::EthDst,
    Field::EthType,
    Field::Ipv6Src,
    Field::Ipv6Dst,
    Field::Ipv6Label,
    Field::ArpSpa,
    Field::ArpTpa,
    Field::Ipv4Src,
    Field::Ipv4Dst,
    Field::IpProto,
    Field::ArpOp,
    Field::ArpSha,
    Field::ArpTha,
    Field::IpDscp,
    Field::IpEcn,
    Field::IpTtl,
    Field::MplsLabel,
    Field::MplsTc,
    Field::MplsTtl,
    Field::MplsBos,
    Field::IpFrag,
    Field::Icmpv4Type,
    Field::Icmpv4Code,
    Field::Icmpv6Type,
    Field::Icmpv6Code,
    Field::NdTarget,
    Field::NdSll,
    Field::NdTll,
    Field::NdReserved,
    Field::NdOptionsType,
    Field::TcpSrc,
    Field::TcpDst,
    Field::UdpSrc,
    Field::UdpDst,
    Field::SctpSrc,
    Field::SctpDst,
    Field::TcpFlags,
];

/// Words for Ethernet types and IP protocols. Parsing takes them all; printing takes the
/// first that says the most.
pub(super) const WORDS: [(&str, u16, Option<u8>); 15] = [
    ("icmp", protocol::ETH_IPV4, Some(protocol::IP_ICMP)),
    ("tcp", protocol::ETH_IPV4, Some(protocol::IP_TCP)),
    ("udp", protocol::ETH_IPV4, Some(protocol::IP_UDP)),
    ("sctp", protocol::ETH_IPV4, Some(protocol::IP_SCTP)),
    ("icmp6", protocol::ETH_IPV6, Some(protocol::IP_ICMPV6)),
    ("tcp6", protocol::ETH_IPV6, Some(protocol::IP_TCP)),
    ("udp6", protocol::ETH_IPV6, Some(protocol::IP_UDP)),
    ("sctp6", protocol::ETH_IPV6, Some(protocol::IP_SCTP)),
    ("ip", protocol::ETH_IPV4, None),
    ("ipv4", protocol::ETH_IPV4, None),
    ("ipv6", protocol::ETH_IPV6, None),
    ("arp", protocol::ETH_ARP, None),
    ("rarp", protocol::ETH_RARP, None),
    ("mpls", protocol::ETH_MPLS, None),
    ("mplsm", protocol::ETH_MPLS_MULTICAST, None),
];

/// Prints a match, after the priority if there is one. `false`: there was nothing to print.
pub(super) fn write_match(
    f: &mut Formatter<'_>,
    priority: Option<u16>,
    matching: &Match,
) -> Result<bool, fmt::Error> {
    let mut line = Line { f, any: false };
    if let Some(priority) = priority {
        line.item(format_args!("priority={priority}"))?;
    }
    line.fields(matching, FIRST)?;
    let word = word_of(matching);
    if let Some((word, ..)) = word {
        line.item(format_args!("{word}"))?;
    }
    let registers = matching.fields().iter();
    for register in registers.filter(|m| m.field.reg_number().is_some()) {
        line.field(register)?;
    }
    line.fields(matching, MIDDLE)?;
    line.vlan(matching)?;
    for field in LAST.iter().filter_map(|field| matching.get(*field)) {
        let said = match (field.field, word) {
            (Field::EthType, Some(_)) => true,
            (Field::IpProto, Some((.., proto))) => proto.is_some(),
            _ => false,
        };
        if !said {
            line.field(field)?;
        }
    }
    for unknown in matching.unknown() {
        line.item(format_args!("unknown={}", Bytes(unknown.as_bytes())))?;
    }
    Ok(line.any)
}

/// Bytes in hexadecimal.
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl fmt::Display for Bytes<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

fn word_of(matching: &Match) -> Option<(&'static str, u16, Option<u8>)> {
    let eth_type = matching.exact_value(Field::EthType)?;
    let proto = matching.exact_value(Field::IpProto);
    let says = |(_, eth, ip): &&(&str, u16, Option<u8>)| {
        u128::from(*eth) == eth_type && ip.is_none_or(|ip| proto == Some(ip.into()))
    };
    WORDS.iter().find(says).copied()
}

/// Items with commas between them.
struct Line<'a, 'b> {
    f: &'a mut Formatter<'b>,
    any: bool,
}

impl Line<'_, '_> {
    fn item(&mut self, item: fmt::Arguments<'_>) -> fmt::Result {
        let comma = if self.any { "," } else { "" };
        self.any = true;
        write!(self.f, "{comma}{item}")
    }

    fn fields(&mut self, matching: &Match, fields: &[Field]) -> fmt::Result {
        let mut found = fields.iter().filter_map(|field| matching.get(*field));
        found.try_for_each(|field| self.field(field))
    }

    fn field(&mut self, m: &FieldMatch) -> fmt::Result {
        match m.field {
            Field::IpDscp => self.item(format_args!("nw_tos={}", m.value << 2)),
            _ => self.item(format_args!("{}={}", m.field.name(), InMatch(m))),
        }
    }

    fn vlan(&mut self, matching: &Match) -> fmt::Result {
        if let Some(tci) = matching.get(Field::VlanTci) {
            return self.field(tci);
        }
        let of = |field| matching.get(field).map_or((0, 0), |m| (m.value, m.mask));
        let ((vid, vid_mask), (pcp, pcp_mask)) = (of(Field::VlanVid), of(Field::VlanPcp));
        let present = u128::from(VLAN_PRESENT);
        let named = vid & present != 0 && matches!(vid_mask & 0xfff, 0 | 0xfff);
        let says_more = vid_mask & 0xfff != 0 || pcp_mask != 0;
        let (tci, mask) = (vid | pcp << 13, vid_mask | pcp_mask << 13);
        match (mask, named && says_more) {
            (0, _) => Ok(()),
            (_, true) => {
                if vid_mask & 0xfff != 0 {
                    self.item(format_args!("dl_vlan={}", vid & 0xfff))?;
                }
                if pcp_mask != 0 {
                    self.item(format_args!("dl_vlan_pcp={pcp}"))?;
                }
                Ok(())
            }
            (0xffff, false) => self.item(format_args!("vlan_tci=0x{tci:04x}")),
            (_, false) => self.item(format_args!("vlan_tci=0x{tci:04x}/0x{mask:04x}")),
        }
    }
}

/// A value as matches show it, which for some fields is not how `set_field` does.
struct InMatch<'a>(&'a FieldMatch);

impl fmt::Display for InMatch<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let FieldMatch { field, value, mask } = *self.0;
        let exact = self.0.is_exact();
        match field {
            Field::EthType => write!(f, "0x{value:04x}"),
            Field::VlanTci => write!(f, "0x{value:04x}/0x{mask:04x}"),
            Field::CtZone => write!(f, "{value}"),
            Field::Ipv6Label if exact => write!(f, "0x{value:05x}"),
            Field::Ipv6Label => write!(f, "0x{value:05x}/0x{mask:05x}"),
            _ if !exact && field.info().bytes == 2 && field != Field::TcpFlags => {
                write!(f, "{value:#x}/{}", Hex(mask))
            }
            _ => write_value(f, field, value, mask),
        }
    }
}
