//! The fabric between hosts: whether the two ends of a tunnel hear each other is told at once.

use lab::{Signal, SwitchPort};
use serde_json::Value;
use tests::tenants::TwoTenants;
use tests::{Pool, PoolSpec, eventually};

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
    let scene = TwoTenants::set_on(pool, ["vxlan", "geneve"], |_| {});
    let pool = &scene.pool;
    // h3 shares an overlay with nobody yet.
    eventually("four tunnel ends are up", PATIENCE, || {
        tunnels(pool, "up").len() == 4
    });
    assert_eq!(tunnels(pool, "down"), Vec::<Value>::new());
    pool.vm_start("acme-3", "acme", "web", "h3");
    eventually("those of the third host are up", PATIENCE, || {
        tunnels(pool, "up").len() == 8
    });
    they_are_asked_often_enough(pool);

    let cable = private_port(pool, 3);
    pool.wait(cable.cut()).unwrap();
    eventually("both ends of both tunnels to h3 are down", PATIENCE, || {
        tunnels(pool, "down").len() == 4
    });
    for host in ["h1", "h2"] {
        let [message] = told(pool, "tunnel-down", host).try_into().unwrap();
        // Which endpoint h3 has depends on which host was first.
        assert!(
            message.starts_with("the vxlan tunnel to h3 (10.254.0."),
            "{message}"
        );
        assert!(message.contains(") is down"), "{message}");
    }
    // The others hear each other as before.
    assert_eq!(tunnels(pool, "up").len(), 4);
    pool.wait(cable.mend()).unwrap();
    eventually("all are up again", PATIENCE, || {
        tunnels(pool, "up").len() == 8
    });
    assert_eq!(told(pool, "tunnel-up", "h3").len(), 2);

    let host = pool.host(1);
    pool.wait(host.agent().unwrap().kill(Signal::SIGKILL))
        .unwrap();
    pool.wait(host.agent().unwrap().start()).unwrap();
    eventually("the agent is back", PATIENCE, || {
        told(pool, "host-connected", "h1").len() == 2
    });
    for host in ["h1", "h2", "h3"] {
        let told = told(pool, "tunnel-down", host).len();
        assert_eq!(told, if host == "h3" { 2 } else { 1 }, "of {host}");
    }
    assert_eq!(tunnels(pool, "up").len(), 8);
    they_go_with_the_last_shared_network(pool);
}

/// As the two switches agreed: three signs of life that fail to come take less than a second.
fn they_are_asked_often_enough(pool: &Pool) {
    let host = pool.host(1);
    let shown = pool.wait(host.vswitch().ovs_appctl(&["bfd/show", "vxlan-0afe0003"]));
    let shown = shown.unwrap();
    let number = |name: &str| -> u64 {
        let line = shown.lines().find(|line| line.trim().starts_with(name));
        let digits = line.unwrap_or_else(|| panic!("no {name} in {shown}"));
        let digits: String = digits.chars().filter(char::is_ascii_digit).collect();
        digits.parse().unwrap()
    };
    let milliseconds = number("Detect Multiplier") * number("RX Interval");
    assert!(milliseconds < 1_000, "{shown}");
}

fn they_go_with_the_last_shared_network(pool: &Pool) {
    pool.must("vm-stop acme-3 tenant=acme");
    eventually("no tunnel leads to h3", PATIENCE, || {
        tunnels(pool, "up").len() == 4 && tunnels(pool, "down").is_empty()
    });
    let ports = pool.wait(pool.host(3).vswitch().ovs_vsctl(&["list-ports", "br-int"]));
    assert!(!ports.unwrap().contains("vxlan"), "a port was left behind");
}
