//! Table `classify`: which port is this, so which network, so which tenant.
//!
//! A port that is not in the plan has no flow here. That is all it takes to keep it dark: what it
//! sends matches and nothing is ever sent to it. The same goes for a tunnel: only hosts that
//! the plan says have the network may send frames of it, whatever VNI a packet bears.
//!
//! A VIF that is a trunk tells its networks apart by tags of its own. Each tag that was declared stands
//! for one sub-port, which is a port like any other from here on; any other tag stands for nothing.

use std::net::IpAddr;

use openflow::{Action, Field, Flow, Match};

use super::registers::{FROM, FROM_FABRIC, FROM_VIF, NETWORK};
use super::{Mark, Miss, NetworkView, Table, class, fabric_guard, policy, probe, spoof_guard};

pub(super) const TABLE: Table = Table {
    id: 0,
    name: "classify",
    miss: Miss::Drop,
    why: "which port is this, so which network, so which tenant",
    infrastructure,
    network: flows,
};

const PROBE: u16 = 200;
const KNOWN: u16 = 100;

/// Only what came through a tunnel has a key, so no VIF and no patch can bring a probe in.
fn infrastructure() -> Vec<Flow> {
    let matching = probe::is_probe().untagged().tun_id(probe::VNI.into());
    vec![probe::to_agent(TABLE.flow(PROBE, matching))]
}

fn flows(network: &NetworkView, flows: &mut Vec<Flow>) {
    let number = network.number.get();
    for local in &network.locals {
        let here = Match::new().in_port(local.port);
        let flow = match local.tag {
            // Only wholly untagged frames: a tag of the VIF's own, even one that only says a
            // priority, could become another network's tag further on.
            None => TABLE.flow(KNOWN, here.untagged()),
            Some(tag) => TABLE
                .flow(KNOWN, here.vlan(tag.get()))
                .action(Action::PopVlan),
        };
        let mut flow = flow
            .action(NETWORK.set(number))
            .action(FROM.set(FROM_VIF))
            .action(policy::of(local))
            .goto(spoof_guard::TABLE.id);
        if network.outside.way.is_some() {
            flow = flow.action(Action::resubmit(class::TABLE.id));
        }
        flows.push(flow);
    }
    for gate in &network.gates {
        flows.push(gate.tell(TABLE.flow(KNOWN, gate.matching())));
    }
    let Some(uplink) = network.uplink else {
        return;
    };
    let from = Match::new().in_port(uplink.port);
    match uplink.mark {
        Mark::Untagged => {
            let flow = TABLE.flow(KNOWN, from.untagged());
            flows.push(from_fabric(flow, network));
        }
        Mark::Vlan(vlan) => {
            let flow = TABLE.flow(KNOWN, from.vlan(vlan.get()));
            flows.push(from_fabric(flow.action(Action::PopVlan), network));
        }
        Mark::Vni(vni) => flows.extend(network.senders().into_iter().map(|endpoint| {
            let matching = sent_by(from.clone().tun_id(vni.get().into()), endpoint);
            from_fabric(TABLE.flow(KNOWN, matching), network)
        })),
    }
}

fn from_fabric(flow: Flow, network: &NetworkView) -> Flow {
    flow.action(NETWORK.set(network.number.get()))
        .action(FROM.set(FROM_FABRIC))
        .goto(fabric_guard::TABLE.id)
}

/// The tunnel packets of one host.
pub(super) fn sent_by(matching: Match, endpoint: IpAddr) -> Match {
    match endpoint {
        IpAddr::V4(endpoint) => matching.exact(Field::TunSrc, endpoint),
        IpAddr::V6(endpoint) => matching.exact(Field::TunIpv6Src, endpoint),
    }
}
