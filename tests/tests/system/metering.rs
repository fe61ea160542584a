//! What is sent at the collector's socket, by whomever, changes no bill and locks nobody out.

mod clocks;
mod disagree;
mod relay;

#[path = "../../../flow-collector/tests/support/agent.rs"]
mod agent;
#[path = "../../../sflow/tests/support/pcap.rs"]
mod pcap;

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use agent::{Counters, datagram, flow, named_counters};
use tests::namespace::inside;
use tests::truth::ByPort;
use tests::{Pool, eventually};

use crate::billing::{billed_exactly, move_something};
use crate::sampling::Chance;
use crate::{PATIENCE, two_tenants};

/// Where the lab's controller listens for sFlow.
const SFLOW_PORT: u16 = 6343;
/// How many ifIndexes a liar tries.
const IF_INDEXES: u32 = 300;
/// So many mutants are made of each datagram.
const MUTANTS: u64 = 40;

fn collector(pool: &Pool) -> SocketAddr {
    let controller = pool.lab().controller().unwrap();
    SocketAddr::new((*controller.api_address().ip()).into(), SFLOW_PORT)
}

/// What real switches sent once, and what may become of that: cut, damaged, forged, of the future.
fn corpus() -> Vec<Vec<u8>> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sflow/tests/data");
    let captures = pcap::files(&data);
    assert!(captures.len() > 5, "no captures in {}", data.display());
    let datagrams = captures
        .iter()
        .flat_map(|it| pcap::read(it).into_iter().take(4));
    let mut corpus: Vec<_> = datagrams.flat_map(|it| spoiled(&it.payload)).collect();
    corpus.extend([Vec::new(), vec![0xff; 9000], vec![0; 20_000]]);
    corpus
}

fn spoiled(whole: &[u8]) -> Vec<Vec<u8>> {
    let cut = (0..whole.len())
        .step_by(37)
        .map(|end| whole[..end].to_vec());
    let damaged = (0..whole.len()).step_by(29).map(|at| {
        let mut bytes = whole.to_vec();
        bytes[at] ^= 0x81;
        bytes
    });
    // The sequence number, the uptime and the number of samples, after an IPv4 address.
    let forged = [16, 20, 24].into_iter().flat_map(|at| {
        [0, 1, 0x7fff_ffff, u32::MAX].map(|word: u32| {
            let mut bytes = whole.to_vec();
            bytes[at..at + 4].copy_from_slice(&word.to_be_bytes());
            bytes
        })
    });
    let mut all = vec![whole.to_vec()];
    all.extend(cut.chain(damaged).chain(forged));
    all.extend((1..=MUTANTS).map(|seed| mutant(whole, seed)));
    all
}

/// As a fuzzer does it: some bytes another's, some words at their limits, a part of it twice or gone.
fn mutant(whole: &[u8], seed: u64) -> Vec<u8> {
    let mut chance = Chance(seed);
    let mut bytes = whole.to_vec();
    for _ in 0..1 + chance.below(8) {
        let at = chance.below(bytes.len());
        match chance.below(4) {
            0 => bytes[at] = u8::try_from(chance.below(256)).unwrap(),
            1 => bytes[at..].iter_mut().take(4).for_each(|it| *it = 0xff),
            2 => bytes[at..].iter_mut().take(4).for_each(|it| *it = 0),
            _ => {
                let end = at + chance.below(bytes.len() - at);
                let part = bytes[at..end].to_vec();
                let place = chance.below(bytes.len());
                bytes.splice(place..place, part);
            }
        }
        bytes.truncate(9000);
    }
    bytes
}

/// Sends all of it from inside a namespace, forwards, twice, and backwards, until it is told to stop.
fn bombard(namespace: &str, to: SocketAddr, corpus: &[Vec<u8>], stop: &AtomicBool) {
    inside(namespace, || {
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        while !stop.load(Relaxed) {
            for (number, bytes) in corpus
                .iter()
                .chain(corpus)
                .chain(corpus.iter().rev())
                .enumerate()
            {
                socket.send_to(bytes, to).unwrap();
                if number % 16 == 0 {
                    std::thread::sleep(Duration::from_millis(2));
                }
            }
        }
    });
}

fn heard(pool: &Pool, what: &str) -> u64 {
    pool.json("collector-show")[what].as_u64().unwrap()
}

/// What the interface counters say that a port sent, in bytes.
fn by_interface(pool: &Pool, port: &str) -> u64 {
    let rows = pool.json("usage by=port last=1d");
    let row = rows
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["id"] == port);
    row.map_or(0, |row| row["interface_sent"]["bytes"].as_u64().unwrap())
}

#[test]
fn whatever_is_sent_at_the_collectors_socket_the_bill_is_exact_to_the_byte() {
    let scene = two_tenants(2);
    let pool = &scene.pool;
    let [one, two] = &scene.tenants[0].instances;
    let (to, corpus, stop) = (collector(pool), corpus(), AtomicBool::new(false));
    // A host itself, under its own address, and somebody who is no host.
    let known = pool.host(1).namespace().to_owned();
    let stranger = pool.lab().controller().unwrap().namespace().to_owned();
    std::thread::scope(|scope| {
        for namespace in [&known, &stranger] {
            let (corpus, stop) = (&corpus, &stop);
            scope.spawn(move || bombard(namespace, to, corpus, stop));
        }
        for _ in 0..4 {
            move_something(one, two);
            move_something(two, one);
        }
        stop.store(true, Relaxed);
    });
    billed_exactly(pool, 2, &ByPort::new());
    for kind in ["malformed", "duplicates", "unknown_agents", "stray"] {
        assert!(
            heard(pool, kind) > 0,
            "{kind}: {}",
            pool.json("collector-show")
        );
    }

    // The host whose name was taken in vain is heard as before.
    let (before, moved) = (by_interface(pool, &one.port_id), 2_000_000);
    assert_eq!(one.tcp_send(two, moved), moved);
    eventually("its counters arrive", PATIENCE, || {
        by_interface(pool, &one.port_id) >= before + moved
    });
    billed_exactly(pool, 2, &ByPort::new());
}

#[test]
fn a_host_cannot_report_for_the_ports_of_another() {
    let scene = two_tenants(2);
    let pool = &scene.pool;
    let [_, two] = &scene.tenants[0].instances;
    let shown = pool.json(&format!("vif-show {}", two.port_id));
    let interface = shown["status"]["interface"].as_str().unwrap().to_owned();
    let to = collector(pool);
    let (taken, mut sequence) = (heard(pool, "datagrams"), 0);
    // Again and again: what is not paced is lost at times.
    eventually("they are heard", PATIENCE, || {
        inside(pool.host(1).namespace(), || {
            let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
            for if_index in 1..=IF_INDEXES {
                sequence += 1;
                socket
                    .send_to(&lie(&interface, if_index, sequence), to)
                    .unwrap();
            }
        });
        heard(pool, "datagrams") >= taken + 3 * u64::from(IF_INDEXES)
    });
    assert!(by_interface(pool, &two.port_id) < 1_000_000_000);
    billed_exactly(pool, 2, &ByPort::new());
}

/// A terabyte that an interface is said to have sent.
fn lie(interface: &str, if_index: u32, sequence: u32) -> Vec<u8> {
    let terabyte = Counters {
        sent_bytes: 1_000_000_000_000,
        sent_packets: 1_000_000,
        ..Counters::default()
    };
    let counters = named_counters(interface, if_index, terabyte);
    datagram(sequence, 1_000_000, &[counters, flow(if_index, 1, 1500)])
}
