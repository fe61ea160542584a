//! Frames, honest and otherwise. Each carries a mark in its payload by which it is recognized
//! wherever it turns up, whatever its addresses say.

use std::net::{Ipv4Addr, Ipv6Addr};

use etherparse::PacketBuilder;

/// An Ethernet address.
pub type Mac = [u8; 6];

/// The address of everybody.
pub const BROADCAST: Mac = [0xff; 6];

/// An IPv4 UDP datagram with `mark` as its payload.
#[must_use]
pub fn udp(from: (Mac, Ipv4Addr), to: (Mac, Ipv4Addr), mark: &str) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(from.0, to.0)
        .ipv4(from.1.octets(), to.1.octets(), 64)
        .udp(40_000, 40_001);
    let mut frame = Vec::new();
    let written = builder.write(&mut frame, mark.as_bytes());
    written.unwrap_or_else(|e| panic!("{e}"));
    frame
}

/// An IPv6 UDP datagram with `mark` as its payload.
#[must_use]
pub fn udp6(from: (Mac, Ipv6Addr), to: (Mac, Ipv6Addr), mark: &str) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(from.0, to.0)
        .ipv6(from.1.octets(), to.1.octets(), 64)
        .udp(40_000, 40_001);
    let mut frame = Vec::new();
    let written = builder.write(&mut frame, mark.as_bytes());
    written.unwrap_or_else(|e| panic!("{e}"));
    frame
}

/// An IPv4 UDP datagram to a port, with any payload.
#[must_use]
pub fn datagram(from: (Mac, Ipv4Addr), to: (Mac, Ipv4Addr), port: u16, payload: &[u8]) -> Vec<u8> {
    between_ports(from, to, (port, port), payload)
}

/// The same from one port to another.
#[must_use]
pub fn between_ports(
    from: (Mac, Ipv4Addr),
    to: (Mac, Ipv4Addr),
    ports: (u16, u16),
    payload: &[u8],
) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(from.0, to.0)
        .ipv4(from.1.octets(), to.1.octets(), 64)
        .udp(ports.0, ports.1);
    let mut frame = Vec::new();
    let written = builder.write(&mut frame, payload);
    written.unwrap_or_else(|e| panic!("{e}"));
    frame
}

/// An ICMP echo request (RFC 792) with `mark` as its payload.
#[must_use]
pub fn echo(from: (Mac, Ipv4Addr), to: (Mac, Ipv4Addr), mark: &str) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(from.0, to.0)
        .ipv4(from.1.octets(), to.1.octets(), 64)
        .icmpv4_echo_request(1, 1);
    let mut frame = Vec::new();
    let written = builder.write(&mut frame, mark.as_bytes());
    written.unwrap_or_else(|e| panic!("{e}"));
    frame
}

/// An ICMPv6 echo request (RFC 4443 §4.1) to all nodes from the link-local address of a MAC.
#[must_use]
pub fn echo_v6(from: Mac, to: Mac, mark: &str) -> Vec<u8> {
    let [a, b, c, d, e, f] = from;
    let mut link_local = [0; 16];
    link_local[..2].copy_from_slice(&[0xfe, 0x80]);
    link_local[8..].copy_from_slice(&[a ^ 2, b, c, 0xff, 0xfe, d, e, f]);
    let all_nodes = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
    let builder = PacketBuilder::ethernet2(from, to)
        .ipv6(link_local, all_nodes.octets(), 1)
        .icmpv6_echo_request(1, 1);
    let mut frame = Vec::new();
    let written = builder.write(&mut frame, mark.as_bytes());
    written.unwrap_or_else(|e| panic!("{e}"));
    frame
}

/// A tunnel's UDP port, and a frame wrapped for it: VXLAN (RFC 7348 §5).
#[must_use]
pub fn in_vxlan(vni: u32, frame: &[u8]) -> (u16, Vec<u8>) {
    let [_, a, b, c] = vni.to_be_bytes();
    (4789, [&[8, 0, 0, 0, a, b, c, 0][..], frame].concat())
}

/// The same for Geneve without options (RFC 8926 §3.1).
#[must_use]
pub fn in_geneve(vni: u32, frame: &[u8]) -> (u16, Vec<u8>) {
    let [_, a, b, c] = vni.to_be_bytes();
    (6081, [&[0, 0, 0x65, 0x58, a, b, c, 0][..], frame].concat())
}

/// What an ARP message says of one side.
pub type ArpSide = (Mac, Ipv4Addr);

/// An ARP message (RFC 826), request or reply, followed by `mark` as padding.
#[must_use]
pub fn arp(reply: bool, source: Mac, sender: ArpSide, target: ArpSide, mark: &str) -> Vec<u8> {
    let destination = if reply { target.0 } else { BROADCAST };
    let mut frame = ethernet(destination, source, 0x0806);
    frame.extend([0, 1, 8, 0, 6, 4, 0, if reply { 2 } else { 1 }]);
    for (mac, address) in [sender, target] {
        frame.extend(mac);
        frame.extend(address.octets());
    }
    frame.extend(mark.as_bytes());
    frame
}

/// A frame of an Ethernet type of our own choice, with `mark` as its payload.
#[must_use]
pub fn raw(source: Mac, destination: Mac, ethertype: u16, mark: &str) -> Vec<u8> {
    let mut frame = ethernet(destination, source, ethertype);
    frame.extend(mark.as_bytes());
    frame.resize(frame.len().max(60), 0);
    frame
}

/// The same frame with an IEEE 802.1Q tag (or one more) outside.
#[must_use]
pub fn tagged(vlan: u16, frame: &[u8]) -> Vec<u8> {
    let mut tagged = frame[..12].to_vec();
    tagged.extend(0x8100_u16.to_be_bytes());
    tagged.extend(vlan.to_be_bytes());
    tagged.extend(&frame[12..]);
    tagged
}

/// Whether `frame` carries `mark`.
#[must_use]
pub fn carries(frame: &[u8], mark: &str) -> bool {
    frame
        .windows(mark.len())
        .any(|part| part == mark.as_bytes())
}

/// The address a frame says it comes from.
#[must_use]
pub fn source(frame: &[u8]) -> Option<Mac> {
    frame.get(6..12)?.try_into().ok()
}

fn ethernet(destination: Mac, source: Mac, ethertype: u16) -> Vec<u8> {
    let mut frame = destination.to_vec();
    frame.extend(source);
    frame.extend(ethertype.to_be_bytes());
    frame
}
