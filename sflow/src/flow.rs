//! Flow records: what is known of one sampled frame.

use std::net::Ipv4Addr;

use nom::Parser;
use nom::combinator::map;

use crate::wire::{Parsed, Structures, decode, ipv4, opaque, word, words};
use crate::{DataFormat, DecodeError};

/// One record of a flow sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowRecord<'a> {
    /// The frame's first bytes, and its length: `sampled_header` (0,1).
    Header(SampledHeader<'a>),
    /// Its VLANs: `extended_switch` (0,1001).
    Switch(ExtendedSwitch),
    /// The tunnel it leaves by: `extended_ipv4_tunnel_egress` (0,1023).
    TunnelEgress(Ipv4Tunnel),
    /// The tunnel it came from: `extended_ipv4_tunnel_ingress` (0,1024).
    TunnelIngress(Ipv4Tunnel),
    /// The network number it gets in that tunnel: `extended_vni_egress` (0,1029).
    VniEgress(u32),
    /// The network number it had in that tunnel: `extended_vni_ingress` (0,1030).
    VniIngress(u32),
    /// Anything else.
    Unknown {
        /// What it is.
        format: DataFormat,
        /// Its bytes.
        body: &'a [u8],
    },
}

/// The first bytes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampledHeader<'a> {
    /// What the header starts with: 1 is Ethernet, the only one Open vSwitch sends.
    pub protocol: u32,
    /// The length of the whole frame, in bytes, with what was stripped.
    pub frame_length: u32,
    /// How many of those bytes were taken off before sampling. Open vSwitch says 4, for an FCS
    /// that it never saw: the frame as the switch has it is `frame_length - stripped` long.
    pub stripped: u32,
    /// The first bytes of the frame, in Open vSwitch 128 by default.
    pub header: &'a [u8],
}

/// The VLANs of a frame, as the switch thinks of them; 0 is untagged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtendedSwitch {
    /// The VLAN it came in on.
    pub source_vlan: u32,
    /// Its 802.1p priority then.
    pub source_priority: u32,
    /// The VLAN it went out on.
    pub destination_vlan: u32,
    /// Its 802.1p priority then.
    pub destination_priority: u32,
}

/// The outer header of a tunnel over IPv4. Open vSwitch gives the ports with their bytes swapped
/// and a length of 0, and for a tunnel over IPv6 a record that means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv4Tunnel {
    /// The length of the IP packet, in bytes.
    pub length: u32,
    /// The IP protocol: 17 is UDP, 47 is GRE.
    pub protocol: u32,
    /// The sending tunnel endpoint.
    pub source: Ipv4Addr,
    /// The receiving tunnel endpoint.
    pub destination: Ipv4Addr,
    /// The TCP or UDP source port.
    pub source_port: u32,
    /// The TCP or UDP destination port.
    pub destination_port: u32,
    /// The TCP flags.
    pub tcp_flags: u32,
    /// The IP type of service.
    pub tos: u32,
}

impl<'a> FlowRecord<'a> {
    fn decode(format: DataFormat, body: &'a [u8]) -> Result<Self, DecodeError> {
        if format.enterprise != 0 {
            return Ok(Self::Unknown { format, body });
        }
        let (_, record) = match format.format {
            1 => decode("sampled header", body, map(header, Self::Header)),
            1001 => decode("switch record", body, map(switch, Self::Switch)),
            1023 => decode("tunnel record", body, map(tunnel, Self::TunnelEgress)),
            1024 => decode("tunnel record", body, map(tunnel, Self::TunnelIngress)),
            1029 => decode("VNI record", body, map(word, Self::VniEgress)),
            1030 => decode("VNI record", body, map(word, Self::VniIngress)),
            _ => Ok((body, Self::Unknown { format, body })),
        }?;
        Ok(record)
    }
}

/// The records of a flow sample.
///
/// A record whose content is broken gives an error and the next one follows; a broken length ends
/// the iteration with its error.
#[derive(Clone, Debug)]
pub struct FlowRecords<'a>(pub(crate) Structures<'a>);

impl<'a> Iterator for FlowRecords<'a> {
    type Item = Result<FlowRecord<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let structure = self.0.next()?;
        Some(structure.and_then(|(format, body)| FlowRecord::decode(format, body)))
    }
}

fn header(bytes: &[u8]) -> Parsed<'_, SampledHeader<'_>> {
    (word, word, word, opaque)
        .map(|(protocol, frame_length, stripped, header)| SampledHeader {
            protocol,
            frame_length,
            stripped,
            header,
        })
        .parse(bytes)
}

fn switch(bytes: &[u8]) -> Parsed<'_, ExtendedSwitch> {
    words
        .map(
            |[
                source_vlan,
                source_priority,
                destination_vlan,
                destination_priority,
            ]| ExtendedSwitch {
                source_vlan,
                source_priority,
                destination_vlan,
                destination_priority,
            },
        )
        .parse(bytes)
}

fn tunnel(bytes: &[u8]) -> Parsed<'_, Ipv4Tunnel> {
    let (rest, (length, protocol, source, destination, others)) =
        (word, word, ipv4, ipv4, words).parse(bytes)?;
    let [source_port, destination_port, tcp_flags, tos] = others;
    let tunnel = Ipv4Tunnel {
        length,
        protocol,
        source,
        destination,
        source_port,
        destination_port,
        tcp_flags,
        tos,
    };
    Ok((rest, tunnel))
}
