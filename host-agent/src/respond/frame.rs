//! Ethernet, IP and UDP around a request and around an answer.
//!
//! A request is taken only in its plainest form: no tag, no fragment, UDP or ICMPv6 right behind the
//! IP header. No client in use sends another.

use std::net::{Ipv4Addr, Ipv6Addr};

use model::MacAddr;
use openflow::protocol::{ETH_IPV4, ETH_IPV6, IP_ICMP, IP_ICMPV6, IP_UDP};

/// Every station of an Ethernet.
pub(super) const BROADCAST: [u8; 6] = [0xff; 6];
/// Neighbour discovery asks for this hop limit: it shows that no router was in between.
const ON_LINK: u8 = 255;
/// The hop limit of everything else.
const HOPS: u8 = 64;
/// "More fragments" and the fragment's offset.
const FRAGMENT: u16 = 0x3fff;
/// The fragment's offset alone.
const OFFSET: u16 = 0x1fff;

/// Where a frame comes from and goes to on the Ethernet.
#[derive(Clone, Copy)]
pub(super) struct Ethernet {
    pub(super) source: MacAddr,
    pub(super) destination: [u8; 6],
}

/// A message over UDP, with its addresses and ports.
pub(super) struct Udp<A, B> {
    pub(super) source: (A, u16),
    pub(super) destination: (A, u16),
    pub(super) payload: B,
}

/// A message of ICMPv6, with its addresses.
pub(super) struct Icmpv6<B> {
    pub(super) source: Ipv6Addr,
    pub(super) destination: Ipv6Addr,
    pub(super) message: B,
}

/// The IP packet in a frame that this address sent.
fn packet(frame: &[u8], sender: MacAddr, eth_type: u16) -> Option<&[u8]> {
    let (header, packet) = frame.split_first_chunk::<14>()?;
    let is_from_sender = header[6..12] == sender.octets();
    (is_from_sender && header[12..] == eth_type.to_be_bytes()).then_some(packet)
}

/// A message of ICMP, with its addresses.
pub(super) struct Icmp {
    pub(super) source: Ipv4Addr,
    pub(super) destination: Ipv4Addr,
    pub(super) message: Vec<u8>,
}

/// An IP packet of any kind.
pub(super) struct Packet<'a, A> {
    pub(super) source: A,
    pub(super) destination: A,
    pub(super) ttl: u8,
    pub(super) protocol: u8,
    /// Whether it is the first fragment, or all of it.
    pub(super) is_first: bool,
    /// What follows its header.
    pub(super) payload: &'a [u8],
    /// All of it, without what pads the frame.
    pub(super) whole: &'a [u8],
}

/// The IPv4 packet in a frame that `sender` sent.
pub(super) fn ipv4_packet(frame: &[u8], sender: MacAddr) -> Option<Packet<'_, Ipv4Addr>> {
    let packet = packet(frame, sender, ETH_IPV4)?;
    let header = packet.first_chunk::<20>()?;
    let header_bytes = usize::from(header[0] & 0xf) * 4;
    let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let whole = packet.get(..total)?;
    if header[0] >> 4 != 4 || header_bytes < 20 {
        return None;
    }
    Some(Packet {
        source: [header[12], header[13], header[14], header[15]].into(),
        destination: [header[16], header[17], header[18], header[19]].into(),
        ttl: header[8],
        protocol: header[9],
        is_first: u16::from_be_bytes([header[6], header[7]]) & OFFSET == 0,
        payload: whole.get(header_bytes..)?,
        whole,
    })
}

/// The same for IPv6; its extension headers count as what it carries.
pub(super) fn ipv6_packet(frame: &[u8], sender: MacAddr) -> Option<Packet<'_, Ipv6Addr>> {
    let packet = packet(frame, sender, ETH_IPV6)?;
    let header = packet.first_chunk::<40>()?;
    let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
    let whole = packet.get(..length + 40)?;
    let address = |at: usize| Some(Ipv6Addr::from(*header.get(at..)?.first_chunk::<16>()?));
    (header[0] >> 4 == 6).then_some(())?;
    Some(Packet {
        source: address(8)?,
        destination: address(24)?,
        ttl: header[7],
        protocol: header[6],
        is_first: true,
        payload: &whole[40..],
        whole,
    })
}

