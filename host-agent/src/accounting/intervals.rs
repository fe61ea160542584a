//! What was moved in which interval, until the ledger has it. Pure.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU32;

use model::{BothWays, PortId, Timestamp, Traffic, TrafficClass};
use model::{UsageBatch, UsageRecord, UsageTaken};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::journal::Row;
use super::series::Grown;
use crate::pipeline::counting::Direction;

/// The most records that wait for a controller; then the oldest go, and it is said.
const MAX_WAITING: usize = 200_000;

/// The most meters that are kept for ports that are not here any more.
const MAX_METERS: usize = 50_000;

/// How long a record is offered that the ledger refuses, in seconds: the controller may not know yet
/// that the port is here.
const REFUSED_FOR: i64 = 3600;

/// When a flow told its counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    AtReading,
    AtItsEnd,
}

/// Whose record, of when.
pub(super) type Key = (i64, PortId, TrafficClass, u32);

/// A span of time, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: i64,
    pub(super) to: i64,
}

/// A record and how much of it the ledger has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    record: UsageRecord,
    /// Increases with every change.
    version: u64,
    /// The version that is in the ledger; 0: none.
    taken: u64,
}

impl Row for Kept {
    type Key = Key;

    fn key(&self) -> Key {
        key(&self.record)
    }
}

/// The meters, and what they say of intervals that are not in the ledger yet.
#[derive(Debug)]
pub(super) struct Intervals {
    length: NonZeroU32,
    meters: BTreeMap<(PortId, TrafficClass), BothWays>,
    kept: BTreeMap<Key, Kept>,
    /// The newest batches that were offered, oldest first.
    offered: VecDeque<Offer>,
}

/// A batch that was offered: its number, and which versions of which records it holds, in order.
type Offer = (u64, Vec<(Key, u64)>);

/// An answer to an older offer than that comes too late to be understood.
const OFFERS: usize = 16;

impl Intervals {
    pub(super) fn resume(
        length: NonZeroU32,
        meters: impl IntoIterator<Item = (PortId, TrafficClass, BothWays)>,
        kept: Vec<Kept>,
    ) -> Self {
        let meters = meters.into_iter();
        let kept = kept.into_iter();
        Self {
            length,
            meters: meters
                .map(|(port, class, it)| ((port, class), it))
                .collect(),
            kept: kept.map(|kept| (key(&kept.record), kept)).collect(),
            offered: VecDeque::new(),
        }
    }

    pub(super) fn length(&self) -> NonZeroU32 {
        self.length
    }

    pub(super) fn set_length(&mut self, length: NonZeroU32) {
        self.length = length;
    }

    pub(super) fn meters(&self) -> impl Iterator<Item = (PortId, TrafficClass, BothWays)> {
        let meters = self.meters.iter();
        meters.map(|((port, class), total)| (*port, *class, *total))
    }

    pub(super) fn kept(&self) -> impl Iterator<Item = &Kept> {
        self.kept.values()
    }

    /// Adds what was moved over a span: evenly, since nobody can say more, and exact in sum.
    pub(super) fn add(&mut self, grown: &Grown, over: Span) {
        self.book(grown, over, Told::AtReading);
    }

    /// The same of what a flow told when it went.
    pub(super) fn add_last_counts(&mut self, grown: &Grown, over: Span) {
        self.book(grown, over, Told::AtItsEnd);
    }

    fn book(&mut self, grown: &Grown, over: Span, told: Told) {
        let counted = grown.counted;
        let mut rest = grown.by;
        for (start, share) in shares(over, self.length) {
            let part = match share {
                Share::Of { part, whole } => scaled(grown.by, part, whole, rest),
                Share::Rest => rest,
            };
            rest = minus(rest, part);
            let meter = self.meters.entry((counted.port, counted.class));
            let meter = meter.or_default();
            *way(meter, counted.direction) = plus(*way(meter, counted.direction), part);
            let total = *meter;
            let kept = self.kept_at(start, counted.port, counted.class);
            let moved = way(&mut kept.record.moved, counted.direction);
            *moved = plus(*moved, part);
            if told == Told::AtItsEnd {
                let last = way(&mut kept.record.last_counts, counted.direction);
                *last = plus(*last, part);
            }
            kept.record.total = total;
            kept.record.read_at = Timestamp::from_unix_seconds(over.to.div_euclid(1000));
            kept.version += 1;
        }
    }

    /// Notes that so many seconds before now were lost unread.
    pub(super) fn unread(&mut self, port: PortId, class: TrafficClass, seconds: u32, now: i64) {
        let total = self.meters.get(&(port, class)).copied().unwrap_or_default();
        let start = start_of(now, self.length);
        let kept = self.kept_at(start, port, class);
        kept.record.unread_seconds = kept.record.unread_seconds.max(seconds);
        kept.record.total = total;
        kept.version += 1;
    }

    fn kept_at(&mut self, start: i64, port: PortId, class: TrafficClass) -> &mut Kept {
        let seconds = self.length.get();
        let kept = self.kept.entry((start, port, class, seconds));
        kept.or_insert_with(|| Kept {
            record: UsageRecord {
                interval_start: start,
                interval_seconds: seconds,
                port_id: port,
                class,
                moved: BothWays::default(),
                total: BothWays::default(),
                read_at: Timestamp::from_unix_seconds(start),
                unread_seconds: 0,
                last_counts: BothWays::default(),
            },
            version: 0,
            taken: 0,
        })
    }

