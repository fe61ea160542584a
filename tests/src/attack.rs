//! What a hostile instance floods a network with.

use std::net::Ipv4Addr;

use etherparse::PacketBuilder;

use crate::Instance;
use crate::frame::{self, BROADCAST, Mac};

/// What is sent the `n`th time.
pub type Attack = fn(&Instance, &Instance, u32) -> Vec<u8>;

/// All of them, by what they are.
pub const ATTACKS: [(&str, Attack); 7] = [
    ("from random Ethernet addresses", random_senders),
    ("to random Ethernet addresses", random_receivers),
    ("random ARP", random_requests),
    ("DHCP discovers", discovers),
    ("SYNs to every port", syns),
    ("random neighbour solicitations", solicitations),
    ("queries of names", queries),
];

fn mac(n: u32) -> Mac {
    // Far apart, as if they were random.
    let [a, b, c, d] = n.wrapping_mul(0x9e37_79b9).to_be_bytes();
    [0x02, a, b, c, d, 0x17]
}

fn address(n: u32) -> Ipv4Addr {
    let [_, b, c, d] = n.wrapping_mul(0x9e37_79b9).to_be_bytes();
    Ipv4Addr::new(10, b, c, d)
}

fn random_senders(from: &Instance, to: &Instance, n: u32) -> Vec<u8> {
    frame::udp((mac(n), from.address), (to.mac, to.address), "flood")
}

fn random_receivers(from: &Instance, _: &Instance, n: u32) -> Vec<u8> {
    frame::udp((from.mac, from.address), (mac(n), address(n)), "flood")
}

fn random_requests(from: &Instance, _: &Instance, n: u32) -> Vec<u8> {
    let sender = (from.mac, from.address);
    frame::arp(false, from.mac, sender, ([0; 6], address(n)), "flood")
}

fn discovers(from: &Instance, _: &Instance, n: u32) -> Vec<u8> {
    discover(from.mac, mac(n), n)
}

/// A request for an address by a client of this hardware address, as one transaction of many.
#[must_use]
pub fn discover(from: Mac, client: Mac, n: u32) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(from, BROADCAST)
        .ipv4([0; 4], [255; 4], 64)
        .udp(68, 67);
    // BOOTREQUEST, Ethernet; the transaction and the client's address differ every time.
    let mut message = vec![1, 1, 6, 0];
    message.extend(n.to_be_bytes());
    message.resize(28, 0);
    message.extend(client);
    message.resize(236, 0);
    message.extend([99, 130, 83, 99, 53, 1, 1, 255]);
    let mut frame = Vec::new();
    builder
        .write(&mut frame, &message)
        .unwrap_or_else(|e| panic!("{e}"));
    frame
}

fn syns(from: &Instance, to: &Instance, n: u32) -> Vec<u8> {
    let [_, _, high, low] = n.to_be_bytes();
    let port = u16::from_be_bytes([high, low]);
    let builder = PacketBuilder::ethernet2(from.mac, to.mac)
        .ipv4(from.address.octets(), to.address.octets(), 64)
        .tcp(port.wrapping_mul(31), port, n, 1_000)
        .syn();
    let mut frame = Vec::new();
    builder
        .write(&mut frame, &[])
        .unwrap_or_else(|e| panic!("{e}"));
    frame
}

fn solicitations(from: &Instance, _: &Instance, n: u32) -> Vec<u8> {
    frame::echo_v6(from.mac, mac(n), "flood")
}

fn queries(from: &Instance, _: &Instance, _: u32) -> Vec<u8> {
    let gateway = ([0x0a, 0xbd, 0, 0, 0, 1], Ipv4Addr::new(10, 0, 0, 1));
    frame::datagram((from.mac, from.address), gateway, 53, &[0; 40])
}