/// The UDP message over IPv4 in a frame that `sender` sent.
pub(super) fn udp_over_ipv4(frame: &[u8], sender: MacAddr) -> Option<Udp<Ipv4Addr, &[u8]>> {
    let packet = packet(frame, sender, ETH_IPV4)?;
    let header = packet.first_chunk::<20>()?;
    let header_bytes = usize::from(header[0] & 0xf) * 4;
    let is_fragment = u16::from_be_bytes([header[6], header[7]]) & FRAGMENT != 0;
    if header[0] >> 4 != 4 || header_bytes < 20 || is_fragment || header[9] != IP_UDP {
        return None;
    }
    let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let segment = packet.get(header_bytes..total)?;
    let (ports, payload) = udp(segment)?;
    let address = |at: usize| Some(Ipv4Addr::from(*packet.get(at..)?.first_chunk::<4>()?));
    Some(Udp {
        source: (address(12)?, ports[0]),
        destination: (address(16)?, ports[1]),
        payload,
    })
}

/// What an IPv6 packet in a frame that `sender` sent carries right behind its header.
fn ipv6(frame: &[u8], sender: MacAddr, protocol: u8) -> Option<(Icmpv6<&[u8]>, u8)> {
    let packet = packet(frame, sender, ETH_IPV6)?;
    let (header, rest) = packet.split_first_chunk::<40>()?;
    if header[0] >> 4 != 6 || header[6] != protocol {
        return None;
    }
    let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
    let address = |at: usize| Some(Ipv6Addr::from(*header.get(at..)?.first_chunk::<16>()?));
    let carried = Icmpv6 {
        source: address(8)?,
        destination: address(24)?,
        message: rest.get(..length)?,
    };
    Some((carried, header[7]))
}

/// The UDP message over IPv6 in a frame that `sender` sent.
pub(super) fn udp_over_ipv6(frame: &[u8], sender: MacAddr) -> Option<Udp<Ipv6Addr, &[u8]>> {
    let (carried, _) = ipv6(frame, sender, IP_UDP)?;
    let (ports, payload) = udp(carried.message)?;
    Some(Udp {
        source: (carried.source, ports[0]),
        destination: (carried.destination, ports[1]),
        payload,
    })
}

/// The ICMPv6 message of neighbour discovery in a frame that `sender` sent.
pub(super) fn neighbour_discovery(frame: &[u8], sender: MacAddr) -> Option<Icmpv6<&[u8]>> {
    let (carried, hops) = ipv6(frame, sender, IP_ICMPV6)?;
    (hops == ON_LINK).then_some(carried)
}

fn udp(segment: &[u8]) -> Option<([u16; 2], &[u8])> {
    let (header, _) = segment.split_first_chunk::<8>()?;
    let word = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let payload = segment.get(8..usize::from(word(4)))?;
    Some(([word(0), word(2)], payload))
}

/// The frame that carries a UDP message over IPv4; `None` when it is too long for one.
pub(super) fn with_ipv4(ethernet: Ethernet, message: &Udp<Ipv4Addr, Vec<u8>>) -> Option<Vec<u8>> {
    let ends = [message.source.0, message.destination.0].map(|it| it.octets());
    let segment = segment(message, &ends.concat())?;
    let header = ipv4_header(ends, segment.len(), IP_UDP)?;
    Some([head(ethernet, ETH_IPV4), header, segment].concat())
}

/// The frame that carries a message of ICMP, whose checksum is still zero; `None` when it is too
/// long for one.
pub(super) fn with_icmp(ethernet: Ethernet, carried: &Icmp) -> Option<Vec<u8>> {
    let ends = [carried.source, carried.destination].map(|it| it.octets());
    let mut message = carried.message.clone();
    let sum = checksum(&[&message]).to_be_bytes();
    message.get_mut(2..4)?.copy_from_slice(&sum);
    let header = ipv4_header(ends, message.len(), IP_ICMP)?;
    Some([head(ethernet, ETH_IPV4), header, message].concat())
}

