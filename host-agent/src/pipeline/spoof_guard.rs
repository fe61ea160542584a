//! Table `spoof_guard`: does a port speak only as itself.
//!
//! Every flow that lets something pass names the port, its Ethernet address, and an address of its
//! own, or an address pair that it was given. Whatever is not listed is dropped: other Ethernet types
//! with the rest, so no VIF speaks LLDP, spanning tree or a tag within a tag.
//!
//! With its guard off, a port may send from any address but the gateway's: it may route, bridge, or
//! pretend. What this table and the next refuse of everybody they refuse of it, too.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};
use model::{MacAddr, SpoofGuard};
use openflow::protocol::{ETH_ARP, ETH_IPV4, ETH_IPV6, ND_SOLICIT};
use openflow::{Field, Flow, Match};

use super::{
    FIRST_FRAGMENT, LocalPort, Miss, NetworkView, Table, count_sent, link_local, neighbour_guard,
};

pub(super) const TABLE: Table = Table {
    id: 8,
    name: "spoof_guard",
    miss: Miss::Drop,
    why: "does a port speak only as itself: MAC, ARP, IPv4, IPv6; and never as a DHCP server",
    infrastructure,
    network: flows,
};

const NEVER: u16 = 200;
const GATEWAY: u16 = 150;
const OWN: u16 = 100;

const ARP_REQUEST: u16 = 1;
const DHCP_SERVER: u16 = 67;
const DHCP_CLIENT: u16 = 68;
const DHCPV6_SERVER: u16 = 547;
const DHCPV6_CLIENT: u16 = 546;

/// What a first fragment matches as its port when the switch does not show it.
const HIDDEN: u16 = 0;

/// The bit that makes an Ethernet address mean more than one receiver: nobody can be that.
const MULTICAST: [u8; 6] = [1, 0, 0, 0, 0, 0];

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
        match port.spoof_guard {
            SpoofGuard::On => {
                ipv4_flows(port, flows);
                ipv6_flows(port, flows);
                pair_flows(port, flows);
            }
            SpoofGuard::Off => unguarded_flows(network, port, flows),
        }
    }
}

fn ipv4_flows(port: &LocalPort, flows: &mut Vec<Flow>) {
    let next = count_sent::TABLE.id;
    let mut allow = |matching| flows.push(TABLE.flow(OWN, matching).goto(next));
    for address in port.ipv4() {
        allow(arp(port, port.mac).exact(Field::ArpSpa, address));
        allow(own(port, port.mac).ipv4().ipv4_src(address, 32));
    }
    if port.ipv4().next().is_some() {
        // A client without an address yet asks whether one is taken (RFC 5227), and for a lease.
        let probe = arp(port, port.mac).exact(Field::ArpSpa, Ipv4Addr::UNSPECIFIED);
        allow(probe.exact(Field::ArpOp, ARP_REQUEST));
        let lease = own(port, port.mac)
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
        allow(own(port, port.mac).ipv6().ipv6_src(address, 128));
        allow(detection(port, port.mac).exact(Field::NdTarget, address));
    }
}

/// What a port may send from besides. Pairs hold neither the gateway's addresses nor another port's.
fn pair_flows(port: &LocalPort, flows: &mut Vec<Flow>) {
    let mut allow = |matching, next| flows.push(TABLE.flow(OWN, matching).goto(next));
    for (prefix, mac) in port.ipv4_pairs() {
        let next = count_sent::TABLE.id;
        let (address, mask) = (prefix.network(), prefix.netmask());
        allow(arp(port, mac).masked(Field::ArpSpa, address, mask), next);
        let source = own(port, mac).ipv4();
        allow(source.ipv4_src(address, Ipv4Net::prefix_len(&prefix)), next);
    }
    for (prefix, mac) in port.ipv6_pairs() {
        let next = neighbour_guard::TABLE.id;
        let (address, mask) = (prefix.network(), prefix.netmask());
        let source = own(port, mac).ipv6();
        allow(source.ipv6_src(address, Ipv6Net::prefix_len(&prefix)), next);
        let detection = detection(port, mac);
        allow(detection.masked(Field::NdTarget, address, mask), next);
    }
}

/// Everything that hosts speak, but not as the gateway.
fn unguarded_flows(network: &NetworkView, port: &LocalPort, flows: &mut Vec<Flow>) {
    let from = || Match::new().in_port(port.port);
    let gateway = MacAddr::gateway(network.number);
    let mut refused = vec![
        from().eth_src(gateway.octets()),
        from().masked(Field::EthSrc, MULTICAST, MULTICAST),
        from().arp().exact(Field::ArpSha, gateway.octets()),
        from().ipv6().ipv6_src(link_local(gateway), 128),
    ];
    for address in &*network.gateways {
        match address {
            IpAddr::V4(address) => {
                refused.push(from().arp().exact(Field::ArpSpa, *address));
                refused.push(from().ipv4().ipv4_src(*address, 32));
            }
            IpAddr::V6(address) => refused.push(from().ipv6().ipv6_src(*address, 128)),
        }
    }
    flows.extend(refused.into_iter().map(|it| TABLE.flow(GATEWAY, it)));
    let kinds = [
        (ETH_ARP, count_sent::TABLE.id),
        (ETH_IPV4, count_sent::TABLE.id),
        (ETH_IPV6, neighbour_guard::TABLE.id),
    ];
    flows.extend(kinds.map(|(kind, next)| TABLE.flow(OWN, from().eth_type(kind)).goto(next)));
}

fn own(port: &LocalPort, mac: MacAddr) -> Match {
    Match::new().in_port(port.port).eth_src(mac.octets())
}

fn arp(port: &LocalPort, mac: MacAddr) -> Match {
    own(port, mac).arp().exact(Field::ArpSha, mac.octets())
}

/// Duplicate address detection (RFC 4862 §5.4.2): who does not speak as anybody yet may ask for an
/// address of its own.
fn detection(port: &LocalPort, mac: MacAddr) -> Match {
    own(port, mac)
        .icmpv6()
        .exact(Field::Icmpv6Type, ND_SOLICIT)
        .exact(Field::Icmpv6Code, 0u8)
        .ipv6_src(Ipv6Addr::UNSPECIFIED, 128)
}
