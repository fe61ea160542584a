//! A router's networks come and go, carry packets of different sizes, and have machines on them that
//! lead further.

use std::net::Ipv4Addr;

use tests::{Instance, Pinging, Pool, PoolSpec, eventually};

use super::{all_pass, ping};
use crate::PATIENCE;

/// What the machine that leads further has behind it.
const BEHIND: Ipv4Addr = Ipv4Addr::new(192, 168, 5, 5);
const FAR: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 9);

/// A VLAN with 1500 bytes, an overlay with less, and a router that joins neither.
struct Scene {
    pool: Pool,
    web: Instance,
    aside: Instance,
    db: Instance,
}

impl Scene {
    fn set() -> Self {
        let pool = Pool::up(&PoolSpec::real(2));
        pool.must(
            "physical-network-create name=private role=private nic=eth1 vlans=100-199 \
             endpoints=10.254.0.0/16",
        );
        pool.must("tenant-create name=acme");
        let networks = [("vlan", "web"), ("vlan", "aside"), ("vxlan", "db")];
        for ((kind, network), n) in networks.into_iter().zip(1..) {
            pool.must(&format!(
                "{kind}-create tenant=acme name={network} subnet=10.0.{n}.0/24"
            ));
            pool.must(&format!(
                "subnet-create tenant=acme network={network} cidr=fd00:{n}::/64"
            ));
        }
        pool.must("router-create tenant=acme name=r network=web,aside");
        Self {
            web: pool.vm_start("web", "acme", "web", "h1"),
            aside: pool.vm_start("aside", "acme", "aside", "h1"),
            db: pool.vm_start("db", "acme", "db", "h2"),
            pool,
        }
    }

    fn router(&self, change: &str) {
        self.pool.must(&format!("router-{change} tenant=acme"));
    }
}

#[test]
fn networks_join_and_leave_a_router_and_what_stays_never_notices() {
    let scene = Scene::set();
    let Scene { web, aside, db, .. } = &scene;
    all_pass(web, aside);
    let beside = Pinging::start(&web.namespace, &aside.address.to_string());
    scene.router("interface-add r network=db");
    all_pass(web, db);
    all_pass(db, aside);
    who_sends_too_much_is_told_how_much_would_do(web, db);
    let sent = web.tcp_send(db, 500_000);
    assert_eq!(sent, 500_000, "TCP finds the size");
    machines_on_a_network_lead_further(&scene);
    scene.router("interface-remove r network=db");
    let gone = || ping(web, &[], &db.address.to_string()).contains("Net Unreachable");
    eventually("the network has left", PATIENCE, gone);
    let lost = beside.stop();
    assert_eq!(lost.lost, 0, "{lost:?}");
}

/// By path MTU discovery: a large packet is not lost in silence, and one of the size told arrives.
fn who_sends_too_much_is_told_how_much_would_do(web: &Instance, db: &Instance) {
    let (four, six) = (db.address.to_string(), "fd00:3::2");
    let told = ping(web, &["-M", "do", "-s", "1472"], &four);
    assert!(told.contains("From 10.0.1.1"), "{told}");
    assert!(told.contains("mtu = 1450"), "{told}");
    assert!(web.fits(db.address, 1450), "what fits arrives");
    let told = ping(web, &["-6", "-M", "do", "-s", "1452"], six);
    assert!(told.contains("Packet too big: mtu=1450"), "{told}");
    let fits = ping(web, &["-6", "-M", "do", "-s", "1402"], six);
    assert!(fits.contains("1 received"), "{fits}");
    // The other way a packet that leaves at all arrives.
    assert!(db.fits(web.address, 1450));
}

fn run(at: &Instance, line: &str) {
    let mut words = line.split_whitespace();
    let program = words.next().unwrap_or_default();
    let done = at.command(program).args(words).status();
    assert!(done.is_ok_and(|it| it.success()), "{line}");
}

fn machines_on_a_network_lead_further(scene: &Scene) {
    let Scene { pool, web, db, .. } = scene;
    let hop = pool.json("vm-show db tenant=acme")["port_ids"][0].clone();
    let hop = hop.as_str().unwrap_or_default();
    pool.must(&format!(
        "vif-set {hop} allowed=192.168.0.0/16,198.51.100.0/24"
    ));
    for address in [BEHIND, FAR] {
        run(db, &format!("ip address add {address}/32 dev lo"));
    }
    let answered = |to: Ipv4Addr| ping(web, &[], &to.to_string()).contains("1 received");
    let nowhere = |to: Ipv4Addr| ping(web, &[], &to.to_string()).contains("Net Unreachable");
    assert!(nowhere(BEHIND) && nowhere(FAR));
    let via = db.address;
    scene.router(&format!("route-add r prefix=192.168.0.0/16 via={via}"));
    eventually("the route is taken", PATIENCE, || answered(BEHIND));
    assert!(nowhere(FAR), "only what it says");
    scene.router(&format!("route-add r prefix=0.0.0.0/0 via={via}"));
    eventually("the default route is taken", PATIENCE, || answered(FAR));
    assert!(web.reaches(&scene.aside), "own networks come first");
    let listed = pool.must("router-route-list r tenant=acme");
    assert!(listed.contains("192.168.0.0/16"), "{listed}");
    for prefix in ["192.168.0.0/16", "0.0.0.0/0"] {
        scene.router(&format!("route-remove r prefix={prefix}"));
    }
    eventually("both are gone", PATIENCE, || {
        nowhere(BEHIND) && nowhere(FAR)
    });
}
