//! Table `spoof_guard`: does a port speak only as itself.
//!
//! Every flow that lets something pass names the port, its Ethernet address, and an address of its
//! own, or an address pair that it was given. Whatever is not listed is dropped: other Ethernet types with the rest, so no VIF speaks LLDP,
//! spanning tree or a tag within a tag.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};
use model::{MacAddr, SpoofGuard};
use openflow::protocol::{ETH_ARP, ETH_IPV4, ETH_IPV6, ND_SOLICIT};
use openflow::{Field, Flow, Match};

use super::registers::NETWORK;
use super::{
    FIRST_FRAGMENT, LocalPort, Miss, NetworkView, Table, ip, limit_sent, link_local,
    neighbour_guard,
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

/// The addresses that hosts route with, and their mask.
const ROUTERS: [u8; 6] = [MacAddr::ROUTERS[0], MacAddr::ROUTERS[1], 0, 0, 0, 0];
const OF_ROUTERS: [u8; 6] = [0xff, 0xff, 0, 0, 0, 0];

/// The bit that makes an Ethernet address mean more than one receiver: nobody can be that.
const MULTICAST: [u8; 6] = [1, 0, 0, 0, 0, 0];

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
        match port.spoof_guard {
            SpoofGuard::On => {
                let own = own(network, port, port.mac);
                ipv4_flows(&own, port, flows);
                ipv6_flows(&own, port, flows);
                pair_flows(network, port, flows);
            }
            SpoofGuard::Off => unguarded_flows(network, port, flows),
        }
    }
}

fn ipv4_flows(own: &Match, port: &LocalPort, flows: &mut Vec<Flow>) {
    let next = limit_sent::TABLE.id;
    let mut allow = |matching| flows.push(TABLE.flow(OWN, matching).goto(next));
    for address in port.ipv4() {
        allow(arp(own, port.mac).exact(Field::ArpSpa, address));
        allow(own.clone().ipv4().ipv4_src(address, 32));
    }
    if port.ipv4().next().is_some() {
        // A client without an address yet asks whether one is taken (RFC 5227), and for a lease.
        let probe = arp(own, port.mac).exact(Field::ArpSpa, Ipv4Addr::UNSPECIFIED);
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
        allow(detection(own).exact(Field::NdTarget, address));
    }
}

/// What a port may send from besides. Pairs hold neither the gateway's addresses nor another port's.
fn pair_flows(network: &NetworkView, port: &LocalPort, flows: &mut Vec<Flow>) {
    let mut allow = |matching, next| flows.push(TABLE.flow(OWN, matching).goto(next));
    for (prefix, mac) in port.ipv4_pairs() {
        let next = limit_sent::TABLE.id;
        let own = own(network, port, mac);
        let (address, mask) = (prefix.network(), prefix.netmask());
        allow(arp(&own, mac).masked(Field::ArpSpa, address, mask), next);
        let length = Ipv4Net::prefix_len(&prefix);
        allow(own.ipv4().ipv4_src(address, length), next);
    }
    for (prefix, mac) in port.ipv6_pairs() {
        let next = neighbour_guard::TABLE.id;
        let own = own(network, port, mac);
        let (address, mask) = (prefix.network(), prefix.netmask());
        let detection = detection(&own);
        allow(detection.masked(Field::NdTarget, address, mask), next);
        let length = Ipv6Net::prefix_len(&prefix);
        allow(own.ipv6().ipv6_src(address, length), next);
    }
}

/// Everything that hosts speak, but not as the gateway.
fn unguarded_flows(network: &NetworkView, port: &LocalPort, flows: &mut Vec<Flow>) {
    let from = || NETWORK.is(network.number.get(), Match::new().in_port(port.port));
    let gateway = MacAddr::gateway(network.number);
    let mut refused = vec![
        from().eth_src(gateway.octets()),
        from().masked(Field::EthSrc, MULTICAST, MULTICAST),
        from().masked(Field::EthSrc, ROUTERS, OF_ROUTERS),
        from().arp().exact(Field::ArpSha, gateway.octets()),
        from().ipv6().ipv6_src(link_local(gateway), 128),
    ];
    for address in &*network.gateways {
        if let IpAddr::V4(address) = address {
            refused.push(from().arp().exact(Field::ArpSpa, *address));
        }
        refused.push(ip::from(from(), *address));
    }
    flows.extend(refused.into_iter().map(|it| TABLE.flow(GATEWAY, it)));
    let kinds = [
        (ETH_ARP, limit_sent::TABLE.id),
        (ETH_IPV4, limit_sent::TABLE.id),
        (ETH_IPV6, neighbour_guard::TABLE.id),
    ];
    flows.extend(kinds.map(|(kind, next)| TABLE.flow(OWN, from().eth_type(kind)).goto(next)));
}

/// From the port and an Ethernet address of it. The network is asked for because a trunk's ports
/// share their number in the switch.
fn own(network: &NetworkView, port: &LocalPort, mac: MacAddr) -> Match {
    let here = NETWORK.is(network.number.get(), Match::new());
    here.in_port(port.port).eth_src(mac.octets())
}

fn arp(own: &Match, mac: MacAddr) -> Match {
    own.clone().arp().exact(Field::ArpSha, mac.octets())
}

/// Duplicate address detection (RFC 4862 §5.4.2): who does not speak as anybody yet may ask for an
/// address of its own.
fn detection(own: &Match) -> Match {
    own.clone()
        .icmpv6()
        .exact(Field::Icmpv6Type, ND_SOLICIT)
        .exact(Field::Icmpv6Code, 0u8)
        .ipv6_src(Ipv6Addr::UNSPECIFIED, 128)
}
