//! Any frame at any port: whatever comes out stays within one network.

use std::net::{Ipv4Addr, Ipv6Addr};

use host_agent::pipeline::cookie::Group;
use host_agent::respond::Question;
use openflow::PortNo;
use proptest::prelude::*;
use proptest::sample::select;

use crate::frame::{BROADCAST, Frame, Mac, Payload};
use crate::world::{Delivered, FIRST_VLAN, PATCHES, World, deliver, ipv4, ipv6, mac, send, tag};

/// Addresses in use, and some that are not.
fn any_mac() -> impl Strategy<Value = Mac> {
    let known = (1..7u8).prop_map(mac);
    let link_only = [1, 0x80, 0xc2, 0, 0, 0];
    let special = select(vec![BROADCAST, link_only, [1, 0, 0x5e, 0, 0, 1], [0; 6]]);
    prop_oneof![6 => known, 3 => special, 1 => any::<Mac>()]
}

fn any_ipv4() -> impl Strategy<Value = Ipv4Addr> {
    let special = select(vec![Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST]);
    prop_oneof![6 => (1..7u8).prop_map(ipv4), 2 => special]
}

fn any_ipv6() -> impl Strategy<Value = Ipv6Addr> {
    let link_local = Ipv6Addr::new(0xfe80, 0, 0, 0, 0xf800, 0xff, 0xfe00, 1);
    let special = select(vec![Ipv6Addr::UNSPECIFIED, link_local]);
    prop_oneof![6 => (1..7u8).prop_map(ipv6), 2 => special]
}

fn any_payload() -> impl Strategy<Value = Payload> {
    let port = || select(vec![67u16, 68, 546, 547, 4000]);
    let arp = (1..3u16, any_mac(), any_ipv4(), any_mac(), any_ipv4());
    let arp = arp.prop_map(|(op, sha, spa, tha, tpa)| Payload::Arp {
        op,
        sha,
        spa,
        tha,
        tpa,
    });
    let udp4 = (any_ipv4(), any_ipv4(), (port(), port()));
    let udp4 = udp4.prop_map(|(source, destination, ports)| Payload::Udp4 {
        source,
        destination,
        ports,
    });
    let udp6 = (any_ipv6(), any_ipv6(), (port(), port()));
    let udp6 = udp6.prop_map(|(source, destination, ports)| Payload::Udp6 {
        source,
        destination,
        ports,
    });
    let nd = (
        any_ipv6(),
        133..138u8,
        any_ipv6(),
        any::<Option<()>>(),
        any_mac(),
    );
    let nd = nd.prop_map(|(source, kind, target, option, mac)| Payload::Nd {
        source,
        kind,
        target,
        option: option.map(|()| mac),
    });
    let types = vec![
        0x88cc, 0x88b5, 0x8100, 0x88a8, 0x86dd, 0x0800, 0x0806, 0x0027, 0x8847,
    ];
    let other = select(types).prop_map(|eth_type| Payload::Other { eth_type });
    prop_oneof![3 => arp, 3 => udp4, 1 => udp6, 2 => nd, 1 => other]
}

pub(crate) fn any_frame() -> impl Strategy<Value = Frame> {
    let vlan = prop_oneof![3 => FIRST_VLAN..FIRST_VLAN + 3, 1 => any::<u16>()];
    let tag = (select(vec![0x8100, 0x88a8]), vlan);
    let tags = prop_oneof![
        3 => Just(Vec::new()),
        3 => proptest::collection::vec(tag.clone(), 1),
        1 => proptest::collection::vec(tag, 2..3),
    ];
    let frame = (any_mac(), any_mac(), tags, any_payload());
    frame.prop_map(|(source, destination, tags, payload)| Frame {
        destination,
        source,
        tags,
        payload,
    })
}

/// A world, one of its ports, and a frame.
fn any_case() -> impl Strategy<Value = (World, PortNo, Frame)> {
    World::any().prop_flat_map(|world| {
        let ports = world.ports();
        (Just(world), select(ports), any_frame())
    })
}

