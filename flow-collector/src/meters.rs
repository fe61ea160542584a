//! The tallies of all hosts, for several threads at once.
//!
//! A host's state is in one of a few tallies, each behind a lock of its own: threads meet only when
//! two hosts of one tally speak at the same moment, and then for less than a microsecond.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::{HostId, Inventory, RelayedDatagram, RelayedSamples, SampleWay, Timestamp};
use sflow::Datagram;
use tokio::sync::watch;

use crate::attribute::{Attribution, Sender};
use crate::collector::interval_start;
use crate::statistics::Counts;
use crate::tally::{Batch, Resume, Tally};

/// So many tallies; a power of two, and more than there are threads.
const TALLIES: usize = 32;

/// With so many ports a portion of what changed is large enough to be written.
const PORTION: usize = 256;

/// A clock may be a little behind a timer, in milliseconds.
const MOMENT: i64 = 20;

/// All tallies, and what is needed to add to them.
#[derive(Debug)]
pub(crate) struct Meters {
    tallies: [Mutex<Tally>; TALLIES],
    known: Mutex<Known>,
    interval_seconds: NonZeroU32,
    way: SampleWay,
    pub(crate) counts: Counts,
}

/// The newest inventory, arranged to be asked.
#[derive(Debug)]
struct Known {
    inventory: watch::Receiver<Arc<Inventory>>,
    attribution: Arc<Attribution>,
}

/// How much of the open interval is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Detail {
    /// The amounts, and what they rest on.
    Amounts,
    /// Their splits, too, which are much.
    WithSplits,
}

impl Meters {
    /// Goes on where a ledger ends.
    pub(crate) fn resume(
        from: Resume,
        interval_seconds: NonZeroU32,
        mut inventory: watch::Receiver<Arc<Inventory>>,
    ) -> Self {
        let attribution = Arc::new(Attribution::from(inventory.borrow_and_update().clone()));
        let tallies = shared_out(from).map(|its| Mutex::new(Tally::resume(its)));
        Self {
            tallies,
            known: Mutex::new(Known {
                inventory,
                attribution,
            }),
            interval_seconds,
            way: SampleWay::default(),
            counts: Counts::default(),
        }
    }

    /// The same, taking only what comes this way.
    pub(crate) fn by(self, way: SampleWay) -> Self {
        Self { way, ..self }
    }

    /// Adds what these datagrams say, which have just come: whose each is, and its bytes unless it
    /// was longer than any may be.
    pub(crate) fn take<'d>(&self, datagrams: impl Iterator<Item = (IpAddr, Option<&'d [u8]>)>) {
        let attribution = self.attribution();
        let arrived = Timestamp::now().unix_milliseconds();
        for (source, bytes) in datagrams {
            self.counts.datagrams.fetch_add(1, Relaxed);
            if self.way == SampleWay::Session {
                self.counts.unproven.fetch_add(1, Relaxed);
                continue;
            }
            self.take_one(attribution.sender(source), bytes, arrived);
        }
    }

    /// Adds what an agent hands on, of a host that has proven who it is.
    pub(crate) fn take_relayed(&self, host: HostId, samples: &RelayedSamples) {
        let attribution = self.attribution();
        let sender = attribution.proven(host);
        let now = Timestamp::now().unix_milliseconds();
        if samples.dropped > 0 {
            let dropped = &self.counts.dropped_by_agents;
            dropped.fetch_add(samples.dropped, Relaxed);
            let mut tally = lock(&self.tallies[place(host)]);
            tally.begin(interval_start(Timestamp::now(), self.interval_seconds));
            tally.note_dropped(host, samples.dropped);
        }
        for datagram in &samples.datagrams {
            self.counts.datagrams.fetch_add(1, Relaxed);
            let waited = datagram.waited_milliseconds;
            let waited = waited.min(RelayedDatagram::MAX_WAIT_MILLISECONDS);
            self.take_one(sender, Some(&datagram.bytes), now - i64::from(waited));
        }
    }

    /// Adds what a datagram says that came at `arrived`, in milliseconds since 1970.
    fn take_one(&self, sender: Option<&Sender>, bytes: Option<&[u8]>, arrived: i64) {
        let Some(sender) = sender else {
            self.counts.unknown_agents.fetch_add(1, Relaxed);
            return;
        };
        let Some(datagram) = bytes.and_then(|bytes| Datagram::decode(bytes).ok()) else {
            self.counts.malformed.fetch_add(1, Relaxed);
            return;
        };
        let mut tally = lock(&self.tallies[place(sender.host)]);
        let moment = Timestamp::from_unix_seconds(arrived.div_euclid(1000));
        tally.begin(interval_start(moment, self.interval_seconds));
        let taken = tally.take(sender, &datagram, arrived);
        drop(tally);
        self.counts.add(taken);
    }

    /// How long it is until the present interval is over, and a moment more.
    pub(crate) fn rest_of_interval(&self) -> Duration {
        let length = i64::from(self.interval_seconds.get()) * 1000;
        let into = Timestamp::now().unix_milliseconds().rem_euclid(length);
        Duration::from_millis((length - into + MOMENT).unsigned_abs())
    }

    /// What changed since it was told last, in portions: each is gathered when it is asked for, so that
    /// what waits to be written is never much. A host is in one.
    pub(crate) fn portions(&self, detail: Detail) -> impl Iterator<Item = Batch> {
        let mut tallies = self.tallies.iter();
        std::iter::from_fn(move || {
            let mut portion = self.told_by(tallies.next()?, detail);
            while !is_enough(&portion)
                && let Some(tally) = tallies.next()
            {
                portion.append(self.told_by(tally, detail));
            }
            Some(portion)
        })
    }

    fn told_by(&self, tally: &Mutex<Tally>, detail: Detail) -> Batch {
        let mut tally = lock(tally);
        tally.begin(interval_start(Timestamp::now(), self.interval_seconds));
        if detail == Detail::WithSplits {
            tally.cut_splits();
        }
        tally.batch()
    }

    fn attribution(&self) -> Arc<Attribution> {
        let mut known = lock(&self.known);
        // An error means that no newer inventory will come; the last one stays.
        if known.inventory.has_changed().unwrap_or(false) {
            let newest = known.inventory.borrow_and_update().clone();
            known.attribution = Arc::new(Attribution::from(newest));
        }
        known.attribution.clone()
    }
}

/// Splits that were asked for change no amounts: where traffic has ended, they are all that there is.
fn is_enough(portion: &Batch) -> bool {
    portion.entries.len().max(portion.splits.len()) >= PORTION
}

/// In which tally a host is. Its id ends in chance.
fn place(host: HostId) -> usize {
    let [.., last] = *host.uuid().as_bytes();
    usize::from(last) % TALLIES
}

/// What each tally goes on from.
fn shared_out(from: Resume) -> [Resume; TALLIES] {
    let mut all: [Resume; TALLIES] = std::array::from_fn(|_| Resume {
        begun: from.begun,
        interval_start: from.interval_start,
        ..Resume::default()
    });
    for entry in from.entries {
        all[place(entry.host)].entries.push(entry);
    }
    for reading in from.readings {
        let (host, _) = reading.0;
        all[place(host)].readings.push(reading);
    }
    for heard in from.heard {
        all[place(heard.host)].heard.push(heard);
    }
    for it in from.evidence.counters {
        all[place(it.of.0)].evidence.counters.push(it);
    }
    for it in from.evidence.datagrams {
        all[place(it.of)].evidence.datagrams.push(it);
    }
    all
}

/// A thread that panicked in the middle of a datagram has left sums that hold for all before it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
