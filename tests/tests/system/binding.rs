//! A VIF is bound where it appears, whoever plugged it; an unknown one stays dark.

use tests::{Pool, PoolSpec, eventually};

use crate::PATIENCE;

fn pool_with_a_network(hosts: usize) -> Pool {
    let pool = Pool::up(&PoolSpec::real(hosts));
    pool.must("physical-network-create name=private role=private nic=eth1 vlans=100-199");
    pool.must("tenant-create name=acme");
    pool.must("vlan-create tenant=acme name=web subnet=10.0.0.0/24");
    pool
}

fn wait_active(pool: &Pool, name: &str) {
    eventually("the port is active", PATIENCE, || {
        pool.json(&format!("vif-show {name} tenant=acme"))["status"]["state"] == "active"
    });
}

#[test]
fn a_port_is_bound_on_whichever_host_its_interface_appears() {
    let pool = pool_with_a_network(2);
    let mut plugs = Vec::new();
    for (host, name) in [(1, "one"), (2, "two")] {
        let port = pool.json(&format!("vif-create tenant=acme network=web name={name}"));
        assert!(
            port["host_id"].is_null(),
            "nobody knows yet where it will be"
        );
        plugs.push(pool.plug(host, &port, name));
        wait_active(&pool, name);
    }
    assert!(plugs[0].instance.reaches(&plugs[1].instance));
    assert!(plugs[1].instance.reaches(&plugs[0].instance));

    // It moves: unplugged here, plugged in there.
    pool.unplug(&plugs[1]);
    let port = pool.json("vif-show two tenant=acme");
    let moved = pool.plug(1, &port, "three");
    eventually("the port is bound to its new host", PATIENCE, || {
        let host = pool.json("host-show h1")["id"].clone();
        let port = pool.json("vif-show two tenant=acme");
        port["host_id"] == host && port["status"]["state"] == "active"
    });
    assert!(plugs[0].instance.reaches(&moved.instance));
}

#[test]
fn an_interface_nobody_vouched_for_stays_dark_and_is_reported() {
    let pool = pool_with_a_network(2);
    let known = pool.json("vif-create tenant=acme network=web name=known");
    let known = pool.plug(1, &known, "known");
    wait_active(&pool, "known");
    let mut stranger = pool.json("vif-create tenant=acme network=web name=stranger");
    pool.must("vif-delete stranger tenant=acme");
    let stranger_id = "00000000-0000-4000-8000-000000000bad";
    stranger["id"] = stranger_id.into();
    let stranger = pool.plug(1, &stranger, "stranger");
    eventually("the stranger is reported", PATIENCE, || {
        let events = pool.json("event-list").to_string();
        events.contains("unknown-vif") && events.contains(stranger_id)
    });
    assert!(!stranger.instance.reaches(&known.instance));
    assert!(!known.instance.reaches(&stranger.instance));
}

#[test]
fn a_port_that_is_active_on_one_host_cannot_be_taken_by_another() {
    let pool = pool_with_a_network(2);
    let port = pool.json("vif-create tenant=acme network=web name=mine");
    let peer = pool.json("vif-create tenant=acme network=web name=peer");
    let mine = pool.plug(1, &port, "mine");
    let peer = pool.plug(1, &peer, "peer");
    wait_active(&pool, "mine");
    wait_active(&pool, "peer");
    let thief = pool.plug(2, &port, "thief");
    eventually("the conflict is reported", PATIENCE, || {
        pool.json("event-list")
            .to_string()
            .contains("port-conflict")
    });
    assert!(mine.instance.reaches(&peer.instance));
    assert!(!thief.instance.reaches(&peer.instance));
}
