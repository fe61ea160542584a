//! An Ethernet frame with its headers found, so that fields can be read and written in place.
//!
//! Headers are found the way Open vSwitch finds them, once: one VLAN tag (`vlan-limit` is 1
//! unless configured), and what is cut short or contradicts itself counts as not there. Pushing
//! and popping tags does not look for headers anew, exactly as in Open vSwitch, where only a
//! packet that is looked up again after `ct` is seen with fresh eyes.

mod checksum;
mod parse;
mod vlan;

use crate::field::Field;
use crate::protocol::{IP_ICMP, IP_ICMPV6, IP_SCTP, IP_TCP, IP_UDP};
use crate::wire::put_number;

/// The two addresses.
const ADDRESSES: usize = 12;
/// Bits of [`Field::IpFrag`]: a fragment, and not the first one.
const FRAGMENT: u8 = 1;
const LATER: u8 = 2;

/// A frame and where its headers are.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    bytes: Vec<u8>,
    /// How many VLAN tags are known of; a frame may have more.
    tags: usize,
    eth_type: u16,
    /// Where the network header begins.
    network: usize,
    ip: Option<Ip>,
    has_arp: bool,
    /// Where the transport header begins, if it is there and whole.
    transport: Option<usize>,
    nd: Option<Nd>,
}

/// What is known of an IP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ip {
    version: IpVersion,
    protocol: u8,
    fragment: u8,
    /// All headers before the transport header make sense.
    is_whole: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum IpVersion {
    V4,
    V6,
}

/// Where neighbour discovery keeps things.
#[derive(Debug, Clone, Copy, Default)]
struct Nd {
    target: Option<usize>,
    source_address: Option<usize>,
    target_address: Option<usize>,
    first_option: u8,
}

impl Nd {
    /// The addresses by the kind of option that holds them.
    fn address(&mut self, kind: u8) -> Option<&mut Option<usize>> {
        match kind {
            1 => Some(&mut self.source_address),
            2 => Some(&mut self.target_address),
            _ => None,
        }
    }
}

impl Frame {
    /// The frame as it would go out.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The frame's headers found anew.
    pub(super) fn reparse(self) -> Frame {
        Frame::parse(self.bytes)
    }

    pub(super) fn eth_type(&self) -> u16 {
        self.eth_type
    }

    pub(super) fn has_tag(&self) -> bool {
        self.tags > 0
    }

    /// The IP protocol; 0 when it is not known.
    pub(super) fn protocol(&self) -> u8 {
        self.ip.map_or(0, |ip| ip.protocol)
    }

    pub(super) fn is_fragment(&self) -> bool {
        self.ip.is_some_and(|ip| ip.fragment & FRAGMENT != 0)
    }

    pub(super) fn is_later_fragment(&self) -> bool {
        self.ip.is_some_and(|ip| ip.fragment & LATER != 0)
    }

    /// The identifier of an ICMP or ICMPv6 echo request or reply.
    pub(super) fn echo_id(&self) -> Option<u16> {
        let at = self.transport?;
        let is_echo = match self.protocol() {
            IP_ICMP => matches!(self.bytes[at], 0 | 8),
            _ => matches!(self.bytes[at], 128 | 129),
        };
        self.u16(at + 4).filter(|_| is_echo)
    }

    /// Whether there is an Ethernet header at all.
    fn is_ethernet(&self) -> bool {
        self.bytes.len() >= ADDRESSES + 2
    }

    fn u16(&self, at: usize) -> Option<u16> {
        let bytes = self.bytes.get(at..at + 2)?;
        Some(u16::from_be_bytes([bytes[0], bytes[1]]))
    }
}

/// Where a field's bits are.
#[derive(Clone, Copy)]
struct Place {
    at: usize,
    bytes: usize,
    /// Bits below the field's lowest.
    shift: u32,
}

/// Fields.
impl Frame {
    /// A field's value; `None` when the frame does not have it.
    pub(super) fn get(&self, field: Field) -> Option<u128> {
        match field {
            Field::EthType => return Some(self.eth_type.into()),
            Field::VlanVid => return Some((self.tag() & 0x1fff).into()),
            Field::VlanTci => return Some(self.tag().into()),
            Field::IpProto => return self.ip.map(|ip| ip.protocol.into()),
            Field::IpFrag => return self.ip.map(|ip| ip.fragment.into()),
            Field::NdOptionsType => return self.nd.map(|nd| nd.first_option.into()),
            Field::ArpOp => return self.arp_op(),
            _ => {}
        }
        let place = self.place(field)?;
        Some(self.word(place) >> place.shift & field.full_mask())
    }

    /// Writes those bits of a field that the mask has, and mends checksums; `false` when the
    /// frame does not have the field, or not so that it can be written.
    pub(super) fn set(&mut self, field: Field, value: u128, mask: u128) -> bool {
        match field {
            Field::VlanTci => {
                self.set_tag(value, mask);
                return true;
            }
            Field::VlanVid => {
                self.set_tag(value & 0x1fff, mask & 0x1fff);
                return true;
            }
            Field::NdOptionsType => return self.set_first_option(value),
            _ => {}
        }
        let Some(place) = self.place(field).filter(|place| self.is_writable(*place)) else {
            return false;
        };
        let mask = (mask & field.full_mask()) << place.shift;
        let word = self.word(place) & !mask | value << place.shift & mask;
        let mut bytes = Vec::with_capacity(place.bytes);
        put_number(&mut bytes, word, place.bytes);
        self.write(place.at, &bytes);
        true
    }

