//! Table `admit_out`: may it be sent.

use openflow::Flow;

use super::{Miss, Table, policy, route, same_for_all};

pub(super) const TABLE: Table = Table {
    id: 31,
    name: "admit_out",
    miss: Miss::Drop,
    why: "did a rule of its sender let it through",
    infrastructure,
    network: same_for_all,
};

fn infrastructure() -> Vec<Flow> {
    policy::admit(&TABLE, route::TABLE.id)
}
