//! Flows that count for the bill, and say so themselves.
//!
//! A counting flow carries a note of whose frames it counts, which way and of which class. Whoever
//! reads the switch's flows therefore needs to know neither tables nor plans, and a number that is
//! reused for another port is another flow. It asks for `flow_removed`, which tells its last counts.
//!
//! ```text
//!    0           2           3       4              6                          22
//!   +-----------+-----------+-------+--------------+----------------------------+
//!   | b0 1d     | direction | class | 0            | UUID of the port           |
//!   +-----------+-----------+-------+--------------+----------------------------+
//! ```

use model::{PortId, TrafficClass};
use openflow::flow::FlowFlags;
use openflow::{Action, Flow};
use uuid::Uuid;

use super::{count_and_output, count_sent, limit_received, limit_sent};

/// The tables that count for the bill.
pub const TABLES: [u8; 2] = [count_sent::TABLE.id, count_and_output::TABLE.id];

/// The tables that drop what goes beyond a limit, although the others count it.
pub const LIMITING: [u8; 2] = [limit_sent::TABLE.id, limit_received::TABLE.id];

/// What the note begins with.
const MARK: [u8; 2] = [0xb0, 0x1d];

/// What the note of a flow begins with whose meter drops such frames.
const LIMIT: [u8; 2] = [0xb0, 0x1e];

/// What a flow counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Counted {
    /// Whose frames.
    pub port: PortId,
    /// Which way, as the VIF sees it.
    pub direction: Direction,
    /// Of which class.
    pub class: TrafficClass,
}

/// Which way a frame went, as the VIF sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From the VIF.
    Sent,
    /// To the VIF.
    Received,
}

impl Direction {
    const fn code(self) -> u8 {
        match self {
            Self::Sent => 1,
            Self::Received => 2,
        }
    }

    const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Sent),
            2 => Some(Self::Received),
            _ => None,
        }
    }
}

impl Counted {
    /// `flow`, counting this. Its counts outlive it: the switch tells them when it goes.
    pub(super) fn by(self, mut flow: Flow) -> Flow {
        flow.instructions.apply.insert(0, self.note(MARK));
        flow.flags(FlowFlags::SEND_FLOW_REMOVED)
    }

    /// What a flow counts, if it counts for the bill.
    #[must_use]
    pub fn of(flow: &Flow) -> Option<Self> {
        let mut actions = flow.instructions.apply.iter();
        actions.find_map(|action| match action {
            Action::Note(bytes) => Self::from_note(MARK, bytes),
            _ => None,
        })
    }

    /// `flow`, whose meter drops such frames.
    pub(super) fn limited_by(self, flow: Flow) -> Flow {
        flow.action(self.note(LIMIT))
    }

    /// The meter of a flow that limits, and what it drops.
    #[must_use]
    pub fn limited(flow: &Flow) -> Option<(u32, Self)> {
        let actions = || flow.instructions.apply.iter();
        let meter = actions().find_map(|action| match action {
            Action::Meter(id) => Some(*id),
            _ => None,
        })?;
        let counted = actions().find_map(|action| match action {
            Action::Note(bytes) => Self::from_note(LIMIT, bytes),
            _ => None,
        })?;
        Some((meter, counted))
    }

    fn note(self, mark: [u8; 2]) -> Action {
        let mut bytes = mark.to_vec();
        bytes.extend([self.direction.code(), self.class.code(), 0, 0]);
        bytes.extend(self.port.uuid().as_bytes());
        Action::note(bytes)
    }

    fn from_note(mark: [u8; 2], bytes: &[u8]) -> Option<Self> {
        let [direction, class, 0, 0, port @ ..] = bytes.strip_prefix(&mark)? else {
            return None;
        };
        Some(Self {
            port: Uuid::from_slice(port).ok()?.into(),
            direction: Direction::from_code(*direction)?,
            class: TrafficClass::from_code(*class)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use openflow::Match;

    use super::*;

    #[test]
    fn a_counting_flow_says_what_it_counts() {
        let counted = Counted {
            port: PortId::generate(),
            direction: Direction::Received,
            class: TrafficClass::Public,
        };
        let flow = counted.by(Flow::new(60, 100, Match::new()).action(Action::output(7)));
        assert_eq!(Counted::of(&flow), Some(counted));
        assert!(flow.flags.contains(FlowFlags::SEND_FLOW_REMOVED));
        assert_eq!(flow.instructions.apply.last(), Some(&Action::output(7)));
    }

    #[test]
    fn a_limiting_flow_says_whose_frames_it_drops_and_counts_nothing() {
        let counted = Counted {
            port: PortId::generate(),
            direction: Direction::Sent,
            class: TrafficClass::Public,
        };
        let metered = Flow::new(14, 100, Match::new()).action(Action::Meter(7));
        let flow = counted.limited_by(metered.clone()).goto(16);
        assert_eq!(Counted::limited(&flow), Some((7, counted)));
        assert_eq!(Counted::of(&flow), None);
        assert_eq!(Counted::limited(&metered), None);
        assert_eq!(Counted::limited(&counted.by(metered)), None);
    }

    #[test]
    fn notes_of_others_count_nothing() {
        for bytes in [
            &[][..],
            &[0xb0],
            &[0xb0, 0x1d, 1, 1, 0, 0],
            &[1; 22],
            &[0xb0; 300],
        ] {
            let flow = Flow::new(60, 100, Match::new()).action(Action::note(bytes));
            assert_eq!(Counted::of(&flow), None, "{bytes:?}");
        }
    }
}
