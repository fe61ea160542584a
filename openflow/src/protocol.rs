//! Numbers of the protocols that matches and text know by name.

/// Ethernet type of IPv4.
pub const ETH_IPV4: u16 = 0x0800;
/// Ethernet type of ARP.
pub const ETH_ARP: u16 = 0x0806;
/// Ethernet type of reverse ARP.
pub const ETH_RARP: u16 = 0x8035;
/// Ethernet type of a VLAN tag (802.1Q).
pub const ETH_VLAN: u16 = 0x8100;
/// Ethernet type of IPv6.
pub const ETH_IPV6: u16 = 0x86dd;
/// Ethernet type for experiments (IEEE 802: local experimental EtherType 1).
pub const ETH_EXPERIMENTAL: u16 = 0x88b5;
/// Ethernet type of MPLS.
pub const ETH_MPLS: u16 = 0x8847;
/// Ethernet type of MPLS with an upstream-assigned label.
pub const ETH_MPLS_MULTICAST: u16 = 0x8848;
/// IP protocol ICMP.
pub const IP_ICMP: u8 = 1;
/// IP protocol TCP.
pub const IP_TCP: u8 = 6;
/// IP protocol UDP.
pub const IP_UDP: u8 = 17;
/// IP protocol ICMPv6.
pub const IP_ICMPV6: u8 = 58;
/// IP protocol SCTP.
pub const IP_SCTP: u8 = 132;
/// ICMPv6 type of a neighbour solicitation.
pub const ND_SOLICIT: u8 = 135;
/// ICMPv6 type of a neighbour advertisement.
pub const ND_ADVERT: u8 = 136;
