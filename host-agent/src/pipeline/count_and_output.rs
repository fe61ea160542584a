//! Table `count_and_output`: the only way out.
//!
//! One flow per port outputs to it, and so its counters are the exact measure of what the port
//! received. It asks for the network once more: were any table before it wrong, a frame would still
//! not reach a port of another network. And it tells the ports of a trunk apart, which share a number
//! in the switch but never a network.

use model::{MacAddr, VlanId};
use openflow::matching::VLAN_PRESENT;
use openflow::protocol::ETH_VLAN;
use openflow::{Action, Field, Flow, Match, PortNo};

use super::counting::{Counted, Direction};
use super::registers::{NETWORK, OUT_PORT};
use super::{LocalPort, Mark, Miss, NetworkView, Routing, Table, Uplink, class, nothing};

pub(super) const TABLE: Table = Table {
    id: 60,
    name: "count_and_output",
    miss: Miss::Drop,
    why: "how much does this port receive; and out",
    infrastructure: nothing,
    network: flows,
};

const BACK: u16 = 200;
const ROUTED: u16 = 150;
const OUT: u16 = 100;

fn flows(network: &NetworkView, flows: &mut Vec<Flow>) {
    for local in &network.locals {
        let matching = to(network, local.port);
        flows.push(not_back(&matching, local.port));
        let classes = class::of(network, matching);
        flows.extend(classes.into_iter().map(|(matching, class)| {
            let flow = TABLE.flow(OUT, matching);
            let counted = Counted {
                port: local.id,
                direction: Direction::Received,
                class,
            };
            counted.by(flow.actions(delivered(local)))
        }));
    }
    if let Some(Uplink { port, mark }) = network.uplink {
        let matching = to(network, port);
        flows.push(not_back(&matching, port));
        let out = |flow: Flow| flow.actions(marked(mark)).action(Action::output(port));
        if let Some(routing) = &network.routing {
            flows.push(out(routed(network, routing, &matching)));
        }
        flows.push(out(TABLE.flow(OUT, matching)));
    }
}

/// What this host routed does not leave it in the name of the gateway, which is on every host.
fn routed(network: &NetworkView, routing: &Routing, matching: &Match) -> Flow {
    let gateway = MacAddr::gateway(network.number);
    let matching = matching.clone().eth_src(gateway.octets());
    let mac = Action::set_field(Field::EthSrc, routing.mac.octets());
    TABLE.flow(ROUTED, matching).action(mac)
}

/// Out to a VIF; to a sub-port under the tag that its trunk knows it by. The tag comes off again: in
/// a flood the frame goes on to others.
fn delivered(local: &LocalPort) -> Vec<Action> {
    let output = Action::output(local.port);
    match local.tag {
        None => vec![output],
        Some(tag) => {
            let mut actions = tagged(tag);
            actions.extend([output, Action::PopVlan]);
            actions
        }
    }
}

fn tagged(vlan: VlanId) -> Vec<Action> {
    vec![
        Action::PushVlan(ETH_VLAN),
        Action::set_field(Field::VlanVid, VLAN_PRESENT | vlan.get()),
    ]
}

/// Puts the network's mark on a frame.
fn marked(mark: Mark) -> Vec<Action> {
    match mark {
        Mark::Untagged => Vec::new(),
        Mark::Vlan(vlan) => tagged(vlan),
        Mark::Vni(vni) => vec![Action::set_field(Field::TunId, u64::from(vni.get()))],
    }
}

fn to(network: &NetworkView, port: PortNo) -> Match {
    OUT_PORT.is(port.0, NETWORK.is(network.number.get(), Match::new()))
}

/// The switch itself would not send a frame back either, but would count it as received.
fn not_back(matching: &Match, port: PortNo) -> Flow {
    TABLE.flow(BACK, matching.clone().in_port(port))
}
