//! How isolation failed elsewhere, each as a test that is named after what went wrong. Those that other
//! files hold are listed with these in `docs/testing.md`.

mod fabric;
mod host;
mod moves;

use std::net::Ipv4Addr;

use lab::Signal;
use serde_json::Value;
use tests::frame::{self, BROADCAST, Mac};
use tests::{Instance, Plug, Pool, eventually};

use crate::{PATIENCE, two_tenants};

/// Marks what the other tenant sends.
const FOREIGN: &str = "BULKHEAD foreign";

/// Marks what a VIF sends that nobody vouched for.
const STRANGER: &str = "BULKHEAD stranger";

fn to_everybody(from: &Instance, mark: &str) -> Vec<u8> {
    let everybody = (BROADCAST, Ipv4Addr::BROADCAST);
    frame::udp((from.mac, from.address), everybody, mark)
}

fn vsctl(pool: &Pool, host: usize, line: &[&str]) -> String {
    let text = pool.wait_in(pool.host(host).vswitch().ovs_vsctl(line));
    let text = text.unwrap_or_else(|e| panic!("{line:?}: {e}"));
    text.trim().to_owned()
}

fn assert_none_carries(caught: &[Vec<u8>], mark: &str) {
    let found = caught.iter().find(|it| frame::carries(it, mark));
    assert_eq!(found, None, "{mark:?} arrived");
}

#[test]
fn a_port_default_that_carries_every_vlan() {
    let scene = two_tenants(2);
    for host in [1, 2] {
        let bridges = vsctl(&scene.pool, host, &["list-br"]);
        // No flow of br-int looks at VLAN columns, and nothing else forwards there.
        for bridge in bridges.lines().filter(|bridge| *bridge != "br-int") {
            let ports = vsctl(&scene.pool, host, &["list-ports", bridge]);
            // What the NIC carries is for the physical switches to limit.
            let nic = scene.pool.host(host).private_nic();
            let ports = ports.lines().chain([bridge]);
            for port in ports.filter(|port| *port != nic) {
                assert_says_what_it_carries(&scene.pool, host, port);
            }
        }
    }
    // That the tenants' own tags cross nowhere is one of the checks of every scene.
}

fn assert_says_what_it_carries(pool: &Pool, host: usize, port: &str) {
    let get = |column| vsctl(pool, host, &["get", "port", port, column]);
    let (mode, tag, trunks) = (get("vlan_mode"), get("tag"), get("trunks"));
    let closed = match mode.as_str() {
        "access" => tag != "[]",
        "trunk" => trunks != "[]",
        _ => false,
    };
    assert!(closed, "{port}: {mode} {tag} {trunks}");
}

/// A VIF whose link is on the bridge, but which names a port that does not exist.
fn a_stranger(pool: &Pool) -> Plug {
    let mut port = pool.json("vif-create tenant=acme network=web name=passing");
    pool.must("vif-delete passing tenant=acme");
    port["id"] = "00000000-0000-4000-8000-000000000bad".into();
    pool.plug(1, &port, "stranger")
}

#[test]
fn a_quarantine_rule_that_matches_nothing() {
    let scene = two_tenants(2);
    let pool = &scene.pool;
    let stranger = a_stranger(pool);
    let interface = stranger.interface.as_str();
    let nameless = ["remove", "interface", interface, "external_ids", "iface-id"];
    let peer = &scene.tenants[0].instances[1];
    let taken = format!("external_ids:iface-id={}", peer.port_id);
    let renamed = ["set", "interface", interface, &taken];
    // A port that does not exist, none at all, and one that an instance on another host has.
    for change in [None, Some(&nameless[..]), Some(&renamed[..])] {
        if let Some(line) = change {
            vsctl(pool, 1, line);
        }
        let inside: Vec<_> = scene.instances().map(Instance::sniff).collect();
        let outside = stranger.instance.sniff();
        for _ in 0..5 {
            stranger
                .instance
                .send_frames(&of_stranger(&scene, &stranger.instance));
            for other in scene.instances() {
                let to = (stranger.instance.mac, stranger.instance.address);
                let direct = frame::udp((other.mac, other.address), to, FOREIGN);
                other.send_frames(&[to_everybody(other, FOREIGN), direct]);
            }
        }
        for sniffer in inside {
            assert_none_carries(&sniffer.stop(), STRANGER);
        }
        assert_none_carries(&outside.stop(), FOREIGN);
        let number = vsctl(pool, 1, &["get", "interface", interface, "ofport"]);
        let names = |flow: &&String| flow.contains(&format!("in_port={number},"));
        assert_eq!(pool.flows(1).iter().find(names), None);
    }
}

