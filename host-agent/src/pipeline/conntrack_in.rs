//! Table `conntrack_in`: which connection of its receiver is this part of.

use openflow::Flow;

use super::{Miss, Table, ingress, limit_received, policy, same_for_all};

pub(super) const TABLE: Table = Table {
    id: 48,
    name: "conntrack_in",
    miss: Miss::Goto(limit_received::TABLE.id),
    why: "which connection of its receiver is this part of",
    infrastructure,
    network: same_for_all,
};

fn infrastructure() -> Vec<Flow> {
    policy::track(&TABLE, ingress::TABLE.id, limit_received::TABLE.id)
}
