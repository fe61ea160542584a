//! Ways to an external network: floating IPs, and ports that speak in the name of their host, of tenants
//! whose networks have the same addresses.

mod announced;
mod forwarding;
mod ipv6;
mod traces;

use std::io::ErrorKind;
use std::net::{Ipv4Addr, UdpSocket};
use std::process::Command;
use std::time::Duration;

use tests::frame;
use tests::{Instance, Pool, PoolSpec, eventually};

use crate::PATIENCE;

/// Somebody beyond the router of the external network.
pub(crate) const FAR: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
/// A port where nobody listens.
const CLOSED: u16 = 9;
const MARK: &str = "BULKHEAD outside";

pub(crate) fn public(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(203, 0, 113, last)
}

/// Two tenants with the same addresses; of each an instance on both hosts. The first of each may have a
/// floating IP.
pub(crate) struct Scene {
    pub(crate) pool: Pool,
    pub(crate) outside: Instance,
    pub(crate) acme: [Instance; 2],
    pub(crate) globex: [Instance; 2],
}

pub(crate) const ACME: u8 = 50;
pub(crate) const GLOBEX: u8 = 60;

impl Scene {
    pub(crate) fn set() -> Self {
        let scene = Self::without_floating_ips();
        bind(&scene.pool, &scene.acme[0], ACME);
        bind(&scene.pool, &scene.globex[0], GLOBEX);
        scene
    }

    fn without_floating_ips() -> Self {
        let pool = Pool::up(&PoolSpec::real(2));
        let outside = pool.internet();
        far_away(&outside);
        let [acme, globex] = [("acme", "vlan"), ("globex", "geneve")]
            .map(|(tenant, kind)| tenant_of(&pool, tenant, kind));
        Self {
            pool,
            outside,
            acme,
            globex,
        }
    }
}

/// An address behind the router of the external network.
pub(crate) fn far_away(outside: &Instance) {
    let added = Command::new("ip")
        .args(["-n", &outside.namespace, "addr", "add"])
        .args([&format!("{FAR}/32"), "dev", "lo"])
        .status();
    assert!(added.unwrap().success());
    let up = Command::new("ip")
        .args(["-n", &outside.namespace, "link", "set", "lo", "up"])
        .status();
    assert!(up.unwrap().success());
}

fn tenant_of(pool: &Pool, tenant: &str, kind: &str) -> [Instance; 2] {
    pool.must(&format!("tenant-create name={tenant}"));
    pool.admit_everybody(tenant);
    pool.must(&format!(
        "{kind}-create tenant={tenant} name=web subnet=10.0.1.0/24"
    ));
    pool.must(&format!("router-create tenant={tenant} name=r network=web"));
    pool.must(&format!(
        "router-gateway-set r tenant={tenant} network=internet"
    ));
    ["h1", "h2"].map(|host| {
        let name = format!("{tenant}-{host}");
        pool.vm_start(&name, tenant, "web", host)
    })
}

/// Takes a floating IP for the only VIF of an instance.
fn bind(pool: &Pool, instance: &Instance, last: u8) {
    let (tenant, vif, address) = (&instance.tenant, &instance.port_id, public(last));
    pool.must(&format!(
        "floating-ip-create {address} tenant={tenant} network=internet vif={vif}"
    ));
}

/// The instance as it is known outside.
pub(crate) fn known_as(instance: &Instance, last: u8) -> Instance {
    Instance {
        address: public(last),
        ..instance.clone()
    }
}

pub(crate) fn all_pass(from: &Instance, to: &Instance) {
    eventually("they reach each other", PATIENCE, || from.reaches(to));
    let answered = from.ping(to.address, 20, Duration::from_millis(20));
    assert_eq!(answered, 20, "{} to {}", from.name, to.address);
}

fn nothing_passes(from: &Instance, to: Ipv4Addr) {
    let answered = from.ping(to, 2, Duration::from_millis(100));
    assert_eq!(answered, 0, "{} to {to}", from.name);
}

#[test]
fn tenants_with_the_same_addresses_reach_the_outside_and_are_reached_by_floating_ips() {
    let scene = Scene::set();
    let Scene {
        outside,
        acme,
        globex,
        ..
    } = &scene;
    let far = Instance {
        address: FAR,
        ..known_as(outside, 1)
    };
    for instance in acme.iter().chain(globex) {
        all_pass(instance, outside);
        all_pass(instance, &far);
        assert_eq!(
            instance.tcp_send(&far, 300_000),
            300_000,
            "{}",
            instance.name
        );
    }
    for (instance, last) in [(&acme[0], ACME), (&globex[0], GLOBEX)] {
        let known = known_as(instance, last);
        all_pass(outside, &known);
        assert_eq!(outside.tcp_send(&known, 300_000), 300_000, "{last}");
        // On one host, and across hosts; even to itself.
        for from in acme.iter().chain(globex) {
            all_pass(from, &known);
        }
        assert_eq!(instance.tcp_send(&known, 300_000), 300_000, "to itself");
        errors_from_outside_come_home(instance);
    }
    nobody_else_is_reached(&scene);
    nobody_speaks_in_anothers_name(&scene);
    a_floating_ip_goes_where_it_is_bound(&scene);
    without_a_gateway_nothing_passes(&scene);
}

