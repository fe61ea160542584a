//! Table `forward`: who is this for.
//!
//! Every address is known from the plan, so nothing is learned and nothing unknown is flooded. What
//! came from the fabric goes to local VIFs only: the fabric has already brought it everywhere else.

use openflow::{Action, Flow, Match, PortNo};

use super::registers::{FLOOD_PART, FROM, FROM_VIF, NETWORK, OUT_PORT};
use super::{Miss, NetworkView, Table, count_and_output};

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

/// How many ports one flow of a flood serves: a flow must fit into one OpenFlow message of 64 KiB.
const FLOOD_PORTS: usize = 256;

fn infrastructure() -> Vec<Flow> {
    let link_only = Match::new().masked(openflow::Field::EthDst, LINK_ONLY, LINK_ONLY_MASK);
    vec![TABLE.flow(NEVER, link_only)]
}

fn flows(network: &NetworkView, flows: &mut Vec<Flow>) {
    let here = || NETWORK.is(network.number.get(), Match::new());
    for local in &network.locals {
        flows.push(unicast(here().eth_dst(local.mac.octets()), local.port));
    }
    if let Some(uplink) = network.uplink {
        let outbound = FROM.is(FROM_VIF, here());
        flows.extend(network.remotes.iter().map(|remote| {
            let matching = outbound.clone().eth_dst(remote.mac.octets());
            unicast(matching, uplink.port)
        }));
    }
    flood(network, flows);
}

fn unicast(matching: Match, port: PortNo) -> Flow {
    let flow = TABLE.flow(KNOWN, matching).action(OUT_PORT.set(port.0));
    flow.goto(count_and_output::TABLE.id)
}

/// Offers a frame for everybody to every port of the network; the next table keeps it from the one
/// it came in by. The uplink comes last, because the tag it gets stays on the frame.
fn flood(network: &NetworkView, flows: &mut Vec<Flow>) {
    let locals = network.locals.iter().map(|local| local.port);
    let uplink = network.uplink.iter().map(|uplink| uplink.port);
    let ports: Vec<PortNo> = locals.chain(uplink).collect();
    let mut parts = ports.chunks(FLOOD_PORTS).zip(0..).peekable();
    while let Some((ports, part)) = parts.next() {
        let matching = NETWORK.is(network.number.get(), Match::new());
        let matching = FLOOD_PART.is(part, matching);
        let matching = matching.masked(openflow::Field::EthDst, MULTICAST, MULTICAST);
        let offers = ports.iter().flat_map(|port| {
            [
                OUT_PORT.set(port.0),
                Action::resubmit(count_and_output::TABLE.id),
            ]
        });
        let mut flow = TABLE.flow(EVERYBODY, matching).actions(offers);
        if parts.peek().is_some() {
            let rest = [FLOOD_PART.set(part + 1), Action::resubmit(TABLE.id)];
            flow = flow.actions(rest);
        }
        flows.push(flow);
    }
}
