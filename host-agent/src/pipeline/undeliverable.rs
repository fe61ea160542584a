//! Table `undeliverable`: who has to be told that a packet goes no further.
//!
//! The agent answers with the ICMP error, and a VIF that asks for many of them is bounded as in all
//! that it asks.

use openflow::{Flow, Match};

use super::registers::NETWORK;
use super::{Miss, NetworkView, Table, answer, nothing};
use crate::respond::Question;

pub(super) const TABLE: Table = Table {
    id: 36,
    name: "undeliverable",
    miss: Miss::Drop,
    why: "who has to be told that a packet goes no further",
    infrastructure: nothing,
    network: flows,
};

const TOLD: u16 = 100;

fn flows(network: &NetworkView, flows: &mut Vec<Flow>) {
    if network.routing.is_none() {
        return;
    }
    flows.extend(network.locals.iter().map(|local| {
        let matching = NETWORK.is(network.number.get(), Match::new());
        let flow = TABLE.flow(TOLD, matching.in_port(local.port));
        answer::ask(flow, local.port, Question::Undeliverable)
    }));
}
