//! Clocks that are set while traffic runs: it is told, and every byte is billed once.

use std::time::{Duration, Instant};

use lab::Process;
use tests::clock::Clock;
use tests::truth::ByPort;
use tests::{Pool, PoolSpec, eventually};

use crate::PATIENCE;
use crate::billing::{billed_exactly, move_something, speaks_no_ipv6};

/// Seconds of an interval.
const INTERVAL: u64 = 20;
/// An interval is judged when the next is over and two minutes have passed; and the clock is set by as much.
const JUDGED: Duration = Duration::from_secs(2 * INTERVAL + 150 + 90);
/// So far a clock is set, in seconds: over several intervals.
const SET: i64 = 100;

/// Starts a program again, that goes by a clock of its own.
fn give(pool: &Pool, process: &Process, clock: &Clock) {
    pool.wait(process.stop()).unwrap();
    let process = process.with_environment(clock.environment());
    pool.wait(process.start()).unwrap();
}

/// What operators are told of a set clock of a host, and how often.
fn told(pool: &Pool, way: &str) -> usize {
    let words = format!("the host's clock was set {way} by");
    let events = pool.must("event-list");
    events.lines().filter(|it| it.contains(&words)).count()
}

fn is_found(pool: &Pool) -> bool {
    let found = pool.json("meter-list");
    let found = found.as_array().unwrap();
    found.iter().any(|it| it["cause"] == "clock-step")
}

#[test]
fn a_clock_that_is_set_is_told_of_and_costs_nobody_a_byte() {
    let interval = INTERVAL.to_string();
    let pool = Pool::up(&PoolSpec::real(2).told(&["--usage-interval-seconds", &interval]));
    pool.must("physical-network-create name=private role=private nic=eth1 vlans=100-199");
    pool.must("tenant-create name=acme");
    pool.admit_everybody("acme");
    pool.must("vlan-create tenant=acme name=web subnet=10.0.0.0/24");
    let [one, two] =
        ["h1", "h2"].map(|host| pool.vm_start(&format!("on-{host}"), "acme", "web", host));
    [&one, &two].into_iter().for_each(speaks_no_ipv6);
    let folder = pool.lab().controller().unwrap().directory().to_path_buf();
    let [hosts, ours] = ["clock-h1", "clock-ctl"].map(|name| Clock::right(&folder, name));
    give(&pool, pool.host(1).agent().unwrap(), &hosts);
    give(&pool, pool.lab().controller().unwrap().process(), &ours);
    eventually("both hosts are back", PATIENCE, || {
        let connected = pool.json("host-list");
        let connected = connected.as_array().unwrap().iter();
        connected
            .filter(|it| it["status"]["connected"] == true)
            .count()
            == 2
    });
    let nothing = ByPort::new();
    move_something(&one, &two);
    billed_exactly(&pool, 2, &nothing);
    assert_eq!(told(&pool, "forward") + told(&pool, "back"), 0);

    // The controller's, which keeps the ledger and hears the samples.
    move_something(&one, &two);
    ours.set(SET);
    let start = Instant::now();
    move_something(&two, &one);
    billed_exactly(&pool, 2, &nothing);
    assert_eq!(told(&pool, "forward") + told(&pool, "back"), 0);

    // The host's: forward, so that intervals are skipped; and back, so that some come twice.
    for (seconds, way) in [(SET, "forward"), (0, "back")] {
        move_something(&one, &two);
        hosts.set(seconds);
        move_something(&two, &one);
        eventually("it is told", PATIENCE, || told(&pool, way) == 1);
        billed_exactly(&pool, 2, &nothing);
    }
    while !is_found(&pool) {
        assert!(
            start.elapsed() < JUDGED,
            "nobody finds that a clock was set"
        );
        move_something(&one, &two);
        std::thread::sleep(Duration::from_secs(5));
    }
    let events = pool.must("event-list kind=meters-disagree");
    assert!(events.contains("a clock was set"), "{events}");
    ours.set(0);
    move_something(&two, &one);
    billed_exactly(&pool, 2, &nothing);
}
