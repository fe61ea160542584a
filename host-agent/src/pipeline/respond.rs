//! Table `respond`: can we answer this here.
//!
//! The plan says which Ethernet address every address of the network has, so ARP requests and
//! neighbour solicitations of local VIFs are answered on the spot: they reach no other VIF and no
//! other host. The owner of an IPv4 address is never answered about it: to whoever asks whether
//! their own address is taken (RFC 5227), our answer would say that it is. In IPv6 who asks that has
//! no source address yet, hence names no link-layer address, and such solicitations go on
//! (RFC 4862 §5.4.2); nor is there room in them for the one of the answer.
//!
//! What DHCP clients and router solicitations ask takes more than a flow: the agent answers, and none
//! of it goes further. Only in an external network a physical machine may be the one to ask.
//!
//! Where ports reach nobody but the gateway, nobody is answered about anybody else.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::MacAddr;
use openflow::protocol::{ND_ADVERT, ND_SOLICIT};
use openflow::{Action, Field, Flow, Match};

use super::registers::{NETWORK, OUT_PORT};
use super::view::Place;
use super::{
    LocalPort, Miss, NetworkView, Table, advertise, answer, conntrack_out, count_and_output,
    forward,
};
use crate::respond::Question;

pub(super) const TABLE: Table = Table {
    id: 20,
    name: "respond",
    miss: Miss::Goto(conntrack_out::TABLE.id),
    why: "can we answer here: ARP and neighbours; or the agent: DHCP and router solicitations",
    infrastructure,
    network: flows,
};

const NEVER: u16 = 300;
const OWNER: u16 = 200;
const ANSWER: u16 = 100;

const REQUEST: u16 = 1;
const REPLY: u16 = 2;

/// The port that no frame comes in by (`OFPP_NONE`), in the 16 bits that a flow may write.
const NO_PORT: u16 = 0xffff;

const DNS: u16 = 53;
const DHCP_SERVER: u16 = 67;
const DHCP_CLIENT: u16 = 68;
const DHCPV6_CLIENT: u16 = 546;
const DHCPV6_SERVER: u16 = 547;
const ROUTER_SOLICIT: u8 = 133;

/// In an advertisement: it was asked for, and it counts more than what was known before.
const SOLICITED_AND_OVERRIDE: u32 = 0x6000_0000;
/// The kind of the option that holds the link-layer address of an advertisement's target.
const TARGET_LINK_LAYER: u8 = 2;
/// No absent link-layer address option reads as anything but this.
const NO_OPTION: [u8; 6] = [0; 6];

/// Without the option there is no room for the answer's.
fn infrastructure() -> Vec<Flow> {
    let bare = solicitation(Match::new()).exact(Field::NdSll, NO_OPTION);
    vec![TABLE.flow(NEVER, bare).goto(forward::TABLE.id)]
}

fn flows(network: &NetworkView, flows: &mut Vec<Flow>) {
    arp_flows(network, flows);
    for (address, mac) in network.ipv6_owners() {
        let asked = solicitation(NETWORK.is(network.number.get(), Match::new()));
        let asked = asked.exact(Field::NdTarget, address);
        flows.push(advertisement(asked, address, mac));
    }
    for port in &network.locals {
        question_flows(network, port, flows);
    }
}

fn arp_flows(network: &NetworkView, flows: &mut Vec<Flow>) {
    for (address, mac, place) in network.ipv4_owners() {
        let request = NETWORK
            .is(network.number.get(), Match::new())
            .arp()
            .exact(Field::ArpOp, REQUEST)
            .exact(Field::ArpTpa, address);
        if place == Place::Here {
            let owner = request.clone().eth_src(mac.octets());
            flows.push(TABLE.flow(OWNER, owner).goto(forward::TABLE.id));
        }
        flows.push(reply(request, address, mac));
    }
}

