//! The table of fields: one row each, in the order Open vSwitch writes them into a match,
//! which is also their canonical order. The last block can be matched on only through the
//! fields above it (see `matching`), but actions name them.

use super::{FieldInfo, Format, Header, Masking, Prerequisite};

const fn header(class: u16, number: u8, symbol: &'static str) -> Header {
    Header {
        class,
        number,
        experimenter: None,
        since: 0,
        symbol,
    }
}

const fn nxm0(number: u8, symbol: &'static str) -> Header {
    header(0x0000, number, symbol)
}

const fn nxm1(number: u8, symbol: &'static str) -> Header {
    header(0x0001, number, symbol)
}

const fn ericsson(number: u8, symbol: &'static str) -> Header {
    header(0x1000, number, symbol)
}

const fn oxm(number: u8, symbol: &'static str) -> Header {
    header(0x8000, number, symbol)
}

const fn packet_reg(number: u8, symbol: &'static str) -> Header {
    header(0x8001, number, symbol)
}

const fn since_1_5(number: u8, symbol: &'static str) -> Header {
    let header = oxm(number, symbol);
    Header { since: 6, ..header }
}

const fn onf(number: u8, symbol: &'static str) -> Header {
    let header = header(0xffff, number, symbol);
    Header {
        experimenter: Some(0x4f4e_4600),
        since: 4,
        ..header
    }
}

/// Makes the enum and its table from the same rows, so that they cannot disagree.
macro_rules! fields {
    ($($variant:ident: [$($name:literal),+], [$($header:expr),+],
       $bytes:literal, $bits:literal, $masking:ident, $format:ident, $needs:ident;)+) => {
        /// A field that flows match on and actions read or write, by its Open vSwitch names.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Field {
            $(
                #[doc = concat!($("`", $name, "` "),+)]
                $variant,
            )+
        }

        /// Every field, in canonical order.
        pub(super) const ALL: &[Field] = &[$(Field::$variant),+];

        /// The headers of each field, apart from [`ROWS`] to be readable at compile time.
        pub(super) const HEADERS: [&[Header]; ALL.len()] = [$(&[$($header),+]),+];

        /// What is known of each field, at its position in [`ALL`].
        pub(super) static ROWS: [FieldInfo; ALL.len()] = [$(FieldInfo {
            names: &[$($name),+],
            headers: HEADERS[Field::$variant as usize],
            bytes: $bytes,
            bits: $bits,
            masking: Masking::$masking,
            format: Format::$format,
            prerequisite: Prerequisite::$needs,
        }),+];
    };
}

