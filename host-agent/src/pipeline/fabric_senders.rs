//! Table `fabric_senders`: who speaks to us from the fabric.
//!
//! Every port of a network is known from the plan, and its guard lets it send from its own Ethernet
//! address alone. So a frame from any other address was sent by no port: whoever sent it got into the
//! VLAN by a wrong or hostile switch, and is not heard. In an overlay the sender must be on the host
//! that the plan says, too.
//!
//! Where a router joins the network to others, what it is sent by hosts that route comes in too, and
//! is the gateway's again from here on.
//!
//! Physical machines that share the segment are unknown to the plan: where they are wanted, the table
//! before has seen to them.
//!
//! In a VLAN only the address counts: a port that is being moved speaks from its new host before
//! every other host has heard of it, and the physical switches tell no host from another anyway.

use model::MacAddr;
use openflow::protocol::{ETH_IPV4, ETH_IPV6};
use openflow::{Action, Field, Flow, Match};

use super::classify::sent_by;
use super::registers::NETWORK;
use super::{Mark, Miss, NetworkView, Outsiders, Table, forward, nothing};

pub(super) const TABLE: Table = Table {
    id: 5,
    name: "fabric_senders",
    miss: Miss::Drop,
    why: "is the sender of a frame from the fabric a port of this network on another host",
    infrastructure: nothing,
    network: flows,
};

const KNOWN: u16 = 100;

fn flows(network: &NetworkView, flows: &mut Vec<Flow>) {
    let (Some(uplink), Outsiders::None) = (network.uplink, network.outsiders) else {
        return;
    };
    if network.routing.is_some() {
        flows.extend(routed(network));
    }
    flows.extend(network.remotes.iter().filter_map(|remote| {
        let matching = NETWORK.is(network.number.get(), Match::new());
        let matching = matching.eth_src(remote.mac.octets());
        let matching = match uplink.mark {
            Mark::Untagged | Mark::Vlan(_) => matching,
            Mark::Vni(_) => sent_by(matching, remote.endpoint?),
        };
        Some(TABLE.flow(KNOWN, matching).goto(forward::TABLE.id))
    }));
}

/// Hosts alone have such addresses: no guard lets a VIF speak from one, and no port is given one.
fn routed(network: &NetworkView) -> [Flow; 2] {
    let [first, second] = MacAddr::ROUTERS;
    let routers = [first, second, 0, 0, 0, 0];
    let gateway = MacAddr::gateway(network.number).octets();
    [ETH_IPV4, ETH_IPV6].map(|eth_type| {
        let matching = NETWORK
            .is(network.number.get(), Match::new())
            .eth_type(eth_type)
            .masked(Field::EthSrc, routers, [0xff, 0xff, 0, 0, 0, 0]);
        let flow = TABLE.flow(KNOWN, matching);
        flow.action(Action::set_field(Field::EthSrc, gateway))
            .goto(forward::TABLE.id)
    })
}
