//! What `netctl usage split=` says of who got how much, against what a real switch counted: how often its
//! 95 % interval holds.
//!
//! Many ports of one switch move random workloads at once, each to several peers and services, of which few
//! get most. A flow for each port and service counts what is sent; the collector has the datagrams of sFlow,
//! and the sum of each port, as accounts have it.

mod collecting;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use collecting::Collecting;
use lab::{Host, Lab, Spec};
use model::{PartKind, SplitBy, Traffic, UsagePart};
use pnet::datalink::{self, Channel, Config, DataLinkSender};
use tests::frame::{self, Mac};
use tests::namespace::inside;
use tokio::runtime::Runtime;

const PORTS: usize = 60;
const PEERS: u8 = 3;
/// More than are kept of a port by name.
const MOST_SERVICES: usize = 12;
/// The UDP port of the first.
const FIRST_SERVICE: u16 = 9000;
const RATES: [u32; 3] = [64, 128, 400];
/// Super-frames are longer than any cable takes.
const MTU: usize = 9000;
const COLLECTOR: &str = "127.0.0.1:7343";
/// The workloads are the same each time; what the switch samples of them is not.
const SEED: u64 = 0x5eed_0005;
/// Of a hundred intervals so many hold at least: 95 of 100, but for the chance of 180 workloads.
const HOLD: usize = 90;

/// Numbers that look like chance (xorshift64*, Vigna 2016).
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).unwrap() % most
    }
}

/// A frame that is to be sent.
#[derive(Clone, Copy)]
struct Outgoing {
    service: usize,
    length: usize,
}

/// The frames that a port sends.
fn workload(chance: &mut Chance) -> Vec<Outgoing> {
    // From 100 frames to 6400, small numbers as likely as large ones.
    let octave = 100 << chance.below(6);
    let frames = octave + chance.below(octave);
    let kinds: Vec<usize> = (0..2 + chance.below(MOST_SERVICES - 1))
        .map(|_| chance.below(5))
        .collect();
    let shares = kinds.iter().enumerate();
    let shares = shares.flat_map(|(service, _)| vec![service; 1 << chance.below(7)]);
    let shares: Vec<usize> = shares.collect();
    let frames = (0..frames).map(|_| {
        let service = shares[chance.below(shares.len())];
        let length = length(kinds[service], chance);
        Outgoing { service, length }
    });
    frames.collect()
}

fn length(kind: usize, chance: &mut Chance) -> usize {
    match kind {
        0 => 60,
        1 => 1514,
        2 => 60 + chance.below(1454),
        3 => match chance.below(10) {
            0 => MTU,
            _ => 60,
        },
        _ => match chance.below(2) {
            0 => 60,
            _ => 1514,
        },
    }
}

fn service_port(service: usize) -> u16 {
    FIRST_SERVICE + u16::try_from(service).unwrap()
}

/// Whom the frames of a service are for.
fn peer(service: usize) -> u8 {
    u8::try_from(service).unwrap() % PEERS
}

fn peer_mac(peer: u8) -> Mac {
    [2, 0, 0, 0, 1, peer]
}

/// A switch with many ports, each with a cable that nobody else is on, and nobody at the other ends.
struct Scene {
    runtime: Runtime,
    lab: Lab,
    host: Host,
    directory: tempfile::TempDir,
}

impl Scene {
    fn set() -> Self {
        let runtime = Runtime::new().unwrap();
        let directory = tempfile::Builder::new().prefix("bulkhead-").tempdir();
        let directory = directory.unwrap();
        let lab = runtime.block_on(Lab::up(Spec {
            directory: directory.path().join("lab"),
            hosts: 1,
            programs: None,
            ..Spec::default()
        }));
        let lab = lab.unwrap();
        let host = lab.host(1).unwrap();
        let scene = Self {
            runtime,
            lab,
            host,
            directory,
        };
        scene.build();
        scene
    }

