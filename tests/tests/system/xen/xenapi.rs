//! A whole agent that follows a XenAPI: guests of its toolstack are on their networks as long as they run,
//! whatever becomes of the toolstack. The XenAPI is the one that the driver itself is tested against; links
//! stand in for backends, and rows in OVSDB for XCP-ng's own script.

use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::{Value, json};
use tests::namespace;

use super::*;
use server::{Identity, PASSWORD, Server};

#[path = "../../../../compute/tests/xenapi/server.rs"]
#[expect(
    dead_code,
    reason = "the manners of hostile servers are for the driver's own tests"
)]
mod server;

/// XenAPI's identifier of the host, and those that it made up for the guest's VIFs.
const HOST: &str = "00000000-0000-4000-8000-000000000001";
const VIFS: [&str; 2] = [
    "00000000-0000-4000-8000-00000000f001",
    "00000000-0000-4000-8000-00000000f002",
];

/// What nobody may read anywhere.
const WRONG: &str = "not-the-password";

/// The toolstack of the host, and what it wrote down for the agent.
struct Toolstack {
    server: Option<Server>,
    identity: Identity,
    address: String,
    folder: PathBuf,
}

impl Toolstack {
    /// Starts one, in the host's own namespace; then says to the agent how to log in.
    fn start(scene: &Scene) -> Self {
        let host = scene.pool.host(1);
        let mut toolstack = Self {
            server: None,
            identity: Identity::make(),
            address: format!("{}:0", host.address()),
            folder: host.directory().clone(),
        };
        toolstack.run(scene);
        let server = toolstack.server();
        let text = json!({
            "url": format!("https://{}", server.address),
            "user": "reader",
            "password_file": toolstack.write("xenapi.password", PASSWORD),
            "certificates": toolstack.write("xenapi.pem", &server.pem),
            "host": HOST,
        });
        toolstack.write("xenapi.json", &text.to_string());
        toolstack
    }

    /// Starts it, where it was before if it ran: it remembers nobody's session.
    fn run(&mut self, scene: &Scene) {
        let inside = scene.pool.host(1).namespace().to_owned();
        let listener = namespace::inside(&inside, || TcpListener::bind(&self.address).unwrap());
        let identity = self.identity.clone();
        let server = scene
            .pool
            .wait(async { Server::start_on(listener, identity) });
        server.put(
            "host",
            "host1",
            json!({"uuid": HOST, "software_version":
                {"product_brand": "XCP-ng", "product_version": "8.3.0"}}),
        );
        self.address.clone_from(&server.address);
        self.server = Some(server);
    }

    fn stop(&mut self) {
        self.server = None;
    }

    fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    /// The network that VIFs are on; an operator says which of ours it is, or does not.
    fn put_network(&self, ours: Option<&str>) {
        let config = ours.map_or_else(|| json!({}), |id| json!({"bulkhead-network": id}));
        let network = json!({"name_label": "web", "bridge": "br-int", "other_config": config});
        self.server().put("network", "net1", network);
    }

    fn put_guest(&self, state: &str) {
        let (host, domid) = match state {
            "Halted" => ("OpaqueRef:NULL", -1),
            _ => ("host1", 7),
        };
        let vm = json!({"uuid": GUEST, "name_label": "web", "power_state": state,
            "domid": domid, "resident_on": host, "is_control_domain": false});
        self.server().put("vm", "vm1", vm);
    }

    /// The VIF with this number, and what an operator said of it.
    fn put_vif(&self, number: usize, mac: &str, config: Value) {
        let vif = json!({"uuid": VIFS[number], "device": number.to_string(), "network": "net1",
            "VM": "vm1", "MAC": mac, "currently_attached": true, "other_config": config});
        self.server().put("vif", &format!("vif{number}"), vif);
    }

    /// Writes a file beside the agent's other ones; gives its path.
    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        path
    }
}

