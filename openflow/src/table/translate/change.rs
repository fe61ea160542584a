//! The actions that only change a packet or what is known of it.

use super::Pass;
use crate::action::{Action, Subfield};
use crate::field::Field;
use crate::table::Failure;
use crate::table::state::State;

/// Carries such an action out; fails for those that are of no such kind.
pub(super) fn carry_out(pass: &mut Pass<'_>, action: &Action) -> Result<(), Failure> {
    let state = &mut pass.state;
    match action {
        Action::SetField { field, value, mask } => state.set(*field, *value, *mask),
        Action::Load { target, value } => state.set_part(*target, (*value).into()),
        Action::Move { source, target } => {
            let value = state.get_part(*source);
            state.set_part(*target, value);
        }
        Action::Push(source) => pass.stack.push(state.get_part(*source)),
        Action::Pop(target) => {
            if let Some(value) = pass.stack.pop() {
                state.set_part(*target, value);
            }
        }
        Action::PushVlan(eth_type) => state.frame.push_tag(*eth_type),
        Action::PopVlan => state.frame.pop_tag(),
        Action::SetTtl(ttl) => state.set(Field::IpTtl, (*ttl).into(), 0xff),
        Action::CtClear => state.clear_conntrack(),
        Action::CheckPacketLarger { length, target } => check_length(state, *length, *target),
        // Queues and meters delay and drop, and do not change where packets go.
        Action::SetQueue(_) | Action::PopQueue | Action::Meter(_) => {}
        Action::Note(_) | Action::Conjunction { .. } | Action::FinTimeout { .. } => {}
        Action::Group(_) => return Err(Failure::Unsupported("groups")),
        Action::Learn(_) => return Err(Failure::Unsupported("learn")),
        Action::PushMpls(_) | Action::PopMpls(_) | Action::DecMplsTtl => {
            return Err(Failure::Unsupported("MPLS"));
        }
        Action::Unknown(_) => return Err(Failure::Unsupported("an unknown action")),
        _ => return Err(Failure::Unsupported("this action")),
    }
    Ok(())
}

fn check_length(state: &mut State, length: u16, target: Subfield) {
    let is_larger = state.frame.bytes().len() > usize::from(length);
    state.set_part(target, u128::from(is_larger));
}
