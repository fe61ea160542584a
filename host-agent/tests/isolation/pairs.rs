//! Address pairs, and ports without their spoof guard: what they may send from besides, and what
//! nobody ever may.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use host_agent::pipeline::NetworkView;
use model::{AddressPair, MacAddr, SpoofGuard};
use openflow::PortNo;
use openflow::table::Packet;
use proptest::prelude::*;
use proptest::sample::select;

use crate::anything::any_frame;
use crate::frame::{BROADCAST, Frame, Mac, Payload};
use crate::world::{Delivered, GATEWAY, World, deliver, endpoint, ipv4, ipv6, mac, put, tag};

/// The member whose address two ports share, and the one whose address has an Ethernet address of
/// its own.
const SHARED: u8 = 50;
const VIRTUAL: u8 = 51;
/// The addresses that a port routes for.
const BEHIND: [u8; 3] = [10, 7, 0];

fn virtual_mac() -> Mac {
    [0, 0, 0x5e, 0, 1, 1]
}

fn pairs() -> Vec<AddressPair> {
    let mac: MacAddr = virtual_mac().try_into().unwrap();
    let pair = |text: String| text.parse().unwrap();
    vec![
        pair(ipv4(SHARED).to_string()),
        pair(format!("{}@{mac}", ipv4(VIRTUAL))),
        pair(ipv6(SHARED).to_string()),
        pair(format!("{}@{mac}", ipv6(VIRTUAL))),
        pair("10.7.0.0/24".to_owned()),
    ]
}

/// In every network, members 1 and 2 are here and have the pairs, 3 is here and has none; of those
/// elsewhere, 4 has them and 5 does not.
fn with_pairs(shapes: &[Option<usize>]) -> World {
    let shapes: Vec<_> = shapes.iter().map(|way| (3, 2, *way)).collect();
    let mut world = World::new(&shapes);
    for network in &mut world.networks {
        for local in &mut network.locals[..2] {
            local.allowed = pairs().into();
        }
        let mut remotes = network.remotes.to_vec();
        remotes[0].virtual_macs = [virtual_mac().try_into().unwrap()].into();
        network.remotes = remotes.into();
    }
    world
}

fn world() -> World {
    with_pairs(&[Some(0), Some(1), Some(2)])
}

/// The same, and member 3 has no guard.
fn without_guard() -> World {
    let mut world = world();
    for network in &mut world.networks {
        network.locals[2].spoof_guard = SpoofGuard::Off;
    }
    world
}

fn udp(source: Mac, from: Ipv4Addr, destination: Mac) -> Frame {
    let payload = Payload::Udp4 {
        source: from,
        destination: ipv4(3),
        ports: (4000, 4000),
    };
    Frame::new(source, destination, payload)
}

fn arp(op: u16, (sha, spa): (Mac, Ipv4Addr), tpa: Ipv4Addr) -> Frame {
    let tha = [0; 6];
    let payload = Payload::Arp {
        op,
        sha,
        spa,
        tha,
        tpa,
    };
    Frame::new(sha, BROADCAST, payload)
}

fn nd(source: (Mac, Ipv6Addr), kind: u8, target: Ipv6Addr, option: Mac) -> Frame {
    let payload = Payload::Nd {
        source: source.1,
        kind,
        target,
        option: Some(option),
    };
    Frame::new(source.0, [0x33, 0x33, 0, 0, 0, 1], payload)
}

fn ports(delivered: &Delivered) -> BTreeSet<PortNo> {
    delivered.iter().map(|(port, _)| *port).collect()
}

/// The ports of these members here, and the way to other hosts.
fn expected(network: &NetworkView, members: &[usize], uplink: bool) -> BTreeSet<PortNo> {
    let locals = members.iter().map(|it| network.locals[it - 1].port);
    let uplink = network.uplink.filter(|_| uplink).map(|it| it.port);
    locals.chain(uplink).collect()
}

