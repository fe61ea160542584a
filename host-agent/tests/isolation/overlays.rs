//! Overlays: the same promises through tunnels, and those that only tunnels need.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use host_agent::pipeline::NetworkView;
use openflow::table::{Output, Packet};
use openflow::{Field, PortNo};
use proptest::prelude::*;
use proptest::sample::select;

use crate::anything::any_frame;
use crate::frame::{BROADCAST, Frame, Payload};
use crate::world::{
    FIRST_VNI, PATCHES, TUNNELS, World, endpoint, ipv4, mac, network_endpoints, put, tag, vni,
};

/// A host that has none of the networks.
const STRANGER: Ipv4Addr = Ipv4Addr::new(10, 254, 0, 99);

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

fn from_vif(port: PortNo, frame: &Frame) -> Packet {
    Packet::new(port, frame.bytes())
}

fn from_tunnel(port: PortNo, vni: u32, source: Ipv4Addr, frame: &Frame) -> Packet {
    Packet::new(port, frame.bytes())
        .with(Field::TunId, u64::from(vni))
        .with(Field::TunSrc, source)
        .with(Field::TunDst, endpoint(1))
}

/// Two networks with the same members on VXLAN and two on Geneve, VNIs in pairs: 1 and 2 are here,
/// 3 and 5 on the third host, 4 on the second.
fn world() -> World {
    World::new(&[
        (2, 3, Some(2)),
        (2, 3, Some(3)),
        (2, 3, Some(2)),
        (2, 3, Some(3)),
    ])
}

/// The hosts that copies of a frame went to; all of them bear the network's VNI.
fn hosts(network: &NetworkView, outputs: &[Output]) -> BTreeSet<IpAddr> {
    let uplink = network.uplink.unwrap();
    let copies = outputs.iter().filter(|output| output.port == uplink.port);
    let destination = |copy: &Output| {
        assert_eq!(copy.tunnel[&Field::TunId], vni(uplink).unwrap().into());
        let bits = u32::try_from(copy.tunnel[&Field::TunDst]).unwrap();
        IpAddr::V4(Ipv4Addr::from(bits))
    };
    copies.map(destination).collect()
}

fn locals(network: &NetworkView, outputs: &[Output]) -> BTreeSet<PortNo> {
    let uplink = network.uplink.unwrap().port;
    let ports = outputs.iter().map(|output| output.port);
    ports.filter(|port| *port != uplink).collect()
}

#[test]
fn each_frame_goes_to_the_host_of_its_receiver_and_a_broadcast_once_to_each_host() {
    let world = world();
    let tables = world.tables();
    for network in &world.networks {
        let [first, second] = [network.locals[0].port, network.locals[1].port];
        let send = |frame: &Frame| put(&tables, from_vif(first, frame));
        for (member, host) in [(3, 3), (4, 2), (5, 3)] {
            let outputs = send(&udp(1, member));
            assert_eq!(outputs.len(), 1);
            let expected = BTreeSet::from([IpAddr::from(endpoint(host))]);
            assert_eq!(hosts(network, &outputs), expected);
        }
        let outputs = send(&broadcast(1));
        assert_eq!(outputs.len(), 3);
        assert_eq!(locals(network, &outputs), [second].into());
        let both = [endpoint(2), endpoint(3)].map(IpAddr::from);
        assert_eq!(hosts(network, &outputs), both.into());
        assert_eq!(send(&udp(1, 6)), [], "nobody knows this address");
    }
}

#[test]
fn from_a_tunnel_a_frame_reaches_ports_here_and_never_a_tunnel() {
    let world = world();
    let tables = world.tables();
    for network in &world.networks {
        let uplink = network.uplink.unwrap();
        let vni = vni(uplink).unwrap();
        let arrive =
            |frame: &Frame| put(&tables, from_tunnel(uplink.port, vni, endpoint(3), frame));
        let ports: Vec<PortNo> = network.locals.iter().map(|local| local.port).collect();
        let one = arrive(&udp(3, 1));
        assert_eq!(one.len(), 1);
        assert_eq!(one[0].port, ports[0]);
        let all: Vec<PortNo> = arrive(&broadcast(3)).iter().map(|it| it.port).collect();
        assert_eq!(all, ports);
        assert_eq!(arrive(&udp(3, 4)), [], "another host's port");
        let tagged = udp(3, 1).tagged(0x8100, 100);
        assert_eq!(arrive(&tagged), [], "a tag inside");
    }
}

