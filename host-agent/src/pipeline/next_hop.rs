//! Table `next_hop`: who in this network has the address that a routed packet is for.
//!
//! Its flows belong to the network that the packet was moved to, so that a port that comes or goes
//! there changes no other network's flows.

use std::net::IpAddr;

use model::{Family, MacAddr};
use openflow::{Action, Field, Flow, Match};

use super::registers::NETWORK;
use super::{Miss, NetworkView, Table, class, forward, ip, nothing, translate};

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
fn external(network: &NetworkView) -> Vec<Flow> {
    let here = NETWORK.is(network.number.get(), Match::new());
    let back = network.outside.addresses().map(|address| {
        let flow = TABLE.flow(BACK, ip::to(here.clone(), address));
        flow.action(Action::resubmit(class::TABLE.id))
            .action(Action::resubmit(translate::TABLE.id))
    });
    let beyond = network.outside.families().flat_map(|family| {
        let given_out = network.outside.pool(family).into_iter().map(|prefix| {
            let flow = TABLE.flow(POOL, ip::to(here.clone(), prefix));
            flow.actions(behind_destination(family))
                .goto(forward::TABLE.id)
        });
        let rest = TABLE.flow(GATEWAY, ip::of(family, here.clone()));
        let rest = rest.goto(forward::TABLE.id);
        given_out.chain([rest]).collect::<Vec<Flow>>()
    });
    back.chain(beyond).collect()
}

/// The Ethernet address that follows from the destination, as [`MacAddr::public`].
fn behind_destination(family: Family) -> [Action; 2] {
    let ([first, second], destination) = match family {
        Family::Ipv4 => (MacAddr::PUBLIC, Field::Ipv4Dst),
        Family::Ipv6 => (MacAddr::PUBLIC_V6, Field::Ipv6Dst),
    };
    let prefix = Action::SetField {
        field: Field::EthDst,
        value: u128::from(u16::from_be_bytes([first, second])) << 32,
        mask: 0xffff << 32,
    };
    [prefix, Action::copy_lowest(32, destination, Field::EthDst)]
}

fn resolved(network: &NetworkView, address: IpAddr, mac: MacAddr) -> Flow {
    let here = NETWORK.is(network.number.get(), Match::new());
    let flow = TABLE.flow(KNOWN, ip::to(here, address));
    flow.action(Action::set_field(Field::EthDst, mac.octets()))
        .goto(forward::TABLE.id)
}
