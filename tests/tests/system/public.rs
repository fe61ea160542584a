//! Networks that others are on too: VIFs with public addresses beside a real router, and tenants who
//! share a network without meeting.

use std::net::Ipv4Addr;
use std::time::Duration;

use tests::frame::{self, BROADCAST, Mac};
use tests::{Instance, Pool, PoolSpec, Sniffer, eventually};

use crate::PATIENCE;

const ROUTER: Ipv4Addr = Pool::OUTSIDE;
const ROUTER_V6: &str = "2001:db8:113::1";
const FORGED: &str = "BULKHEAD neighbour";

/// A pool whose hosts have a public NIC, and the provider's network on it.
fn pool(network: &str) -> (Pool, Instance) {
    let pool = Pool::up(&PoolSpec::real(2));
    let outside = pool.outside();
    let mac = model::MacAddr::try_from(outside.mac).unwrap();
    for line in [
        "physical-network-create name=public role=public nic=eth2",
        "tenant-create name=provider",
        "tenant-create name=acme",
        "tenant-create name=globex",
    ] {
        pool.must(line);
    }
    for tenant in ["acme", "globex"] {
        pool.admit_everybody(tenant);
    }
    let network = network.replace("ROUTER", &mac.to_string());
    pool.must(&format!(
        "flat-create name=internet tenant=provider physical-network=public external=true \
         shared=true {network}"
    ));
    pool.must(
        "subnet-create network=internet tenant=provider cidr=203.0.113.0/24 pool=203.0.113.10-203.0.113.254",
    );
    pool.must(
        "subnet-create network=internet tenant=provider cidr=2001:db8:113::/64 \
         pool=2001:db8:113::10-2001:db8:113::ffff dhcp=false",
    );
    (pool, outside)
}

fn has_bridge(pool: &Pool, host: usize) -> bool {
    let bridges = pool.wait(pool.host(host).vswitch().ovs_vsctl(&["list-br"]));
    bridges.unwrap().lines().any(|line| line == "br-public")
}

fn pings_v6(from: &Instance, to: &str) -> bool {
    let mut ping = from.command("ping");
    ping.args(["-6", "-n", "-q", "-W", "2", "-c", "1", to]);
    ping.output().unwrap().status.success()
}

fn both_ways(one: &Instance, other: &Instance) {
    for (from, to) in [(one, other), (other, one)] {
        eventually("they reach each other", PATIENCE, || from.reaches(to));
        let answered = from.ping(to.address, 10, Duration::from_millis(20));
        assert_eq!(answered, 10, "{} to {}", from.name, to.name);
    }
}

#[test]
fn a_vif_with_a_public_address_speaks_with_the_outside_and_the_host_hears_nothing() {
    let (pool, outside) = pool("");
    assert!(!has_bridge(&pool, 1) && !has_bridge(&pool, 2), "not needed");
    let vm = pool.vm_start("vm", "acme", "internet", "h1");
    assert!(has_bridge(&pool, 1) && !has_bridge(&pool, 2));
    both_ways(&vm, &outside);
    assert!(vm.fits(ROUTER, 1500), "the full MTU");
    eventually("IPv6 works", PATIENCE, || pings_v6(&vm, ROUTER_V6));

    let neighbour = pool.vm_start("neighbour", "globex", "internet", "h2");
    both_ways(&neighbour, &outside);
    both_ways(&neighbour, &vm);

    the_host_hears_nothing(&pool, &outside, &vm);
    foreign_addresses_go_nowhere(&vm, &outside);
    let provider = pool.netctl("flat-delete internet tenant=provider");
    assert!(provider.unwrap_err().contains("ports"), "it is in use");
    pool.must("vm-stop vm tenant=acme");
    eventually("nothing public is left here", PATIENCE, || {
        !has_bridge(&pool, 1)
    });
    both_ways(&neighbour, &outside);
}

/// The bridge's own port is the host's own stack.
fn the_host_hears_nothing(pool: &Pool, outside: &Instance, vm: &Instance) {
    let host = pool.host(1);
    pool.wait(host.run(&["ip", "link", "set", "br-public", "up"]))
        .unwrap();
    let own = Sniffer::start(host.namespace(), "br-public");
    for from in [outside, vm] {
        let me = (from.mac, from.address);
        from.send_frames(&[frame::udp(me, (BROADCAST, Ipv4Addr::BROADCAST), FORGED)]);
    }
    both_ways(vm, outside);
    let heard = own.stop();
    let of_others = |it: &&Vec<u8>| {
        [outside.mac, vm.mac]
            .iter()
            .any(|mac| frame::source(it) == Some(*mac))
    };
    assert_eq!(heard.iter().find(of_others), None, "the host is reached");
}

