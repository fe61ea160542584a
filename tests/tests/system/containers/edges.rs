//! What runtimes do at bad moments: calls that are killed, repeated, or name what is not there.

use std::time::Duration;

use lab::Signal;
use serde_json::{Value, json};
use tests::containers::Container;
use tests::{Pool, eventually};

use super::{has_interface, link_of, pool, vifs, vsctl, with_result};
use crate::PATIENCE;

/// The same configuration, with which all but these are collected.
fn keeping(configuration: &Value, kept: &[&str]) -> Value {
    let valid = kept
        .iter()
        .map(|id| json!({"containerID": id, "ifname": "eth0"}));
    let mut configuration = configuration.clone();
    configuration["cni.dev/valid-attachments"] = valid.collect();
    configuration
}

/// Neither a port, nor a row of the switch, nor a link of the host is left of any container.
fn is_clean(pool: &Pool) -> bool {
    let links = pool.wait(pool.host(1).run(&["ip", "-br", "link"])).unwrap();
    let rows = vsctl(pool, 1, "--columns=name,external_ids list Interface");
    vifs(pool).is_empty() && !links.contains("vif") && !rows.contains("container-id")
}

#[test]
fn a_collection_takes_what_lives_if_the_runtime_does_not_name_it() {
    let pool = pool();
    let web = pool.cni_network(1, "web", "acme");
    let (kept, omitted) = (pool.container(1, "kept"), pool.container(1, "omitted"));
    let kept_result = kept.must("ADD", &web);
    let omitted_result = omitted.must("ADD", &web);
    // Of another configuration, whose runtime knows of neither.
    let mut other = web.clone();
    other["name"] = json!("other");
    Container::collect(&keeping(&other, &[])).unwrap();
    assert_eq!(vifs(&pool).len(), 2);

    Container::collect(&keeping(&web, &["kept", "never-was"])).unwrap();
    assert!(!has_interface(&pool, 1, &link_of(&omitted_result)));
    assert!(has_interface(&pool, 1, &link_of(&kept_result)));
    assert_eq!(vifs(&pool).len(), 1);
    let missed = omitted.call("CHECK", &with_result(&web, &omitted_result));
    assert_eq!(missed.unwrap_err()["code"], 100);
    kept.must("CHECK", &with_result(&web, &kept_result));
    // It can be added again, and deleted, which nobody has to do twice.
    omitted.must("ADD", &web);
    omitted.must("DEL", &web);
    Container::collect(&keeping(&web, &[])).unwrap();
    assert!(is_clean(&pool));
}

#[test]
fn what_is_not_there_is_missed_by_a_check_and_not_by_a_deletion() {
    let pool = pool();
    let web = pool.cni_network(1, "web", "acme");
    let (never, bare) = (pool.container(1, "never"), pool.container(1, "bare"));
    never.must("DEL", &web);
    let told = never.call("CHECK", &with_result(&web, &json!({"ips": []})));
    assert_eq!(told.unwrap_err()["code"], 100);

    let result = bare.must("ADD", &web);
    let inside = bare.instance(&result);
    let ip = |line: &str| {
        let done = inside.command("ip").args(line.split(' ')).status();
        assert!(done.unwrap().success(), "ip {line}");
    };
    let missed = |why: &str| {
        let told = bare.call("CHECK", &with_result(&web, &result)).unwrap_err();
        assert!(told["msg"].as_str().unwrap().contains(why), "{told}");
    };
    ip("address flush dev eth0");
    missed("does not have");
    ip("link set eth0 address 02:00:00:00:00:99");
    missed("another Ethernet address");
    ip("link set eth0 down");
    missed("switched off");
    ip("link set eth0 name eth7");
    missed("there is no eth0");
    ip("link delete eth7");
    assert_eq!(
        bare.call("CHECK", &with_result(&web, &result)).unwrap_err()["code"],
        100
    );
    eventually("its link is unplugged", PATIENCE, || {
        !has_interface(&pool, 1, &link_of(&result))
    });
    // An addition is not answered twice: the runtime deletes first.
    bare.must("DEL", &web);
    let again = bare.must("ADD", &web);
    assert_eq!(bare.call("ADD", &web).unwrap_err()["code"], 100);
    bare.must("CHECK", &with_result(&web, &again));
    bare.must("DEL", &web);
    assert!(is_clean(&pool));
}

#[test]
fn a_call_that_is_killed_half_way_leaves_nothing_after_a_collection() {
    let pool = pool();
    let web = pool.cni_network(1, "web", "acme");
    for (number, milliseconds) in [1, 5, 10, 20, 40, 60, 80, 120, 200].into_iter().enumerate() {
        let container = pool.container(1, &format!("half{number}"));
        let mut child = container.begin("ADD", &web);
        std::thread::sleep(Duration::from_millis(milliseconds));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let whole = pool.container(1, "whole");
    let result = whole.must("ADD", &web);
    let mut child = whole.begin("DEL", &web);
    std::thread::sleep(Duration::from_millis(10));
    child.kill().unwrap();
    child.wait().unwrap();
    // What the agent had begun when its asker died may still be under way.
    eventually("nothing of any of them is left", PATIENCE, || {
        Container::collect(&keeping(&web, &[])).unwrap();
        is_clean(&pool)
    });
    let again = whole.must("ADD", &web);
    assert_ne!(link_of(&again), link_of(&result));
}

#[test]
fn an_agent_that_is_killed_while_containers_come_and_go_leaves_nothing_that_stays() {
    let pool = pool();
    let web = pool.cni_network(1, "web", "acme");
    let stays = pool.container(1, "stays");
    let stays_result = stays.must("ADD", &web);
    let agent = pool.host(1).agent().unwrap().clone();
    for (number, milliseconds) in [5, 30, 60, 100].into_iter().enumerate() {
        let container = pool.container(1, &format!("late{number}"));
        let mut child = container.begin("ADD", &web);
        std::thread::sleep(Duration::from_millis(milliseconds));
        pool.wait(agent.kill(Signal::SIGKILL)).unwrap();
        child.wait().unwrap();
        pool.wait(agent.start()).unwrap();
        eventually("the agent answers", PATIENCE, || {
            Container::status(&web).is_ok()
        });
        // The runtime was told that it failed, or knows nothing; it deletes, or begins anew.
        match number % 2 {
            0 => drop(container.must("DEL", &web)),
            _ => container.vanish(),
        }
    }
    eventually("what stays is all there is", PATIENCE, || {
        Container::collect(&keeping(&web, &["stays"])).unwrap();
        let rows = vsctl(&pool, 1, "--columns=external_ids list Interface");
        vifs(&pool).len() == 1 && rows.matches("container-id").count() == 1
    });
    stays.must("CHECK", &with_result(&web, &stays_result));
    let again = pool.container(1, "again");
    let (one, other) = (
        stays.instance(&stays_result),
        again.instance(&again.must("ADD", &web)),
    );
    assert!(one.reaches(&other));
    stays.must("DEL", &web);
    again.must("DEL", &web);
    eventually("nothing is left", PATIENCE, || is_clean(&pool));
}
