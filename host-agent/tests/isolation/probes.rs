//! Probes of the fabric: from a tunnel they go to the agent and nowhere else, and no VIF and no patch
//! brings one in.

use host_agent::pipeline::cookie::Group;
use host_agent::pipeline::probe::{VNI, is_from_fabric};
use host_agent::probe::EVERYBODY;
use openflow::table::Packet;
use openflow::{Field, PortNo};
use proptest::prelude::*;
use proptest::sample::select;

use crate::frame::{BROADCAST, Frame, Payload};
use crate::world::{FIRST_VLAN, TUNNELS, World, endpoint, evaluate, mac};

const EXPERIMENTAL: u16 = 0x88b5;

fn probe(source: [u8; 6], destination: [u8; 6]) -> Frame {
    let payload = Payload::Other {
        eth_type: EXPERIMENTAL,
    };
    Frame::new(source, destination, payload)
}

fn through(tunnel: PortNo, vni: u32, frame: &Frame) -> Packet {
    Packet::new(tunnel, frame.bytes())
        .with(Field::TunId, u64::from(vni))
        .with(Field::TunSrc, endpoint(3))
        .with(Field::TunDst, endpoint(1))
}

/// A world, one of its ports, and a frame that would like to be a probe.
fn any_case() -> impl Strategy<Value = (World, PortNo, Frame)> {
    let source = prop_oneof![(1..7u8).prop_map(mac), any::<[u8; 6]>()];
    let destination = prop_oneof![
        4 => Just(EVERYBODY),
        1 => Just(BROADCAST),
        1 => (1..7u8).prop_map(mac),
    ];
    let tag = (select(vec![0x8100, 0x88a8]), FIRST_VLAN..FIRST_VLAN + 3);
    let tags = proptest::collection::vec(tag, 0..3);
    let frame = (source, destination, tags).prop_map(|(source, destination, tags)| Frame {
        tags,
        ..probe(source, destination)
    });
    World::any_with_overlays().prop_flat_map(move |world| {
        let ports = world.ports();
        (Just(world), select(ports), frame.clone())
    })
}

proptest! {
    #[test]
    fn nobody_brings_a_probe_in_but_a_tunnel((world, port, frame) in any_case()) {
        let (outputs, asked) = evaluate(&world.tables(), Packet::new(port, frame.bytes()));
        prop_assert_eq!(outputs, []);
        prop_assert!(asked.is_none(), "{} made the agent believe in a probe", port);
    }

    #[test]
    fn a_probe_from_a_tunnel_goes_to_the_agent_and_nowhere_else(
        world in World::any_with_overlays(), tunnel in select(TUNNELS.to_vec()),
    ) {
        let frame = probe([2, 0xbd, 0, 0, 0, 2], EVERYBODY);
        let (outputs, asked) = evaluate(&world.tables(), through(tunnel, VNI, &frame));
        prop_assert_eq!(outputs, []);
        let asked = asked.unwrap();
        prop_assert!(is_from_fabric(&asked.userdata));
        prop_assert_eq!(asked.cookie, Group::INFRASTRUCTURE.cookie());
        prop_assert_eq!(asked.frame, frame.bytes());
    }

    #[test]
    fn what_comes_with_a_networks_own_vni_is_no_probe(
        world in World::any_with_overlays(), tunnel in select(TUNNELS.to_vec()), n in 0..8u32,
    ) {
        let frame = probe([2, 0xbd, 0, 0, 0, 2], EVERYBODY);
        let vni = crate::world::FIRST_VNI + n;
        let (outputs, asked) = evaluate(&world.tables(), through(tunnel, vni, &frame));
        prop_assert_eq!(outputs, []);
        prop_assert!(asked.is_none());
    }
}
