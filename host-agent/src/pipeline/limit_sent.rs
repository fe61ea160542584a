//! Table `limit_sent`: does this port send more than it may.
//!
//! Before anything else is done for a frame that the guards let through: what goes beyond a limit is
//! neither answered, nor tracked, nor copied. Most ports are limited only in what they send to
//! everybody, which costs others as much as themselves. What a cap suspended goes no further either.

use openflow::{Field, Flow, Match};

use super::counting::{Counted, Direction};
use super::limits::{self, Limited};
use super::registers::{FLOODS_PASSED, NETWORK, RATE_OUT_PASSED};
use super::{Miss, NetworkView, Table, count_sent, nothing, suspension};

pub(super) const TABLE: Table = Table {
    id: 14,
    name: "limit_sent",
    miss: Miss::Goto(count_sent::TABLE.id),
    why: "does this port send more than it may",
    infrastructure: nothing,
    network: flows,
};

/// The bit that makes an Ethernet address mean more than one receiver.
const MULTICAST: [u8; 6] = [1, 0, 0, 0, 0, 0];

fn flows(network: &NetworkView, flows: &mut Vec<Flow>) {
    for local in &network.locals {
        let here = || NETWORK.is(network.number.get(), Match::new().in_port(local.port));
        let to_many = here().masked(Field::EthDst, MULTICAST, MULTICAST);
        let limits = &local.limits;
        let suspended = (here(), limits.suspended.sent);
        flows.extend(suspension::flows(&TABLE, network, suspended));
        let mut steps = vec![(Limited::Floods, to_many, Some(&FLOODS_PASSED))];
        if limits.rate_out.is_some() {
            steps.push((Limited::RateOut, here(), Some(&RATE_OUT_PASSED)));
        }
        if limits.packets_out.is_some() {
            steps.push((Limited::PacketsOut, here(), None));
        }
        let next = count_sent::TABLE.id;
        let counted = Counted {
            port: local.id,
            direction: Direction::Sent,
            class: network.class(),
        };
        flows.extend(limits::chain(&TABLE, local, steps, next, counted));
    }
}
