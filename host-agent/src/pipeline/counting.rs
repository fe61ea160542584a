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

use super::{count_and_output, count_sent};

/// The tables that count for the bill.
pub const TABLES: [u8; 2] = [count_sent::TABLE.id, count_and_output::TABLE.id];

/// What the note begins with.
const MARK: [u8; 2] = [0xb0, 0x1d];

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
        flow.instructions.apply.insert(0, self.note());
        flow.flags(FlowFlags::SEND_FLOW_REMOVED)
    }

    /// What a flow counts, if it counts for the bill.
    #[must_use]
    pub fn of(flow: &Flow) -> Option<Self> {
        let mut actions = flow.instructions.apply.iter();
        actions.find_map(|action| match action {
            Action::Note(bytes) => Self::from_note(bytes),
            _ => None,
        })
    }

    fn note(self) -> Action {
        let mut bytes = MARK.to_vec();
        bytes.extend([self.direction.code(), self.class.code(), 0, 0]);
        bytes.extend(self.port.uuid().as_bytes());
        Action::note(bytes)
    }

    fn from_note(bytes: &[u8]) -> Option<Self> {
        let [direction, class, 0, 0, port @ ..] = bytes.strip_prefix(&MARK)? else {
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