/// To everybody and to each instance, in its own and in their names, with and without tags.
fn of_stranger(scene: &tests::tenants::TwoTenants, from: &Instance) -> Vec<Vec<u8>> {
    let untagged = to_everybody(from, STRANGER);
    let tags = scene.tenants.iter().filter_map(|it| it.vlan);
    let tagged = tags.map(|vlan| frame::tagged(vlan, &untagged));
    let others = scene.instances().flat_map(|other| {
        let to = (other.mac, other.address);
        [
            frame::udp((from.mac, from.address), to, STRANGER),
            frame::udp(to, (BROADCAST, Ipv4Addr::BROADCAST), STRANGER),
        ]
    });
    tagged.chain(others).chain([untagged.clone()]).collect()
}

#[test]
fn a_switch_that_stands_alone_after_a_crash() {
    let scene = two_tenants(2);
    let pool = &scene.pool;
    let host = pool.host(1);
    let [first, second] = &scene.tenants[0].instances;
    let beside = pool.vm_start("beside", "acme", "web", "h1");
    eventually("they reach each other", PATIENCE, || first.reaches(&beside));
    let agent = host.agent().unwrap();
    pool.wait(agent.kill(Signal::SIGKILL)).unwrap();
    let vswitchd = host.vswitch().vswitchd();
    pool.wait(vswitchd.kill(Signal::SIGKILL)).unwrap();
    pool.wait(vswitchd.start()).unwrap();
    let mode = vsctl(pool, 1, &["get", "bridge", "br-int", "fail_mode"]);
    assert_eq!(mode, "secure");
    assert_eq!(pool.flows(1), [""; 0], "nobody is here to write any");
    let here = [first, &beside, &scene.tenants[1].instances[0]];
    let sniffers = here.map(|it| (it, it.sniff()));
    let mark = |from: &Instance| format!("{FOREIGN} of {}.", from.name);
    for from in here {
        from.send_frames(&vec![to_everybody(from, &mark(from)); 5]);
    }
    for (at, sniffer) in sniffers {
        let caught = sniffer.stop();
        for other in here.iter().filter(|other| other.name != at.name) {
            assert_none_carries(&caught, &mark(other));
        }
    }
    assert!(!first.reaches(&beside) && !first.reaches(second));
    pool.wait(agent.start()).unwrap();
    for to in [&beside, second] {
        eventually("the agent has put it right", PATIENCE, || first.reaches(to));
    }
}

#[test]
fn a_dhcp_request_that_may_go_anywhere() {
    let scene = two_tenants(2);
    let [from, peer] = &scene.tenants[0].instances;
    let others = scene.instances().filter(|it| it.name != from.name);
    let sniffers: Vec<_> = others.map(Instance::sniff).collect();
    let mark = FOREIGN.as_bytes();
    let everybody = (BROADCAST, Ipv4Addr::BROADCAST);
    let mut frames = Vec::new();
    for victim in scene.instances() {
        let to = (victim.mac, victim.address);
        let gateway = Ipv4Addr::new(10, 0, 0, 1);
        for source in [peer.address, Ipv4Addr::UNSPECIFIED, gateway] {
            // To the port of servers, in any name and to anybody.
            frames.push(frame::datagram((from.mac, source), to, 67, mark));
            frames.push(frame::datagram((from.mac, source), everybody, 67, mark));
        }
        // The answer of a server, in its own name.
        let own = (from.mac, from.address);
        frames.push(frame::datagram(own, to, 67, mark));
        frames.push(frame::datagram(own, to, 68, mark));
    }
    from.send_frames(&frames);
    for sniffer in sniffers {
        assert_none_carries(&sniffer.stop(), FOREIGN);
    }
}

