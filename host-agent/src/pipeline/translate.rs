//! Table `translate`: as whom does this leave for an external network, and for whom did it come.
//!
//! ```text
//!   tenant's network --route--> untracked --ct(router's zone, nat)--> tracked --> external network
//!   external network --route--> untracked --ct(router's zone, nat)--> tracked --> tenant's network
//! ```
//!
//! A packet passes twice: first its connection is looked up in the zone of its router, and translated;
//! then, by the addresses it has now, it becomes a packet of the other network. Routers have a zone each,
//! so the same addresses behind different ones never meet. What was not translated to an address that is
//! this router's here goes no further: nobody leaves in a name that is not theirs, and of what comes from
//! outside only what is for a floating IP, or answers what was sent, comes in.
//!
//! Where a router has gateway hosts, what ports without a floating IP send is handed to the one that lives,
//! over their own network: the sender's host has routed it, so there the time to live stays. What answers
//! it comes in at the gateway host, and goes to wherever its port is as if it had been routed there.

use std::net::IpAddr;

use model::plan::PlannedGatewayHost;
use model::{MacAddr, NetworkNumber};
use openflow::action::{Commit, Ct, Nat};
use openflow::matching::CtState;
use openflow::{Action, Field, Flow, Match};

use super::outside::{Presence, WayExit, WayOut};
use super::registers::{FROM, FROM_FABRIC, FROM_VIF, NETWORK};
use super::respond::forgotten;
use super::{
    Miss, NetworkView, Table, forward, forwarded, ip, next_hop, nothing, spoof_guard, undeliverable,
};

pub(super) const TABLE: Table = Table {
    id: 34,
    name: "translate",
    miss: Miss::Drop,
    why: "as whom does this leave for an external network, or for whom did it come from one",
    infrastructure: nothing,
    network: flows,
};

const NEVER: u16 = 300;
/// Above what ports of this host send.
const HANDED_ON: u16 = 270;
const FLOATING: u16 = 200;
const SNAT: u16 = 100;

/// The times to live of packets that no router passes on (RFC 1812 §5.3.1).
const LAST: [u8; 2] = [0, 1];
const NONE: CtState = CtState(0);

fn flows(network: &NetworkView, flows: &mut Vec<Flow>) {
    if let Some(way) = &network.outside.way {
        outward(network, way, flows);
    }
    let routers = &network.outside.routers;
    if !routers.is_empty() {
        flows.extend(never(network));
        flows.extend(forwarded::once(network));
    }
    for router in routers {
        inward(network, router, flows);
    }
}

fn here(network: &NetworkView) -> Match {
    NETWORK.is(network.number.get(), Match::new())
}

pub(super) fn untracked(network: &NetworkView) -> Match {
    before(network).ipv4()
}

pub(super) fn tracked(network: &NetworkView, found: CtState) -> Match {
    after(network, found).ipv4()
}

/// Of either version of IP, before its connection is looked up.
fn before(network: &NetworkView) -> Match {
    here(network).ct_state(NONE, CtState::TRK)
}

/// The same, afterwards.
fn after(network: &NetworkView, found: CtState) -> Match {
    here(network).ct_state(CtState::TRK | found, CtState::INV)
}

fn outward(network: &NetworkView, way: &WayOut, flows: &mut Vec<Flow>) {
    for floating in &way.floating {
        let matching = ip::from(before(network), floating.inner);
        let nat = source(floating.address);
        flows.push(translated(FLOATING, matching, committed(way.zone, nat)));
    }
    forwarded::outward(network, way, flows);
    flows.extend(others_outward(network, way));
    if way.has_v6() {
        let others = TABLE.flow(SNAT, before(network).ipv6());
        flows.push(others.goto(undeliverable::TABLE.id));
    }
    flows.extend(way.names().map(|(address, gateway)| {
        let matching = ip::from(after(network, NONE), address);
        let gateway = Action::set_field(Field::EthDst, gateway.octets());
        let flow = forgotten(TABLE.flow(FLOATING, matching)).action(gateway);
        becomes(flow, way.network, MacAddr::public(address))
    }));
}

/// What ports without a floating IP send.
fn others_outward(network: &NetworkView, way: &WayOut) -> Vec<Flow> {
    let sent = untracked(network);
    let Some(address) = way.snat else {
        return match way.exit {
            WayExit::By(host) => handed_on(network, &host).into_iter().collect(),
            WayExit::Nobody => Vec::new(),
            WayExit::Own | WayExit::ForAll(_) => {
                vec![TABLE.flow(SNAT, sent).goto(undeliverable::TABLE.id)]
            }
        };
    };
    let ct = committed(way.zone, source(address.into()));
    let of_others = matches!(way.exit, WayExit::ForAll(_)).then(|| {
        let handed = TABLE.flow(HANDED_ON, FROM.is(FROM_FABRIC, sent.clone()));
        handed.action(FROM.set(FROM_VIF)).action(ct.clone())
    });
    let own = translated(SNAT, sent, ct);
    of_others.into_iter().chain([own]).collect()
}

