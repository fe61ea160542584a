//! What limits cost: flows, and what TCP moves between two instances of one host, beside the same without
//! a limit in the same run.
//!
//! ```text
//!   cargo bench -p tests --bench limits
//! ```

use std::time::{Duration, Instant};

use tests::{Instance, Pool, PoolSpec, eventually};

/// How much is moved each time, in bytes.
const AMOUNT: u64 = 60_000_000;

/// How often each is measured; the best counts, since others disturb.
const TIMES: usize = 5;

/// Limits that nothing here reaches.
const CASES: [(&str, &str); 4] = [
    ("no limit", "rate-out= rate-in= packets-out= packets-in="),
    (
        "bits sent",
        "rate-out=100G rate-in= packets-out= packets-in=",
    ),
    (
        "bits and packets sent",
        "rate-out=100G rate-in= packets-out=100M packets-in=",
    ),
    (
        "bits and packets, both ways",
        "rate-out=100G rate-in=100G packets-out=100M packets-in=100M",
    ),
];

fn main() {
    let pool = Pool::up(&PoolSpec::real(1));
    pool.must("physical-network-create name=private role=private nic=eth1 vlans=100-199");
    pool.must("tenant-create name=acme");
    pool.must("vlan-create tenant=acme name=lan subnet=10.0.0.0/24");
    let [one, two] = ["one", "two"].map(|it| pool.vm_start(it, "acme", "lan", "h1"));
    eventually("they reach each other", Duration::from_secs(30), || {
        one.reaches(&two)
    });
    let mut best = [0.0_f64; CASES.len()];
    let mut flows = [0; CASES.len()];
    // One after the other and all again, so that what disturbs disturbs all of them.
    for _ in 0..TIMES {
        for (case, (_, limits)) in CASES.iter().enumerate() {
            set(&pool, [&one, &two], limits);
            flows[case] = pool.flows(1).len();
            best[case] = best[case].max(megabits(&one, &two));
        }
    }
    println!("limits of both VIFs           flows a VIF more      Mbit/s      of no limit");
    for (case, (name, _)) in CASES.iter().enumerate() {
        let more = (flows[case] - flows[0]) / 2;
        let share = 100.0 * best[case] / best[0];
        println!("{name:<30}{more:>10}{:>18.0}{share:>14.0} %", best[case]);
    }
}

fn set(pool: &Pool, vifs: [&Instance; 2], limits: &str) {
    for vif in vifs {
        pool.must(&format!("vif-set {} {limits}", vif.port_id));
    }
    eventually("the host has done it", Duration::from_secs(30), || {
        let host = pool.json("host-show h1");
        host["status"]["realized"] == host["status"]["planned"]
    });
}

fn megabits(from: &Instance, to: &Instance) -> f64 {
    let begun = Instant::now();
    let arrived = from.tcp_send(to, AMOUNT);
    assert_eq!(arrived, AMOUNT, "bytes were lost");
    #[expect(clippy::cast_precision_loss, reason = "a figure to read")]
    let bits = AMOUNT as f64 * 8.0;
    bits / begun.elapsed().as_secs_f64() / 1e6
}
