//! Table `advertise`: the rest of turning a neighbour solicitation into its answer.
//!
//! A flow of the table before cannot write the option that only an advertisement has: Open vSwitch
//! takes such an action only from a flow that matches one. By now the frame is one.

use openflow::protocol::ND_ADVERT;
use openflow::{Action, Field, Flow, Match};

use super::{Miss, Table, count_and_output, same_for_all};

pub(super) const TABLE: Table = Table {
    id: 24,
    name: "advertise",
    miss: Miss::Drop,
    why: "what is the link-layer address in the answer to a neighbour solicitation",
    infrastructure,
    network: same_for_all,
};

const ANSWER: u16 = 100;

fn infrastructure() -> Vec<Flow> {
    let advert = Match::new()
        .icmpv6()
        .exact(Field::Icmpv6Type, ND_ADVERT)
        .exact(Field::Icmpv6Code, 0u8);
    let flow = TABLE
        .flow(ANSWER, advert)
        .action(Action::copy(Field::EthSrc, Field::NdTll))
        .goto(count_and_output::TABLE.id);
    vec![flow]
}
