//! Trunks: a VIF with several networks, told apart by tags of its instance's own.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use host_agent::pipeline::{LocalPort, NetworkView};
use model::VlanId;
use openflow::PortNo;
use proptest::prelude::*;
use proptest::sample::select;

use crate::anything::any_frame;
use crate::frame::{BROADCAST, Frame, Mac, Payload};
use crate::world::{
    Delivered, FIRST_VLAN, PATCHES, World, addresses, deliver, ipv4, mac, open, send, tag,
};

/// Who is behind every sub-port.
const MEMBER: u8 = 6;

/// The instance's tag for the nth network: chosen to look like the fabric's tags for others.
fn inner_tag(n: usize) -> u16 {
    FIRST_VLAN + 3 - u16::try_from(n).unwrap()
}

/// Makes the first port of the first network a trunk with a sub-port on every other network.
fn with_trunk(mut world: World) -> World {
    let trunk = trunk_of(&world);
    for (n, network) in world.networks.iter_mut().enumerate().skip(1) {
        network.locals.push(LocalPort {
            id: model::PortId::generate(),
            port: trunk,
            tag: Some(VlanId::try_from(inner_tag(n)).unwrap()),
            mac: mac(MEMBER).try_into().unwrap(),
            addresses: addresses(MEMBER),
            allowed: Default::default(),
            spoof_guard: model::SpoofGuard::On,
            policy: open(1000 + u32::try_from(n).unwrap()),
        });
    }
    world
}

fn trunk_of(world: &World) -> PortNo {
    world.networks[0].locals[0].port
}

/// Three networks; in each members 1 and 2 are here, 3 is elsewhere, and 1 of the first is a trunk.
fn world() -> World {
    let shapes = [(2, 1, Some(0)), (2, 1, Some(1)), (2, 1, Some(0))];
    with_trunk(World::new(&shapes))
}

fn udp(from: u8, to: Mac) -> Frame {
    let payload = Payload::Udp4 {
        source: ipv4(from),
        destination: ipv4(2),
        ports: (4000, 4000),
    };
    Frame::new(mac(from), to, payload)
}

/// The instance's own tag for the nth network on a frame.
fn inner(n: usize, frame: &Frame) -> Frame {
    frame.clone().tagged(0x8100, inner_tag(n))
}

/// What a frame looks like with these tags put on, padded as it was without.
fn bytes(frame: &Frame, tag: Option<u16>) -> Vec<u8> {
    let mut bytes = frame.bytes();
    if let Some(tag) = tag {
        let control = [[0x81, 0], tag.to_be_bytes()].concat();
        bytes.splice(12..12, control);
    }
    bytes
}

/// The same frames, each as long as it would be if it were padded anew.
fn padded(delivered: Delivered) -> Delivered {
    let padded = |(port, mut bytes): (PortNo, Vec<u8>)| {
        bytes.resize(bytes.len().max(64), 0);
        (port, bytes)
    };
    delivered.into_iter().map(padded).collect()
}

#[test]
fn each_tag_of_a_trunk_speaks_on_its_own_network() {
    let world = world();
    let (tables, trunk) = (world.tables(), trunk_of(&world));
    for (n, network) in world.networks.iter().enumerate().skip(1) {
        let plain = udp(MEMBER, mac(2));
        let delivered = deliver(&tables, trunk, &inner(n, &plain));
        let expected = [(network.locals[1].port, bytes(&plain, None))].into();
        assert_eq!(padded(delivered), padded(expected));
        let away = udp(MEMBER, mac(3));
        let delivered = deliver(&tables, trunk, &inner(n, &away));
        let uplink = network.uplink.unwrap();
        let expected = [(uplink.port, bytes(&away, tag(uplink)))].into();
        assert_eq!(padded(delivered), padded(expected));
    }
    // Untagged it is the trunk itself.
    let delivered = deliver(&tables, trunk, &udp(1, mac(2)));
    let ports: BTreeSet<PortNo> = delivered.into_iter().map(|it| it.0).collect();
    assert_eq!(ports, [world.networks[0].locals[1].port].into());
}

#[test]
fn what_a_trunk_receives_says_by_its_tag_which_network_it_is_of() {
    let world = world();
    let (tables, trunk) = (world.tables(), trunk_of(&world));
    for (n, network) in world.networks.iter().enumerate() {
        let (to, inner) = match n {
            0 => (1, None),
            _ => (MEMBER, Some(inner_tag(n))),
        };
        let frame = udp(2, mac(to));
        let delivered = deliver(&tables, network.locals[1].port, &frame);
        assert_eq!(delivered, [(trunk, bytes(&frame, inner))].into());
        // A broadcast is tagged for the trunk, and for nobody who is offered it afterwards.
        let frame = udp(2, BROADCAST);
        let uplink = network.uplink.unwrap();
        let mut expected = Delivered::from([
            (trunk, bytes(&frame, inner)),
            (uplink.port, bytes(&frame, tag(uplink))),
        ]);
        if n > 0 {
            expected.insert((network.locals[0].port, bytes(&frame, None)));
        }
        let delivered = deliver(&tables, network.locals[1].port, &frame);
        assert_eq!(delivered, expected);
    }
}

