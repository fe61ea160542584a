//! Routers: a tenant's networks speak with each other, on whatever hosts and segments, and with
//! nobody else's.

use std::net::Ipv4Addr;
use std::time::Duration;

use tests::frame::{self, Mac};
use tests::{Instance, Pool, PoolSpec, eventually};

use crate::PATIENCE;

const MARK: &str = "BULKHEAD routed";

/// Two tenants with the same addresses on two networks each, and instances spread over three hosts:
/// no host has a port of both networks of the second tenant.
struct Scene {
    pool: Pool,
    tenants: [Tenant; 2],
}

struct Tenant {
    name: &'static str,
    web: Instance,
    db: Instance,
}

impl Scene {
    fn set() -> Self {
        let pool = Pool::up(&PoolSpec::real(3));
        pool.must(
            "physical-network-create name=private role=private nic=eth1 vlans=100-199 \
             endpoints=10.254.0.0/16",
        );
        let kinds = [("acme", ["vlan", "vlan"], ["h1", "h1"])];
        let others = [("globex", ["geneve", "vxlan"], ["h2", "h3"])];
        let tenants = kinds.into_iter().chain(others).map(|(name, kinds, hosts)| {
            pool.must(&format!("tenant-create name={name}"));
            pool.admit_everybody(name);
            for ((network, kind), n) in ["web", "db"].into_iter().zip(kinds).zip(1..) {
                pool.must(&format!(
                    "{kind}-create tenant={name} name={network} subnet=10.0.{n}.0/24"
                ));
                pool.must(&format!(
                    "subnet-create tenant={name} network={network} cidr=fd00:{n}::/64"
                ));
            }
            pool.must(&format!(
                "router-create tenant={name} name=r network=web,db"
            ));
            Tenant {
                name,
                web: pool.vm_start("web", name, "web", hosts[0]),
                db: pool.vm_start("db", name, "db", hosts[1]),
            }
        });
        let tenants: Vec<Tenant> = tenants.collect();
        let tenants = tenants.try_into().unwrap_or_else(|_| panic!("two"));
        Self { pool, tenants }
    }
}

fn gateway(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, n, 1)
}

/// The text of one ping.
fn ping(from: &Instance, options: &[&str], to: &str) -> String {
    let mut ping = from.command("ping");
    ping.args(["-n", "-c", "1", "-W", "2"])
        .args(options)
        .arg(to);
    String::from_utf8_lossy(&ping.output().unwrap().stdout).into_owned()
}

fn all_pass(from: &Instance, to: &Instance) {
    eventually("they reach each other", PATIENCE, || from.reaches(to));
    let answered = from.ping(to.address, 20, Duration::from_millis(20));
    assert_eq!(answered, 20, "{} to {}", from.name, to.name);
}

#[test]
fn a_router_joins_networks_of_one_tenant_on_any_host_and_of_no_other() {
    let scene = Scene::set();
    for Tenant { name, web, db } in &scene.tenants {
        all_pass(web, db);
        all_pass(db, web);
        let text = ping(web, &[], &db.address.to_string());
        assert!(text.contains("ttl=63"), "{name}: routed once: {text}");
        let v6 = || ping(web, &["-6"], "fd00:2::2").contains("ttl=63");
        eventually("IPv6 is routed", PATIENCE, v6);
        let sent = web.tcp_send(db, 300_000);
        assert_eq!(sent, 300_000, "{name}: TCP");
        the_gateway_answers(web);
    }
    a_third_host_and_network_join_in(&scene.pool);
    nothing_foreign_arrives(&scene);
    nobody_speaks_past_the_router(&scene);
    without_the_router_they_are_apart(&scene);
}

/// Its echo replies are flows, its errors the agent's.
fn the_gateway_answers(web: &Instance) {
    for n in [1, 2] {
        let answered = web.ping(gateway(n), 5, Duration::from_millis(20));
        assert_eq!(answered, 5, "ping to the gateway of network {n}");
    }
    let v6 = ping(web, &["-6"], "fd00:2::1");
    assert!(v6.contains("1 received"), "{v6}");
    let expired = ping(web, &["-t", "1"], "10.0.2.2");
    assert!(expired.contains("From 10.0.1.1"), "{expired}");
    assert!(expired.contains("Time to live exceeded"), "{expired}");
    let expired = ping(web, &["-6", "-t", "1"], "fd00:2::2");
    assert!(expired.contains("Time exceeded"), "{expired}");
    let nowhere = ping(web, &[], "192.0.2.1");
    assert!(nowhere.contains("Net Unreachable"), "{nowhere}");
    let nowhere = ping(web, &["-6"], "2001:db8::1");
    assert!(nowhere.contains("No route"), "{nowhere}");
}

