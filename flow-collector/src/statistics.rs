//! What the collector saw and what it could not use, while it is being counted.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use model::CollectorStatistics;

use crate::tally::{Refusal, Taken};

/// Counts since the collector started.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) datagrams: AtomicU64,
    pub(crate) unknown_agents: AtomicU64,
    pub(crate) unproven: AtomicU64,
    pub(crate) dropped_by_agents: AtomicU64,
    pub(crate) malformed: AtomicU64,
    duplicates: AtomicU64,
    outdated: AtomicU64,
    stray: AtomicU64,
    missing: AtomicU64,
    reordered: AtomicU64,
    flow_samples: AtomicU64,
    counter_samples: AtomicU64,
}

impl Counts {
    /// Adds what became of a datagram.
    pub(crate) fn add(&self, taken: Taken) {
        let refused = |why| u64::from(taken.refused == Some(why));
        let counts = [
            (&self.malformed, u64::from(taken.malformed)),
            (&self.duplicates, refused(Refusal::Duplicate)),
            (&self.outdated, refused(Refusal::Outdated)),
            (&self.stray, refused(Refusal::Stray)),
            (&self.missing, u64::from(taken.missing)),
            (&self.reordered, u64::from(taken.late)),
            (&self.flow_samples, u64::from(taken.flow_samples)),
            (&self.counter_samples, u64::from(taken.counter_samples)),
        ];
        for (count, more) in counts.into_iter().filter(|(_, more)| *more > 0) {
            count.fetch_add(more, Relaxed);
        }
    }

    pub(crate) fn statistics(&self, dropped_by_kernel: u64) -> CollectorStatistics {
        let now = |count: &AtomicU64| count.load(Relaxed);
        CollectorStatistics {
            datagrams: now(&self.datagrams),
            dropped_by_kernel,
            unknown_agents: now(&self.unknown_agents),
            unproven: now(&self.unproven),
            dropped_by_agents: now(&self.dropped_by_agents),
            malformed: now(&self.malformed),
            duplicates: now(&self.duplicates),
            outdated: now(&self.outdated),
            stray: now(&self.stray),
            reordered: now(&self.reordered),
            // What was missing and came late is missing no more.
            missing: now(&self.missing).saturating_sub(now(&self.reordered)),
            flow_samples: now(&self.flow_samples),
            counter_samples: now(&self.counter_samples),
        }
    }
}
