//! All processes of a host die at once, and are started again; or the host itself.

use lab::Signal;
use tests::reboot::Database;
use tests::{Instance, eventually};

use super::{LONG, Scene, naming, plugged};
use crate::PATIENCE;

#[test]
fn a_host_whose_processes_all_died_comes_back_with_what_runs_and_nothing_else() {
    let mut scene = Scene::set(LONG);
    let second = scene.pool.vm_start("second", "acme", "web", "h1");
    let gone = scene.pool.vm_start("gone", "acme", "web", "h1");
    let port = scene.port("name=web");
    let interfaces = plugged(&port, &naming(port["id"].as_str().unwrap()));
    scene.libvirt.define("web", "", &interfaces);
    scene.libvirt.must("start web --paused");
    let interface = scene.vif("web")["status"]["interface"].clone();
    let interface = interface.as_str().unwrap().to_owned();
    let mac = port["mac"].as_str().unwrap().to_owned();
    let knows = |scene: &Scene, mac: &str| {
        let flows = scene.pool.flows(1);
        flows.iter().any(|flow| flow.contains(mac))
    };
    assert!(scene.has_interface(&interface) && knows(&scene, &mac));
    assert!(scene.peer.reaches(&second));

    let host = scene.pool.host(1);
    let switch = host.vswitch().clone();
    let daemons = [
        host.agent().unwrap().clone(),
        switch.vswitchd(),
        switch.ovsdb(),
    ];
    scene.libvirt.kill();
    scene.libvirt.kill_guest("web");
    for daemon in &daemons {
        scene.pool.wait(daemon.kill(Signal::SIGKILL)).unwrap();
    }
    // Meanwhile one of its instances is given up.
    scene.pool.must("vm-stop gone tenant=acme");
    let asked = format!(
        "vif-create tenant=acme network=web address={}",
        gone.address
    );
    let refused = scene.pool.netctl(&asked).unwrap_err();
    assert!(refused.contains("h1 has not said yet"), "{refused}");

    for daemon in daemons.iter().rev() {
        scene.pool.wait(daemon.start()).unwrap();
    }
    scene.libvirt.run();
    eventually("what runs reaches each other", PATIENCE, || {
        scene.peer.reaches(&second)
    });
    eventually("nothing of the guest is left", PATIENCE, || {
        let status = scene.vif("web")["status"].clone();
        let is_down = status["state"] == "down" && status["guest"].is_null();
        is_down && !scene.has_interface(&interface) && !knows(&scene, &mac)
    });
    eventually("nor of the instance", PATIENCE, || {
        let path = std::path::Path::new("/run/netns").join(&gone.namespace);
        !path.exists() && scene.pool.netctl(&asked).is_ok()
    });
    // The guest starts again, as before.
    scene.libvirt.must("start web --paused");
    eventually("its port is active", PATIENCE, || {
        let status = scene.vif("web")["status"].clone();
        status["state"] == "active" && status["guest"]["name"] == "web"
    });
}

/// The links and namespaces of an instance, which no kernel knows after a boot.
fn forget(instance: &Instance) {
    let removed = std::process::Command::new("ip")
        .args(["netns", "delete", &instance.namespace])
        .status();
    assert!(removed.unwrap().success());
}

#[test]
fn a_host_that_boots_again_has_what_is_wanted_there_and_nothing_of_before() {
    let mut scene = Scene::set(LONG);
    let second = scene.pool.vm_start("second", "acme", "web", "h1");
    let port = scene.port("name=web");
    let interfaces = plugged(&port, &naming(port["id"].as_str().unwrap()));
    scene.libvirt.define("web", "", &interfaces);
    let mac = port["mac"].as_str().unwrap().to_owned();
    let knows = |scene: &Scene, mac: &str| {
        let flows = scene.pool.flows(1);
        flows.iter().any(|flow| flow.contains(mac))
    };
    for database in [Database::Kept, Database::Wiped] {
        scene.libvirt.must("start web --paused");
        eventually("the guest is behind its port", PATIENCE, || {
            let status = scene.vif("web")["status"].clone();
            status["state"] == "active" && status["guest"]["name"] == "web"
        });
        let interface = scene.vif("web")["status"]["interface"].clone();
        let interface = interface.as_str().unwrap().to_owned();
        assert!(knows(&scene, &mac) && scene.peer.reaches(&second));

        scene.libvirt.kill();
        scene.libvirt.kill_guest("web");
        scene.pool.crash(1, database);
        forget(&scene.peer);
        forget(&second);
        scene.pool.boot(1);
        scene.libvirt.run();
        eventually("its instances are back", PATIENCE, || {
            let back = [&scene.peer, &second].map(|it| {
                let path = std::path::Path::new("/run/netns").join(&it.namespace);
                path.exists()
            });
            back == [true, true] && scene.peer.reaches(&second)
        });
        eventually("nothing of the guest is left", PATIENCE, || {
            let status = scene.vif("web")["status"].clone();
            let is_down = status["state"] == "down" && status["guest"].is_null();
            is_down && !scene.has_interface(&interface) && !knows(&scene, &mac)
        });
        assert_eq!(scene.vif(&second.port_id)["status"]["state"], "active");
    }
    scene.libvirt.must("start web --paused");
    assert_eq!(scene.vif("web")["status"]["state"], "active");
}
