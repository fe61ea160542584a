//! Table `spoof_guard`: does a port speak only as itself.
//!
//! Every flow that lets something pass names the port, its Ethernet address, and an address of its
//! own. Whatever is not listed is dropped: other Ethernet types with the rest, so no VIF speaks LLDP,
//! spanning tree or a tag within a tag.

use std::net::{Ipv4Addr, Ipv6Addr};

use openflow::protocol::ND_SOLICIT;
use openflow::{Field, Flow, Match};

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

/// No VIF is a DHCP server, whatever its address. Clients look at the port that an answer is sent
/// to, and most at no other, so either one betrays a server.
fn infrastructure() -> Vec<Flow> {
    let families = [
        (Match::new().ipv4().udp(), DHCP_SERVER, DHCP_CLIENT),
        (Match::new().ipv6().udp(), DHCPV6_SERVER, DHCPV6_CLIENT),
    ];
    let never = families.into_iter().flat_map(|(udp, server, client)| {
        let unseen = udp.clone().exact(Field::IpFrag, FIRST_FRAGMENT);
        [
            udp.clone().exact(Field::UdpSrc, server),
            udp.exact(Field::UdpDst, client),
            unseen.exact(Field::UdpSrc, HIDDEN),
        ]
    });
    never.map(|matching| TABLE.flow(NEVER, matching)).collect()
}

fn flows(network: &NetworkView, flows: &mut Vec<Flow>) {
    for port in &network.locals {
        ipv4_flows(port, flows);
        ipv6_flows(port, flows);
    }
}

fn ipv4_flows(port: &LocalPort, flows: &mut Vec<Flow>) {
    let next = count_sent::TABLE.id;
    let mut allow = |matching| flows.push(TABLE.flow(OWN, matching).goto(next));
    for address in port.ipv4() {
        allow(arp(port).exact(Field::ArpSpa, address));
        allow(own(port).ipv4().ipv4_src(address, 32));
    }
    if port.ipv4().next().is_some() {
        // A client without an address yet asks whether one is taken (RFC 5227), and for a lease.
        let probe = arp(port).exact(Field::ArpSpa, Ipv4Addr::UNSPECIFIED);
        allow(probe.exact(Field::ArpOp, ARP_REQUEST));
        let lease = own(port)
            .ipv4()
            .udp()
            .ipv4_src(Ipv4Addr::UNSPECIFIED, 32)
            .ipv4_dst(Ipv4Addr::BROADCAST, 32);
        let lease = lease.exact(Field::UdpSrc, DHCP_CLIENT);
        allow(lease.exact(Field::UdpDst, DHCP_SERVER));
    }
}

/// Neighbour discovery is looked into by the next table; here only its source is checked.
fn ipv6_flows(port: &LocalPort, flows: &mut Vec<Flow>) {
    let next = neighbour_guard::TABLE.id;
    let mut allow = |matching| flows.push(TABLE.flow(OWN, matching).goto(next));
    for address in port.ipv6() {
        allow(own(port).ipv6().ipv6_src(address, 128));
        // Duplicate address detection (RFC 4862 §5.4.2): who does not speak as anybody yet may
        // ask for an address of its own.
        let detection = own(port)
            .icmpv6()
            .exact(Field::Icmpv6Type, ND_SOLICIT)
            .exact(Field::Icmpv6Code, 0u8)
            .ipv6_src(Ipv6Addr::UNSPECIFIED, 128);
        allow(detection.exact(Field::NdTarget, address));
    }
}

fn own(port: &LocalPort) -> Match {
    Match::new().in_port(port.port).eth_src(port.mac.octets())
}

fn arp(port: &LocalPort) -> Match {
    own(port).arp().exact(Field::ArpSha, port.mac.octets())
}
