//! What has to change for the installed flows to be the wanted ones. Pure.

use std::cmp::Ordering;

use openflow::Flow;
use openflow::flow::FlowFlags;
use openflow::message::FlowMod;

use crate::pipeline::cookie::MARK_MASK;

/// What has to change in a switch: first everything that goes, then everything that comes, so that
/// a flow may go from one network and come in another within the same change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Flows that have to go.
    pub remove: Vec<Flow>,
    /// Flows that have to come, some of them in place of one with the same key.
    pub add: Vec<Flow>,
}

impl Changes {
    /// Whether all is well.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.add.is_empty()
    }

    /// How many flows change.
    #[must_use]
    pub fn len(&self) -> usize {
        self.remove.len() + self.add.len()
    }

    /// As messages to the switch, in order.
    #[must_use]
    pub fn into_messages(self) -> Vec<FlowMod> {
        let remove = self.remove.iter().map(|flow| FlowMod {
            flow: Flow {
                cookie: flow.cookie,
                ..FlowMod::delete_strict(flow).flow
            },
            // Should somebody have put a flow of their own in its place, that one stays.
            cookie_mask: MARK_MASK,
            ..FlowMod::delete_strict(flow)
        });
        remove
            .chain(self.add.into_iter().map(FlowMod::add))
            .collect()
    }
}

/// Appends to `changes` what makes `installed` into `wanted`. Both are sorted by their keys and
/// hold each key once.
pub fn diff(installed: &[Flow], wanted: &[Flow], changes: &mut Changes) {
    let (mut old, mut new) = (installed.iter().peekable(), wanted.iter().peekable());
    loop {
        let order = match (old.peek(), new.peek()) {
            (Some(old), Some(new)) => old.key().cmp(&new.key()),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return,
        };
        match order {
            Ordering::Less => changes.remove.extend(old.next().cloned()),
            Ordering::Greater => changes.add.extend(new.next().cloned()),
            Ordering::Equal => {
                let (Some(old), Some(new)) = (old.next(), new.next()) else {
                    return;
                };
                if old == new {
                    continue;
                }
                // A flow that another takes the place of says nothing of what it counted.
                if old.flags.contains(FlowFlags::SEND_FLOW_REMOVED) {
                    changes.remove.push(old.clone());
                }
                changes.add.push(new.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use openflow::message::FlowCommand;
    use openflow::{Action, Match};

    use super::*;

    fn flow(port: u32, output: u32) -> Flow {
        Flow::new(0, 100, Match::new().in_port(port)).action(Action::output(output))
    }

    fn between(installed: &[Flow], wanted: &[Flow]) -> Changes {
        let mut changes = Changes::default();
        diff(installed, wanted, &mut changes);
        changes
    }

    #[test]
    fn equal_flows_need_no_change() {
        let flows = [flow(1, 2), flow(2, 1)];
        assert!(between(&flows, &flows).is_empty());
    }

    #[test]
    fn a_flow_that_does_something_else_is_replaced_without_being_removed() {
        let changes = between(&[flow(1, 2), flow(2, 1)], &[flow(1, 2), flow(2, 3)]);
        assert_eq!(changes.add, [flow(2, 3)]);
        assert!(changes.remove.is_empty());
    }

    #[test]
    fn a_flow_that_counts_is_removed_before_another_takes_its_place() {
        let counting = flow(1, 2).flags(FlowFlags::SEND_FLOW_REMOVED);
        let changes = between(std::slice::from_ref(&counting), &[flow(1, 3)]);
        assert_eq!(changes.remove, [counting]);
        assert_eq!(changes.add, [flow(1, 3)]);
    }

    #[test]
    fn what_goes_is_removed_before_what_comes_is_added() {
        let messages = between(&[flow(1, 2)], &[flow(3, 2)]).into_messages();
        let commands: Vec<_> = messages.iter().map(|message| message.command).collect();
        assert_eq!(commands, [FlowCommand::DeleteStrict, FlowCommand::Add]);
        assert_eq!(messages[0].cookie_mask, MARK_MASK);
    }

    #[test]
    fn a_flow_of_another_cookie_is_not_equal() {
        let changes = between(&[flow(1, 2)], &[flow(1, 2).cookie(7)]);
        assert_eq!(changes.add, [flow(1, 2).cookie(7)]);
    }
}
