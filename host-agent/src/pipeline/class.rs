//! Table `class`: what does the bill call this packet.
//!
//! Asked in passing, where a packet may be leaving its tenant or come from beyond: of what a VIF sends to
//! its gateway before it is counted, by its destination; of what comes from an external network before it
//! is translated, by its source. Elsewhere a packet's class is its network's.

use ipnet::Ipv4Net;
use model::{MacAddr, TrafficClass};
use openflow::{Flow, Match};

use super::registers::{CLASS, CLASS_OF_POOL, CLASS_PUBLIC, NETWORK};
use super::route::ways;
use super::{Miss, NetworkView, Table, WayOut, nothing};

pub(super) const TABLE: Table = Table {
    id: 15,
    name: "class",
    miss: Miss::Drop,
    why: "what does the bill call this packet, where it may leave its tenant or come from beyond",
    infrastructure: nothing,
    network: flows,
};

const OWN: u16 = 300;
const POOL: u16 = 200;
const PUBLIC: u16 = 100;

fn flows(network: &NetworkView, flows: &mut Vec<Flow>) {
    let outside = &network.outside;
    let here = NETWORK.is(network.number.get(), Match::new()).ipv4();
    if outside.way.is_some() {
        let sent = here.clone();
        let sent = sent.eth_dst(MacAddr::gateway(network.number).octets());
        let own = network.routing.iter().flat_map(|it| it.routes.iter());
        flows.extend(own.filter_map(|(prefix, _)| match prefix {
            ipnet::IpNet::V4(prefix) => Some(TABLE.flow(OWN, to(&sent, *prefix))),
            ipnet::IpNet::V6(_) => None,
        }));
        let pool = outside.pool().into_iter();
        flows.extend(pool.map(|it| called(POOL, to(&sent, it), CLASS_OF_POOL)));
        flows.push(called(PUBLIC, sent, CLASS_PUBLIC));
    }
    if outside.way.as_ref().is_some_and(WayOut::is_shared) {
        flows.extend(brought(network));
    }
    if !outside.routers.is_empty() {
        let pool = outside.pool().into_iter();
        flows.extend(pool.map(|it| {
            let from = here.clone().ipv4_src(it.addr(), it.prefix_len());
            called(POOL, from, CLASS_OF_POOL)
        }));
        flows.push(called(PUBLIC, here, CLASS_PUBLIC));
    }
}

/// What a router on another host brings: by its source.
fn brought(network: &NetworkView) -> Vec<Flow> {
    let here = NETWORK.is(network.number.get(), Match::new()).ipv4();
    let here = here.eth_src(MacAddr::gateway(network.number).octets());
    let of = |prefix: Ipv4Net| here.clone().ipv4_src(prefix.addr(), prefix.prefix_len());
    let own = network.routing.iter().flat_map(ways);
    let own = own.filter_map(|way| match way.prefix {
        ipnet::IpNet::V4(prefix) => Some(TABLE.flow(OWN, of(prefix))),
        ipnet::IpNet::V6(_) => None,
    });
    let pool = network.outside.pool().into_iter();
    let pool = pool.map(|it| called(POOL, of(it), CLASS_OF_POOL));
    let rest = called(PUBLIC, here.clone(), CLASS_PUBLIC);
    own.chain(pool).chain([rest]).collect()
}

fn to(sent: &Match, prefix: Ipv4Net) -> Match {
    sent.clone().ipv4_dst(prefix.addr(), prefix.prefix_len())
}

fn called(priority: u16, matching: Match, class: u32) -> Flow {
    TABLE.flow(priority, matching).action(CLASS.set(class))
}

/// The classes that packets of a network may have, each with what to match.
pub(super) fn of(network: &NetworkView, matching: Match) -> Vec<(Match, TrafficClass)> {
    if network.outside.way.is_none() {
        return vec![(matching, network.class())];
    }
    let classes = [
        (0, network.class()),
        (CLASS_OF_POOL, TrafficClass::PoolInternal),
        (CLASS_PUBLIC, TrafficClass::Public),
    ];
    let classes = classes.into_iter();
    classes
        .map(|(code, class)| (CLASS.is(code, matching.clone()), class))
        .collect()
}
