//! What is billed is what the switches counted, to the byte, whatever dies in between.

mod independent;
mod reboot;

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use lab::Signal;
use serde_json::Value;
use tests::frame::{self, BROADCAST};
use tests::truth::{ByPort, Moved};
use tests::{Instance, Pool, StopWhenDropped, eventually};

use crate::{PATIENCE, two_tenants};

/// Flow counters follow the frames within a second or so.
const COUNTERS_LAG: Duration = Duration::from_secs(2);

/// What all switches show, summed by port.
fn counted(pool: &Pool, hosts: usize) -> ByPort {
    let mut sums = ByPort::new();
    for host in 1..=hosts {
        for (port, moved) in pool.counted_by_switch(host) {
            let sum = sums.entry(port).or_default();
            *sum = *sum + moved;
        }
    }
    sums
}

/// Waits until the ledger has just what the switches show now, and `before` besides.
pub(crate) fn billed_exactly(pool: &Pool, hosts: usize, before: &ByPort) -> ByPort {
    let mut figures = (ByPort::new(), ByPort::new());
    let mut equal = || {
        let mut truth = counted(pool, hosts);
        for (port, moved) in before {
            let sum = truth.entry(port.clone()).or_default();
            *sum = *sum + *moved;
        }
        truth.retain(|_, moved| *moved != Moved::default());
        figures = (pool.billed(), truth);
        figures.0.retain(|_, moved| *moved != Moved::default());
        figures.0 == figures.1
    };
    let start = Instant::now();
    while !equal() {
        assert!(
            start.elapsed() < 2 * PATIENCE,
            "billed and true: {figures:#?}"
        );
        std::thread::sleep(Duration::from_millis(500));
    }
    figures.0
}

/// Small and large frames, one by one and in bursts, to one and to everybody, to nobody, and TCP.
pub(crate) fn move_something(from: &Instance, to: &Instance) {
    let me = (from.mac, from.address);
    let everybody = (BROADCAST, std::net::Ipv4Addr::BROADCAST);
    let nobody = (
        [0xfa, 0, 0x5e, 0, 0x53, 9],
        std::net::Ipv4Addr::new(10, 0, 0, 99),
    );
    let large = "x".repeat(1400);
    let mut frames = Vec::new();
    for _ in 0..200 {
        frames.push(frame::udp(me, (to.mac, to.address), "short"));
        frames.push(frame::udp(me, (to.mac, to.address), &large));
    }
    for _ in 0..20 {
        frames.push(frame::udp(me, everybody, "everybody"));
        frames.push(frame::udp(me, nobody, "nobody"));
        // A liar's frames are dropped before they are counted.
        frames.push(frame::udp(
            (nobody.0, from.address),
            (to.mac, to.address),
            "lie",
        ));
    }
    from.send_frames(&frames);
    for bytes in [1, 1_000, 2_000_000] {
        assert_eq!(from.tcp_send(to, bytes), bytes);
    }
}

#[test]
fn every_byte_that_the_switches_counted_is_billed_to_its_port_and_class() {
    let scene = two_tenants(2);
    let [acme, globex] = &scene.tenants;
    move_something(&acme.instances[0], &acme.instances[1]);
    move_something(&globex.instances[1], &globex.instances[0]);
    let billed = billed_exactly(&scene.pool, 2, &ByPort::new());
    let sender = billed[&acme.instances[0].port_id];
    assert!(sender.sent_bytes > 2_000_000 && sender.sent_packets > 440);

    let tenants = scene.pool.json("usage by=tenant last=1d");
    for row in tenants.as_array().unwrap() {
        let classes = row["classes"].as_array().unwrap();
        assert_eq!(classes.len(), 1);
        assert_eq!(classes[0]["class"], "tenant-internal");
        assert_eq!(classes[0]["sent"], row["sent"]);
        assert_eq!(classes[0]["received"], row["received"]);
    }
}

/// What a tenant's bill says it moved, and what the records that it rests on add up to.
fn on_the_bill(pool: &Pool, tenant: &str, period: &str) -> (u64, u64) {
    let bill = pool.json(&format!("bill tenant={tenant} period={period}"));
    let records = pool.json(&format!("bill-explain tenant={tenant} period={period}"));
    let bytes = |of: &Value| {
        let ways = [&of["sent"]["bytes"], &of["received"]["bytes"]];
        ways.iter().filter_map(|way| way.as_u64()).sum::<u64>()
    };
    let classes = bill["classes"].as_array().unwrap();
    let records = records.as_array().unwrap();
    (
        classes.iter().map(bytes).sum(),
        records.iter().map(|record| bytes(&record["moved"])).sum(),
    )
}