/// What is said outside of a packet quotes it, as it was there; it is understood here all the same.
fn errors_from_outside_come_home(instance: &Instance) {
    let refused = || {
        tests::namespace::inside(&instance.namespace, || {
            let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
            socket.connect((FAR, CLOSED)).unwrap();
            let patience = Some(Duration::from_secs(2));
            socket.set_read_timeout(patience).unwrap();
            socket.send(b"anybody?").unwrap();
            socket.recv(&mut [0; 16]).unwrap_err().kind()
        })
    };
    eventually("the error is understood", PATIENCE, || {
        refused() == ErrorKind::ConnectionRefused
    });
}

fn addresses_outside(scene: &Scene) -> Vec<Ipv4Addr> {
    let gateways = scene.pool.json("router-gateway-list");
    let gateways = gateways.as_array().unwrap().iter();
    let addresses = gateways.flat_map(|it| it["addresses"].as_array().unwrap());
    let addresses = addresses.map(|it| it["address"].as_str().unwrap().parse().unwrap());
    addresses.collect()
}

/// Behind the addresses of routers is nobody to begin to speak with: no instance, and no host.
fn nobody_else_is_reached(scene: &Scene) {
    let addresses = addresses_outside(scene);
    assert_eq!(addresses.len(), 4, "two routers on two hosts");
    for address in addresses {
        nothing_passes(&scene.outside, address);
    }
    nothing_passes(&scene.outside, Ipv4Addr::new(10, 0, 1, 2));
}

fn nobody_speaks_in_anothers_name(scene: &Scene) {
    let (sender, victim) = (&scene.acme[0], &scene.globex[0]);
    let shown = scene.pool.json("vlan-show web tenant=acme");
    let number = u32::try_from(shown["number"].as_u64().unwrap()).unwrap();
    let gateway = model::MacAddr::gateway(number.try_into().unwrap()).octets();
    let far = (gateway, FAR);
    let heard = scene.outside.sniff();
    let also = victim.sniff();
    sender.send_frames(&[
        frame::udp((sender.mac, public(GLOBEX)), far, MARK),
        frame::udp((sender.mac, public(ACME)), far, MARK),
        frame::udp(
            (sender.mac, sender.address),
            (gateway, victim.address),
            MARK,
        ),
        frame::udp((sender.mac, sender.address), (scene.outside.mac, FAR), MARK),
    ]);
    for sniffer in [heard, also] {
        let caught = sniffer.stop();
        let forged = caught.iter().find(|it| frame::carries(it, MARK));
        assert_eq!(forged, None);
    }
}

/// Whoever knows it already has nothing to learn, and the switches between learn it at once.
fn a_floating_ip_goes_where_it_is_bound(scene: &Scene) {
    let address = public(ACME);
    let [first, second] = &scene.acme;
    all_pass(&scene.outside, &known_as(first, ACME));
    scene.pool.must(&format!("floating-ip-unbind {address}"));
    eventually("it stands for nothing", PATIENCE, || {
        scene.outside.ping(address, 1, Duration::from_millis(100)) == 0
    });
    let vif = &second.port_id;
    scene
        .pool
        .must(&format!("floating-ip-bind {address} vif={vif}"));
    all_pass(&scene.outside, &known_as(second, ACME));
    let (before, now) = (first.counters(), second.counters());
    let answered = scene.outside.ping(address, 10, Duration::from_millis(20));
    assert_eq!(answered, 10);
    // An echo request is 98 bytes.
    let received = |instance: &Instance, since: u64| instance.counters().received_bytes - since;
    assert!(received(second, now.received_bytes) >= 980, "the new one");
    assert!(
        received(first, before.received_bytes) < 980,
        "not the old one"
    );
    // The first one is still heard outside, in the name of its host.
    all_pass(first, &scene.outside);
}

fn without_a_gateway_nothing_passes(scene: &Scene) {
    let pool = &scene.pool;
    let refused = pool.netctl("router-gateway-clear r tenant=acme");
    assert!(refused.unwrap_err().contains("unbind"), "it is in use");
    pool.must(&format!("floating-ip-delete {}", public(ACME)));
    pool.must("router-gateway-clear r tenant=acme");
    for instance in &scene.acme {
        eventually("no way out", PATIENCE, || {
            instance.ping(FAR, 1, Duration::from_millis(100)) == 0
        });
    }
    all_pass(&scene.globex[0], &scene.outside);
    all_pass(&scene.globex[1], &scene.outside);
}
