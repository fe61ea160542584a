//! Addresses reach instances by DHCP and router advertisements: real clients, real kernels, also
//! while the controller is away; and nobody but the host's own agent hands them out.

mod clients;
mod life;
mod names;
mod pairs;
mod wrapped;

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use clients::{dhclient, ip, leased_by_udhcpc, sysctl};
use etherparse::PacketBuilder;
use lab::Signal;
use serde_json::json;
use tests::{Instance, Plug, Pool, PoolSpec, Rest, eventually, frame};

use crate::PATIENCE;

/// Two VIFs on two hosts that nobody configured.
struct Scene {
    pool: Pool,
    plugs: Vec<Plug>,
}

impl Scene {
    fn set() -> Self {
        Self::on("vlan")
    }

    /// On a network of this kind.
    fn on(kind: &str) -> Self {
        let pool = Pool::up(&PoolSpec::real(2));
        pool.must(
            "physical-network-create name=private role=private nic=eth1 vlans=100-199 \
             endpoints=10.254.0.0/16",
        );
        pool.must("tenant-create name=acme");
        pool.admit_everybody("acme");
        let network = pool.json(&format!("{kind}-create tenant=acme name=web mtu=1400"));
        let data = pool.lab().controller().unwrap().directory().to_owned();
        pool.wait(async {
            let rest = Rest::open(&data);
            let four = json!({
                "network_id": network["id"], "name": "four", "cidr": "10.0.0.0/24", "dns": ["9.9.9.9"],
                "domain": "web.example", "routes": ["10.9.0.0/16 via 10.0.0.77"],
            });
            rest.create("subnets", four).await;
            let six = json!({
                "network_id": network["id"], "name": "six", "cidr": "fd00:17::/64", "dns": ["fd00::9"],
            });
            rest.create("subnets", six).await;
        });
        let mut scene = Self {
            pool,
            plugs: Vec::new(),
        };
        scene.plug(1, "one");
        scene.plug(2, "two");
        scene
    }

    fn plug(&mut self, host: usize, name: &str) {
        let line = format!("vif-create tenant=acme network=web name={name} host=h{host}");
        let port = self.pool.json(&line);
        self.plugs.push(self.pool.plug_bare(host, &port, name));
        eventually("the port is active", PATIENCE, || {
            let line = format!("vif-show {name} tenant=acme");
            self.pool.json(&line)["status"]["state"] == "active"
        });
    }

    fn instance(&self, number: usize) -> &Instance {
        &self.plugs[number - 1].instance
    }
}

/// What an instance has before anybody asked: nothing.
fn forget(at: &Instance) {
    ip(at, "address flush dev eth0 scope global");
    ip(at, "link set eth0 mtu 1500");
}

/// The n-th port has the n-th address after the gateway's.
fn ipv6(number: u16) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 0x17, 0, 0, 0, 0, 0, number + 1)
}

fn takes_ipv4_by_udhcpc(at: &Instance) {
    forget(at);
    let told = leased_by_udhcpc(at);
    assert_eq!(told["ip"], at.address.to_string());
    assert_eq!(told["router"], "10.0.0.1");
    assert_eq!(told["dns"], "9.9.9.9");
    assert_eq!(told["domain"], "web.example");
    assert_eq!(told["hostname"], at.name);
    assert_eq!(told["lease"], "86400");
    assert!(ip(at, "link show eth0").contains("mtu 1400"));
    let routes = ip(at, "route");
    assert!(routes.contains("default via 10.0.0.1"), "{routes}");
    assert!(routes.contains("10.9.0.0/16 via 10.0.0.77"), "{routes}");
}

fn takes_ipv4_by_dhclient(at: &Instance) {
    forget(at);
    let told = dhclient(at, "-4");
    assert_eq!(told["new_ip_address"], at.address.to_string());
    assert_eq!(told["new_subnet_mask"], "255.255.255.0");
    assert_eq!(told["new_routers"], "10.0.0.1");
    assert_eq!(told["new_interface_mtu"], "1400");
    assert_eq!(told["new_domain_name_servers"], "9.9.9.9");
    assert_eq!(told["new_dhcp_server_identifier"], "10.0.0.1");
}

