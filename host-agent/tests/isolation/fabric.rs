//! Frames that arrive from the fabric: only what a known remote port could have sent gets in.

use host_agent::pipeline::Outsiders;
use openflow::table::Packet;
use openflow::{Field, PortNo};
use proptest::prelude::*;
use proptest::sample::select;

use crate::anything::any_frame;
use crate::frame::{BROADCAST, Frame, Payload};
use crate::world::{
    FIRST_VNI, PATCHES, TUNNELS, World, deliver, endpoint, ipv4, ipv6, mac, put, tag, vni,
};

/// In each network members 1 and 2 are here, and 3 and 4 elsewhere.
fn world() -> World {
    World::new(&[(2, 2, Some(0)), (2, 2, Some(1)), (2, 2, Some(0))])
}

fn datagram(from: u8, ports: (u16, u16)) -> Frame {
    let payload = Payload::Udp4 {
        source: ipv4(from),
        destination: ipv4(1),
        ports,
    };
    Frame::new(mac(from), mac(1), payload)
}

fn discovery(kind: u8) -> Frame {
    let payload = Payload::Nd {
        source: ipv6(3),
        kind,
        target: ipv6(3),
        option: None,
    };
    Frame::new(mac(3), BROADCAST, payload)
}

/// How many ports each of these frames reaches that arrives on the VLAN of each network.
fn reached(world: &World, frame: &Frame) -> Vec<usize> {
    let tables = world.tables();
    let networks = world.networks.iter();
    let arrive = networks.map(|network| {
        let uplink = network.uplink.unwrap();
        let tagged = frame.clone().tagged(0x8100, tag(uplink).unwrap());
        deliver(&tables, uplink.port, &tagged).len()
    });
    arrive.collect()
}

#[test]
fn a_machine_that_is_no_port_of_the_network_is_not_heard() {
    let world = world();
    assert_eq!(reached(&world, &datagram(3, (4000, 4000))), [1, 1, 1]);
    // A stranger, one of ours come back, and the gateway.
    for from in [9, 1, 2] {
        assert_eq!(reached(&world, &datagram(from, (4000, 4000))), [0, 0, 0]);
    }
    let everybody = |from| Frame {
        destination: BROADCAST,
        ..datagram(from, (4000, 4000))
    };
    assert_eq!(reached(&world, &everybody(4)), [2, 2, 2]);
    assert_eq!(reached(&world, &everybody(9)), [0, 0, 0]);
}

/// What a DHCP server, a router, or somebody who plays either would send.
fn of_servers_and_routers() -> Vec<Frame> {
    let v6 = |ports| {
        let payload = Payload::Udp6 {
            source: ipv6(3),
            destination: ipv6(1),
            ports,
        };
        Frame::new(mac(3), mac(1), payload)
    };
    vec![
        datagram(3, (67, 68)),
        datagram(3, (67, 4000)),
        datagram(3, (4000, 68)),
        v6((547, 546)),
        v6((4000, 546)),
        discovery(134),
        discovery(137),
    ]
}

#[test]
fn no_dhcp_server_and_no_router_speaks_from_the_fabric() {
    for frame in of_servers_and_routers() {
        assert_eq!(reached(&world(), &frame), [0, 0, 0], "{frame:?}");
    }
}

#[test]
fn where_unknown_machines_are_wanted_they_are_heard_and_nowhere_else() {
    let mut world = world();
    world.networks[1].outsiders = Outsiders::DhcpServer;
    for frame in of_servers_and_routers() {
        let reached = reached(&world, &frame);
        assert!(reached[1] > 0, "{frame:?}");
        assert_eq!([reached[0], reached[2]], [0, 0], "{frame:?}");
    }
    assert_eq!(reached(&world, &datagram(9, (4000, 4000))), [0, 1, 0]);
    let lldp = Payload::Other { eth_type: 0x88cc };
    let lldp = Frame::new(mac(3), mac(1), lldp);
    assert_eq!(reached(&world, &lldp), [0, 0, 0]);
}

#[test]
fn in_an_overlay_a_sender_is_heard_only_from_its_own_host() {
    // Member 3 is on the third host, 4 on the second.
    let world = World::new(&[(2, 2, Some(2)), (2, 2, Some(3))]);
    let tables = world.tables();
    for network in &world.networks {
        let uplink = network.uplink.unwrap();
        let arrive = |from: u8, host: u8| {
            let frame = datagram(from, (4000, 4000));
            let packet = Packet::new(uplink.port, frame.bytes())
                .with(Field::TunId, u64::from(vni(uplink).unwrap()))
                .with(Field::TunSrc, endpoint(host));
            put(&tables, packet).len()
        };
        assert_eq!([arrive(3, 3), arrive(4, 2)], [1, 1]);
        assert_eq!([arrive(3, 2), arrive(4, 3)], [0, 0]);
        assert_eq!([arrive(1, 2), arrive(9, 2)], [0, 0]);
    }
}

/// A world, a way into it from the fabric, and a frame.
fn any_arrival() -> impl Strategy<Value = (World, PortNo, u32, Frame)> {
    let ways = select([PATCHES, TUNNELS].concat());
    let key = FIRST_VNI..FIRST_VNI + 3;
    (World::any_with_overlays(), ways, key, any_frame())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn whatever_gets_in_was_sent_by_a_known_port_elsewhere(
        (world, way, key, frame) in any_arrival()
    ) {
        let packet = Packet::new(way, frame.bytes())
            .with(Field::TunId, u64::from(key))
            .with(Field::TunSrc, endpoint(2));
        let outputs = put(&world.tables(), packet);
        for output in outputs {
            let network = world.network_of(output.port).unwrap();
            let sender = network.remotes.iter().find(|it| it.mac.octets() == frame.source);
            prop_assert!(sender.is_some(), "from {:02x?}", frame.source);
            let elsewhere = sender.unwrap().endpoint;
            prop_assert!(elsewhere.is_none_or(|it| it == endpoint(2)));
            let router = matches!(frame.payload, Payload::Nd { kind: 134 | 137, .. });
            prop_assert!(!router);
            if let Payload::Udp4 { ports, .. } = frame.payload {
                prop_assert!(ports.0 != 67 && ports.1 != 68);
            }
        }
    }
}
