//! Limits on real switches: they hold, they change without a lost packet, and one VIF's are no other's.

mod crowd;
mod hostile;

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use lab::Signal;
use tests::frame::{self, BROADCAST};
use tests::truth::ByPort;

use tests::{Instance, Pinging, Pool, PoolSpec, eventually};

use crate::PATIENCE;

/// Marks what is counted.
const MARK: &str = "BULKHEAD limited";

/// More than any limit of these tests lets through while they are sent.
pub(crate) const MANY: usize = 3_000;

/// One tenant: two instances on one host and one on another.
struct Scene {
    pool: Pool,
    one: Instance,
    beside: Instance,
    far: Instance,
}

fn scene() -> Scene {
    let pool = Pool::up(&PoolSpec::real(2));
    pool.must("physical-network-create name=private role=private nic=eth1 vlans=100-199");
    pool.must("tenant-create name=acme");
    pool.must("vlan-create tenant=acme name=lan subnet=10.0.0.0/24");
    let start = |name, host| pool.vm_start(name, "acme", "lan", host);
    let (one, beside, far) = (
        start("one", "h1"),
        start("beside", "h1"),
        start("far", "h2"),
    );
    for to in [&beside, &far] {
        eventually("they reach each other", PATIENCE, || one.reaches(to));
    }
    Scene {
        pool,
        one,
        beside,
        far,
    }
}

impl Scene {
    /// Changes a VIF and waits until its host has done it.
    fn set(&self, vif: &Instance, limits: &str) {
        self.pool.must(&format!("vif-set {} {limits}", vif.port_id));
        self.settle();
    }

    fn settle(&self) {
        eventually("every host has realized its plan", PATIENCE, || {
            let hosts = self.pool.json("host-list");
            let hosts = hosts.as_array().cloned().unwrap_or_default();
            hosts
                .iter()
                .all(|host| host["status"]["realized"] == host["status"]["planned"])
        });
    }
}

pub(crate) fn to(receiver: &Instance, from: &Instance) -> Vec<u8> {
    let sender = (from.mac, from.address);
    frame::udp(sender, (receiver.mac, receiver.address), MARK)
}

fn to_everybody(from: &Instance) -> Vec<u8> {
    frame::udp(
        (from.mac, from.address),
        (BROADCAST, Ipv4Addr::BROADCAST),
        MARK,
    )
}

/// Sends many frames as fast as it can; gives how many arrived and how long it took, from before the
/// first to after the last.
pub(crate) fn send_many(from: &Instance, frame: &[u8], at: &Instance) -> (usize, Duration) {
    let sniffer = at.sniff();
    let begun = Instant::now();
    for _ in 0..10 {
        from.send_frames(&vec![frame.to_vec(); MANY / 10]);
    }
    let caught = sniffer.stop();
    let took = begun.elapsed();
    let arrived = caught.iter().filter(|it| frame::carries(it, MARK));
    (arrived.count(), took)
}

/// What a limit lets through in this time, at most, with a little for clocks that differ.
pub(crate) fn most(per_second: u64, burst: u64, time: Duration) -> usize {
    let milliseconds = u64::try_from(time.as_millis()).unwrap();
    usize::try_from(burst + per_second * milliseconds / 1_000 + per_second / 10 + 10).unwrap()
}

/// What the meters of a host's switch dropped, each by its number.
fn drops(pool: &Pool, host: usize) -> Vec<(u32, u64)> {
    let line = ["-O", "OpenFlow15", "meter-stats", "br-int"];
    let text = pool
        .wait_in(pool.host(host).vswitch().ovs_ofctl(&line))
        .unwrap();
    let mut found = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("meter:") {
            let id = rest.split(' ').next().unwrap().parse().unwrap();
            found.push((id, 0));
        } else if let Some(rest) = line.strip_prefix("0: packet_count:") {
            let count = rest.split(' ').next().unwrap().parse().unwrap();
            found.last_mut().unwrap().1 = count;
        }
    }
    found
}

#[test]
fn a_vif_sends_and_is_sent_no_more_than_it_may() {
    let scene = scene();
    let (one, beside, far) = (&scene.one, &scene.beside, &scene.far);
    scene.set(one, "packets-out=100");
    for receiver in [beside, far] {
        let (arrived, took) = send_many(one, &to(receiver, one), receiver);
        assert!(
            (10..=most(100, 20, took)).contains(&arrived),
            "{arrived} in {took:?}"
        );
    }
    // 600 kbit at once and 1 Mbit/s, of frames of 60 bytes.
    scene.set(one, "packets-out= rate-out=1M");
    let frame = to(far, one);
    let bits = u64::try_from(frame.len() * 8).unwrap();
    let (arrived, took) = send_many(one, &frame, far);
    let allowed = most(1_000_000 / bits, 600_000 / bits, took);
    assert!(
        (10..=allowed).contains(&arrived),
        "{arrived} in {took:?}, not {allowed}"
    );
    scene.set(one, "rate-out=");
    for receiver in [beside, far] {
        scene.set(receiver, "packets-in=100");
        let (arrived, took) = send_many(one, &to(receiver, one), receiver);
        assert!(
            (10..=most(100, 20, took)).contains(&arrived),
            "{arrived} in {took:?}"
        );
        scene.set(receiver, "packets-in=");
    }
    let shown = scene.pool.json(&format!("vif-show {}", one.port_id));
    assert_eq!(
        (shown.get("packets_out"), shown.get("rate_out")),
        (None, None)
    );
}

