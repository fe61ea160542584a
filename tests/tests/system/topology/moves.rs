//! Management that moves, and the moves that must not last.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lab::{Nics, Signal};
use nix::unistd::Pid;
use tests::{Instance, Pinging, Pool, eventually};

use super::{SHORT, all, pair, pool};
use crate::PATIENCE;

/// What the moves that fail are given, in seconds.
const DEADLINE: u32 = 6;

/// A pool whose management is on eth0, and two instances that ping each other.
fn scene() -> (Pool, [Instance; 2]) {
    let pool = pool(Nics::Separate);
    pool.lay(&all("eth0", "eth1", "eth2"));
    let instances = pair(&pool, "acme");
    (pool, instances)
}

/// What host 1 has: its bridges, addresses and routes.
fn state(pool: &Pool) -> [String; 3] {
    let vswitch = pool.host(1).vswitch().clone();
    let bridges = pool.wait(vswitch.ovs_vsctl(&["show"])).unwrap();
    let lines = bridges
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    let mut lines: Vec<&str> = lines.collect();
    lines.sort_unstable();
    [
        lines.join("\n"),
        pool.on_host(1, "ip -br -4 addr"),
        pool.on_host(1, "ip route"),
    ]
}

/// Makes a move that cuts host 1 off, and sees it come back as it was.
fn comes_back(pool: &Pool, instances: &[Instance; 2], uplink: Option<&str>, address: Option<&str>) {
    let before = state(pool);
    let [from, to] = instances;
    let pinging = Pinging::start(&from.namespace, &to.address.to_string());
    let began = Instant::now();
    pool.move_management("h1", uplink, address, DEADLINE);
    eventually("the host took the move back", PATIENCE, || {
        pool.management_path("h1") == "reverted"
    });
    println!("{uplink:?} {address:?}: back after {:?}", began.elapsed());
    assert_eq!(state(pool), before);
    let lost = pinging.stop();
    assert!(lost.time < SHORT, "{lost:?}");

    let status = &pool.host_view("h1")["status"];
    let failures = status["failures"].to_string();
    assert!(failures.contains("was taken back"), "{failures}");
    let events = pool.json("event-list").to_string();
    assert!(events.contains("topology-reverted"), "{events}");
    // It is not tried again by itself.
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(state(pool), before);
    assert_eq!(pool.management_path("h1"), "reverted");
}

/// Takes what was asked for back, so that the next move starts from a settled host.
fn give_up(pool: &Pool) {
    pool.move_management("h1", None, None, DEADLINE);
    eventually("the host is settled", PATIENCE, || pool.is_settled("h1"));
}

#[test]
fn management_moves_to_another_nic_and_to_a_vlan_of_a_shared_one() {
    let (pool, [from, to]) = scene();
    let vlan = 4000;
    let public = pool.lab().switch_port(1, "eth2").unwrap();
    let trunk = pool.lab().switch_port(1, "eth1").unwrap();
    pool.wait(trunk.give_vlan(vlan)).unwrap();
    let pinging = Pinging::start(&from.namespace, &to.address.to_string());

    pool.move_management("h1", Some("eth1/vlan4000"), None, 30);
    eventually("management is on the VLAN", PATIENCE, || {
        let bridges = pool.wait(pool.host(1).vswitch().ovs_vsctl(&["list-br"]));
        bridges.is_ok_and(|it| it.contains("up-eth1")) && pool.is_settled("h1")
    });
    let route = pool.on_host(1, "ip route get 10.255.0.1");
    assert!(
        route.contains("dev br-management src 10.255.1.1"),
        "{route}"
    );
    let lost = pinging.stop();
    println!("to a VLAN: {lost:?}");
    assert!(lost.time < SHORT, "{lost:?}");

    // Public gives its NIC up, and management takes it.
    pool.lay(&serde_json::json!({ "public": null }));
    pool.wait(public.set_access_vlan(vlan)).unwrap();
    pool.move_management("h1", Some("eth2"), None, 30);
    eventually("management is on eth2", PATIENCE, || {
        let ports = pool.wait(
            pool.host(1)
                .vswitch()
                .ovs_vsctl(&["list-ports", "br-management"]),
        );
        ports.is_ok_and(|it| it.contains("eth2")) && pool.is_settled("h1")
    });
    assert!(from.reaches(&to));
}

#[test]
fn a_move_to_a_wrong_vlan_a_wrong_nic_or_a_wrong_address_is_taken_back() {
    let (pool, instances) = scene();
    comes_back(&pool, &instances, Some("eth1/vlan4000"), None);
    give_up(&pool);
    pool.lay(&serde_json::json!({ "public": null }));
    comes_back(&pool, &instances, Some("eth2"), None);
    give_up(&pool);
    comes_back(&pool, &instances, None, Some("10.254.7.7/24"));
    give_up(&pool);
}

/// Whether host 1 has a change on trial, or being taken back.
fn is_trying(pool: &Pool) -> bool {
    let folder = pool.host(1).agent_directory().join("uplinks");
    let mut entries = std::fs::read_dir(folder).unwrap().flatten();
    entries.any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("trial-") || name.starts_with("reverting-")
    })
}

