//! Frames for the evaluator's tests: a small world of addresses, so that flows and packets meet.

use openflow::PortNo;
use proptest::prelude::*;
use proptest::sample::select;

pub(crate) const MACS: [[u8; 6]; 3] = [
    [2, 0, 0, 0, 0, 0x0a],
    [2, 0, 0, 0, 0, 0x0b],
    [0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
];
pub(crate) const IPV4S: [[u8; 4]; 3] = [[10, 0, 0, 1], [10, 0, 0, 2], [10, 0, 1, 3]];
pub(crate) const IPV6S: [[u8; 16]; 2] = [
    [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
    [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2],
];
pub(crate) const PORTS: [u16; 3] = [53, 80, 1000];
pub(crate) const VIDS: [u16; 2] = [5, 6];

/// What is inside an IP packet.
#[derive(Debug, Clone)]
pub(crate) enum Transport {
    Udp {
        source: u16,
        destination: u16,
    },
    Tcp {
        source: u16,
        destination: u16,
        flags: u8,
    },
    Icmp {
        kind: u8,
        code: u8,
    },
    /// A neighbour solicitation or advertisement with this many link-layer options.
    Nd {
        kind: u8,
        target: usize,
        options: u8,
    },
    Other(u8),
}

/// What is inside a frame.
#[derive(Debug, Clone)]
pub(crate) enum Payload {
    Ipv4 {
        from: usize,
        to: usize,
        ttl: u8,
        tos: u8,
        fragment: u16,
        transport: Transport,
    },
    Ipv6 {
        from: usize,
        to: usize,
        ttl: u8,
        has_extension: bool,
        transport: Transport,
    },
    Arp {
        op: u16,
        from: usize,
        to: usize,
    },
    Llc,
    Other(u16),
}

/// A frame as a sender might make it, or break it.
#[derive(Debug, Clone)]
pub(crate) struct Recipe {
    pub(crate) source: usize,
    pub(crate) destination: usize,
    /// VLAN ids, the outermost first.
    pub(crate) tags: Vec<u16>,
    pub(crate) payload: Payload,
    /// Cuts the frame, but not into its first header.
    pub(crate) cut: Option<usize>,
}

impl Recipe {
    pub(crate) fn build(&self) -> Vec<u8> {
        let mut frame = [MACS[self.destination], MACS[self.source]].concat();
        for vid in &self.tags {
            frame.extend([0x81, 0]);
            frame.extend((vid | 0x2000).to_be_bytes());
        }
        match &self.payload {
            Payload::Ipv4 {
                from,
                to,
                ttl,
                tos,
                fragment,
                transport,
            } => {
                let body = transport.build(&IPV4S[*from], &IPV4S[*to], false);
                let length = length(&[&[0; 20], &body[..]].concat());
                let mut header = vec![0x45, *tos];
                header.extend(length);
                header.extend([0, 7]);
                header.extend(fragment.to_be_bytes());
                header.extend([*ttl, transport.protocol(false), 0, 0]);
                header.extend(IPV4S[*from]);
                header.extend(IPV4S[*to]);
                let sum = checksum(&[&header]);
                header[10..12].copy_from_slice(&sum);
                frame.extend([8, 0]);
                frame.extend(header);
                frame.extend(body);
            }
            Payload::Ipv6 {
                from,
                to,
                ttl,
                has_extension,
                transport,
            } => {
                let mut body = transport.build(&IPV6S[*from], &IPV6S[*to], true);
                let mut next = transport.protocol(true);
                if *has_extension {
                    body.splice(0..0, [next, 0, 1, 4, 0, 0, 0, 0]);
                    next = 60;
                }
                frame.extend([0x86, 0xdd, 0x60, 0, 0, 9]);
                frame.extend(length(&body));
                frame.extend([next, *ttl]);
                frame.extend(IPV6S[*from]);
                frame.extend(IPV6S[*to]);
                frame.extend(body);
            }
            Payload::Arp { op, from, to } => {
                frame.extend([8, 6, 0, 1, 8, 0, 6, 4]);
                frame.extend(op.to_be_bytes());
                frame.extend(MACS[self.source]);
                frame.extend(IPV4S[*from]);
                frame.extend([0; 6]);
                frame.extend(IPV4S[*to]);
            }
            Payload::Llc => frame.extend([0, 30, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0, 0x45, 0, 0, 20]),
            Payload::Other(kind) => frame.extend(kind.to_be_bytes()),
        }
        if let Some(cut) = self.cut {
            frame.truncate((14 + cut).min(frame.len()));
        }
        frame
    }
}

impl Recipe {
    /// The answer to it, if it is something that can be answered.
    pub(crate) fn answer(&self) -> Recipe {
        let mut answer = self.clone();
        (answer.source, answer.destination) = (self.destination % 2, self.source);
        match &mut answer.payload {
            Payload::Ipv4 {
                from,
                to,
                transport,
                ..
            }
            | Payload::Ipv6 {
                from,
                to,
                transport,
                ..
            } => {
                std::mem::swap(from, to);
                transport.turn();
            }
            _ => {}
        }
        answer
    }
}

impl Recipe {
    pub(crate) fn is_fragment(&self) -> bool {
        matches!(self.payload, Payload::Ipv4 { fragment, .. } if fragment & 0x3fff != 0)
    }

    /// What can be compared of the frames that came of it. Open vSwitch takes the payload of
    /// a later fragment for a transport header, and mends a checksum in it that is none.
    pub(crate) fn comparable(&self, mut outputs: Vec<(PortNo, Vec<u8>)>) -> Vec<(PortNo, Vec<u8>)> {
        if let Payload::Ipv4 { fragment, .. } = self.payload
            && fragment & 0x1fff != 0
        {
            for (_, frame) in &mut outputs {
                frame.truncate(12);
            }
        }
        outputs
    }
}

impl Transport {
    fn turn(&mut self) {
        match self {
            Transport::Udp {
                source,
                destination,
            }
            | Transport::Tcp {
                source,
                destination,
                ..
            } => {
                std::mem::swap(source, destination);
            }
            Transport::Icmp {
                kind: kind @ (0 | 8),
                ..
            } => *kind = 8 - *kind,
            _ => {}
        }
    }

    fn protocol(&self, is_v6: bool) -> u8 {
        match self {
            Transport::Udp { .. } => 17,
            Transport::Tcp { .. } => 6,
            Transport::Icmp { .. } if is_v6 => 58,
            Transport::Icmp { .. } => 1,
            Transport::Nd { .. } => 58,
            Transport::Other(protocol) => *protocol,
        }
    }

    fn build(&self, from: &[u8], to: &[u8], is_v6: bool) -> Vec<u8> {
        let (mut body, sum_at) = match self {
            Transport::Udp {
                source,
                destination,
            } => {
                let mut udp = [source.to_be_bytes(), destination.to_be_bytes()].concat();
                udp.extend([0, 12, 0, 0, 1, 2, 3, 4]);
                (udp, 6)
            }
            Transport::Tcp {
                source,
                destination,
                flags,
            } => {
                let mut tcp = [source.to_be_bytes(), destination.to_be_bytes()].concat();
                tcp.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x50, *flags, 1, 0, 0, 0, 0, 0, 9, 9]);
                (tcp, 16)
            }
            Transport::Icmp { kind, code } => (vec![*kind, *code, 0, 0, 0, 3, 0, 1, 5, 5], 2),
            Transport::Nd {
                kind,
                target,
                options,
            } => {
                let mut nd = vec![*kind, 0, 0, 0, 0x60, 0, 0, 0];
                nd.extend(IPV6S[*target]);
                for option in 0..*options {
                    nd.extend([1 + option % 2, 1, 2, 0, 0, 0, 0, 0x0a]);
                }
                (nd, 2)
            }
            Transport::Other(_) => return vec![1, 2, 3, 4, 5, 6, 7, 8],
        };
        let protocol = self.protocol(is_v6);
        let length = length(&body);
        let pseudo = [from, to, &[0, protocol], &length].concat();
        let counts_pseudo = protocol != 1;
        let sum = match counts_pseudo {
            true => checksum(&[&pseudo, &body]),
            false => checksum(&[&body]),
        };
        body[sum_at..sum_at + 2].copy_from_slice(&sum);
        body
    }
}