// variant: [name in a match, others, name in set_field], [first header names it in subfields],
// bytes on the wire, meaningful bits, what masks it takes, how text shows it, what it needs;
fields! {
    ConjId: ["conj_id"], [nxm1(37, "NXM_NX_CONJ_ID")], 4, 32, Whole, Decimal, Nothing;
    InPort: ["in_port", "in_port_oxm"], [oxm(0, "OXM_OF_IN_PORT")], 4, 32, Whole, Port, Nothing;
    ActsetOutput: ["actset_output"], [onf(43, "ONFOXM_ET_ACTSET_OUTPUT"), since_1_5(43, "OXM_OF_ACTSET_OUTPUT")], 4, 32, Whole, Port, Nothing;
    // Ethernet and VLAN. VLAN_VID has 12 bits and, in bit 12, whether there is a tag at all.
    EthSrc: ["dl_src", "eth_src"], [nxm0(2, "NXM_OF_ETH_SRC"), oxm(4, "OXM_OF_ETH_SRC")], 6, 48, Bits, Ethernet, Nothing;
    EthDst: ["dl_dst", "eth_dst"], [nxm0(1, "NXM_OF_ETH_DST"), oxm(3, "OXM_OF_ETH_DST")], 6, 48, Bits, Ethernet, Nothing;
    EthType: ["dl_type", "eth_type"], [nxm0(3, "NXM_OF_ETH_TYPE"), oxm(5, "OXM_OF_ETH_TYPE")], 2, 16, Whole, Hexadecimal, Nothing;
    VlanVid: ["vlan_vid"], [oxm(6, "OXM_OF_VLAN_VID")], 2, 13, Bits, Decimal, Nothing;
    VlanPcp: ["dl_vlan_pcp", "vlan_pcp"], [oxm(7, "OXM_OF_VLAN_PCP")], 1, 3, Whole, Decimal, Vlan;
    // MPLS.
    MplsTc: ["mpls_tc"], [oxm(35, "OXM_OF_MPLS_TC")], 1, 3, Whole, Decimal, Mpls;
    MplsBos: ["mpls_bos"], [oxm(36, "OXM_OF_MPLS_BOS")], 1, 1, Whole, Decimal, Mpls;
    MplsTtl: ["mpls_ttl"], [nxm1(30, "NXM_NX_MPLS_TTL")], 1, 8, Whole, Decimal, Mpls;
    MplsLabel: ["mpls_label"], [oxm(34, "OXM_OF_MPLS_LABEL")], 4, 20, Whole, Decimal, Mpls;
    // IPv4 and IPv6.
    Ipv4Src: ["nw_src", "ip_src"], [nxm0(7, "NXM_OF_IP_SRC"), oxm(11, "OXM_OF_IPV4_SRC")], 4, 32, Bits, Ipv4, Ipv4;
    Ipv4Dst: ["nw_dst", "ip_dst"], [nxm0(8, "NXM_OF_IP_DST"), oxm(12, "OXM_OF_IPV4_DST")], 4, 32, Bits, Ipv4, Ipv4;
    Ipv6Src: ["ipv6_src"], [nxm1(19, "NXM_NX_IPV6_SRC"), oxm(26, "OXM_OF_IPV6_SRC")], 16, 128, Bits, Ipv6, Ipv6;
    Ipv6Dst: ["ipv6_dst"], [nxm1(20, "NXM_NX_IPV6_DST"), oxm(27, "OXM_OF_IPV6_DST")], 16, 128, Bits, Ipv6, Ipv6;
    IpFrag: ["nw_frag", "ip_frag"], [nxm1(26, "NXM_NX_IP_FRAG")], 1, 2, Bits, Fragment, Ip;
    IpDscp: ["ip_dscp"], [oxm(8, "OXM_OF_IP_DSCP")], 1, 6, Whole, Decimal, Ip;
    IpEcn: ["nw_ecn", "ip_ecn", "nw_ecn"], [nxm1(28, "NXM_NX_IP_ECN"), oxm(9, "OXM_OF_IP_ECN")], 1, 2, Whole, Decimal, Ip;
    IpTtl: ["nw_ttl"], [nxm1(29, "NXM_NX_IP_TTL")], 1, 8, Whole, Decimal, Ip;
    Ipv6Label: ["ipv6_label"], [nxm1(27, "NXM_NX_IPV6_LABEL"), oxm(28, "OXM_OF_IPV6_FLABEL")], 4, 20, Bits, Hexadecimal, Ipv6;
    IpProto: ["nw_proto", "ip_proto", "nw_proto"], [nxm0(6, "NXM_OF_IP_PROTO"), oxm(10, "OXM_OF_IP_PROTO")], 1, 8, Whole, Decimal, Ip;
    // TCP, UDP, SCTP, ICMP, ICMPv6 with neighbour discovery.
    TcpSrc: ["tp_src", "tcp_src"], [nxm0(9, "NXM_OF_TCP_SRC"), oxm(13, "OXM_OF_TCP_SRC")], 2, 16, Bits, Decimal, Tcp;
    TcpDst: ["tp_dst", "tcp_dst"], [nxm0(10, "NXM_OF_TCP_DST"), oxm(14, "OXM_OF_TCP_DST")], 2, 16, Bits, Decimal, Tcp;
    TcpFlags: ["tcp_flags"], [nxm1(34, "NXM_NX_TCP_FLAGS"), onf(42, "ONFOXM_ET_TCP_FLAGS"), since_1_5(42, "OXM_OF_TCP_FLAGS")], 2, 12, Bits, TcpFlags, Tcp;
    UdpSrc: ["tp_src", "udp_src"], [nxm0(11, "NXM_OF_UDP_SRC"), oxm(15, "OXM_OF_UDP_SRC")], 2, 16, Bits, Decimal, Udp;
    UdpDst: ["tp_dst", "udp_dst"], [nxm0(12, "NXM_OF_UDP_DST"), oxm(16, "OXM_OF_UDP_DST")], 2, 16, Bits, Decimal, Udp;
    SctpSrc: ["tp_src", "sctp_src"], [oxm(17, "OXM_OF_SCTP_SRC")], 2, 16, Bits, Decimal, Sctp;
    SctpDst: ["tp_dst", "sctp_dst"], [oxm(18, "OXM_OF_SCTP_DST")], 2, 16, Bits, Decimal, Sctp;
    Icmpv4Type: ["icmp_type"], [nxm0(13, "NXM_OF_ICMP_TYPE"), oxm(19, "OXM_OF_ICMPV4_TYPE")], 1, 8, Whole, Decimal, Icmpv4;
    Icmpv4Code: ["icmp_code"], [nxm0(14, "NXM_OF_ICMP_CODE"), oxm(20, "OXM_OF_ICMPV4_CODE")], 1, 8, Whole, Decimal, Icmpv4;
    Icmpv6Type: ["icmp_type", "icmpv6_type"], [nxm1(21, "NXM_NX_ICMPV6_TYPE"), oxm(29, "OXM_OF_ICMPV6_TYPE")], 1, 8, Whole, Decimal, Icmpv6;
    Icmpv6Code: ["icmp_code", "icmpv6_code"], [nxm1(22, "NXM_NX_ICMPV6_CODE"), oxm(30, "OXM_OF_ICMPV6_CODE")], 1, 8, Whole, Decimal, Icmpv6;
    NdReserved: ["nd_reserved"], [ericsson(1, "ERICOXM_OF_ICMPV6_ND_RESERVED")], 4, 32, Whole, Decimal, Nd;
    NdTarget: ["nd_target"], [nxm1(23, "NXM_NX_ND_TARGET"), oxm(31, "OXM_OF_IPV6_ND_TARGET")], 16, 128, Bits, Ipv6, Nd;
    NdOptionsType: ["nd_options_type"], [ericsson(2, "ERICOXM_OF_ICMPV6_ND_OPTIONS_TYPE")], 1, 8, Whole, Decimal, Nd;
    NdSll: ["nd_sll"], [nxm1(24, "NXM_NX_ND_SLL"), oxm(32, "OXM_OF_IPV6_ND_SLL")], 6, 48, Bits, Ethernet, NdSolicit;
    NdTll: ["nd_tll"], [nxm1(25, "NXM_NX_ND_TLL"), oxm(33, "OXM_OF_IPV6_ND_TLL")], 6, 48, Bits, Ethernet, NdAdvert;
    // ARP and RARP.
    ArpOp: ["arp_op"], [nxm0(15, "NXM_OF_ARP_OP"), oxm(21, "OXM_OF_ARP_OP")], 2, 16, Whole, Decimal, Arp;
    ArpSpa: ["arp_spa"], [nxm0(16, "NXM_OF_ARP_SPA"), oxm(22, "OXM_OF_ARP_SPA")], 4, 32, Bits, Ipv4, Arp;
    ArpTpa: ["arp_tpa"], [nxm0(17, "NXM_OF_ARP_TPA"), oxm(23, "OXM_OF_ARP_TPA")], 4, 32, Bits, Ipv4, Arp;
    ArpSha: ["arp_sha"], [nxm1(17, "NXM_NX_ARP_SHA"), oxm(24, "OXM_OF_ARP_SHA")], 6, 48, Bits, Ethernet, Arp;
    ArpTha: ["arp_tha"], [nxm1(18, "NXM_NX_ARP_THA"), oxm(25, "OXM_OF_ARP_THA")], 6, 48, Bits, Ethernet, Arp;
    // The tunnel a packet came through, or shall leave through.
    TunId: ["tun_id", "tunnel_id", "tun_id"], [nxm1(16, "NXM_NX_TUN_ID"), oxm(38, "OXM_OF_TUNNEL_ID")], 8, 64, Bits, Hexadecimal, Nothing;
    TunFlags: ["tun_flags"], [nxm1(104, "NXM_NX_TUN_FLAGS")], 2, 1, Explicit, TunnelFlags, Nothing;
    TunSrc: ["tun_src"], [nxm1(31, "NXM_NX_TUN_IPV4_SRC")], 4, 32, Bits, Ipv4, Nothing;
    TunDst: ["tun_dst"], [nxm1(32, "NXM_NX_TUN_IPV4_DST")], 4, 32, Bits, Ipv4, Nothing;
    TunIpv6Src: ["tun_ipv6_src"], [nxm1(109, "NXM_NX_TUN_IPV6_SRC")], 16, 128, Bits, Ipv6, Nothing;
    TunIpv6Dst: ["tun_ipv6_dst"], [nxm1(110, "NXM_NX_TUN_IPV6_DST")], 16, 128, Bits, Ipv6, Nothing;
    TunGbpId: ["tun_gbp_id"], [nxm1(38, "NXM_NX_TUN_GBP_ID")], 2, 16, Bits, Decimal, Nothing;
    TunGbpFlags: ["tun_gbp_flags"], [nxm1(39, "NXM_NX_TUN_GBP_FLAGS")], 1, 8, Bits, Hexadecimal, Nothing;
    // Registers.
    Reg0: ["reg0"], [nxm1(0, "NXM_NX_REG0")], 4, 32, Bits, Hexadecimal, Nothing;
    Reg1: ["reg1"], [nxm1(1, "NXM_NX_REG1")], 4, 32, Bits, Hexadecimal, Nothing;
    Reg2: ["reg2"], [nxm1(2, "NXM_NX_REG2")], 4, 32, Bits, Hexadecimal, Nothing;
    Reg3: ["reg3"], [nxm1(3, "NXM_NX_REG3")], 4, 32, Bits, Hexadecimal, Nothing;
    Reg4: ["reg4"], [nxm1(4, "NXM_NX_REG4")], 4, 32, Bits, Hexadecimal, Nothing;
    Reg5: ["reg5"], [nxm1(5, "NXM_NX_REG5")], 4, 32, Bits, Hexadecimal, Nothing;
    Reg6: ["reg6"], [nxm1(6, "NXM_NX_REG6")], 4, 32, Bits, Hexadecimal, Nothing;
    Reg7: ["reg7"], [nxm1(7, "NXM_NX_REG7")], 4, 32, Bits, Hexadecimal, Nothing;
    Reg8: ["reg8"], [nxm1(8, "NXM_NX_REG8")], 4, 32, Bits, Hexadecimal, Nothing;
    Reg9: ["reg9"], [nxm1(9, "NXM_NX_REG9")], 4, 32, Bits, Hexadecimal, Nothing;
    Reg10: ["reg10"], [nxm1(10, "NXM_NX_REG10")], 4, 32, Bits, Hexadecimal, Nothing;
    Reg11: ["reg11"], [nxm1(11, "NXM_NX_REG11")], 4, 32, Bits, Hexadecimal, Nothing;
    Reg12: ["reg12"], [nxm1(12, "NXM_NX_REG12")], 4, 32, Bits, Hexadecimal, Nothing;
    Reg13: ["reg13"], [nxm1(13, "NXM_NX_REG13")], 4, 32, Bits, Hexadecimal, Nothing;
    Reg14: ["reg14"], [nxm1(14, "NXM_NX_REG14")], 4, 32, Bits, Hexadecimal, Nothing;
    Reg15: ["reg15"], [nxm1(15, "NXM_NX_REG15")], 4, 32, Bits, Hexadecimal, Nothing;
    PktMark: ["pkt_mark"], [nxm1(33, "NXM_NX_PKT_MARK")], 4, 32, Bits, Hexadecimal, Nothing;
    // Connection tracking.
    CtState: ["ct_state"], [nxm1(105, "NXM_NX_CT_STATE")], 4, 8, Explicit, CtState, Nothing;
    CtZone: ["ct_zone"], [nxm1(106, "NXM_NX_CT_ZONE")], 2, 16, Whole, Hexadecimal, Nothing;
    CtMark: ["ct_mark"], [nxm1(107, "NXM_NX_CT_MARK")], 4, 32, Bits, Hexadecimal, Nothing;
    CtLabel: ["ct_label"], [nxm1(108, "NXM_NX_CT_LABEL")], 16, 128, Bits, Hexadecimal, Nothing;
    CtNwSrc: ["ct_nw_src"], [nxm1(120, "NXM_NX_CT_NW_SRC")], 4, 32, Bits, Ipv4, CtIpv4;
    CtIpv6Src: ["ct_ipv6_src"], [nxm1(122, "NXM_NX_CT_IPV6_SRC")], 16, 128, Bits, Ipv6, CtIpv6;
    CtNwDst: ["ct_nw_dst"], [nxm1(121, "NXM_NX_CT_NW_DST")], 4, 32, Bits, Ipv4, CtIpv4;
    CtIpv6Dst: ["ct_ipv6_dst"], [nxm1(123, "NXM_NX_CT_IPV6_DST")], 16, 128, Bits, Ipv6, CtIpv6;
    CtNwProto: ["ct_nw_proto"], [nxm1(119, "NXM_NX_CT_NW_PROTO")], 1, 8, Whole, Decimal, Ct;
    CtTpSrc: ["ct_tp_src"], [nxm1(124, "NXM_NX_CT_TP_SRC")], 2, 16, Bits, Decimal, CtProtocol;
    CtTpDst: ["ct_tp_dst"], [nxm1(125, "NXM_NX_CT_TP_DST")], 2, 16, Bits, Decimal, CtProtocol;
    Metadata: ["metadata"], [oxm(2, "OXM_OF_METADATA")], 8, 64, Bits, Hexadecimal, Nothing;
    // Other views of fields above.
    VlanTci: ["vlan_tci"], [nxm0(4, "NXM_OF_VLAN_TCI")], 2, 16, Bits, Hexadecimal, Nothing;
    InPort16: ["in_port"], [nxm0(0, "NXM_OF_IN_PORT")], 2, 16, Whole, Port, Nothing;
    IpTos: ["nw_tos"], [nxm0(5, "NXM_OF_IP_TOS")], 1, 8, Whole, Decimal, Ip;
    Xreg0: ["xreg0"], [packet_reg(0, "OXM_OF_PKT_REG0")], 8, 64, Bits, Hexadecimal, Nothing;
    Xreg1: ["xreg1"], [packet_reg(1, "OXM_OF_PKT_REG1")], 8, 64, Bits, Hexadecimal, Nothing;
    Xreg2: ["xreg2"], [packet_reg(2, "OXM_OF_PKT_REG2")], 8, 64, Bits, Hexadecimal, Nothing;
    Xreg3: ["xreg3"], [packet_reg(3, "OXM_OF_PKT_REG3")], 8, 64, Bits, Hexadecimal, Nothing;
    Xreg4: ["xreg4"], [packet_reg(4, "OXM_OF_PKT_REG4")], 8, 64, Bits, Hexadecimal, Nothing;
    Xreg5: ["xreg5"], [packet_reg(5, "OXM_OF_PKT_REG5")], 8, 64, Bits, Hexadecimal, Nothing;
    Xreg6: ["xreg6"], [packet_reg(6, "OXM_OF_PKT_REG6")], 8, 64, Bits, Hexadecimal, Nothing;
    Xreg7: ["xreg7"], [packet_reg(7, "OXM_OF_PKT_REG7")], 8, 64, Bits, Hexadecimal, Nothing;
    Xxreg0: ["xxreg0"], [nxm1(111, "NXM_NX_XXREG0")], 16, 128, Bits, Hexadecimal, Nothing;
    Xxreg1: ["xxreg1"], [nxm1(112, "NXM_NX_XXREG1")], 16, 128, Bits, Hexadecimal, Nothing;
    Xxreg2: ["xxreg2"], [nxm1(113, "NXM_NX_XXREG2")], 16, 128, Bits, Hexadecimal, Nothing;
    Xxreg3: ["xxreg3"], [nxm1(114, "NXM_NX_XXREG3")], 16, 128, Bits, Hexadecimal, Nothing;
}
