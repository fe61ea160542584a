//! The commands by which an operator says what carries a pool's networks, on real hosts: what is
//! shown, what is refused, what is waited for.

use std::time::Duration;

use serde_json::Value;
use tests::{Pool, PoolSpec};

/// What `netctl` complains of.
fn refused(pool: &Pool, line: &str) -> String {
    let done = pool.netctl(line);
    done.map_or_else(
        |complaint| complaint,
        |said| panic!("{line} was not refused: {said}"),
    )
}

/// A NIC of a host as `nic-list` has it.
fn nic(pool: &Pool, host: &str, name: &str) -> Value {
    let all = pool.json(&format!("nic-list host={host}"));
    let mut all = all.as_array().into_iter().flatten();
    let found = all.find(|nic| nic["name"] == name).cloned();
    found.unwrap_or_else(|| panic!("{host} has told of no {name}"))
}

/// The tenants' instances on both hosts reach each other.
fn assert_carried(pool: &Pool, network: &str) {
    let tenant = "acme";
    let vms =
        ["h1", "h2"].map(|host| pool.vm_start(&format!("{network}-{host}"), tenant, network, host));
    let [first, second] = &vms;
    tests::eventually("the instances reach each other", super::PATIENCE, || {
        first.ping(second.address, 1, Duration::from_millis(200)) == 1
    });
    for vm in &vms {
        pool.must(&format!("vm-stop {} tenant={tenant}", vm.name));
    }
}

#[test]
fn a_pool_is_set_up_by_one_command_and_again_it_changes_nothing() {
    let pool = Pool::up(&PoolSpec::real(2));
    let eth0 = nic(&pool, "h1", "eth0");
    assert_eq!(eth0["carrier"], true, "{eth0}");
    let addresses = eth0["addresses"].to_string();
    assert!(addresses.contains("10.255.1."), "{eth0}");
    assert_eq!(nic(&pool, "h2", "eth1")["used_by"], Value::Null);

    let line = "pool-setup private=eth1 public=eth2 private-vlans=100-199 \
                private-endpoints=10.254.0.0/16";
    let said = pool.must(line);
    assert!(
        said.contains("h1: done") && said.contains("h2: done"),
        "{said}"
    );
    let said = pool.must(line);
    assert!(said.contains("nothing to change"), "{said}");
    tests::eventually("the NICs are told to be in use", super::PATIENCE, || {
        nic(&pool, "h1", "eth1")["used_by"]["names"][0] == "private"
    });
    let shown = pool.must("pool-show");
    assert!(
        shown.contains("eth1") && shown.contains("public"),
        "{shown}"
    );

    pool.must("tenant-create acme");
    pool.must("vlan-create web tenant=acme subnet=10.0.0.0/24");
    pool.must("vxlan-create over tenant=acme subnet=10.1.0.0/24");
    assert_carried(&pool, "web");
    assert_carried(&pool, "over");
    let complaint = refused(
        &pool,
        "pool-setup private-endpoints=10.253.0.0/16 private-vlans=150",
    );
    assert!(complaint.contains("private.endpoints"), "{complaint}");
    assert!(complaint.contains("private.vlans"), "{complaint}");
    let complaint = refused(&pool, "pool-setup private=none");
    assert!(
        complaint.contains("still carries 2 networks"),
        "{complaint}"
    );
}