#[test]
fn a_bill_charges_what_the_switches_counted_however_often_the_ledgers_keeper_is_killed() {
    let scene = two_tenants(2);
    let pool = &scene.pool;
    let period = &model::Timestamp::now().to_string()[..7];
    let price = "transfer=tenant-internal:both:0:0=1000000000";
    pool.must(&format!(
        "rate-plan-create name=standard currency=EUR {price}"
    ));
    pool.must(&format!(
        "rate-plan-assign name=standard tenant=acme from={period}"
    ));
    let [one, two] = &scene.tenants[0].instances;
    let controller = pool.lab().controller().unwrap();
    for _ in 0..4 {
        move_something(one, two);
        pool.wait(controller.process().kill(Signal::SIGKILL))
            .unwrap();
        pool.wait(controller.process().start()).unwrap();
    }
    let billed = billed_exactly(pool, 2, &ByPort::new());
    let truth: u64 = [one, two]
        .iter()
        .map(|it| billed[&it.port_id].sent_bytes + billed[&it.port_id].received_bytes)
        .sum();
    assert_eq!(on_the_bill(pool, "acme", period), (truth, truth));
    // The only line leads to all of it, and that to datagrams.
    let explain = format!("bill-explain tenant=acme period={period} line=1");
    eventually("the interface's counters are behind it", PATIENCE, || {
        let records = pool.json(&explain);
        let evidence = records.as_array().unwrap().iter().map(|it| &it["evidence"]);
        let told = |it: &Value| {
            let run = &it["readings"][0];
            let grown = |at: &str| run[at]["counters"]["sent"]["bytes"].as_u64();
            grown("to") > grown("from") && it["datagrams"][0]["taken"].as_u64() > Some(0)
        };
        let mut evidence = evidence;
        evidence.any(told)
    });
    // At a unit of money a byte, the total is the number of bytes.
    let bill = pool.json(&format!("bill tenant=acme period={period}"));
    assert_eq!(bill["total"], format!("{truth}.00"));

    let page = tempfile::NamedTempFile::new().unwrap();
    let path = page.path().display();
    pool.must(&format!("bill tenant=globex period={period} html={path}"));
    let page = std::fs::read_to_string(page.path()).unwrap();
    assert!(page.contains("globex") && page.contains("</svg>"));
    let refused = pool.netctl(&format!("ledger-seal tenant=acme period={period}"));
    assert!(refused.unwrap_err().contains("is not over before"));
    let refused = pool.netctl("ledger-seal tenant=acme period=2020-01");
    assert!(
        refused
            .unwrap_err()
            .contains("there is no record in 2020-01")
    );
    let verified = pool.must("ledger-verify");
    assert!(verified.contains("0 seals over 0 records fit"));
}

#[test]
fn a_keeper_that_is_killed_again_and_again_while_traffic_runs_forgets_and_doubles_nothing() {
    let scene = two_tenants(2);
    let pool = &scene.pool;
    let [one, two] = &scene.tenants[0].instances;
    let controller = pool.lab().controller().unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // Also when this fails: nobody waits for ever for who moves something.
        let _stop = StopWhenDropped(&stop);
        scope.spawn(|| {
            while !stop.load(Relaxed) {
                move_something(one, two);
            }
        });
        let mut known = ByPort::new();
        for pause in [100, 900, 300, 2500, 50, 1700, 600, 1200] {
            std::thread::sleep(Duration::from_millis(pause));
            pool.wait(controller.process().kill(Signal::SIGKILL))
                .unwrap();
            pool.wait(controller.process().start()).unwrap();
            // What was in the ledger is in it.
            let now = pool.billed();
            for (port, before) in &known {
                let now = now.get(port).copied().unwrap_or_default();
                assert!(now.sent_bytes >= before.sent_bytes, "{port}");
                assert!(now.received_bytes >= before.received_bytes, "{port}");
            }
            known = now;
        }
    });
    billed_exactly(pool, 2, &ByPort::new());
}

