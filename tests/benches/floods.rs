//! What a VIF that floods costs its host's switch and its neighbours: megaflows, processor time of
//! ovs-vswitchd, and what a neighbour's ping to another host loses.
//!
//! ```text
//!   cargo bench -p tests --bench floods
//! ```

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tests::attack::{ATTACKS, Attack};
use tests::{Instance, Lost, Pinging, Pool, PoolSpec, eventually};

/// How many frames are sent, and how many at once: each differs from all others.
const FRAMES: u32 = 100_000;
const BATCH: u32 = 500;

/// How long the switch remembers what it has seen no more: until then no flood begins.
const FORGOTTEN: Duration = Duration::from_secs(60);

fn main() {
    let pool = Pool::up(&PoolSpec::real(2));
    pool.must("physical-network-create name=private role=private nic=eth1 vlans=100-199");
    pool.must("tenant-create name=acme");
    pool.must("vlan-create tenant=acme name=lan subnet=10.0.0.0/24");
    let start = |name, host| pool.vm_start(name, "acme", "lan", host);
    let hostile = start("hostile", "h1");
    let (beside, far) = (start("beside", "h1"), start("far", "h2"));
    for vif in [&hostile, &beside] {
        eventually("they reach each other", FORGOTTEN, || vif.reaches(&far));
    }
    println!("{FRAMES} frames of                 frames/s   megaflows   vswitchd us/frame   lost");
    for (name, attack) in ATTACKS {
        eventually("the switch has forgotten", FORGOTTEN, || {
            megaflows(&pool) < 200
        });
        let before = switch_seconds(&pool);
        let ping = Pinging::start(&beside.namespace, &far.address.to_string());
        let (most, took) = flood(&pool, (&hostile, &far), attack);
        let Lost { sent, lost, .. } = ping.stop();
        let spent = (switch_seconds(&pool) - before) * 1e6 / f64::from(FRAMES);
        let rate = f64::from(FRAMES) / took.as_secs_f64();
        println!("{name:<34}{rate:>9.0}{most:>12}{spent:>20.0}{lost:>7} of {sent}");
    }
}

/// Sends all of them; gives the most megaflows there were, and how long it took.
fn flood(pool: &Pool, (from, to): (&Instance, &Instance), attack: Attack) -> (u64, Duration) {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let counting = scope.spawn(|| {
            let mut most = 0;
            while !done.load(Ordering::Relaxed) {
                most = most.max(megaflows(pool));
                thread::sleep(Duration::from_millis(300));
            }
            most.max(megaflows(pool))
        });
        let begun = Instant::now();
        for first in (0..FRAMES).step_by(BATCH as usize) {
            let frames: Vec<_> = (first..first + BATCH)
                .map(|n| attack(from, to, n))
                .collect();
            from.send_frames(&frames);
        }
        let took = begun.elapsed();
        done.store(true, Ordering::Relaxed);
        (counting.join().unwrap_or_default(), took)
    })
}

/// How many megaflows the first host's switch has.
fn megaflows(pool: &Pool) -> u64 {
    let asked = pool.wait_in(pool.host(1).vswitch().ovs_appctl(&["upcall/show"]));
    let text = asked.unwrap_or_else(|e| panic!("{e}"));
    let current = text.split_once("(current ").map(|(_, rest)| rest);
    let number = current.and_then(|it| it.split(')').next());
    number.and_then(|it| it.trim().parse().ok()).unwrap_or(0)
}

/// Processor seconds that the switches used, of all hosts.
fn switch_seconds(pool: &Pool) -> f64 {
    let spent = pool.processor_seconds();
    spent.get("vswitchd").copied().unwrap_or(0.0)
}
