//! `--wait`: whoever returns from it finds the switches of all hosts as they should be.

use std::process::Command;
use std::time::Duration;

use lab::Signal;
use tests::{Instance, Pool, PoolSpec, programs};

/// Whether a single ping is answered.
fn at_once(from: &Instance, to: &Instance) -> bool {
    from.ping(to.address, 1, Duration::from_secs(1)) == 1
}

/// How `netctl` exits, what it prints, and what it complains of.
fn netctl(pool: &Pool, line: &str) -> (i32, String, String) {
    let output = Command::new(programs().join("netctl"))
        .args(line.split(' '))
        .env("NETCTL_LAB", pool.lab().directory())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let exit = output.status.code().unwrap();
    (exit, text(&output.stdout), text(&output.stderr))
}

/// Two instances of a tenant, each on a host of its own.
fn two_instances(pool: &Pool) -> [Instance; 2] {
    pool.must("physical-network-create name=private role=private nic=eth1 vlans=100-199 --wait");
    pool.must("tenant-create acme --wait");
    pool.must("vlan-create web tenant=acme subnet=10.0.0.0/24 --wait");
    ["h1", "h2"].map(|host| {
        let name = format!("on-{host}");
        pool.must(&format!(
            "vm-start {name} tenant=acme network=web host={host} --wait"
        ));
        pool.instance(&name, "acme", host)
    })
}

#[test]
fn whoever_waits_for_a_change_finds_it_in_the_packets_of_all_hosts() {
    let pool = Pool::up(&PoolSpec::real(2));
    let [one, two] = two_instances(&pool);
    assert!(at_once(&one, &two), "the first packet passes");
    pool.must("group-create shut tenant=acme --wait");
    for round in 0..4 {
        let (vif, of) = match round % 2 {
            0 => (&one.port_id, "sender"),
            _ => (&two.port_id, "receiver"),
        };
        pool.must(&format!("vif-set {vif} groups=shut --wait"));
        assert!(!at_once(&one, &two), "{round}: the {of} is shut");
        pool.must(&format!("vif-set {vif} groups=default --wait"));
        assert!(at_once(&one, &two), "{round}: the {of} is open");
    }
    let third = "vm-start third tenant=acme network=web host=h2 --wait";
    pool.must(third);
    let third = pool.instance("third", "acme", "h2");
    assert!(at_once(&one, &third), "another host knows of it at once");
}

#[test]
fn a_host_whose_agent_is_dead_is_named_and_waiting_ends_with_a_status_of_its_own() {
    let pool = Pool::up(&PoolSpec::real(2));
    let [one, two] = two_instances(&pool);
    let host = pool.host(2);
    let agent = host.agent().unwrap();
    pool.wait(agent.kill(Signal::SIGKILL)).unwrap();

    let line = "group-create open tenant=acme --minimal --wait --timeout 60";
    let (exit, made, said) = netctl(&pool, line);
    assert_eq!(exit, 0, "it touches no host: {said}");
    assert!(!made.trim().is_empty());
    let line = "group-allow default tenant=acme --minimal --wait --timeout 20";
    let (exit, made, said) = netctl(&pool, line);
    assert_eq!(exit, 8, "{said}");
    assert!(!made.trim().is_empty(), "what was made is printed");
    assert!(said.contains("on 1 of 2 hosts"), "{said}");
    assert!(said.contains("h2: its agent is not connected"), "{said}");
    assert!(!said.contains("h1:"), "{said}");
    assert!(at_once(&one, &two), "the switch of the dead agent goes on");

    let newest = pool.json("history limit=1")[0]["revision"].to_string();
    let shown = pool.json(&format!("change-show {newest}"));
    assert_eq!(shown["state"], "waiting");
    let states = shown["hosts"].as_array().unwrap().iter();
    let states: Vec<_> = states.map(|it| it["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["realized", "waiting"]);
    pool.wait(agent.start()).unwrap();
    pool.must(&format!("change-wait {newest} timeout=90"));
}
