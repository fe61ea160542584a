//! Table `count_sent`: how much does each VIF send.
//!
//! One flow per port and class, passed by every frame that the guards let through and by no other, exactly
//! once. Its counters are the exact measure of what the port sent.

use openflow::{Flow, Match};

use super::counting::{Counted, Direction};
use super::registers::NETWORK;
use super::{Miss, NetworkView, Table, class, nothing, respond};

pub(super) const TABLE: Table = Table {
    id: 16,
    name: "count_sent",
    miss: Miss::Drop,
    why: "how much does this port send",
    infrastructure: nothing,
    network: flows,
};

const COUNTED: u16 = 100;

fn flows(network: &NetworkView, flows: &mut Vec<Flow>) {
    for local in &network.locals {
        let matching = NETWORK.is(network.number.get(), Match::new());
        let classes = class::of(network, matching.in_port(local.port));
        flows.extend(classes.into_iter().map(|(matching, class)| {
            let flow = TABLE.flow(COUNTED, matching);
            let counted = Counted {
                port: local.id,
                direction: Direction::Sent,
                class,
            };
            counted.by(flow.goto(respond::TABLE.id))
        }));
    }
}