    fn build(&self) {
        let mut line =
            "add-br br-x -- set bridge br-x datapath_type=netdev fail_mode=secure".to_owned();
        for port in 0..PORTS {
            let mtu = MTU.to_string();
            let (ours, its) = (format!("s{port}"), format!("t{port}"));
            let pair = [
                "ip", "link", "add", &ours, "mtu", &mtu, "type", "veth", "peer", "name", &its,
            ];
            self.run(&[&pair[..], &["mtu", &mtu]].concat());
            for end in [&ours, &its] {
                self.run(&[
                    "sysctl",
                    "-qw",
                    &format!("net.ipv6.conf.{end}.disable_ipv6=1"),
                ]);
                self.run(&["ip", "link", "set", end, "up"]);
            }
            line += &format!(" -- add-port br-x {ours}");
        }
        self.vsctl(&line);
    }

    fn run(&self, line: &[&str]) {
        self.runtime.block_on(self.host.run(line)).unwrap();
    }

    fn vsctl(&self, line: &str) -> String {
        let words: Vec<&str> = line.split_whitespace().collect();
        let done = self.host.vswitch().ovs_vsctl(&words);
        self.runtime.block_on(done).unwrap()
    }

    fn ofctl(&self, line: &str) -> String {
        let words: Vec<&str> = line.split_whitespace().collect();
        let done = self.host.vswitch().ovs_ofctl(&words);
        self.runtime.block_on(done).unwrap()
    }

    /// From now on one frame in `rate` is sampled, and counted from zero.
    fn begin(&self, rate: u32) {
        self.vsctl(&format!(
            "-- --id=@s create sflow agent=lo targets=\"{COLLECTOR}\" sampling={rate} header=128 \
             polling=0 -- set bridge br-x sflow=@s"
        ));
        self.ofctl("del-flows br-x");
        let mut flows = String::new();
        for port in 0..PORTS {
            let number = self.vsctl(&format!("get interface s{port} ofport"));
            for service in 0..MOST_SERVICES {
                // To a port that is no sender, so that frames are forwarded and not only dropped.
                flows += &format!(
                    "cookie={},in_port={},udp,tp_dst={},actions=LOCAL\n",
                    port * MOST_SERVICES + service,
                    number.trim(),
                    service_port(service),
                );
            }
        }
        let file = self.directory.path().join("flows");
        std::fs::write(&file, flows).unwrap();
        self.ofctl(&format!("add-flows br-x {}", file.display()));
    }

    /// What each port sent to each service.
    fn counted(&self) -> Vec<BTreeMap<usize, Traffic>> {
        let text = self.ofctl("dump-flows br-x");
        let mut counted = vec![BTreeMap::new(); PORTS];
        for line in text.lines().filter(|line| line.contains("cookie=")) {
            let word = |name: &str| line.split(name).nth(1)?.split(',').next();
            let number = |name: &str| word(name).unwrap().parse::<u64>().unwrap();
            let cookie = usize::from_str_radix(word("cookie=0x").unwrap(), 16).unwrap();
            let traffic = Traffic {
                bytes: number("n_bytes="),
                packets: number("n_packets="),
            };
            if traffic.packets > 0 {
                counted[cookie / MOST_SERVICES].insert(cookie % MOST_SERVICES, traffic);
            }
        }
        counted
    }

    fn interface_indexes(&self) -> Vec<u32> {
        let index = |port| {
            let shown = self.vsctl(&format!("get interface s{port} ifindex"));
            shown.trim().parse().unwrap()
        };
        (0..PORTS).map(index).collect()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if let Err(error) = self.runtime.block_on(self.lab.down()) {
            eprintln!(
                "the lab was not taken down: {:#}",
                anyhow::Error::new(error)
            );
        }
    }
}

