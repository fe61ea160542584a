//! Floating IPs of IPv6: translated with state on the instance's own host, like those of IPv4.

use std::io::ErrorKind;
use std::net::{Ipv6Addr, UdpSocket};
use std::time::Duration;

use tests::frame::udp6;
use tests::{Instance, Plug, Pool, PoolSpec, Sniffer, eventually};

use crate::PATIENCE;

const ROUTER: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x71, 0, 0, 0, 0, 1);
const FAR: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xf, 0, 0, 0, 0, 1);
const ALL_NODES: [u8; 6] = [0x33, 0x33, 0, 0, 0, 1];
const MARK: &str = "BULKHEAD floating six";

fn public(last: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0x71, 0, 0, 0, 0, last)
}

fn ip(instance: &Instance, line: &str) {
    let done = instance.command("ip").args(line.split(' ')).status();
    assert!(done.unwrap().success(), "ip {line}");
}

/// The external network with IPv6 on it, and its router.
fn internet(pool: &Pool) -> Instance {
    let outside = pool.internet();
    pool.must(
        "subnet-create network=internet tenant=provider cidr=2001:db8:71::/64 dhcp=false \
         pool=2001:db8:71::10-2001:db8:71::ff",
    );
    // The lab's cables carry more than the network is said to.
    ip(&outside, "link set eth0 mtu 1500");
    ip(&outside, &format!("addr add {ROUTER}/64 dev eth0 nodad"));
    ip(&outside, &format!("addr add {FAR}/128 dev lo nodad"));
    ip(&outside, "link set lo up");
    outside
}

fn network_of(pool: &Pool, tenant: &str, kind: &str) {
    pool.must(&format!("tenant-create name={tenant}"));
    pool.must(&format!(
        "{kind}-create tenant={tenant} name=web subnet=10.0.1.0/24"
    ));
    pool.must(&format!(
        "subnet-create tenant={tenant} network=web cidr=fd00:1::/64"
    ));
    pool.must(&format!("router-create tenant={tenant} name=r network=web"));
    pool.must(&format!(
        "router-gateway-set r tenant={tenant} network=internet"
    ));
}

/// Takes the next free address for the only VIF of an instance.
fn bind(pool: &Pool, instance: &Instance) -> Ipv6Addr {
    let (tenant, vif) = (&instance.tenant, &instance.port_id);
    let floating = pool.json(&format!(
        "floating-ip-create family=ipv6 tenant={tenant} network=internet vif={vif}"
    ));
    floating["address"].as_str().unwrap().parse().unwrap()
}

/// How many of 20 pings of so many bytes are answered.
fn pings(from: &Instance, to: Ipv6Addr, bytes: u16) -> usize {
    let mut ping = from.command("ping");
    ping.args(["-6", "-n", "-c", "20", "-i", "0.02", "-W", "2"])
        .args(["-s", &bytes.to_string(), &to.to_string()]);
    let said = ping.output().unwrap();
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    said.matches("bytes from").count()
}

fn all_pass(from: &Instance, to: Ipv6Addr) {
    eventually("it is reached", PATIENCE, || pings(from, to, 56) == 20);
}

fn fragments_pass(from: &Instance, to: Ipv6Addr) {
    assert_eq!(pings(from, to, 3_000), 20, "fragments to {to}");
}

#[test]
fn floating_ips_of_ipv6_stand_for_vifs_of_tenants_with_the_same_addresses() {
    let pool = Pool::up(&PoolSpec::real(2));
    let outside = internet(&pool);
    let mut known = Vec::new();
    for (tenant, kind) in [("acme", "vlan"), ("globex", "geneve")] {
        network_of(&pool, tenant, kind);
        pool.admit_everybody(tenant);
        let [named, plain] = ["h1", "h2"]
            .map(|host| pool.vm_start(&format!("{tenant}-{host}"), tenant, "web", host));
        let address = bind(&pool, &named);
        all_pass(&outside, address);
        all_pass(&named, ROUTER);
        all_pass(&named, FAR);
        assert_eq!(
            pings(&plain, FAR, 56),
            0,
            "{tenant}: it has no address outside"
        );
        assert_eq!(
            outside.tcp_send_as(&named, address.into(), 300_000),
            300_000
        );
        assert_eq!(named.tcp_send_as(&outside, FAR.into(), 300_000), 300_000);
        an_error_comes_home(&named);
        known.push((named, address));
    }
    let [(acme, to_acme), (globex, to_globex)] = &known[..] else {
        panic!("two");
    };
    all_pass(acme, *to_globex);
    all_pass(globex, *to_acme);
    what_is_for_one_reaches_no_other(&outside, acme, (globex, *to_globex));
    groups_hold(&pool, &outside);
}

/// About a packet that it never sent as it is quoted.
fn an_error_comes_home(instance: &Instance) {
    const CLOSED: u16 = 9;
    let refused = tests::namespace::inside(&instance.namespace, || {
        let socket = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        socket.connect((FAR, CLOSED)).unwrap();
        socket.send(b"anybody?").unwrap();
        socket.recv(&mut [0; 16]).unwrap_err().kind()
    });
    assert_eq!(refused, ErrorKind::ConnectionRefused);
}

