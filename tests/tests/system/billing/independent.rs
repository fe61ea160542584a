//! The bill against a truth that owes nothing to our flows: mirrors of each VIF's port, which the switch
//! counts by itself at the same place.
//!
//! Kernels are kept from speaking of their own accord where a class is told by when something was sent:
//! each phase moves one class only, and what the mirrors grew by in it is that class.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use lab::Signal;
use tests::frame::{self, BROADCAST, Mac};
use tests::truth::{ByPort, Moved};
use tests::{Instance, Pool, eventually};

use super::{billed_exactly, is_quiet, speaks_no_ipv6};
use crate::PATIENCE;
use crate::outside::{self, ACME, FAR, GLOBEX, Scene};

/// An IEEE 802.1Q tag, which a frame from another host has on the wire.
const TAG: u64 = 4;
/// Headers of an IPv4 UDP datagram in an Ethernet frame, without FCS.
const HEADERS: usize = 14 + 20 + 8;
/// Where routers of the scene answer.
const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 1);
/// The longest frame without a tag and FCS.
const LONGEST: usize = 1514;
/// Beyond the seconds in which Open vSwitch renews the counters of mirrors.
const MIRRORS_LAG: Duration = Duration::from_secs(9);

/// What mirrors counted before they began anew, and what they show.
struct Truth {
    hosts: usize,
    before: ByPort,
}

impl Truth {
    fn now(&self, pool: &Pool) -> ByPort {
        let mut sums = pool.mirrored(self.hosts);
        for (port, moved) in &self.before {
            let sum = sums.entry(port.clone()).or_default();
            *sum = *sum + *moved;
        }
        sums.retain(|_, moved| *moved != Moved::default());
        sums
    }

    /// So much was moved until now, whatever the mirrors show.
    fn goes_on_from(&mut self, pool: &Pool, so_far: &ByPort) {
        self.before = grown(so_far, &pool.mirrored(self.hosts));
    }

    /// Waits until nothing moves any more and the ledger says of all ports just what mirrors counted, which
    /// is more than `before`.
    fn is_billed(&self, pool: &Pool, before: &ByPort) -> ByPort {
        let (start, mut since) = (Instant::now(), Instant::now());
        let mut last = before.clone();
        loop {
            let (mut billed, truth) = (pool.billed(), self.now(pool));
            billed.retain(|_, moved| *moved != Moved::default());
            if truth != last {
                (last, since) = (truth, Instant::now());
            } else if truth != *before && billed == truth && since.elapsed() > MIRRORS_LAG {
                return truth;
            }
            let waited = start.elapsed();
            assert!(waited < 2 * PATIENCE, "billed {billed:#?}, true {last:#?}");
            std::thread::sleep(Duration::from_millis(500));
        }
    }
}

/// By port and class, both ways.
type ByClass = BTreeMap<(String, String), Moved>;

fn billed_by_class(pool: &Pool) -> ByClass {
    let rows = pool.json("usage by=port last=1d");
    let classes = rows.as_array().unwrap().iter().flat_map(|row| {
        let port = row["id"].as_str().unwrap().to_owned();
        let classes = row["classes"].as_array().unwrap().iter();
        classes.map(move |it| {
            let number = |way: &str, of: &str| it[way][of].as_u64().unwrap();
            let moved = Moved {
                sent_bytes: number("sent", "bytes"),
                sent_packets: number("sent", "packets"),
                received_bytes: number("received", "bytes"),
                received_packets: number("received", "packets"),
            };
            let class = it["class"].as_str().unwrap().to_owned();
            ((port.clone(), class), moved)
        })
    });
    let moved = |(_, moved): &(_, Moved)| *moved != Moved::default();
    classes.filter(moved).collect()
}

fn grown(now: &ByPort, before: &ByPort) -> ByPort {
    let mut grown = ByPort::new();
    for (port, now) in now {
        let before = before.get(port).copied().unwrap_or_default();
        let by = Moved {
            sent_bytes: now.sent_bytes - before.sent_bytes,
            sent_packets: now.sent_packets - before.sent_packets,
            received_bytes: now.received_bytes - before.received_bytes,
            received_packets: now.received_packets - before.received_packets,
        };
        if by != Moved::default() {
            grown.insert(port.clone(), by);
        }
    }
    grown
}

/// It asks nobody who that is.
fn knows(at: &Instance, address: Ipv4Addr, mac: Mac) {
    let mac = model::MacAddr::try_from(mac).unwrap().to_string();
    let address = address.to_string();
    let line = [
        "neigh",
        "replace",
        &address,
        "lladdr",
        &mac,
        "dev",
        "eth0",
        "nud",
        "permanent",
    ];
    assert!(at.command("ip").args(line).status().unwrap().success());
}

