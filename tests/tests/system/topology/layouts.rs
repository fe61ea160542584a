//! The three roles on separate NICs, on one NIC with VLANs, and on bonds whose link is cut.

use std::time::Duration;

use lab::Nics;
use serde_json::{Value, json};
use tests::{Pinging, Pool, eventually};

use super::{SHORT, all, controller, pair, pool, private};
use crate::PATIENCE;

/// The Ethernet address of a link.
fn mac(pool: &Pool, host: usize, link: &str) -> String {
    let shown = pool.on_host(host, &format!("ip -j link show dev {link}"));
    let shown: Value = serde_json::from_str(&shown).unwrap();
    shown[0]["address"].as_str().unwrap().to_owned()
}

fn addresses(pool: &Pool, host: usize, link: &str) -> String {
    pool.on_host(host, &format!("ip -4 -br addr show dev {link}"))
}

fn events(pool: &Pool, kind: &str) -> usize {
    let events = pool.json("event-list");
    let events = events.as_array().unwrap().iter();
    events.filter(|event| event["kind"] == kind).count()
}

#[test]
fn addresses_routes_and_mac_of_a_nic_move_to_its_bridge_and_back_and_no_session_is_lost() {
    let pool = pool(Nics::Separate);
    pool.lay(&private("eth1"));
    let [from, to] = pair(&pool, "acme");
    let _nothing = pool.on_host(1, "ip route add default via 10.255.0.1");
    let nic = mac(&pool, 1, "eth0");
    let lost_before = events(&pool, "host-lost");

    let between = Pinging::start(&from.namespace, &to.address.to_string());
    let management = Pinging::start(&controller(&pool), "10.255.1.1");
    pool.lay(&all("eth0", "eth1", "eth2"));
    let (between, management) = (between.stop(), management.stop());
    println!("instances: {between:?}; management: {management:?}");
    assert!(between.time < SHORT, "{between:?}");
    assert!(management.time < SHORT, "{management:?}");
    assert_eq!(events(&pool, "host-lost"), lost_before);

    assert!(addresses(&pool, 1, "br-management").contains("10.255.1.1/16"));
    assert!(!addresses(&pool, 1, "eth0").contains("10.255"));
    assert_eq!(mac(&pool, 1, "br-management"), nic);
    let route = pool.on_host(1, "ip route show default");
    assert!(
        route.contains("via 10.255.0.1 dev br-management"),
        "{route}"
    );
    // Nobody hears twice what the NIC and the bridge both see.
    let again = Pinging::start(&controller(&pool), "10.255.1.1");
    std::thread::sleep(Duration::from_secs(1));
    let again = again.stop();
    assert_eq!((again.lost, again.twice), (0, 0));

    reaches_the_outside(&pool);
    pool.lay(&json!({ "management": null }));
    assert!(addresses(&pool, 1, "eth0").contains("10.255.1.1/16"));
    let route = pool.on_host(1, "ip route show default");
    assert!(route.contains("dev eth0"), "{route}");
    assert_eq!(events(&pool, "host-lost"), lost_before);
    assert!(from.reaches(&to));
}

#[test]
fn a_restarted_switch_gets_the_addresses_of_the_host_back_without_the_controller() {
    let pool = pool(Nics::Separate);
    pool.lay(&all("eth0", "eth1", "eth2"));
    let instances = pair(&pool, "acme");
    let lab = pool.lab();
    let control = lab.controller().unwrap();
    pool.wait(control.process().kill(lab::Signal::SIGKILL))
        .unwrap();
    let host = pool.host(1);
    pool.wait(host.vswitch().vswitchd().kill(lab::Signal::SIGKILL))
        .unwrap();
    pool.wait(host.vswitch().vswitchd().start()).unwrap();
    eventually("the address is back", PATIENCE, || {
        addresses(&pool, 1, "br-management").contains("10.255.1.1/16")
    });
    pool.wait(control.process().start()).unwrap();
    eventually("the host is back", PATIENCE, || pool.is_settled("h1"));
    assert!(instances[0].reaches(&instances[1]));
}

#[test]
fn one_nic_carries_all_three_roles_by_their_vlans() {
    let pool = pool(Nics::Shared);
    pool.lay(&all("eth0", "eth0", "eth0/vlan4001"));
    let [from, to] = pair(&pool, "acme");
    assert!(from.reaches(&to));
    let bridges = pool
        .wait(pool.host(1).vswitch().ovs_vsctl(&["list-br"]))
        .unwrap();
    assert!(bridges.contains("up-eth0"), "{bridges}");
    let trunks = |port: &str| {
        let line = ["get", "Port", port, "trunks"];
        let trunks = pool.wait(pool.host(1).vswitch().ovs_vsctl(&line)).unwrap();
        trunks.trim().to_owned()
    };
    assert_eq!(trunks("dn-management"), "[0]");
    assert_eq!(trunks("dn-private"), "[100]");
    reaches_the_outside(&pool);
    let line = ["get", "Port", "dn-public", "tag"];
    let tag = pool.wait(pool.host(1).vswitch().ovs_vsctl(&line)).unwrap();
    assert_eq!(tag.trim(), "4001");
}

/// A VIF on the public network itself, and the router there.
fn reaches_the_outside(pool: &Pool) {
    pool.must(
        "flat-create out tenant=acme physical-network=public external=true subnet=203.0.113.0/24",
    );
    let instance = pool.vm_start("out1", "acme", "out", "h1");
    let router = std::net::Ipv4Addr::new(203, 0, 113, 1);
    eventually("the router answers", PATIENCE, || {
        instance.ping(router, 1, Duration::from_millis(200)) == 1
    });
}

#[test]
fn a_bond_goes_on_when_one_of_its_links_is_cut() {
    for (nics, mode) in [
        (Nics::Bonded, "active-backup"),
        (Nics::Bonded, "balance-slb"),
        (Nics::Lacp, "lacp"),
    ] {
        let pool = pool(nics);
        let bond = format!("eth1+eth2/{mode}");
        pool.lay(&all("eth0", &bond, &format!("{bond}/vlan4001")));
        let [from, to] = pair(&pool, "acme");
        eventually("the bond carries", PATIENCE, || from.reaches(&to));
        for nic in ["eth1", "eth2"] {
            let cable = pool.lab().switch_port(1, nic).unwrap();
            let pinging = Pinging::start(&from.namespace, &to.address.to_string());
            pool.wait(cable.cut()).unwrap();
            std::thread::sleep(Duration::from_secs(3));
            let lost = pinging.stop();
            println!("{mode}, {nic} cut: {lost:?}");
            assert!(lost.time < SHORT, "{mode} {nic}: {lost:?}");
            pool.wait(cable.mend()).unwrap();
            std::thread::sleep(Duration::from_secs(3));
        }
        reaches_the_outside(&pool);
    }
}
