//! What somebody else does to the switch is healed at once where it is ours, and left alone where
//! it is not.

use std::time::Duration;

use tests::eventually;

use crate::{PATIENCE, two_tenants};

#[test]
fn our_flows_are_healed_and_an_operators_own_are_left_alone() {
    let scene = two_tenants(2);
    let host = scene.pool.host(1);
    let ofctl = |words: &[&str]| {
        let line: Vec<&str> = ["-O", "OpenFlow15"].iter().chain(words).copied().collect();
        let done = scene.pool.wait(host.vswitch().ovs_ofctl(&line));
        done.unwrap_or_else(|e| panic!("{words:?}: {e}"))
    };
    let before = scene.pool.flows(1);
    let cookie = before
        .iter()
        .filter_map(|flow| flow.split("cookie=").nth(1)?.split(',').next())
        .find(|cookie| !cookie.ends_with("00000000"))
        .unwrap_or_else(|| panic!("no flow of a network: {before:#?}"));

    // The operator's own, under another cookie.
    ofctl(&[
        "add-flow",
        "br-int",
        "cookie=0x77,table=200,priority=7,actions=drop",
    ]);
    // Somebody opens a hole under our cookie.
    let hole = format!("cookie={cookie},table=0,priority=60000,actions=NORMAL");
    ofctl(&["add-flow", "br-int", &hole]);
    let healed = || {
        let mut flows = scene.pool.flows(1);
        let own = flows.iter().position(|flow| flow.contains("cookie=0x77"));
        let own = own.map(|index| flows.remove(index));
        own.is_some() && flows == before
    };
    eventually("the hole is closed", PATIENCE, healed);
    // Somebody deletes what is ours: one network's flows, then all of a table.
    ofctl(&["del-flows", "br-int", &format!("cookie={cookie}/-1")]);
    eventually("the network's flows are back", PATIENCE, healed);
    ofctl(&["del-flows", "br-int", "table=1"]);
    eventually("the table is back", PATIENCE, healed);
    let [from, to] = &scene.tenants[0].instances;
    assert!(from.reaches(to));
}

#[test]
fn fail_mode_trunks_and_patch_ports_are_put_right() {
    let scene = two_tenants(2);
    let host = scene.pool.host(1);
    let vsctl = |line: &[&str]| {
        let text = scene.pool.wait(host.vswitch().ovs_vsctl(line));
        text.unwrap_or_else(|e| panic!("{line:?}: {e}"))
            .trim()
            .to_owned()
    };
    let ports = vsctl(&["list-ports", "br-private"]);
    let patch = ports
        .lines()
        .find(|port| *port != "eth1")
        .unwrap_or_default()
        .to_owned();
    let trunks = vsctl(&["get", "port", &patch, "trunks"]);

    vsctl(&["clear", "port", &patch, "trunks"]);
    eventually("the trunks are exact again", PATIENCE, || {
        vsctl(&["get", "port", &patch, "trunks"]) == trunks
    });
    vsctl(&["set", "bridge", "br-int", "fail_mode=standalone"]);
    eventually("br-int is secure again", PATIENCE, || {
        vsctl(&["get", "bridge", "br-int", "fail_mode"]) == "secure"
    });
    vsctl(&["del-port", &patch]);
    eventually("the patch is back", PATIENCE, || {
        vsctl(&["list-ports", "br-private"])
            .lines()
            .any(|port| port == patch)
    });
    let [from, to] = &scene.tenants[0].instances;
    eventually("they reach each other", PATIENCE, || {
        from.ping(to.address, 1, Duration::from_secs(1)) == 1
    });
}
