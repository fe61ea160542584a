//! Guests of a real libvirt: who runs is known, whoever started it; a guest starts when its VIFs are
//! active, and not at all otherwise.

mod boxes;
mod crash;
mod migrating;
mod refusing;
mod two_hosts;

use serde_json::Value;
use tests::libvirt::Libvirt;
use tests::{Instance, Pool, PoolSpec, eventually};

use crate::PATIENCE;

/// How long a hook holds a guest that can start: a busy machine takes its time.
const LONG: u64 = 60;

/// A pool of one host with a network, an instance on it, and libvirt.
struct Scene {
    // Before the pool, whose end takes everything in the host's namespace along.
    libvirt: Libvirt,
    peer: Instance,
    pool: Pool,
}

impl Scene {
    fn set(seconds: u64) -> Self {
        let pool = Pool::up(&PoolSpec::real(1));
        pool.must("physical-network-create name=private role=private nic=eth1 vlans=100-199");
        pool.must("tenant-create name=acme");
        pool.must("vlan-create tenant=acme name=web subnet=10.0.0.0/24");
        pool.admit_everybody("acme");
        let peer = pool.vm_start("peer", "acme", "web", "h1");
        assert!(driver(&pool).is_none(), "nobody has started libvirt yet");
        Self {
            libvirt: Libvirt::start(pool.host(1), seconds),
            peer,
            pool,
        }
    }

    fn port(&self, words: &str) -> Value {
        self.pool
            .json(&format!("vif-create tenant=acme network=web {words}"))
    }

    fn vif(&self, name: &str) -> Value {
        self.pool.json(&format!("vif-show {name} tenant=acme"))
    }

    fn vsctl(&self, line: &str) -> String {
        let host = self.pool.host(1);
        let words: Vec<&str> = line.split_whitespace().collect();
        let done = self.pool.wait(host.vswitch().ovs_vsctl(&words));
        done.unwrap_or_else(|e| panic!("ovs-vsctl {line}: {e}"))
    }

    fn has_interface(&self, name: &str) -> bool {
        self.vsctl("list-ports br-int").lines().any(|it| it == name)
    }
}

/// What the host says of the machines of its libvirt.
fn driver(pool: &Pool) -> Option<Value> {
    driver_called("libvirt", pool)
}

fn driver_called(name: &str, pool: &Pool) -> Option<Value> {
    let host = pool.json("host-show h1");
    let drivers = host["status"]["drivers"].as_array().cloned();
    let mut drivers = drivers.unwrap_or_default().into_iter();
    drivers.find(|driver| driver["name"] == name)
}

fn wait_for_driver(pool: &Pool, what: &str, holds: impl Fn(&Value) -> bool) {
    eventually(what, PATIENCE, || {
        driver(pool).is_some_and(|driver| holds(&driver))
    });
}

/// An interface that libvirt plugs into the integration bridge.
fn plugged(port: &Value, interface_id: &str) -> String {
    let mac = port["mac"].as_str().unwrap();
    format!(
        "<interface type='bridge'><mac address='{mac}'/><source bridge='br-int'/>\
         <virtualport type='openvswitch'>{interface_id}</virtualport><model type='virtio'/></interface>"
    )
}

fn naming(id: &str) -> String {
    format!("<parameters interfaceid='{id}'/>")
}

#[test]
fn a_guest_starts_with_its_rules_in_place_and_is_known_through_crashes() {
    let mut scene = Scene::set(LONG);
    wait_for_driver(&scene.pool, "libvirt is found", |driver| {
        driver["version"].is_string()
    });
    // Nobody said where it will be.
    let port = scene.port("name=web");
    let id = port["id"].as_str().unwrap();
    scene
        .libvirt
        .define("web", "", &plugged(&port, &naming(id)));
    scene.libvirt.must("start web");

    // By now its first frame may be on its way.
    let vif = scene.vif("web");
    let interface = vif["status"]["interface"].as_str().unwrap().to_owned();
    let active = scene.vsctl(&format!(
        "get interface {interface} external_ids:bulkhead-active"
    ));
    assert!(!active.trim().is_empty());
    eventually("the guest is behind its port", PATIENCE, || {
        let guest = scene.vif("web")["status"]["guest"].clone();
        guest["name"] == "web" && guest["state"] == "running" && guest["driver"] == "libvirt"
    });
    let mut console = String::new();
    eventually("the guest has an address", PATIENCE, || {
        console = scene.libvirt.console("web");
        console.contains("LEASED")
    });
    let address = port["addresses"][0].as_str().unwrap();
    let first = format!("LEASED eth0 attempt=1 address={address} mtu=1500.");
    assert!(console.contains(&first), "{console}");
    let address = address.parse().unwrap();
    let reached = |scene: &Scene| {
        let ping = || {
            scene
                .peer
                .ping(address, 1, std::time::Duration::from_secs(1))
        };
        (0..5).any(|_| ping() == 1)
    };
    assert!(reached(&scene));

    for (command, state) in [("suspend", "paused"), ("resume", "running")] {
        scene.libvirt.must(&format!("{command} web"));
        eventually("what it does is told", PATIENCE, || {
            scene.vif("web")["status"]["guest"]["state"] == state
        });
    }

    // libvirtd dies: its guests do not.
    scene.libvirt.kill();
    wait_for_driver(&scene.pool, "libvirt is missed", |driver| {
        driver["reason"].is_string() && driver["guests"] == 1
    });
    assert!(reached(&scene));
    assert_eq!(scene.vif("web")["status"]["state"], "active");
    scene.libvirt.run();
    wait_for_driver(&scene.pool, "libvirt is back", |driver| {
        driver["reason"].is_null() && driver["guests"] == 1
    });

    // QEMU dies while nobody looks after it: what is left of it goes when somebody does.
    scene.libvirt.kill();
    scene.libvirt.kill_guest("web");
    eventually("the port is down", PATIENCE, || {
        scene.vif("web")["status"]["state"] != "active"
    });
    scene.libvirt.run();
    eventually("nothing of it is left", PATIENCE, || {
        let gone = !scene.has_interface(&interface);
        gone && driver(&scene.pool).is_some_and(|it| it["guests"] == 0)
    });
    assert!(scene.vif("web")["status"]["guest"].is_null());
}

