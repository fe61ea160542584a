//! Events as they happen, over whatever dies.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use lab::Signal;
use tests::watching::Watching;
use tests::{Pool, PoolSpec, eventually};

use crate::PATIENCE;

#[test]
fn what_becomes_of_ports_plans_and_hosts_is_told_as_it_happens() {
    let pool = Pool::up(&PoolSpec::real(1));
    let watching = Watching::start(&pool);
    pool.must("physical-network-create name=private role=private nic=eth1 vlans=100-199");
    pool.must("tenant-create acme");
    pool.must("vlan-create web tenant=acme subnet=10.0.0.0/24");
    pool.must("vm-start web1 tenant=acme network=web host=h1");
    for (kind, words) in [
        ("controller-started", ""),
        ("host-connected", ""),
        ("object-created", "tenant acme created"),
        ("object-created", "network web created"),
        ("object-created", "instance web1 created"),
        ("port-active", "is active"),
        ("plan-realized", "is realized"),
    ] {
        eventually(&format!("{kind} {words}"), PATIENCE, || {
            watching.has(kind, words)
        });
    }
    let acme = pool.json("tenant-show acme")["id"].clone();
    let of_port = watching
        .seen()
        .into_iter()
        .find(|it| it["kind"] == "port-active");
    assert_eq!(of_port.unwrap()["tenant_id"], acme);

    pool.must("vm-stop web1");
    eventually("the port is dark", PATIENCE, || {
        watching.has("port-dark", "is dark")
    });
    let host = pool.host(1);
    let agent = host.agent().unwrap();
    pool.wait(agent.kill(Signal::SIGKILL)).unwrap();
    eventually("the host is lost", PATIENCE, || {
        watching.has("host-lost", "")
    });
    let connected = || {
        let seen = watching.seen();
        seen.iter()
            .filter(|it| it["kind"] == "host-connected")
            .count()
    };
    let before = connected();
    pool.wait(agent.start()).unwrap();
    eventually("the host is back", PATIENCE, || connected() > before);
}

#[test]
fn whoever_watches_misses_no_change_when_the_controller_is_killed() {
    let pool = Pool::up(&PoolSpec::real(1));
    let watching = Watching::start(&pool);
    let controller = pool.lab().controller().unwrap();
    let mut made = BTreeSet::new();
    for round in 0..3 {
        for number in 0..10 {
            let name = format!("t{round}{number}");
            pool.must(&format!("tenant-create {name}"));
            made.insert(format!("tenant {name} created"));
        }
        let killed = controller.process().kill(Signal::SIGKILL);
        pool.wait(killed).unwrap();
        thread::sleep(Duration::from_secs(1));
        pool.wait(controller.process().start()).unwrap();
    }
    pool.must("tenant-create last");
    made.insert("tenant last created".to_owned());
    eventually("the last change is told", PATIENCE, || {
        watching.has("object-created", "tenant last created")
    });
    let seen = watching.seen();
    let told = seen.iter().filter(|it| it["noun"] == "tenant");
    let told: Vec<String> = told
        .map(|it| it["message"].as_str().unwrap().into())
        .collect();
    assert_eq!(told.len(), made.len(), "told once each");
    assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), made);
    let ids: Vec<u64> = seen.iter().map(|it| it["id"].as_u64().unwrap()).collect();
    assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");
    let starts = seen.iter().filter(|it| it["kind"] == "controller-started");
    assert_eq!(starts.count(), 4);
}
