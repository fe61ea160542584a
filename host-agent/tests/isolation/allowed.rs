//! What a VIF may send reaches exactly whom it is for, and the fabric brings just what it should.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use host_agent::pipeline::NetworkView;
use model::Tracking;
use openflow::PortNo;

use crate::frame::{BROADCAST, Frame, Mac, Payload};
use crate::world::{
    Delivered, GATEWAY, PATCHES, UNPLANNED, World, deliver, ipv4, ipv6, mac, open_to, send, tag,
};

/// Two networks on one physical network and one on another, all with the same addresses; in each,
/// members 1 and 2 are here and 3 is elsewhere.
fn world() -> World {
    World::new(&[(2, 1, Some(0)), (2, 1, Some(1)), (2, 1, Some(0))])
}

fn udp(from: u8, to: u8) -> Frame {
    let payload = Payload::Udp4 {
        source: ipv4(from),
        destination: ipv4(to),
        ports: (4000, 4000),
    };
    Frame::new(mac(from), mac(to), payload)
}

fn broadcast(from: u8) -> Frame {
    Frame {
        destination: BROADCAST,
        ..udp(from, 99)
    }
}

fn arp_request(from: u8, spa: Ipv4Addr, tpa: Ipv4Addr) -> Frame {
    let payload = Payload::Arp {
        op: 1,
        sha: mac(from),
        spa,
        tha: [0; 6],
        tpa,
    };
    Frame::new(mac(from), BROADCAST, payload)
}

/// The ports that a frame came out of.
fn ports(delivered: &Delivered) -> BTreeSet<PortNo> {
    delivered.iter().map(|(port, _)| *port).collect()
}

/// This frame, out of these local ports, and tagged out of the uplink.
fn expected(frame: &Frame, network: &NetworkView, members: &[u8], uplink: bool) -> Delivered {
    let locals = members.iter().map(|member| {
        let local = &network.locals[usize::from(*member) - 1];
        (local.port, frame.bytes())
    });
    let uplink = network.uplink.filter(|_| uplink).map(|uplink| {
        let tagged = frame.clone().tagged(0x8100, tag(uplink).unwrap());
        let mut bytes = frame.bytes();
        bytes.splice(12..12, tagged.bytes()[12..16].to_vec());
        (uplink.port, bytes)
    });
    locals.chain(uplink).collect()
}

/// Calls `check` with every network and the port of its member 1.
fn in_every_network(check: impl Fn(&NetworkView, &dyn Fn(&Frame) -> Delivered)) {
    let world = world();
    let tables = world.tables();
    for network in &world.networks {
        let port = network.locals[0].port;
        check(network, &|frame| deliver(&tables, port, frame));
    }
}

#[test]
fn a_unicast_frame_reaches_its_receiver_only() {
    in_every_network(|network, send| {
        let (here, elsewhere) = (udp(1, 2), udp(1, 3));
        assert_eq!(send(&here), expected(&here, network, &[2], false));
        assert_eq!(send(&elsewhere), expected(&elsewhere, network, &[], true));
        assert_eq!(send(&udp(1, 1)), Delivered::new());
        assert_eq!(send(&udp(1, 4)), Delivered::new());
    });
}

#[test]
fn a_broadcast_reaches_everybody_else_of_its_network_once() {
    in_every_network(|network, send| {
        let frame = broadcast(1);
        assert_eq!(send(&frame), expected(&frame, network, &[2], true));
    });
}

#[test]
fn a_network_without_a_way_out_still_works_here() {
    let world = World::new(&[(2, 1, None)]);
    let (tables, network) = (world.tables(), &world.networks[0]);
    let port = network.locals[0].port;
    let frame = broadcast(1);
    let delivered = deliver(&tables, port, &frame);
    assert_eq!(delivered, expected(&frame, network, &[2], false));
    assert_eq!(deliver(&tables, port, &udp(1, 3)), Delivered::new());
}

#[test]
fn a_broadcast_reaches_hundreds_of_ports_once_each() {
    let world = World::new(&[(250, 0, Some(0)); 1]);
    let mut big = world.networks[0].clone();
    let more = World::new(&[(250, 0, None), (250, 0, None), (250, 0, None)]);
    for (local, n) in more.networks.iter().flat_map(|it| &it.locals).zip(251u16..) {
        let mut local = local.clone();
        local.port = PortNo(1000 + u32::from(n));
        local.mac = model::MacAddr::local(n.into());
        local.addresses = [].into();
        big.locals.push(local);
    }
    for local in &mut big.locals {
        local.policy = open_to(local.port.0, Tracking::Stateful);
    }
    let world = World {
        networks: vec![big],
    };
    let delivered = deliver(
        &world.tables(),
        world.networks[0].locals[0].port,
        &broadcast(1),
    );
    assert_eq!(delivered.len(), 1000 - 1 + 1);
    assert!(ports(&delivered).contains(&PATCHES[0]));
}

