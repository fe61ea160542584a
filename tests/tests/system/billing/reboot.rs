//! Hosts that crash and come back: what is lost is bounded and said, and no number that is used again
//! bills anybody else.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use lab::Signal;
use serde_json::Value;
use tests::reboot::Database;
use tests::truth::ByPort;
use tests::{Instance, Plug, Pool, eventually, frame};

use super::{billed_exactly, is_quiet, move_something, speaks_no_ipv6};
use crate::{PATIENCE, two_tenants};

/// Frames a second that are sent while the host crashes.
const PACE: u64 = 100;

/// The records that a tenant's bill of this month rests on.
fn records(pool: &Pool, tenant: &str) -> Vec<Value> {
    let period = &model::Timestamp::now().to_string()[..7];
    let records = pool.json(&format!("bill-explain tenant={tenant} period={period}"));
    records.as_array().unwrap().clone()
}

/// Sends so many frames a second until it is told to stop; gives how many.
fn at_a_pace(from: &Instance, to: &Instance, stop: &AtomicBool) -> u64 {
    let payload = vec![0x5a; 1000];
    let [here, there] = [from, to].map(|it| (it.mac, it.address));
    let frame = frame::datagram(here, there, 9000, &payload);
    let (start, mut sent) = (Instant::now(), 0);
    while !stop.load(Relaxed) {
        let passed = u64::try_from(start.elapsed().as_millis()).unwrap();
        let due = usize::try_from(passed * PACE / 1000 - sent).unwrap();
        from.flood(&vec![frame.clone(); due]);
        sent += u64::try_from(due).unwrap();
        std::thread::sleep(Duration::from_millis(50));
    }
    sent
}

#[test]
fn what_a_crashed_host_takes_with_it_is_no_more_than_the_ledger_says() {
    let scene = two_tenants(2);
    let pool = &scene.pool;
    let [one, two] = &scene.tenants[0].instances;
    scene.instances().for_each(speaks_no_ipv6);
    is_quiet(pool, 2);
    let before = billed_exactly(pool, 2, &ByPort::new());
    let stop = AtomicBool::new(false);
    let sent = std::thread::scope(|scope| {
        let sending = scope.spawn(|| at_a_pace(one, two, &stop));
        std::thread::sleep(Duration::from_secs(10));
        pool.crash(1, Database::Wiped);
        stop.store(true, Relaxed);
        sending.join().unwrap()
    });
    pool.boot(1);
    let mut unread = 0;
    eventually("the ledger says it", PATIENCE, || {
        let records = records(pool, "acme");
        let of_it = records.iter().filter(|it| it["port_id"] == one.port_id);
        unread = of_it
            .map(|it| it["unread_seconds"].as_u64().unwrap())
            .max()
            .unwrap_or(0);
        unread > 0
    });
    let so_far = before.get(&one.port_id).copied().unwrap_or_default();
    let billed = pool.billed()[&one.port_id].sent_packets - so_far.sent_packets;
    assert!(billed <= sent, "{billed} of {sent}");
    // A second more, for frames are sent late on a busy machine.
    let bound = (unread + 1) * PACE;
    assert!(
        sent - billed <= bound,
        "{billed} of {sent}, unread {unread} s"
    );
}

fn number(pool: &Pool, interface: &str, column: &str) -> u64 {
    let get = ["get", "interface", interface, column];
    let shown = pool.wait(pool.host(1).vswitch().ovs_vsctl(&get)).unwrap();
    shown.trim().parse().unwrap()
}

/// What the kernel and the switch call the interfaces of two ports.
fn numbers(pool: &Pool, plugs: &[Plug; 2]) -> [[u64; 2]; 2] {
    let columns = ["ifindex", "ofport"];
    let of = |plug: &Plug| columns.map(|column| number(pool, &plug.interface, column));
    plugs.each_ref().map(of)
}

