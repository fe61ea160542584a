//! What a port sent, split by peer, protocol and address: from flow samples, in bounded room.
//!
//! Each dimension is a list of at most 32 cells. When one more is needed, the smallest half of them goes
//! into `other`. What a key may have lost there is bounded: `floor` rises by the largest cell that goes,
//! and a cell that begins later remembers it (Misra and Gries, 1982). At the end of an interval the eight
//! largest stay.
//!
//! **Clusters.** Frames that were cut out of one (GSO, USO) are sampled together or not at all. So they
//! are one observation: what a cell keeps for its variance is the sum of the squares of clusters. They are
//! told by their places: the sequence numbers of TCP, the identification of IPv4.

use std::net::IpAddr;

use model::{PortId, TrafficClass};
use sflow::{FlowSample, Frame, InSeries};

use crate::attribute::{Peer, Peers};

/// So many cells a dimension has while an interval is open.
const MOST_CELLS: usize = 32;
/// So many of each class are kept of it.
pub const KEPT_CELLS: usize = 8;
/// No cluster has more frames: the largest super-frame, 64 KiB, in frames of 1,448 bytes, is 46.
const LARGEST_CLUSTER: u64 = 64;
/// Where places do not tell, this many samples in a row of one flow may be one.
const BLIND_CLUSTER: u64 = 16;

/// What the traffic is split by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// Whom it is for.
    Peer(Peer),
    /// The IP protocol, and the lower port of TCP and UDP: that of the service.
    Ip(u8, Option<u16>),
    /// What is no IP, by its Ethernet type.
    Ethernet(u16),
    /// The address it is for; none of what is no IP.
    Address(Option<IpAddr>),
}

/// What was sampled of a key.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cell {
    /// How many samples.
    pub samples: u64,
    /// Their frames' bytes, times the sampling rate.
    pub bytes: u64,
    /// Their number, times the sampling rate.
    pub packets: u64,
    /// The variance of `bytes`: the sum over clusters of N(N − 1) times the square of their bytes.
    pub variance: f64,
    /// So many bytes more may be in `other`.
    pub hidden: u64,
}

impl Cell {
    fn absorb(&mut self, other: &Self) {
        self.samples = self.samples.saturating_add(other.samples);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.packets = self.packets.saturating_add(other.packets);
        self.variance += other.variance;
    }
}

/// One dimension.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// The largest, in no order.
    pub cells: Vec<(TrafficClass, Key, Cell)>,
    /// The rest, by class.
    pub other: Vec<(TrafficClass, Cell)>,
    /// So many bytes one key may have in `other`, if it has no cell.
    pub floor: u64,
}

impl Summary {
    fn cell(&mut self, class: TrafficClass, key: Key) -> &mut Cell {
        let found = |cells: &[(TrafficClass, Key, Cell)]| {
            let mut cells = cells.iter();
            cells.position(|(its, of, _)| *its == class && *of == key)
        };
        let at = found(&self.cells).unwrap_or_else(|| {
            if self.cells.len() >= MOST_CELLS {
                self.keep(MOST_CELLS / 2);
            }
            let cell = Cell {
                hidden: self.floor,
                ..Cell::default()
            };
            self.cells.push((class, key, cell));
            self.cells.len() - 1
        });
        &mut self.cells[at].2
    }

    /// Keeps so many of the largest.
    fn keep(&mut self, most: usize) {
        self.cells
            .sort_by_key(|(_, _, cell)| std::cmp::Reverse(cell.bytes));
        let most = most.min(self.cells.len());
        let gone = self.cells.split_off(most);
        self.give_up(gone);
    }

    fn give_up(&mut self, gone: Vec<(TrafficClass, Key, Cell)>) {
        let lost = |(_, _, cell): &(TrafficClass, Key, Cell)| cell.bytes + cell.hidden;
        // A cell may have lost something before it goes.
        let largest = gone.iter().map(lost).max();
        self.floor = self.floor.max(largest.unwrap_or(0));
        for (class, _, cell) in gone {
            match self.other.iter_mut().find(|(its, _)| *its == class) {
                Some((_, other)) => other.absorb(&cell),
                None => self.other.push((class, Cell { hidden: 0, ..cell })),
            }
        }
    }

    /// As it is kept: the largest of each class.
    fn cut(mut self) -> Self {
        self.cells
            .sort_by_key(|(class, _, cell)| (*class, std::cmp::Reverse(cell.bytes)));
        let mut kept: Vec<(TrafficClass, Key, Cell)> = Vec::new();
        let mut gone = Vec::new();
        for cell in std::mem::take(&mut self.cells) {
            let of_class = kept.iter().filter(|(class, ..)| *class == cell.0).count();
            match of_class < KEPT_CELLS {
                true => kept.push(cell),
                false => gone.push(cell),
            }
        }
        self.cells = kept;
        self.give_up(gone);
        self
    }
}

/// The split of what a port sent in an interval.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Split {
    /// By whom it is for.
    pub peers: Summary,
    /// By what it carries.
    pub protocols: Summary,
    /// By the address it is for.
    pub addresses: Summary,
    last: Option<Last>,
}

