//! Matches built field by field: `Match::new().in_port(3).ipv4().tcp()`.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Match, VLAN_PRESENT, Value};
use crate::field::{Field, low_bits};
use crate::{PortNo, protocol};

/// Bits of `ct_state`, as Open vSwitch numbers them (ovs-fields(7)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CtState(pub u32);

impl CtState {
    /// The first packet of a connection.
    pub const NEW: CtState = CtState(1);
    /// Part of an established connection.
    pub const EST: CtState = CtState(2);
    /// Belongs to another connection, as an ICMP error does.
    pub const REL: CtState = CtState(4);
    /// Goes in the direction of replies.
    pub const RPL: CtState = CtState(8);
    /// Fits no connection.
    pub const INV: CtState = CtState(16);
    /// Went through connection tracking.
    pub const TRK: CtState = CtState(32);
    /// Its source was translated.
    pub const SNAT: CtState = CtState(64);
    /// Its destination was translated.
    pub const DNAT: CtState = CtState(128);

    /// The bits and their names in text.
    pub(crate) const NAMES: [(u128, &'static str); 8] = [
        (1, "new"),
        (2, "est"),
        (4, "rel"),
        (8, "rpl"),
        (16, "inv"),
        (32, "trk"),
        (64, "snat"),
        (128, "dnat"),
    ];
}

impl std::ops::BitOr for CtState {
    type Output = CtState;

    fn bitor(self, other: CtState) -> CtState {
        CtState(self.0 | other.0)
    }
}

impl Match {
    /// Matches on a whole field.
    #[must_use]
    pub fn exact(self, field: Field, value: impl Into<Value>) -> Match {
        self.masked(field, value, field.full_mask())
    }

    /// Matches on the bits of a field that the mask has.
    #[must_use]
    pub fn masked(
        mut self,
        field: Field,
        value: impl Into<Value>,
        mask: impl Into<Value>,
    ) -> Match {
        self.insert(field, value, mask);
        self
    }

    /// Packets that came in through this port.
    #[must_use]
    pub fn in_port(self, port: impl Into<PortNo>) -> Match {
        self.exact(Field::InPort, port.into())
    }

    /// Packets of this Ethernet type.
    #[must_use]
    pub fn eth_type(self, eth_type: u16) -> Match {
        self.exact(Field::EthType, eth_type)
    }

    /// Packets from this Ethernet address.
    #[must_use]
    pub fn eth_src(self, address: [u8; 6]) -> Match {
        self.exact(Field::EthSrc, address)
    }

    /// Packets to this Ethernet address.
    #[must_use]
    pub fn eth_dst(self, address: [u8; 6]) -> Match {
        self.exact(Field::EthDst, address)
    }

    /// Packets tagged with this VLAN id, of 12 bits.
    #[must_use]
    pub fn vlan(self, vid: u16) -> Match {
        self.exact(Field::VlanVid, vid | VLAN_PRESENT)
    }

    /// Packets with a VLAN tag, whatever its id.
    #[must_use]
    pub fn tagged(self) -> Match {
        self.masked(Field::VlanVid, VLAN_PRESENT, VLAN_PRESENT)
    }

    /// Packets without a VLAN tag.
    #[must_use]
    pub fn untagged(self) -> Match {
        self.exact(Field::VlanVid, 0u16)
    }

    /// ARP.
    #[must_use]
    pub fn arp(self) -> Match {
        self.eth_type(protocol::ETH_ARP)
    }

    /// IPv4.
    #[must_use]
    pub fn ipv4(self) -> Match {
        self.eth_type(protocol::ETH_IPV4)
    }

    /// IPv6.
    #[must_use]
    pub fn ipv6(self) -> Match {
        self.eth_type(protocol::ETH_IPV6)
    }

    /// This protocol within IPv4 or IPv6, whichever is matched on already.
    #[must_use]
    pub fn ip_proto(self, number: u8) -> Match {
        self.exact(Field::IpProto, number)
    }

    /// TCP within IPv4 or IPv6, whichever is matched on already.
    #[must_use]
    pub fn tcp(self) -> Match {
        self.ip_proto(protocol::IP_TCP)
    }

    /// UDP within IPv4 or IPv6, whichever is matched on already.
    #[must_use]
    pub fn udp(self) -> Match {
        self.ip_proto(protocol::IP_UDP)
    }

    /// ICMP within IPv4.
    #[must_use]
    pub fn icmp(self) -> Match {
        self.ipv4().ip_proto(protocol::IP_ICMP)
    }

    /// ICMPv6 within IPv6.
    #[must_use]
    pub fn icmpv6(self) -> Match {
        self.ipv6().ip_proto(protocol::IP_ICMPV6)
    }

    /// IPv4 from this prefix; its length is at most 32.
    #[must_use]
    pub fn ipv4_src(self, address: Ipv4Addr, prefix_length: u8) -> Match {
        self.masked(Field::Ipv4Src, address, prefix_mask(32, prefix_length))
    }

    /// IPv4 to this prefix; its length is at most 32.
    #[must_use]
    pub fn ipv4_dst(self, address: Ipv4Addr, prefix_length: u8) -> Match {
        self.masked(Field::Ipv4Dst, address, prefix_mask(32, prefix_length))
    }

    /// IPv6 from this prefix; its length is at most 128.
    #[must_use]
    pub fn ipv6_src(self, address: Ipv6Addr, prefix_length: u8) -> Match {
        self.masked(Field::Ipv6Src, address, prefix_mask(128, prefix_length))
    }

    /// IPv6 to this prefix; its length is at most 128.
    #[must_use]
    pub fn ipv6_dst(self, address: Ipv6Addr, prefix_length: u8) -> Match {
        self.masked(Field::Ipv6Dst, address, prefix_mask(128, prefix_length))
    }

    /// Packets whose connection-tracking state has all bits of `set` and none of `unset`.
    #[must_use]
    pub fn ct_state(self, set: CtState, unset: CtState) -> Match {
        self.masked(Field::CtState, set.0, set.0 | unset.0)
    }

    /// Packets that came through a tunnel with this key.
    #[must_use]
    pub fn tun_id(self, key: u64) -> Match {
        self.exact(Field::TunId, key)
    }

    /// Packets with this metadata.
    #[must_use]
    pub fn metadata(self, metadata: u64) -> Match {
        self.exact(Field::Metadata, metadata)
    }
}

/// The mask of a prefix, in an address of `width` bits.
fn prefix_mask(width: u16, length: u8) -> u128 {
    let host = width.saturating_sub(u16::from(length));
    low_bits(width) & !low_bits(host)
}
