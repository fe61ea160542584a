//! Guests of Xen, as its toolstacks plug them in: by our hotplug script with xenstore's real command line, and
//! as XCP-ng's own script does. There is no hypervisor here: links stand in for backends.

mod xenapi;

use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use tests::xenstore::Xenstore;
use tests::{Instance, Pool, PoolSpec, eventually};

use crate::PATIENCE;

/// A guest's identifier.
const GUEST: &str = "5f0c2c4a-3c1e-4b7e-9a55-0123456789ab";

/// How long the script waits, in seconds: a busy machine takes its time.
const LONG: u64 = 60;

/// The same for a guest that will not start: long enough for the agent to have seen its VIF.
const SHORT: u64 = 10;

/// A pool of one host with a network, an instance on it, and a xenstored.
struct Scene {
    store: Xenstore,
    peer: Instance,
    pool: Pool,
    _folder: TempDir,
}

/// What the script did.
struct Done {
    is_success: bool,
    said: String,
}

impl Scene {
    fn set() -> Self {
        let pool = Pool::up(&PoolSpec::real(1));
        pool.must("physical-network-create name=private role=private nic=eth1 vlans=100-199");
        pool.must("tenant-create name=acme");
        pool.must("vlan-create tenant=acme name=web subnet=10.0.0.0/24");
        pool.admit_everybody("acme");
        let peer = pool.vm_start("peer", "acme", "web", "h1");
        let folder = TempDir::new().unwrap();
        Self {
            store: Xenstore::start(folder.path()),
            peer,
            pool,
            _folder: folder,
        }
    }

    fn port(&self, words: &str) -> Value {
        self.pool
            .json(&format!("vif-create tenant=acme network=web {words}"))
    }

    fn vif(&self, name: &str) -> Value {
        self.pool.json(&format!("vif-show {name} tenant=acme"))
    }

    /// Runs a command on the host, whose words have no spaces.
    fn run(&self, line: &str) -> String {
        let words: Vec<&str> = line.split_whitespace().collect();
        let done = self.pool.wait(self.pool.host(1).run(&words));
        done.unwrap_or_else(|e| panic!("{line}: {e}"))
    }

    fn vsctl(&self, line: &str) -> String {
        let words: Vec<&str> = line.split_whitespace().collect();
        let host = self.pool.host(1);
        let done = self.pool.wait(host.vswitch().ovs_vsctl(&words));
        done.unwrap_or_else(|e| panic!("ovs-vsctl {line}: {e}"))
    }

    fn external_id(&self, interface: &str, key: &str) -> String {
        let id = self.vsctl(&format!(
            "--if-exists get Interface {interface} external_ids:{key}"
        ));
        id.trim().trim_matches('"').to_owned()
    }

    fn is_plugged(&self, name: &str) -> bool {
        self.vsctl("list-ports br-int").lines().any(|it| it == name)
    }

    /// A backend's link, whose other end is inside a namespace, as a guest's would be inside of it.
    fn backend(&self, link: &str, port: &Value) -> Instance {
        let prefix = self.pool.lab().prefix().as_str();
        let namespace = format!("{prefix}-x-{}", link.replace('.', "-"));
        let (mac, address) = (text(&port["mac"]), text(&port["addresses"][0]));
        self.run(&format!("ip netns add {namespace}"));
        self.run(&format!(
            "ip link add {link} type veth peer name eth0 address {mac} netns {namespace}"
        ));
        self.run(&format!("ip -n {namespace} link set eth0 up"));
        self.run(&format!(
            "ip -n {namespace} address add {address}/24 dev eth0"
        ));
        let inside = format!("nsenter --net=/run/netns/{namespace} --");
        self.run(&format!("{inside} ethtool -K eth0 tx off"));
        Instance {
            name: link.to_owned(),
            namespace,
            address: address.parse().unwrap(),
            port_id: text(&port["id"]).to_owned(),
            ..self.peer.clone()
        }
    }

    fn reaches_peer(&self, guest: &Instance) -> bool {
        guest.reaches(&self.peer)
    }