#[test]
fn a_host_whose_agent_was_killed_half_way_comes_back_at_the_deadline() {
    let (pool, [from, to]) = scene();
    let before = state(&pool);
    let host = pool.host(1);
    let agent = host.agent().unwrap();
    let pinging = Pinging::start(&from.namespace, &to.address.to_string());
    // Somewhere between the journal and the last address.
    for milliseconds in [0, 20, 60, 200] {
        pool.move_management("h1", Some("eth1/vlan4000"), None, DEADLINE);
        let patience = Instant::now() + PATIENCE;
        while !is_trying(&pool) {
            assert!(Instant::now() < patience, "the trial never began");
        }
        std::thread::sleep(Duration::from_millis(milliseconds));
        pool.wait(agent.kill(Signal::SIGKILL)).unwrap();
        // Killed before its guard stood, it had changed nothing yet, and the journal stays for it.
        std::thread::sleep(Duration::from_secs(u64::from(DEADLINE) + 1));
        eventually("the host is as it was, without its agent", PATIENCE, || {
            state(&pool) == before
        });
        let line = ["ping", "-c1", "-W2", "10.255.1.1"];
        let controller = super::controller(&pool);
        pool.wait(lab::namespace::run_in(&controller, &line))
            .unwrap();

        // An agent that starts later knows what happened, and does not try again.
        pool.wait(agent.start()).unwrap();
        eventually("the host says what happened", PATIENCE, || {
            pool.management_path("h1") == "reverted"
        });
        assert_eq!(state(&pool), before);
        give_up(&pool);
    }
    let lost = pinging.stop();
    assert!(lost.time < SHORT, "{lost:?}");
}

#[test]
fn an_agent_that_was_killed_and_starts_again_ends_the_trial_it_finds() {
    let (pool, _) = scene();
    let before = state(&pool);
    let host = pool.host(1);
    pool.move_management("h1", Some("eth1/vlan4000"), None, DEADLINE);
    std::thread::sleep(Duration::from_millis(1500));
    let agent = host.agent().unwrap();
    pool.wait(agent.kill(Signal::SIGKILL)).unwrap();
    pool.wait(agent.start()).unwrap();
    eventually("the host took the move back", PATIENCE, || {
        pool.management_path("h1") == "reverted" && state(&pool) == before
    });
}

/// The journal of the change that host 1 tries.
fn journal(pool: &Pool) -> PathBuf {
    let folder = pool.host(1).agent_directory().join("uplinks");
    let mut found = None;
    eventually("the trial begins", PATIENCE, || {
        let entries = std::fs::read_dir(&folder).unwrap().flatten();
        let mut paths = entries.map(|entry| entry.path());
        found = paths.find(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.starts_with("trial-") && name.ends_with(".json")
        });
        found.is_some()
    });
    found.unwrap()
}

/// The guard of the change that host 1 tries, by its command line.
fn guard(journal: &Path) -> Pid {
    let name = journal.file_stem().unwrap().to_string_lossy().into_owned();
    let id = name.trim_start_matches("trial-").to_owned();
    let of_guard = |entry: &std::fs::DirEntry| {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        line.contains("revert") && line.contains(&id)
    };
    let mut processes = std::fs::read_dir("/proc").unwrap().flatten();
    let guard = processes.find(of_guard).unwrap().file_name();
    Pid::from_raw(guard.to_string_lossy().parse().unwrap())
}

#[test]
fn a_trial_whose_journal_cannot_be_read_is_taken_back_with_and_without_its_guard() {
    let (pool, _) = scene();
    let before = state(&pool);
    let host = pool.host(1);
    let agent = host.agent().unwrap();
    for guarded in [Guarded::Yes, Guarded::No] {
        pool.move_management("h1", Some("eth1/vlan4000"), None, DEADLINE);
        let journal = journal(&pool);
        eventually("the bridges are changed", PATIENCE, || {
            state(&pool) != before
        });
        pool.wait(agent.kill(Signal::SIGKILL)).unwrap();
        if guarded == Guarded::No {
            nix::sys::signal::kill(guard(&journal), nix::sys::signal::Signal::SIGKILL).unwrap();
        }
        std::fs::write(&journal, "{").unwrap();
        pool.wait(agent.start()).unwrap();
        eventually("the host took the move back", PATIENCE, || {
            pool.management_path("h1") == "reverted" && state(&pool) == before
        });
        give_up(&pool);
    }
}

/// Whether a trial has its guard.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Guarded {
    Yes,
    No,
}

#[test]
fn a_nic_is_behind_the_shield_by_what_is_in_force_whatever_was_asked_for() {
    let (pool, _) = scene();
    let group = |nic: &str| {
        let link = pool.on_host(1, &format!("ip -j link show {nic}"));
        let link: serde_json::Value = serde_json::from_str(&link).unwrap();
        link[0]["group"].as_str().unwrap().to_owned()
    };
    let shielded = group("eth1");
    assert_ne!(shielded, "default");
    pool.move_management("h1", Some("eth1/vlan4000"), None, DEADLINE);
    // Asked for is that the host itself speaks on it; in force it is not, before, meanwhile and after.
    eventually("the host took the move back", PATIENCE, || {
        assert_eq!(group("eth1"), shielded);
        pool.management_path("h1") == "reverted"
    });
    // Whoever looked at the plan instead would have come by meanwhile.
    let until = Instant::now() + Duration::from_secs(8);
    while Instant::now() < until {
        assert_eq!(group("eth1"), shielded);
        std::thread::sleep(Duration::from_millis(100));
    }
    give_up(&pool);
    pool.lay(&serde_json::json!({ "public": null }));
    eventually("a NIC without a role is the host's", PATIENCE, || {
        group("eth2") == "default"
    });
}
