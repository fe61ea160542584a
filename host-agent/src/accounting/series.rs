//! One continuous series out of flows that come and go. Pure.
//!
//! A flow's counts begin at zero with it, and its last ones are told when it goes. What a port moved
//! is therefore the sum of what its flows grew by: between two readings, from nothing for a flow that
//! is new, and up to its last counts for one that is gone.

use std::collections::{BTreeMap, VecDeque};

use model::Traffic;
use openflow::Match;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::pipeline::counting::Counted;

/// How far apart two births may seem, in milliseconds, and still be the same flow's: the switch
/// looks at its clock once a round.
const SAME_BIRTH: u64 = 2_000;

/// A flow that is gone is given up when its last counts have not come for so many readings.
const PATIENCE: u32 = 20;

/// What tells a flow from the others in a switch, as text: it goes to disk.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct FlowName(String);

impl FlowName {
    pub(super) fn new(table: u8, priority: u16, matching: &Match) -> Self {
        Self(format!("{table} {priority} {matching}"))
    }
}

/// A counting flow as the switch has it.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) name: FlowName,
    pub(super) counted: Counted,
    /// When it was made, in milliseconds since the host started.
    pub(super) born: u64,
    pub(super) counts: Traffic,
}

/// A counting flow as it was last read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Live {
    pub(super) counted: Counted,
    /// Not known of a flow that was never read.
    pub(super) born: Option<u64>,
    pub(super) counts: Traffic,
}

/// What moved since the last reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grown {
    pub(super) counted: Counted,
    pub(super) by: Traffic,
}

/// A flow whose last counts nobody will tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lost {
    pub(super) counted: Counted,
    /// When one in its place was made, in milliseconds since the host started.
    pub(super) replaced: Option<u64>,
}

/// What the flows were before a connection to the switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// As this series has them: what is not among them is new.
    Known,
    /// Nobody knows: what they show now is past.
    Unknown,
}

/// Every counting flow of a switch.
#[derive(Debug, Default)]
pub(super) struct Series {
    live: BTreeMap<FlowName, Live>,
    /// Gone, oldest first; their last counts are under way.
    ended: FxHashMap<FlowName, VecDeque<(Live, u32)>>,
}

impl Series {
    pub(super) fn resume(live: impl IntoIterator<Item = (FlowName, Live)>) -> Self {
        Self {
            live: live.into_iter().collect(),
            ended: FxHashMap::default(),
        }
    }

    pub(super) fn live(&self) -> impl Iterator<Item = (&FlowName, &Live)> {
        self.live.iter()
    }

    /// The first reading of a connection: of what happened before it nobody told.
    pub(super) fn begin(&mut self, found: Vec<Found>, before: Before) -> (Vec<Grown>, Vec<Lost>) {
        self.ended.clear();
        let mut last = std::mem::take(&mut self.live);
        let (mut grown, mut lost) = (Vec::new(), Vec::new());
        for found in found {
            let known = last.remove(&found.name);
            let from = match (&known, before) {
                (Some(live), _) if live.is(&found) => live.counts,
                (None, Before::Unknown) => found.counts,
                _ => Traffic::default(),
            };
            let counted = found.counted;
            if let Some(gone) = known.filter(|live| !live.is(&found)) {
                lost.push(Lost {
                    counted: gone.counted,
                    replaced: Some(found.born),
                });
            }
            grown.extend(growth(counted, from, found.counts));
            self.live.insert(found.name.clone(), Live::from(&found));
        }
        lost.extend(last.into_values().map(|gone| Lost {
            counted: gone.counted,
            replaced: None,
        }));
        (grown, lost)
    }

    /// A further reading. Of all that came and went in between the switch has told.
    pub(super) fn read(&mut self, found: Vec<Found>) -> Vec<Grown> {
        let mut grown = Vec::new();
        for found in found {
            let last = self.live.get(&found.name).map(|live| live.counts);
            let last = last.filter(|last| !fell(*last, found.counts));
            grown.extend(growth(
                found.counted,
                last.unwrap_or_default(),
                found.counts,
            ));
            self.live.insert(found.name.clone(), Live::from(&found));
        }
        self.lose_patience();
        grown
    }

    /// The switch has a new flow.
    pub(super) fn added(&mut self, name: FlowName, counted: Counted) {
        self.removed(&name);
        let live = Live {
            counted,
            born: None,
            counts: Traffic::default(),
        };
        self.live.insert(name, live);
    }

    /// The switch has a flow no more; its last counts follow.
    pub(super) fn removed(&mut self, name: &FlowName) {
        if let Some(gone) = self.live.remove(name) {
            let ended = self.ended.entry(name.clone()).or_default();
            ended.push_back((gone, 0));
        }
    }

    /// The last counts of a flow that is gone: of several with a name, the oldest.
    pub(super) fn last_counts(&mut self, name: &FlowName, counts: Traffic) -> Option<Grown> {
        let ended = self.ended.get_mut(name);
        let gone = ended.and_then(VecDeque::pop_front).map(|(gone, _)| gone);
        let gone = gone.or_else(|| self.live.remove(name))?;
        if self.ended.get(name).is_some_and(VecDeque::is_empty) {
            self.ended.remove(name);
        }
        growth(gone.counted, gone.counts, counts)
    }

    fn lose_patience(&mut self) {
        self.ended.retain(|_, ended| {
            for (_, readings) in ended.iter_mut() {
                *readings += 1;
            }
            ended.retain(|(_, readings)| *readings < PATIENCE);
            !ended.is_empty()
        });
    }
}

impl Live {
    /// Whether this is the flow that was found.
    fn is(&self, found: &Found) -> bool {
        // One that was never read counted nothing yet, so it does not matter which one it is.
        let born = self.born.unwrap_or(found.born);
        self.counted == found.counted
            && born.abs_diff(found.born) <= SAME_BIRTH
            && !fell(self.counts, found.counts)
    }
}

impl From<&Found> for Live {
    fn from(found: &Found) -> Self {
        Self {
            counted: found.counted,
            born: Some(found.born),
            counts: found.counts,
        }
    }
}

fn fell(last: Traffic, now: Traffic) -> bool {
    now.bytes < last.bytes || now.packets < last.packets
}

fn growth(counted: Counted, last: Traffic, now: Traffic) -> Option<Grown> {
    let by = Traffic {
        bytes: now.bytes.saturating_sub(last.bytes),
        packets: now.packets.saturating_sub(last.packets),
    };
    (by != Traffic::default()).then_some(Grown { counted, by })
}

#[cfg(test)]
mod tests;