    /// What a toolstack writes of the only VIF of domain `domain`; gives the folder.
    fn announce(&self, domain: u16, mac: &str) -> String {
        let backend = format!("/local/domain/0/backend/vif/{domain}/0");
        let (vm, said) = (format!("/vm/{GUEST}"), |path: &str, value: &str| {
            self.store.write(path, value);
        });
        said(&format!("{backend}/mac"), mac);
        said(&format!("{backend}/bridge"), "br-int");
        said(&format!("{backend}/frontend-id"), &domain.to_string());
        said(&format!("/local/domain/{domain}/vm"), &vm);
        said(&format!("{vm}/uuid"), GUEST);
        said(&format!("{vm}/name"), "web \"x\" type=internal");
        backend
    }

    /// Calls the script as `xl` does.
    fn hotplug(&self, variables: &[(&str, &str)], words: &str, seconds: u64) -> Done {
        let host = self.pool.host(1);
        let script = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../host-agent/scripts/vif-bulkhead"
        );
        let options = format!(
            "--state-dir {} --ovsdb {} --seconds {seconds}",
            host.agent_directory().display(),
            host.vswitch().ovsdb_address(),
        );
        let inside = format!("--net=/run/netns/{}", host.namespace());
        let output = Command::new("nsenter")
            .args([&inside, "--", script])
            .args(words.split_whitespace())
            .env("XENSTORED_PATH", self.store.socket())
            .env("BULKHEAD_AGENT", tests::programs().join("bulkhead-agent"))
            .env("BULKHEAD_HOTPLUG_OPTIONS", options)
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        Done {
            is_success: output.status.success(),
            said: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    fn told(&self, backend: &str, what: &str) -> Option<String> {
        self.store.read(&format!("{backend}/{what}"))
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn a_vif_is_connected_when_its_rules_are_in_place_and_is_gone_when_it_goes() {
    let scene = Scene::set();
    // Found by its Ethernet address, which only a port of this host's plan can be.
    let port = scene.port("name=web host=h1");
    let guest = scene.backend("vif7.0", &port);
    let backend = scene.announce(7, text(&port["mac"]));
    let online = [("XENBUS_PATH", backend.as_str()), ("vif", "vif7.0")];
    let done = scene.hotplug(&online, "online type_if=vif", LONG);
    assert!(done.is_success, "{}", done.said);
    // By now the guest may run.
    assert_eq!(
        scene.told(&backend, "hotplug-status").as_deref(),
        Some("connected")
    );
    assert_ne!(scene.external_id("vif7.0", "bulkhead-active"), "");
    assert_eq!(scene.external_id("vif7.0", "iface-id"), text(&port["id"]));
    assert_eq!(
        scene.external_id("vif7.0", "attached-mac"),
        text(&port["mac"])
    );
    assert_eq!(scene.external_id("vif7.0", "xs-vm-uuid"), GUEST);
    assert_eq!(scene.vsctl("get Interface vif7.0 type").trim(), "\"\"");
    assert!(scene.reaches_peer(&guest));
    eventually("the guest is behind its port", PATIENCE, || {
        let guest = scene.vif("web")["status"]["guest"].clone();
        guest["uuid"] == GUEST && guest["driver"] == "xen"
    });

    its_emulated_nic_stays_dark(&scene, &backend, &guest);

    let done = scene.hotplug(&online, "offline type_if=vif", LONG);
    assert!(
        done.is_success && !scene.is_plugged("vif7.0"),
        "{}",
        done.said
    );
    eventually("the port is down, with nobody behind it", PATIENCE, || {
        let status = scene.vif("web")["status"].clone();
        status["state"] != "active" && status["guest"].is_null()
    });
    // A toolstack that does it again, or whose backend is gone, is not in the way of the next guest.
    assert!(
        scene
            .hotplug(&online, "offline type_if=vif", LONG)
            .is_success
    );

    // Another guest, which is said to have a port that no host has yet, under a name of its own.
    let other = scene.port("name=other");
    let guest = scene.backend("vif8.0", &other);
    let backend = scene.announce(8, text(&other["mac"]));
    scene.store.write(&format!("{backend}/vifname"), "web-out");
    scene
        .store
        .write(&format!("/bulkhead/{GUEST}/0"), text(&other["id"]));
    let online = [("XENBUS_PATH", "backend/vif/8/0"), ("vif", "vif8.0")];
    let done = scene.hotplug(&online, "online type_if=vif", LONG);
    assert!(done.is_success, "{}", done.said);
    assert_eq!(
        scene.told(&backend, "hotplug-status").as_deref(),
        Some("connected")
    );
    assert_eq!(scene.external_id("web-out", "iface-id"), text(&other["id"]));
    assert!(scene.reaches_peer(&guest));
}

/// The emulated NIC of the same VIF does not take the port from it.
fn its_emulated_nic_stays_dark(scene: &Scene, backend: &str, guest: &Instance) {
    scene.run("ip link add vif7.0-emu type veth peer name emulated");
    let emulated = [("XENBUS_PATH", backend), ("INTERFACE", "vif7.0-emu")];
    let done = scene.hotplug(&emulated, "add type_if=tap", LONG);
    assert!(done.is_success, "{}", done.said);
    assert!(scene.is_plugged("vif7.0-emu"));
    assert!(scene.reaches_peer(guest));
    assert_eq!(scene.external_id("vif7.0-emu", "bulkhead-active"), "");
    let done = scene.hotplug(&emulated, "remove type_if=tap", LONG);
    assert!(
        done.is_success && !scene.is_plugged("vif7.0-emu"),
        "{}",
        done.said
    );
}

#[test]
fn a_vif_that_nobody_vouches_for_is_an_error_and_not_in_the_switch() {
    let scene = Scene::set();
    let port = scene.port("name=web host=h1");
    scene.backend("vif7.0", &port);
    let refused = |mac: &str, bridge: &str, why: &str| {
        let backend = scene.announce(7, mac);
        scene.store.write(&format!("{backend}/bridge"), bridge);
        scene.store.write(&format!("{backend}/hotplug-status"), "");
        let online = [("XENBUS_PATH", backend.as_str()), ("vif", "vif7.0")];
        let done = scene.hotplug(&online, "online type_if=vif", SHORT);
        assert!(!done.is_success, "{}", done.said);
        assert_eq!(
            scene.told(&backend, "hotplug-status").as_deref(),
            Some("error")
        );
        let reason = scene.told(&backend, "hotplug-error").unwrap();
        assert!(reason.contains(why), "{reason}");
        assert!(!scene.is_plugged("vif7.0"), "{why}");
    };
    let mac = text(&port["mac"]);
    refused("00:16:3e:00:00:99", "br-int", "names no port");
    refused("nonsense", "br-int", "its mac");
    refused(mac, "xenbr0", "its bridge is not br-int");
    let said = format!("/bulkhead/{GUEST}/0");
    scene
        .store
        .write(&said, "00000000-0000-4000-8000-000000000bad");
    refused(mac, "br-int", "not planned on this host");
    scene.store.write(&said, "../../0");
    refused(mac, "br-int", "the port that is said for it");
    scene.store.write(&said, text(&port["id"]));

    // Without an agent, nobody vouches for anything.
    let host = scene.pool.host(1);
    scene.pool.wait(host.agent().unwrap().stop()).unwrap();
    refused(mac, "br-int", "no agent answers");
    scene.pool.wait(host.agent().unwrap().start()).unwrap();

    // Without xenstored nobody can be told of anything but by the script's end.
    let online = [
        ("XENBUS_PATH", "/local/domain/0/backend/vif/7/0"),
        ("vif", "vif7.0"),
        ("XENSTORED_PATH", "/nonexistent"),
    ];
    let done = scene.hotplug(&online, "online type_if=vif", SHORT);
    assert!(
        !done.is_success && done.said.contains("xenstore"),
        "{}",
        done.said
    );
}

#[test]
fn a_vif_that_xcp_ng_plugs_is_known_by_its_own_identifier() {
    let scene = Scene::set();
    let port = scene.port("name=web");
    let guest = scene.backend("vif7.0", &port);
    scene.run("ip link set vif7.0 up");
    let (id, mac) = (text(&port["id"]), text(&port["mac"]));
    // As XCP-ng's own script has it; the network's identifier is XenAPI's.
    scene.vsctl(&format!(
        "add-port br-int vif7.0 -- set Interface vif7.0 external_ids:attached-mac=\"{mac}\" \
         external_ids:xs-vif-uuid={id} external_ids:xs-vm-uuid={GUEST} \
         external_ids:xs-network-uuid=00000000-0000-4000-8000-00000000beef"
    ));
    eventually("the port is active, with its guest", PATIENCE, || {
        let status = scene.vif("web")["status"].clone();
        status["state"] == "active" && status["guest"]["uuid"] == GUEST
    });
    assert!(scene.reaches_peer(&guest));
}
