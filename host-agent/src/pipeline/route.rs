//! Table `route`: which network of the router is this for.
//!
//! A router is the gateway of each of its networks, on every host at once. What a VIF sends to its
//! gateway is moved to the network of its destination right here; from then on it is that network's
//! frame. What is for none of them goes out by the router's gateway, if it has one, translated. The
//! router's own addresses answer to echo requests and to nothing else. What can be sent no
//! further goes on to the table that has its sender told.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use model::{Family, MacAddr, NetworkNumber};
use openflow::{Action, Field, Flow, Match};

use super::registers::{FROM, FROM_VIF, NETWORK, TOO_BIG};
use super::respond::{back, forgotten};
use super::{
    Miss, NetworkView, Routing, Table, class, count_and_output, fits, forward, ip, next_hop,
    nothing, translate, undeliverable,
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
const NOT_OUTSIDE_V4: [Ipv4Net; 4] = [
    Ipv4Net::new_assert(Ipv4Addr::new(0, 0, 0, 0), 8),
    Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8),
    Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 0, 0), 16),
    Ipv4Net::new_assert(Ipv4Addr::new(224, 0, 0, 0), 3),
];
const NOT_OUTSIDE_V6: [Ipv6Net; 3] = [
    Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 8),
    Ipv6Net::new_assert(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
    Ipv6Net::new_assert(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8),
];

/// The times to live of packets that no router passes on (RFC 1812 §5.3.1, RFC 8200 §3).
const LAST: [u8; 2] = [0, 1];
/// The time to live of our own packets.
const FRESH: u8 = 64;
const NO_FRAGMENT: u8 = 0;
/// The header before an IP packet; tags are off by now.
const ETHERNET_BYTES: u16 = 14;

/// Echo request and reply (RFC 792, RFC 4443 §4).
const ECHO_V4: [u8; 2] = [8, 0];
const ECHO_V6: [u8; 2] = [128, 129];

fn flows(network: &NetworkView, flows: &mut Vec<Flow>) {
    flows.extend(from_outside(network));
    let Some(routing) = &network.routing else {
        return;
    };
    let gateway = MacAddr::gateway(network.number);
    let here = sent_to_gateway(network);
    for address in routing.addresses.iter() {
        flows.push(echo(&here, gateway, *address));
        flows.push(TABLE.flow(OWN, ip::to(here.clone(), *address)));
    }
    let families = [here.clone().ipv4(), here.clone().ipv6()];
    for family in families {
        let expired = LAST.map(|ttl| family.clone().exact(Field::IpTtl, ttl));
        let expired = expired.map(|matching| TABLE.flow(EXPIRED, matching));
        let nowhere = TABLE.flow(NOWHERE, family);
        let ends = expired.into_iter().chain([nowhere]);
        flows.extend(ends.map(|flow| flow.goto(undeliverable::TABLE.id)));
    }
    flows.extend(ways(routing).map(|way| way.taken(network, routing)));
    if let Some(way) = &network.outside.way {
        let nowhere = NOT_OUTSIDE_V4.map(IpNet::from);
        flows.extend(to_outside(&here, Family::Ipv4, nowhere));
        if way.has_v6() {
            let nowhere = NOT_OUTSIDE_V6.map(IpNet::from);
            flows.extend(to_outside(&here, Family::Ipv6, nowhere));
        }
    }
}

/// What is for an address that a router has on this external network, from wherever.
fn from_outside(network: &NetworkView) -> impl Iterator<Item = Flow> {
    network.outside.macs().into_iter().map(|(family, mac)| {
        let here = NETWORK.is(network.number.get(), Match::new());
        let matching = ip::of(family, here).eth_dst(mac.octets());
        let flow = TABLE.flow(OWN, matching);
        let flow = flow.action(Action::resubmit(class::TABLE.id));
        flow.action(Action::CtClear).goto(translate::TABLE.id)
    })
}