fn in_every_network(
    world: &World,
    check: impl Fn(&NetworkView, &dyn Fn(usize, &Frame) -> Delivered),
) {
    let tables = world.tables();
    for network in &world.networks {
        check(network, &|member, frame| {
            let packet = Packet::new(network.locals[member - 1].port, frame.bytes());
            let outputs = put(&tables, packet).into_iter();
            outputs.map(|it| (it.port, it.frame)).collect()
        });
    }
}

#[test]
fn a_port_sends_from_its_pairs_and_one_that_has_none_does_not() {
    in_every_network(&world(), |network, send| {
        let third = expected(network, &[3], false);
        let good = [
            udp(mac(1), ipv4(SHARED), mac(3)),
            udp(virtual_mac(), ipv4(VIRTUAL), mac(3)),
            udp(mac(1), Ipv4Addr::from([10, 7, 0, 9]), mac(3)),
        ];
        for frame in good {
            assert_eq!(ports(&send(1, &frame)), third, "{frame:?}");
            assert_eq!(send(3, &frame), Delivered::new(), "{frame:?}");
        }
        let bad = [
            // A pair is of both addresses together.
            udp(virtual_mac(), ipv4(SHARED), mac(3)),
            udp(virtual_mac(), ipv4(1), mac(3)),
            udp(mac(1), ipv4(VIRTUAL), mac(3)),
            udp(mac(2), ipv4(SHARED), mac(3)),
            udp(mac(1), Ipv4Addr::from([10, 7, 1, 9]), mac(3)),
            udp(mac(1), ipv4(GATEWAY), mac(3)),
            udp(mac(1), ipv4(2), mac(3)),
        ];
        for frame in bad {
            assert_eq!(send(1, &frame), Delivered::new(), "{frame:?}");
        }
    });
}

#[test]
fn nobody_answers_for_a_shared_address_but_who_has_it() {
    in_every_network(&world(), |network, send| {
        let request = arp(1, (mac(3), ipv4(3)), ipv4(SHARED));
        let everybody = expected(network, &[1, 2], true);
        assert_eq!(ports(&send(3, &request)), everybody);
        let solicit = nd((mac(3), ipv6(3)), 135, ipv6(VIRTUAL), mac(3));
        assert_eq!(ports(&send(3, &solicit)), everybody);
        // The one that takes it over tells everybody, the other one included.
        let others = expected(network, &[1, 3], true);
        for (sha, spa) in [(mac(2), ipv4(SHARED)), (virtual_mac(), ipv4(VIRTUAL))] {
            for op in [1, 2] {
                let told = arp(op, (sha, spa), spa);
                assert_eq!(ports(&send(2, &told)), others, "{told:?}");
                assert_eq!(send(3, &told), Delivered::new(), "{told:?}");
            }
        }
        for (own, address) in [(mac(2), ipv6(SHARED)), (virtual_mac(), ipv6(VIRTUAL))] {
            let told = nd((own, address), 136, address, own);
            assert_eq!(ports(&send(2, &told)), others, "{told:?}");
            assert_eq!(send(3, &told), Delivered::new(), "{told:?}");
        }
        // Not with another's Ethernet address inside.
        let lie = nd((mac(2), ipv6(SHARED)), 136, ipv6(SHARED), mac(1));
        assert_eq!(send(2, &lie), Delivered::new());
    });
}

#[test]
fn a_virtual_ethernet_address_is_found_at_all_that_may_have_it_and_nowhere_else() {
    let world = world();
    in_every_network(&world, |network, send| {
        let frame = udp(mac(3), ipv4(3), virtual_mac());
        assert_eq!(ports(&send(3, &frame)), expected(network, &[1, 2], true));
        let own = udp(mac(1), ipv4(1), virtual_mac());
        assert_eq!(ports(&send(1, &own)), expected(network, &[2], true));
    });
    let tables = world.tables();
    for network in &world.networks {
        let uplink = network.uplink.unwrap();
        let Some(vlan) = tag(uplink) else { continue };
        let frame = udp(mac(5), ipv4(5), virtual_mac()).tagged(0x8100, vlan);
        let delivered = ports(&deliver(&tables, uplink.port, &frame));
        assert_eq!(delivered, expected(network, &[1, 2], false));
    }
}

