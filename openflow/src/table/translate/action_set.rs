//! The action set: actions that wait until the tables are through (OpenFlow 1.5.1 section 5.6).

use crate::action::Action;

/// What comes in which order; the last of each sort counts.
const FIRST: [fn(&Action) -> bool; 4] = [
    |action| matches!(action, Action::PopVlan),
    |action| matches!(action, Action::PushVlan(_)),
    |action| matches!(action, Action::DecTtl | Action::DecTtlFor(_)),
    |action| matches!(action, Action::SetQueue(_)),
];

/// What becomes of the packet in the end, the strongest first: only that one is done.
const FINAL: [fn(&Action) -> bool; 4] = [
    |action| matches!(action, Action::Group(_)),
    |action| matches!(action, Action::Output { .. }),
    |action| matches!(action, Action::Resubmit { .. }),
    |action| matches!(action, Action::Ct(_)),
];

/// The actions to do, in order. Without one that says where the packet goes, none is done.
pub(super) fn in_order<'a>(set: &[&'a Action]) -> Vec<&'a Action> {
    let last = |is: fn(&Action) -> bool| set.iter().rfind(|action| is(action)).copied();
    let Some(end) = FINAL.into_iter().find_map(last) else {
        return Vec::new();
    };
    let [pop, push, ttl, queue] = FIRST;
    let sets = set.iter().filter(|action| {
        matches!(
            action,
            Action::SetField { .. } | Action::Load { .. } | Action::Move { .. }
        )
    });
    let before = [pop, push, ttl].into_iter().filter_map(last);
    let after = last(queue).into_iter().chain([end]);
    before.chain(sets.copied()).chain(after).collect()
}