/// Tenants have the same addresses inside; their routers tell them apart.
fn what_is_for_one_reaches_no_other(
    outside: &Instance,
    acme: &Instance,
    (globex, address): (&Instance, Ipv6Addr),
) {
    let (meant, other) = (globex.sniff(), acme.sniff());
    let mac = model::MacAddr::public(address).octets();
    let frame = udp6((outside.mac, ROUTER), (mac, address), MARK);
    let has_mark = |frame: &[u8]| frame.windows(MARK.len()).any(|it| it == MARK.as_bytes());
    eventually("it arrives", PATIENCE, || {
        outside.send_frames(std::slice::from_ref(&frame));
        meant.count(|it| has_mark(it)) > 0
    });
    assert!(!other.stop().iter().any(|it| has_mark(it)));
}

/// By default a VIF may speak, and nobody begins to speak with it.
fn groups_hold(pool: &Pool, outside: &Instance) {
    network_of(pool, "initech", "vlan");
    let instance = pool.vm_start("initech-h1", "initech", "web", "h1");
    let address = bind(pool, &instance);
    eventually("it gets out", PATIENCE, || pings(&instance, FAR, 56) == 20);
    assert_eq!(pings(outside, address, 56), 0);
}

/// An unsolicited advertisement: to all nodes, overriding what they know (RFC 4861 §7.2.6).
fn announces(frame: &[u8], address: Ipv6Addr) -> bool {
    const ADVERTISEMENT: u8 = 136;
    const OVERRIDE_ALONE: u8 = 0x20;
    let mac = model::MacAddr::public(address).octets();
    let head = [&ALL_NODES[..], &mac, &[0x86, 0xdd]].concat();
    frame.starts_with(&head)
        && frame.get(54) == Some(&ADVERTISEMENT)
        && frame.get(58) == Some(&OVERRIDE_ALONE)
        && frame.get(62..78) == Some(&address.octets())
        && frame.get(80..86) == Some(&mac)
}

fn heard(sniffer: &Sniffer, address: Ipv6Addr) {
    eventually("it is announced three times", PATIENCE, || {
        sniffer.count(|frame| announces(frame, address)) >= 3
    });
}

fn active_on(pool: &Pool, host: &str) -> bool {
    let port = pool.json("vif-show mover tenant=acme");
    let host = pool.json(&format!("host-show {host}"))["id"].clone();
    port["host_id"] == host && port["status"]["state"] == "active"
}

/// The kernel takes its address and its router from what the agent advertises; here it is told them.
fn plug(pool: &Pool, port: &serde_json::Value, host: usize) -> Plug {
    let plug = pool.plug(host, port, &format!("m{host}"));
    let addresses = port["addresses"].as_array().unwrap().iter();
    let mut addresses = addresses.filter_map(|it| it.as_str());
    let own = addresses.find(|it| it.contains(':')).unwrap();
    ip(&plug.instance, &format!("addr add {own}/64 dev eth0 nodad"));
    ip(
        &plug.instance,
        "-6 route add default via fd00:1::1 dev eth0",
    );
    plug
}

#[test]
fn an_ipv6_address_is_announced_where_it_is_bound_and_where_its_vif_moves() {
    let pool = Pool::up(&PoolSpec::real(2));
    let outside = internet(&pool);
    network_of(&pool, "acme", "vlan");
    pool.admit_everybody("acme");
    let port = pool.json("vif-create tenant=acme network=web name=mover");
    let [first, second] = [1, 2].map(|host| plug(&pool, &port, host));
    pool.unplug(&second);
    eventually("it is there", PATIENCE, || active_on(&pool, "h1"));
    let floating = public(0x80);
    let bound = outside.sniff();
    pool.must(&format!(
        "floating-ip-create {floating} tenant=acme network=internet vif=mover"
    ));
    heard(&bound, floating);
    let _ = bound.stop();
    all_pass(&outside, floating);
    let moved = outside.sniff();
    pool.unplug(&first);
    pool.plug_in(&second);
    eventually("it has moved", PATIENCE, || active_on(&pool, "h2"));
    heard(&moved, floating);
    let _ = moved.stop();
    all_pass(&outside, floating);
    fragments_pass(&outside, floating);
    fragments_pass(&second.instance, FAR);
}

#[test]
fn a_floating_ip_is_of_one_version_and_behind_an_ethernet_address_of_its_own() {
    let pool = Pool::up(&PoolSpec::real(1));
    let _ = internet(&pool);
    network_of(&pool, "acme", "vlan");
    pool.must("vif-create tenant=acme network=web name=v");
    let create = |what: &str| {
        pool.netctl(&format!(
            "floating-ip-create {what} tenant=acme network=internet"
        ))
    };
    let refused = |what: &str, why: &str| {
        let words = create(what).unwrap_err();
        assert!(words.contains(why), "{words}");
    };
    refused("203.0.113.50 family=ipv6", "family");
    refused(
        "2001:db8:71::20 vif=v vif-address=10.0.1.2",
        "same version of IP",
    );
    create("2001:db8:71::20").unwrap();
    refused("2001:db8:71:0:1::20", "same four bytes");
    let forwarded = pool.netctl("port-forward-create [2001:db8:71::20]:80 vif=v tenant=acme");
    assert!(forwarded.is_err());
}
