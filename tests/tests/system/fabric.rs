//! The fabric between hosts: what is wrong with it is named, whether the two ends of a tunnel hear each
//! other is told at once, and no tenant sees how that is found out.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use host_agent::probe::EVERYBODY;
use lab::{Signal, SwitchPort};
use serde_json::Value;
use tests::frame;
use tests::tenants::TwoTenants;
use tests::{Instance, Pool, PoolSpec, Sniffer, eventually};

use crate::PATIENCE;

/// The physical switch's end of a host's cable to the private network.
fn private_port(pool: &Pool, host: usize) -> SwitchPort {
    let nic = pool.host(host).private_nic();
    pool.lab().switch_port(host, nic).unwrap()
}

/// The tunnels that `netctl tunnel-list` shows, in a state.
fn tunnels(pool: &Pool, state: &str) -> Vec<Value> {
    let all = pool.json(&format!("tunnel-list state={state}"));
    all.as_array().unwrap().clone()
}

/// One end of a tunnel: its kind, the host it is on, and the endpoint it leads to.
type End = [String; 3];

/// The ends that are in a state, or all.
fn ends(pool: &Pool, state: Option<&str>) -> BTreeSet<End> {
    let all = pool.json("tunnel-list");
    let all = all.as_array().unwrap().iter();
    let named = all.filter(|it| state.is_none_or(|state| it["state"] == state));
    let end = |it: &Value| ["kind", "host_id", "peer"].map(|key| it[key].as_str().unwrap().into());
    named.map(end).collect()
}

/// The ends between these hosts, both ways.
fn between(pool: &Pool, kind: &str, pairs: &[[&str; 2]]) -> BTreeSet<End> {
    let both = pairs.iter().flat_map(|[one, two]| [[one, two], [two, one]]);
    let end = |[from, to]: [&&str; 2]| {
        let host = pool.host_view(from)["id"].as_str().unwrap().to_owned();
        [kind.to_owned(), host, endpoint(pool, to).to_string()]
    };
    both.map(end).collect()
}

/// Waits until each of these ends was seen in a state since now. A machine too busy to send a sign of
/// life in time loses one for a moment, so they need not be in it all at once.
fn all_seen(pool: &Pool, what: &str, expected: &BTreeSet<End>, state: &str) {
    let mut missing = expected.clone();
    eventually(what, PATIENCE, || {
        let now = ends(pool, Some(state));
        missing.retain(|end| !now.contains(end));
        missing.is_empty()
    });
}

/// The endpoint that a host was given: in the order in which they came first.
fn endpoint(pool: &Pool, host: &str) -> Ipv4Addr {
    let shown = pool.json(&format!("host-show {host}"));
    shown["endpoint"].as_str().unwrap().parse().unwrap()
}