#[test]
fn a_guest_that_nobody_vouches_for_does_not_start() {
    let scene = Scene::set(2);
    let port = scene.port("name=web");
    let stranger = naming("00000000-0000-4000-8000-000000000bad");
    let interfaces = plugged(&port, &stranger);
    scene.libvirt.define("stranger", "", &interfaces);
    let complaint = scene.libvirt.virsh("start stranger").unwrap_err();
    assert!(
        complaint.contains("not planned on this host"),
        "{complaint}"
    );
    assert_eq!(scene.vsctl("list-ports br-int").matches("vnet").count(), 0);

    // Without an agent, nobody vouches for anything.
    let host = scene.pool.host(1);
    let id = port["id"].as_str().unwrap();
    scene
        .libvirt
        .define("web", "", &plugged(&port, &naming(id)));
    scene.pool.wait(host.agent().unwrap().stop()).unwrap();
    let complaint = scene.libvirt.virsh("start web --paused").unwrap_err();
    assert!(complaint.contains("no agent answers"), "{complaint}");
    // Who has nothing to do with us is not held up.
    scene.libvirt.define("other", "", "");
    scene.libvirt.must("start other --paused");
    scene.libvirt.must("destroy other");
    scene.pool.wait(host.agent().unwrap().start()).unwrap();
    eventually("the guest may start", PATIENCE, || {
        scene.libvirt.virsh("start web --paused").is_ok()
    });
}

#[test]
fn a_guest_without_an_interface_id_is_found_by_its_address_or_its_metadata() {
    let scene = Scene::set(LONG);
    let by_mac = scene.port("name=by-mac host=h1");
    let by_metadata = scene.port("name=by-metadata");
    let (mac, other_mac) = (&by_mac["mac"], &by_metadata["mac"]);
    // A link that somebody else made and plugged in, without a word of whose it is.
    let host = scene.pool.host(1);
    let run = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        scene.pool.wait(host.run(&words)).unwrap();
    };
    run("ip tuntap add tap7 mode tap vnet_hdr");
    run("ip link set tap7 up");
    scene.vsctl("add-port br-int tap7");
    let interfaces = format!(
        "<interface type='ethernet'><mac address={mac}/><target dev='tap7' managed='no'/>\
         <model type='virtio'/></interface>{}",
        plugged(&by_metadata, "")
    );
    let metadata = format!(
        "<b:vifs xmlns:b='urn:bulkhead:domain'><b:vif mac={other_mac} port={}/></b:vifs>",
        by_metadata["id"]
    );
    scene.libvirt.define("adopted", &metadata, &interfaces);
    scene.libvirt.must("start adopted --paused");
    eventually("both ports are active, with their guest", PATIENCE, || {
        ["by-mac", "by-metadata"].iter().all(|name| {
            let status = scene.vif(name)["status"].clone();
            status["state"] == "active"
                && status["guest"]["name"] == "adopted"
                && status["guest"]["state"] == "paused"
        })
    });
    let named = scene.vsctl("get interface tap7 external_ids:iface-id");
    assert_eq!(named.trim().trim_matches('"'), by_mac["id"]);
    scene.libvirt.must("destroy adopted");
    eventually("the guest is gone from its ports", PATIENCE, || {
        let gone = |name: &&str| scene.vif(name)["status"]["guest"].is_null();
        ["by-mac", "by-metadata"].iter().all(gone)
    });
}