#[test]
fn from_the_fabric_a_frame_reaches_local_ports_of_its_network_and_never_the_fabric() {
    let world = world();
    let tables = world.tables();
    for network in &world.networks {
        let uplink = network.uplink.unwrap();
        let arrive = |frame: &Frame| {
            let tagged = frame.clone().tagged(0x8100, tag(uplink).unwrap());
            let delivered = deliver(&tables, uplink.port, &tagged);
            // What was padded together with its tag is four bytes shorter without.
            let padded = |(port, mut bytes): (PortNo, Vec<u8>)| {
                bytes.resize(bytes.len().max(60), 0);
                (port, bytes)
            };
            delivered.into_iter().map(padded).collect::<Delivered>()
        };
        let (one, all) = (udp(3, 1), broadcast(3));
        assert_eq!(arrive(&one), expected(&one, network, &[1], false));
        assert_eq!(arrive(&all), expected(&all, network, &[1, 2], false));
        // To a port of yet another host, sent here by a switch that does not know better.
        assert_eq!(arrive(&udp(4, 3)), Delivered::new());
        let lldp = Payload::Other { eth_type: 0x88cc };
        let lldp = Frame::new(mac(3), [1, 0x80, 0xc2, 0, 0, 0xe], lldp);
        assert_eq!(arrive(&lldp), Delivered::new());
        let twice = one.clone().tagged(0x8100, tag(uplink).unwrap());
        assert_eq!(arrive(&twice), Delivered::new());
        assert_eq!(deliver(&tables, uplink.port, &one), Delivered::new());
    }
}

#[test]
fn arp_is_answered_here_for_ports_here_and_elsewhere() {
    in_every_network(|network, send| {
        for target in [2, 3] {
            let answer = Payload::Arp {
                op: 2,
                sha: mac(target),
                spa: ipv4(target),
                tha: mac(1),
                tpa: ipv4(1),
            };
            let answer = Frame::new(mac(target), mac(1), answer);
            let delivered = send(&arp_request(1, ipv4(1), ipv4(target)));
            assert_eq!(delivered, expected(&answer, network, &[1], false));
        }
    });
}

#[test]
fn who_asks_for_the_own_address_is_not_told_that_it_is_taken() {
    in_every_network(|network, send| {
        for spa in [ipv4(1), Ipv4Addr::UNSPECIFIED] {
            let frame = arp_request(1, spa, ipv4(1));
            assert_eq!(send(&frame), expected(&frame, network, &[2], true));
        }
        // Somebody else's address is taken, and that is what a probe is told.
        let probe = send(&arp_request(1, Ipv4Addr::UNSPECIFIED, ipv4(3)));
        assert_eq!(ports(&probe), [network.locals[0].port].into());
    });
}

fn nd(kind: u8, source: u8, target: u8, option: Option<Mac>) -> Frame {
    let payload = Payload::Nd {
        source: ipv6(source),
        kind,
        target: ipv6(target),
        option,
    };
    Frame::new(mac(1), [0x33, 0x33, 0, 0, 0, 1], payload)
}

#[test]
fn neighbours_reach_the_network_unless_answered_and_forged_ones_nobody() {
    in_every_network(|network, send| {
        for good in [
            nd(135, 1, 4, Some(mac(1))),
            nd(135, 1, 2, None),
            nd(136, 1, 1, Some(mac(1))),
            nd(136, 1, 1, None),
        ] {
            assert_eq!(
                send(&good),
                expected(&good, network, &[2], true),
                "{good:?}"
            );
        }
        for bad in [
            nd(135, 1, 2, Some(mac(2))),
            nd(135, 2, 1, Some(mac(1))),
            nd(136, 1, 2, Some(mac(1))),
            nd(136, 1, 1, Some(mac(2))),
            nd(134, 1, 1, None),
            nd(137, 1, 1, None),
        ] {
            assert_eq!(send(&bad), Delivered::new(), "{bad:?}");
        }
    });
}

#[test]
fn neighbours_are_found_here_for_ports_here_and_elsewhere_and_the_gateway() {
    in_every_network(|network, send| {
        let gateway = model::MacAddr::gateway(network.number).octets();
        for (target, owner) in [(2, mac(2)), (3, mac(3)), (GATEWAY, gateway)] {
            let delivered = send(&nd(135, 1, target, Some(mac(1))));
            assert_eq!(delivered.len(), 1);
            let (port, frame) = delivered.into_iter().next().unwrap();
            assert_eq!(port, network.locals[0].port);
            let addresses = [mac(1), owner].concat();
            assert_eq!(frame[..12], addresses);
            let ends = [ipv6(target).octets(), ipv6(1).octets()].concat();
            assert_eq!(frame[22..54], ends);
            assert_eq!(frame[54..56], [136, 0]);
            assert_eq!(frame[58..62], [0x60, 0, 0, 0]);
            assert_eq!(frame[62..78], ipv6(target).octets());
            assert_eq!(frame[78..86], [&[2, 1][..], &owner].concat());
        }
    });
}