#[test]
fn from_the_fabric_a_virtual_or_any_address_is_heard_just_where_a_port_may_send_from_it() {
    let unknown = [2, 0, 0, 0, 0, 9];
    for (index, guard) in [
        (0, SpoofGuard::On),
        (0, SpoofGuard::Off),
        (1, SpoofGuard::Off),
    ] {
        let mut world = with_pairs(&[Some(index)]);
        let network = &mut world.networks[0];
        let mut remotes = network.remotes.to_vec();
        remotes[1].spoof_guard = guard;
        network.remotes = remotes.into();
        let (network, tables) = (world.networks[0].clone(), world.tables());
        let uplink = network.uplink.unwrap();
        let arrives = |source| {
            let frame = udp(source, ipv4(4), mac(3)).tagged(0x8100, tag(uplink).unwrap());
            ports(&deliver(&tables, uplink.port, &frame)) == expected(&network, &[3], false)
        };
        assert!(arrives(virtual_mac()));
        assert!(arrives(mac(5)));
        assert_eq!(arrives(unknown), guard == SpoofGuard::Off);
        assert!(!arrives(MacAddr::gateway(network.number).octets()));
    }
}

#[test]
fn in_an_overlay_only_hosts_that_may_have_it_are_sent_a_virtual_address_frame() {
    let world = with_pairs(&[Some(2)]);
    let network = &world.networks[0];
    let frame = udp(mac(3), ipv4(3), virtual_mac());
    let packet = Packet::new(network.locals[2].port, frame.bytes());
    let outputs = put(&world.tables(), packet);
    let hosts = outputs
        .iter()
        .filter_map(|it| it.tunnel.get(&openflow::Field::TunDst));
    // Member 4 is on the second host, 5 on the third.
    let second = u128::from(endpoint(2).to_bits());
    assert_eq!(hosts.copied().collect::<Vec<_>>(), [second]);
}

#[test]
fn without_its_guard_a_port_sends_from_any_address_but_the_gateways() {
    in_every_network(&without_guard(), |network, send| {
        let gateway = MacAddr::gateway(network.number).octets();
        let unknown = [2, 0, 0, 0, 0, 9];
        let first = expected(network, &[1], false);
        for (source, from) in [(unknown, [192, 0, 2, 1].into()), (mac(2), ipv4(2))] {
            assert_eq!(ports(&send(3, &udp(source, from, mac(1)))), first);
            assert_eq!(ports(&send(1, &udp(source, from, mac(2)))), BTreeSet::new());
        }
        let own = MacAddr::gateway(network.number);
        let link_local = host_agent::pipeline::link_local(own);
        let bad = [
            udp(gateway, ipv4(3), mac(1)),
            udp(unknown, ipv4(GATEWAY), mac(1)),
            udp([1, 0, 0, 0, 0, 9], ipv4(3), mac(1)),
            udp(unknown, ipv4(3), mac(1)).tagged(0x8100, 100),
            arp(2, (unknown, ipv4(GATEWAY)), ipv4(1)),
            arp(1, (gateway, ipv4(9)), ipv4(9)),
            nd((unknown, ipv6(9)), 136, ipv6(GATEWAY), unknown),
            nd((unknown, ipv6(9)), 136, link_local, unknown),
            nd((unknown, ipv6(9)), 136, ipv6(9), gateway),
            nd((unknown, ipv6(9)), 135, ipv6(1), gateway),
            nd((unknown, link_local), 135, ipv6(1), unknown),
            // Neither a router nor a server of addresses.
            nd((unknown, ipv6(9)), 134, ipv6(9), unknown),
            nd((unknown, ipv6(9)), 137, ipv6(9), unknown),
        ];
        for frame in bad {
            assert_eq!(send(3, &frame), Delivered::new(), "{frame:?}");
        }
        for ports in [(67, 68), (67, 4000), (4000, 68)] {
            let payload = Payload::Udp4 {
                source: ipv4(3),
                destination: ipv4(1),
                ports,
            };
            assert_eq!(
                send(3, &Frame::new(mac(3), mac(1), payload)),
                Delivered::new()
            );
        }
    });
}

