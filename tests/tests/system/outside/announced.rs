//! Whoever is outside hears where an address is now, before anybody asks.

use std::net::Ipv4Addr;
use std::time::Duration;

use tests::{Plug, Pool, Sniffer, eventually};

use super::{Scene, known_as, public};
use crate::PATIENCE;

const FLOATING: u8 = 80;
const FORWARDED: u8 = 81;
const BROADCAST: [u8; 6] = [0xff; 6];

/// A gratuitous ARP, request or reply: to all, from an address about itself (RFC 5227 §3, RFC 5944 §4.6).
fn announces(frame: &[u8], address: Ipv4Addr) -> bool {
    let mac = model::MacAddr::public(address).octets();
    let heads = [1, 2].map(|operation| {
        let arp = [0, 1, 8, 0, 6, 4, 0, operation];
        [&BROADCAST[..], &mac, &[8, 6], &arp, &mac].concat()
    });
    let sender_and_target = [frame.get(28..32), frame.get(38..42)];
    let is_one = heads.iter().any(|head| frame.starts_with(head));
    is_one && sender_and_target == [Some(&address.octets()[..]); 2]
}

fn heard(sniffer: &Sniffer, address: Ipv4Addr) {
    eventually("it is announced again and again", PATIENCE, || {
        sniffer.count(|frame| announces(frame, address)) >= 4
    });
}

/// A VIF on a host, with its way out.
fn plug(pool: &Pool, port: &serde_json::Value, host: usize, tag: &str) -> Plug {
    let plug = pool.plug(host, port, tag);
    let route = ["route", "add", "default", "via", "10.0.1.1"];
    let added = plug.instance.command("ip").args(route).status();
    assert!(added.unwrap().success());
    plug
}

fn active_on(pool: &Pool, host: &str) -> bool {
    let port = pool.json("vif-show mover tenant=acme");
    let host = pool.json(&format!("host-show {host}"))["id"].clone();
    port["host_id"] == host && port["status"]["state"] == "active"
}

#[test]
fn an_address_is_announced_where_it_is_bound_and_where_its_vif_moves() {
    let scene = Scene::without_floating_ips();
    let (pool, outside) = (&scene.pool, &scene.outside);
    let port = pool.json("vif-create tenant=acme network=web name=mover");
    let [first, second] = [1, 2].map(|host| plug(pool, &port, host, &format!("m{host}")));
    pool.unplug(&second);
    eventually("it is there", PATIENCE, || active_on(pool, "h1"));
    let (floating, forwarded) = (public(FLOATING), public(FORWARDED));
    let bound = outside.sniff();
    pool.must(&format!(
        "floating-ip-create {floating} tenant=acme network=internet vif=mover"
    ));
    heard(&bound, floating);
    assert!(bound.stop().iter().all(|it| !announces(it, forwarded)));
    let known = known_as(&first.instance, FLOATING);
    eventually("it is reached", PATIENCE, || outside.reaches(&known));
    let moved = outside.sniff();
    pool.unplug(&first);
    pool.plug_in(&second);
    eventually("it has moved", PATIENCE, || active_on(pool, "h2"));
    heard(&moved, floating);
    // Nobody outside has forgotten anything, and the one who moved has said nothing.
    let answered = || outside.ping(floating, 1, Duration::from_millis(100)) == 1;
    eventually("it is reached where it is", PATIENCE, answered);
    let _ = moved.stop();
    an_address_whose_ports_are_forwarded_moves_with_the_vif(&scene, [&first, &second]);
}

fn an_address_whose_ports_are_forwarded_moves_with_the_vif(scene: &Scene, places: [&Plug; 2]) {
    let (pool, outside) = (&scene.pool, &scene.outside);
    let [first, second] = places;
    let (floating, forwarded) = (public(FLOATING), public(FORWARDED));
    pool.must(&format!("floating-ip-unbind {floating}"));
    pool.must(&format!(
        "floating-ip-create {forwarded} tenant=acme network=internet"
    ));
    let sniffer = outside.sniff();
    pool.must(&format!("port-forward-create {forwarded}:7001 vif=mover"));
    heard(&sniffer, forwarded);
    let _ = sniffer.stop();
    let known = |plug: &Plug| known_as(&plug.instance, FORWARDED);
    assert_eq!(outside.tcp_send(&known(second), 100_000), 100_000);
    let sniffer = outside.sniff();
    pool.unplug(second);
    pool.plug_in(first);
    eventually("it has moved back", PATIENCE, || active_on(pool, "h1"));
    heard(&sniffer, forwarded);
    assert!(sniffer.stop().iter().all(|it| !announces(it, floating)));
    assert_eq!(outside.tcp_send(&known(first), 100_000), 100_000);
}