/// Makes the interface of a VIF anew, with this index.
fn make_again(pool: &Pool, plug: &Plug, index: u64) {
    let (inner, mac) = (&plug.instance.namespace, plug.instance.mac);
    let mac = model::MacAddr::try_from(mac).unwrap();
    let address = plug.instance.address;
    let (host, outer) = (pool.host(1), &plug.interface);
    for line in [
        format!(
            "ip link add {outer} index {index} type veth peer name eth0 address {mac} netns {inner}"
        ),
        format!("ip link set {outer} up"),
        format!("ip -n {inner} link set eth0 up"),
        format!("ip -n {inner} address add {address}/24 dev eth0"),
        format!("nsenter --net=/run/netns/{inner} -- ethtool -K eth0 tx off"),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        pool.wait(host.run(&words)).unwrap();
    }
    let id = format!("external_ids:iface-id={}", plug.instance.port_id);
    let add = ["--no-wait", "add-port", "br-int", outer];
    let name = ["--", "set", "interface", outer, &id];
    let line = [&add[..], &name[..]].concat();
    pool.wait(host.vswitch().ovs_vsctl(&line)).unwrap();
}

/// What the interface counters say that a port sent, in bytes.
fn by_interface(pool: &Pool, port: &str) -> u64 {
    let rows = pool.json("usage by=port last=1d");
    let mut rows = rows.as_array().unwrap().iter();
    let row = rows.find(|row| row["id"] == port);
    row.map_or(0, |row| row["interface_sent"]["bytes"].as_u64().unwrap())
}

#[test]
fn numbers_of_interfaces_that_are_used_again_after_a_reboot_bill_nobody_else() {
    let scene = two_tenants(2);
    let pool = &scene.pool;
    let [acme, globex] = scene.tenants.each_ref().map(|it| &it.instances[1]);
    let plugs = [("acme", "aa", acme), ("globex", "bb", globex)].map(|(tenant, tag, peer)| {
        let create = format!("vif-create tenant={tenant} network=web name={tag}");
        let plug = pool.plug(1, &pool.json(&create), tag);
        eventually("they reach each other", PATIENCE, || {
            plug.instance.reaches(peer)
        });
        plug
    });
    let [first, second] = &plugs;
    move_something(&first.instance, acme);
    scene.instances().for_each(speaks_no_ipv6);
    plugs.iter().for_each(|it| speaks_no_ipv6(&it.instance));
    is_quiet(pool, 2);
    let before = billed_exactly(pool, 2, &ByPort::new());
    eventually("its counters arrive", PATIENCE, || {
        by_interface(pool, &first.instance.port_id) >= 2_000_000
    });
    let elsewhere = pool.counted_by_switch(2);
    let shown = by_interface(pool, &first.instance.port_id);

    // The host comes back, and gives what the second has the numbers of the first.
    let used = numbers(pool, &plugs);
    let host = pool.host(1);
    for process in [host.agent().unwrap(), &host.vswitch().vswitchd()] {
        pool.wait(process.kill(Signal::SIGKILL)).unwrap();
    }
    for plug in &plugs {
        let delete = ["--no-wait", "del-port", &plug.interface];
        pool.wait(host.vswitch().ovs_vsctl(&delete)).unwrap();
        let delete = ["ip", "link", "delete", &plug.interface];
        pool.wait(host.run(&delete)).unwrap();
    }
    make_again(pool, second, used[0][0]);
    make_again(pool, first, used[1][0]);
    pool.wait(host.vswitch().vswitchd().start()).unwrap();
    pool.wait(host.agent().unwrap().start()).unwrap();
    speaks_no_ipv6(&first.instance);
    eventually("they reach each other", PATIENCE, || {
        second.instance.reaches(globex)
    });
    let [anew_first, anew_second] = numbers(pool, &plugs);
    assert_eq!(anew_second[0], used[0][0], "the index is used again");
    assert_eq!(anew_first[0], used[1][0], "the index is used again");

    move_something(&second.instance, globex);
    eventually("its counters arrive", PATIENCE, || {
        by_interface(pool, &second.instance.port_id) >= 2_000_000
    });
    let mut gone = before.clone();
    gone.retain(|port, _| !elsewhere.contains_key(port));
    let billed = billed_exactly(pool, 2, &gone);
    let of_first = &first.instance.port_id;
    let grown = billed[of_first].sent_bytes - before[of_first].sent_bytes;
    assert!(grown < 10_000, "the bill of the first grew by {grown}");
    let grown = by_interface(pool, of_first) - shown;
    assert!(grown < 10_000, "by its interface it moved {grown} more");
}
