//! Table `fabric_guard`: may a frame from the fabric come in.
//!
//! VIFs send only ARP, IPv4 and IPv6, so nothing else can be meant for one. This also drops what is
//! still tagged after its network's tag is popped (a double-tagged frame shows either its inner tag
//! or, with Open vSwitch's default `vlan-limit` of 1, that tag's Ethernet type), and the protocols
//! that physical switches speak inside a VLAN.
//!
//! What the guards let no VIF say, no VIF of another host has said either: an answer of a DHCP server,
//! a router advertisement or a redirect comes from a machine that has no business in the network.
//!
//! Physical machines on an external network's segment are nobody's VIFs: none of them speaks as one
//! of ours, and none gives out addresses where the agent does; otherwise they may be routers and
//! servers. What is for an address that a router has here goes to be translated. Where ports reach the
//! gateway alone, nobody else gets in, so ports on different hosts
//! never meet, whatever the switches between pass on.

use std::net::IpAddr;

use model::MacAddr;
use openflow::protocol::{ETH_ARP, ETH_IPV4, ETH_IPV6};
use openflow::{Field, Flow, Match};

use super::registers::NETWORK;
use super::{
    Duty, Miss, NetworkView, Outsiders, Reach, Table, claim, fabric_senders, forward, ip,
    neighbour_guard, respond, route, spoof_guard,
};
use crate::respond::Question;

pub(super) const TABLE: Table = Table {
    id: 4,
    name: "fabric_guard",
    miss: Miss::Drop,
    why: "is a frame from the fabric one that may come in",
    infrastructure,
    network: flows,
};

const NEVER: u16 = 300;
const GATEWAY: u16 = 250;
const NOBODY_ELSE: u16 = 200;
const CLAIM: u16 = 180;
/// Above what is sent to an address: a solicitation may be.
const ASKED: u16 = 175;
const PUBLIC: u16 = 170;
const OUTSIDER: u16 = 150;
const NO_VIF: u16 = 120;
const VIF: u16 = 100;

const ARP_REQUEST: u16 = 1;
const ARP_REPLY: u16 = 2;

fn infrastructure() -> Vec<Flow> {
    let of_servers = [
        spoof_guard::dhcpv4_servers(Match::new()),
        spoof_guard::dhcpv6_servers(Match::new()),
    ];
    let never = of_servers.into_iter().flatten();
    let never = never.chain(neighbour_guard::never());
    let never = never.map(|matching| TABLE.flow(NO_VIF, matching));
    let allowed = allow(VIF, &Match::new(), fabric_senders::TABLE.id);
    never.chain(allowed).collect()
}

/// What VIFs understand.
fn allow(priority: u16, matching: &Match, next: u8) -> [Flow; 3] {
    [ETH_ARP, ETH_IPV4, ETH_IPV6].map(|eth_type| {
        let matching = matching.clone().untagged().eth_type(eth_type);
        TABLE.flow(priority, matching).goto(next)
    })
}

fn flows(network: &NetworkView, flows: &mut Vec<Flow>) {
    let here = NETWORK.is(network.number.get(), Match::new());
    let next = forward::TABLE.id;
    if network.outsiders != Outsiders::None {
        let locals = network.locals.iter();
        let as_ours = locals.map(|local| from(&here, local.mac));
        flows.extend(as_ours.map(|matching| TABLE.flow(NEVER, matching)));
        flows.extend(public(network, &here));
        flows.extend(claims(network, &here));
        if network.outsiders.leave_to_agent(Question::Dhcpv4) {
            let servers = spoof_guard::dhcpv4_servers(here.clone());
            flows.extend(servers.map(|matching| TABLE.flow(NEVER, matching)));
        }
    }
    match (&network.reach, network.outsiders) {
        (Reach::Gateway(addresses), _) => {
            let gateways = addresses.iter().map(|mac| from(&here, *mac));
            flows.extend(gateways.flat_map(|matching| allow(GATEWAY, &matching, next)));
            flows.push(TABLE.flow(NOBODY_ELSE, here));
        }
        (Reach::Everybody, Outsiders::None) => {}
        (Reach::Everybody, _) => flows.extend(allow(OUTSIDER, &here, next)),
    }
}

/// What is for the addresses that this host has there for routers, and nobody who pretends to be one.
fn public(network: &NetworkView, here: &Match) -> Vec<Flow> {
    let here = here.clone().untagged();
    let asked = network.outside.addresses().map(|address| {
        let asked = match address {
            IpAddr::V4(address) => {
                let asked = here.clone().arp().exact(Field::ArpOp, ARP_REQUEST);
                asked.exact(Field::ArpTpa, address)
            }
            IpAddr::V6(address) => {
                let asked = respond::solicitation(here.clone());
                asked.exact(Field::NdTarget, address)
            }
        };
        TABLE.flow(ASKED, asked).goto(respond::TABLE.id)
    });
    let sent = network
        .outside
        .macs()
        .into_iter()
        .flat_map(|(family, mac)| {
            let sent = ip::of(family, here.clone()).eth_dst(mac.octets());
            [
                TABLE.flow(NEVER, from(&here, mac)),
                TABLE.flow(PUBLIC, sent).goto(route::TABLE.id),
            ]
        });
    asked.chain(sent).collect()
}

/// What gateway hosts ask each other about an address that only one of them may have: from outside to the
/// agent, and nowhere else.
fn claims(network: &NetworkView, here: &Match) -> Vec<Flow> {
    let arp = here.clone().untagged().arp();
    let duties = network.outside.routers.iter().map(|it| it.duty);
    let asked = duties.filter_map(|duty| match duty {
        Duty::None | Duty::Holds => None,
        Duty::Asks(claim) => {
            let answer = arp.clone().exact(Field::ArpOp, ARP_REPLY);
            let answer = answer.exact(Field::ArpSpa, claim.address);
            Some(answer.eth_dst(claim.mac.octets()))
        }
        Duty::HoldsAlone(claim) => {
            let [first, second] = MacAddr::ROUTERS;
            let hosts = [first, second, 0, 0, 0, 0];
            let asked = arp.clone().exact(Field::ArpOp, ARP_REQUEST);
            let asked = asked.exact(Field::ArpTpa, claim.address);
            Some(asked.masked(Field::EthSrc, hosts, [0xff, 0xff, 0, 0, 0, 0]))
        }
    });
    asked
        .map(|matching| claim::to_agent(TABLE.flow(CLAIM, matching)))
        .collect()
}

fn from(here: &Match, mac: MacAddr) -> Match {
    here.clone().eth_src(mac.octets())
}