fn udp(from: &Instance, to: (Mac, Ipv4Addr), length: usize) -> Vec<u8> {
    let payload = vec![0x5a; length - HEADERS];
    frame::datagram((from.mac, from.address), to, 9000, &payload)
}

/// Many short flows, a few long ones, small and large frames, a flood that is not waited for.
fn all_kinds(from: &Instance, to: &Instance, via: Mac) {
    for bytes in [1; 20].into_iter().chain([3_000_000, 5_000_000]) {
        assert_eq!(from.tcp_send(to, bytes), bytes);
    }
    let to = (via, to.address);
    let lengths = [60, 61, 128, 576, 1400, LONGEST];
    let some: Vec<_> = lengths.map(|it| udp(from, to, it)).into();
    (0..50).for_each(|_| from.flood(&some));
    from.flood(&vec![udp(from, to, 100); 20_000]);
}

fn to_everybody(from: &Instance) {
    let everybody = (BROADCAST, Ipv4Addr::BROADCAST);
    from.send_frames(&vec![udp(from, everybody, 300); 50]);
}

/// The gateway's address, and how it is known on the wire.
fn gateway(pool: &Pool, tenant: &str) -> Mac {
    let shown = pool.json(&format!("vlan-show web tenant={tenant}"));
    let number = u32::try_from(shown["number"].as_u64().unwrap()).unwrap();
    model::MacAddr::gateway(number.try_into().unwrap()).octets()
}

/// Waits until all that was moved is billed and nobody speaks; gives it.
fn settled(pool: &Pool) -> ByPort {
    is_quiet(pool, 2);
    billed_exactly(pool, 2, &ByPort::new())
}

/// Two of acme's on the first host and one on the second, one of globex's on each; they speak when they
/// are told to, and all that they do is mirrored.
struct Mirrored {
    scene: Scene,
    third: Instance,
    truth: Truth,
}

impl Mirrored {
    fn set() -> Self {
        let scene = Scene::set();
        let third = scene.pool.vm_start("acme-third", "acme", "web", "h1");
        let far = far(&scene);
        for to in [&outside::known_as(&scene.globex[0], GLOBEX), &far] {
            eventually("there is a way", PATIENCE, || scene.acme[1].reaches(to));
        }
        let ([one, two], [other, another]) = (&scene.acme, &scene.globex);
        let all = [(one, 1), (&third, 1), (two, 2), (other, 1), (another, 2)];
        all.iter().for_each(|(it, _)| speaks_no_ipv6(it));
        let ours = [one, two, &third];
        for (at, of) in ours.iter().flat_map(|at| ours.map(|of| (at, of))) {
            knows(at, of.address, of.mac);
        }
        knows(other, another.address, another.mac);
        knows(another, other.address, other.mac);
        for (at, _) in all {
            knows(at, GATEWAY, gateway(&scene.pool, &at.tenant));
        }
        // What was moved until here is billed, but no mirror saw it.
        let before = settled(&scene.pool);
        for (number, (instance, host)) in all.into_iter().enumerate() {
            scene.pool.mirror(host, instance, &number.to_string());
        }
        let truth = Truth { hosts: 2, before };
        Self {
            scene,
            third,
            truth,
        }
    }
}

fn far(scene: &Scene) -> Instance {
    Instance {
        address: FAR,
        ..scene.outside.clone()
    }
}

#[test]
fn bytes_of_every_class_are_billed_as_mirrors_of_the_switches_counted_them() {
    let here = Mirrored::set();
    let (pool, third, far) = (&here.scene.pool, &here.third, far(&here.scene));
    let ([one, two], via) = (&here.scene.acme, gateway(pool, "acme"));
    let elsewhere = outside::known_as(&here.scene.globex[0], GLOBEX);
    let inside = || {
        for (from, to) in [(one, two), (third, one), (two, third)] {
            all_kinds(from, to, to.mac);
        }
        to_everybody(one);
    };
    let public = || {
        all_kinds(one, &far, via);
        let known = outside::known_as(one, ACME);
        assert_eq!(here.scene.outside.tcp_send(&known, 2_000_000), 2_000_000);
        all_kinds(two, &far, via);
    };
    let phases: [(&str, &dyn Fn()); 3] = [
        ("tenant-internal", &inside),
        ("pool-internal", &|| all_kinds(two, &elsewhere, via)),
        ("public", &public),
    ];
    let (mut before, mut expected) = (here.truth.now(pool), billed_by_class(pool));
    for (class, moves) in phases {
        moves();
        let now = here.truth.is_billed(pool, &before);
        for (port, by) in grown(&now, &before) {
            let sum = expected.entry((port, class.to_owned())).or_default();
            *sum = *sum + by;
        }
        before = now;
        assert_eq!(billed_by_class(pool), expected, "{class}");
    }
    frames_are_billed_from_their_ethernet_header_on(&here);
}