/// Where a frame from a port may come out at most, and what it must look like there.
fn within_its_network(world: &World, port: PortNo, frame: &Frame, delivered: &Delivered) {
    let from_fabric = PATCHES.contains(&port);
    let network = match (from_fabric, frame.tags.as_slice()) {
        (false, []) => world.network_of(port),
        (true, [(_, control)]) => world.network_on(port, control & 0xfff),
        _ => None,
    };
    let Some(network) = network else {
        assert!(delivered.is_empty(), "delivered what belongs to no network");
        return;
    };
    for (out, bytes) in delivered {
        let local = network.locals.iter().any(|local| local.port == *out);
        let uplink = network
            .uplink
            .filter(|uplink| uplink.port == *out && !from_fabric);
        let tag = uplink.map(|uplink| [[0x81, 0], tag(uplink).unwrap().to_be_bytes()].concat());
        assert!(local || uplink.is_some(), "out of {out}, another network's");
        let tagged = [[0x81, 0], [0x88, 0xa8]].contains(&[bytes[12], bytes[13]]);
        match tag {
            Some(tag) => assert_eq!(bytes[12..16], tag),
            None => assert!(!tagged, "a tag came out of {out}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn no_frame_leaves_its_network((world, port, frame) in any_case()) {
        let delivered = deliver(&world.tables(), port, &frame);
        within_its_network(&world, port, &frame, &delivered);
    }

    #[test]
    fn nothing_comes_out_of_a_vif_but_in_its_own_name((world, port, frame) in any_case()) {
        let Some(network) = world.network_of(port) else { return Ok(()) };
        let (delivered, asked) = send(&world.tables(), port, &frame);
        if delivered.is_empty() && asked.is_none() {
            return Ok(());
        }
        let sender = network.locals.iter().position(|local| local.port == port).unwrap();
        let member = u8::try_from(sender + 1).unwrap();
        prop_assert_eq!(frame.source, mac(member));
        match frame.payload {
            Payload::Arp { sha, spa, op, .. } => {
                prop_assert_eq!(sha, mac(member));
                prop_assert!(spa == ipv4(member) || (spa.is_unspecified() && op == 1));
            }
            Payload::Udp4 { source, destination, ports } => {
                let lease = source.is_unspecified() && destination.is_broadcast();
                prop_assert!(source == ipv4(member) || (lease && ports == (68, 67)));
                prop_assert_ne!(ports.0, 67);
            }
            Payload::Udp6 { source, ports, .. } => {
                prop_assert!(source == ipv6(member) || own_link_local(source, member));
                prop_assert_ne!(ports.0, 547);
            }
            Payload::Nd { source, kind, target, option } => {
                let own = |it| it == ipv6(member) || own_link_local(it, member);
                prop_assert!(matches!(kind, 133 | 135) || (kind == 136 && own(target)));
                prop_assert!(own(source) || (source.is_unspecified() && kind == 135 && own(target)));
                let honest = option.is_none_or(|it| it == mac(member) || it == [0; 6]);
                prop_assert!(honest || kind == 133);
            }
            Payload::Other { eth_type } | Payload::Bytes { eth_type, .. } => prop_assert!(false, "type {:#x} came out", eth_type),
        }
    }
}

/// What a frame asks for, if it is a question at all.
fn question(payload: &Payload) -> Option<Question> {
    match payload {
        Payload::Udp4 {
            ports: (68, 67), ..
        } => Some(Question::Dhcpv4),
        Payload::Udp6 {
            ports: (546, 547), ..
        } => Some(Question::Dhcpv6),
        Payload::Nd { kind: 133, .. } => Some(Question::RouterSolicit),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn the_agent_is_asked_just_what_a_local_vif_asks_and_nobody_else_hears_it(
        (world, port, frame) in any_case(),
    ) {
        let (delivered, asked) = send(&world.tables(), port, &frame);
        let question = question(&frame.payload).filter(|_| frame.tags.is_empty());
        match (asked, world.network_of(port)) {
            (Some(asked), Some(network)) => {
                prop_assert_eq!(Some(asked.userdata), question.map(|it| vec![it.code()]));
                prop_assert_eq!(asked.cookie, Group::of(network.number).cookie());
                prop_assert_eq!(asked.frame, frame.bytes());
            }
            (Some(_), None) => prop_assert!(false, "a stranger asked"),
            (None, Some(_)) if question.is_some() => prop_assert!(delivered.is_empty()),
            (None, _) => {}
        }
    }
}

fn own_link_local(address: Ipv6Addr, member: u8) -> bool {
    let own = Ipv6Addr::new(0xfe80, 0, 0, 0, 0xf800, 0xff, 0xfe00, member.into());
    address == own
}