#[test]
fn nobody_floods_a_network_and_who_is_limited_costs_others_no_copy() {
    let scene = scene();
    let (one, beside, far) = (&scene.one, &scene.beside, &scene.far);
    let frame = to_everybody(one);
    for receiver in [beside, far] {
        let (arrived, took) = send_many(one, &frame, receiver);
        assert!(
            (100..=most(1_000, 200, took)).contains(&arrived),
            "{arrived} in {took:?}"
        );
    }
    scene.set(one, "floods-out=100");
    let (arrived, took) = send_many(one, &frame, far);
    assert!(
        (10..=most(100, 20, took)).contains(&arrived),
        "{arrived} in {took:?}"
    );
    // Some few that no limit is in the way of: one receiver's limit must not keep them from others.
    scene.set(beside, "packets-in=1");
    for _ in 0..4 {
        _ = beside.ping(one.address, 10, Duration::from_millis(2));
        let (there, here) = (far.sniff(), beside.sniff());
        one.send_frames(&vec![frame.clone(); 10]);
        for caught in [there.stop(), here.stop()] {
            let arrived = caught.iter().filter(|it| frame::carries(it, MARK));
            assert_eq!(arrived.count(), 10);
        }
        std::thread::sleep(Duration::from_millis(300));
    }
}

#[test]
fn a_limit_changes_under_traffic_without_a_lost_packet_and_no_other_meter_is_touched() {
    let scene = scene();
    let (one, beside, far) = (&scene.one, &scene.beside, &scene.far);
    scene.set(beside, "packets-out=50");
    _ = send_many(beside, &to(far, beside), far);
    let touched = |it: &(u32, u64)| it.1 > 0;
    let before: Vec<_> = drops(&scene.pool, 1).into_iter().filter(touched).collect();
    assert_eq!(before.len(), 1, "{before:?}");
    let pings = [far, beside].map(|it| Pinging::start(&one.namespace, &it.address.to_string()));
    for round in 1..=5 {
        scene.set(
            one,
            &format!("rate-out={round}0M rate-in=1G packets-out={round}k burst={round}00"),
        );
        scene.set(one, "rate-out= packets-in=5k");
        scene.set(one, "rate-in= packets-out= packets-in= burst=");
    }
    for ping in pings {
        assert_eq!(ping.stop().lost, 0);
    }
    let after = drops(&scene.pool, 1);
    assert!(
        before.iter().all(|it| after.contains(it)),
        "{before:?} {after:?}"
    );
    // Nor does an agent that starts anew touch any.
    let host = scene.pool.host(1);
    let agent = host.agent().unwrap();
    scene.pool.wait(agent.kill(Signal::SIGKILL)).unwrap();
    scene.pool.wait(agent.start()).unwrap();
    scene.set(one, "rate-out=10M");
    let after = drops(&scene.pool, 1);
    assert!(
        before.iter().all(|it| after.contains(it)),
        "{before:?} {after:?}"
    );
}

#[test]
fn limits_come_back_with_a_switch_that_was_killed() {
    let scene = scene();
    let (one, far) = (&scene.one, &scene.far);
    scene.set(one, "packets-out=100");
    let vswitchd = scene.pool.host(1).vswitch().vswitchd();
    scene.pool.wait(vswitchd.kill(Signal::SIGKILL)).unwrap();
    scene.pool.wait(vswitchd.start()).unwrap();
    eventually("the flows are back", PATIENCE, || one.reaches(far));
    let (arrived, took) = send_many(one, &to(far, one), far);
    assert!(
        (10..=most(100, 20, took)).contains(&arrived),
        "{arrived} in {took:?}"
    );
}

#[test]
fn a_tenants_limit_is_over_those_of_its_vifs() {
    let scene = scene();
    let (one, far) = (&scene.one, &scene.far);
    scene.pool.must("tenant-set acme packets-out=100");
    scene.set(one, "packets-out=1M");
    let (arrived, took) = send_many(one, &to(far, one), far);
    assert!(
        (10..=most(100, 20, took)).contains(&arrived),
        "{arrived} in {took:?}"
    );
    // Its VIFs are told theirs, and have it again when the tenant's is gone.
    let shown = scene.pool.json(&format!("vif-show {}", one.port_id));
    assert_eq!(shown["packets_out"], "1M");
    scene.pool.must("tenant-set acme packets-out=");
    scene.settle();
    let (arrived, _) = send_many(one, &to(far, one), far);
    assert!(arrived > MANY / 2, "{arrived}");
}

