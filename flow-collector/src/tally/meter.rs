//! From two readings of an interface's counters to what went through it in between.

use model::{PortId, Traffic};
use sflow::{DirectionCounters, InterfaceCounters};

use super::order::{Order, Stamp};

/// The counters of a VIF's interface at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// When.
    pub stamp: Stamp,
    /// The port behind the interface then.
    pub port: PortId,
    /// What the VIF has sent: what came *in* at the switch.
    pub sent: Counter,
    /// What the VIF has received: what went *out* of the switch.
    pub received: Counter,
}

/// One direction's counters since the interface came to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counter {
    /// Bytes, from the Ethernet header on, without FCS.
    pub bytes: u64,
    /// Frames. Wraps.
    pub packets: u32,
}

/// Where an interface's counters began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// While this ledger was kept: all that they show is ours to count.
    Watched,
    /// Before: what they show at first is past and unknown.
    Unwatched,
}

/// What went through an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// What the VIF sent.
    pub sent: Traffic,
    /// What it received.
    pub received: Traffic,
}

impl Reading {
    /// A reading, unless the agent leaves out what is needed: then the next one catches up.
    #[must_use]
    pub fn new(stamp: Stamp, port: PortId, counters: &InterfaceCounters) -> Option<Self> {
        Some(Self {
            stamp,
            port,
            sent: Counter::new(&counters.input)?,
            received: Counter::new(&counters.output)?,
        })
    }

    /// The reading that this one is counted from, if `last` is the newest before it.
    #[must_use]
    pub(super) fn counted_from(&self, last: Option<&Self>, beginning: Beginning) -> Self {
        let zero = Self {
            sent: Counter::default(),
            received: Counter::default(),
            ..*self
        };
        match last {
            None if beginning == Beginning::Watched => zero,
            None => *self,
            Some(last) if self.fell(last) => zero,
            Some(last) if self.port == last.port => *last,
            Some(_) => *self,
        }
    }

    fn fell(&self, last: &Self) -> bool {
        self.sent.bytes < last.sent.bytes || self.received.bytes < last.received.bytes
    }

    /// What the first reading of an interface counts for.
    #[must_use]
    pub fn first(&self, beginning: Beginning) -> Moved {
        match beginning {
            Beginning::Watched => self.whole(),
            Beginning::Unwatched => Moved::default(),
        }
    }

    /// What went through since `last`, the newest reading of the same ifIndex; `None` when this
    /// one is no newer.
    #[must_use]
    pub fn since(&self, last: &Self) -> Option<Moved> {
        if let Order::NotLater(_) = self.stamp.order(last.stamp) {
            return None;
        }
        let fell = self.fell(last);
        if fell && self.stamp.is_outlived_by(last.stamp) {
            return None;
        }
        let moved = match (fell, self.port == last.port) {
            // They only ever grow: these began anew, at zero.
            (true, _) => self.whole(),
            (false, true) => self.difference(last),
            // The interface changed hands, and what it shows may be its former port's.
            (false, false) => Moved::default(),
        };
        Some(moved)
    }

    fn whole(&self) -> Moved {
        Moved {
            sent: self.sent.since(Counter::default()),
            received: self.received.since(Counter::default()),
        }
    }

    fn difference(&self, last: &Self) -> Moved {
        Moved {
            sent: self.sent.since(last.sent),
            received: self.received.since(last.received),
        }
    }
}

impl Counter {
    fn new(counters: &DirectionCounters) -> Option<Self> {
        Some(Self {
            bytes: counters.octets?,
            // Open vSwitch counts every frame here, be it unicast or not.
            packets: counters.unicast?,
        })
    }

    fn since(self, last: Self) -> Traffic {
        Traffic {
            bytes: self.bytes.saturating_sub(last.bytes),
            packets: self.packets.wrapping_sub(last.packets).into(),
        }
    }
}
