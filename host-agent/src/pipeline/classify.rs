//! Table `classify`: which port is this, so which network, so which tenant.
//!
//! A port that is not in the plan has no flow here. That is all it takes to keep it dark: what it
//! sends matches nothing, and nothing is ever sent to it.

use openflow::{Action, Flow, Match};

use super::registers::{FROM, FROM_FABRIC, FROM_VIF, NETWORK};
use super::{Miss, NetworkView, Table, fabric_guard, nothing, spoof_guard};

pub(super) const TABLE: Table = Table {
    id: 0,
    name: "classify",
    miss: Miss::Drop,
    why: "which port is this, so which network, so which tenant",
    infrastructure: nothing,
    network: flows,
};

const KNOWN: u16 = 100;

fn flows(network: &NetworkView, flows: &mut Vec<Flow>) {
    let number = network.number.get();
    for local in &network.locals {
        // Only wholly untagged frames: a tag of the VIF's own, even one that only says a priority,
        // could become another network's tag further on.
        let matching = Match::new().in_port(local.port).untagged();
        let flow = TABLE
            .flow(KNOWN, matching)
            .action(NETWORK.set(number))
            .action(FROM.set(FROM_VIF))
            .goto(spoof_guard::TABLE.id);
        flows.push(flow);
    }
    if let Some(uplink) = network.uplink {
        let matching = Match::new().in_port(uplink.port).vlan(uplink.vlan.get());
        let flow = TABLE
            .flow(KNOWN, matching)
            .action(Action::PopVlan)
            .action(NETWORK.set(number))
            .action(FROM.set(FROM_FABRIC))
            .goto(fabric_guard::TABLE.id);
        flows.push(flow);
    }
}
