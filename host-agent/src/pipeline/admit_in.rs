//! Table `admit_in`: may it be received.

use openflow::Flow;

use super::{Miss, Table, count_and_output, policy, same_for_all};

pub(super) const TABLE: Table = Table {
    id: 54,
    name: "admit_in",
    miss: Miss::Drop,
    why: "did a rule of its receiver let it through",
    infrastructure,
    network: same_for_all,
};

fn infrastructure() -> Vec<Flow> {
    policy::admit(&TABLE, count_and_output::TABLE.id)
}
