//! Guests of two hosts: addresses, rules and VIFs that come and go while they run.

use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::Value;
use tests::libvirt::Libvirt;
use tests::{Instance, Pool, PoolSpec, eventually};

use super::{LONG, naming, plugged};
use crate::PATIENCE;

/// Two hosts, each with its libvirt; a VLAN network `web` and an overlay `db`; and instances that are no
/// guests: `stranger` on `web`, in a group of its own, and `store` on `db`.
struct Scene {
    // Before the pool, whose end takes everything in the hosts' namespaces along.
    libvirts: [Libvirt; 2],
    stranger: Instance,
    store: Instance,
    pool: Pool,
}

impl Scene {
    fn set() -> Self {
        let pool = Pool::up(&PoolSpec::real(2));
        pool.must(
            "physical-network-create name=private role=private nic=eth1 vlans=100-199 \
             endpoints=10.254.0.0/16",
        );
        pool.must("tenant-create name=acme");
        pool.must("vlan-create tenant=acme name=web subnet=10.0.0.0/24");
        pool.must("vxlan-create tenant=acme name=db subnet=10.1.0.0/24");
        pool.must("group-create tenant=acme name=strangers");
        pool.must("vm-start stranger tenant=acme network=web host=h2 groups=strangers");
        let stranger = pool.instance("stranger", "acme", "h2");
        let store = pool.vm_start("store", "acme", "db", "h2");
        Self {
            libvirts: [1, 2].map(|host| Libvirt::start(pool.host(host), LONG)),
            stranger,
            store,
            pool,
        }
    }

    fn port(&self, name: &str, network: &str) -> Value {
        let line = format!("vif-create tenant=acme network={network} name={name}");
        self.pool.json(&line)
    }

    fn status(&self, name: &str) -> Value {
        self.pool.json(&format!("vif-show {name} tenant=acme"))["status"].clone()
    }

    /// Waits until a guest's console says so.
    fn hears(&self, host: usize, guest: &str, words: &str) {
        let libvirt = &self.libvirts[host - 1];
        let mut console = String::new();
        let patience = PATIENCE * 2;
        let what = format!("{guest} says {words}");
        eventually(&what, patience, || {
            console = libvirt.console(guest);
            console.contains(words)
        });
    }

    fn has_interface(&self, host: usize, name: &str) -> bool {
        let host = self.pool.host(host);
        let listed = host.vswitch().ovs_vsctl(&["list-ports", "br-int"]);
        let listed = self.pool.wait(listed).unwrap();
        listed.lines().any(|it| it == name)
    }

    /// Whether a flow of a host's switch speaks of this Ethernet address.
    fn knows(&self, host: usize, mac: &str) -> bool {
        let flows = self.pool.flows(host);
        flows.iter().any(|flow| flow.contains(mac))
    }
}

fn address_of(port: &Value) -> Ipv4Addr {
    port["addresses"][0].as_str().unwrap().parse().unwrap()
}

fn answers(to: Ipv4Addr, from: &Instance) -> bool {
    (0..5).any(|_| from.ping(to, 1, Duration::from_secs(1)) == 1)
}

#[test]
fn guests_of_two_hosts_have_addresses_rules_and_vifs_that_come_and_go() {
    let scene = Scene::set();
    let [one, two] = ["one", "two"].map(|name| scene.port(name, "web"));
    for (host, name, port, other) in [(1, "one", &one, &two), (2, "two", &two, &one)] {
        let words = format!("reach={}", address_of(other));
        let interfaces = plugged(port, &naming(port["id"].as_str().unwrap()));
        let libvirt = &scene.libvirts[host - 1];
        libvirt.define_told(name, &words, "", &interfaces);
        libvirt.must(&format!("start {name}"));
    }
    for (host, name, port, other) in [(1, "one", &one, &two), (2, "two", &two, &one)] {
        let address = address_of(port);
        let leased = format!("LEASED eth0 attempt=1 address={address} mtu=1500.");
        scene.hears(host, name, &leased);
        scene.hears(host, name, &format!("REACHED {}.", address_of(other)));
    }
    // The rules of its group are a guest's as they are everybody's.
    let to = address_of(&one);
    assert_eq!(scene.stranger.ping(to, 3, Duration::from_millis(200)), 0);
    scene
        .pool
        .must("group-allow default tenant=acme protocol=icmp from=group:strangers");
    eventually("a rule lets it in", PATIENCE, || {
        answers(to, &scene.stranger)
    });

    a_vif_comes_and_goes(&scene);
    nothing_of_a_killed_guest_stays(&scene);
    a_machine_of_ours_starts_again_and_stops(&scene);
}