#[test]
fn neither_a_killed_agent_nor_a_killed_controller_nor_an_unplugged_port_costs_a_byte() {
    let scene = two_tenants(2);
    let pool = &scene.pool;
    let [one, two] = &scene.tenants[0].instances;
    move_something(one, two);

    // Both die, and the data plane goes on.
    let host = pool.host(1);
    let agent = host.agent().unwrap();
    let controller = pool.lab().controller().unwrap();
    pool.wait(agent.kill(Signal::SIGKILL)).unwrap();
    move_something(one, two);
    pool.wait(controller.process().kill(Signal::SIGKILL))
        .unwrap();
    move_something(two, one);
    pool.wait(agent.start()).unwrap();
    move_something(one, two);
    pool.wait(controller.process().start()).unwrap();
    billed_exactly(pool, 2, &ByPort::new());

    // Somebody deletes all flows that count, in the middle of it, and others come in their place.
    std::thread::sleep(COUNTERS_LAG);
    move_something(one, two);
    std::thread::sleep(COUNTERS_LAG);
    let before = counted(pool, 2);
    let elsewhere: ByPort = pool.counted_by_switch(2);
    let flows = pool.flows(1);
    for table in ["table=16", "table=60"] {
        let delete = ["-O", "OpenFlow15", "del-flows", "br-int", table];
        pool.wait(host.vswitch().ovs_ofctl(&delete)).unwrap();
    }
    eventually("the flows are back", PATIENCE, || pool.flows(1) == flows);
    let mut gone = before;
    gone.retain(|port, _| !elsewhere.contains_key(port));
    move_something(one, two);
    let billed = billed_exactly(pool, 2, &gone);

    // The instance ends: its last counts go with its flows.
    let last = billed[&one.port_id];
    pool.must("vm-stop acme-1 tenant=acme");
    std::thread::sleep(COUNTERS_LAG);
    let after = pool.billed()[&one.port_id];
    assert!(after.sent_bytes >= last.sent_bytes && after.sent_bytes < last.sent_bytes + 10_000);
}

/// What its kernel would send of its own accord, it does not.
pub(crate) fn speaks_no_ipv6(at: &Instance) {
    let setting = "net.ipv6.conf.eth0.disable_ipv6=1";
    let output = at.command("sysctl").args(["-q", "-w", setting]).output();
    assert!(output.unwrap().status.success(), "sysctl {setting}");
}

/// Waits until the switches have counted nothing for longer than a kernel takes to ask for a neighbour
/// again whom it has just spoken to.
fn is_quiet(pool: &Pool, hosts: usize) {
    const QUIET: Duration = Duration::from_secs(10);
    let mut last = (counted(pool, hosts), Instant::now());
    eventually("nobody sends anything", PATIENCE, || {
        let now = counted(pool, hosts);
        if now != last.0 {
            last = (now, Instant::now());
        }
        last.1.elapsed() >= QUIET
    });
}

#[test]
fn a_killed_switch_costs_only_what_nobody_had_read_and_it_is_said() {
    let scene = two_tenants(2);
    let pool = &scene.pool;
    let [one, two] = &scene.tenants[0].instances;
    // Kernels ask for routers and neighbours when it pleases them, also just before the switch dies.
    scene.instances().for_each(speaks_no_ipv6);
    move_something(one, two);
    is_quiet(pool, 2);
    // All was read: what is lost with the switch is nothing then.
    let before = billed_exactly(pool, 2, &ByPort::new());
    let elsewhere = pool.counted_by_switch(2);

    let vswitchd = pool.host(1).vswitch().vswitchd();
    let flows = pool.flows(1);
    pool.wait(vswitchd.kill(Signal::SIGKILL)).unwrap();
    pool.wait(vswitchd.start()).unwrap();
    eventually("the flows are back", PATIENCE, || pool.flows(1) == flows);
    eventually("they reach each other", PATIENCE, || one.reaches(two));
    move_something(one, two);
    let mut gone = before;
    gone.retain(|port, _| !elsewhere.contains_key(port));
    billed_exactly(pool, 2, &gone);

    eventually("it is said", PATIENCE, || {
        let events = pool.must("event-list");
        events.contains("the switch lost the counters of")
    });
}

#[test]
fn a_port_that_moves_to_another_host_is_billed_on_both_and_nothing_twice() {
    let pool = Pool::up(&tests::PoolSpec::real(2));
    pool.must("physical-network-create name=private role=private nic=eth1 vlans=100-199");
    pool.must("tenant-create name=acme");
    pool.must("vlan-create tenant=acme name=web subnet=10.0.0.0/24");
    let port = |name: &str| pool.json(&format!("vif-create tenant=acme network=web name={name}"));
    let (mover, stayer) = (port("mover"), port("stayer"));
    let stays = pool.plug(2, &stayer, "stay");
    let here = pool.plug(1, &mover, "mova");
    eventually("they reach each other", PATIENCE, || {
        here.instance.reaches(&stays.instance)
    });
    move_something(&here.instance, &stays.instance);
    billed_exactly(&pool, 2, &ByPort::new());
    std::thread::sleep(COUNTERS_LAG);
    let before = pool.counted_by_switch(1);
    pool.unplug(&here);
    eventually("it is dark here", PATIENCE, || {
        pool.counted_by_switch(1).is_empty()
    });

    let there = pool.plug(2, &mover, "movb");
    eventually("they reach each other", PATIENCE, || {
        there.instance.reaches(&stays.instance)
    });
    move_something(&there.instance, &stays.instance);
    billed_exactly(&pool, 2, &before);
}