/// It takes no change of anything that is there.
fn a_third_host_and_network_join_in(pool: &Pool) {
    let late = pool.vm_start("late", "acme", "db", "h3");
    let web = pool.instance("web", "acme", "h1");
    all_pass(&web, &late);
    all_pass(&late, &web);
}

/// Whatever either sends by its router, the other tenant's instances of the same addresses see none.
fn nothing_foreign_arrives(scene: &Scene) {
    let everybody = |of: &'static str| {
        let tenant = scene.tenants.iter().find(|it| it.name == of);
        let tenant = tenant.unwrap();
        [&tenant.web, &tenant.db]
    };
    for (sender, victim) in [("acme", "globex"), ("globex", "acme")] {
        let sniffers = everybody(victim).map(Instance::sniff);
        let [web, db] = everybody(sender);
        let me = (web.mac, web.address);
        let routers = gateways(scene).map(|mac| {
            [2, 3, 77].map(|last| frame::udp(me, (mac, Ipv4Addr::new(10, 0, 2, last)), MARK))
        });
        for _ in 0..3 {
            web.send_frames(&routers.clone().concat());
        }
        assert_eq!(web.ping(db.address, 5, Duration::from_millis(20)), 5);
        for sniffer in sniffers {
            let caught = sniffer.stop();
            let foreign = caught.iter().find(|it| frame::carries(it, MARK));
            assert_eq!(foreign, None, "{victim} hears {sender}");
        }
    }
}

/// The Ethernet addresses of all gateways of the pool, and one that a host routes with.
fn gateways(scene: &Scene) -> [Mac; 5] {
    let number = |tenant: &str, network: &str, kind: &str| {
        let shown = scene
            .pool
            .json(&format!("{kind}-show {network} tenant={tenant}"));
        let number = u32::try_from(shown["number"].as_u64().unwrap()).unwrap();
        model::MacAddr::gateway(number.try_into().unwrap()).octets()
    };
    [
        number("acme", "web", "vlan"),
        number("acme", "db", "vlan"),
        number("globex", "web", "geneve"),
        number("globex", "db", "vxlan"),
        [0x0a, 0xbe, 0, 0, 0, 1],
    ]
}

/// Being routed is no way around the guards: nobody routes in another's name, nor for others.
fn nobody_speaks_past_the_router(scene: &Scene) {
    let Tenant { web, db, .. } = &scene.tenants[0];
    let sniffer = db.sniff();
    let router = gateways(scene)[0];
    let forged = [
        frame::udp(
            (web.mac, Ipv4Addr::new(10, 0, 1, 99)),
            (router, db.address),
            MARK,
        ),
        frame::udp(
            (web.mac, Ipv4Addr::new(10, 0, 2, 9)),
            (router, db.address),
            MARK,
        ),
        frame::udp(
            ([0x0a, 0xbe, 0, 0, 0, 1], web.address),
            (db.mac, db.address),
            MARK,
        ),
        frame::udp((router, gateway(1)), (db.mac, db.address), MARK),
        // Past the router, straight to the other network.
        frame::udp((web.mac, web.address), (db.mac, db.address), MARK),
    ];
    web.send_frames(&forged);
    let caught = sniffer.stop();
    let arrived = caught.iter().find(|it| frame::carries(it, MARK));
    assert_eq!(arrived, None);
}

fn without_the_router_they_are_apart(scene: &Scene) {
    let Tenant { name, web, db } = &scene.tenants[1];
    let refused = scene
        .pool
        .netctl(&format!("geneve-delete web tenant={name}"));
    assert!(refused.is_err(), "it is in use");
    scene.pool.must(&format!("router-delete r tenant={name}"));
    eventually("nothing is routed any more", PATIENCE, || {
        web.ping(db.address, 1, Duration::from_millis(100)) == 0
    });
    let [acme, _] = &scene.tenants;
    all_pass(&acme.web, &acme.db);
    let silent = web.ping(gateway(1), 1, Duration::from_millis(100));
    assert_eq!(silent, 0, "there is no router to answer");
}
