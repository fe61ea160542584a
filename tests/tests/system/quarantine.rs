//! Addresses of what may still run on a host that nobody reaches: nobody else gets them.

use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;
use tests::{Pool, PoolSpec, eventually};

use crate::PATIENCE;

#[test]
fn nobody_gets_an_address_while_whoever_had_it_may_still_use_it() {
    let pool = Pool::up(&PoolSpec::real(2));
    pool.must("physical-network-create name=private role=private nic=eth1 vlans=100-199");
    pool.must("tenant-create name=acme");
    pool.must("vlan-create tenant=acme name=web subnet=10.0.0.0/29");
    pool.admit_everybody("acme");
    let peer = pool.vm_start("peer", "acme", "web", "h1");
    let old = pool.vm_start("old", "acme", "web", "h2");
    assert!(peer.reaches(&old));

    // The host is cut off from its controller and from nothing else, and its instance is given up.
    let agent = pool.host(2).agent().unwrap().clone();
    pool.wait(agent.kill(Signal::SIGKILL)).unwrap();
    eventually("the host is lost", PATIENCE, || {
        pool.json("host-show h2")["status"]["connected"] == false
    });
    pool.must("vm-stop old tenant=acme");
    // It is there still, with its address: whoever else had that would share it.
    let own = (0..5).any(|_| old.ping(old.address, 1, Duration::from_secs(1)) == 1);
    assert!(own, "the old instance is gone already");
    let asked = format!("vif-create tenant=acme network=web address={}", old.address);
    let refused = pool.netctl(&asked).unwrap_err();
    assert!(refused.contains("h2 has not said yet"), "{refused}");
    // There are five addresses for VIFs; two are taken, as it were.
    for _ in 0..3 {
        let other = pool.json("vif-create tenant=acme network=web");
        assert_ne!(other["addresses"][0], old.address.to_string());
    }
    assert!(pool.netctl("vif-create tenant=acme network=web").is_err());

    // The controller forgets it as little.
    let controller = pool.lab().controller().unwrap();
    pool.wait(controller.process().kill(Signal::SIGKILL))
        .unwrap();
    pool.wait(controller.process().start()).unwrap();
    assert!(pool.netctl(&asked).is_err());
    let kept = pool.json("ip-list tenant=acme");
    let kept: Vec<&Value> = kept.as_array().unwrap().iter().collect();
    assert_eq!(
        kept[0]["quarantine"]["host_id"],
        pool.json("host-show h2")["id"]
    );

    // The host is back, ends what is not wanted, and says so.
    pool.wait(agent.start()).unwrap();
    eventually("the address is free", PATIENCE, || {
        pool.netctl(&asked).is_ok()
    });
    assert_eq!(pool.json("ip-list tenant=acme"), serde_json::json!([]));
}

#[test]
fn a_scheduler_is_told_of_hosts_where_a_vif_would_work() {
    let pool = Pool::up(&PoolSpec::real(2));
    pool.must("physical-network-create name=private role=private nic=eth1 vlans=100-199");
    pool.must("tenant-create name=acme");
    pool.must("vlan-create tenant=acme name=web subnet=10.0.0.0/24");
    for host in ["h1", "h2"] {
        pool.must(&format!("vif-create tenant=acme network=web host={host}"));
    }
    let fitting = |words: &str| {
        let hosts = pool.json(&format!("host-list fits=web tenant=acme {words}"));
        let hosts = hosts.as_array().unwrap().clone();
        let names = hosts
            .iter()
            .map(|it| it["name"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert!(fitting("").is_empty(), "nothing was checked");
    pool.must("fabric-check");
    eventually("both have passed", PATIENCE, || fitting("") == ["h1", "h2"]);
    // Nobody knows the speed of links that are software.
    assert_eq!(fitting("bandwidth=1G"), ["h1", "h2"]);
    let agent = pool.host(2).agent().unwrap().clone();
    pool.wait(agent.stop()).unwrap();
    eventually("one is lost", PATIENCE, || fitting("") == ["h1"]);
    let refused = pool.netctl("host-list bandwidth=1G").unwrap_err();
    assert!(refused.contains("fits"), "{refused}");
    let refused = pool.netctl("host-list fits=nowhere").unwrap_err();
    assert!(refused.contains("there is no network nowhere"), "{refused}");
}
