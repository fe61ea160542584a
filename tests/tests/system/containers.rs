//! Containers that runtimes plug in by CNI, called as they call it, and those of a real LXC.

mod edges;
mod families;
mod lxc;
mod podman;

use serde_json::{Value, json};
use tests::containers::{Container, call};
use tests::{Pool, PoolSpec, eventually};

use crate::PATIENCE;

/// Two hosts with a network.
fn pool() -> Pool {
    let pool = Pool::up(&PoolSpec::real(2));
    pool.must("physical-network-create name=private role=private nic=eth1 vlans=100-199");
    pool.must("tenant-create name=acme");
    pool.must("vlan-create tenant=acme name=web subnet=10.0.0.0/24");
    pool.admit_everybody("acme");
    pool
}

fn vifs(pool: &Pool) -> Vec<Value> {
    let listed = pool.json("vif-list tenant=acme");
    listed.as_array().cloned().unwrap()
}

fn vsctl(pool: &Pool, host: usize, line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let done = pool.wait(pool.host(host).vswitch().ovs_vsctl(&words));
    done.unwrap_or_else(|e| panic!("ovs-vsctl {line}: {e}"))
}

fn has_interface(pool: &Pool, host: usize, name: &str) -> bool {
    let ports = vsctl(pool, host, "list-ports br-int");
    ports.lines().any(|it| it == name)
}

fn link_of(result: &Value) -> String {
    result["interfaces"][0]["name"].as_str().unwrap().to_owned()
}

/// What came of `ADD` as `CHECK` is given it.
fn with_result(configuration: &Value, result: &Value) -> Value {
    let mut configuration = configuration.clone();
    configuration["prevResult"] = result.clone();
    configuration
}

#[test]
fn a_container_is_plugged_in_by_cni_and_its_first_packet_passes() {
    let pool = pool();
    // On one host a port is made for it, on the other one it is given one that is there.
    let made = pool.cni_network(1, "web", "acme");
    let port = pool.json("vif-create tenant=acme network=web name=given");
    let given = pool.cni(2, json!({"port": port["id"]}));
    for configuration in [&made, &given] {
        let answer = Container::status(configuration);
        assert_eq!(answer, Ok(Value::Null));
    }
    let (one, other) = (pool.container(1, "one"), pool.container(2, "other"));
    let first = one.must("ADD", &made);
    let second = other.must("ADD", &given);
    assert_eq!(
        second["ips"][0]["address"],
        json!(format!("{}/24", text(&port["addresses"][0])))
    );
    assert_eq!(second["ips"][0]["gateway"], "10.0.0.1");
    assert_eq!(second["interfaces"][1]["mtu"], 1500);
    assert_eq!(second["interfaces"][1]["mac"], port["mac"]);
    assert_eq!(
        first["routes"][0],
        json!({"dst": "0.0.0.0/0", "gw": "10.0.0.1"})
    );

    // It was answered when its rules were in place: not one ping is lost.
    let near = pool.container(1, "near");
    let near_inside = near.instance(&near.must("ADD", &made));
    let (one_inside, other_inside) = (one.instance(&first), other.instance(&second));
    let apart = std::time::Duration::from_millis(200);
    assert_eq!(near_inside.ping(one_inside.address, 5, apart), 5);
    near.must("DEL", &made);
    // Other hosts learn of it a moment later.
    eventually("hosts know of each other", PATIENCE, || {
        one_inside.reaches(&other_inside)
    });
    assert_eq!(one_inside.tcp_send(&other_inside, 1 << 20), 1 << 20);
    let shown = pool.json("vif-show given tenant=acme");
    assert_eq!(shown["status"]["guest"]["name"], "other");
    assert_eq!(shown["status"]["guest"]["driver"], "cni");
    eventually("the host tells of its driver", PATIENCE, || {
        let host = pool.json("host-show h2");
        let drivers = host["status"]["drivers"].as_array().cloned();
        let cni = |it: &Value| it["name"] == "cni" && it["guests"] == 1;
        drivers.unwrap_or_default().iter().any(cni)
    });

    one.must("CHECK", &with_result(&made, &first));
    // A second time it is refused, and what is there stays.
    assert_eq!(one.call("ADD", &made).unwrap_err()["code"], 100);
    let thief = pool.container(2, "thief");
    let refused = thief.call("ADD", &given).unwrap_err();
    assert!(
        text(&refused["msg"]).contains("already carries"),
        "{refused}"
    );
    assert_eq!(other_inside.ping(one_inside.address, 3, apart), 3);

    // Deleted, also twice: the made port goes, the given one stays.
    for _ in 0..2 {
        one.must("DEL", &made);
        other.must("DEL", &given);
    }
    assert!(!has_interface(&pool, 1, &link_of(&first)));
    let left = vifs(&pool);
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0]["name"], "given");
    let missed = one.call("CHECK", &with_result(&made, &first)).unwrap_err();
    assert_eq!(missed["code"], 100);
    // The port is free for the next.
    let again = thief.must("ADD", &given);
    assert_eq!(again["ips"][0]["address"], second["ips"][0]["address"]);
}

