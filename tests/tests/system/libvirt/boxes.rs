//! Containers that libvirt makes itself: its driver `lxc:///system`.

use std::time::Duration;

use tests::{Instance, eventually};

use super::{LONG, Scene, driver_called, naming, plugged};
use crate::PATIENCE;

/// The network of each host's own protocol stack, whose links libvirt makes.
fn has_links(scene: &Scene) -> bool {
    let host = scene.pool.host(1);
    let links = scene.pool.wait(host.run(&["ip", "-br", "link"])).unwrap();
    links.contains("vnet") || scene.vsctl("list-ports br-int").contains("vnet")
}

fn boxes_seen(scene: &Scene) -> Option<u64> {
    driver_called("libvirt-lxc", &scene.pool)?["guests"].as_u64()
}

fn reaches(from: &Instance, to: &str) -> bool {
    let to = to.parse().unwrap();
    (0..5).any(|_| from.ping(to, 1, Duration::from_secs(1)) == 1)
}

#[test]
fn a_container_of_libvirt_starts_with_its_rules_in_place_and_leaves_nothing() {
    let mut scene = Scene::set(LONG);
    let port = scene.port("name=boxed");
    let (id, address) = (port["id"].as_str().unwrap(), port["addresses"][0].as_str());
    let address = address.unwrap();
    scene.pool.must("tenant-create name=rival");
    scene
        .pool
        .must("vlan-create tenant=rival name=own subnet=10.0.0.0/24");
    scene.pool.admit_everybody("rival");
    let rival = scene.pool.vm_start("rival", "rival", "own", "h1");

    scene
        .libvirt
        .define_box("boxed", &plugged(&port, &naming(id)));
    let started = scene.libvirt.boxes("start boxed");
    started.unwrap_or_else(|complaint| panic!("{complaint}"));
    // By now its first frame may be on its way: it asks for an address once, and that is answered.
    assert_eq!(scene.vif("boxed")["status"]["state"], "active");
    eventually(
        "it has its address from its first request",
        PATIENCE,
        || {
            let leases = scene.libvirt.file_of_box("boxed", "leases");
            leases.contains(address)
        },
    );
    eventually("it is behind its port", PATIENCE, || {
        let guest = scene.vif("boxed")["status"]["guest"].clone();
        guest["name"] == "boxed" && guest["state"] == "running" && guest["driver"] == "libvirt-lxc"
    });
    eventually("it is counted", PATIENCE, || boxes_seen(&scene) == Some(1));
    assert!(reaches(&scene.peer, address));
    assert!(!reaches(&rival, address), "another tenant reaches it");

    // libvirtd dies: the container does not.
    scene.libvirt.kill();
    eventually("libvirt is missed", PATIENCE, || {
        let driver = driver_called("libvirt-lxc", &scene.pool);
        driver.is_some_and(|it| it["reason"].is_string() && it["guests"] == 1)
    });
    assert!(reaches(&scene.peer, address));
    scene.libvirt.run();
    eventually("libvirt is back", PATIENCE, || {
        let driver = driver_called("libvirt-lxc", &scene.pool);
        driver.is_some_and(|it| it["reason"].is_null() && it["guests"] == 1)
    });

    // It dies while nobody looks after it, and what is left of it goes when somebody does.
    scene.libvirt.kill();
    scene.libvirt.kill_box("boxed");
    scene.libvirt.run();
    eventually("nothing of it is left", PATIENCE, || {
        !has_links(&scene) && boxes_seen(&scene) == Some(0)
    });
    assert!(scene.vif("boxed")["status"]["guest"].is_null());

    // Again, and ended as it should be.
    let started = scene.libvirt.boxes("start boxed");
    started.unwrap_or_else(|complaint| panic!("{complaint}"));
    assert_eq!(scene.vif("boxed")["status"]["state"], "active");
    scene.libvirt.boxes("destroy boxed").unwrap();
    eventually("nothing of it is left again", PATIENCE, || {
        !has_links(&scene) && boxes_seen(&scene) == Some(0)
    });
}

#[test]
fn a_container_of_libvirt_that_nobody_vouches_for_does_not_start() {
    let scene = Scene::set(2);
    let port = scene.port("name=boxed");
    let stranger = naming("00000000-0000-4000-8000-000000000bad");
    scene
        .libvirt
        .define_box("stranger", &plugged(&port, &stranger));
    let complaint = scene.libvirt.boxes("start stranger").unwrap_err();
    assert!(
        complaint.contains("not planned on this host"),
        "{complaint}"
    );
    assert!(!has_links(&scene));
}
