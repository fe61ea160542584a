//! What the collector saw and what it could not use.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use serde::{Deserialize, Serialize};

use crate::tally::Taken;

/// Counts since the collector started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statistics {
    /// Datagrams that came out of the socket.
    pub datagrams: u64,
    /// Datagrams that the kernel dropped because the socket was full.
    pub dropped_by_kernel: u64,
    /// Datagrams from an address that is no host's, or more than one's: dropped.
    pub unknown_agents: u64,
    /// Datagrams of which at least a part was no sFlow version 5.
    pub malformed: u64,
    /// Datagrams that came twice, or far too late: dropped.
    pub refused: u64,
    /// Datagrams that never came, by the gaps in their sequence numbers.
    pub missing: u64,
    /// Flow samples that were attributed to a VIF.
    pub flow_samples: u64,
    /// Counter samples that were attributed to a VIF.
    pub counter_samples: u64,
}

/// The same, while it is being counted.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) datagrams: AtomicU64,
    pub(crate) unknown_agents: AtomicU64,
    pub(crate) malformed: AtomicU64,
    refused: AtomicU64,
    missing: AtomicU64,
    late: AtomicU64,
    flow_samples: AtomicU64,
    counter_samples: AtomicU64,
}

impl Counts {
    /// Adds what became of a datagram.
    pub(crate) fn add(&self, taken: Taken) {
        let counts = [
            (&self.malformed, u64::from(taken.malformed)),
            (&self.refused, u64::from(taken.refused)),
            (&self.missing, u64::from(taken.missing)),
            (&self.late, u64::from(taken.late)),
            (&self.flow_samples, u64::from(taken.flow_samples)),
            (&self.counter_samples, u64::from(taken.counter_samples)),
        ];
        for (count, more) in counts {
            count.fetch_add(more, Relaxed);
        }
    }

    pub(crate) fn statistics(&self, dropped_by_kernel: u64) -> Statistics {
        Statistics {
            datagrams: self.datagrams.load(Relaxed),
            dropped_by_kernel,
            unknown_agents: self.unknown_agents.load(Relaxed),
            malformed: self.malformed.load(Relaxed),
            refused: self.refused.load(Relaxed),
            // What was missing and came late is missing no more.
            missing: self
                .missing
                .load(Relaxed)
                .saturating_sub(self.late.load(Relaxed)),
            flow_samples: self.flow_samples.load(Relaxed),
            counter_samples: self.counter_samples.load(Relaxed),
        }
    }
}
