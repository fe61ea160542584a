//! Table `route`: which network of the router is this for.
//!
//! A router is the gateway of each of its networks, on every host at once. What a VIF sends to its
//! gateway is moved to the network of its destination right here; from then on it is that network's
//! frame. What is for none of them goes out by the router's gateway, if it has one, translated. The
//! router's own addresses answer to echo requests and to nothing else. What can be sent no
//! further goes on to the table that has its sender told.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use model::{MacAddr, NetworkNumber};
use openflow::{Action, Field, Flow, Match};

use super::registers::{FROM, FROM_VIF, NETWORK};
use super::respond::{back, forgotten};
use super::{
    Miss, NetworkView, Routing, Table, class, count_and_output, forward, next_hop, nothing,
    translate, undeliverable,
};

pub(super) const TABLE: Table = Table {
    id: 32,
    name: "route",
    miss: Miss::Goto(forward::TABLE.id),
    why: "which network of the router is this for",
    infrastructure: nothing,
    network: flows,
};

const ECHO: u16 = 300;
const OWN: u16 = 250;
const EXPIRED: u16 = 200;
/// With the length of the prefix, so that the longest is taken.
const PREFIX: u16 = 50;
/// Below every prefix.
const OUTSIDE: u16 = 45;
const NOWHERE: u16 = 40;

/// Addresses that are never beyond a router: this network's and host's own, link-local, multicast and
/// reserved ones (RFC 6890).
const NOT_OUTSIDE: [(Ipv4Addr, u8); 4] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(224, 0, 0, 0), 3),
];

/// The times to live of packets that no router passes on (RFC 1812 §5.3.1, RFC 8200 §3).
const LAST: [u8; 2] = [0, 1];
/// The time to live of our own packets.
const FRESH: u8 = 64;
const NO_FRAGMENT: u8 = 0;

/// Echo request and reply (RFC 792, RFC 4443 §4).
const ECHO_V4: [u8; 2] = [8, 0];
const ECHO_V6: [u8; 2] = [128, 129];

fn flows(network: &NetworkView, flows: &mut Vec<Flow>) {
    flows.extend(from_outside(network));
    let Some(routing) = &network.routing else {
        return;
    };
    let gateway = MacAddr::gateway(network.number);
    let here = FROM.is(FROM_VIF, NETWORK.is(network.number.get(), Match::new()));
    let here = here.eth_dst(gateway.octets());
    for address in routing.addresses.iter() {
        flows.push(echo(&here, gateway, *address));
        flows.push(TABLE.flow(OWN, to(&here, IpNet::from(*address))));
    }
    let families = [here.clone().ipv4(), here.clone().ipv6()];
    for family in families {
        let expired = LAST.map(|ttl| family.clone().exact(Field::IpTtl, ttl));
        let expired = expired.map(|matching| TABLE.flow(EXPIRED, matching));
        let nowhere = TABLE.flow(NOWHERE, family);
        let ends = expired.into_iter().chain([nowhere]);
        flows.extend(ends.map(|flow| flow.goto(undeliverable::TABLE.id)));
    }
    flows.extend(routes(&here, routing));
    if network.outside.way.is_some() {
        flows.extend(to_outside(&here));
    }
}

/// What is for an address that a router has on this external network, from wherever.
fn from_outside(network: &NetworkView) -> impl Iterator<Item = Flow> {
    network.outside.addresses().map(|address| {
        let here = NETWORK.is(network.number.get(), Match::new()).ipv4();
        let matching = here.eth_dst(MacAddr::public(address).octets());
        let flow = TABLE.flow(OWN, matching);
        let flow = flow.action(Action::resubmit(class::TABLE.id));
        flow.action(Action::CtClear).goto(translate::TABLE.id)
    })
}

/// What no network of the router has, but for what nobody outside can have either.
fn to_outside(here: &Match) -> impl Iterator<Item = Flow> {
    let nowhere = NOT_OUTSIDE.iter().map(|(prefix, length)| {
        let matching = here.clone().ipv4().ipv4_dst(*prefix, *length);
        let flow = TABLE.flow(PREFIX + u16::from(*length), matching);
        flow.goto(undeliverable::TABLE.id)
    });
    let flow = TABLE.flow(OUTSIDE, here.clone().ipv4());
    let flow = flow.action(Action::CtClear).goto(translate::TABLE.id);
    nowhere.chain([flow])
}

fn routes(here: &Match, routing: &Routing) -> impl Iterator<Item = Flow> {
    routing.routes.iter().map(|(prefix, network)| {
        let priority = PREFIX + u16::from(prefix.prefix_len());
        let flow = TABLE.flow(priority, to(here, *prefix));
        moved(flow, *network)
    })
}

/// From here on a frame of the other network. It may leave by the interface it came in by, for another
/// port of the same trunk.
fn moved(flow: Flow, network: NetworkNumber) -> Flow {
    forgotten(flow.action(Action::DecTtl))
        .action(NETWORK.set(network.get()))
        .action(Action::set_field(
            Field::EthSrc,
            MacAddr::gateway(network).octets(),
        ))
        .goto(next_hop::TABLE.id)
}

fn to(here: &Match, prefix: IpNet) -> Match {
    let here = here.clone();
    match prefix {
        IpNet::V4(prefix) => here.ipv4().ipv4_dst(prefix.addr(), prefix.prefix_len()),
        IpNet::V6(prefix) => here.ipv6().ipv6_dst(prefix.addr(), prefix.prefix_len()),
    }
}

/// Turns an echo request to one of the router's addresses into its reply, and sends it back.
fn echo(here: &Match, gateway: MacAddr, address: IpAddr) -> Flow {
    let asked = to(here, IpNet::from(address)).exact(Field::IpFrag, NO_FRAGMENT);
    let (asked, kind, reply) = match address {
        IpAddr::V4(_) => (asked.icmp(), Field::Icmpv4Type, ECHO_V4),
        IpAddr::V6(_) => (asked.icmpv6(), Field::Icmpv6Type, ECHO_V6),
    };
    let [request, reply] = reply;
    let flow = TABLE
        .flow(ECHO, asked.exact(kind, request))
        .action(Action::copy(Field::EthSrc, Field::EthDst))
        .action(Action::set_field(Field::EthSrc, gateway.octets()));
    let flow = match address {
        IpAddr::V4(address) => flow
            .action(Action::copy(Field::Ipv4Src, Field::Ipv4Dst))
            .action(Action::set_field(Field::Ipv4Src, address)),
        IpAddr::V6(address) => flow
            .action(Action::copy(Field::Ipv6Src, Field::Ipv6Dst))
            .action(Action::set_field(Field::Ipv6Src, address)),
    };
    let flow = flow
        .action(Action::set_field(Field::IpTtl, FRESH))
        .action(Action::set_field(kind, reply));
    back(flow).goto(count_and_output::TABLE.id)
}
