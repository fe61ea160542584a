//! What others on an Ethernet are told of a port that came to this host, before it says anything itself:
//! switches learn where its Ethernet address is, and its neighbours what belongs to it.
//!
//! A gratuitous ARP for each IPv4 address (RFC 5227 §3), an unsolicited advertisement for each IPv6
//! address (RFC 4861 §7.2.6), and for a port that has none of either a reverse ARP request (RFC 903),
//! which nobody answers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::MacAddr;
use openflow::protocol::{ETH_ARP, ETH_RARP};

use super::frame::{self, BROADCAST, Ethernet, Icmpv6};

/// Operations of ARP and RARP.
const REQUEST: u8 = 1;
const REVERSE_REQUEST: u8 = 3;

const ADVERT: u8 = 136;
/// It takes the place of what was known (O).
const OVERRIDE: u8 = 0x20;
const TARGET_LINK_LAYER: u8 = 2;
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// The frames that announce a port with these addresses.
#[must_use]
pub fn announce(mac: MacAddr, addresses: &[IpAddr]) -> Vec<Vec<u8>> {
    if addresses.is_empty() {
        let nobody = Ipv4Addr::UNSPECIFIED;
        return vec![arp(mac, (ETH_RARP, REVERSE_REQUEST), nobody, mac.octets())];
    }
    let frames = addresses.iter().filter_map(|address| match address {
        IpAddr::V4(address) => Some(arp(mac, (ETH_ARP, REQUEST), *address, [0; 6])),
        IpAddr::V6(address) => advert(mac, *address),
    });
    frames.collect()
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
