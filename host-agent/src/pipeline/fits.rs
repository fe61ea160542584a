//! Table `fits`: is a packet small enough for the network that it is routed to.
//!
//! A router divides no packet: it tells the sender (RFC 1191, RFC 8201). Only what goes from a network
//! to one that takes smaller packets comes by here, measured already; between networks of one size
//! nothing is asked.

use super::registers::{FROM, FROM_VIF, NETWORK, TOO_BIG};
use super::{Miss, NetworkView, Table, nothing, route, undeliverable};
use openflow::Match;

pub(super) const TABLE: Table = Table {
    id: 33,
    name: "fits",
    miss: Miss::Drop,
    why: "is a packet small enough for the network that it is routed to",
    infrastructure: nothing,
    network: flows,
};

const TOLD: u16 = 300;

fn flows(network: &NetworkView, flows: &mut Vec<openflow::Flow>) {
    let Some(routing) = &network.routing else {
        return;
    };
    let moved: Vec<_> = route::ways(routing)
        .filter(|way| routing.limit(network.number, way.network).is_some())
        .map(|way| way.carried_on(&TABLE, network))
        .collect();
    if moved.is_empty() {
        return;
    }
    let here = FROM.is(FROM_VIF, NETWORK.is(network.number.get(), Match::new()));
    let flow = TABLE.flow(TOLD, TOO_BIG.is(1, here));
    flows.push(flow.goto(undeliverable::TABLE.id));
    flows.extend(moved);
}