#[test]
fn a_networks_limit_is_that_of_its_vifs_that_have_none_and_no_limit_is_nothing() {
    let scene = scene();
    let (one, beside, far) = (&scene.one, &scene.beside, &scene.far);
    scene.set(beside, "packets-out=1M");
    scene.pool.must("vlan-set lan tenant=acme packets-out=100");
    scene.settle();
    let (arrived, took) = send_many(one, &to(far, one), far);
    assert!(
        (10..=most(100, 20, took)).contains(&arrived),
        "{arrived} in {took:?}"
    );
    let (arrived, _) = send_many(beside, &to(far, beside), far);
    assert!(arrived > MANY / 2, "{arrived}");
    scene.pool.must("vlan-set lan tenant=acme packets-out=");
    scene.settle();
    let (arrived, _) = send_many(one, &to(far, one), far);
    assert!(arrived > MANY / 2, "{arrived}");
    // The lab's NICs are links of software, whose speed nobody knows: only what no switch does is refused.
    for command in ["tenant-set acme", "vlan-set lan tenant=acme"] {
        for (rate, allowed) in [("rate-out=0", "64k"), ("packets-in=0", "from 1 to")] {
            let refused = scene.pool.netctl(&format!("{command} {rate}"));
            let refused = refused.unwrap_err();
            assert!(refused.contains(allowed), "{refused}");
        }
    }
}

/// What a zone of a host may track, and tracks.
fn connections(pool: &Pool, host: usize) -> Vec<(u32, u32)> {
    let line = ["dpctl/ct-get-limits", "netdev@ovs-netdev"];
    let text = pool
        .wait_in(pool.host(host).vswitch().ovs_appctl(&line))
        .unwrap();
    let zones = text.lines().filter(|line| line.starts_with("zone="));
    let number = |part: &str| part.split('=').nth(1).unwrap().parse().unwrap();
    let counts = zones.map(|line| {
        let mut parts = line.trim().split(',').skip(1).map(number);
        (parts.next().unwrap(), parts.next().unwrap())
    });
    counts.collect()
}

#[test]
fn one_vif_fills_its_own_share_of_connections_and_no_others() {
    let scene = scene();
    let (one, beside, far) = (&scene.one, &scene.beside, &scene.far);
    let limits =
        |pool: &Pool| -> Vec<u32> { connections(pool, 1).into_iter().map(|it| it.0).collect() };
    assert_eq!(limits(&scene.pool), [100_000, 100_000]);
    scene.set(one, "connections=50");
    let datagrams: Vec<_> = (1_000..2_000)
        .map(|port| {
            let receiver = (far.mac, far.address);
            frame::datagram((one.mac, one.address), receiver, port, MARK.as_bytes())
        })
        .collect();
    one.send_frames(&datagrams);
    let full = || connections(&scene.pool, 1).contains(&(50, 50));
    eventually("its connections are all taken", PATIENCE, full);
    assert!(
        beside.tcp_send(far, 100_000) == 100_000,
        "another cannot connect"
    );
    // A switch that starts anew is told anew.
    let vswitchd = scene.pool.host(1).vswitch().vswitchd();
    scene.pool.wait(vswitchd.kill(Signal::SIGKILL)).unwrap();
    scene.pool.wait(vswitchd.start()).unwrap();
    eventually("the limits are back", PATIENCE, || {
        limits(&scene.pool).contains(&50)
    });
    scene.set(one, "connections=");
    assert_eq!(limits(&scene.pool), [100_000, 100_000]);
}

#[test]
fn what_a_limit_dropped_is_billed_to_nobody() {
    let scene = scene();
    let (one, far) = (&scene.one, &scene.far);
    scene.set(one, "packets-out=300");
    scene.set(far, "packets-in=50");
    let (arrived, _) = send_many(one, &to(far, one), far);
    let dropped = |host: usize| drops(&scene.pool, host).iter().map(|it| it.1).sum::<u64>();
    let (sent, received) = (dropped(1), dropped(2));
    assert!(
        sent > 0 && received > 0 && arrived < MANY,
        "{sent} {received} {arrived}"
    );
    let billed_right = || {
        let billed = scene.pool.billed();
        let [at_one, at_far] = [(1, one), (2, far)].map(|(host, vif)| {
            let counted = scene.pool.counted_by_switch(host);
            let of = |by_port: &ByPort| by_port.get(&vif.port_id).copied().unwrap_or_default();
            (of(&counted), of(&billed))
        });
        at_one.1.sent_packets + sent == at_one.0.sent_packets
            && at_far.1.received_packets + received == at_far.0.received_packets
            && at_one.1.sent_bytes < at_one.0.sent_bytes
    };
    eventually("just what passed is billed", 2 * PATIENCE, billed_right);
}