/// What a host was told of its tunnels.
fn told(pool: &Pool, kind: &str, host: &str) -> Vec<String> {
    let events = pool.json(&format!("event-list kind={kind} host={host}"));
    let messages = events.as_array().unwrap().iter();
    messages
        .map(|event| event["message"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_tunnel_goes_down_with_its_host_and_up_again_but_not_with_an_agent() {
    let pool = Pool::up(&PoolSpec::real(3));
    let scene = TwoTenants::set_on(pool, ["vxlan", "geneve"], |_| {}).admitting_everybody();
    let pool = &scene.pool;
    let mut others = between(pool, "vxlan", &[["h1", "h2"]]);
    others.extend(between(pool, "geneve", &[["h1", "h2"]]));
    all_seen(pool, "the tunnels of both tenants are up", &others, "up");
    // h3 shares an overlay with nobody yet.
    assert_eq!(ends(pool, None), others);
    pool.vm_start("acme-3", "acme", "web", "h3");
    let third = between(pool, "vxlan", &[["h1", "h3"], ["h2", "h3"]]);
    all_seen(pool, "those of the third host are up", &third, "up");
    they_are_asked_often_enough(pool);

    let cable = private_port(pool, 3);
    pool.wait(cable.cut()).unwrap();
    eventually("both ends of both tunnels to h3 are down", PATIENCE, || {
        ends(pool, Some("down")).is_superset(&third)
    });
    for host in ["h1", "h2"] {
        let peer = endpoint(pool, "h3");
        let expected = format!("the vxlan tunnel to h3 ({peer}) is down");
        is_told(pool, "tunnel-down", host, |it| it.starts_with(&expected));
    }
    all_seen(pool, "the others hear each other as before", &others, "up");
    assert!(
        ends(pool, Some("up")).is_disjoint(&third),
        "a cut cable carries"
    );
    pool.wait(cable.mend()).unwrap();
    all_seen(pool, "all are up again", &third, "up");
    for host in ["h1", "h2"] {
        let expected = format!(
            "the vxlan tunnel to {host} ({}) is up again",
            endpoint(pool, host)
        );
        is_told(pool, "tunnel-up", "h3", |it| it == expected);
    }
    they_need_no_agent(pool);
    they_go_with_the_last_shared_network(pool, &third);
}

/// Waits until a host was told something.
fn is_told(pool: &Pool, kind: &str, host: &str, expected: impl Fn(&str) -> bool) {
    eventually("the host's events tell of it", PATIENCE, || {
        told(pool, kind, host).iter().any(|it| expected(it))
    });
}

/// What the switches tell each other needs no agent: the others still hear this host.
fn they_need_no_agent(pool: &Pool) {
    let (host, pairs) = (pool.host(1), [["h1", "h2"], ["h1", "h3"]]);
    let mut all = between(pool, "vxlan", &pairs);
    all.extend(between(pool, "geneve", &pairs[..1]));
    let first = endpoint(pool, "h1").to_string();
    let towards = |end: &&End| end[2] == first;
    let towards: BTreeSet<End> = all.iter().filter(towards).cloned().collect();
    pool.wait(host.agent().unwrap().kill(Signal::SIGKILL))
        .unwrap();
    // Twice as long as it takes to miss a host, and more.
    thread::sleep(Duration::from_secs(2));
    all_seen(pool, "they hear h1 without its agent", &towards, "up");
    pool.wait(host.agent().unwrap().start()).unwrap();
    all_seen(pool, "the agent knows what it knew", &all, "up");
}

/// As the two switches agreed once both were up: three signs of life that fail to come take less than
/// a second.
fn they_are_asked_often_enough(pool: &Pool) {
    let host = pool.host(1);
    let port = format!("vxlan-{:08x}", endpoint(pool, "h3").to_bits());
    let number = |shown: &str, name: &str| -> Option<u64> {
        let line = shown.lines().find(|line| line.trim().starts_with(name))?;
        let digits: String = line.chars().filter(char::is_ascii_digit).collect();
        digits.parse().ok()
    };
    // Until a session is up, and has agreed on more, it asks once a second (RFC 5880 §6.8.3).
    eventually("a lost host is missed within a second", PATIENCE, || {
        let shown = pool.wait(host.vswitch().ovs_appctl(&["bfd/show", &port]));
        let shown = shown.unwrap();
        let [times, interval] = ["Detect Multiplier", "RX Interval"].map(|it| number(&shown, it));
        times
            .zip(interval)
            .is_some_and(|(n, each)| n * each < 1_000)
    });
}

fn they_go_with_the_last_shared_network(pool: &Pool, third: &BTreeSet<End>) {
    pool.must("vm-stop acme-3 tenant=acme");
    eventually("no tunnel leads to h3", PATIENCE, || {
        ends(pool, None).is_disjoint(third)
    });
    eventually("no port is left behind", PATIENCE, || {
        let ports = pool.wait(pool.host(3).vswitch().ovs_vsctl(&["list-ports", "br-int"]));
        !ports.unwrap().contains("vxlan")
    });
}

/// What a check says is wrong, and whether `netctl` says that all is well.
fn complaints(pool: &Pool, line: &str) -> (Vec<String>, bool) {
    let well = pool.netctl(&format!("fabric-check {line}")).is_ok();
    let checks = pool.json("fabric-check-list");
    let newest = checks.as_array().unwrap().last().unwrap().clone();
    assert_eq!(newest["state"], "done");
    let findings = newest["findings"].as_array().unwrap().iter();
    let messages = findings.map(|it| it["message"].as_str().unwrap().to_owned());
    (messages.collect(), well)
}

/// A tunnel that was only just made has yet to find its other end.
fn both_ends_hear(pool: &Pool) {
    eventually("no tunnel is down", PATIENCE, || {
        tunnels(pool, "down").is_empty() && !tunnels(pool, "up").is_empty()
    });
}

fn all_is_well(pool: &Pool, line: &str) {
    assert_eq!(complaints(pool, line), (Vec::new(), true), "{line}");
}

fn says(pool: &Pool, line: &str, expected: &[&str]) {
    let (messages, well) = complaints(pool, line);
    assert_eq!(messages, expected);
    assert!(!well, "netctl must fail when something is wrong");
}

#[test]
fn what_is_wrong_between_hosts_is_named_and_a_healthy_pool_has_no_complaint() {
    let pool = Pool::up(&PoolSpec::real(3));
    // The switches carry more than the tenants' 1500 bytes, which is what overlays live on.
    let scene = TwoTenants::set_on(pool, ["vxlan", "vlan"], |_| {}).admitting_everybody();
    let pool = &scene.pool;
    pool.must("vlan-create tenant=acme name=other vlan=103");
    pool.vm_start("acme-3", "acme", "web", "h3");
    both_ends_hear(pool);
    all_is_well(pool, "");

    let second = private_port(pool, 2);
    pool.wait(second.take_vlan(103)).unwrap();
    let lacks = "VLAN 103 does not reach host h2 (NIC eth1): the switch port lacks it";
    says(pool, "", &[lacks]);
    // Who looks elsewhere is told of nothing.
    all_is_well(pool, "vlan=100");
    all_is_well(pool, "host=h3");
    says(pool, "vlans=all host=h2", &[lacks]);
    pool.wait(second.give_vlan(103)).unwrap();

    pool.wait(second.set_mtu(1400)).unwrap();
    let narrow = "packets over 1400 bytes are lost at host h2 (NIC eth1) on physical network \
                  private: 1500 bytes must pass";
    says(pool, "", &[narrow]);
    pool.wait(second.set_mtu(1600)).unwrap();

    pool.wait(second.cut()).unwrap();
    let cut = "host h2 (NIC eth1) is cut off on physical network private: no VLAN, no size passes";
    says(pool, "", &[cut]);
    pool.wait(second.mend()).unwrap();

    let host = pool.host(3);
    pool.wait(host.agent().unwrap().kill(Signal::SIGKILL))
        .unwrap();
    eventually("h3 is lost", PATIENCE, || {
        !told(pool, "host-lost", "h3").is_empty()
    });
    says(
        pool,
        "",
        &["host h3 took no part: its agent is not connected"],
    );
    pool.wait(host.agent().unwrap().start()).unwrap();
    eventually("the agent is back", PATIENCE, || {
        told(pool, "host-connected", "h3").len() == 2
    });
    all_is_well(pool, "");
    assert_eq!(told(pool, "fabric-fault", "h2").len(), 3);
}

/// The Ethernet type of probes, and what the forged ones carry.
const PROBES: u16 = 0x88b5;
const FORGED: &str = "BULKHEAD forged probe";

/// Says that it is over when it is dropped.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn no_vif_sees_a_probe_and_none_sends_one() {
    let pool = Pool::up(&PoolSpec::real(2));
    let scene = TwoTenants::set_on(pool, ["vxlan", "vlan"], |_| {}).admitting_everybody();
    let nics = [1, 2].map(|host| {
        let host = scene.pool.host(host);
        Sniffer::start(host.namespace(), host.private_nic())
    });
    let vifs: Vec<_> = scene.instances().map(|it| it.sniff()).collect();
    let forged = |from: &Instance| {
        let frames = [from.mac, [2, 0xbd, 0, 0, 0, 1]]
            .map(|source| frame::raw(source, EVERYBODY, PROBES, FORGED));
        let tagged = frames.each_ref().map(|it| frame::tagged(100, it));
        [frames, tagged].concat()
    };
    both_ends_hear(&scene.pool);
    let over = AtomicBool::new(false);
    let found = thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                scene.instances().for_each(|it| it.send_frames(&forged(it)));
                thread::sleep(Duration::from_millis(20));
            }
        });
        // Also when a check fails: the scope waits for who forges.
        let _over = Over(&over);
        let checks = (0..3).map(|_| complaints(&scene.pool, "vlans=all"));
        checks.collect::<Vec<_>>()
    });
    assert!(found.iter().all(|(_, well)| *well), "{found:?}");
    let is_probe = |it: &Vec<u8>| {
        let at = if it[12..14] == [0x81, 0] { 16 } else { 12 };
        it.get(at..at + 2) == Some(&PROBES.to_be_bytes()[..])
    };
    for nic in nics {
        let caught = nic.stop();
        assert!(
            caught.iter().any(is_probe),
            "no probe passed: nothing was tested"
        );
        let left = caught.iter().find(|it| frame::carries(it, FORGED));
        assert_eq!(left, None, "a VIF's probe left its host");
    }
    for vif in vifs {
        let caught = vif.stop();
        // What the VIF itself sends is caught as well.
        let seen = caught
            .iter()
            .find(|it| is_probe(it) && !frame::carries(it, FORGED));
        assert_eq!(seen, None, "a VIF saw a probe");
    }
}

