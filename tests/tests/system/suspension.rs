//! A suspended tenant on real switches: dark on every host whatever dies meanwhile, and nobody else is.

use lab::Signal;
use serde_json::{Value, json};
use tests::conversation::Conversation;
use tests::tenants::TwoTenants;
use tests::{Instance, LoneController, Pool, eventually, frame};

use crate::limits::{send_many, to};
use crate::{PATIENCE, two_tenants};

fn settle(pool: &Pool) {
    eventually("every host has realized its plan", PATIENCE, || {
        let hosts = pool.json("host-list");
        let well = |it: &Value| {
            it["status"]["connected"] == true && it["status"]["realized"] == it["status"]["planned"]
        };
        hosts.as_array().unwrap().iter().all(well)
    });
}

fn kill_everything_of_ours(pool: &Pool) {
    let controller = pool.lab().controller().unwrap();
    let process = controller.process();
    pool.wait(process.kill(Signal::SIGKILL)).unwrap();
    for host in [1, 2] {
        let host = pool.host(host);
        let agent = host.agent().unwrap();
        pool.wait(agent.kill(Signal::SIGKILL)).unwrap();
        pool.wait(agent.start()).unwrap();
    }
    pool.wait(process.start()).unwrap();
    settle(pool);
}

fn told(pool: &Pool, kind: &str) -> Vec<String> {
    let events = pool.json(&format!("event-list kind={kind}"));
    let events = events.as_array().unwrap().iter();
    let messages = events.map(|it| it["message"].as_str().unwrap().to_owned());
    messages.collect()
}

/// Not one frame gets from one to the other, nor a broadcast.
fn assert_dark(one: &Instance, two: &Instance) {
    for (from, at) in [(one, two), (two, one)] {
        assert!(!from.reaches(at), "it still reaches");
        let (arrived, _) = send_many(from, &to(at, from), at);
        assert_eq!(arrived, 0, "frames got through");
        let everybody = (frame::BROADCAST, std::net::Ipv4Addr::BROADCAST);
        let to_all = frame::udp((from.mac, from.address), everybody, "BULKHEAD limited");
        let (arrived, _) = send_many(from, &to_all, at);
        assert_eq!(arrived, 0, "broadcasts got through");
    }
}

#[test]
fn a_suspended_tenant_is_dark_on_every_host_whatever_is_killed_and_resumes_as_it_was() {
    let TwoTenants { pool, tenants } = two_tenants(2);
    let [[one, two], [other, another]] = tenants.each_ref().map(|it| &it.instances);
    let beside = pool.vm_start("beside", "acme", "web", "h1");
    eventually("it is there", PATIENCE, || one.reaches(&beside));
    let before = (pool.flows(1), pool.flows(2));
    let mut far = Conversation::begin(one, two);
    let mut near = Conversation::begin(one, &beside);
    let mut neighbours = Conversation::begin(other, another);
    assert!(far.is_heard() && near.is_heard() && neighbours.is_heard());

    pool.netctl_words(&["tenant-suspend", "acme", "reason=not paid since May"])
        .unwrap();
    settle(&pool);
    assert!(!far.is_heard() && !near.is_heard(), "a connection goes on");
    assert!(neighbours.is_heard(), "a neighbour's does not");
    assert_dark(one, two);
    assert_dark(one, &beside);
    assert!(other.reaches(another) && another.reaches(other));
    let shown = pool.json("tenant-show acme");
    assert_eq!(shown["state"], "suspended");
    assert_eq!(shown["reason"], "not paid since May");
    assert!(told(&pool, "tenant-suspended")[0].ends_with("acme: not paid since May"));

    kill_everything_of_ours(&pool);
    assert_dark(one, two);
    assert!(!far.is_heard() && !near.is_heard(), "a restart lit it");
    assert!(neighbours.is_heard() && other.reaches(another));
    // What is plugged in meanwhile is dark, too.
    let late = pool.vm_start("late", "acme", "web", "h2");
    settle(&pool);
    assert!(!late.reaches(two) && !two.reaches(&late));

    pool.must("vm-undefine late tenant=acme");
    pool.must("tenant-resume acme");
    assert_eq!(told(&pool, "tenant-resumed").len(), 1);
    eventually("it is back", PATIENCE, || {
        one.reaches(two) && two.reaches(one) && beside.reaches(two)
    });
    eventually("its connections go on", PATIENCE, || {
        far.is_heard() && near.is_heard()
    });
    assert!(neighbours.is_heard());
    settle(&pool);
    assert_eq!((pool.flows(1), pool.flows(2)), before, "something is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tokens_of_a_suspended_tenant_read_and_change_nothing() {
    let mut controller = LoneController::start();
    let rest = controller.rest();
    let uplink =
        json!({"name": "private", "role": "private", "uplink": "eth1", "vlans": "100-199"});
    rest.create("physical-networks", uplink).await;
    let mut tenants = Vec::new();
    for name in ["acme", "globex"] {
        let tenant = rest.create("tenants", json!({"name": name})).await;
        let id = tenant["id"].as_str().unwrap().to_owned();
        let asked = json!({"name": "ci", "role": "tenant-admin", "tenant_id": id});
        let token = rest.create("tokens", asked).await;
        let secret = token["secret"].as_str().unwrap().to_owned();
        tenants.push((id, secret));
    }
    let [(acme, secret), (globex, others)] = &tenants[..] else {
        panic!("two tenants");
    };
    let lan = |tenant: &str| json!({"tenant_id": tenant, "name": "lan", "kind": "vlan"});
    let suspend = json!({"state": "suspended", "reason": "not paid"});
    let path = format!("tenants/{acme}");
    assert_eq!(rest.patch(&path, &suspend).await.0, 200);

    controller.crash_and_restart();
    let rest = controller.rest();
    let (own, other) = (rest.bearing(secret), rest.bearing(others));
    let (status, problem) = own.post("networks", &lan(acme)).await;
    assert_eq!(
        (status, &problem["code"]),
        (403, &json!("tenant_suspended"))
    );
    assert!(problem["detail"].as_str().unwrap().contains("not paid"));
    assert_eq!(own.get("networks").await.0, 200, "it reads");
    assert_eq!(own.get(&path).await.1["state"], "suspended");
    assert_eq!(own.patch(&path, &json!({"state": "active"})).await.0, 403);
    assert_eq!(other.post("networks", &lan(globex)).await.0, 201);
    assert_eq!(rest.patch(&path, &json!({"state": "active"})).await.0, 200);
    assert_eq!(own.post("networks", &lan(acme)).await.0, 201);
    let idle = json!({"state": "active", "reason": "none"});
    assert_eq!(rest.patch(&path, &idle).await.0, 422);
}
