//! An Ethernet frame with its headers found, so that fields can be read and written in place.
//!
//! Headers are found the way Open vSwitch finds them, once: one VLAN tag (`vlan-limit` is 1
//! unless configured), and what is cut short or contradicts itself counts as not there. Pushing
//! and popping tags does not look for headers anew, exactly as in Open vSwitch, where only a
//! packet that is looked up again after `ct` is seen with fresh eyes.

mod checksum;

use crate::field::Field;
use crate::protocol::{
    ETH_ARP, ETH_IPV4, ETH_IPV6, ETH_RARP, ETH_VLAN, IP_ICMP, IP_ICMPV6, IP_SCTP, IP_TCP, IP_UDP,
    ND_ADVERT, ND_SOLICIT,
};
use crate::wire::put_number;

/// Tags of a provider bridge (802.1ad).
const ETH_SERVICE_VLAN: u16 = 0x88a8;
/// The type that Open vSwitch gives to frames that have a length in place of a type.
const NO_ETH_TYPE: u16 = 0x05ff;
/// The least Ethernet type; below it is a length.
const MIN_ETH_TYPE: u16 = 0x0600;
/// The two addresses.
const ADDRESSES: usize = 12;
/// VLAN tags that can be known of at once, by parsing one and pushing others.
const MAX_TAGS: usize = 2;
/// Bits of [`Field::IpFrag`]: a fragment, and not the first one.
const FRAGMENT: u8 = 1;
const LATER: u8 = 2;
/// "There is a tag", in a tag's 16 bits and in [`Field::VlanVid`].
const PRESENT: u16 = 0x1000;

/// IPv6 extension headers, by protocol number.
mod extension {
    pub(super) const HOP: u8 = 0;
    pub(super) const ROUTING: u8 = 43;
    pub(super) const FRAGMENT: u8 = 44;
    pub(super) const AUTHENTICATION: u8 = 51;
    pub(super) const DESTINATION: u8 = 60;
}

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

impl Frame {
    /// Finds the headers.
    pub(super) fn parse(bytes: Vec<u8>) -> Frame {
        let mut frame = Frame {
            bytes,
            tags: 0,
            eth_type: 0,
            network: 0,
            ip: None,
            has_arp: false,
            transport: None,
            nd: None,
        };
        frame.find_network();
        match frame.eth_type {
            ETH_IPV4 => frame.find_ipv4(),
            ETH_IPV6 => frame.find_ipv6(),
            ETH_ARP | ETH_RARP => frame.has_arp = frame.is_arp_whole(),
            _ => {}
        }
        frame
    }

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

    fn find_network(&mut self) {
        let mut at = ADDRESSES;
        let Some(mut kind) = self.u16(at) else {
            return;
        };
        if matches!(kind, ETH_VLAN | ETH_SERVICE_VLAN)
            && let Some(inner) = self.u16(at + 4)
        {
            (self.tags, kind, at) = (1, inner, at + 4);
        }
        at += 2;
        self.eth_type = kind;
        if kind < MIN_ETH_TYPE {
            self.eth_type = NO_ETH_TYPE;
            const SNAP: [u8; 6] = [0xaa, 0xaa, 3, 0, 0, 0];
            let is_snap = self.bytes.get(at..at + 6).is_some_and(|llc| llc == SNAP);
            if let Some(kind) = self.u16(at + 6).filter(|_| is_snap) {
                at += 8;
                if kind >= MIN_ETH_TYPE {
                    self.eth_type = kind;
                }
            }
        }
        self.network = at;
    }

    fn find_ipv4(&mut self) {
        let at = self.network;
        let room = self.bytes.len() - at;
        let Some(header) = self.bytes.get(at..at + 20) else {
            return;
        };
        let header_len = usize::from(header[0] & 0xf) * 4;
        let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
        let is_sound = header_len >= 20 && header_len <= total && total <= room;
        if !is_sound {
            return;
        }
        let fragment = match u16::from_be_bytes([header[6], header[7]]) & 0x3fff {
            0 => 0,
            0x2000 => FRAGMENT,
            _ => FRAGMENT | LATER,
        };
        let ip = Ip {
            version: IpVersion::V4,
            protocol: header[9],
            fragment,
            is_whole: true,
        };
        self.ip = Some(ip);
        self.find_transport(ip, at + header_len, at + total);
    }

    fn find_ipv6(&mut self) {
        let at = self.network;
        let Some(header) = self.bytes.get(at..at + 40) else {
            return;
        };
        let end = at + 40 + usize::from(u16::from_be_bytes([header[4], header[5]]));
        if end > self.bytes.len() {
            return;
        }
        let mut ip = Ip {
            version: IpVersion::V6,
            protocol: header[6],
            fragment: 0,
            is_whole: true,
        };
        match self.skip_extensions(&mut ip, at + 40, end) {
            Some(transport) => self.find_transport(ip, transport, end),
            // The addresses are known, but not what follows them.
            None => {
                ip = Ip {
                    is_whole: false,
                    protocol: 0,
                    ..ip
                }
            }
        }
        self.ip = Some(ip);
    }