/// To the host by which it gets out, over this network, as what this host routed.
fn handed_on(network: &NetworkView, host: &PlannedGatewayHost) -> Option<Flow> {
    let (way, next) = forward::to_host(network.uplink?, host.endpoint)?;
    let gateway = MacAddr::gateway(network.number);
    let flow = TABLE.flow(SNAT, untracked(network));
    let flow = forgotten(flow.action(Action::DecTtl))
        .action(Action::set_field(Field::EthSrc, gateway.octets()))
        .action(Action::set_field(Field::EthDst, host.mac.octets()))
        .actions(way);
    Some(flow.goto(next))
}

fn inward(network: &NetworkView, router: &Presence, flows: &mut Vec<Flow>) {
    let of_router = |found| after(network, found).exact(Field::CtZone, router.zone);
    for floating in &router.floating {
        let matching = ip::to(before(network), floating.address);
        let nat = destination(floating.inner);
        flows.push(translated(FLOATING, matching, committed(router.zone, nat)));
        let matching = ip::to(of_router(NONE), floating.inner);
        flows.push(delivered(FLOATING, matching, floating.network));
    }
    forwarded::inward(network, router, flows);
    let Some(snat) = router.snat else {
        return;
    };
    let known = Ct {
        commit: Commit::No,
        ..committed(router.zone, Nat::default())
    };
    let matching = untracked(network).ipv4_dst(snat, 32);
    flows.push(translated(SNAT, matching, known));
    for (prefix, behind) in router.routes_v4() {
        for found in [CtState::EST | CtState::RPL, CtState::REL] {
            let matching = ip::to(of_router(found), prefix);
            flows.push(match router.duty.is_for_all() {
                true => delivered_anywhere(matching, behind),
                false => delivered(SNAT, matching, behind),
            });
        }
    }
}

/// What no packet from outside may be: at the end of its time, or the answer of a DHCP server.
fn never(network: &NetworkView) -> Vec<Flow> {
    let (v4, v6) = (before(network).ipv4(), before(network).ipv6());
    let ends = |sent: &Match| LAST.map(|ttl| sent.clone().exact(Field::IpTtl, ttl));
    let mut never = ends(&v4).to_vec();
    never.extend(spoof_guard::dhcpv4_servers(v4));
    if network.outside.has_v6() {
        never.extend(ends(&v6));
        never.extend(spoof_guard::dhcpv6_servers(v6));
    }
    let never = never.into_iter();
    never.map(|matching| TABLE.flow(NEVER, matching)).collect()
}

pub(super) fn source(address: IpAddr) -> Nat {
    Nat::source(address..=address)
}

pub(super) fn destination(address: IpAddr) -> Nat {
    Nat::destination(address..=address)
}

/// Begins a connection if it is new; one that is known stays as it is.
pub(super) fn committed(zone: u16, nat: Nat) -> Ct {
    Ct {
        commit: Commit::Yes,
        nat: Some(nat),
        ..Ct::lookup(zone, TABLE.id)
    }
}

pub(super) fn translated(priority: u16, matching: Match, ct: Ct) -> Flow {
    let flow = TABLE.flow(priority, matching).action(Action::DecTtl);
    flow.action(ct)
}

/// To a network of the router.
pub(super) fn delivered(priority: u16, matching: Match, network: NetworkNumber) -> Flow {
    let flow = TABLE.flow(priority, matching);
    becomes(flow, network, MacAddr::gateway(network))
}

/// The same, on whatever host its port is: this host's router sends it, not the external network.
fn delivered_anywhere(matching: Match, network: NetworkNumber) -> Flow {
    let flow = TABLE.flow(SNAT, matching).action(FROM.set(FROM_VIF));
    becomes(forgotten(flow), network, MacAddr::gateway(network))
}

/// A packet of this network from here on, sent by its router.
pub(super) fn becomes(flow: Flow, network: NetworkNumber, router: MacAddr) -> Flow {
    flow.action(Action::CtClear)
        .action(NETWORK.set(network.get()))
        .action(Action::set_field(Field::EthSrc, router.octets()))
        .goto(next_hop::TABLE.id)
}
