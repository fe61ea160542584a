//! Table `conntrack_out`: which connection of its sender is this part of.

use super::{Miss, Table, egress, policy, route, same_for_all};
use openflow::Flow;

pub(super) const TABLE: Table = Table {
    id: 28,
    name: "conntrack_out",
    miss: Miss::Goto(route::TABLE.id),
    why: "which connection of its sender is this part of",
    infrastructure,
    network: same_for_all,
};

fn infrastructure() -> Vec<Flow> {
    policy::track(&TABLE, egress::TABLE.id, route::TABLE.id)
}
