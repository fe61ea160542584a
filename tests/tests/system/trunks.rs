//! One VIF on several networks: its instance tells them apart by tags, and so does the switch.

use std::net::Ipv4Addr;

use lab::Vswitch;
use serde_json::Value;
use tests::frame::{self, BROADCAST, Mac};
use tests::{Instance, Plug, Pool, PoolSpec, eventually};

use crate::PATIENCE;

/// The instance's own tag for its second network.
const TAG: u16 = 10;

const HONEST: &str = "BULKHEAD acme";

/// A firewall on h1 with a leg in each of acme's networks, a machine in each on h2, and a stranger
/// on both hosts with the same addresses as the first network.
struct Scene {
    pool: Pool,
    firewall: Plug,
    leg: Value,
    web: Instance,
    db: Instance,
    strangers: [Instance; 2],
}

impl Scene {
    fn set() -> Self {
        let pool = Pool::up(&PoolSpec::real(2));
        for line in [
            "physical-network-create name=private role=private nic=eth1 vlans=100-199 endpoints=10.254.0.0/16",
            "tenant-create name=acme",
            "tenant-create name=globex",
            "vlan-create tenant=acme name=web subnet=10.0.0.0/24",
            "vxlan-create tenant=acme name=db subnet=10.0.1.0/24",
            "vlan-create tenant=globex name=web subnet=10.0.0.0/24",
        ] {
            pool.must(line);
        }
        for tenant in ["acme", "globex"] {
            pool.admit_everybody(tenant);
        }
        let trunk = pool.json("vif-create fw tenant=acme network=web");
        let leg = pool.json("vif-create leg tenant=acme network=db address=10.0.1.9");
        pool.must(&format!(
            "vif-trunk-add vif=fw subport=leg vlan={TAG} tenant=acme"
        ));
        let firewall = pool.plug_bare(1, &trunk, "fw");
        Self {
            firewall,
            leg,
            web: pool.vm_start("web", "acme", "web", "h2"),
            db: pool.vm_start("db", "acme", "db", "h2"),
            strangers: ["h1", "h2"].map(|host| pool.vm_start(host, "globex", "web", host)),
            pool,
        }
    }

    fn at(&self) -> &Instance {
        &self.firewall.instance
    }

    fn leg(&self) -> (Mac, Ipv4Addr) {
        let mac: model::MacAddr = self.leg["mac"].as_str().unwrap().parse().unwrap();
        (mac.octets(), Ipv4Addr::new(10, 0, 1, 9))
    }

    /// What the pool says of one of acme's VIFs.
    fn shown(&self, name: &str) -> Value {
        self.pool.json(&format!("vif-show {name} tenant=acme"))
    }

    fn wait_active(&self, name: &str) {
        eventually("the VIF is active", PATIENCE, || {
            self.shown(name)["status"]["state"] == "active"
        });
    }

    fn run(&self, line: &str) {
        let output = self.at().command("ip").args(line.split(' ')).output();
        let output = output.unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "ip {line}: {complaint}");
    }
}

/// Gives the firewall an interface for each network, by a switch of its own: this kernel need not
/// know VLANs for that.
fn inside(scene: &Scene) -> Vswitch {
    let guest = scene
        .pool
        .lab()
        .raise_switch_in(&scene.at().namespace, "fw");
    let guest = scene.pool.wait(guest).unwrap();
    let tag = format!("tag={TAG}");
    let (own, leg) = (scene.at().mac, scene.leg());
    let macs = [own, leg.0].map(|mac| model::MacAddr::try_from(mac).unwrap());
    let macs = macs.map(|mac| format!("mac=\"{mac}\""));
    let line = [
        "add-br",
        "guest",
        "--",
        "set",
        "bridge",
        "guest",
        "datapath_type=netdev",
        "--",
        "add-port",
        "guest",
        "eth0",
        "--",
        "add-port",
        "guest",
        "web",
        "--",
        "set",
        "interface",
        "web",
        "type=internal",
        &macs[0],
        "--",
        "add-port",
        "guest",
        "db",
        &tag,
        "--",
        "set",
        "interface",
        "db",
        "type=internal",
        &macs[1],
    ];
    scene.pool.wait(guest.ovs_vsctl(&line)).unwrap();
    let addresses = [("web", scene.at().address), ("db", leg.1)];
    for (link, address) in addresses {
        scene.run(&format!("link set {link} up"));
        scene.run(&format!("address add {address}/24 dev {link}"));
    }
    guest
}

#[test]
fn a_trunk_speaks_on_each_of_its_networks_and_on_no_other() {
    let scene = Scene::set();
    scene.wait_active("fw");
    scene.wait_active("leg");
    assert_eq!(scene.shown("leg")["host_id"], scene.shown("fw")["host_id"]);
    let guest = inside(&scene);

    let strangers: Vec<_> = scene.strangers.iter().map(Instance::sniff).collect();
    eventually("the trunk's own network", PATIENCE, || {
        scene.at().reaches(&scene.web)
    });
    eventually("the network behind the tag", PATIENCE, || {
        scene.at().reaches(&scene.db)
    });
    let lease = [
        "udhcpc",
        "-i",
        "db",
        "-f",
        "-q",
        "-n",
        "-t",
        "5",
        "-T",
        "1",
        "-s",
        "/bin/true",
    ];
    let lease = scene.at().command("busybox").args(lease).status();
    assert!(lease.unwrap().success(), "no lease for a sub-port");
    let (own, leg) = ((scene.at().mac, scene.at().address), scene.leg());
    assert!(
        scene
            .web
            .ping(own.1, 3, std::time::Duration::from_millis(20))
            == 3
    );
    assert!(
        scene
            .db
            .ping(leg.1, 3, std::time::Duration::from_millis(20))
            == 3
    );
    every_broadcast_stays_on_its_network(&scene);
    whatever_else_is_tagged_goes_nowhere(&scene);
    for stranger in strangers {
        let foreign = stranger.stop();
        let foreign = foreign.iter().find(|it| frame::carries(it, HONEST));
        assert_eq!(foreign, None);
    }
    it_is_counted_by_itself(&scene);
    it_follows_and_leaves_its_trunk(&scene, &guest);
}