/// What the agent is asked: by just these flows, so by nobody but a VIF of this host.
fn question_flows(network: &NetworkView, port: &LocalPort, flows: &mut Vec<Flow>) {
    let here = || NETWORK.is(network.number.get(), Match::new().in_port(port.port));
    let mut ask = |matching, question| {
        let flow = TABLE.flow(ANSWER, matching);
        flows.push(answer::ask(flow, port.port, question));
    };
    let asked = |question| network.outsiders.leave_to_agent(question);
    for resolver in &*network.resolvers {
        let udp = match resolver {
            IpAddr::V4(resolver) if port.ipv4().next().is_some() => {
                here().ipv4().udp().ipv4_dst(*resolver, 32)
            }
            IpAddr::V6(resolver) if port.ipv6().next().is_some() => {
                here().ipv6().udp().ipv6_dst(*resolver, 128)
            }
            _ => continue,
        };
        ask(udp.exact(Field::UdpDst, DNS), Question::Dns);
    }
    if port.ipv4().next().is_some() && asked(Question::Dhcpv4) {
        let dhcp = here().ipv4().udp().exact(Field::UdpSrc, DHCP_CLIENT);
        ask(dhcp.exact(Field::UdpDst, DHCP_SERVER), Question::Dhcpv4);
    }
    if port.ipv6().next().is_some() && asked(Question::Dhcpv6) {
        let dhcp = here().ipv6().udp().exact(Field::UdpSrc, DHCPV6_CLIENT);
        ask(dhcp.exact(Field::UdpDst, DHCPV6_SERVER), Question::Dhcpv6);
    }
    if port.ipv6().next().is_some() && asked(Question::RouterSolicit) {
        let solicit = here().icmpv6().exact(Field::Icmpv6Type, ROUTER_SOLICIT);
        ask(solicit, Question::RouterSolicit);
    }
}

pub(super) fn solicitation(matching: Match) -> Match {
    matching
        .icmpv6()
        .exact(Field::Icmpv6Type, ND_SOLICIT)
        .exact(Field::Icmpv6Code, 0u8)
}

/// Turns the solicitation into its answer, but for what the next table does, and sends it back.
fn advertisement(asked: Match, address: Ipv6Addr, mac: MacAddr) -> Flow {
    let flow = TABLE
        .flow(ANSWER, asked)
        .action(Action::copy(Field::EthSrc, Field::EthDst))
        .action(Action::set_field(Field::EthSrc, mac.octets()))
        .action(Action::copy(Field::Ipv6Src, Field::Ipv6Dst))
        .action(Action::set_field(Field::Ipv6Src, address))
        .action(Action::set_field(Field::NdOptionsType, TARGET_LINK_LAYER))
        .action(Action::set_field(Field::NdReserved, SOLICITED_AND_OVERRIDE))
        .action(Action::set_field(Field::Icmpv6Type, ND_ADVERT));
    back(flow).goto(advertise::TABLE.id)
}

/// Turns the request into its reply and sends it back.
fn reply(request: Match, address: Ipv4Addr, mac: MacAddr) -> Flow {
    let flow = TABLE
        .flow(ANSWER, request)
        .action(Action::copy(Field::EthSrc, Field::EthDst))
        .action(Action::set_field(Field::EthSrc, mac.octets()))
        .action(Action::set_field(Field::ArpOp, REPLY))
        .action(Action::copy(Field::ArpSha, Field::ArpTha))
        .action(Action::copy(Field::ArpSpa, Field::ArpTpa))
        .action(Action::set_field(Field::ArpSha, mac.octets()))
        .action(Action::set_field(Field::ArpSpa, address));
    back(flow).goto(count_and_output::TABLE.id)
}

/// To where it came from. The port it came in by is forgotten, or the switch would refuse to send it
/// there; so the answer is counted like anything the VIF receives.
pub(super) fn back(flow: Flow) -> Flow {
    forgotten(flow.action(Action::copy(Field::InPort, OUT_PORT.field)))
}

/// Came in by no port, as far as sending it back is concerned.
pub(super) fn forgotten(flow: Flow) -> Flow {
    flow.action(Action::set_field(Field::InPort16, NO_PORT))
}