#[test]
fn a_client_may_ask_the_agent_for_a_lease_and_nobody_may_give_one() {
    let world = world();
    let tables = world.tables();
    let port = world.networks[0].locals[0].port;
    let dhcp = |source, destination, ports| {
        let payload = Payload::Udp4 {
            source,
            destination,
            ports,
        };
        Frame::new(mac(1), BROADCAST, payload)
    };
    let nobody = Ipv4Addr::UNSPECIFIED;
    for ask in [
        dhcp(nobody, Ipv4Addr::BROADCAST, (68, 67)),
        dhcp(ipv4(1), ipv4(GATEWAY), (68, 67)),
    ] {
        let (delivered, asked) = send(&tables, port, &ask);
        assert_eq!(delivered, Delivered::new());
        assert_eq!(asked.unwrap().frame, ask.bytes());
    }
    for bad in [
        dhcp(ipv4(1), Ipv4Addr::BROADCAST, (67, 68)),
        dhcp(nobody, Ipv4Addr::BROADCAST, (67, 68)),
        dhcp(nobody, Ipv4Addr::BROADCAST, (4000, 67)),
        dhcp(nobody, ipv4(2), (68, 67)),
        dhcp(ipv4(1), Ipv4Addr::BROADCAST, (4000, 68)),
        dhcp(ipv4(1), ipv4(2), (4000, 68)),
    ] {
        assert_eq!(
            send(&tables, port, &bad),
            (Delivered::new(), None),
            "{bad:?}"
        );
    }
}

#[test]
fn what_the_fabric_brings_never_asks_the_agent() {
    let world = world();
    let tables = world.tables();
    for network in &world.networks {
        let uplink = network.uplink.unwrap();
        let ask = Payload::Udp4 {
            source: Ipv4Addr::UNSPECIFIED,
            destination: Ipv4Addr::BROADCAST,
            ports: (68, 67),
        };
        for frame in [Frame::new(mac(3), BROADCAST, ask), nd(133, 1, 1, None)] {
            let tagged = frame.tagged(0x8100, tag(uplink).unwrap());
            assert_eq!(send(&tables, uplink.port, &tagged).1, None);
        }
    }
}

#[test]
fn a_port_that_is_not_planned_neither_sends_nor_receives() {
    let world = world();
    let tables = world.tables();
    for port in [UNPLANNED, PortNo::LOCAL] {
        for frame in [udp(1, 2), broadcast(1), arp_request(1, ipv4(1), ipv4(2))] {
            assert_eq!(deliver(&tables, port, &frame), Delivered::new());
        }
    }
}

#[test]
fn a_vif_that_tags_its_own_frames_sends_nothing() {
    in_every_network(|_, send| {
        for vlan in [0, 100, 101, 4095] {
            for eth_type in [0x8100, 0x88a8] {
                let once = broadcast(1).tagged(eth_type, vlan);
                let twice = once.clone().tagged(0x8100, 100);
                assert_eq!(send(&once), Delivered::new());
                assert_eq!(send(&twice), Delivered::new());
            }
        }
    });
}

#[test]
fn one_lie_about_who_is_speaking_is_enough_to_be_silenced() {
    let lies = || {
        let claims = [(2, ipv4(1), 1), (1, ipv4(2), 1), (1, ipv4(1), 2)];
        let arp = claims.into_iter().flat_map(|(sha, spa, source)| {
            [1, 2].map(|op| {
                let payload = Payload::Arp {
                    op,
                    sha: mac(sha),
                    spa,
                    tha: [0; 6],
                    tpa: ipv4(3),
                };
                Frame::new(mac(source), BROADCAST, payload)
            })
        });
        let udp6 = |source, own| Payload::Udp6 {
            source: ipv6(source),
            destination: ipv6(2),
            ports: (4000, own),
        };
        let others = [
            udp(2, 3),
            Frame {
                source: mac(2),
                ..udp(1, 3)
            },
            Frame::new(mac(1), mac(2), udp(2, 3).payload),
            Frame::new(mac(1), mac(2), udp6(2, 4000)),
            Frame::new(mac(2), mac(2), udp6(1, 4000)),
        ];
        arp.chain(others)
    };
    in_every_network(|_, send| {
        for lie in lies() {
            assert_eq!(send(&lie), Delivered::new(), "{lie:?}");
        }
    });
}
