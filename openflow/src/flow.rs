//! Flows: what one wants installed, or what a switch says is.

mod instruction;
#[cfg(test)]
mod tests;

use std::ops::BitOr;

use crate::action::Action;
use crate::matching::Match;

pub use instruction::{Instructions, UnknownInstruction, WriteMetadata};

/// The priority of a flow that names none.
pub const DEFAULT_PRIORITY: u16 = 0x8000;

/// What one wants installed in a table, or what a switch says is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Flow {
    /// The table, 0 to 254.
    pub table: u8,
    /// The highest one that matches wins.
    pub priority: u16,
    /// Whose flow it is; it means nothing to the switch.
    pub cookie: u64,
    /// Seconds without a packet after which it goes; 0: never.
    pub idle_timeout: u16,
    /// Seconds after which it goes; 0: never.
    pub hard_timeout: u16,
    /// The least important flows go first from a table that is full.
    pub importance: u16,
    /// What else the switch does with it.
    pub flags: FlowFlags,
    /// Which packets it is for.
    pub matching: Match,
    /// What it does with them.
    pub instructions: Instructions,
}

impl Default for Flow {
    fn default() -> Self {
        Flow::new(0, DEFAULT_PRIORITY, Match::new())
    }
}

impl Flow {
    /// A flow that drops what it matches.
    pub fn new(table: u8, priority: u16, matching: Match) -> Flow {
        Flow {
            table,
            priority,
            cookie: 0,
            idle_timeout: 0,
            hard_timeout: 0,
            importance: 0,
            flags: FlowFlags::default(),
            matching,
            instructions: Instructions::default(),
        }
    }

    /// With this cookie.
    #[must_use]
    pub fn cookie(mut self, cookie: u64) -> Flow {
        self.cookie = cookie;
        self
    }

    /// With these flags and those it has.
    #[must_use]
    pub fn flags(mut self, flags: FlowFlags) -> Flow {
        self.flags = self.flags | flags;
        self
    }

    /// With one more action at the end.
    #[must_use]
    pub fn action(mut self, action: impl Into<Action>) -> Flow {
        self.instructions.apply.push(action.into());
        self
    }

    /// With these actions at the end.
    #[must_use]
    pub fn actions(mut self, actions: impl IntoIterator<Item = Action>) -> Flow {
        self.instructions.apply.extend(actions);
        self
    }

    /// Going on in a table, which has to come after this one.
    #[must_use]
    pub fn goto(mut self, table: u8) -> Flow {
        self.instructions.goto_table = Some(table);
        self
    }

    /// What tells a flow from the others in a switch: adding a flow with the same key
    /// replaces it.
    pub fn key(&self) -> FlowKey<'_> {
        FlowKey {
            table: self.table,
            priority: self.priority,
            matching: &self.matching,
        }
    }
}

/// What tells a flow from the others in a switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlowKey<'a> {
    /// The table.
    pub table: u8,
    /// The priority.
    pub priority: u16,
    /// The match.
    pub matching: &'a Match,
}

/// What else a switch does with a flow (`OFPFF_*`, OpenFlow 1.5 section 7.3.4.2). Bits
/// without a name are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlowFlags(pub u16);

impl FlowFlags {
    /// Tells the controllers when it goes.
    pub const SEND_FLOW_REMOVED: FlowFlags = FlowFlags(1);
    /// Is refused if another flow of its priority overlaps it.
    pub const CHECK_OVERLAP: FlowFlags = FlowFlags(2);
    /// Starts counting anew when it is modified.
    pub const RESET_COUNTS: FlowFlags = FlowFlags(4);
    /// Need not count packets.
    pub const NO_PACKET_COUNTS: FlowFlags = FlowFlags(8);
    /// Need not count bytes.
    pub const NO_BYTE_COUNTS: FlowFlags = FlowFlags(16);

    /// The flags and their names in text, in the order they are printed.
    pub(crate) const NAMES: [(FlowFlags, &'static str); 5] = [
        (FlowFlags::SEND_FLOW_REMOVED, "send_flow_rem"),
        (FlowFlags::CHECK_OVERLAP, "check_overlap"),
        (FlowFlags::RESET_COUNTS, "reset_counts"),
        (FlowFlags::NO_PACKET_COUNTS, "no_packet_counts"),
        (FlowFlags::NO_BYTE_COUNTS, "no_byte_counts"),
    ];

    /// Whether it has all of these.
    pub const fn contains(self, flags: FlowFlags) -> bool {
        self.0 & flags.0 == flags.0
    }
}

impl BitOr for FlowFlags {
    type Output = FlowFlags;

    fn bitor(self, other: FlowFlags) -> FlowFlags {
        FlowFlags(self.0 | other.0)
    }
}
