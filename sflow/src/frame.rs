//! The first bytes of a sampled frame, read as far as they go: who it is for, what it carries, and what
//! tells frames that were cut out of one.
//!
//! ```text
//!   Ethernet  destination, source, up to two tags (IEEE 802.1Q), type
//!     IPv4 (RFC 791) | IPv6 (RFC 8200)  destination, protocol, length, identification
//!       TCP (RFC 9293) | UDP (RFC 768)  ports, sequence number
//! ```
//!
//! The bytes are a tenant's, and cut anywhere. What is not there is not known; nothing is an error.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What a frame's first bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The Ethernet address it is for.
    pub destination: [u8; 6],
    /// What it carries, behind all tags: 0x0800 is IPv4, 0x86dd IPv6.
    pub ethertype: u16,
    /// Its IP packet, if there is one.
    pub packet: Option<Packet>,
}

/// An IP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Who it is from.
    pub source: IpAddr,
    /// Who it is for.
    pub destination: IpAddr,
    /// What it carries: 6 is TCP, 17 is UDP. Of IPv6 the first header behind the fixed one.
    pub protocol: u8,
    /// The ports, of TCP and UDP in a first fragment.
    pub ports: Option<[u16; 2]>,
    /// Where it stands in a series, if it is in one that can be told.
    pub place: Option<InSeries>,
}

/// A packet's place among those that were cut out of one: it is next after the one whose `next` it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InSeries {
    /// Its own place.
    pub this: u32,
    /// That of the one behind it.
    pub next: u32,
}

const TCP: u8 = 6;
const UDP: u8 = 17;

impl Frame {
    /// Reads an Ethernet frame's first bytes; none if not even its type is there.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (destination, rest) = bytes.split_first_chunk::<6>()?;
        let (_source, rest) = rest.split_first_chunk::<6>()?;
        let (mut ethertype, mut rest) = half(rest)?;
        for _ in 0..2 {
            if !matches!(ethertype, 0x8100 | 0x88a8) {
                break;
            }
            let (_tag, behind) = half(rest)?;
            (ethertype, rest) = half(behind)?;
        }
        let packet = match ethertype {
            0x0800 => ipv4(rest),
            0x86dd => ipv6(rest),
            _ => None,
        };
        Some(Self {
            destination: *destination,
            ethertype,
            packet,
        })
    }
}

fn half(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (half, rest) = bytes.split_first_chunk::<2>()?;
    Some((u16::from_be_bytes(*half), rest))
}

fn ipv4(bytes: &[u8]) -> Option<Packet> {
    let (fixed, _) = bytes.split_first_chunk::<20>()?;
    let header = usize::from(fixed[0] & 0x0f) * 4;
    if fixed[0] >> 4 != 4 || header < 20 {
        return None;
    }
    let whole = u16::from_be_bytes([fixed[2], fixed[3]]);
    let identification = u16::from_be_bytes([fixed[4], fixed[5]]);
    let fragment = u16::from_be_bytes([fixed[6], fixed[7]]) & 0x1fff;
    let [.., s0, s1, s2, s3, d0, d1, d2, d3] = *fixed;
    let protocol = fixed[9];
    let payload = usize::from(whole).saturating_sub(header);
    let behind = bytes.get(header..).filter(|_| fragment == 0);
    let mut packet = Packet {
        source: Ipv4Addr::new(s0, s1, s2, s3).into(),
        destination: Ipv4Addr::new(d0, d1, d2, d3).into(),
        protocol,
        ports: None,
        place: None,
    };
    carried(&mut packet, behind.unwrap_or_default(), payload);
    if protocol == UDP && packet.ports.is_some() && identification != 0 {
        packet.place = Some(InSeries {
            this: identification.into(),
            next: identification.wrapping_add(1).into(),
        });
    }
    Some(packet)
}

