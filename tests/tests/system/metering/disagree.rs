//! Meters of real switches that are made to disagree: the event names the cause.

use std::net::UdpSocket;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use lab::Signal;
use serde_json::Value;
use tests::namespace::inside;
use tests::{Instance, Pool, PoolSpec};

use super::agent::{datagram, flow};
use crate::billing::move_something;

/// Seconds of an interval.
const INTERVAL: u64 = 20;
/// An interval is judged when the next is over and two minutes have passed.
const JUDGED: Duration = Duration::from_secs(2 * INTERVAL + 150 + 90);
/// Where switches send their samples for their agents to hand on.
const RELAY: &str = "127.0.0.1:6344";
/// For so long the controller is stopped: longer than anything but a set clock delays a datagram.
const STOPPED: Duration = Duration::from_secs(8);
/// A source of samples that no switch has.
const NOBODY: u32 = 7;

/// Four hosts with an instance each, whose agents hand samples on.
fn pool() -> (Pool, [Instance; 4]) {
    let interval = INTERVAL.to_string();
    let told = [
        "--samples-by-session",
        "--usage-interval-seconds",
        &interval,
    ];
    let pool = Pool::up(&PoolSpec::real(4).told(&told));
    pool.must("physical-network-create name=private role=private nic=eth1 vlans=100-199");
    pool.must("tenant-create name=acme");
    pool.admit_everybody("acme");
    pool.must("vlan-create tenant=acme name=web subnet=10.0.0.0/24");
    let instances = ["h1", "h2", "h3", "h4"];
    let instances = instances.map(|host| pool.vm_start(&format!("on-{host}"), "acme", "web", host));
    (pool, instances)
}

fn to_the_next_interval() -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Duration::from_secs(INTERVAL - now.as_secs() % INTERVAL)
}

fn findings(pool: &Pool) -> Vec<(String, String)> {
    let found = pool.json("meter-list");
    let found = found.as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    found
        .map(|it| (text(&it["host_id"]), text(&it["cause"])))
        .collect()
}

/// One datagram in three does not arrive.
fn lose_some(pool: &Pool) {
    let rule = "udp dport 6344 numgen random mod 3 == 0 drop";
    for line in [
        "add table inet meters".to_owned(),
        "add chain inet meters out { type filter hook output priority 0 ; }".to_owned(),
        format!("add rule inet meters out {rule}"),
    ] {
        let words: Vec<&str> = std::iter::once("nft").chain(line.split(' ')).collect();
        pool.wait(pool.host(1).run(&words)).unwrap();
    }
}

/// Samples of frames that the instance never sent, as of its own switch.
fn invent(pool: &Pool, at: &Instance, host: usize, first: u32) {
    let interface = pool.interface_of(host, &at.port_id);
    let get = ["get", "interface", &interface, "ifindex"];
    let index = pool
        .wait(pool.host(host).vswitch().ovs_vsctl(&get))
        .unwrap();
    let index = index.trim().parse().unwrap();
    inside(pool.host(host).namespace(), || {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        for number in first..first + 100 {
            let samples: Vec<_> = (0..8).map(|_| flow(index, 64, 1400)).collect();
            let mut bytes = datagram(number, 1_000_000, &samples);
            bytes[12..16].copy_from_slice(&NOBODY.to_be_bytes());
            socket.send_to(&bytes, RELAY).unwrap();
            std::thread::sleep(Duration::from_millis(5));
        }
    });
}

#[test]
fn meters_of_real_switches_that_disagree_raise_an_event_that_names_the_cause() {
    let (pool, [one, two, three, four]) = pool();
    // The first whole interval of the controller's life is the first that is judged.
    std::thread::sleep(to_the_next_interval());
    let hosts = pool.json("host-list");
    let hosts = hosts.as_array().unwrap().iter();
    let id_of = |name: &str| {
        let mut hosts = hosts.clone();
        let host = hosts.find(|it| it["name"] == name).unwrap();
        host["id"].as_str().unwrap().to_owned()
    };
    lose_some(&pool);
    let silenced = pool.host(2);
    let agent = silenced.agent().unwrap();
    pool.wait(agent.kill(Signal::SIGSTOP)).unwrap();
    let silence = Instant::now();
    // Nor is anybody's clock set while the controller, to whom all of it is handed on, is stopped.
    let controller = pool.lab().controller().unwrap();
    pool.wait(controller.process().kill(Signal::SIGSTOP))
        .unwrap();
    std::thread::sleep(STOPPED);
    pool.wait(controller.process().kill(Signal::SIGCONT))
        .unwrap();
    for (from, to) in [(&two, &one), (&one, &two), (&four, &three)] {
        move_something(from, to);
        assert_eq!(from.tcp_send(to, 5_000_000), 5_000_000);
    }
    // Twice, for an interval may end in between; and it speaks, so that its meters show something.
    for first in [1, 101] {
        assert_eq!(three.tcp_send(&four, 100_000), 100_000);
        invent(&pool, &three, 3, first);
        assert_eq!(three.tcp_send(&four, 100_000), 100_000);
    }
    // A whole interval and more.
    let whole = Duration::from_secs(2 * INTERVAL + INTERVAL / 2);
    std::thread::sleep(whole.saturating_sub(silence.elapsed()));
    pool.wait(agent.kill(Signal::SIGCONT)).unwrap();

    let expected = [
        (id_of("h1"), "lost-datagrams"),
        (id_of("h2"), "silent-agent"),
        (id_of("h3"), "wrong-rate"),
    ];
    let expected = expected.map(|(host, cause)| (host, cause.to_owned()));
    let mut found = Vec::new();
    let start = Instant::now();
    while !expected.iter().all(|it| found.contains(it)) {
        assert!(start.elapsed() < JUDGED, "{found:?} and not {expected:?}");
        std::thread::sleep(Duration::from_secs(1));
        found = findings(&pool);
    }
    // Programs that were stopped and go on are no clocks that were set.
    assert!(
        found.iter().all(|(_, cause)| cause != "clock-step"),
        "{found:?}"
    );
    let innocent = id_of("h4");
    assert!(found.iter().all(|(host, _)| *host != innocent), "{found:?}");
    let events = pool.must("event-list");
    for words in ["sFlow datagrams were lost", "no sFlow came", "is more than"] {
        assert!(events.contains(words), "{words}: {events}");
    }
    assert!(events.contains("meters-disagree"), "{events}");
}