#[test]
fn packets_as_large_as_an_instance_is_told_pass_on_networks_of_every_kind() {
    // What the cables carry, to the last byte: a VLAN's tag does not count, a tunnel's headers do.
    let kinds = [("vlan", 1600), ("vxlan", 1550), ("geneve", 1550)];
    let pool = Pool::up(&PoolSpec::real(2));
    pool.must(
        "physical-network-create name=private role=private nic=eth1 vlans=100-199 mtu=1600 \
         endpoints=10.254.0.0/16",
    );
    pool.must("tenant-create acme");
    for (kind, mtu) in kinds {
        pool.must(&format!(
            "{kind}-create {kind} tenant=acme subnet=10.0.0.0/24"
        ));
        let start = |host: &str| {
            let name = format!("{kind}-{host}");
            pool.vm_start(&name, "acme", kind, host)
        };
        let [first, second] = ["h1", "h2"].map(start);
        eventually("they reach each other", PATIENCE, || first.reaches(&second));
        let link = first.command("ip").args(["link", "show", "eth0"]).output();
        let link = String::from_utf8(link.unwrap().stdout).unwrap();
        assert!(link.contains(&format!("mtu {mtu} ")), "{kind}: {link}");
        assert!(
            first.fits(second.address, mtu),
            "{kind}: {mtu} bytes are lost"
        );
    }
    all_is_well(&pool, "");
    // With one byte more the tenants' packets would be lost without a word: it is not granted.
    for (kind, mtu) in kinds {
        let more = format!("{kind}-create more tenant=acme mtu={}", mtu + 1);
        let complaint = pool.netctl(&more).unwrap_err();
        assert!(complaint.contains("mtu"), "{complaint}");
    }
}
