//! Migrations that come to nothing, and those who would have a port that does not come to them.

use std::thread;
use std::time::Duration;

use lab::Signal;
use tests::eventually;

use super::Scene;
use crate::PATIENCE;

#[test]
fn a_migration_that_is_called_off_leaves_the_port_where_it_was_and_the_other_host_with_nothing() {
    let scene = Scene::set("vlan");
    let pool = scene.pool();
    let call_off = "vif-migrate-cancel mover tenant=acme";
    // Nobody is on the way.
    assert!(pool.netctl(call_off).is_err());
    // Who is not asked for gets nothing, however much it says.
    scene.speak(1);
    scene.assert_dark(1);

    scene.prepare(1);
    assert!(
        pool.netctl("vif-migrate mover tenant=acme host=h3")
            .is_err()
    );
    pool.must(call_off);
    assert!(scene.migration().is_none());
    scene.speak(1);
    scene.assert_dark(1);
    scene.wait_until_lit(0);
    assert_eq!(scene.heard(0), [true; 2]);

    // After the switch, too.
    scene.prepare(1);
    scene.speak(1);
    scene.wait_for_stage("switched");
    scene.wait_until_lit(1);
    pool.must(call_off);
    eventually("it is over", PATIENCE, || scene.migration().is_none());
    scene.wait_until_lit(0);
    scene.assert_dark(1);
    assert_eq!(scene.heard(0), [true; 2]);

    // The target's guest is gone before the source's: it comes back by itself.
    scene.prepare(1);
    scene.speak(1);
    scene.wait_until_lit(1);
    pool.unplug(&scene.places[1]);
    scene.wait_until_lit(0);
    assert_eq!(scene.heard(0), [true; 2]);
}

#[test]
fn a_host_that_claims_a_port_on_its_way_to_another_gets_nothing() {
    let scene = Scene::set("vlan");
    let pool = scene.pool();
    let port = scene.vif();
    scene.prepare(1);
    let thief = pool.plug(3, &port, "thief");
    super::silence(&thief);
    let thief = &thief.instance;
    let robbed = || thief.ping(scene.peer.instance.address, 2, Duration::from_millis(200)) > 0;
    assert!(!robbed(), "while it is prepared");
    scene.speak(1);
    scene.wait_until_lit(1);
    assert!(!robbed(), "while it is switched");
    // Not even when both let go of it before the migration is over.
    pool.unplug(&scene.places[0]);
    eventually("it is over", PATIENCE, || scene.migration().is_none());
    assert!(!robbed(), "afterwards");
    assert_eq!(scene.heard(1), [true; 2]);
}

#[test]
fn a_migration_outlives_a_controller_that_dies_in_the_middle_and_hosts_that_do() {
    let scene = Scene::set("vlan");
    let pool = scene.pool();
    let controller = pool.lab().controller().unwrap();
    let kill = || {
        pool.wait(controller.process().kill(Signal::SIGKILL))
            .unwrap()
    };
    let start = || pool.wait(controller.process().start()).unwrap();

    // Prepared, and nobody there to decide: it stays where it is, whoever speaks.
    scene.prepare(1);
    kill();
    scene.speak(1);
    scene.assert_dark(1);
    assert_eq!(scene.heard(0), [true; 2]);
    start();
    // What the target heard meanwhile, it says again.
    scene.wait_until_lit(1);
    scene.assert_dark(0);

    // Switched, and the controller dies: nothing changes, and it is remembered.
    kill();
    assert_eq!(scene.heard(1), [true; 2]);
    scene.assert_dark(0);
    start();
    scene.wait_for_stage("switched");

    // The source's agent dies with the source's interface: the target has it all the same.
    let source = pool.host(1);
    let agent = source.agent().unwrap();
    pool.wait(agent.kill(Signal::SIGKILL)).unwrap();
    pool.unplug(&scene.places[0]);
    assert_eq!(scene.heard(1), [true; 2]);
    pool.wait(agent.start()).unwrap();
    eventually("it is over", PATIENCE, || scene.migration().is_none());
    assert_eq!(scene.heard(1), [true; 2]);

    // A source that is away keeps the port until it is given up.
    pool.plug_in(&scene.places[0]);
    scene.prepare(0);
    let target = pool.host(2);
    let agent = target.agent().unwrap();
    pool.wait(agent.kill(Signal::SIGKILL)).unwrap();
    scene.speak(0);
    thread::sleep(Duration::from_secs(2));
    scene.assert_dark(0);
    scene.wait_until_lit(0);
    pool.wait(agent.start()).unwrap();
    eventually("the source is dark when it is back", PATIENCE, || {
        scene.heard(1) == [false; 2]
    });
    assert_eq!(scene.heard(0), [true; 2]);
}