/// The last sample, and the cluster that it is in.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Last {
    flow: Flow,
    place: Option<InSeries>,
    sequence: u32,
    /// Bytes of the cluster until now, as they were sampled.
    bytes: f64,
    samples: u64,
}

/// What tells one flow of a port from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Flow {
    destination: [u8; 6],
    packet: Option<(IpAddr, IpAddr, u8, Option<[u16; 2]>)>,
}

impl Split {
    /// Adds a sample of a frame of so many bytes.
    pub(crate) fn add(&mut self, sample: &FlowSample<'_>, frame: &Frame, length: u32, of: &Peers) {
        let (class, peer) = of.destination(frame);
        let packet = frame.packet;
        let protocol = packet.map_or(Key::Ethernet(frame.ethertype), |it| {
            let service = it
                .ports
                .map(|[source, destination]| source.min(destination));
            Key::Ip(it.protocol, service)
        });
        let address = Key::Address(packet.map(|it| it.destination));
        let rate = u64::from(sample.sampling_rate);
        let bytes = rate.saturating_mul(length.into());
        let variance = self.variance(sample, frame, length);
        for (summary, key) in [
            (&mut self.peers, Key::Peer(peer)),
            (&mut self.protocols, protocol),
            (&mut self.addresses, address),
        ] {
            let cell = summary.cell(class, key);
            cell.samples += 1;
            cell.bytes = cell.bytes.saturating_add(bytes);
            cell.packets = cell.packets.saturating_add(rate);
            cell.variance += variance;
        }
    }

    /// By how much the variance grows with a sample: more if it is in one cluster with the last.
    fn variance(&mut self, sample: &FlowSample<'_>, frame: &Frame, length: u32) -> f64 {
        let flow = Flow {
            destination: frame.destination,
            packet: frame
                .packet
                .map(|it| (it.source, it.destination, it.protocol, it.ports)),
        };
        let place = frame.packet.and_then(|it| it.place);
        let before = self
            .last
            .filter(|last| last.is_followed_by(&flow, place, sample));
        let (bytes, samples) = before.map_or((0.0, 0), |last| (last.bytes, last.samples));
        let all = bytes + f64::from(length);
        self.last = Some(Last {
            flow,
            place,
            sequence: sample.sequence,
            bytes: all,
            samples: samples + 1,
        });
        let rate = f64::from(sample.sampling_rate);
        rate * (rate - 1.0).max(0.0) * (all * all - bytes * bytes)
    }

    /// As it is kept.
    pub(crate) fn cut(&self) -> Self {
        let Self {
            peers,
            protocols,
            addresses,
            last: _,
        } = self.clone();
        Self {
            peers: peers.cut(),
            protocols: protocols.cut(),
            addresses: addresses.cut(),
            last: None,
        }
    }
}

impl Last {
    fn is_followed_by(
        &self,
        flow: &Flow,
        place: Option<InSeries>,
        sample: &FlowSample<'_>,
    ) -> bool {
        if self.flow != *flow {
            return false;
        }
        match (self.place, place) {
            (Some(before), Some(now)) => before.next == now.this && self.samples < LARGEST_CLUSTER,
            (None, None) => {
                // Where nothing tells, what comes next to each other may be one.
                let is_next = self.sequence.wrapping_add(1) == sample.sequence;
                is_next && is_blind(flow) && self.samples < BLIND_CLUSTER
            }
            _ => false,
        }
    }
}

/// Whether super-frames of a flow cannot be told by their places: UDP over IPv6.
fn is_blind(flow: &Flow) -> bool {
    matches!(flow.packet, Some((IpAddr::V6(_), _, 17, _)))
}

/// The text of a key, as it is kept and told.
impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Peer(peer) => peer.fmt(f),
            Self::Ip(protocol, service) => {
                match protocol {
                    1 => f.write_str("icmp")?,
                    6 => f.write_str("tcp")?,
                    17 => f.write_str("udp")?,
                    58 => f.write_str("icmpv6")?,
                    132 => f.write_str("sctp")?,
                    other => write!(f, "ip-{other}")?,
                }
                service.map_or(Ok(()), |port| write!(f, "/{port}"))
            }
            Self::Ethernet(0x0806) => f.write_str("arp"),
            Self::Ethernet(other) => write!(f, "ethernet-0x{other:04x}"),
            Self::Address(Some(address)) => address.fmt(f),
            Self::Address(None) => f.write_str("none"),
        }
    }
}

/// Whose splits.
pub type Splits = Vec<Kept>;

/// A port's split of an interval: absolute, so that writing it twice does no harm.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// When the interval starts, in seconds since 1970.
    pub interval_start: i64,
    /// Where.
    pub host: model::HostId,
    /// Who sent it.
    pub port: PortId,
    /// The port's network.
    pub network: model::NetworkId,
    /// The port's tenant.
    pub tenant: model::TenantId,
    /// It, cut.
    pub split: Split,
}

#[cfg(test)]
mod tests;
