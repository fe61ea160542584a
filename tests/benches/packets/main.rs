//! Figures that need real packets: throughput and new connections beside a plain switch, and answers to
//! DHCP clients. `make bench` prints them.
//!
//! Open vSwitch's userspace datapath copies every packet through the kernel, so the ratios say more
//! than the throughput.

use std::time::{Duration, Instant};

use tests::tenants::TwoTenants;
use tests::{Instance, Pool, PoolSpec, eventually};

mod connections;
mod dhcp;
mod plain;

/// What one stream sends.
const STREAM_BYTES: u64 = 100_000_000;
/// Ours and theirs in turns, so that a busy moment of the machine meets both.
const ROUNDS: usize = 5;

const PATIENCE: Duration = Duration::from_secs(60);

fn main() {
    beside_a_plain_switch();
    dhcp::print();
}

/// Between two instances of one host, and of two over VXLAN: through the pipeline with the default
/// policy, and through bridges that only learn (`NORMAL`), on the same switches and cables.
fn beside_a_plain_switch() {
    let scene = TwoTenants::set_on(Pool::up(&PoolSpec::real(2)), ["vxlan", "vxlan"], |_| {});
    let [first, far] = scene.tenants[0].instances.clone();
    let near = scene.pool.vm_start("near", "acme", "web", "h1");
    let [plain_first, plain_near, plain_far] = plain::machines(&scene.pool);
    let ways = [
        ("on one host", [&first, &near], [&plain_first, &plain_near]),
        (
            "between hosts over VXLAN",
            [&first, &far],
            [&plain_first, &plain_far],
        ),
    ];
    for (way, ours, plain) in ways {
        for [from, to] in [ours, plain] {
            eventually("they reach each other", PATIENCE, || from.reaches(to));
        }
        compare(
            &format!("Mbit/s of one TCP stream {way}"),
            [ours, plain],
            megabits,
        );
        compare(
            &format!("new TCP connections a second {way}"),
            [ours, plain],
            connections::rate,
        );
    }
}

/// Measures both in turns, and prints each and the median ratio.
fn compare(what: &str, pairs: [[&Instance; 2]; 2], measure: fn(&Instance, &Instance) -> f64) {
    println!("{what}:");
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let [ours, plain] = pairs.map(|[from, to]| measure(from, to));
        println!(
            "  tenant's network {ours:.0}, plain NORMAL bridge {plain:.0}, ratio {:.2}",
            ours / plain
        );
        ratios.push(ours / plain);
    }
    ratios.sort_unstable_by(f64::total_cmp);
    println!("  median ratio {:.2}", ratios[ROUNDS / 2]);
}

fn megabits(from: &Instance, to: &Instance) -> f64 {
    let start = Instant::now();
    let arrived = from.tcp_send(to, STREAM_BYTES);
    assert_eq!(arrived, STREAM_BYTES, "not all arrived");
    arrived as f64 * 8.0 / 1e6 / start.elapsed().as_secs_f64()
}

fn inside(instance: &Instance, line: &str) {
    let mut words = line.split(' ');
    let mut command = instance.command(words.next().unwrap_or_default());
    let done = command.args(words).status();
    assert!(done.is_ok_and(|it| it.success()), "{line}");
}