impl Scene {
    /// As XCP-ng's own script plugs a VIF in, by the identifier that XenAPI made up for it.
    fn plug_as_xcp_ng(&self, link: &str, vif: &str, mac: &str) {
        self.run(&format!("ip link set {link} up"));
        self.vsctl(&format!(
            "add-port br-int {link} -- set Interface {link} external_ids:attached-mac=\"{mac}\" \
             external_ids:xs-vif-uuid={vif} external_ids:xs-vm-uuid={GUEST} \
             external_ids:xs-network-uuid=00000000-0000-4000-8000-00000000beef"
        ));
    }

    /// What the host says of its XenAPI.
    fn driver(&self) -> Value {
        let host = self.pool.json("host-show h1");
        let drivers = host["status"]["drivers"].as_array().cloned();
        let mut drivers = drivers.unwrap_or_default().into_iter();
        let found = drivers.find(|driver| driver["name"] == "xenapi");
        found.unwrap_or_default()
    }

    /// Waits until the driver is away, for this reason.
    fn misses_xenapi(&self, why: &str) -> String {
        let mut reason = String::new();
        eventually(why, PATIENCE, || {
            reason = text_or_none(&self.driver()["reason"]);
            reason.contains(why)
        });
        reason
    }

    fn hears_xenapi(&self) {
        eventually("XenAPI is heard", PATIENCE, || {
            self.driver()["version"] == "XCP-ng 8.3.0"
        });
    }

    /// Waits until a port is active, with the guest of XenAPI behind it in this state.
    fn has_guest(&self, port: &str, state: &str) {
        eventually("the port is active, with its guest", PATIENCE, || {
            let status = self.vif(port)["status"].clone();
            let guest = &status["guest"];
            status["state"] == "active"
                && guest["driver"] == "xenapi"
                && guest["name"] == "web"
                && guest["state"] == state
        });
    }

    fn agent_log(&self) -> String {
        let agent = self.pool.host(1).agent().unwrap().clone();
        std::fs::read_to_string(agent.log()).unwrap()
    }
}

