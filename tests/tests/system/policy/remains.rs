//! Rules go where their ports go: none is missing after a move, none is left behind.

use std::thread;
use std::time::Duration;

use lab::Signal;
use tests::{Instance, Plug, eventually, frame};

use super::traffic::{Listener, connects};
use super::{Scene, scene};
use crate::PATIENCE;

/// The flows of security groups on a host.
fn group_flows(flows: &[String]) -> usize {
    let of_groups = |flow: &&String| flow.contains("cookie=0xb01d0001");
    flows.iter().filter(of_groups).count()
}

#[test]
fn rules_move_with_their_port_and_leave_nothing_behind() {
    let scene = scene();
    let pool = &scene.pool;
    pool.must("group-create tenant=acme name=moving");
    pool.must("group-allow moving tenant=acme protocol=tcp port=80 from=group:default");
    let port = pool.json("vif-create tenant=acme network=lan name=mover host=h1 groups=moving");
    let mover = pool.plug(1, &port, "mover");
    eventually("it is reached on h1", PATIENCE, || {
        let _listening = Listener::start(&mover.instance, 80);
        connects(&scene.two, &mover.instance, 80)
    });
    let with_it = group_flows(&pool.flows(1));
    pool.unplug(&mover);
    eventually("h1 has none of its rules", PATIENCE, || {
        group_flows(&pool.flows(1)) < with_it
    });

    let mover = pool.plug(2, &port, "moved");
    eventually("it is reached on h2", PATIENCE, || {
        // Physical switches learn where it is now from what it sends.
        let _ = mover
            .instance
            .ping(scene.one.address, 1, Duration::from_millis(10));
        let _listening = Listener::start(&mover.instance, 80);
        connects(&scene.one, &mover.instance, 80)
    });
    let _listening = Listener::start(&mover.instance, 81);
    assert!(!connects(&scene.one, &mover.instance, 81));
    pool.unplug(&mover);
    pool.must(&format!("vif-delete {}", mover.instance.port_id));
    pool.must("group-delete moving tenant=acme");
    pool.must("vm-stop web tenant=acme");
    pool.must("group-delete web tenant=acme");
    eventually("h3 has no rules any more", PATIENCE, || {
        group_flows(&pool.flows(3)) == 0
    });
}

/// CVE-2015-5240 and CVE-2026-50266: whoever could make a port look like the cloud's own was let
/// through. Here there is no owner, name or instance that rules make an exception for.
#[test]
fn no_name_or_owner_of_a_port_is_an_exception() {
    let scene = scene();
    let pool = &scene.pool;
    for (tag, name) in [("dhcp", "network:dhcp"), ("rtr", "network:router_gateway")] {
        let port = pool.json(&format!(
            "vif-create tenant=acme network=lan name={name} host=h1 groups=web"
        ));
        let plug = pool.plug(1, &port, tag);
        let active = || pool.json(&format!("vif-show {}", plug.instance.port_id));
        eventually("it is active", PATIENCE, || {
            active()["status"]["state"] == "active"
        });
        let _listening = [&plug.instance, &scene.one].map(|it| Listener::start(it, 80));
        assert!(!connects(&scene.one, &plug.instance, 80), "{name} is open");
        assert!(!connects(&plug.instance, &scene.one, 80), "{name} gets in");
        pool.unplug(&plug);
    }
}

/// As when a hypervisor gives a new machine the slot of an old one at once: connections of the one
/// before mean nothing for the next, although its zone is the same.
#[test]
fn a_port_does_not_inherit_the_connections_of_the_one_before() {
    let scene = scene();
    let pool = &scene.pool;
    pool.must("group-allow default tenant=acme from=10.0.0.77/32");
    let first = plugged(&scene, "first");
    let hears_answers = |plug: &Plug| {
        let heard = plug.instance.sniff();
        scene
            .two
            .send_frames(&[datagram(&scene.two, &plug.instance)]);
        thread::sleep(Duration::from_millis(300));
        let heard = heard.stop();
        heard.iter().any(|it| frame::carries(it, MARK))
    };
    eventually("it is answered", PATIENCE, || {
        let question = datagram(&first.instance, &scene.two);
        first.instance.send_frames(&[question]);
        hears_answers(&first)
    });
    pool.unplug(&first);
    pool.must(&format!("vif-delete {}", first.instance.port_id));
    // Zones are given anew when their file is gone: from the first on, which was used already.
    let host = pool.host(1);
    let agent = host.agent().unwrap();
    pool.wait(agent.kill(Signal::SIGKILL)).unwrap();
    std::fs::remove_file(host.agent_directory().join("zones.json")).unwrap();
    pool.wait(agent.start()).unwrap();
    let second = plugged(&scene, "second");
    assert!(!hears_answers(&second), "a connection of before let it in");
}

const MARK: &str = "BULKHEAD answer";

fn datagram(from: &Instance, to: &Instance) -> Vec<u8> {
    let ends = ((from.mac, from.address), (to.mac, to.address));
    frame::datagram(ends.0, ends.1, 5000, MARK.as_bytes())
}

/// A port of the group `web` with always the same addresses, plugged in on h1.
fn plugged(scene: &Scene, name: &str) -> Plug {
    let line = format!(
        "vif-create tenant=acme network=lan name={name} mac=fa:16:3e:00:00:77 \
         address=10.0.0.77 host=h1 groups=web -o json"
    );
    let mut made = Err(String::new());
    // The host may still have to say that nobody uses it any more.
    eventually("its address is free", PATIENCE, || {
        made = scene.pool.netctl(&line);
        made.is_ok()
    });
    let port = serde_json::from_str(&made.unwrap()).unwrap();
    let plug = scene.pool.plug(1, &port, name);
    let show = || {
        scene
            .pool
            .json(&format!("vif-show {}", plug.instance.port_id))
    };
    eventually("it is active", PATIENCE, || {
        show()["status"]["state"] == "active"
    });
    plug
}
