//! A machine that got into the private network: by a wrong switch port, or as a host that turned.

use std::net::Ipv4Addr;

use tests::frame::{self, BROADCAST, Mac};
use tests::tenants::TwoTenants;
use tests::{Instance, Sniffer, eventually};

use super::assert_none_carries;
use crate::two_tenants;

/// Marks what the machine sends.
const INTRUDER: &str = "BULKHEAD intruder";

const NOBODY: Mac = [0xfa, 0, 0x5e, 0, 0x53, 1];

/// The NIC of a host that has no network, as a cable into the private network.
fn send_from_outside(scene: &TwoTenants, frames: &[Vec<u8>]) {
    let host = scene.pool.host(3);
    let machine = Instance {
        namespace: host.namespace().to_owned(),
        ..scene.tenants[0].instances[0].clone()
    };
    for _ in 0..3 {
        machine.send_frames_by(host.private_nic(), frames);
    }
}

fn sniff_everywhere(scene: &TwoTenants) -> Vec<Sniffer> {
    scene.instances().map(Instance::sniff).collect()
}

#[test]
fn frames_without_a_tag_or_of_vlan_1_that_reach_access_ports() {
    let scene = two_tenants(3);
    let sniffers = sniff_everywhere(&scene);
    let everybody = (BROADCAST, Ipv4Addr::BROADCAST);
    let mut frames = Vec::new();
    for victim in scene.instances() {
        let peers = scene.instances().map(|it| (it.mac, it.address));
        for from in peers.chain([(NOBODY, Ipv4Addr::new(10, 0, 0, 99))]) {
            for to in [(victim.mac, victim.address), everybody] {
                let plain = frame::udp(from, to, INTRUDER);
                frames.extend([0, 1, 4095].map(|vlan| frame::tagged(vlan, &plain)));
                frames.push(plain);
            }
        }
    }
    send_from_outside(&scene, &frames);
    for sniffer in sniffers {
        assert_none_carries(&sniffer.stop(), INTRUDER);
    }
}

#[test]
fn a_machine_in_the_vlan_that_plays_port_router_or_dhcp_server() {
    let scene = two_tenants(3);
    let sniffers = sniff_everywhere(&scene);
    let everybody = (BROADCAST, Ipv4Addr::BROADCAST);
    let (mut forged, mut known) = (Vec::new(), Vec::new());
    for tenant in &scene.tenants {
        let vlan = tenant.vlan.unwrap();
        let tag = |frame: Vec<u8>| frame::tagged(vlan, &frame);
        let [here, there] = &tenant.instances;
        let stranger = (NOBODY, Ipv4Addr::new(10, 0, 0, 99));
        for victim in [here, there] {
            let to = (victim.mac, victim.address);
            forged.push(tag(frame::udp(stranger, to, INTRUDER)));
            forged.push(tag(frame::arp(
                true,
                NOBODY,
                (NOBODY, here.address),
                to,
                INTRUDER,
            )));
            let gateway = (NOBODY, Ipv4Addr::new(10, 0, 0, 1));
            forged.push(tag(frame::datagram(gateway, to, 67, INTRUDER.as_bytes())));
        }
        forged.push(tag(frame::udp(stranger, everybody, INTRUDER)));
        // In the name of a port that there is, it is heard, but not as a server.
        let peer = (here.mac, here.address);
        let to = (there.mac, there.address);
        forged.push(tag(frame::datagram(peer, to, 67, INTRUDER.as_bytes())));
        forged.push(tag(frame::datagram(peer, to, 68, INTRUDER.as_bytes())));
        known.push(tag(frame::udp(peer, to, "BULKHEAD in another's name")));
    }
    send_from_outside(&scene, &[forged, known].concat());
    let caught: Vec<_> = sniffers.into_iter().map(Sniffer::stop).collect();
    for caught in &caught {
        assert_none_carries(caught, INTRUDER);
    }
    // Without this a cable that leads nowhere would pass.
    let arrived = caught.iter().flatten();
    let arrived = arrived.filter(|it| frame::carries(it, "BULKHEAD in another's name"));
    assert!(arrived.count() > 0, "the intruder has no way in");
}

#[test]
fn copies_of_a_broadcast_that_nobody_sent() {
    const COUNT: usize = 500;
    let pool = tests::Pool::up(&tests::PoolSpec::real(3));
    let scene = TwoTenants::set_on(pool, ["vxlan", "geneve"], |_| {}).admitting_everybody();
    for tenant in &scene.tenants {
        let [first, second] = &tenant.instances;
        eventually("they reach each other", crate::PATIENCE, || {
            first.reaches(second)
        });
    }
    let nics = [1, 2, 3].map(|host| {
        let host = scene.pool.host(host);
        Sniffer::start(host.namespace(), host.private_nic())
    });
    let at_peers: Vec<_> = scene
        .tenants
        .iter()
        .map(|it| it.instances[1].sniff())
        .collect();
    for tenant in &scene.tenants {
        let from = &tenant.instances[0];
        let broadcasts = (0..COUNT).map(|n| {
            let mark = format!("BULKHEAD {} {n}.", tenant.name);
            frame::udp(
                (from.mac, from.address),
                (BROADCAST, Ipv4Addr::BROADCAST),
                &mark,
            )
        });
        let broadcasts: Vec<_> = broadcasts.collect();
        for some in broadcasts.chunks(10) {
            from.send_frames(some);
        }
    }
    let nics = nics.map(Sniffer::stop);
    let at_peers: Vec<_> = at_peers.into_iter().map(Sniffer::stop).collect();
    for tenant in &scene.tenants {
        for n in 0..COUNT {
            let mark = format!("BULKHEAD {} {n}.", tenant.name);
            let seen =
                |caught: &[Vec<u8>]| caught.iter().filter(|it| frame::carries(it, &mark)).count();
            let copies: Vec<usize> = nics.iter().chain(&at_peers).map(|it| seen(it)).collect();
            assert!(copies.iter().all(|count| *count <= 1), "{mark} {copies:?}");
        }
    }
}