    /// Follows the chain of extension headers to the one that is none.
    fn skip_extensions(&self, ip: &mut Ip, mut at: usize, end: usize) -> Option<usize> {
        use extension::{AUTHENTICATION, DESTINATION, FRAGMENT as FRAGMENT_HEADER, HOP, ROUTING};
        loop {
            let is_extension = matches!(
                ip.protocol,
                HOP | ROUTING | FRAGMENT_HEADER | AUTHENTICATION | DESTINATION
            );
            if !is_extension {
                return Some(at);
            }
            let header = self.bytes.get(at..at + 8).filter(|_| at + 8 <= end)?;
            let length = match ip.protocol {
                FRAGMENT_HEADER => 8,
                AUTHENTICATION => (usize::from(header[1]) + 2) * 4,
                _ => (usize::from(header[1]) + 1) * 8,
            };
            let is_fragment_header = ip.protocol == FRAGMENT_HEADER;
            ip.protocol = header[0];
            at += length;
            if at > end {
                return None;
            }
            let offset = u16::from_be_bytes([header[2], header[3]]);
            if is_fragment_header && offset != 0 {
                ip.fragment = FRAGMENT;
                if offset & 0xfff8 != 0 {
                    ip.fragment |= LATER;
                    ip.protocol = FRAGMENT_HEADER;
                    return Some(at);
                }
            }
        }
    }

    fn find_transport(&mut self, ip: Ip, at: usize, end: usize) {
        if ip.fragment & LATER != 0 {
            return;
        }
        let room = end - at;
        let least = match ip.protocol {
            IP_TCP => 20,
            IP_UDP | IP_ICMP | IP_ICMPV6 => 8,
            IP_SCTP => 12,
            _ => return,
        };
        if room < least {
            return;
        }
        if ip.protocol == IP_TCP {
            let header_len = usize::from(self.bytes[at + 12] >> 4) * 4;
            if header_len < 20 || header_len > room {
                return;
            }
        }
        self.transport = Some(at);
        let kind = self.bytes[at];
        let is_nd = matches!(kind, ND_SOLICIT | ND_ADVERT) && self.bytes[at + 1] == 0;
        if ip.protocol == IP_ICMPV6 && is_nd {
            self.nd = Some(self.find_nd(at + 8, end));
        }
    }

    fn find_nd(&self, at: usize, end: usize) -> Nd {
        let mut nd = Nd::default();
        if at + 16 > end {
            return nd;
        }
        nd.target = Some(at);
        let mut at = at + 16;
        while at + 8 <= end {
            let (kind, length) = (self.bytes[at], usize::from(self.bytes[at + 1]) * 8);
            if length == 0 || at + length > end {
                break;
            }
            let slot = match kind {
                1 => Some(&mut nd.source_address),
                2 => Some(&mut nd.target_address),
                _ => None,
            };
            if let Some(slot) = slot.filter(|_| length == 8) {
                if slot.is_some() {
                    // Twice the same: nothing of it is believed.
                    return Nd::default();
                }
                *slot = Some(at + 2);
                if nd.first_option == 0 {
                    nd.first_option = kind;
                }
            }
            at += length;
        }
        nd
    }

    fn is_arp_whole(&self) -> bool {
        const ETHERNET_IPV4: [u8; 6] = [0, 1, 8, 0, 6, 4];
        let arp = self.bytes.get(self.network..self.network + 28);
        arp.is_some_and(|arp| arp.starts_with(&ETHERNET_IPV4))
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

/// VLAN tags.
impl Frame {
    /// The outermost tag's 16 bits with bit 12 set; 0 without a tag.
    fn tag(&self) -> u16 {
        let tag = self.u16(ADDRESSES + 2).filter(|_| self.tags > 0);
        tag.map_or(0, |tag| tag | PRESENT)
    }

    /// Writes bits of the outermost tag; bit 12 says whether there shall be one.
    fn set_tag(&mut self, value: u128, mask: u128) {
        let old = u128::from(self.tag());
        let new = u16::try_from((old & !mask | value & mask) & 0xffff).unwrap_or_default();
        if u128::from(new) == old {
            return;
        }
        match (new & PRESENT != 0, self.tags > 0) {
            (true, false) => self.push_tag(ETH_VLAN),
            (false, true) => return self.pop_tag(),
            (false, false) => return,
            (true, true) => {}
        }
        self.bytes[ADDRESSES + 2..ADDRESSES + 4].copy_from_slice(&(new & !PRESENT).to_be_bytes());
    }

    /// Pushes a tag of this Ethernet type, with VLAN id and priority 0.
    pub(super) fn push_tag(&mut self, eth_type: u16) {
        if !self.is_ethernet() {
            return;
        }
        if self.tags == MAX_TAGS {
            // Open vSwitch forgets the innermost one.
            let innermost = ADDRESSES + 4 * (MAX_TAGS - 1);
            self.bytes.drain(innermost..innermost + 4);
            self.tags -= 1;
            self.shift(|at| at - 4);
        }
        let [high, low] = eth_type.to_be_bytes();
        self.bytes.splice(ADDRESSES..ADDRESSES, [high, low, 0, 0]);
        self.tags += 1;
        self.shift(|at| at + 4);
    }

    /// Pops the outermost tag, if one is known of.
    pub(super) fn pop_tag(&mut self) {
        if self.tags == 0 {
            return;
        }
        self.bytes.drain(ADDRESSES..ADDRESSES + 4);
        self.tags -= 1;
        self.shift(|at| at - 4);
    }

    /// Moves the places of all headers behind the tags.
    fn shift(&mut self, to: impl Fn(usize) -> usize) {
        self.network = to(self.network);
        self.transport = self.transport.map(&to);
        if let Some(nd) = &mut self.nd {
            for at in [
                &mut nd.target,
                &mut nd.source_address,
                &mut nd.target_address,
            ] {
                *at = at.map(&to);
            }
        }
    }
}
