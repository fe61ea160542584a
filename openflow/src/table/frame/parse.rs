//! Finding a frame's headers.

use super::{ADDRESSES, FRAGMENT, Frame, Ip, IpVersion, LATER, Nd};
use crate::protocol::{
    ETH_ARP, ETH_IPV4, ETH_IPV6, ETH_RARP, ETH_VLAN, IP_ICMP, IP_ICMPV6, IP_SCTP, IP_TCP, IP_UDP,
    ND_ADVERT, ND_SOLICIT,
};

/// Tags of a provider bridge (802.1ad).
const ETH_SERVICE_VLAN: u16 = 0x88a8;
/// The type that Open vSwitch gives to frames that have a length in place of a type.
const NO_ETH_TYPE: u16 = 0x05ff;
/// The least Ethernet type; below it is a length.
const MIN_ETH_TYPE: u16 = 0x0600;
/// LLC and SNAP before an Ethernet type.
const SNAP: [u8; 6] = [0xaa, 0xaa, 3, 0, 0, 0];

/// IPv6 extension headers, by protocol number.
mod extension {
    pub(super) const HOP: u8 = 0;
    pub(super) const ROUTING: u8 = 43;
    pub(super) const FRAGMENT: u8 = 44;
    pub(super) const AUTHENTICATION: u8 = 51;
    pub(super) const DESTINATION: u8 = 60;
}

impl Frame {
    /// Finds the headers.
    pub(in crate::table) fn parse(bytes: Vec<u8>) -> Frame {
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
            let slot = nd.address(kind);
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
}