/// Without FCS; what a tunnel wrapped is unwrapped. A frame that came over a VLAN loses its tag when its
/// connection is looked up; what is no part of any, as ARP, still has it when it is counted.
fn frames_are_billed_from_their_ethernet_header_on(here: &Mirrored) {
    let ([one, two], [other, another]) = (&here.scene.acme, &here.scene.globex);
    let all = [
        (one, &here.third, 0, 577),
        (one, two, TAG, LONGEST),
        (other, another, 0, 60),
    ];
    for (from, to, tag, length) in all {
        for length in [length, 999] {
            let frame = udp(from, (to.mac, to.address), length);
            is_billed_with(here, (from, to), &frame, 0);
        }
        let known = (from.mac, from.address);
        let tells = frame::arp(true, from.mac, known, (to.mac, to.address), "");
        is_billed_with(here, (from, to), &tells, tag);
    }
}

/// Each of these frames is billed with its own length to its sender, with so much more to its receiver.
fn is_billed_with(here: &Mirrored, (from, to): (&Instance, &Instance), frame: &[u8], more: u64) {
    let before = here.truth.now(&here.scene.pool);
    from.flood(&vec![frame.to_vec(); 200]);
    let now = here.truth.is_billed(&here.scene.pool, &before);
    let grown = grown(&now, &before);
    let (sent, received) = (grown[&from.port_id], grown[&to.port_id]);
    let length = u64::try_from(frame.len()).unwrap();
    assert!(sent.sent_packets > 0 && received.received_packets > 0);
    assert_eq!(sent.sent_bytes, sent.sent_packets * length, "sent");
    let as_received = received.received_packets * (length + more);
    assert_eq!(
        received.received_bytes, as_received,
        "received, of {length}"
    );
}

#[test]
fn neither_a_migration_nor_a_killed_agent_or_switch_bills_what_mirrors_did_not_count() {
    let mut here = Mirrored::set();
    let ([one, two], third) = (&here.scene.acme, &here.third);
    let (pool, truth) = (&here.scene.pool, &mut here.truth);
    let port = pool.json("vif-create tenant=acme network=web name=mover");
    let leaves = pool.plug(1, &port, "mova");
    let mover = &leaves.instance;
    speaks_no_ipv6(mover);
    eventually("they reach each other", PATIENCE, || mover.reaches(two));
    let unseen = settled(pool);
    pool.mirror(1, mover, "a");
    truth.goes_on_from(pool, &unseen);
    all_kinds(mover, two, two.mac);

    // An agent dies, and the switch goes on.
    let host = pool.host(1);
    let agent = host.agent().unwrap();
    pool.wait(agent.kill(Signal::SIGKILL)).unwrap();
    all_kinds(one, two, two.mac);
    all_kinds(mover, third, third.mac);
    pool.wait(agent.start()).unwrap();
    all_kinds(third, mover, mover.mac);

    // For seconds the port is on both hosts; then it moves.
    let comes = pool.plug(2, &port, "movb");
    speaks_no_ipv6(&comes.instance);
    all_kinds(mover, two, two.mac);
    let so_far = truth.is_billed(pool, &unseen);
    pool.unmirror(1, mover);
    truth.goes_on_from(pool, &so_far);
    pool.unplug(&leaves);
    let mover = &comes.instance;
    // A mirror would count what it says as long as it is dark.
    eventually("it is bright there", PATIENCE, || {
        pool.counted_by_switch(2).contains_key(&mover.port_id)
    });
    pool.mirror(2, mover, "b");
    eventually("they reach each other", PATIENCE, || mover.reaches(two));
    all_kinds(mover, one, one.mac);

    // A switch dies when all that it counted was read.
    let so_far = truth.is_billed(pool, &so_far);
    let vswitchd = pool.host(2).vswitch().vswitchd();
    pool.wait(vswitchd.kill(Signal::SIGKILL)).unwrap();
    pool.wait(vswitchd.start()).unwrap();
    eventually("its mirrors begin anew", PATIENCE, || {
        pool.mirrored_on(2)
            .values()
            .all(|it| *it == Moved::default())
    });
    truth.goes_on_from(pool, &so_far);
    eventually("it is bright again", PATIENCE, || {
        pool.counted_by_switch(2).contains_key(&mover.port_id)
    });
    eventually("they reach each other", PATIENCE, || mover.reaches(one));
    all_kinds(one, mover, mover.mac);
    all_kinds(mover, two, two.mac);
    all_kinds(
        &here.scene.globex[0],
        &here.scene.globex[1],
        here.scene.globex[1].mac,
    );
    truth.is_billed(pool, &so_far);
}