#[test]
fn nics_that_hosts_do_not_have_or_need_themselves_are_refused_with_their_names() {
    let pool = Pool::up(&PoolSpec::real(2));
    let before = pool.json("pool-show");
    let line = "pool-setup private=eth9 public=eth0 storage=eth1+eth8/lacp private-vlans=100-199";
    let complaint = refused(&pool, line);
    for expected in [
        "private.uplink: there is no NIC eth9 on h1, h2; expected one of ",
        "public.uplink: ",
        "management on the same one",
        "storage.uplink: there is no NIC eth8 on h1, h2",
    ] {
        assert!(complaint.contains(expected), "{expected}: {complaint}");
    }
    assert_eq!(
        pool.json("pool-show"),
        before,
        "a refused request changed something"
    );

    pool.must("pool-setup private=eth1 private-vlans=100-199");
    for (line, expected) in [
        (
            "nic-assign host=h1 nic=eth9 role=private",
            "there is no NIC eth9 on h1",
        ),
        ("nic-assign host=h1 nic=eth0 role=private", "eth0"),
        (
            "nic-assign host=h1 nic=eth2 vlan=150 role=private",
            "100-199",
        ),
        (
            "nic-assign host=h1 nic=eth2 role=storage",
            "no physical network for storage",
        ),
        (
            "bond-create host=h1 nics=eth2 mode=lacp role=private",
            "2 to 8",
        ),
        (
            "bond-create host=h9 nics=eth1,eth2 mode=lacp role=private",
            "no host h9",
        ),
        ("bond-delete host=h1 role=private", "no bond"),
        (
            "management-move host=h1 nic=eth2",
            "no physical network for management",
        ),
        ("pool-setup management=eth0 confirm-within=4s", "5 to 600"),
    ] {
        let complaint = refused(&pool, line);
        assert!(complaint.contains(expected), "{line}: {complaint}");
    }
}

#[test]
fn one_host_takes_another_nic_and_comes_back_while_others_stay_as_they_are() {
    let pool = Pool::up(&PoolSpec::real(2));
    pool.must("pool-setup private=eth1 private-vlans=100-199");
    let said = pool.must("nic-assign host=h2 nic=eth2 role=private");
    assert!(said.contains("h2: done") && !said.contains("h1"), "{said}");
    assert_eq!(nic(&pool, "h2", "eth2")["used_by"]["names"][0], "private");
    assert_eq!(nic(&pool, "h2", "eth1")["used_by"], Value::Null);
    assert_eq!(nic(&pool, "h1", "eth1")["used_by"]["names"][0], "private");
    let said = pool.must("bond-create host=h2 nics=eth1,eth2 mode=active-backup role=private");
    assert!(said.contains("h2: done"), "{said}");
    let bonded = nic(&pool, "h2", "eth1");
    assert!(bonded["used_by"]["bond"].is_string(), "{bonded}");
    let said = pool.must("bond-delete host=h2 role=private");
    assert!(said.contains("h2: done"), "{said}");
    assert_eq!(nic(&pool, "h2", "eth2")["used_by"], Value::Null);

    pool.must("tenant-create acme");
    pool.must("vlan-create web tenant=acme subnet=10.0.0.0/24");
    assert_carried(&pool, "web");
}

#[test]
fn a_management_move_is_waited_for_and_told_as_kept_or_as_taken_back() {
    let pool = Pool::up(&PoolSpec::real(2));
    let said = pool.must("pool-setup management=eth0 private=eth1 private-vlans=100-199");
    assert!(
        said.contains("h1: done") && said.contains("h2: done"),
        "{said}"
    );
    // Nothing that leads to the controller is behind this NIC.
    let complaint = refused(&pool, "management-move host=h1 nic=eth2 confirm-within=5s");
    assert!(complaint.contains("h1: reverted: "), "{complaint}");
    let shown = pool.must("pool-show");
    assert!(shown.contains("reverted: "), "{shown}");
    let events = pool.must("event-list kind=topology-reverted");
    assert!(events.contains("h1"), "{events}");
    // The same once more is tried once more, and the right one is kept.
    let complaint = refused(&pool, "management-move host=h1 nic=eth2 confirm-within=5s");
    assert!(complaint.contains("h1: reverted: "), "{complaint}");
    let said = pool.must("management-move host=h1 nic=eth0");
    assert!(said.contains("h1: done"), "{said}");
    pool.must("tenant-create acme");
    pool.must("vlan-create web tenant=acme subnet=10.0.0.0/24");
    assert_carried(&pool, "web");
}
