//! Caps on real switches: who moved too much is warned, then held back, and nobody else is; whatever dies
//! meanwhile.

use lab::Signal;
use serde_json::Value;
use tests::tenants::TwoTenants;
use tests::truth::{ByPort, Moved};
use tests::{Instance, Pool, eventually};

use crate::limits::{MANY, most, send_many, to};
use crate::{PATIENCE, billing::billed_exactly, two_tenants};

/// What each message of such events says, oldest first.
fn events(pool: &Pool, kind: &str) -> Vec<String> {
    let events = pool.json(&format!("event-list kind={kind}"));
    let events = events.as_array().unwrap().iter();
    let messages = events.map(|it| it["message"].as_str().unwrap().to_owned());
    messages.collect()
}

fn wait_for(pool: &Pool, kind: &str, count: usize) {
    eventually(kind, PATIENCE, || events(pool, kind).len() == count);
}

/// Waits until every host has realized its plan.
fn settle(pool: &Pool) {
    eventually("every host has realized its plan", PATIENCE, || {
        let hosts = pool.json("host-list");
        let hosts = hosts.as_array().unwrap();
        let well = |it: &Value| {
            it["status"]["connected"] == true && it["status"]["realized"] == it["status"]["planned"]
        };
        hosts.iter().all(well)
    });
}

fn standing(pool: &Pool, cap: &str) -> String {
    let shown = pool.json(&format!("cap-show {cap}"));
    shown["standing"].as_str().unwrap().to_owned()
}

fn cap_set(pool: &Pool, line: &str) -> String {
    let made = pool.json(&format!("cap-set {line}"));
    made["id"].as_str().unwrap().to_owned()
}

/// The keeper of caps and of the ledger.
fn kill_controller(pool: &Pool) {
    let controller = pool.lab().controller().unwrap();
    pool.wait(controller.process().kill(Signal::SIGKILL))
        .unwrap();
    pool.wait(controller.process().start()).unwrap();
}

/// Whether it gets no more than a megabit a second through, and something.
fn is_throttled(from: &Instance, receiver: &Instance) -> bool {
    let frame = to(receiver, from);
    let bits = u64::try_from(frame.len() * 8).unwrap();
    let (arrived, took) = send_many(from, &frame, receiver);
    let allowed = most(1_000_000 / bits, 600_000 / bits, took);
    assert!(arrived > 10, "{arrived} in {took:?}");
    arrived <= allowed && arrived < MANY * 2 / 3
}

#[test]
fn a_tenant_past_its_cap_is_warned_and_throttled_and_its_neighbour_is_not() {
    let TwoTenants { pool, tenants } = two_tenants(2);
    let [[one, two], [other, another]] = tenants.each_ref().map(|it| &it.instances);
    let cap = cap_set(
        &pool,
        "tenant=acme way=sent bytes=6M warn=50,90 then=throttle rate=1M",
    );

    assert_eq!(one.tcp_send(two, 4_000_000), 4_000_000);
    wait_for(&pool, "cap-warned", 1);
    assert!(events(&pool, "cap-warned")[0].contains("50% of the all cap"));
    assert_eq!(standing(&pool, &cap), "below");
    assert_eq!(other.tcp_send(another, 8_000_000), 8_000_000);
    assert_eq!(one.tcp_send(two, 4_000_000), 4_000_000);
    wait_for(&pool, "cap-reached", 1);
    assert!(events(&pool, "cap-reached")[0].contains("tenant acme is reached"));
    assert_eq!(standing(&pool, &cap), "reached");
    settle(&pool);
    assert!(is_throttled(one, two), "the tenant is not held back");
    assert!(is_throttled(two, one), "nor is its other VIF");
    assert!(!is_throttled(other, another), "its neighbour is");

    // Whatever dies, it stays, and nothing is said again.
    let kinds = ["cap-warned", "cap-reached", "cap-lifted"];
    let said = || kinds.map(|kind| events(&pool, kind));
    let before = said();
    kill_controller(&pool);
    settle(&pool);
    let shown = || pool.json(&format!("cap-show {cap}"));
    eventually("somebody looks again", PATIENCE, || {
        !shown()["status"]["used_bytes"].is_null()
    });
    assert_eq!(standing(&pool, &cap), "reached");
    assert!(is_throttled(one, two), "a killed controller lifted the cap");
    assert_eq!(said(), before, "something was said again");

    pool.must(&format!("cap-lift {cap}"));
    wait_for(&pool, "cap-lifted", 1);
    assert!(events(&pool, "cap-lifted")[0].starts_with("admin lifted"));
    settle(&pool);
    assert!(!is_throttled(one, two), "it is lifted");
    assert_eq!(standing(&pool, &cap), "lifted");
}

/// What a port moved, as it is billed.
fn billed(pool: &Pool, vif: &Instance) -> Moved {
    let billed = billed_exactly(pool, 2, &ByPort::new());
    billed.get(&vif.port_id).copied().unwrap_or_default()
}