fn foreign_addresses_go_nowhere(vm: &Instance, outside: &Instance) {
    let sniffer = outside.sniff();
    let stranger: Mac = [0xfa, 0, 0x5e, 0, 0x53, 1];
    let nobody = Ipv4Addr::new(203, 0, 113, 200);
    let to = (outside.mac, outside.address);
    vm.send_frames(&[
        frame::udp((vm.mac, nobody), to, FORGED),
        frame::udp((stranger, vm.address), to, FORGED),
        frame::udp((vm.mac, ROUTER), (BROADCAST, ROUTER), FORGED),
        frame::arp(true, vm.mac, (vm.mac, ROUTER), to, FORGED),
        frame::tagged(200, &frame::udp((vm.mac, vm.address), to, FORGED)),
    ]);
    let caught = sniffer.stop();
    let forged = caught.iter().find(|it| frame::carries(it, FORGED));
    assert_eq!(forged, None);
}

#[test]
fn tenants_of_an_isolated_network_reach_its_gateway_and_never_each_other() {
    let (pool, outside) = pool("isolated=true gateway-mac=ROUTER");
    let all = [
        pool.vm_start("one", "acme", "internet", "h1"),
        pool.vm_start("two", "globex", "internet", "h1"),
        pool.vm_start("three", "globex", "internet", "h2"),
    ];
    for vm in &all {
        both_ways(vm, &outside);
        eventually("IPv6 works", PATIENCE, || pings_v6(vm, ROUTER_V6));
    }
    for (from, to) in pairs(&all) {
        let answered = from.ping(to.address, 2, Duration::from_millis(100));
        assert_eq!(answered, 0, "{} to {}", from.name, to.name);
    }
    let sniffers: Vec<_> = all.iter().map(|vm| (vm, vm.sniff())).collect();
    let gateway = outside.sniff();
    for (from, to) in pairs(&all) {
        from.send_frames(&every_kind(from, to));
    }
    let caught = gateway.stop();
    for vm in &all {
        let of_vm = |it: &&Vec<u8>| frame::source(it) == Some(vm.mac);
        let broadcasts = caught.iter().filter(of_vm).count();
        assert!(broadcasts >= 4, "{} sent nothing", vm.name);
    }
    for (vm, sniffer) in sniffers {
        let caught = sniffer.stop();
        let known = |it: &Vec<u8>| {
            let source = frame::source(it);
            source == Some(vm.mac) || source == Some(outside.mac)
        };
        let foreign = caught.iter().find(|it| !known(it));
        assert_eq!(foreign, None, "{} received a frame of another", vm.name);
    }
}

fn pairs(all: &[Instance]) -> impl Iterator<Item = (&Instance, &Instance)> {
    let pairs = all
        .iter()
        .flat_map(move |from| all.iter().map(move |to| (from, to)));
    pairs.filter(|(from, to)| from.name != to.name)
}

/// Honest frames, to one that may not be reached and to everybody.
fn every_kind(from: &Instance, to: &Instance) -> Vec<Vec<u8>> {
    let (me, them) = ((from.mac, from.address), (to.mac, to.address));
    let group: Mac = [0x01, 0x00, 0x5e, 0x00, 0x00, 0xfb];
    let all_nodes: Mac = [0x33, 0x33, 0, 0, 0, 1];
    let link_local = |mac: Mac| {
        let mac = model::MacAddr::try_from(mac).unwrap();
        host_agent::pipeline::link_local(mac)
    };
    let six = |to| frame::udp6((from.mac, link_local(from.mac)), to, FORGED);
    vec![
        frame::udp(me, them, FORGED),
        frame::udp(me, (BROADCAST, to.address), FORGED),
        frame::udp(me, (BROADCAST, Ipv4Addr::BROADCAST), FORGED),
        frame::udp(me, (group, Ipv4Addr::new(224, 0, 0, 251)), FORGED),
        frame::arp(false, from.mac, me, ([0; 6], to.address), FORGED),
        frame::arp(true, from.mac, me, them, FORGED),
        six((to.mac, link_local(to.mac))),
        six((all_nodes, "ff02::1".parse().unwrap())),
    ]
}
