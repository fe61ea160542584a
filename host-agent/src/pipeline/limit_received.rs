//! Table `limit_received`: is this port sent more than it may be.
//!
//! A frame that goes to several ports at once is bounded where it is sent, and not here: a switch that
//! drops it for one of them drops it for those that come after.

use openflow::{Flow, Match};

use super::counting::{Counted, Direction};
use super::limits::{self, Limited};
use super::registers::{COPIES, NETWORK, OUT_PORT, RATE_IN_PASSED};
use super::{Miss, NetworkView, Table, count_and_output, nothing, suspension};

pub(super) const TABLE: Table = Table {
    id: 56,
    name: "limit_received",
    miss: Miss::Goto(count_and_output::TABLE.id),
    why: "is this port sent more than it may be",
    infrastructure: nothing,
    network: flows,
};

fn flows(network: &NetworkView, flows: &mut Vec<Flow>) {
    for local in &network.locals {
        let here = || {
            let network = NETWORK.is(network.number.get(), Match::new());
            OUT_PORT.is(local.port.0, network)
        };
        let alone = || COPIES.is(0, here());
        let limits = &local.limits;
        // Each copy is dropped for itself, unlike by a meter.
        let suspended = (here(), limits.suspended.received);
        flows.extend(suspension::flows(&TABLE, network, suspended));
        let mut steps = Vec::new();
        if limits.rate_in.is_some() {
            steps.push((Limited::RateIn, alone(), Some(&RATE_IN_PASSED)));
        }
        if limits.packets_in.is_some() {
            steps.push((Limited::PacketsIn, alone(), None));
        }
        let next = count_and_output::TABLE.id;
        let counted = Counted {
            port: local.id,
            direction: Direction::Received,
            class: network.class(),
        };
        flows.extend(limits::chain(&TABLE, local, steps, next, counted));
    }
}
