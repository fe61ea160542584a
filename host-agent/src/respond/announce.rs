//! What others on an Ethernet are told of a port that came to this host, before it says anything itself:
//! switches learn where its Ethernet address is, and its neighbours what belongs to it.
//!
//! A gratuitous ARP for each IPv4 address (RFC 5227 §3, RFC 5944 §4.6) and an unsolicited advertisement for
//! each IPv6 address (RFC 4861 §7.2.6) are for neighbours. A reverse ARP request (RFC 903), which nobody
//! answers, is for switches, and all that a port without addresses has to say.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::MacAddr;
use openflow::protocol::{ETH_ARP, ETH_RARP};

use super::frame::{self, BROADCAST, Ethernet, Icmpv6};

/// Operations of ARP and RARP.
const REQUEST: u8 = 1;
const REPLY: u8 = 2;
const REVERSE_REQUEST: u8 = 3;

const ADVERT: u8 = 136;
/// It takes the place of what was known (O).
const OVERRIDE: u8 = 0x20;
const TARGET_LINK_LAYER: u8 = 2;
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// How it is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// To neighbours, as an ARP request.
    Request,
    /// To neighbours, as an ARP reply.
    Reply,
    /// To switches alone.
    Reverse,
}

/// The frames that announce a port with these addresses.
#[must_use]
pub fn announce(mac: MacAddr, addresses: &[IpAddr], form: Form) -> Vec<Vec<u8>> {
    let (operation, target) = match form {
        Form::Request => (REQUEST, [0; 6]),
        Form::Reply => (REPLY, mac.octets()),
        Form::Reverse => return vec![reverse(mac)],
    };
    if addresses.is_empty() {
        return vec![reverse(mac)];
    }
    let frames = addresses.iter().filter_map(|address| match address {
        IpAddr::V4(address) => Some(arp(mac, (ETH_ARP, operation), *address, target)),
        IpAddr::V6(address) => advert(mac, *address),
    });
    frames.collect()
}

fn reverse(mac: MacAddr) -> Vec<u8> {
    let nobody = Ipv4Addr::UNSPECIFIED;
    arp(mac, (ETH_RARP, REVERSE_REQUEST), nobody, mac.octets())
}

/// To everybody, from this address about itself.
fn arp(mac: MacAddr, (kind, operation): (u16, u8), address: Ipv4Addr, target: [u8; 6]) -> Vec<u8> {
    let ethernet = [&BROADCAST[..], &mac.octets(), &kind.to_be_bytes()].concat();
    let head = [0, 1, 8, 0, 6, 4, 0, operation];
    let own = [&mac.octets()[..], &address.octets()].concat();
    let asked = [&target[..], &address.octets()].concat();
    [ethernet, head.to_vec(), own, asked].concat()
}

fn advert(mac: MacAddr, address: Ipv6Addr) -> Option<Vec<u8>> {
    let start = [ADVERT, 0, 0, 0, OVERRIDE, 0, 0, 0];
    let option = [&[TARGET_LINK_LAYER, 1][..], &mac.octets()].concat();
    let carried = Icmpv6 {
        source: address,
        destination: ALL_NODES,
        message: [&start[..], &address.octets(), &option].concat(),
    };
    let ethernet = Ethernet {
        source: mac,
        destination: [0x33, 0x33, 0, 0, 0, 1],
    };
    frame::with_icmpv6(ethernet, carried)
}
