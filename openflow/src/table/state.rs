//! A packet between two actions: its frame, and what the pipeline knows of it.

use std::collections::BTreeMap;

use super::frame::Frame;
use crate::action::Subfield;
use crate::field::{Field, Prerequisite};
use crate::protocol::{
    ETH_ARP, ETH_IPV4, ETH_IPV6, ETH_RARP, IP_ICMP, IP_ICMPV6, IP_SCTP, IP_TCP, IP_UDP, ND_ADVERT,
    ND_SOLICIT,
};

/// The fields that connection tracking sets, known only to the tables it leads to.
const CONNTRACK: [Field; 11] = [
    Field::CtState,
    Field::CtZone,
    Field::CtMark,
    Field::CtLabel,
    Field::CtNwSrc,
    Field::CtNwDst,
    Field::CtIpv6Src,
    Field::CtIpv6Dst,
    Field::CtNwProto,
    Field::CtTpSrc,
    Field::CtTpDst,
];

/// The fields of the tunnel that a packet came through or leaves by.
const TUNNEL: [Field; 5] = [
    Field::TunId,
    Field::TunSrc,
    Field::TunDst,
    Field::TunIpv6Src,
    Field::TunIpv6Dst,
];

/// A packet and its fields.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) frame: Frame,
    /// Registers, metadata, ports and the like; and what was written to fields that the frame
    /// lacks, which later tables see all the same.
    fields: BTreeMap<Field, u128>,
}

impl State {
    pub(super) fn new(frame: Vec<u8>) -> State {
        State {
            frame: Frame::parse(frame),
            fields: BTreeMap::new(),
        }
    }

    /// As it is when a switch looks at it anew: headers found again.
    pub(super) fn reparsed(&self) -> State {
        let mut fields = self.fields.clone();
        fields.retain(|field, _| field.info().prerequisite == Prerequisite::Nothing);
        State {
            frame: self.frame.clone().reparse(),
            fields,
        }
    }

    /// A field's value; zero when there is none.
    pub(super) fn get(&self, field: Field) -> u128 {
        let parts = field.reg_parts();
        if !parts.is_empty() {
            let registers = parts.filter_map(Field::reg);
            return registers.fold(0, |wide, reg| wide << 32 | self.get(reg));
        }
        match field {
            Field::InPort16 => self.get(Field::InPort) & 0xffff,
            _ => {
                let known = self.fields.get(&field).copied();
                known.or_else(|| self.frame.get(field)).unwrap_or_default()
            }
        }
    }

    /// Writes those bits of a field that the mask has, unless the packet is not of the kind
    /// that has the field.
    pub(super) fn set(&mut self, field: Field, value: u128, mask: u128) {
        let parts = field.reg_parts();
        if !parts.is_empty() {
            for (n, reg) in parts.rev().filter_map(Field::reg).enumerate() {
                self.set(reg, value >> (32 * n), mask >> (32 * n));
            }
            return;
        }
        if field == Field::InPort16 {
            let port = crate::PortNo::from_u16((value & 0xffff) as u16);
            return self.set(Field::InPort, port.0.into(), Field::InPort.full_mask());
        }
        if self.has(field.info().prerequisite) && !self.frame.set(field, value, mask) {
            let mask = mask & field.full_mask();
            let merged = self.get(field) & !mask | value & mask;
            self.fields.insert(field, merged);
        }
    }

    /// What is known besides what the frame says.
    pub(super) fn fields(&self) -> &BTreeMap<Field, u128> {
        &self.fields
    }

    /// The fields of its tunnel that are known.
    pub(super) fn tunnel(&self) -> BTreeMap<Field, u128> {
        let known = TUNNEL.iter().filter_map(|it| self.fields.get_key_value(it));
        known.map(|(field, value)| (*field, *value)).collect()
    }

    pub(super) fn get_part(&self, part: Subfield) -> u128 {
        (self.get(part.field) & part.mask()) >> part.offset
    }

    pub(super) fn set_part(&mut self, part: Subfield, value: u128) {
        self.set(part.field, value << part.offset, part.mask());
    }

    /// Connection tracking is forgotten.
    pub(super) fn clear_conntrack(&mut self) {
        self.fields.retain(|field, _| !CONNTRACK.contains(field));
    }

    /// Notes a field's value, whatever kind of packet this is.
    pub(super) fn put(&mut self, field: Field, value: u128) {
        self.fields.insert(field, value);
    }

    pub(super) fn is_ip(&self) -> bool {
        self.has(Prerequisite::Ip)
    }

    fn has(&self, prerequisite: Prerequisite) -> bool {
        let eth_type = self.frame.eth_type();
        let is_ip = matches!(eth_type, ETH_IPV4 | ETH_IPV6);
        let transports = |protocol| {
            is_ip && self.frame.protocol() == protocol && !self.frame.is_later_fragment()
        };
        let icmpv6 = eth_type == ETH_IPV6 && self.frame.protocol() == IP_ICMPV6;
        let nd = |kinds: &[u8]| {
            let kind = self.get(Field::Icmpv6Type);
            icmpv6
                && kinds.iter().any(|known| u128::from(*known) == kind)
                && self.get(Field::Icmpv6Code) == 0
        };
        match prerequisite {
            Prerequisite::Nothing => true,
            Prerequisite::Vlan => self.frame.has_tag(),
            Prerequisite::Mpls => false,
            Prerequisite::Ipv4 => eth_type == ETH_IPV4,
            Prerequisite::Ipv6 => eth_type == ETH_IPV6,
            Prerequisite::Ip => is_ip,
            Prerequisite::Arp => matches!(eth_type, ETH_ARP | ETH_RARP),
            Prerequisite::Tcp => transports(IP_TCP),
            Prerequisite::Udp => transports(IP_UDP),
            Prerequisite::Sctp => transports(IP_SCTP),
            Prerequisite::Icmpv4 => eth_type == ETH_IPV4 && self.frame.protocol() == IP_ICMP,
            Prerequisite::Icmpv6 => icmpv6,
            Prerequisite::Nd => nd(&[ND_SOLICIT, ND_ADVERT]),
            Prerequisite::NdSolicit => nd(&[ND_SOLICIT]),
            Prerequisite::NdAdvert => nd(&[ND_ADVERT]),
            Prerequisite::Ct
            | Prerequisite::CtIpv4
            | Prerequisite::CtIpv6
            | Prerequisite::CtProtocol => self.get(Field::CtState) != 0,
        }
    }
}
