//! Table `class`: what does the bill call this packet.
//!
//! Asked in passing, where a packet may be leaving its tenant or come from beyond: of what a VIF sends to
//! its gateway before it is counted, by its destination; of what comes from an external network before it
//! is translated, by its source. Elsewhere a packet's class is its network's.

use model::{Family, MacAddr, TrafficClass};
use openflow::{Flow, Match};

use super::registers::{CLASS, CLASS_OF_POOL, CLASS_PUBLIC, NETWORK};
use super::route::ways;
use super::{Miss, NetworkView, Table, ip, nothing};

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
    if let Some(way) = &outside.way {
        flows.extend(way.families().flat_map(|family| sent(network, family)));
        if way.is_shared() {
            flows.extend(brought(network));
        }
    }
    if !outside.routers.is_empty() {
        let families = outside.families();
        flows.extend(families.flat_map(|family| come(network, family)));
    }
}

fn here(network: &NetworkView) -> Match {
    NETWORK.is(network.number.get(), Match::new())
}

/// What a VIF sends to its gateway: by its destination.
fn sent(network: &NetworkView, family: Family) -> Vec<Flow> {
    let sent = here(network).eth_dst(MacAddr::gateway(network.number).octets());
    let own = network.routing.iter().flat_map(|it| it.routes.iter());
    let own = own.filter(|(prefix, _)| Family::of(prefix.addr()) == family);
    let own = own.map(|(prefix, _)| TABLE.flow(OWN, ip::to(sent.clone(), *prefix)));
    let pool = network.outside.pool(family).into_iter();
    let pool = pool.map(|it| called(POOL, ip::to(sent.clone(), it), CLASS_OF_POOL));
    let rest = called(PUBLIC, ip::of(family, sent.clone()), CLASS_PUBLIC);
    own.chain(pool).chain([rest]).collect()
}

/// What comes from an external network: by its source.
fn come(network: &NetworkView, family: Family) -> Vec<Flow> {
    let pool = network.outside.pool(family).into_iter();
    let pool = pool.map(|it| called(POOL, ip::from(here(network), it), CLASS_OF_POOL));
    let rest = called(PUBLIC, ip::of(family, here(network)), CLASS_PUBLIC);
    pool.chain([rest]).collect()
}

/// What a router on another host brings, which is IPv4 alone: by its source.
fn brought(network: &NetworkView) -> Vec<Flow> {
    let here = here(network).eth_src(MacAddr::gateway(network.number).octets());
    let own = network.routing.iter().flat_map(ways);
    let own = own.filter(|way| Family::of(way.prefix.addr()) == Family::Ipv4);
    let own = own.map(|way| TABLE.flow(OWN, ip::from(here.clone(), way.prefix)));
    let pool = network.outside.pool(Family::Ipv4).into_iter();
    let pool = pool.map(|it| called(POOL, ip::from(here.clone(), it), CLASS_OF_POOL));
    let rest = called(PUBLIC, here.clone().ipv4(), CLASS_PUBLIC);
    own.chain(pool).chain([rest]).collect()
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
