//! Live migration, with namespaces for guests: a port has an interface on two hosts for a while, both answer,
//! and one of them at most is heard.

mod failures;

use std::time::Duration;

use serde_json::Value;
use tests::frame::{self, BROADCAST};
use tests::tenants::TwoTenants;
use tests::truth::ByPort;
use tests::{Instance, Plug, Pool, PoolSpec, eventually};

use crate::PATIENCE;
use crate::billing::billed_exactly;

const MARK: &str = "BULKHEAD migrates";

/// Two tenants, and a port of the first that is plugged in on h1 and, for the same guest, on h2.
struct Scene {
    tenants: TwoTenants,
    /// On h3, of the same network.
    peer: Plug,
    /// On h1 and h2.
    places: [Plug; 2],
}

impl Scene {
    fn set(kind: &str) -> Self {
        let pool = Pool::up(&PoolSpec::real(3));
        let tenants = TwoTenants::set_on(pool, [kind; 2], |_| {}).admitting_everybody();
        let pool = &tenants.pool;
        let peer = pool.json("vif-create tenant=acme network=web name=peer");
        let peer = pool.plug(3, &peer, "peer");
        let port = pool.json("vif-create tenant=acme network=web name=mover");
        let places = [1, 2].map(|host| pool.plug(host, &port, &format!("m{host}")));
        for place in places.iter().chain([&peer]) {
            silence(place);
        }
        // Whoever was first has it; from here on it is h1.
        pool.unplug(&places[1]);
        let scene = Self {
            tenants,
            peer,
            places,
        };
        scene.wait_until_lit(0);
        scene.pool().plug_in(&scene.places[1]);
        scene
    }

    fn pool(&self) -> &Pool {
        &self.tenants.pool
    }

    fn host_id(&self, place: usize) -> Value {
        self.pool().json(&format!("host-show h{}", place + 1))["id"].clone()
    }

    fn vif(&self) -> Value {
        self.pool().json("vif-show mover tenant=acme")
    }

    /// The migration of the port, if there is one.
    fn migration(&self) -> Option<Value> {
        let all = self.pool().json("vif-migrate-list tenant=acme");
        all.as_array()?.first().cloned()
    }

    fn wait_until_lit(&self, place: usize) {
        let host = self.host_id(place);
        eventually("the port is lit there", PATIENCE, || {
            let vif = self.vif();
            vif["host_id"] == host && vif["status"]["state"] == "active"
        });
    }

    fn wait_for_stage(&self, stage: &str) {
        eventually(stage, PATIENCE, || {
            self.migration().is_some_and(|it| it["stage"] == stage)
        });
    }

    /// Prepares it on the other host, until that is ready.
    fn prepare(&self, to: usize) {
        let host = to + 1;
        self.pool()
            .must(&format!("vif-migrate mover tenant=acme host=h{host}"));
        eventually("the other host is ready", PATIENCE, || {
            self.migration().is_some_and(|it| it["ready"] == true)
        });
    }

    /// A first frame, as QEMU's when it has taken a guest over.
    fn speak(&self, at: usize) {
        let guest = &self.places[at].instance;
        guest.send_frames(&[frame::udp(
            (guest.mac, guest.address),
            (BROADCAST, [255; 4].into()),
            "hello",
        )]);
    }

    /// Whether a frame from there arrives at the peer, and one of the peer there.
    fn heard(&self, at: usize) -> [bool; 2] {
        let (guest, peer) = (&self.places[at].instance, &self.peer.instance);
        let ends = [guest, peer].map(|it| (it.mac, it.address));
        let (at_guest, at_peer) = (guest.sniff(), peer.sniff());
        // Who listens hears himself, too.
        let marks = ["BULKHEAD migrates out", "BULKHEAD migrates in"];
        guest.send_frames(&[frame::udp(ends[0], ends[1], marks[0])]);
        peer.send_frames(&[frame::udp(ends[1], ends[0], marks[1])]);
        std::thread::sleep(Duration::from_millis(300));
        let caught = [at_peer.stop(), at_guest.stop()];
        let carries = |at: usize| caught[at].iter().any(|it| frame::carries(it, marks[at]));
        [carries(0), carries(1)]
    }

    fn assert_dark(&self, at: usize) {
        assert_eq!(self.heard(at), [false; 2], "dark on h{}", at + 1);
    }
}

/// Whoever is inside says nothing unless it is made to.
fn silence(place: &Plug) {
    let quiet = "net.ipv6.conf.all.disable_ipv6=1";
    let mut sysctl = place.instance.command("sysctl");
    let done = sysctl.args(["-qw", quiet]).status();
    assert!(done.is_ok_and(|it| it.success()));
}

/// There and back; foreign tenants hear nothing of it, and every byte is billed once.
fn there_and_back(kind: &str) {
    let scene = Scene::set(kind);
    let pool = scene.pool();
    let [_, globex] = &scene.tenants.tenants;
    let foreign = globex.instances.each_ref().map(Instance::sniff);
    let port = scene.vif()["id"].as_str().unwrap().to_owned();
    let mut before = ByPort::new();
    for (from, to) in [(0, 1), (1, 0)] {
        scene.assert_dark(to);
        scene.prepare(to);
        assert_eq!(scene.heard(from), [true; 2], "lit where it is");
        // A guest that is heard is switched to: so until now it was silent, and nothing came to it.
        let at_target = scene.places[to].instance.sniff();
        let peer = &scene.peer.instance;
        let me = (peer.mac, peer.address);
        peer.send_frames(&[frame::udp(me, (BROADCAST, [255; 4].into()), MARK)]);
        std::thread::sleep(Duration::from_millis(200));
        let caught = at_target.stop();
        assert!(!caught.iter().any(|it| frame::carries(it, MARK)), "dark");

        // What was counted so far leaves the switch with the flows of the host that it leaves.
        let billed = billed_exactly(pool, 3, &before);
        before = billed.into_iter().filter(|(id, _)| *id == port).collect();
        scene.speak(to);
        scene.wait_for_stage("switched");
        scene.wait_until_lit(to);
        scene.assert_dark(from);
        assert_eq!(scene.heard(to), [true; 2], "lit where it is now");
        pool.unplug(&scene.places[from]);
        eventually("it is over", PATIENCE, || scene.migration().is_none());
        billed_exactly(pool, 3, &before);
        pool.plug_in(&scene.places[from]);
    }
    for sniffer in foreign {
        let caught = sniffer.stop();
        assert!(!caught.iter().any(|it| frame::carries(it, MARK)), "foreign");
    }
}

#[test]
fn a_port_goes_there_and_back_on_a_vlan_lit_on_one_host_and_billed_once() {
    there_and_back("vlan");
}

#[test]
fn a_port_goes_there_and_back_on_an_overlay_lit_on_one_host_and_billed_once() {
    there_and_back("vxlan");
}