fn a_vif_comes_and_goes(scene: &Scene) {
    let extra = scene.port("extra", "db");
    let id = extra["id"].as_str().unwrap();
    let refused = |line: &str, why: &str| {
        let complaint = scene.pool.netctl(line).unwrap_err();
        assert!(complaint.contains(why), "{line}\n{complaint}");
    };
    let unknown = "vif-attach extra tenant=acme vm=nobody host=h1";
    refused(unknown, "no guest nobody runs on this host");
    refused(
        "vif-attach extra tenant=acme vm=two host=h1",
        "no guest two runs",
    );
    refused("vif-detach extra tenant=acme", "is not attached to a guest");

    scene
        .pool
        .must("vif-attach extra tenant=acme vm=one host=h1");
    let address = address_of(&extra);
    let leased = format!("LEASED eth1 attempt=1 address={address} mtu=1450.");
    scene.hears(1, "one", &leased);
    assert!(answers(address, &scene.store), "across hosts, in a tunnel");
    let kept = || scene.libvirts[0].must("dumpxml --inactive one");
    assert!(kept().contains(id), "it is there after the next start");
    let status = scene.status("extra");
    assert_eq!(status["guest"]["name"], "one");
    let interface = status["interface"].as_str().unwrap().to_owned();
    refused(
        "vif-attach extra tenant=acme vm=two host=h2",
        "detach it there first",
    );

    let mac = extra["mac"].as_str().unwrap();
    assert!(scene.knows(1, mac));

    scene.pool.must("vif-detach extra tenant=acme");
    scene.hears(1, "one", "GONE eth1.");
    assert!(!kept().contains(id), "nor is it after the next start");
    eventually("its port and its flows are gone", PATIENCE, || {
        !scene.has_interface(1, &interface) && !scene.knows(1, mac)
    });
    let shown = scene.pool.json("vif-show extra tenant=acme");
    assert!(shown["host_id"].is_null(), "{shown}");
    assert_eq!(shown["status"]["state"], "down");
}

fn nothing_of_a_killed_guest_stays(scene: &Scene) {
    let interface = scene.status("two")["interface"]
        .as_str()
        .unwrap()
        .to_owned();
    scene.libvirts[1].kill_guest("two");
    eventually("nothing of it stays", PATIENCE, || {
        let status = scene.status("two");
        let gone = status["state"] == "down" && status["guest"].is_null();
        gone && !scene.has_interface(2, &interface)
    });
}

/// Defined, started, killed and started again by itself, stopped, deleted.
fn a_machine_of_ours_starts_again_and_stops(scene: &Scene) {
    let images = scene.pool.host(2).images_directory();
    std::fs::create_dir_all(&images).unwrap();
    let image = tests::libvirt::image::image();
    std::fs::copy(&image.kernel, images.join("vmlinuz")).unwrap();
    std::fs::copy(&image.initrd, images.join("initrd")).unwrap();
    std::fs::write(images.join("root.img"), vec![0; 1 << 20]).unwrap();
    scene.pool.must(
        "vm-define three tenant=acme network=web host=h2 kernel=vmlinuz initrd=initrd \
         command-line=console=ttyS0 disk=root.img memory=96 acceleration=emulated",
    );
    let view = || scene.pool.json("vm-show three tenant=acme");
    assert_eq!(view()["power"], "off");
    scene.pool.must("vm-start three tenant=acme");
    let handle = view()["status"]["handle"].as_str().unwrap().to_owned();
    let port = view()["port_ids"][0].as_str().unwrap().to_owned();
    let port = || scene.pool.json(&format!("vif-show {port}"));
    let address = port()["addresses"][0].as_str().unwrap().to_owned();
    let libvirt = &scene.libvirts[1];
    let leased = format!("LEASED eth0 attempt=1 address={address} mtu=1500.");
    eventually("it has its address", PATIENCE * 2, || {
        libvirt.log_of(&handle).contains(&leased)
    });
    let interface = || port()["status"]["interface"].as_str().map(str::to_owned);
    let before = interface().unwrap();
    libvirt.kill_guest(&handle);
    eventually("it runs again by itself", PATIENCE, || {
        let again = interface().is_some_and(|it| it != before);
        again && port()["status"]["state"] == "active"
    });
    scene.pool.must("vm-stop three tenant=acme");
    eventually("it runs no more", PATIENCE, || {
        !libvirt.must("list --name").contains(&handle) && port()["status"]["state"] == "down"
    });
    assert_eq!(view()["power"], "off");
    scene.pool.must("vm-undefine three tenant=acme");
    assert!(scene.pool.netctl("vm-show three tenant=acme").is_err());
}
