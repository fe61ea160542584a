//! Flows of logged rules, which say whose they are: a note names the rule, as with counting flows.
//!
//! ```text
//!    0           2           3              6                          22
//!   +-----------+-----------+--------------+----------------------------+
//!   | b0 1d     | ff        | 0            | UUID of the rule           |
//!   +-----------+-----------+--------------+----------------------------+
//! ```

use model::RuleId;
use openflow::{Action, Flow};
use uuid::Uuid;

/// What the note begins with: no counting flow's does.
const MARK: [u8; 6] = [0xb0, 0x1d, 0xff, 0, 0, 0];

/// `flow`, said to be this rule's.
pub(super) fn by(rule: RuleId, flow: Flow) -> Flow {
    flow.action(Action::note([&MARK, &rule.uuid().as_bytes()[..]].concat()))
}

/// The logged rule that a flow belongs to, if it says so.
#[must_use]
pub fn rule(flow: &Flow) -> Option<RuleId> {
    let mut actions = flow.instructions.apply.iter();
    actions.find_map(|action| match action {
        Action::Note(bytes) => {
            let id = Uuid::from_slice(bytes.strip_prefix(&MARK)?).ok()?;
            Some(id.into())
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use openflow::Match;

    use super::*;
    use crate::pipeline::counting::Counted;

    #[test]
    fn a_logged_rules_flow_says_whose_it_is_and_counts_for_no_bill() {
        let id = RuleId::generate();
        let flow = by(id, Flow::new(52, 400, Match::new()));
        assert_eq!(rule(&flow), Some(id));
        assert_eq!(Counted::of(&flow), None);
    }

    #[test]
    fn other_notes_are_nobodys() {
        for bytes in [&[][..], &MARK, &[0xb0, 0x1d, 1, 1, 0, 0], &[0xff; 22]] {
            let flow = Flow::new(52, 400, Match::new()).action(Action::note(bytes));
            assert_eq!(rule(&flow), None, "{bytes:?}");
        }
    }
}
