//! Table `forward`: who is this for.
//!
//! Every address is known from the plan, so nothing is learned and nothing unknown is flooded. What
//! came from the fabric goes to local VIFs only: the fabric has already brought it everywhere else.
//!
//! In an overlay each frame is sent to the endpoint of the host it is for. One for everybody is
//! copied here, once for each host that has the network and for no other.

use std::net::IpAddr;

use openflow::{Action, Field, Flow, Match, PortNo};

use super::registers::{FLOOD_PART, FROM, FROM_VIF, NETWORK, OUT_PORT};
use super::{
    LocalPort, Mark, Miss, NetworkView, RemotePort, Table, Uplink, conntrack_in, count_and_output,
    policy,
};

pub(super) const TABLE: Table = Table {
    id: 40,
    name: "forward",
    miss: Miss::Drop,
    why: "who is this for: a local port, a remote host, or all of the network",
    infrastructure,
    network: flows,
};

const NEVER: u16 = 300;
const KNOWN: u16 = 200;
const EVERYBODY: u16 = 100;

/// The addresses that no bridge may pass on (IEEE 802.1Q-2018 §8.6.3), and their mask.
const LINK_ONLY: [u8; 6] = [0x01, 0x80, 0xc2, 0, 0, 0];
const LINK_ONLY_MASK: [u8; 6] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xf0];

/// The bit that makes an Ethernet address mean more than one receiver.
const MULTICAST: [u8; 6] = [1, 0, 0, 0, 0, 0];

/// How many ports or hosts one flow of a flood serves: a flow must fit into one OpenFlow message of
/// 64 KiB.
const FLOOD_WAYS: usize = 256;

fn infrastructure() -> Vec<Flow> {
    let link_only = Match::new().masked(Field::EthDst, LINK_ONLY, LINK_ONLY_MASK);
    vec![TABLE.flow(NEVER, link_only)]
}

fn flows(network: &NetworkView, flows: &mut Vec<Flow>) {
    let here = || NETWORK.is(network.number.get(), Match::new());
    for local in &network.locals {
        let matching = here().eth_dst(local.mac.octets());
        flows.push(unicast(matching, to(local)));
    }
    if let Some(uplink) = network.uplink {
        let outbound = FROM.is(FROM_VIF, here());
        flows.extend(network.remotes.iter().filter_map(|remote| {
            let matching = outbound.clone().eth_dst(remote.mac.octets());
            Some(unicast(matching, towards(uplink, remote)?))
        }));
    }
    flood(network, flows);
}

/// Where a frame goes: what has to be done to it, and the table that goes on with it.
struct Way {
    actions: Vec<Action>,
    next: u8,
}

fn unicast(matching: Match, way: Way) -> Flow {
    let flow = TABLE.flow(KNOWN, matching).actions(way.actions);
    flow.goto(way.next)
}

/// To a port of this host, if its policy lets it.
fn to(local: &LocalPort) -> Way {
    Way {
        actions: vec![OUT_PORT.set(local.port.0), policy::of(local)],
        next: conntrack_in::TABLE.id,
    }
}

/// Out by a patch port.
fn via(port: PortNo) -> Way {
    Way {
        actions: vec![OUT_PORT.set(port.0)],
        next: count_and_output::TABLE.id,
    }
}

/// Out by a tunnel port, to one host.
fn through(port: PortNo, endpoint: IpAddr) -> Way {
    let destination = match endpoint {
        IpAddr::V4(endpoint) => Action::set_field(Field::TunDst, endpoint),
        IpAddr::V6(endpoint) => Action::set_field(Field::TunIpv6Dst, endpoint),
    };
    Way {
        actions: vec![destination, OUT_PORT.set(port.0)],
        next: count_and_output::TABLE.id,
    }
}

/// Out to the host of a port, if there is a way.
fn towards(uplink: Uplink, remote: &RemotePort) -> Option<Way> {
    match uplink.mark {
        Mark::Vlan(_) => Some(via(uplink.port)),
        Mark::Vni(_) => Some(through(uplink.port, remote.endpoint?)),
    }
}

/// Out to everybody on other hosts: one frame to the fabric, or one to each host.
fn abroad(network: &NetworkView) -> Vec<Way> {
    let Some(uplink) = network.uplink else {
        return Vec::new();
    };
    match uplink.mark {
        Mark::Vlan(_) => vec![via(uplink.port)],
        Mark::Vni(_) => {
            let endpoints = network.endpoints().into_iter();
            endpoints.map(|it| through(uplink.port, it)).collect()
        }
    }
}

/// Offers a frame for everybody to every port of the network; later tables keep it from the one it
/// came in by. The uplink comes last, because the tag or tunnel it gets stays on the frame.
fn flood(network: &NetworkView, flows: &mut Vec<Flow>) {
    let locals = network.locals.iter().map(to);
    let ways: Vec<Way> = locals.chain(abroad(network)).collect();
    let mut parts = ways.chunks(FLOOD_WAYS).zip(0..).peekable();
    while let Some((ways, part)) = parts.next() {
        let matching = NETWORK.is(network.number.get(), Match::new());
        let matching = FLOOD_PART.is(part, matching);
        let matching = matching.masked(Field::EthDst, MULTICAST, MULTICAST);
        let offers = ways.iter().flat_map(|way| {
            let offer = Action::resubmit(way.next);
            way.actions.iter().cloned().chain([offer])
        });
        let mut flow = TABLE.flow(EVERYBODY, matching).actions(offers);
        if parts.peek().is_some() {
            let rest = [FLOOD_PART.set(part + 1), Action::resubmit(TABLE.id)];
            flow = flow.actions(rest);
        }
        flows.push(flow);
    }
}
