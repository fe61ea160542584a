//! Table `conntrack_in`: which connection of its receiver is this part of.

use openflow::Flow;

use super::{Miss, Table, count_and_output, ingress, policy, same_for_all};

pub(super) const TABLE: Table = Table {
    id: 48,
    name: "conntrack_in",
    miss: Miss::Goto(count_and_output::TABLE.id),
    why: "which connection of its receiver is this part of",
    infrastructure,
    network: same_for_all,
};

fn infrastructure() -> Vec<Flow> {
    policy::track(&TABLE, ingress::TABLE.id, count_and_output::TABLE.id)
}