fn ipv4_header(ends: [[u8; 4]; 2], length: usize, protocol: u8) -> Option<Vec<u8>> {
    let total = u16::try_from(length + 20).ok()?.to_be_bytes();
    let mut header = vec![
        0x45, 0, total[0], total[1], 0, 0, 0, 0, HOPS, protocol, 0, 0,
    ];
    header.extend(ends.concat());
    let sum = checksum(&[&header]).to_be_bytes();
    header[10..12].copy_from_slice(&sum);
    Some(header)
}

/// The frame that carries a UDP message over IPv6; `None` when it is too long for one.
pub(super) fn with_ipv6(ethernet: Ethernet, message: &Udp<Ipv6Addr, Vec<u8>>) -> Option<Vec<u8>> {
    let ends = [message.source.0, message.destination.0].map(|it| it.octets());
    let segment = segment(message, &ends.concat())?;
    let header = ipv6_header(ends, segment.len(), [IP_UDP, HOPS])?;
    Some([head(ethernet, ETH_IPV6), header, segment].concat())
}

/// The frame that carries a message of neighbour discovery, whose checksum is still zero; `None`
/// when it is too long for one.
pub(super) fn with_icmpv6(ethernet: Ethernet, carried: Icmpv6<Vec<u8>>) -> Option<Vec<u8>> {
    let ends = [carried.source, carried.destination].map(|it| it.octets());
    let mut message = carried.message;
    let header = ipv6_header(ends, message.len(), [IP_ICMPV6, ON_LINK])?;
    let length = u32::try_from(message.len()).ok()?.to_be_bytes();
    let pseudo = [&ends.concat()[..], &length, &[0, 0, 0, IP_ICMPV6]].concat();
    let sum = checksum(&[&pseudo, &message]).to_be_bytes();
    message.get_mut(2..4)?.copy_from_slice(&sum);
    Some([head(ethernet, ETH_IPV6), header, message].concat())
}

fn head(ethernet: Ethernet, eth_type: u16) -> Vec<u8> {
    let Ethernet {
        source,
        destination,
    } = ethernet;
    [&destination[..], &source.octets(), &eth_type.to_be_bytes()].concat()
}

fn ipv6_header(ends: [[u8; 16]; 2], length: usize, [protocol, hops]: [u8; 2]) -> Option<Vec<u8>> {
    let length = u16::try_from(length).ok()?.to_be_bytes();
    let start = [0x60, 0, 0, 0, length[0], length[1], protocol, hops];
    Some([&start[..], &ends.concat()].concat())
}

/// A UDP header and its payload; `ends` are the IP addresses, which its checksum covers too.
fn segment<A>(message: &Udp<A, Vec<u8>>, ends: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(message.payload.len() + 8).ok()?.to_be_bytes();
    let ports = [message.source.1, message.destination.1].map(u16::to_be_bytes);
    let mut segment = [&ports.concat()[..], &length, &[0, 0], &message.payload].concat();
    let pseudo = [ends, &[0, IP_UDP], &length].concat();
    // Zero says that there is no checksum, which IPv6 does not allow (RFC 8200 §8.1).
    let sum = match checksum(&[&pseudo, &segment]) {
        0 => u16::MAX,
        sum => sum,
    };
    segment[6..8].copy_from_slice(&sum.to_be_bytes());
    Some(segment)
}

/// The checksum of IP, UDP and ICMPv6 (RFC 1071). All parts but the last have an even length.
fn checksum(parts: &[&[u8]]) -> u16 {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let sum: u32 = words
        .map(|word| u32::from(word[0]) << 8 | u32::from(word.get(1).copied().unwrap_or(0)))
        .sum();
    let folded = (sum >> 16) + (sum & 0xffff);
    let folded = (folded >> 16) + (folded & 0xffff);
    !u16::try_from(folded).unwrap_or(u16::MAX)
}
