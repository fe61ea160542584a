//! A split while its interval is open: in as little room as it goes, for every port has one.
//!
//! Each dimension is a list of at most 20 cells of 34 bytes, which grows by a few at a time. A key is a word
//! in its cell; identifiers and addresses of IPv6, which are longer, lie beside the cells. When one more cell
//! is needed, the smallest fifth of them goes into `other`. What a key may have lost there is bounded:
//! `floor` rises by the largest cell that goes, and a cell that begins later remembers it (Misra and Gries,
//! 1982). At the end of an interval the eight largest stay.

use std::cmp::Reverse;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::{PortId, TrafficClass};
use sflow::{FlowSample, Frame};
use uuid::Uuid;

use super::cluster::Last;
use super::{Cell, KEPT_CELLS, Key, Split, Summary};
use crate::attribute::{Peer, Peers};

/// So many cells a dimension has while an interval is open.
const MOST_CELLS: usize = 20;
/// So many of them stay when there is no room for one more.
const STAYING_CELLS: usize = 16;

/// What a sample adds to its keys.
#[derive(Clone, Copy, Debug, Default)]
struct Sampled {
    bytes: u64,
    packets: u64,
    variance: f64,
}

/// The split of what a port sent in an interval that is open.
#[derive(Debug, Default)]
pub(crate) struct OpenSplit {
    peers: OpenSummary,
    protocols: OpenSummary,
    addresses: OpenSummary,
    last: Option<Last>,
}

impl OpenSplit {
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
        let packets = u64::from(sample.sampling_rate);
        let sampled = Sampled {
            bytes: packets.saturating_mul(length.into()),
            packets,
            variance: self.variance(sample, frame, length),
        };
        self.peers.add(class, Key::Peer(peer), &sampled);
        self.protocols.add(class, protocol, &sampled);
        self.addresses.add(class, address, &sampled);
    }

    /// By how much the variance grows with a sample: more if it is in one cluster with the last.
    fn variance(&mut self, sample: &FlowSample<'_>, frame: &Frame, length: u32) -> f64 {
        let (now, before) = Last::after(self.last.as_ref(), sample, frame, length);
        self.last = Some(now);
        let rate = f64::from(sample.sampling_rate);
        let square = |bytes| f64::from(bytes) * f64::from(bytes);
        rate * (rate - 1.0).max(0.0) * (square(now.bytes) - square(before))
    }

    /// As it is kept.
    pub(crate) fn cut(&self) -> Split {
        Split {
            peers: self.peers.cut(),
            protocols: self.protocols.cut(),
            addresses: self.addresses.cut(),
        }
    }
}

/// One dimension.
#[derive(Debug, Default)]
struct OpenSummary {
    cells: Vec<OpenCell>,
    /// The keys that are longer than a word.
    long: Vec<[u8; 16]>,
    /// What has no cell, by class.
    other: Vec<OpenCell>,
    /// So many bytes one key may have in `other`, if it has no cell.
    floor: u64,
}

/// Of the variance seven digits are enough: it is itself an estimate.
#[derive(Clone, Copy, Debug)]
#[repr(Rust, packed(2))]
struct OpenCell {
    bytes: u64,
    packets: u64,
    variance: f32,
    samples: u32,
    /// At least the bytes that it may have in `other`.
    hidden: f32,
    /// The key, or its place among the long ones.
    word: u32,
    kind: Kind,
    class: TrafficClass,
}

/// What the word of a cell is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Port,
    Pool,
    Outside,
    Everybody,
    Unknown,
    Protocol,
    Service,
    Ethernet,
    V4,
    V6,
    NoAddress,
}

/// A key as it is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Short {
    Word(u32),
    Long([u8; 16]),
}

impl OpenSummary {
    /// Adds a sample.
    fn add(&mut self, class: TrafficClass, key: Key, more: &Sampled) {
        self.cell(class, key).add(1, more);
    }

    fn cell(&mut self, class: TrafficClass, key: Key) -> &mut OpenCell {
        let (kind, short) = shorten(key);
        let mut cells = self.cells.iter();
        let found = cells.position(|it| {
            it.kind == kind
                && it.class == class
                && match short {
                    Short::Word(word) => it.word == word,
                    Short::Long(bytes) => self.long[it.word as usize] == bytes,
                }
        });
        let at = found.unwrap_or_else(|| self.begin(class, kind, short));
        &mut self.cells[at]
    }

    /// A new cell; gives where it is.
    fn begin(&mut self, class: TrafficClass, kind: Kind, short: Short) -> usize {
        if self.cells.len() >= MOST_CELLS {
            self.keep(STAYING_CELLS);
        }
        let word = match short {
            Short::Word(word) => word,
            Short::Long(bytes) => {
                grow(&mut self.long);
                self.long.push(bytes);
                place(self.long.len() - 1)
            }
        };
        grow(&mut self.cells);
        self.cells.push(OpenCell {
            bytes: 0,
            packets: 0,
            variance: 0.0,
            samples: 0,
            hidden: at_least(self.floor),
            word,
            kind,
            class,
        });
        self.cells.len() - 1
    }

    /// Keeps so many of the largest.
    fn keep(&mut self, most: usize) {
        self.cells.sort_unstable_by_key(|cell| Reverse(cell.bytes));
        for gone in self.cells.split_off(most.min(self.cells.len())) {
            // A cell may have lost something before it goes.
            self.floor = self.floor.max(gone.most());
            match self.other.iter_mut().find(|it| it.class == gone.class) {
                Some(other) => other.absorb(&gone),
                None => {
                    self.other.reserve_exact(1);
                    self.other.push(gone);
                }
            }
        }
        let before = std::mem::take(&mut self.long);
        let long = self.cells.iter_mut().filter(|cell| cell.kind.is_long());
        for (now, cell) in long.enumerate() {
            grow(&mut self.long);
            self.long.push(before[cell.word as usize]);
            cell.word = place(now);
        }
    }