fn length(bytes: &[u8]) -> [u8; 2] {
    u16::try_from(bytes.len()).unwrap().to_be_bytes()
}

/// The internet checksum (RFC 1071) of parts of even length but for the last.
fn checksum(parts: &[&[u8]]) -> [u8; 2] {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let word = |word: &[u8]| u32::from(word[0]) << 8 | u32::from(*word.get(1).unwrap_or(&0));
    let mut sum: u32 = words.map(word).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!u16::try_from(sum).unwrap()).to_be_bytes()
}

fn transport() -> impl Strategy<Value = Transport> {
    let ports = || (select(&PORTS[..]), select(&PORTS[..]));
    prop_oneof![
        ports().prop_map(|(source, destination)| Transport::Udp {
            source,
            destination
        }),
        (ports(), 0u8..0x40).prop_map(|((source, destination), flags)| Transport::Tcp {
            source,
            destination,
            flags
        }),
        (select(&[0u8, 8, 3][..]), 0u8..2).prop_map(|(kind, code)| Transport::Icmp { kind, code }),
        (135u8..137, 0usize..2, 0u8..4).prop_map(|(kind, target, options)| Transport::Nd {
            kind,
            target,
            options
        }),
        select(&[0u8, 47, 132][..]).prop_map(Transport::Other),
    ]
}

fn payload() -> impl Strategy<Value = Payload> {
    let ttl = || select(&[0u8, 1, 2, 64][..]);
    let fragment = select(&[0u16, 0, 0, 0x4000, 0x2000, 0x2005, 3][..]);
    prop_oneof![
        4 => (0..3usize, 0..3usize, ttl(), any::<u8>(), fragment, transport()).prop_map(
            |(from, to, ttl, tos, fragment, transport)| Payload::Ipv4 { from, to, ttl, tos, fragment, transport }
        ),
        3 => (0..2usize, 0..2usize, ttl(), any::<bool>(), transport()).prop_map(
            |(from, to, ttl, has_extension, transport)| Payload::Ipv6 { from, to, ttl, has_extension, transport }
        ),
        2 => (select(&[1u16, 2, 0x101][..]), 0..3usize, 0..3usize)
            .prop_map(|(op, from, to)| Payload::Arp { op, from, to }),
        1 => Just(Payload::Llc),
        1 => select(&[0x88b5u16, 0x8100, 0x0800, 0x86dd][..]).prop_map(Payload::Other),
    ]
}

/// Frames of all sorts, sound and broken.
pub(crate) fn recipe() -> impl Strategy<Value = Recipe> {
    let tags = proptest::collection::vec(select(&VIDS[..]), 0..3);
    let cut = proptest::option::weighted(0.15, 0usize..60);
    (0..2usize, 0..3usize, tags, payload(), cut).prop_map(
        |(source, destination, tags, payload, cut)| Recipe {
            source,
            destination,
            tags,
            payload,
            cut,
        },
    )
}