/// Sends the workloads, in turns of a few frames each, at a pace that the switch can follow.
fn send(mut workloads: Vec<Vec<Outgoing>>, chance: &mut Chance) {
    let interfaces = datalink::interfaces();
    let mut senders: Vec<_> = (0..PORTS)
        .map(|port| {
            let name = format!("t{port}");
            let interface = interfaces.iter().find(|it| it.name == name).unwrap();
            match datalink::channel(interface, Config::default()) {
                Ok(Channel::Ethernet(sender, _)) => sender,
                _ => panic!("no Ethernet channel"),
            }
        })
        .collect();
    while workloads.iter().any(|left| !left.is_empty()) {
        for (left, sender) in workloads.iter_mut().zip(&mut senders) {
            let burst = 1 + chance.below(40);
            let rest = left.len().saturating_sub(burst);
            left.drain(rest..)
                .for_each(|frame| put(sender.as_mut(), frame));
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn put(sender: &mut dyn DataLinkSender, Outgoing { service, length }: Outgoing) {
    let here = ([2, 0, 0, 0, 0, 1], Ipv4Addr::new(192, 0, 2, 1));
    let there = (peer_mac(peer(service)), Ipv4Addr::new(192, 0, 2, 2));
    let ports = (40_000, service_port(service));
    let frame = frame::between_ports(here, there, ports, &vec![0; length - 42]);
    assert!(sender.send_to(&frame, None).is_some_and(|it| it.is_ok()));
}

/// How many there were, and how many of them were in their intervals.
#[derive(Clone, Copy, Debug, Default)]
struct Score {
    held: usize,
    all: usize,
}

impl Score {
    fn note(&mut self, part: &UsagePart, bytes: u64) {
        self.held += usize::from((part.least_bytes..=part.most_bytes).contains(&bytes));
        self.all += 1;
    }

    fn add(&mut self, other: Self) {
        self.held += other.held;
        self.all += other.all;
    }
}

/// Of keys that have a part of their own, and of those of whom only is said how much they have at most.
type Scores = [Score; 2];

fn judge(parts: &[UsagePart], truth: &BTreeMap<String, u64>) -> Scores {
    let mut scores = Scores::default();
    let mut others = parts.iter().filter(|it| it.kind == PartKind::NotListed);
    let Some(not_listed) = others.next() else {
        // Nothing was sampled, and nothing is said.
        return scores;
    };
    let sum: u64 = parts.iter().map(|it| it.sent.bytes).sum();
    let total: u64 = truth.values().sum();
    assert!(
        usize::try_from(sum.abs_diff(total)).unwrap() <= parts.len(),
        "{sum} of {total}"
    );
    for (key, bytes) in truth {
        let own = parts
            .iter()
            .find(|it| it.kind == PartKind::Key && it.key == *key);
        scores[usize::from(own.is_none())].note(own.unwrap_or(not_listed), *bytes);
    }
    scores
}

/// Sends workloads and asks for the splits of each port: by service, and by peer.
fn run(scene: &Scene, rate: u32, chance: &mut Chance) -> [Scores; 2] {
    let folder = tempfile::tempdir().unwrap();
    let collecting = Collecting::start(scene, folder.path());
    scene.begin(rate);
    let workloads = (0..PORTS).map(|_| workload(chance)).collect();
    inside(scene.host.namespace(), || send(workloads, chance));
    // Datagrams leave each second, and counters are renewed as often.
    std::thread::sleep(Duration::from_secs(3));
    let counted = scene.counted();
    let mut scores = [Scores::default(); 2];
    scene.runtime.block_on(async {
        collecting.account(&counted).await;
        for (port, counted) in collecting.ports.iter().zip(&counted) {
            for (sums, by) in scores.iter_mut().zip([SplitBy::Protocol, SplitBy::Peer]) {
                let mut truth = BTreeMap::new();
                for (service, traffic) in counted {
                    *truth.entry(collecting.key(*service, by)).or_default() += traffic.bytes;
                }
                let found = judge(&collecting.parts(*port, by).await, &truth);
                sums.iter_mut().zip(found).for_each(|(sum, it)| sum.add(it));
            }
        }
        collecting.stop().await;
    });
    scores
}

#[test]
fn the_interval_of_a_split_holds_about_95_times_in_100() {
    let scene = Scene::set();
    let mut chance = Chance(SEED);
    let mut sums = [Score::default(); 2];
    for rate in RATES {
        let scores = run(&scene, rate, &mut chance);
        for ((sum, scores), by) in sums.iter_mut().zip(scores).zip(["protocol", "peer"]) {
            let [own, not_listed] = scores;
            println!("1 in {rate}, by {by}: held with a part {own:?}, not listed {not_listed:?}");
            scores.into_iter().for_each(|it| sum.add(it));
        }
    }
    println!("in all {sums:?}");
    for Score { held, all } in sums {
        // Something was sampled of most of them.
        assert!(all > PORTS * RATES.len(), "{all}");
        assert!(held * 100 >= all * HOLD, "{held} of {all}");
    }
}
