//! Table `egress`: what do the groups of its sender say.

use openflow::Flow;

use super::registers::ASKED_EGRESS;
use super::{Miss, NetworkView, Table, admit_out, policy};

pub(super) const TABLE: Table = Table {
    id: 30,
    name: "egress",
    miss: Miss::Drop,
    why: "what do the groups of its sender say",
    infrastructure,
    network: flows,
};

fn infrastructure() -> Vec<Flow> {
    policy::refuse_invalid(&TABLE)
}

fn flows(network: &NetworkView, flows: &mut Vec<Flow>) {
    policy::ask(&TABLE, ASKED_EGRESS, admit_out::TABLE.id, network, flows);
}