#[test]
fn only_hosts_that_have_the_network_may_send_its_frames() {
    // No other host has the second network, and only the third host has the last one.
    let world = World::new(&[(1, 2, Some(2)), (1, 0, Some(3)), (2, 1, Some(2))]);
    let tables = world.tables();
    let arrive = |port, vni, source| {
        let member = if source == endpoint(2) { 2 } else { 3 };
        let outputs = put(&tables, from_tunnel(port, vni, source, &broadcast(member)));
        outputs.len()
    };
    let [first, lonely, third] = [0, 1, 2].map(|n| vni(world.networks[n].uplink.unwrap()).unwrap());
    assert_eq!(first, lonely, "told apart by their encapsulations");
    assert_eq!(arrive(TUNNELS[0], first, endpoint(2)), 1);
    assert_eq!(arrive(TUNNELS[0], first, STRANGER), 0);
    assert_eq!(arrive(TUNNELS[0], third, endpoint(3)), 2);
    assert_eq!(
        arrive(TUNNELS[0], third, endpoint(2)),
        0,
        "has another network"
    );
    assert_eq!(arrive(TUNNELS[0], third, STRANGER), 0);
    assert_eq!(
        arrive(TUNNELS[1], lonely, endpoint(2)),
        0,
        "the other encapsulation"
    );
    assert_eq!(
        arrive(TUNNELS[0], first + 7, endpoint(2)),
        0,
        "nobody's VNI"
    );
    assert_eq!(arrive(TUNNELS[0], 0, endpoint(2)), 0, "no VNI");
    assert_eq!(arrive(PATCHES[0], first, endpoint(2)), 0, "no tunnel");
}

#[test]
fn what_an_instance_wraps_itself_is_a_datagram_like_any_other() {
    let world = world();
    let tables = world.tables();
    let network = &world.networks[0];
    for port in [4789, 6081] {
        for target in [endpoint(1), endpoint(2), endpoint(3)] {
            let payload = Payload::Udp4 {
                source: ipv4(1),
                destination: target,
                ports: (port, port),
            };
            let frame = Frame::new(mac(1), mac(4), payload);
            let outputs = put(&tables, from_vif(network.locals[0].port, &frame));
            // To whoever has the Ethernet address, in the network's own tunnel.
            let expected = BTreeSet::from([IpAddr::from(endpoint(2))]);
            assert_eq!(hosts(network, &outputs), expected);
            assert_eq!(outputs.len(), 1);
        }
    }
}

/// A world, and a packet at one of its ports.
fn any_case() -> impl Strategy<Value = (World, PortNo, (u32, Ipv4Addr), Frame)> {
    let vnis = prop_oneof![4 => FIRST_VNI..FIRST_VNI + 3, 1 => 0..1u32 << 24];
    let sources = select(vec![endpoint(2), endpoint(3), STRANGER]);
    let tunnel = (vnis, sources);
    (World::any_with_overlays(), tunnel).prop_flat_map(|(world, tunnel)| {
        let ports = world.ports();
        // Half of all packets come through tunnels.
        let port = prop_oneof![select(ports), select(TUNNELS.to_vec())];
        (Just(world), port, Just(tunnel), any_frame())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn no_frame_leaves_its_network_by_whatever_tunnel(
        (world, port, (key, source), frame) in any_case()
    ) {
        let is_tunnel = TUNNELS.contains(&port);
        let packet = match is_tunnel {
            true => from_tunnel(port, key, source, &frame),
            false => from_vif(port, &frame),
        };
        let outputs = put(&world.tables(), packet);
        let network = match (is_tunnel, frame.tags.as_slice()) {
            (true, []) => world
                .network_through(port, key)
                .filter(|it| network_endpoints(it).contains(&source.into())),
            (false, []) => world.network_of(port),
            (false, [(_, control)]) => world.network_on(port, control & 0xfff),
            _ => None,
        };
        let Some(network) = network else {
            prop_assert_eq!(outputs, []);
            return Ok(());
        };
        let from_vif = network.locals.iter().any(|local| local.port == port);
        let uplink = network.uplink.unwrap();
        for output in &outputs {
            let local = network.locals.iter().any(|local| local.port == output.port);
            let abroad = from_vif && output.port == uplink.port;
            prop_assert!(local || abroad, "out of {}", output.port);
            prop_assert!(output.port != port || !is_tunnel);
        }
        if from_vif && tag(uplink).is_none() {
            let hosts = hosts(network, &outputs);
            prop_assert!(hosts.is_subset(&network_endpoints(network)));
        }
    }
}