fn ipv6(bytes: &[u8]) -> Option<Packet> {
    let (fixed, rest) = bytes.split_first_chunk::<8>()?;
    if fixed[0] >> 4 != 6 {
        return None;
    }
    let payload = usize::from(u16::from_be_bytes([fixed[4], fixed[5]]));
    let (source, rest) = rest.split_first_chunk::<16>()?;
    let (destination, behind) = rest.split_first_chunk::<16>()?;
    let mut packet = Packet {
        source: Ipv6Addr::from(*source).into(),
        destination: Ipv6Addr::from(*destination).into(),
        protocol: fixed[6],
        ports: None,
        place: None,
    };
    carried(&mut packet, behind, payload);
    Some(packet)
}

/// Reads what the packet carries, `payload` bytes of which the first are here.
fn carried(packet: &mut Packet, bytes: &[u8], payload: usize) {
    if !matches!(packet.protocol, TCP | UDP) {
        return;
    }
    let Some(([a, b, c, d], rest)) = bytes.split_first_chunk::<4>() else {
        return;
    };
    packet.ports = Some([u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d])]);
    let Some((tcp, _)) = rest
        .split_first_chunk::<9>()
        .filter(|_| packet.protocol == TCP)
    else {
        return;
    };
    let this = u32::from_be_bytes([tcp[0], tcp[1], tcp[2], tcp[3]]);
    let header = usize::from(tcp[8] >> 4) * 4;
    let data = u32::try_from(payload.saturating_sub(header)).unwrap_or(0);
    // Acknowledgements without data have all the same number, and were not cut out of anything.
    if data > 0 {
        packet.place = Some(InSeries {
            this,
            next: this.wrapping_add(data),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From 10.0.0.1, port 4000, to 10.0.0.2, port 443: TCP with 100 bytes from number 7 on.
    fn tcp() -> Vec<u8> {
        let mut bytes = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x00];
        bytes.extend([0x45, 0, 0, 140, 0x12, 0x34, 0x40, 0, 64, 6, 0, 0]);
        bytes.extend([10, 0, 0, 1, 10, 0, 0, 2]);
        bytes.extend([0x0f, 0xa0, 0x01, 0xbb, 0, 0, 0, 7, 0, 0, 0, 0, 0x50, 0x10]);
        bytes
    }

    #[test]
    fn a_segment_tells_its_addresses_ports_and_place() {
        let frame = Frame::read(&tcp()).unwrap();
        assert_eq!(frame.destination, [2, 0, 0, 0, 0, 2]);
        let packet = frame.packet.unwrap();
        assert_eq!(packet.destination, IpAddr::from([10, 0, 0, 2]));
        assert_eq!((packet.protocol, packet.ports), (6, Some([4000, 443])));
        assert_eq!(packet.place, Some(InSeries { this: 7, next: 107 }));
    }

    #[test]
    fn tags_are_looked_behind() {
        let mut tagged = tcp();
        tagged.splice(12..12, [0x88, 0xa8, 0, 5, 0x81, 0x00, 0, 7]);
        assert_eq!(Frame::read(&tagged), Frame::read(&tcp()));
    }

    #[test]
    fn an_acknowledgement_without_data_is_in_no_series() {
        let mut bytes = tcp();
        bytes[17] = 40;
        assert_eq!(Frame::read(&bytes).unwrap().packet.unwrap().place, None);
    }

    #[test]
    fn a_frame_cut_anywhere_says_less_and_never_panics() {
        let whole = tcp();
        for end in 0..whole.len() {
            let cut = Frame::read(&whole[..end]);
            assert_eq!(cut.is_some(), end >= 14, "{end}");
            let packet = cut.and_then(|it| it.packet);
            assert_eq!(packet.is_some(), end >= 34, "{end}");
        }
    }

    #[test]
    fn fragments_that_follow_have_no_ports() {
        let mut bytes = tcp();
        bytes[21] = 1;
        let packet = Frame::read(&bytes).unwrap().packet.unwrap();
        assert_eq!((packet.ports, packet.place), (None, None));
    }
}