    /// Makes the first address option one of another kind: what held the sender's address in a
    /// solicitation holds the target's in the advertisement made of it.
    fn set_first_option(&mut self, kind: u128) -> bool {
        let kind = u8::try_from(kind).unwrap_or(0);
        let Some(nd) = &mut self.nd else {
            return false;
        };
        let Some(at) = nd.address(nd.first_option).and_then(Option::take) else {
            return false;
        };
        if let Some(address) = nd.address(kind) {
            *address = Some(at);
        }
        nd.first_option = kind;
        self.write(at - 2, &[kind]);
        true
    }

    /// Open vSwitch leaves IP of protocol 0 and ARP of operation 0 as they are.
    fn is_writable(&self, place: Place) -> bool {
        let is_zero = self.arp_op() == Some(0) || self.ip.is_some_and(|ip| ip.protocol == 0);
        place.at < self.network || !is_zero
    }

    /// Only the low eight bits of ARP's operation are looked at.
    fn arp_op(&self) -> Option<u128> {
        let op = self.u16(self.network + 6).filter(|_| self.has_arp)?;
        Some(if op > 0xff { 0 } else { op.into() })
    }

    fn word(&self, place: Place) -> u128 {
        let bytes = &self.bytes[place.at..place.at + place.bytes];
        bytes
            .iter()
            .fold(0, |sum, &byte| sum << 8 | u128::from(byte))
    }

    fn place(&self, field: Field) -> Option<Place> {
        let place = |at, bytes, shift| Some(Place { at, bytes, shift });
        match field {
            Field::EthDst if self.is_ethernet() => place(0, 6, 0),
            Field::EthSrc if self.is_ethernet() => place(6, 6, 0),
            Field::VlanPcp if self.tags > 0 => place(14, 2, 13),
            _ => self
                .arp_place(field)
                .or_else(|| self.ip_place(field))
                .or_else(|| self.transport_place(field)),
        }
    }

    fn arp_place(&self, field: Field) -> Option<Place> {
        let (offset, bytes) = match field {
            Field::ArpOp => (6, 2),
            Field::ArpSha => (8, 6),
            Field::ArpSpa => (14, 4),
            Field::ArpTha => (18, 6),
            Field::ArpTpa => (24, 4),
            _ => return None,
        };
        let at = self.network + offset;
        self.has_arp.then_some(Place {
            at,
            bytes,
            shift: 0,
        })
    }

    fn ip_place(&self, field: Field) -> Option<Place> {
        use IpVersion::{V4, V6};
        let ip = self.ip?;
        let (offset, bytes, shift) = match (field, ip.version) {
            (Field::Ipv4Src, V4) => (12, 4, 0),
            (Field::Ipv4Dst, V4) => (16, 4, 0),
            (Field::IpDscp, V4) => (1, 1, 2),
            (Field::IpEcn, V4) => (1, 1, 0),
            (Field::IpTos, V4) => (1, 1, 0),
            (Field::IpTtl, V4) => (8, 1, 0),
            (Field::Ipv6Src, V6) => (8, 16, 0),
            (Field::Ipv6Dst, V6) => (24, 16, 0),
            (_, V6) if !ip.is_whole => return None,
            (Field::IpDscp, V6) => (0, 2, 6),
            (Field::IpEcn, V6) => (0, 2, 4),
            (Field::IpTos, V6) => (0, 2, 4),
            (Field::IpTtl, V6) => (7, 1, 0),
            (Field::Ipv6Label, V6) => (0, 4, 0),
            _ => return None,
        };
        let at = self.network + offset;
        Some(Place { at, bytes, shift })
    }

    fn transport_place(&self, field: Field) -> Option<Place> {
        let at = self.transport?;
        let protocol = self.protocol();
        let (offset, bytes) = match (field, protocol) {
            (Field::TcpSrc, IP_TCP) | (Field::UdpSrc, IP_UDP) | (Field::SctpSrc, IP_SCTP) => (0, 2),
            (Field::TcpDst, IP_TCP) | (Field::UdpDst, IP_UDP) | (Field::SctpDst, IP_SCTP) => (2, 2),
            (Field::TcpFlags, IP_TCP) => (12, 2),
            (Field::Icmpv4Type, IP_ICMP) | (Field::Icmpv6Type, IP_ICMPV6) => (0, 1),
            (Field::Icmpv4Code, IP_ICMP) | (Field::Icmpv6Code, IP_ICMPV6) => (1, 1),
            (Field::NdReserved, IP_ICMPV6) if self.nd.is_some() => (4, 4),
            _ => return self.nd_place(field),
        };
        let at = at + offset;
        Some(Place {
            at,
            bytes,
            shift: 0,
        })
    }

    fn nd_place(&self, field: Field) -> Option<Place> {
        let nd = self.nd?;
        let (at, bytes) = match field {
            Field::NdTarget => (nd.target?, 16),
            Field::NdSll => (nd.source_address?, 6),
            Field::NdTll => (nd.target_address?, 6),
            _ => return None,
        };
        Some(Place {
            at,
            bytes,
            shift: 0,
        })
    }
}