/// The kernel hears the router, and dhclient gets the address.
fn takes_ipv6(at: &Instance, number: u16) {
    ip(at, "address flush dev eth0 scope global");
    ip(at, "link set eth0 down");
    ip(at, "link set eth0 up");
    // Each solicitation waits twice as long as the one before (RFC 7559): who asked in vain while the
    // agent was away would be quiet for long, so it is made to ask anew now and then.
    let mut asked = Instant::now();
    eventually("the kernel takes the advertisement", PATIENCE, || {
        if asked.elapsed() > Duration::from_secs(10) {
            ip(at, "link set eth0 down");
            ip(at, "link set eth0 up");
            asked = Instant::now();
        }
        let routes = ip(at, "-6 route show dev eth0");
        routes.contains("default via fe80::") && routes.contains("fd00:17::/64 proto kernel")
    });
    assert_eq!(sysctl(at, "ipv6/conf/eth0/mtu"), "1400");
    assert!(!ip(at, "-6 address show dev eth0").contains("fd00:17::"));
    eventually("the link-local address may be used", PATIENCE, || {
        !ip(at, "-6 address show dev eth0 tentative").contains("fe80::")
    });
    let told = dhclient(at, "-6");
    assert_eq!(told["new_ip6_address"], ipv6(number).to_string());
    assert_eq!(told["new_dhcp6_name_servers"], "fd00::9");
}

fn pings_ipv6(from: &Instance, to: Ipv6Addr) -> bool {
    let target = to.to_string();
    let output = from
        .command("ping")
        .args(["-6", "-n", "-c1", "-W2", &target])
        .output();
    output.unwrap().status.success()
}

fn everybody_is_configured(scene: &Scene) {
    let [one, two] = [scene.instance(1), scene.instance(2)];
    takes_ipv4_by_udhcpc(one);
    takes_ipv4_by_dhclient(two);
    eventually("they reach each other by IPv4", PATIENCE, || {
        one.reaches(two)
    });
    takes_ipv6(one, 1);
    takes_ipv6(two, 2);
    eventually("they reach each other by IPv6", PATIENCE, || {
        pings_ipv6(one, ipv6(2)) && pings_ipv6(two, ipv6(1))
    });
}

#[test]
fn real_clients_are_configured_also_while_the_controller_is_away() {
    let scene = Scene::set();
    everybody_is_configured(&scene);
    let controller = scene.pool.lab().controller().unwrap();
    let killed = controller.process().kill(Signal::SIGKILL);
    scene.pool.wait(killed).unwrap();
    // And by agents that know the plan from their disks only.
    for number in [1, 2] {
        let host = scene.pool.host(number);
        let agent = host.agent().unwrap();
        scene.pool.wait(agent.kill(Signal::SIGKILL)).unwrap();
        scene.pool.wait(agent.start()).unwrap();
    }
    everybody_is_configured(&scene);
}

#[test]
fn neighbours_are_found_without_their_host_hearing_of_it_and_without_an_agent() {
    let scene = Scene::set();
    let [one, two] = [scene.instance(1), scene.instance(2)];
    for (at, number) in [(one, 1), (two, 2)] {
        ip(
            at,
            &format!("address add {}/64 dev eth0 nodad", ipv6(number)),
        );
    }
    eventually("they reach each other", PATIENCE, || {
        pings_ipv6(one, ipv6(2))
    });
    let host = scene.pool.host(1);
    let agent = host.agent().unwrap();
    scene.pool.wait(agent.kill(Signal::SIGKILL)).unwrap();
    ip(one, "neighbour flush dev eth0");
    let sniffer = two.sniff();
    assert!(pings_ipv6(one, ipv6(2)));
    let heard = sniffer.stop();
    // Who has no address yet asks everybody whether it may take one.
    let solicits = |frame: &&Vec<u8>| {
        let is_solicitation = frame.get(54) == Some(&135) && frame[6..12] == one.mac;
        is_solicitation && frame[22..38] != [0; 16]
    };
    assert_eq!(heard.iter().find(solicits), None);
    ip(one, "neighbour flush dev eth0");
    // The gateway is known by its Ethernet address, whoever it is.
    assert!(!pings_ipv6(one, ipv6(0)));
    let known = ip(one, &format!("neighbour show {} dev eth0", ipv6(0)));
    assert!(known.contains("lladdr 0a:bd:00:00:00:01"), "{known}");
}