#[test]
fn a_tag_that_was_not_declared_goes_nowhere_from_a_trunk() {
    let world = world();
    let (tables, trunk) = (world.tables(), trunk_of(&world));
    let known = inner_tag(1);
    for frame in [udp(MEMBER, BROADCAST), udp(1, BROADCAST)] {
        for vlan in [0, 1, FIRST_VLAN + 3, FIRST_VLAN + 9, 4094, 4095] {
            for eth_type in [0x8100, 0x88a8] {
                let unknown = frame.clone().tagged(eth_type, vlan);
                assert_eq!(deliver(&tables, trunk, &unknown), Delivered::new());
                let below = unknown.clone().tagged(0x8100, known);
                assert_eq!(deliver(&tables, trunk, &below), Delivered::new());
                let above = frame.clone().tagged(0x8100, known);
                let above = above.tagged(eth_type, vlan);
                assert_eq!(deliver(&tables, trunk, &above), Delivered::new());
            }
        }
        let twice = frame.clone().tagged(0x8100, known).tagged(0x8100, known);
        assert_eq!(deliver(&tables, trunk, &twice), Delivered::new());
    }
}

#[test]
fn a_sub_port_is_guarded_answered_and_asks_like_any_port() {
    let world = world();
    let (tables, trunk) = (world.tables(), trunk_of(&world));
    let liar = Frame {
        source: mac(2),
        ..udp(MEMBER, BROADCAST)
    };
    // The trunk's own address is not its sub-port's.
    for lie in [liar, udp(1, BROADCAST), udp(2, BROADCAST)] {
        assert_eq!(deliver(&tables, trunk, &inner(1, &lie)), Delivered::new());
    }
    let arp = |op, (sha, spa): (Mac, Ipv4Addr), (tha, tpa)| Payload::Arp {
        op,
        sha,
        spa,
        tha,
        tpa,
    };
    let (own, peer) = ((mac(MEMBER), ipv4(MEMBER)), (mac(3), ipv4(3)));
    let request = arp(1, own, ([0; 6], peer.1));
    let request = Frame::new(own.0, BROADCAST, request);
    let answer = Frame::new(peer.0, own.0, arp(2, peer, own));
    let delivered = deliver(&tables, trunk, &inner(1, &request));
    assert_eq!(
        padded(delivered),
        padded([(trunk, bytes(&answer, Some(inner_tag(1))))].into())
    );
    let lease = Payload::Udp4 {
        source: Ipv4Addr::UNSPECIFIED,
        destination: Ipv4Addr::BROADCAST,
        ports: (68, 67),
    };
    let lease = Frame::new(own.0, BROADCAST, lease);
    let (delivered, asked) = send(&tables, trunk, &inner(1, &lease));
    assert_eq!(delivered, Delivered::new());
    let asked = asked.unwrap();
    // The agent sees the frame as the network does: without the tag.
    assert_eq!(asked.frame[12..14], [8, 0]);
    let group = host_agent::pipeline::cookie::Group::of(world.networks[1].number);
    assert_eq!(asked.cookie, group.cookie());
}

/// The network that a frame is on at most, and who sends it there.
fn network_of<'a>(world: &'a World, port: PortNo, frame: &Frame) -> Option<&'a NetworkView> {
    let trunk = trunk_of(world);
    match frame.tags.as_slice() {
        [] => world.network_of(port),
        [(_, control)] if port == trunk => {
            let networks = world.networks.iter().enumerate().skip(1);
            let mut named = networks.filter(|(n, _)| inner_tag(*n) == control & 0xfff);
            named.next().map(|(_, network)| network)
        }
        [(_, control)] => world.network_on(port, control & 0xfff),
        _ => None,
    }
}

fn any_case() -> impl Strategy<Value = (World, PortNo, Frame)> {
    let world = World::any().prop_map(with_trunk);
    world.prop_flat_map(|world| {
        let ports = world.ports();
        let trunk = Just(trunk_of(&world));
        let port = prop_oneof![trunk, select(ports)];
        (Just(world), port, any_frame())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_frame_leaves_its_network_by_whatever_trunk((world, port, frame) in any_case()) {
        let delivered = deliver(&world.tables(), port, &frame);
        let Some(network) = network_of(&world, port, &frame) else {
            prop_assert_eq!(delivered, Delivered::new());
            return Ok(());
        };
        for (out, bytes) in delivered {
            let local = network.locals.iter().find(|local| local.port == out);
            let abroad = network.uplink.filter(|it| it.port == out && !PATCHES.contains(&port));
            prop_assert!(local.is_some() || abroad.is_some(), "out of {}", out);
            let expected = local.map_or_else(
                || tag(abroad.unwrap()),
                |local| local.tag.map(VlanId::get),
            );
            let tagged = [[0x81, 0], [0x88, 0xa8]].contains(&[bytes[12], bytes[13]]);
            prop_assert_eq!(tagged, expected.is_some());
            if let Some(tag) = expected {
                prop_assert_eq!(&bytes[12..16], &[[0x81, 0], tag.to_be_bytes()].concat()[..]);
                prop_assert!(![[0x81, 0], [0x88, 0xa8]].contains(&[bytes[16], bytes[17]]));
            }
        }
    }

    #[test]
    fn a_trunk_speaks_in_the_name_that_goes_with_the_tag((world, port, frame) in any_case()) {
        if port != trunk_of(&world) {
            return Ok(());
        }
        let (delivered, asked) = send(&world.tables(), port, &frame);
        if delivered.is_empty() && asked.is_none() {
            return Ok(());
        }
        let member = if frame.tags.is_empty() { 1 } else { MEMBER };
        prop_assert_eq!(frame.source, mac(member));
    }
}