#[test]
fn a_vif_past_its_cap_stands_still_and_no_other_does_whatever_is_killed() {
    let TwoTenants { pool, tenants } = two_tenants(2);
    let [[one, two], [other, another]] = tenants.each_ref().map(|it| &it.instances);
    let third = pool.vm_start("third", "acme", "web", "h1");
    let vif = format!("vif={} class=tenant-internal", one.port_id);
    let cap = cap_set(&pool, &format!("{vif} bytes=2M warn= then=suspend"));
    assert_eq!(two.tcp_send(&third, 3_000_000), 3_000_000);
    assert!(one.reaches(two));
    assert_eq!(one.tcp_send(two, 3_000_000), 3_000_000);
    wait_for(&pool, "cap-reached", 1);
    settle(&pool);
    let stands_still = || {
        assert!(!one.reaches(two) && !two.reaches(one), "it still moves");
        assert!(two.reaches(&third), "a VIF beside it does not");
        assert!(other.reaches(another), "another tenant's does not");
    };
    stands_still();
    let before = billed(&pool, one);
    one.send_frames(&vec![to(two, one); 500]);
    two.send_frames(&vec![to(one, two); 500]);

    // The keeper of caps and of the ledger, and both agents.
    kill_controller(&pool);
    for host in [1, 2] {
        let host = pool.host(host);
        let agent = host.agent().unwrap();
        pool.wait(agent.kill(Signal::SIGKILL)).unwrap();
        pool.wait(agent.start()).unwrap();
    }
    settle(&pool);
    stands_still();
    assert_eq!(standing(&pool, &cap), "reached");
    assert_eq!(events(&pool, "cap-reached").len(), 1, "said again");
    assert_eq!(billed(&pool, one), before, "what did not pass is billed");

    // More than was moved: it is lifted at once, and what moves now counts on.
    assert_eq!(cap_set(&pool, &format!("{vif} bytes=1G then=suspend")), cap);
    wait_for(&pool, "cap-lifted", 1);
    settle(&pool);
    eventually("it moves again", PATIENCE, || one.reaches(two));
    assert_eq!(one.tcp_send(two, 100_000), 100_000);
    assert!(billed(&pool, one).sent_bytes > before.sent_bytes + 100_000);

    // Reached once more, and taken away.
    cap_set(&pool, &format!("{vif} bytes=2M then=suspend"));
    wait_for(&pool, "cap-reached", 2);
    settle(&pool);
    stands_still();
    pool.must(&format!("cap-remove {cap}"));
    settle(&pool);
    eventually("it moves again", PATIENCE, || one.reaches(two));
    wait_for(&pool, "cap-lifted", 2);
}

#[test]
fn caps_that_cannot_be_say_why_and_name_everything_that_is_wrong() {
    let pool = Pool::up(&tests::PoolSpec::real(1));
    pool.must("tenant-create name=acme");
    pool.must("tenant-create name=globex");
    pool.must("physical-network-create name=private role=private nic=eth1 vlans=100-199");
    pool.must("vlan-create tenant=acme name=lan subnet=10.0.0.0/24");
    pool.must("vif-create tenant=acme network=lan name=mine");
    for (line, said) in [
        ("bytes=1T then=suspend", "--tenant"),
        (
            "tenant=acme bytes=0 then=suspend",
            "a number of bytes from 1",
        ),
        ("tenant=acme bytes=1T warn=0 then=suspend", "from 1 to 100"),
        (
            "tenant=acme bytes=1T warn=50,101 then=suspend",
            "from 1 to 100",
        ),
        ("tenant=acme bytes=1T then=throttle", "without a rate"),
        ("tenant=acme bytes=1T then=suspend rate=1M", "has no rate"),
        ("tenant=acme bytes=1T then=slower", "throttle"),
        (
            "tenant=acme bytes=1T class=private then=suspend",
            "tenant-internal",
        ),
        ("tenant=acme bytes=1T way=up then=suspend", "received"),
        ("tenant=acme bytes=1T period=week then=suspend", "month"),
        (
            "tenant=globex vif=mine bytes=1T then=suspend",
            "there is no port mine of this tenant",
        ),
        (
            "tenant=nobody bytes=1T then=suspend",
            "there is no tenant nobody",
        ),
    ] {
        let complaint = pool.netctl(&format!("cap-set {line}")).unwrap_err();
        assert!(complaint.contains(said), "{line}: {complaint}");
    }
    assert_eq!(pool.json("cap-list"), serde_json::json!([]));
    let cap = cap_set(&pool, "vif=mine bytes=1T then=suspend period=day");
    let complaint = pool.netctl(&format!("cap-lift {cap}")).unwrap_err();
    assert!(complaint.contains("nothing to lift"), "{complaint}");
    // It goes with its VIF.
    pool.must("vif-delete mine");
    assert_eq!(pool.json("cap-list"), serde_json::json!([]));
}
