//! Estimates from samples against what a real switch counted: how often the 95 % interval holds.
//!
//! Many ports of one switch move random workloads at once. A flow for each port counts what it sends; the
//! estimate has only the datagrams of sFlow to go by.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use flow_collector::estimate::{Cluster, Estimate};
use lab::{Host, Lab, Spec};
use pnet::datalink::{self, Channel, Config, DataLinkSender};
use sflow::{Datagram, FlowRecord, Interface, Sample, Segment};
use tests::frame;
use tests::namespace::inside;
use tokio::runtime::Runtime;

const PORTS: usize = 60;
const RATES: [u32; 3] = [64, 128, 400];
/// Super-frames are longer than any cable takes.
const MTU: usize = 9000;
const COLLECTOR: &str = "127.0.0.1:7343";
/// The workloads are the same each time; what the switch samples of them is not.
const SEED: u64 = 0x5eed_0005;
/// Of a hundred intervals so many hold at least: 95 of 100, but for the chance of 180 workloads.
const HOLD: usize = 90;

/// Numbers that look like chance (xorshift64*, Vigna 2016).
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).unwrap() % most
    }
}

/// The lengths of the frames that a port sends.
fn workload(chance: &mut Chance) -> Vec<usize> {
    // From 100 frames to 6400, small numbers as likely as large ones.
    let octave = 100 << chance.below(6);
    let frames = octave + chance.below(octave);
    let kind = chance.below(5);
    let lengths = (0..frames).map(|_| match kind {
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
    });
    lengths.collect()
}

/// A switch with many ports, each with a cable that nobody else is on, and nobody at the other ends.
struct Scene {
    runtime: Runtime,
    lab: Lab,
    host: Host,
    _directory: tempfile::TempDir,
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
            _directory: directory,
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
        for port in 0..PORTS {
            let number = self.vsctl(&format!("get interface s{port} ofport"));
            let number = number.trim();
            // To a port that is no sender, so that frames are forwarded and not only dropped.
            self.ofctl(&format!(
                "add-flow br-x in_port={number},cookie={port},actions=LOCAL"
            ));
        }
    }

    /// Bytes and frames of each port.
    fn counted(&self) -> BTreeMap<usize, [u64; 2]> {
        let text = self.ofctl("dump-flows br-x");
        let flows = text.lines().filter_map(|line| {
            let number = |name: &str| {
                let rest = line.split(name).nth(1)?;
                rest.split(',').next()?.trim().parse::<u64>().ok()
            };
            let cookie = line.split("cookie=0x").nth(1)?.split(',').next()?;
            let port = usize::from_str_radix(cookie, 16).ok()?;
            Some((port, [number("n_bytes=")?, number("n_packets=")?]))
        });
        flows.collect()
    }

    fn indexes(&self) -> BTreeMap<u32, usize> {
        let index = |port| {
            let shown = self.vsctl(&format!("get interface s{port} ifindex"));
            (shown.trim().parse().unwrap(), port)
        };
        (0..PORTS).map(index).collect()
    }

    fn estimates(&self, stop: &AtomicBool) -> BTreeMap<u32, Estimate> {
        inside(self.host.namespace(), || {
            let address: SocketAddr = COLLECTOR.parse().unwrap();
            let socket = UdpSocket::bind(address).unwrap();
            socket
                .set_read_timeout(Some(Duration::from_millis(200)))
                .unwrap();
            let mut heard = Heard::default();
            let mut room = [0; 9216];
            loop {
                match socket.recv(&mut room) {
                    Ok(length) => heard.take(&room[..length]),
                    Err(_) if stop.load(Relaxed) => return heard.estimates,
                    Err(_) => {}
                }
            }
        })
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

/// Estimates by ifIndex, and the newest segment that each had a sample of.
#[derive(Default)]
struct Heard {
    estimates: BTreeMap<u32, Estimate>,
    segments: BTreeMap<u32, Option<Segment>>,
}

impl Heard {
    fn take(&mut self, bytes: &[u8]) {
        let datagram = Datagram::decode(bytes).unwrap();
        for sample in datagram.samples() {
            let Sample::Flow(flow) = sample.unwrap() else {
                continue;
            };
            let Interface::Index(index) = flow.input else {
                continue;
            };
            let header = flow.records().find_map(|record| match record {
                Ok(FlowRecord::Header(header)) => Some(header),
                _ => None,
            });
            let header = header.unwrap();
            let segment = Segment::of(header.header);
            let before = self.segments.insert(index, segment).flatten();
            let continues = segment
                .zip(before)
                .is_some_and(|(it, before)| it.continues(before));
            let cluster = match continues {
                true => Cluster::Same,
                false => Cluster::New,
            };
            let length = header.frame_length - header.stripped;
            let estimate = self.estimates.entry(index).or_default();
            estimate.add(flow.sampling_rate, length, cluster);
        }
    }
}

/// Sends the workloads, in turns of a few frames each, at a pace that the switch can follow.
fn send(mut workloads: Vec<Vec<usize>>, chance: &mut Chance) {
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
                .for_each(|length| put(sender.as_mut(), length));
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn put(sender: &mut dyn DataLinkSender, length: usize) {
    let here = ([2, 0, 0, 0, 0, 1], Ipv4Addr::new(192, 0, 2, 1));
    let there = ([2, 0, 0, 0, 0, 2], Ipv4Addr::new(192, 0, 2, 2));
    let frame = frame::datagram(here, there, 9000, &vec![0; length - 42]);
    assert!(sender.send_to(&frame, None).is_some_and(|it| it.is_ok()));
}

/// How many workloads there were, and of how many the interval held: of bytes, and of frames.
fn run(scene: &Scene, rate: u32, chance: &mut Chance) -> [usize; 3] {
    scene.begin(rate);
    let indexes = scene.indexes();
    let workloads = (0..PORTS).map(|_| workload(chance)).collect();
    let stop = Arc::new(AtomicBool::new(false));
    let estimates = std::thread::scope(|scope| {
        let hearing = scope.spawn(|| scene.estimates(&stop));
        inside(scene.host.namespace(), || send(workloads, chance));
        // Datagrams leave each second, and counters are renewed as often.
        std::thread::sleep(Duration::from_secs(3));
        stop.store(true, Relaxed);
        hearing.join().unwrap()
    });
    let counted = scene.counted();
    let mut held = [PORTS, 0, 0];
    for (index, port) in indexes {
        let [bytes, frames] = counted[&port];
        assert!(frames > 0, "port {port} sent nothing");
        let estimate = estimates.get(&index).copied().unwrap_or_default();
        let unseen = f64::from(rate);
        let longest = f64::from(u32::try_from(MTU + 14).unwrap());
        held[1] += usize::from(estimate.bytes_within(unseen * longest).holds(bytes));
        held[2] += usize::from(estimate.frames_within(unseen).holds(frames));
    }
    held
}

#[test]
fn the_interval_of_an_estimate_holds_about_95_times_in_100() {
    let scene = Scene::set();
    let mut chance = Chance(SEED);
    let mut sums = [0; 3];
    for rate in RATES {
        let held = run(&scene, rate, &mut chance);
        println!(
            "1 in {rate}: of {} workloads, bytes held {}, frames {}",
            held[0], held[1], held[2]
        );
        sums.iter_mut().zip(held).for_each(|(sum, it)| *sum += it);
    }
    let [workloads, bytes, frames] = sums;
    assert!(
        frames * 100 >= workloads * HOLD,
        "frames: {frames} of {workloads}"
    );
    assert!(
        bytes * 100 >= workloads * HOLD,
        "bytes: {bytes} of {workloads}"
    );
}