fn everybody() -> (Mac, Ipv4Addr) {
    (BROADCAST, Ipv4Addr::BROADCAST)
}

fn every_broadcast_stays_on_its_network(scene: &Scene) {
    let own = (scene.at().mac, scene.at().address);
    let (web, db) = (format!("{HONEST} web"), format!("{HONEST} db"));
    let sniffers = [&scene.web, &scene.db].map(Instance::sniff);
    let of_leg = frame::udp(scene.leg(), everybody(), &db);
    scene.at().send_frames(&[
        frame::udp(own, everybody(), &web),
        frame::tagged(TAG, &of_leg),
    ]);
    let [at_web, at_db] = sniffers.map(tests::Sniffer::stop);
    let has = |caught: &[Vec<u8>], mark: &str| caught.iter().any(|it| frame::carries(it, mark));
    assert!(has(&at_web, &web) && !has(&at_web, &db));
    assert!(has(&at_db, &db) && !has(&at_db, &web));
}

/// Under the right tag and the wrong name, under other tags, and under several.
fn whatever_else_is_tagged_goes_nowhere(scene: &Scene) {
    const FORGED: &str = "BULKHEAD acme forged";
    let own = (scene.at().mac, scene.at().address);
    let (leg, own) = [scene.leg(), own]
        .map(|from| frame::udp(from, everybody(), FORGED))
        .into();
    let mut frames = vec![leg.clone(), frame::tagged(TAG, &own)];
    for tag in [0, 1, 11, 100, 101, 4094, 4095] {
        for frame in [&leg, &own] {
            frames.push(frame::tagged(tag, frame));
            frames.push(frame::tagged(TAG, &frame::tagged(tag, frame)));
            frames.push(frame::tagged(tag, &frame::tagged(TAG, frame)));
        }
    }
    let receivers = [&scene.web, &scene.db];
    let sniffers = receivers.into_iter().chain(&scene.strangers);
    let sniffers: Vec<_> = sniffers.map(Instance::sniff).collect();
    scene.at().send_frames(&frames);
    for sniffer in sniffers {
        let caught = sniffer.stop();
        let forged = caught.iter().find(|it| frame::carries(it, FORGED));
        assert_eq!(forged, None);
    }
}

/// Each port of the trunk has flows of its own that count what it sends and receives.
fn it_is_counted_by_itself(scene: &Scene) {
    let dump = ["-O", "OpenFlow15", "dump-flows", "br-int", "table=60"];
    let counted = || {
        let host = scene.pool.host(1);
        let text = scene.pool.wait(host.vswitch().ovs_ofctl(&dump)).unwrap();
        let to_leg = text.lines().find(|it| it.contains("pop_vlan")).unwrap();
        let packets = to_leg.split("n_packets=").nth(1).unwrap();
        let packets = packets.split(',').next().unwrap();
        packets.parse::<u64>().unwrap()
    };
    let before = counted();
    let count = scene
        .db
        .ping(scene.leg().1, 20, std::time::Duration::from_millis(10));
    assert_eq!(count, 20);
    eventually("the pings are counted", PATIENCE, || {
        counted() >= before + 20
    });
}

fn it_follows_and_leaves_its_trunk(scene: &Scene, guest: &Vswitch) {
    scene.pool.must("vif-trunk-remove subport=leg tenant=acme");
    eventually("the tag means nothing any more", PATIENCE, || {
        scene
            .db
            .ping(scene.leg().1, 1, std::time::Duration::from_millis(10))
            == 0
    });
    assert!(scene.at().reaches(&scene.web));
    assert!(scene.shown("leg")["host_id"].is_null());
    scene.pool.must(&format!(
        "vif-trunk-add vif=fw subport=leg vlan={} tenant=acme",
        TAG + 1
    ));
    let tag = format!("tag={}", TAG + 1);
    scene
        .pool
        .wait(guest.ovs_vsctl(&["set", "port", "db", &tag]))
        .unwrap();
    eventually("it is back under its new tag", PATIENCE, || {
        scene.at().reaches(&scene.db)
    });
    let listed = scene.pool.json("vif-trunk-list vif=fw tenant=acme");
    assert_eq!(listed[0]["vlan"], TAG + 1);
    let held = scene.pool.netctl("vif-delete fw tenant=acme").unwrap_err();
    assert!(held.contains("sub-port"), "{held}");

    // The interface goes, and appears on another host.
    scene.pool.unplug(&scene.firewall);
    let h2 = scene.pool.json("host-show h2")["id"].clone();
    let moved = scene.pool.plug_bare(2, &scene.shown("fw"), "fw2");
    eventually("both are where the interface is", PATIENCE, || {
        let at_h2 = |name| {
            let shown = scene.shown(name);
            shown["host_id"] == h2 && shown["status"]["state"] == "active"
        };
        at_h2("fw") && at_h2("leg")
    });
    let sniffer = scene.db.sniff();
    let frame = frame::udp(scene.leg(), everybody(), HONEST);
    moved
        .instance
        .send_frames(&[frame::tagged(TAG + 1, &frame)]);
    let caught = sniffer.stop();
    assert!(caught.iter().any(|it| frame::carries(it, HONEST)));
}