    /// As it is kept: the largest of each class.
    fn cut(&self) -> Summary {
        let mut cells = self.cells.clone();
        cells.sort_unstable_by_key(|cell| (cell.class, Reverse(cell.bytes)));
        let mut kept = Summary {
            floor: self.floor,
            ..Summary::default()
        };
        let mut others = self.other.clone();
        for cell in cells {
            let of_class = kept.cells.iter();
            let of_class = of_class.filter(|(class, ..)| *class == cell.class).count();
            if of_class < KEPT_CELLS {
                grow(&mut kept.cells);
                kept.cells.push((cell.class, self.key(&cell), cell.told()));
                continue;
            }
            kept.floor = kept.floor.max(cell.most());
            match others.iter_mut().find(|it| it.class == cell.class) {
                Some(other) => other.absorb(&cell),
                None => others.push(cell),
            }
        }
        let hides_nothing = |cell: &OpenCell| Cell {
            hidden: 0,
            ..cell.told()
        };
        let others = others.iter().map(|it| (it.class, hides_nothing(it)));
        kept.other = others.collect();
        kept
    }

    fn key(&self, cell: &OpenCell) -> Key {
        let long = || self.long[cell.word as usize];
        let [_, protocol, port @ ..] = cell.word.to_be_bytes();
        let port = u16::from_be_bytes(port);
        match cell.kind {
            Kind::Port => Key::Peer(Peer::Port(PortId::from(Uuid::from_bytes(long())))),
            Kind::Pool => Key::Peer(Peer::Pool),
            Kind::Outside => Key::Peer(Peer::Outside),
            Kind::Everybody => Key::Peer(Peer::Everybody),
            Kind::Unknown => Key::Peer(Peer::Unknown),
            Kind::Protocol => Key::Ip(protocol, None),
            Kind::Service => Key::Ip(protocol, Some(port)),
            Kind::Ethernet => Key::Ethernet(port),
            Kind::V4 => Key::Address(Some(Ipv4Addr::from_bits(cell.word).into())),
            Kind::V6 => Key::Address(Some(Ipv6Addr::from(long()).into())),
            Kind::NoAddress => Key::Address(None),
        }
    }
}

impl OpenCell {
    /// What the key may have sent at most.
    fn most(&self) -> u64 {
        self.bytes.saturating_add(self.hidden())
    }

    fn hidden(&self) -> u64 {
        whole(self.hidden)
    }

    fn add(&mut self, samples: u32, more: &Sampled) {
        self.samples = self.samples.saturating_add(samples);
        self.bytes = self.bytes.saturating_add(more.bytes);
        self.packets = self.packets.saturating_add(more.packets);
        #[expect(clippy::cast_possible_truncation, reason = "it is rounded")]
        let variance = (f64::from(self.variance) + more.variance) as f32;
        self.variance = variance;
    }

    fn absorb(&mut self, other: &Self) {
        let more = Sampled {
            bytes: other.bytes,
            packets: other.packets,
            variance: other.variance.into(),
        };
        self.add(other.samples, &more);
    }

    fn told(&self) -> Cell {
        Cell {
            samples: self.samples.into(),
            bytes: self.bytes,
            packets: self.packets,
            variance: self.variance.into(),
            hidden: self.hidden(),
        }
    }
}

impl Kind {
    const fn is_long(self) -> bool {
        matches!(self, Self::Port | Self::V6)
    }
}

fn shorten(key: Key) -> (Kind, Short) {
    let nothing = Short::Word(0);
    match key {
        Key::Peer(Peer::Port(id)) => (Kind::Port, Short::Long(*id.uuid().as_bytes())),
        Key::Peer(Peer::Pool) => (Kind::Pool, nothing),
        Key::Peer(Peer::Outside) => (Kind::Outside, nothing),
        Key::Peer(Peer::Everybody) => (Kind::Everybody, nothing),
        Key::Peer(Peer::Unknown) => (Kind::Unknown, nothing),
        Key::Ip(protocol, None) => (Kind::Protocol, Short::Word(u32::from(protocol) << 16)),
        Key::Ip(protocol, Some(port)) => {
            let word = u32::from(protocol) << 16 | u32::from(port);
            (Kind::Service, Short::Word(word))
        }
        Key::Ethernet(kind) => (Kind::Ethernet, Short::Word(kind.into())),
        Key::Address(Some(IpAddr::V4(address))) => (Kind::V4, Short::Word(address.to_bits())),
        Key::Address(Some(IpAddr::V6(address))) => (Kind::V6, Short::Long(address.octets())),
        Key::Address(None) => (Kind::NoAddress, nothing),
    }
}

/// Makes room for one more, and for few beside it.
fn grow<T>(list: &mut Vec<T>) {
    if list.len() == list.capacity() {
        list.reserve_exact(list.len().clamp(2, 4));
    }
}

/// A place in a list that is never longer than `MOST_CELLS`.
fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// The least of its kind that is no less: what it bounds stays bounded.
fn at_least(bytes: u64) -> f32 {
    let near = bytes as f32;
    match whole(near) < bytes {
        true => near.next_up(),
        false => near,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "it has no fraction, and what is too large stays at the largest"
)]
const fn whole(bytes: f32) -> u64 {
    bytes as u64
}

#[cfg(test)]
mod tests;
