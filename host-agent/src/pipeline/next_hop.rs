//! Table `next_hop`: who in this network has the address that a routed packet is for.
//!
//! Its flows belong to the network that the packet was moved to, so that a port that comes or goes
//! there changes no other network's flows.

use std::net::IpAddr;

use model::MacAddr;
use openflow::{Action, Field, Flow, Match};

use super::registers::NETWORK;
use super::{Miss, NetworkView, Table, class, forward, nothing, translate};

pub(super) const TABLE: Table = Table {
    id: 35,
    name: "next_hop",
    miss: Miss::Drop,
    why: "who in this network has the address that a routed packet is for",
    infrastructure: nothing,
    network: flows,
};

const BACK: u16 = 200;
const KNOWN: u16 = 100;
const POOL: u16 = 70;
const GATEWAY: u16 = 50;

fn flows(network: &NetworkView, flows: &mut Vec<Flow>) {
    let is_external = !network.outside.routers.is_empty();
    if network.routing.is_none() && !is_external {
        return;
    }
    if is_external {
        flows.extend(external(network));
    }
    let locals = network.locals.iter().map(|it| (it.mac, &it.addresses));
    let remotes = network.remotes.iter().map(|it| (it.mac, &it.addresses));
    for (mac, addresses) in locals.chain(remotes) {
        let addresses = addresses.iter();
        flows.extend(addresses.map(|address| resolved(network, *address, mac)));
    }
}

/// On an external network, what is for an address that a router has here comes back in at once. What the
/// pool gave out to somebody on another host is behind the Ethernet address that follows from it; all else
/// is for the network's gateway, as it was sent.
fn external(network: &NetworkView) -> impl Iterator<Item = Flow> {
    let here = NETWORK.is(network.number.get(), Match::new()).ipv4();
    let back = network.outside.addresses().map({
        let here = here.clone();
        move |address| {
            let flow = TABLE.flow(BACK, here.clone().ipv4_dst(address, 32));
            flow.action(Action::resubmit(class::TABLE.id))
                .action(Action::resubmit(translate::TABLE.id))
        }
    });
    let given_out = network.outside.pool().into_iter().map({
        let here = here.clone();
        move |prefix| {
            let matching = here.clone().ipv4_dst(prefix.addr(), prefix.prefix_len());
            let flow = TABLE.flow(POOL, matching).actions(behind_destination());
            flow.goto(forward::TABLE.id)
        }
    });
    let rest = TABLE.flow(GATEWAY, here).goto(forward::TABLE.id);
    back.chain(given_out).chain([rest])
}

/// The Ethernet address that follows from the destination, as [`MacAddr::public`].
fn behind_destination() -> [Action; 2] {
    let [first, second] = MacAddr::PUBLIC;
    let prefix = Action::SetField {
        field: Field::EthDst,
        value: u128::from(u16::from_be_bytes([first, second])) << 32,
        mask: 0xffff << 32,
    };
    [prefix, Action::copy(Field::Ipv4Dst, Field::EthDst)]
}

fn resolved(network: &NetworkView, address: IpAddr, mac: MacAddr) -> Flow {
    let here = NETWORK.is(network.number.get(), Match::new());
    let matching = match address {
        IpAddr::V4(address) => here.ipv4().ipv4_dst(address, 32),
        IpAddr::V6(address) => here.ipv6().ipv6_dst(address, 128),
    };
    let flow = TABLE.flow(KNOWN, matching);
    flow.action(Action::set_field(Field::EthDst, mac.octets()))
        .goto(forward::TABLE.id)
}
