//! Table `spoof_guard`: does a port speak only as itself.
//!
//! Every flow that lets something pass names the port, its Ethernet address, and an address of its
//! own. Whatever is not listed is dropped: other Ethernet types with the rest, so no VIF speaks LLDP,
//! spanning tree or a tag within a tag.

use std::net::{Ipv4Addr, Ipv6Addr};

use openflow::protocol::ND_SOLICIT;
use openflow::{Field, Flow, Match};

use super::registers::NETWORK;
use super::{FIRST_FRAGMENT, LocalPort, Miss, NetworkView, Table, count_sent, neighbour_guard};

pub(super) const TABLE: Table = Table {
    id: 8,
    name: "spoof_guard",
    miss: Miss::Drop,
    why: "does a port speak only as itself: MAC, ARP, IPv4, IPv6; and never as a DHCP server",
    infrastructure,
    network: flows,
};

const NEVER: u16 = 200;
const OWN: u16 = 100;

const ARP_REQUEST: u16 = 1;
const DHCP_SERVER: u16 = 67;
const DHCP_CLIENT: u16 = 68;
const DHCPV6_SERVER: u16 = 547;
const DHCPV6_CLIENT: u16 = 546;

/// What a first fragment matches as its port when the switch does not show it.
const HIDDEN: u16 = 0;

fn infrastructure() -> Vec<Flow> {
    let servers = [dhcpv4_servers(Match::new()), dhcpv6_servers(Match::new())];
    // Behind the tag that names a sub-port there may be no other.
    let never = servers.into_iter().flatten().chain([Match::new().tagged()]);
    never.map(|matching| TABLE.flow(NEVER, matching)).collect()
}

/// What servers of DHCP send. No VIF is one, whatever its address.
pub(super) fn dhcpv4_servers(matching: Match) -> [Match; 3] {
    servers(matching.ipv4().udp(), DHCP_SERVER, DHCP_CLIENT)
}

/// The same for DHCPv6.
pub(super) fn dhcpv6_servers(matching: Match) -> [Match; 3] {
    servers(matching.ipv6().udp(), DHCPV6_SERVER, DHCPV6_CLIENT)
}

/// Clients look at the port that an answer is sent to, and most at no other, so either one betrays a
/// server.
fn servers(udp: Match, server: u16, client: u16) -> [Match; 3] {
    let unseen = udp.clone().exact(Field::IpFrag, FIRST_FRAGMENT);
    [
        udp.clone().exact(Field::UdpSrc, server),
        udp.exact(Field::UdpDst, client),
        unseen.exact(Field::UdpSrc, HIDDEN),
    ]
}

fn flows(network: &NetworkView, flows: &mut Vec<Flow>) {
    for port in &network.locals {
        let own = own(network, port);
        ipv4_flows(&own, port, flows);
        ipv6_flows(&own, port, flows);
    }
}

fn ipv4_flows(own: &Match, port: &LocalPort, flows: &mut Vec<Flow>) {
    let next = count_sent::TABLE.id;
    let mut allow = |matching| flows.push(TABLE.flow(OWN, matching).goto(next));
    for address in port.ipv4() {
        allow(arp(own, port).exact(Field::ArpSpa, address));
        allow(own.clone().ipv4().ipv4_src(address, 32));
    }
    if port.ipv4().next().is_some() {
        // A client without an address yet asks whether one is taken (RFC 5227), and for a lease.
        let probe = arp(own, port).exact(Field::ArpSpa, Ipv4Addr::UNSPECIFIED);
        allow(probe.exact(Field::ArpOp, ARP_REQUEST));
        let lease = own
            .clone()
            .ipv4()
            .udp()
            .ipv4_src(Ipv4Addr::UNSPECIFIED, 32)
            .ipv4_dst(Ipv4Addr::BROADCAST, 32);
        let lease = lease.exact(Field::UdpSrc, DHCP_CLIENT);
        allow(lease.exact(Field::UdpDst, DHCP_SERVER));
    }
}

/// Neighbour discovery is looked into by the next table; here only its source is checked.
fn ipv6_flows(own: &Match, port: &LocalPort, flows: &mut Vec<Flow>) {
    let next = neighbour_guard::TABLE.id;
    let mut allow = |matching| flows.push(TABLE.flow(OWN, matching).goto(next));
    for address in port.ipv6() {
        allow(own.clone().ipv6().ipv6_src(address, 128));
        // Duplicate address detection (RFC 4862 §5.4.2): who does not speak as anybody yet may
        // ask for an address of its own.
        let detection = own
            .clone()
            .icmpv6()
            .exact(Field::Icmpv6Type, ND_SOLICIT)
            .exact(Field::Icmpv6Code, 0u8)
            .ipv6_src(Ipv6Addr::UNSPECIFIED, 128);
        allow(detection.exact(Field::NdTarget, address));
    }
}

/// From the port and its Ethernet address. The network is asked for because a trunk's ports share
/// their number in the switch.
fn own(network: &NetworkView, port: &LocalPort) -> Match {
    let here = NETWORK.is(network.number.get(), Match::new());
    here.in_port(port.port).eth_src(port.mac.octets())
}

fn arp(own: &Match, port: &LocalPort) -> Match {
    own.clone().arp().exact(Field::ArpSha, port.mac.octets())
}