/// What no network of the router has, but for what nobody outside can have either.
fn to_outside<const N: usize>(here: &Match, family: Family, nowhere: [IpNet; N]) -> Vec<Flow> {
    let nowhere = nowhere.map(|prefix| {
        let priority = PREFIX + u16::from(prefix.prefix_len());
        let flow = TABLE.flow(priority, ip::to(here.clone(), prefix));
        flow.goto(undeliverable::TABLE.id)
    });
    let flow = TABLE.flow(OUTSIDE, ip::of(family, here.clone()));
    let flow = flow.action(Action::CtClear).goto(translate::TABLE.id);
    nowhere.into_iter().chain([flow]).collect()
}

/// What VIFs of a network send to their gateway.
fn sent_to_gateway(network: &NetworkView) -> Match {
    let here = FROM.is(FROM_VIF, NETWORK.is(network.number.get(), Match::new()));
    here.eth_dst(MacAddr::gateway(network.number).octets())
}

/// A prefix, and how packets get there.
pub(super) struct Way {
    pub(super) prefix: IpNet,
    /// The network they become packets of.
    pub(super) network: NetworkNumber,
    hop: Hop,
}

/// To whom packets go in their new network.
enum Hop {
    /// To whoever has their destination.
    Direct,
    /// To this machine.
    Via(MacAddr),
    /// To nobody.
    Absent,
}

/// All ways of a router: its networks' own prefixes, and those of its static routes.
pub(super) fn ways(routing: &Routing) -> impl Iterator<Item = Way> {
    let direct = routing.routes.iter().map(|(prefix, network)| Way {
        prefix: *prefix,
        network: *network,
        hop: Hop::Direct,
    });
    let statics = routing.statics.iter().map(|it| Way {
        prefix: it.prefix,
        network: it.network,
        hop: it.mac.map_or(Hop::Absent, Hop::Via),
    });
    direct.chain(statics)
}

impl Way {
    /// What table `route` does with packets of this way: measure them first, where their new network
    /// takes smaller ones.
    fn taken(&self, network: &NetworkView, routing: &Routing) -> Flow {
        let Some(limit) = routing.limit(network.number, self.network) else {
            return self.carried_on(&TABLE, network);
        };
        let measure = TOO_BIG.part().map(|target| Action::CheckPacketLarger {
            length: limit.saturating_add(ETHERNET_BYTES),
            target,
        });
        let flow = TABLE.flow(
            self.priority(),
            ip::to(sent_to_gateway(network), self.prefix),
        );
        flow.actions(measure).goto(fits::TABLE.id)
    }

    /// From here on a packet of the other network. It may leave by the interface it came in by, for
    /// another port of the same trunk.
    pub(super) fn carried_on(&self, table: &Table, network: &NetworkView) -> Flow {
        let flow = table.flow(
            self.priority(),
            ip::to(sent_to_gateway(network), self.prefix),
        );
        let gateway = MacAddr::gateway(self.network).octets();
        let moved = |flow: Flow| {
            forgotten(flow.action(Action::DecTtl))
                .action(NETWORK.set(self.network.get()))
                .action(Action::set_field(Field::EthSrc, gateway))
        };
        match self.hop {
            Hop::Direct => moved(flow).goto(next_hop::TABLE.id),
            Hop::Via(mac) => moved(flow)
                .action(Action::set_field(Field::EthDst, mac.octets()))
                .goto(forward::TABLE.id),
            Hop::Absent => flow.goto(undeliverable::TABLE.id),
        }
    }

    fn priority(&self) -> u16 {
        PREFIX + u16::from(self.prefix.prefix_len())
    }
}

/// Turns an echo request to one of the router's addresses into its reply, and sends it back.
fn echo(here: &Match, gateway: MacAddr, address: IpAddr) -> Flow {
    let asked = ip::to(here.clone(), address).exact(Field::IpFrag, NO_FRAGMENT);
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