    /// What the ledger has not, oldest first; none when it has everything.
    pub(super) fn offer(&mut self, epoch: Uuid, number: u64) -> Option<UsageBatch> {
        let open = self.kept.iter().filter(|(_, it)| it.taken < it.version);
        let open: Vec<_> = open.take(UsageBatch::MAX_RECORDS).collect();
        let records: Vec<UsageRecord> = open.iter().map(|(_, it)| it.record.clone()).collect();
        let holds = open.iter().map(|(key, it)| (**key, it.version)).collect();
        if records.is_empty() {
            return None;
        }
        if self.offered.len() == OFFERS {
            self.offered.pop_front();
        }
        self.offered.push_back((number, holds));
        Some(UsageBatch {
            epoch,
            number,
            records,
        })
    }

    /// The ledger has a batch, but for what it refused. Gives how many records are given up.
    pub(super) fn taken(&mut self, taken: &UsageTaken, now: i64) -> usize {
        let mut offers = self.offered.iter();
        let Some(found) = offers.position(|(number, _)| *number == taken.number) else {
            return 0;
        };
        let Some((_, holds)) = self.offered.drain(..=found).next_back() else {
            return 0;
        };
        let mut given_up = 0;
        for (index, (key, version)) in (0u32..).zip(holds) {
            let refused = taken.refused.contains(&index);
            let old = key.0 + REFUSED_FOR < now.div_euclid(1000);
            let Some(kept) = self.kept.get_mut(&key) else {
                continue;
            };
            if !refused {
                kept.taken = kept.taken.max(version);
            } else if old {
                self.kept.remove(&key);
                given_up += 1;
            }
        }
        given_up
    }

    /// Forgets what is over and in the ledger. Gives how many records had to go although they are
    /// not: there is no more room.
    pub(super) fn tidy(&mut self, now: i64) -> usize {
        let now = now.div_euclid(1000);
        self.kept.retain(|(start, _, _, seconds), kept| {
            let over = start + 2 * i64::from(*seconds) < now;
            !over || kept.taken < kept.version
        });
        let mut gone = 0;
        while self.kept.len() > MAX_WAITING {
            self.kept.pop_first();
            gone += 1;
        }
        gone
    }

    /// Forgets the meters of ports that are not here, if there are far too many.
    pub(super) fn forget_meters(&mut self, here: impl Fn(PortId) -> bool) {
        if self.meters.len() > MAX_METERS {
            self.meters.retain(|(port, _), _| here(*port));
        }
    }
}

fn key(record: &UsageRecord) -> Key {
    let UsageRecord {
        interval_start,
        port_id,
        class,
        interval_seconds,
        ..
    } = record;
    (*interval_start, *port_id, *class, *interval_seconds)
}

fn way(of: &mut BothWays, direction: Direction) -> &mut Traffic {
    match direction {
        Direction::Sent => &mut of.sent,
        Direction::Received => &mut of.received,
    }
}

/// How much of an amount falls into an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Share {
    Of {
        part: i64,
        whole: i64,
    },
    /// What the others left, so that the sum is exact.
    Rest,
}

/// No agent was away for longer, in intervals; what is said to be older falls into the first.
const MAX_SHARES: i64 = 10_000;

/// The intervals that a span touches, each with its share.
fn shares(over: Span, length: NonZeroU32) -> Vec<(i64, Share)> {
    let length_ms = i64::from(length.get()) * 1000;
    let from = over.from.min(over.to).max(over.to - MAX_SHARES * length_ms);
    let whole = over.to - from;
    let mut shares = Vec::new();
    let mut at = from;
    loop {
        let start = at.div_euclid(length_ms) * length_ms;
        let end = (start + length_ms).min(over.to);
        if end >= over.to {
            shares.push((start / 1000, Share::Rest));
            return shares;
        }
        let part = end - at;
        shares.push((start / 1000, Share::Of { part, whole }));
        at = end;
    }
}

fn start_of(now: i64, length: NonZeroU32) -> i64 {
    let length = i64::from(length.get());
    now.div_euclid(1000).div_euclid(length) * length
}

fn scaled(amount: Traffic, part: i64, whole: i64, rest: Traffic) -> Traffic {
    let scale = |amount: u64, rest: u64| {
        let share = u128::from(amount) * u128::from(part.unsigned_abs());
        let share = share / u128::from(whole.unsigned_abs().max(1));
        u64::try_from(share).unwrap_or(u64::MAX).min(rest)
    };
    Traffic {
        bytes: scale(amount.bytes, rest.bytes),
        packets: scale(amount.packets, rest.packets),
    }
}

fn plus(a: Traffic, b: Traffic) -> Traffic {
    Traffic {
        bytes: a.bytes.saturating_add(b.bytes),
        packets: a.packets.saturating_add(b.packets),
    }
}

fn minus(a: Traffic, b: Traffic) -> Traffic {
    Traffic {
        bytes: a.bytes.saturating_sub(b.bytes),
        packets: a.packets.saturating_sub(b.packets),
    }
}

#[cfg(test)]
mod tests;