/// What a rogue server would say: an offer, an advertisement of DHCPv6 and one of a router.
fn rogue_frames(rogue: &Instance, victim: &Instance) -> Vec<Vec<u8>> {
    let mark = b"BULKHEAD rogue";
    let own = || PacketBuilder::ethernet2(rogue.mac, victim.mac);
    let [a, b, c, d, e, f] = rogue.mac;
    let link_local = [
        0xfe,
        0x80,
        0,
        0,
        0,
        0,
        0,
        0,
        a ^ 2,
        b,
        c,
        0xff,
        0xfe,
        d,
        e,
        f,
    ];
    let all_nodes = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1).octets();
    let everybody = Ipv4Addr::BROADCAST.octets();
    let mut frames = vec![Vec::new(); 3];
    let offer = own()
        .ipv4(rogue.address.octets(), everybody, 64)
        .udp(67, 68);
    offer.write(&mut frames[0], mark).unwrap();
    let offer = own().ipv6(link_local, all_nodes, 64).udp(547, 546);
    offer.write(&mut frames[1], mark).unwrap();
    let router = own()
        .ipv6(link_local, all_nodes, 255)
        .icmpv6_raw(134, 0, [64, 0, 1, 0]);
    router.write(&mut frames[2], mark).unwrap();
    frames
}

#[test]
fn a_rogue_server_hears_no_client_and_reaches_nobody() {
    let mut scene = Scene::set();
    scene.plug(1, "rogue");
    let [one, two, rogue] = [scene.instance(1), scene.instance(2), scene.instance(3)];
    let at_rogue = rogue.sniff();
    let victims = [one, two].map(|it| (it, it.sniff()));
    for (victim, _) in &victims {
        rogue.send_frames(&rogue_frames(rogue, victim));
    }
    takes_ipv4_by_udhcpc(one);
    takes_ipv6(two, 2);
    for (_, sniffer) in victims {
        let caught = sniffer.stop();
        let forged = caught
            .iter()
            .find(|it| frame::carries(it, "BULKHEAD rogue"));
        assert_eq!(forged, None);
    }
    let heard = at_rogue.stop();
    // IPv4 to port 67, IPv6 to port 547, a router solicitation.
    let asks = |frame: &&Vec<u8>| {
        let others = frame[6..12] != rogue.mac;
        let dhcp = frame.get(36..38) == Some(&67u16.to_be_bytes()) && frame[12..14] == [8, 0];
        let dhcpv6 = frame.get(56..58) == Some(&547u16.to_be_bytes());
        let solicits = frame.get(54) == Some(&133);
        let six = frame[12..14] == [0x86, 0xdd];
        others && (dhcp || six && (dhcpv6 && frame[20] == 17 || solicits && frame[20] == 58))
    };
    assert_eq!(heard.iter().find(asks), None);
}

#[test]
fn a_vif_that_asks_without_end_does_not_keep_others_from_being_answered() {
    let mut scene = Scene::set();
    scene.plug(1, "loud");
    let (one, loud) = (scene.instance(1), scene.instance(3));
    let mut ask = vec![0; 240];
    ask[..3].copy_from_slice(&[1, 1, 6]);
    ask[28..34].copy_from_slice(&loud.mac);
    ask[236..].copy_from_slice(&[99, 130, 83, 99]);
    ask.extend([53, 1, 1, 255]);
    let builder = PacketBuilder::ethernet2(loud.mac, frame::BROADCAST);
    let mut discover = Vec::new();
    let builder = builder.ipv4([0; 4], [255; 4], 64).udp(68, 67);
    builder.write(&mut discover, &ask).unwrap();
    let before = loud.counters().received_bytes;
    let length = discover.len() as u64;
    loud.send_frames(&vec![discover; 5000]);
    takes_ipv4_by_udhcpc(one);
    // An answer is longer than its question.
    eventually("the loud one is answered, too", PATIENCE, || {
        loud.counters().received_bytes > before + length
    });
    let answers = (loud.counters().received_bytes - before) / length;
    assert!(answers < 1000, "{answers} of 5000 were answered");
}
