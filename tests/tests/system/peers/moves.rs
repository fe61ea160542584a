//! The instants in which a VIF is there and not yet right: while it is plugged, and while it moves.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Scope};
use std::time::Duration;

use tests::{Instance, Plug, Pool, StopWhenDropped, eventually};

use super::{FOREIGN, STRANGER, assert_none_carries, to_everybody, vsctl};
use crate::{PATIENCE, two_tenants};

/// Broadcasts of an instance without end.
fn flood<'scope>(
    scope: &'scope Scope<'scope, '_>,
    stop: &'scope AtomicBool,
    from: &'scope Instance,
    mark: &'scope str,
) {
    scope.spawn(move || {
        let frames = vec![to_everybody(from, mark); 20];
        while !stop.load(Ordering::Relaxed) {
            from.send_frames(&frames);
            thread::sleep(Duration::from_millis(5));
        }
    });
}

fn state(pool: &Pool, name: &str) -> serde_json::Value {
    pool.json(&format!("vif-show {name} tenant=acme"))["status"]["state"].clone()
}

#[test]
fn the_window_while_a_vif_is_plugged() {
    const CYCLES: usize = 200;
    let scene = two_tenants(2);
    let pool = &scene.pool;
    let [acme, globex] = &scene.tenants;
    let port = pool.json("vif-create tenant=acme network=web name=late");
    let late = pool.plug(1, &port, "late");
    let id = format!("external_ids:iface-id={}", late.instance.port_id);
    let name = late.interface.as_str();
    let foreigner = &globex.instances[0];
    let (at_late, at_foreigner) = (late.instance.sniff(), foreigner.sniff());
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let _stop = StopWhenDropped(&stop);
        flood(scope, &stop, foreigner, FOREIGN);
        flood(scope, &stop, &late.instance, STRANGER);
        for cycle in 0..CYCLES {
            let add = ["--", "--may-exist", "add-port", "br-int", name];
            let set = ["--", "set", "interface", name, &id];
            let del = ["--if-exists", "del-port", name];
            // Named at once, and named when the switch has had it for a while.
            if cycle % 2 == 0 {
                vsctl(pool, 1, &del);
                vsctl(pool, 1, &[&add[1..], &set[..]].concat());
            } else {
                vsctl(pool, 1, &[&del[..], &add[..]].concat());
                vsctl(pool, 1, &set[1..]);
            }
        }
        eventually("it works in the end", PATIENCE, || {
            state(pool, "late") == "active"
        });
    });
    assert_none_carries(&at_late.stop(), FOREIGN);
    assert_none_carries(&at_foreigner.stop(), STRANGER);
    eventually("its own network is there", PATIENCE, || {
        late.instance.reaches(&acme.instances[0])
    });
}

fn plug_again(pool: &Pool, place: &Plug) {
    let name = place.interface.as_str();
    let id = format!("external_ids:iface-id={}", place.instance.port_id);
    let add = ["--may-exist", "add-port", "br-int", name, "--"];
    let set = ["set", "interface", name, &id];
    vsctl(pool, place.host, &[&add[..], &set[..]].concat());
}

#[test]
fn the_window_while_a_vif_moves_to_another_host() {
    const MOVES: usize = 10;
    let scene = two_tenants(2);
    let pool = &scene.pool;
    let [acme, globex] = &scene.tenants;
    let port = pool.json("vif-create tenant=acme network=web name=mover");
    let places = [1, 2].map(|host| pool.plug(host, &port, &format!("m{host}")));
    let at_mover: Vec<_> = places.iter().map(|it| it.instance.sniff()).collect();
    let at_globex: Vec<_> = globex.instances.iter().map(Instance::sniff).collect();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let _stop = StopWhenDropped(&stop);
        for foreigner in &globex.instances {
            flood(scope, &stop, foreigner, FOREIGN);
        }
        for place in &places {
            flood(scope, &stop, &place.instance, STRANGER);
        }
        for round in 0..MOVES {
            let (to, from) = (&places[round % 2], &places[(round + 1) % 2]);
            // As in a migration both hosts have it for a while, and both speak.
            plug_again(pool, to);
            thread::sleep(Duration::from_millis(100));
            let gone = ["--if-exists", "del-port", &from.interface];
            vsctl(pool, from.host, &gone);
            eventually("it works where it is", PATIENCE, || {
                to.instance.reaches(&acme.instances[0])
            });
        }
    });
    for sniffer in at_mover {
        assert_none_carries(&sniffer.stop(), FOREIGN);
    }
    for sniffer in at_globex {
        assert_none_carries(&sniffer.stop(), STRANGER);
    }
}