#[test]
fn an_exception_for_whoever_says_that_it_is_special() {
    // What other systems took for a sign that a port needs no guard.
    const SPECIAL: [&str; 5] = [
        "network:dhcp",
        "network:router_interface",
        "trunk",
        "gateway",
        "dhcp",
    ];
    let scene = two_tenants(2);
    let pool = &scene.pool;
    let mut guards = Vec::new();
    for (name, number) in ["plain"].into_iter().chain(SPECIAL).zip(1..) {
        let made = format!("vif-create tenant=acme network=web name={name} host=h1");
        let port = pool.json(&made);
        let plug = pool.plug(1, &port, &format!("s{number}"));
        for claim in ["owner=network:dhcp", "vif-type=trunk", "security=none"] {
            let claim = format!("external_ids:{claim}");
            vsctl(pool, 1, &["set", "interface", &plug.interface, &claim]);
        }
        eventually("the port is active", PATIENCE, || {
            let shown = pool.json(&format!("vif-show {name} tenant=acme"));
            shown["status"]["state"] == "active"
        });
        guards.push((name, guard_of(pool, &plug, &port)));
    }
    let (_, plain) = guards.remove(0);
    assert!(plain.len() >= 6, "{plain:#?}");
    for (name, guard) in guards {
        assert_eq!(guard, plain, "{name}");
    }
}

/// A flow without the zone of its port, which is in the lower bits of what it loads.
fn without_zone(flow: &str) -> String {
    match flow.find("/0xfffff->reg4") {
        Some(end) => format!("{}{}", &flow[..end - 4], &flow[end..]),
        None => flow.to_owned(),
    }
}

/// The flows of what a port sends, with its own numbers and addresses left out.
fn guard_of(pool: &Pool, plug: &Plug, port: &Value) -> Vec<String> {
    let number = vsctl(pool, 1, &["get", "interface", &plug.interface, "ofport"]);
    let here = format!("in_port={number},");
    let mac = port["mac"].as_str().unwrap();
    let address = format!("{},", plug.instance.address);
    let flows = pool.flows(1).into_iter();
    let bare = flows.filter(|flow| flow.contains(&here)).map(|flow| {
        let flow = flow.replace(&here, "in_port=P,").replace(mac, "MAC");
        let flow = flow.replace(&address, "IP,");
        let flow = flow.replace(&format!("{} ", plug.instance.address), "IP ");
        without_zone(&flow)
            .replace(&format!("meter:{number},"), "meter:P,")
            .replace(
                &format!("reg1={:#x},", number.parse::<u32>().unwrap()),
                "reg1=P,",
            )
    });
    let mut bare: Vec<String> = bare.collect();
    bare.sort();
    bare
}

#[test]
fn rules_that_stay_behind_after_a_vif_is_gone() {
    let scene = two_tenants(2);
    let pool = &scene.pool;
    let before = [pool.flows(1), pool.flows(2)];
    let port = pool.json("vif-create tenant=acme network=web name=passing");
    let mac: Mac = port["mac"]
        .as_str()
        .unwrap()
        .parse::<model::MacAddr>()
        .unwrap()
        .octets();
    let plug = pool.plug(1, &port, "here");
    let active = || pool.json("vif-show passing tenant=acme")["status"]["state"] == "active";
    eventually("it is active", PATIENCE, active);
    let number = vsctl(pool, 1, &["get", "interface", &plug.interface, "ofport"]);
    let names_port = |flow: &String| {
        flow.contains(&format!("in_port={number},")) || flow.ends_with(&format!("output:{number}"))
    };
    assert!(pool.flows(1).iter().any(names_port));

    pool.unplug(&plug);
    let moved = pool.plug(2, &port, "there");
    let h2 = pool.json("host-show h2")["id"].clone();
    eventually("it is active where it went", PATIENCE, || {
        pool.json("vif-show passing tenant=acme")["host_id"] == h2 && active()
    });
    eventually("nothing says any more that it is here", PATIENCE, || {
        !pool.flows(1).iter().any(names_port)
    });
    pool.unplug(&moved);
    pool.must("vif-delete passing tenant=acme");
    let mac = model::MacAddr::try_from(mac).unwrap().to_string();
    for (host, before) in [1, 2].into_iter().zip(before) {
        eventually("its flows are gone", PATIENCE, || {
            pool.flows(host) == before
        });
        assert!(!pool.flows(host).iter().any(|flow| flow.contains(&mac)));
    }
}
