//! One VIF that floods with whatever it can think of, while others go on.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use etherparse::PacketBuilder;
use tests::frame::{self, BROADCAST, Mac};

use tests::{Instance, Pinging, eventually};

use super::{Scene, scene};
use crate::PATIENCE;

/// How long each goes on beyond what is tested meanwhile.
const ATTACK: Duration = Duration::from_secs(4);

/// How many frames are sent in one go.
const BATCH: u32 = 200;

/// What is sent the `n`th time.
type Attack = fn(&Instance, &Instance, u32) -> Vec<u8>;

const ATTACKS: [(&str, Attack); 7] = [
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
pub(super) fn discover(from: Mac, client: Mac, n: u32) -> Vec<u8> {
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
    builder.write(&mut frame, &message).unwrap();
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
    builder.write(&mut frame, &[]).unwrap();
    frame
}

fn solicitations(from: &Instance, _: &Instance, n: u32) -> Vec<u8> {
    frame::echo_v6(from.mac, mac(n), "flood")
}

fn queries(from: &Instance, _: &Instance, _: u32) -> Vec<u8> {
    let gateway = ([0x0a, 0xbd, 0, 0, 0, 1], Ipv4Addr::new(10, 0, 0, 1));
    frame::datagram((from.mac, from.address), gateway, 53, &[0; 40])
}

/// Sends one of them after another until it is told to stop; gives how many frames that were.
fn attack(scene: &Scene, stop: &AtomicBool, done: &AtomicU64, attack: Attack) {
    let (from, to) = (&scene.one, &scene.far);
    let mut n = 0;
    while !stop.load(Ordering::Relaxed) {
        let frames: Vec<_> = (n..n + BATCH).map(|n| attack(from, to, n)).collect();
        from.send_frames(&frames);
        n += BATCH;
        done.fetch_add(BATCH.into(), Ordering::Relaxed);
    }
}

/// While it goes on: a ping between others on both hosts, another VIF that is plugged, and the session.
fn others_go_on(scene: &Scene, name: &str, attack_by: Attack) {
    let (stop, done) = (AtomicBool::new(false), AtomicU64::new(0));
    let pool = &scene.pool;
    let events = || {
        pool.must("event-list")
            .lines()
            .filter(|it| it.contains("host"))
            .count()
    };
    let before = events();
    thread::scope(|scope| {
        scope.spawn(|| attack(scene, &stop, &done, attack_by));
        let ping = Pinging::start(&scene.beside.namespace, &scene.far.address.to_string());
        pool.must("vm-start late tenant=acme network=lan host=h1");
        let late = pool.instance("late", "acme", "h1");
        eventually("a VIF that was plugged meanwhile works", PATIENCE, || {
            late.reaches(&scene.far)
        });
        thread::sleep(ATTACK);
        assert!(late.reaches(&scene.far));
        pool.must("vm-stop late tenant=acme");
        let lost = ping.stop();
        stop.store(true, Ordering::Relaxed);
        eprintln!("{name}: {lost:?}, {} frames", done.load(Ordering::Relaxed));
        // A busy machine loses some without anybody's doing; who is starved loses nearly all.
        assert!(lost.lost * 2 < lost.sent, "{name}: {lost:?}");
    });
    assert_eq!(events(), before, "{name}: the session was lost");
}

#[test]
fn whatever_one_vif_floods_with_others_go_on() {
    let scene = scene();
    for (name, attack) in ATTACKS {
        others_go_on(&scene, name, attack);
    }
}