#[test]
fn nothing_of_a_container_that_vanished_stays_behind() {
    let pool = pool();
    let web = pool.cni_network(1, "web", "acme");
    let elsewhere = pool.cni_network(2, "web", "acme");
    let (kept, lost) = (pool.container(1, "kept"), pool.container(1, "lost"));
    let other = pool.container(2, "other");
    let kept_result = kept.must("ADD", &web);
    let lost_result = lost.must("ADD", &web);
    let other_result = other.must("ADD", &elsewhere);

    // The agent learns of it when it is back.
    let agent = pool.host(1).agent().unwrap().clone();
    pool.wait(agent.stop()).unwrap();
    lost.vanish();
    assert!(has_interface(&pool, 1, &link_of(&lost_result)));
    pool.wait(agent.start()).unwrap();
    eventually(
        "the interface of a dead container is gone",
        PATIENCE,
        || !has_interface(&pool, 1, &link_of(&lost_result)),
    );
    assert!(has_interface(&pool, 1, &link_of(&kept_result)));

    // Its port is for the runtime to give up: what it does not name goes, of this host and no other.
    assert_eq!(vifs(&pool).len(), 3);
    let mut collected = web.clone();
    collected["cni.dev/valid-attachments"] = json!([{"containerID": "kept", "ifname": "eth0"}]);
    Container::collect(&collected).unwrap();
    assert_eq!(vifs(&pool).len(), 2);
    let (kept, other) = (kept.instance(&kept_result), other.instance(&other_result));
    eventually("the others go on", PATIENCE, || kept.reaches(&other));
    // Nothing said is not nothing valid.
    assert_eq!(Container::collect(&web).unwrap_err()["code"], 4);
    assert_eq!(vifs(&pool).len(), 2);
}

#[test]
fn a_runtime_is_told_what_is_wrong_and_nothing_is_left_of_it() {
    let pool = pool();
    let web = pool.cni_network(1, "web", "acme");
    let container = pool.container(1, "bad");
    let refused = |configuration: &Value| container.call("ADD", configuration).unwrap_err();

    let version = call(
        &[("CNI_COMMAND", "VERSION")],
        &json!({"cniVersion": "1.0.0"}),
    )
    .unwrap();
    assert_eq!(version["cniVersion"], "1.0.0");
    assert!(
        version["supportedVersions"]
            .as_array()
            .unwrap()
            .contains(&json!("1.1.0"))
    );
    let mut old = web.clone();
    old["cniVersion"] = json!("0.1.0");
    assert_eq!(refused(&old)["code"], 1);

    let nowhere = pool.cni_network(1, "nowhere", "acme");
    assert!(
        text(&refused(&nowhere)["msg"]).contains("there are 0 called"),
        "{nowhere}"
    );
    let stranger = pool.cni(1, json!({"port": "00000000-0000-4000-8000-000000000bad"}));
    let told = refused(&stranger);
    assert!(
        text(&told["msg"]).contains("not planned on this host"),
        "{told}"
    );
    // A port of another host is not taken from there.
    let bound = pool.json("vif-create tenant=acme network=web name=bound host=h2");
    pool.vm_start("holder", "acme", "web", "h2");
    let elsewhere = pool.json("vif-list tenant=acme");
    let held = elsewhere
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["id"] != bound["id"]);
    let told = refused(&pool.cni(1, json!({"port": held.unwrap()["id"]})));
    assert_eq!(told["code"], 100, "{told}");

    // What is no namespace, and an agent that is not there.
    let mut missing = container.clone();
    missing.forget_namespace();
    let told = missing.call("ADD", &web).unwrap_err();
    assert!(
        text(&told["msg"]).contains("no network namespace"),
        "{told}"
    );
    let agent = pool.host(1).agent().unwrap().clone();
    pool.wait(agent.stop()).unwrap();
    assert_eq!(Container::status(&web).unwrap_err()["code"], 50);
    pool.wait(agent.start()).unwrap();

    let made = vifs(&pool)
        .into_iter()
        .filter(|it| text(&it["name"]).starts_with("cni-"));
    assert_eq!(made.count(), 0);
    assert!(!vsctl(&pool, 1, "list-ports br-int").contains("vif"));
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
