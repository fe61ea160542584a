//! What was heard of a host in the open interval, and what was not.
//!
//! What was lost on the way shows twice: as gaps in the sequence of datagrams, and in that of the
//! samples of each source. The second says how many samples there would have been, so that the
//! estimate of an interval can be put right by it when the interval ends.

use model::HostId;
use rustc_hash::FxHashMap;
use sflow::{DataSource, FlowSample};

use super::evidence::{DatagramRun, Place, add_datagram};
use super::order::{Admission, Clock, Stamp, Window};

/// So many sampling processes one host may have; one more and all are forgotten.
const MOST_SUB_AGENTS: usize = 64;
/// A gap that is wider was never one: the source counts anew.
const WIDEST_GAP: u32 = 1_000_000;

/// What came of a host's datagrams in an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// When the interval starts, in seconds since 1970.
    pub interval_start: i64,
    /// Whose.
    pub host: HostId,
    /// Datagrams that were taken.
    pub datagrams: u64,
    /// Datagrams that never came.
    pub missing: u64,
    /// Datagrams that were refused: they came twice, far too late, or did not fit.
    pub refused: u64,
    /// Flow samples that were taken, of whatever interface.
    pub samples: u64,
    /// Flow samples that never came.
    pub samples_missing: u64,
    /// Samples that the switch says it dropped itself.
    pub sample_drops: u64,
    /// The lowest and the highest sampling rate; 0 without samples.
    pub rates: [u32; 2],
    /// How often a clock was set, the host's or ours.
    pub clock_steps: u64,
    /// Datagrams that its agent had and could not hand on: of those that are missing.
    pub dropped_by_agent: u64,
}

impl Heard {
    /// Of nothing yet.
    #[must_use]
    pub const fn new(interval_start: i64, host: HostId) -> Self {
        Self {
            interval_start,
            host,
            datagrams: 0,
            missing: 0,
            refused: 0,
            samples: 0,
            samples_missing: 0,
            sample_drops: 0,
            rates: [0; 2],
            clock_steps: 0,
            dropped_by_agent: 0,
        }
    }

    /// An amount that rests on the samples taken, put right for those that never came.
    #[must_use]
    pub fn put_right(&self, amount: u64) -> u64 {
        if self.samples == 0 {
            return amount;
        }
        let sent = u128::from(self.samples) + u128::from(self.samples_missing);
        let right = u128::from(amount) * sent / u128::from(self.samples);
        u64::try_from(right).unwrap_or(u64::MAX)
    }
}

/// A host's datagrams, as they come.
#[derive(Debug)]
pub(super) struct Reception {
    pub(super) heard: Heard,
    /// The datagrams that were taken in the interval.
    pub(super) runs: Vec<DatagramRun>,
    windows: FxHashMap<u32, (Window, Clock)>,
    sources: FxHashMap<(u32, DataSource), Source>,
}

/// How far a source of flow samples has come.
#[derive(Clone, Copy, Debug)]
struct Source {
    sequence: u32,
    drops: u32,
}

impl Reception {
    pub(super) fn new(heard: Heard) -> Self {
        Self {
            heard,
            runs: Vec::new(),
            windows: FxHashMap::default(),
            sources: FxHashMap::default(),
        }
    }

    /// Whether to take a datagram.
    pub(super) fn admit(&mut self, sub_agent: u32, stamp: Stamp) -> Admission {
        let Some((window, clock)) = self.windows.get_mut(&sub_agent) else {
            if self.windows.len() >= MOST_SUB_AGENTS {
                self.windows.clear();
                self.sources.clear();
            }
            let both = (Window::new(stamp), Clock::new(stamp));
            self.windows.insert(sub_agent, both);
            self.heard.datagrams += 1;
            add_datagram(&mut self.runs, sub_agent, stamp, Place::InANewRun);
            return Admission::New { missing: 0 };
        };
        let admission = window.admit(stamp);
        let place = match admission {
            Admission::Restarted => Some(Place::InANewRun),
            Admission::New { .. } | Admission::Late => Some(Place::InTheRun),
            Admission::Duplicate | Admission::Outdated | Admission::Stray => None,
        };
        if let Some(place) = place {
            add_datagram(&mut self.runs, sub_agent, stamp, place);
        }
        match admission {
            Admission::New { missing } => {
                self.heard.datagrams += 1;
                self.heard.missing += u64::from(missing);
                self.heard.clock_steps += u64::from(clock.was_set(stamp));
            }
            Admission::Restarted => {
                self.heard.datagrams += 1;
                *clock = Clock::new(stamp);
                self.sources.retain(|(of, _), _| *of != sub_agent);
            }
            // What comes out of order says nothing of the clocks.
            Admission::Late => {
                self.heard.datagrams += 1;
                self.heard.missing = self.heard.missing.saturating_sub(1);
            }
            Admission::Duplicate | Admission::Outdated | Admission::Stray => {
                self.heard.refused += 1;
            }
        }
        admission
    }

    /// Notes a flow sample of a datagram that was taken.
    pub(super) fn note(&mut self, sub_agent: u32, flow: &FlowSample<'_>) {
        let now = Source {
            sequence: flow.sequence,
            drops: flow.drops,
        };
        let heard = &mut self.heard;
        heard.samples += 1;
        let rate = flow.sampling_rate;
        heard.rates = match heard.rates {
            [0, _] => [rate; 2],
            [least, most] => [least.min(rate), most.max(rate)],
        };
        if self.sources.len() >= MOST_SUB_AGENTS {
            self.sources.clear();
        }
        let key = (sub_agent, flow.source);
        let Some(last) = self.sources.insert(key, now) else {
            return;
        };
        match now.sequence.wrapping_sub(last.sequence) {
            ahead @ 1..=WIDEST_GAP => {
                heard.samples_missing += u64::from(ahead - 1);
                let dropped = now.drops.wrapping_sub(last.drops);
                heard.sample_drops += u64::from(dropped).min(u64::from(WIDEST_GAP));
            }
            // A source that does not count.
            0 => {}
            back if back.wrapping_neg() <= WIDEST_GAP => {
                heard.samples_missing = heard.samples_missing.saturating_sub(1);
                self.sources.insert(key, last);
            }
            _ => {}
        }
    }
}
