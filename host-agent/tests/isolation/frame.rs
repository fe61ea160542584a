//! Frames, byte by byte: also those that no honest stack would make.

use std::net::{Ipv4Addr, Ipv6Addr};

pub(crate) type Mac = [u8; 6];

pub(crate) const BROADCAST: Mac = [0xff; 6];

/// A frame before it is bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) destination: Mac,
    pub(crate) source: Mac,
    /// Tags from the outermost on: Ethernet type and control information.
    pub(crate) tags: Vec<(u16, u16)>,
    pub(crate) payload: Payload,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Payload {
    Arp {
        op: u16,
        sha: Mac,
        spa: Ipv4Addr,
        tha: Mac,
        tpa: Ipv4Addr,
    },
    Udp4 {
        source: Ipv4Addr,
        destination: Ipv4Addr,
        ports: (u16, u16),
    },
    Udp6 {
        source: Ipv6Addr,
        destination: Ipv6Addr,
        ports: (u16, u16),
    },
    /// An ICMPv6 message with a target and one link-layer address option, as neighbour
    /// solicitations and advertisements have.
    Nd {
        source: Ipv6Addr,
        kind: u8,
        target: Ipv6Addr,
        option: Option<Mac>,
    },
    Other {
        eth_type: u16,
    },
    /// These bytes.
    Bytes {
        eth_type: u16,
        bytes: Vec<u8>,
    },
}

impl Frame {
    pub(crate) fn new(source: Mac, destination: Mac, payload: Payload) -> Self {
        Self {
            destination,
            source,
            tags: Vec::new(),
            payload,
        }
    }

    /// With one more tag outside of those it has.
    pub(crate) fn tagged(mut self, eth_type: u16, control: u16) -> Self {
        self.tags.insert(0, (eth_type, control));
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = [self.destination, self.source].concat();
        for (eth_type, control) in &self.tags {
            bytes.extend(eth_type.to_be_bytes());
            bytes.extend(control.to_be_bytes());
        }
        bytes.extend(self.payload.eth_type().to_be_bytes());
        bytes.extend(self.payload.bytes());
        bytes.resize(bytes.len().max(60), 0);
        bytes
    }
}

impl Payload {
    fn eth_type(&self) -> u16 {
        match self {
            Self::Arp { .. } => 0x0806,
            Self::Udp4 { .. } => 0x0800,
            Self::Udp6 { .. } | Self::Nd { .. } => 0x86dd,
            Self::Other { eth_type } | Self::Bytes { eth_type, .. } => *eth_type,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Arp {
                op,
                sha,
                spa,
                tha,
                tpa,
            } => [
                &[0, 1, 8, 0, 6, 4][..],
                &op.to_be_bytes(),
                sha,
                &spa.octets(),
                tha,
                &tpa.octets(),
            ]
            .concat(),
            Self::Udp4 {
                source,
                destination,
                ports,
            } => [
                &[0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0][..],
                &source.octets(),
                &destination.octets(),
                &udp(*ports),
            ]
            .concat(),
            Self::Udp6 {
                source,
                destination,
                ports,
            } => ipv6(17, *source, *destination, &udp(*ports)),
            Self::Nd {
                source,
                kind,
                target,
                option,
            } => {
                let mut message = vec![*kind, 0, 0, 0, 0, 0, 0, 0];
                message.extend(target.octets());
                if let Some(mac) = option {
                    message.extend([kind - 134, 1]);
                    message.extend(mac);
                }
                let all_nodes = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
                ipv6(58, *source, all_nodes, &message)
            }
            Self::Other { .. } => vec![0; 46],
            Self::Bytes { bytes, .. } => bytes.clone(),
        }
    }
}

pub(crate) fn udp((source, destination): (u16, u16)) -> Vec<u8> {
    let ports = [source.to_be_bytes(), destination.to_be_bytes()].concat();
    [&ports[..], &[0, 8, 0, 0]].concat()
}

pub(crate) fn ipv6(protocol: u8, source: Ipv6Addr, destination: Ipv6Addr, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    let head = [0x60, 0, 0, 0, length[0], length[1], protocol, 255];
    let addresses = [source.octets(), destination.octets()].concat();
    [&head[..], &addresses, body].concat()
}