/// Frames that use what pairs are made of as often as anything else.
fn any_frame_of_pairs() -> impl Strategy<Value = Frame> {
    let macs = || select(vec![mac(1), mac(2), mac(3), mac(4), virtual_mac()]);
    let addresses = || {
        let listed = [1, 2, 3, 4, SHARED, VIRTUAL, GATEWAY].map(ipv4);
        let mut listed = listed.to_vec();
        listed.push([BEHIND[0], BEHIND[1], BEHIND[2], 9].into());
        select(listed)
    };
    let udp = (macs(), addresses(), macs()).prop_map(|(source, from, to)| udp(source, from, to));
    let arp = (1..3u16, macs(), addresses(), addresses())
        .prop_map(|(op, sha, spa, tpa)| arp(op, (sha, spa), tpa));
    let six = || select([1, 2, 3, SHARED, VIRTUAL, GATEWAY].map(ipv6).to_vec());
    let nd = (macs(), six(), 135..137u8, six(), macs())
        .prop_map(|(source, from, kind, target, option)| nd((source, from), kind, target, option));
    prop_oneof![3 => udp, 3 => arp, 3 => nd, 2 => any_frame()]
}

/// Whom a frame says that it is from.
fn claims(frame: &Frame) -> Vec<IpAddr> {
    match frame.payload {
        Payload::Arp { spa, .. } => vec![spa.into()],
        Payload::Udp4 { source, .. } => vec![source.into()],
        Payload::Udp6 { source, .. } => vec![source.into()],
        Payload::Nd {
            source,
            kind: 136,
            target,
            ..
        } => vec![source.into(), target.into()],
        Payload::Nd { source, .. } => vec![source.into()],
        Payload::Other { .. } | Payload::Bytes { .. } => Vec::new(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn nobody_speaks_as_the_gateway_and_with_a_guard_as_no_other_port(
        member in 1..4usize,
        index in 0..3usize,
        guarded in any::<bool>(),
        frame in any_frame_of_pairs(),
    ) {
        let world = if guarded { world() } else { without_guard() };
        let network = &world.networks[index];
        let port = &network.locals[member - 1];
        let delivered = put(&world.tables(), Packet::new(port.port, frame.bytes()));
        if delivered.is_empty() {
            return Ok(());
        }
        let gateway = MacAddr::gateway(network.number).octets();
        prop_assert_ne!(frame.source, gateway);
        let claims = claims(&frame);
        let of_gateway = |it: &IpAddr| network.gateways.contains(it);
        prop_assert!(!claims.iter().any(of_gateway), "{:?}", claims);
        for output in &delivered {
            let here = network.locals.iter().any(|it| it.port == output.port);
            let away = network.uplink.is_some_and(|it| it.port == output.port);
            prop_assert!(here || away, "out of another network's {}", output.port);
        }
        if port.spoof_guard == SpoofGuard::On {
            let others = (1..6u8).filter(|it| usize::from(*it) != member);
            for other in others {
                prop_assert_ne!(frame.source, mac(other));
                let of_other = |it: &IpAddr| *it == ipv4(other) || *it == ipv6(other);
                prop_assert!(!claims.iter().any(of_other), "{:?}", claims);
            }
            prop_assert!(member < 3 || frame.source != virtual_mac());
        }
    }
}