fn text_or_none(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A guest of XenAPI with two VIFs: one on a network of which an operator says which it is, one of which he
/// says the port. Gives what is inside.
fn guest_with_two_vifs(scene: &Scene, toolstack: &Toolstack) -> [Instance; 2] {
    // Found by its Ethernet address, which only a port of this host's plan can be.
    let web = scene.port("name=web host=h1");
    let extra = scene.port("name=extra");
    let inside = [
        scene.backend("vif7.0", &web),
        scene.backend("vif7.1", &extra),
    ];
    toolstack.put_network(None);
    toolstack.put_guest("Running");
    for (number, port) in [&web, &extra].into_iter().enumerate() {
        let mac = text(&port["mac"]);
        let config = match number {
            0 => json!({}),
            _ => json!({"bulkhead-port": port["id"]}),
        };
        scene.plug_as_xcp_ng(&format!("vif7.{number}"), VIFS[number], mac);
        toolstack.put_vif(number, mac, config);
    }
    scene.has_guest("extra", "running");
    // The Ethernet address alone says nothing while nobody has said the network: it may be anybody's.
    assert_ne!(scene.vif("web")["status"]["state"], "active");
    assert_eq!(scene.external_id("vif7.0", "bulkhead-active"), "");
    assert!(!scene.reaches_peer(&inside[0]));
    let network = scene.pool.json("vlan-show web tenant=acme");
    toolstack.put_network(Some(text(&network["id"])));
    scene.has_guest("web", "running");
    assert_eq!(scene.external_id("vif7.0", "iface-id"), text(&web["id"]));
    assert_eq!(scene.external_id("vif7.0", "xs-vif-uuid"), VIFS[0]);
    inside
}

#[test]
fn a_guest_of_xenapi_is_on_its_networks_while_it_runs_and_whatever_its_toolstack_does() {
    let scene = Scene::set();
    let mut toolstack = Toolstack::start(&scene);
    scene.hears_xenapi();
    let inside = guest_with_two_vifs(&scene, &toolstack);
    assert!(inside.iter().all(|guest| scene.reaches_peer(guest)));
    assert_eq!(scene.driver()["guests"], 1);
    toolstack.put_guest("Paused");
    scene.has_guest("web", "paused");
    assert_eq!(toolstack.server().logins(), 1);

    // Its sessions and the events of before are gone; what happened meanwhile is asked for anew.
    toolstack.server().forget_sessions();
    toolstack.server().forget_events();
    toolstack.put_guest("Running");
    scene.has_guest("web", "running");
    assert_eq!(toolstack.server().logins(), 2);

    // The toolstack ends. Its guests do not.
    toolstack.stop();
    scene.misses_xenapi("could not ask XenAPI");
    assert_eq!(scene.driver()["guests"], 1);
    assert_eq!(scene.vif("web")["status"]["state"], "active");
    assert!(inside.iter().all(|guest| scene.reaches_peer(guest)));

    // When it is back, one VIF and its port's guest went with nobody to tell of it.
    scene.vsctl("del-port br-int vif7.1");
    scene.run("ip link del vif7.1");
    toolstack.run(&scene);
    let (network, web) = (
        scene.pool.json("vlan-show web tenant=acme"),
        scene.vif("web"),
    );
    toolstack.put_network(Some(text(&network["id"])));
    toolstack.put_guest("Paused");
    toolstack.put_vif(0, text(&web["mac"]), json!({}));
    scene.hears_xenapi();
    scene.has_guest("web", "paused");
    assert!(scene.reaches_peer(&inside[0]));
    let is_gone = |port: &str| {
        let status = scene.vif(port)["status"].clone();
        status["state"] != "active" && status["guest"].is_null()
    };
    eventually("the VIF that went is gone", PATIENCE, || is_gone("extra"));

    // The guest is stopped: its toolstack plugs its VIFs out.
    scene.vsctl("del-port br-int vif7.0");
    scene.run("ip link del vif7.0");
    toolstack.put_guest("Halted");
    eventually("the guest is gone from its port", PATIENCE, || {
        is_gone("web") && scene.driver()["guests"] == 0
    });
    let mac = text(&web["mac"]);
    eventually("its flows are gone", PATIENCE, || {
        let flows = scene.pool.flows(1);
        !flows.iter().any(|flow| flow.contains(mac))
    });
}

#[test]
fn a_wrong_password_is_named_and_never_shown_and_guests_keep_their_networks() {
    let scene = Scene::set();
    let toolstack = Toolstack::start(&scene);
    scene.hears_xenapi();
    let inside = guest_with_two_vifs(&scene, &toolstack);

    toolstack.write("xenapi.password", WRONG);
    toolstack.server().forget_sessions();
    let reason = scene.misses_xenapi("SESSION_AUTHENTICATION_FAILED");
    assert_eq!(toolstack.server().logins(), 1);
    let log = scene.agent_log();
    assert!(log.contains("SESSION_AUTHENTICATION_FAILED"), "{log}");
    let host = scene.pool.json("host-show h1").to_string();
    for shown in [&reason, &log, &host] {
        for secret in [WRONG, PASSWORD] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
    assert_eq!(scene.vif("web")["status"]["state"], "active");
    assert!(inside.iter().all(|guest| scene.reaches_peer(guest)));

    // One that others could read is not used, either.
    let file = toolstack.write("xenapi.password", PASSWORD);
    std::fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    scene.misses_xenapi("may be read by others");
    assert_eq!(toolstack.server().logins(), 1);

    toolstack.write("xenapi.password", PASSWORD);
    scene.hears_xenapi();
    scene.has_guest("web", "running");
    assert!(!scene.agent_log().contains(PASSWORD));
}
