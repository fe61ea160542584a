//! Table `ingress`: what do the groups of its receiver say.

use openflow::Flow;

use super::registers::ASKED_INGRESS;
use super::{Miss, NetworkView, Table, admit_in, policy};

pub(super) const TABLE: Table = Table {
    id: 50,
    name: "ingress",
    miss: Miss::Drop,
    why: "what do the groups of its receiver say",
    infrastructure,
    network: flows,
};

fn infrastructure() -> Vec<Flow> {
    policy::refuse_invalid(&TABLE)
}

fn flows(network: &NetworkView, flows: &mut Vec<Flow>) {
    policy::ask(&TABLE, ASKED_INGRESS, admit_in::TABLE.id, network, flows);
}
