//! Addresses and what goes with them change while they are in use.

use std::net::Ipv4Addr;
use std::time::Duration;

use tests::eventually;

use super::clients::{ip, leased_by_udhcpc, udhcpc};
use super::{Scene, ipv6};
use crate::PATIENCE;

/// The way from the first port to the second works, its addresses are known.
fn configured() -> Scene {
    let scene = Scene::set();
    for number in [1, 2] {
        let at = scene.instance(number);
        ip(at, &format!("address add {}/24 dev eth0", at.address));
    }
    let [one, two] = [scene.instance(1), scene.instance(2)];
    eventually("they reach each other", PATIENCE, || one.reaches(two));
    scene
}

#[test]
fn a_port_gains_and_loses_addresses_without_a_lost_packet_for_the_others() {
    const PINGS: u32 = 300;
    let scene = configured();
    let [one, two] = [scene.instance(1), scene.instance(2)];
    let more = Ipv4Addr::new(10, 0, 0, 60);
    let answers = |address| one.ping(address, 1, Duration::from_secs(1)) == 1;
    ip(two, "address add 10.0.0.60/24 dev eth0");
    assert!(!answers(more));
    let answered = std::thread::scope(|scope| {
        let pings = scope.spawn(|| one.ping(two.address, PINGS, Duration::from_millis(50)));
        scene
            .pool
            .must("vif-set two tenant=acme add-address=10.0.0.60,10.0.0.61");
        eventually("the new address is reached", PATIENCE, || answers(more));
        scene
            .pool
            .must("vif-set two tenant=acme remove-address=10.0.0.60");
        eventually("it is not any more", PATIENCE, || !answers(more));
        pings.join().unwrap()
    });
    assert_eq!(answered, PINGS);
    let shown = scene.pool.json("vif-show two tenant=acme");
    let expected = serde_json::json!([two.address, ipv6(2), "10.0.0.61"]);
    assert_eq!(shown["addresses"], expected);
    // Of several IPv4 addresses, DHCP gives the first.
    assert_eq!(leased_by_udhcpc(two)["ip"], two.address.to_string());
}

#[test]
fn a_changed_subnet_reaches_clients_at_their_renewal_and_by_router_advertisement_at_once() {
    let scene = configured();
    let one = scene.instance(1);
    let told = leased_by_udhcpc(one);
    assert_eq!(
        [told["lease"].as_str(), told["dns"].as_str()],
        ["86400", "9.9.9.9"]
    );
    let change = "subnet-set four tenant=acme lease=120 dns=9.9.9.10 domain=db.example route=";
    scene.pool.must(change);
    eventually("a client hears of it", PATIENCE, || {
        let told = leased_by_udhcpc(one);
        let word = |key: &str| told.get(key).cloned().unwrap_or_default();
        word("lease") == "120" && word("dns") == "9.9.9.10" && word("domain") == "db.example"
    });
    let sniffer = scene.instance(2).sniff();
    scene.pool.must("subnet-set six tenant=acme dns=fd00::53");
    let resolver: std::net::Ipv6Addr = "fd00::53".parse().unwrap();
    std::thread::sleep(Duration::from_secs(5));
    let heard = sniffer.stop();
    let advertises = |frame: &&Vec<u8>| {
        let names_it = frame.windows(16).any(|part| part == resolver.octets());
        frame.get(54) == Some(&134) && names_it
    };
    assert!(heard.iter().any(|frame| advertises(&frame)));
    scene.pool.must("subnet-set four tenant=acme dhcp=false");
    eventually("nobody answers any more", PATIENCE, || {
        udhcpc(one).is_none()
    });
}

#[test]
fn a_port_with_addresses_of_two_subnets_is_told_the_first_and_may_use_both() {
    let mut scene = Scene::set();
    scene
        .pool
        .must("subnet-create other tenant=acme network=web cidr=10.1.0.0/24");
    scene
        .pool
        .must("ip-reserve 10.1.0.7 tenant=acme network=web name=vip");
    let line = "vif-create name=both tenant=acme network=web host=h1 address=10.0.0.70,10.1.0.7";
    let port = scene.pool.json(line);
    scene.plugs.push(scene.pool.plug_bare(1, &port, "both"));
    let both = scene.instance(3);
    eventually("it is configured", PATIENCE, || {
        udhcpc(both).is_some_and(|told| told["ip"] == "10.0.0.70")
    });
    ip(both, "address add 10.1.0.7/24 dev eth0");
    let two = scene.instance(2);
    ip(two, &format!("address add {}/24 dev eth0", two.address));
    ip(two, "route add 10.1.0.0/24 dev eth0");
    eventually("it is reached by either", PATIENCE, || {
        let reached = |address| two.ping(address, 1, Duration::from_secs(1)) == 1;
        reached([10, 0, 0, 70].into()) && reached([10, 1, 0, 7].into())
    });
}
