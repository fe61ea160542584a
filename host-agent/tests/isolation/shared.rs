//! Networks that others are on too: physical machines, and ports that may not meet.

use std::collections::BTreeSet;
use std::sync::Arc;

use host_agent::pipeline::{self, LocalPort, Mark, NetworkView, Outsiders, Reach};
use host_agent::respond::Question;
use model::MacAddr;
use openflow::PortNo;
use openflow::table::{Packet, Tables};
use proptest::prelude::*;
use proptest::sample::select;

use crate::anything::any_frame;
use crate::frame::{BROADCAST, Frame, Mac, Payload};
use crate::world::{
    Delivered, FIRST_VLAN, PATCHES, World, deliver, ipv4, ipv6, mac, open, put, send, tag,
};

/// What the gateways of external networks speak from: no member of any.
const ROUTERS: [Mac; 2] = [[2, 0, 0x5e, 0, 0x53, 1], [2, 0, 0x5e, 0, 0x53, 2]];
/// A physical machine that is no gateway.
const SERVER: Mac = [2, 0, 0x5e, 0, 0x53, 9];

fn routers() -> Reach {
    Reach::Gateway(ROUTERS.map(|mac| MacAddr::try_from(mac).unwrap()).into())
}

/// Members 1 and 2 are here and 3 is elsewhere.
fn external(reach: Reach) -> World {
    let mut world = World::new(&[(2, 1, Some(0))]);
    world.networks[0].reach = reach;
    make_external(&mut world.networks[0], Outsiders::Machines);
    world
}

fn make_external(network: &mut NetworkView, outsiders: Outsiders) {
    network.outsiders = outsiders;
    network.gateways = Arc::default();
}

/// The same network on the other host: whoever is here is elsewhere, and the other way around.
fn other_side(network: &NetworkView) -> NetworkView {
    let number = |n: usize| PortNo(300 + u32::try_from(n).unwrap());
    let remotes = network.remotes.iter().enumerate();
    let locals = remotes.map(|(n, remote)| LocalPort {
        id: model::PortId::generate(),
        port: number(n),
        tag: None,
        mac: remote.mac,
        addresses: Arc::clone(&remote.addresses),
        allowed: Arc::default(),
        spoof_guard: model::SpoofGuard::On,
        limits: model::Limits::default(),
        policy: open(number(n).0),
    });
    NetworkView {
        locals: locals.collect(),
        gates: Vec::new(),
        remotes: Arc::default(),
        ..network.clone()
    }
}

fn udp(from: Mac, to: Mac) -> Frame {
    let payload = Payload::Udp4 {
        source: ipv4(1),
        destination: ipv4(2),
        ports: (4000, 4000),
    };
    Frame::new(from, to, payload)
}

fn dhcp(from: Mac, to: Mac, ports: (u16, u16)) -> Frame {
    let (source, destination) = match ports.0 {
        68 => ([0; 4].into(), [255; 4].into()),
        _ => (ipv4(254), ipv4(1)),
    };
    let payload = Payload::Udp4 {
        source,
        destination,
        ports,
    };
    Frame::new(from, to, payload)
}

fn router_message(from: Mac, kind: u8, source: std::net::Ipv6Addr) -> Frame {
    let payload = Payload::Nd {
        source,
        kind,
        target: ipv6(1),
        option: None,
    };
    Frame::new(from, [0x33, 0x33, 0, 0, 0, 1], payload)
}

fn arp_request(from: u8, target: u8) -> Frame {
    let payload = Payload::Arp {
        op: 1,
        sha: mac(from),
        spa: ipv4(from),
        tha: [0; 6],
        tpa: ipv4(target),
    };
    Frame::new(mac(from), BROADCAST, payload)
}

fn ports(delivered: &Delivered) -> Vec<PortNo> {
    delivered.iter().map(|(port, _)| *port).collect()
}

/// As it comes from the fabric of the first network.
fn tagged(frame: &Frame) -> Frame {
    frame.clone().tagged(0x8100, FIRST_VLAN)
}

#[test]
fn unknown_unicast_of_an_external_network_goes_out_and_to_no_vif() {
    let world = external(Reach::Everybody);
    let tables = world.tables();
    let [first, second] = [0, 1].map(|n| world.networks[0].locals[n].port);
    let from_first = |to| ports(&deliver(&tables, first, &udp(mac(1), to)));
    assert_eq!(from_first(SERVER), [PATCHES[0]]);
    assert_eq!(from_first(ROUTERS[0]), [PATCHES[0]]);
    assert_eq!(from_first(mac(3)), [PATCHES[0]]);
    assert_eq!(from_first(mac(2)), [second]);
    assert_eq!(from_first(BROADCAST), [second, PATCHES[0]]);
    let from_fabric = |frame: &Frame| ports(&deliver(&tables, PATCHES[0], &tagged(frame)));
    assert_eq!(from_fabric(&udp(SERVER, mac(1))), [first]);
    assert_eq!(from_fabric(&udp(SERVER, BROADCAST)), [first, second]);
    assert_eq!(from_fabric(&udp(SERVER, [2; 6])), []);
    assert_eq!(from_fabric(&udp(mac(1), mac(2))), [], "one of ours");
}

#[test]
fn nobody_answers_for_the_gateway_of_an_external_network() {
    let world = external(Reach::Everybody);
    let tables = world.tables();
    let network = &world.networks[0];
    let first = network.locals[0].port;
    let asked = deliver(&tables, first, &arp_request(1, 200));
    assert!(ports(&asked).contains(&PATCHES[0]), "it has to be asked");
    assert!(!ports(&asked).contains(&first), "and nobody else answers");
    let neighbour = deliver(&tables, first, &arp_request(1, 3));
    assert_eq!(ports(&neighbour), [first], "a port is answered for");
}

#[test]
fn addresses_of_an_external_network_are_given_by_the_agent_or_by_a_machine_but_never_both() {
    let mut world = external(Reach::Everybody);
    let request = dhcp(mac(1), BROADCAST, (68, 67));
    let answers = [(67, 68), (67, 4000), (4000, 68)].map(|it| dhcp(ROUTERS[0], mac(1), it));
    let first = world.networks[0].locals[0].port;
    for (outsiders, agent) in [(Outsiders::Machines, true), (Outsiders::DhcpServer, false)] {
        make_external(&mut world.networks[0], outsiders);
        let tables = world.tables();
        let (delivered, asked) = send(&tables, first, &request);
        assert_eq!(asked.is_some(), agent);
        assert_eq!(ports(&delivered).contains(&PATCHES[0]), !agent);
        let question = asked.and_then(|it| Question::from_code(it.userdata[0]));
        assert!(question.is_none_or(|it| it == Question::Dhcpv4));
        for answer in &answers {
            let arrived = deliver(&tables, PATCHES[0], &tagged(answer));
            assert_eq!(arrived.is_empty(), agent, "{answer:?}");
        }
    }
}

#[test]
fn the_router_of_an_external_network_advertises_itself_and_no_vif_does() {
    let world = external(Reach::Everybody);
    let tables = world.tables();
    let locals = &world.networks[0].locals;
    let solicit = router_message(mac(1), 133, pipeline::link_local(locals[0].mac));
    let (delivered, asked) = send(&tables, locals[0].port, &solicit);
    assert!(ports(&delivered).contains(&PATCHES[0]) && asked.is_none());
    let advert = router_message(ROUTERS[0], 134, "fe80::1".parse().unwrap());
    let arrived = deliver(&tables, PATCHES[0], &tagged(&advert));
    assert_eq!(ports(&arrived), [locals[0].port, locals[1].port]);
    let rogue = router_message(mac(1), 134, pipeline::link_local(locals[0].mac));
    assert_eq!(ports(&deliver(&tables, locals[0].port, &rogue)), []);
}

#[test]
fn a_flat_network_takes_and_gives_frames_without_a_tag_and_no_other() {
    let mut world = external(Reach::Everybody);
    let network = &mut world.networks[0];
    network.uplink = network.uplink.map(|it| pipeline::Uplink {
        mark: Mark::Untagged,
        ..it
    });
    let tables = world.tables();
    let first = world.networks[0].locals[0].port;
    let out = udp(mac(1), SERVER);
    let expected = Delivered::from([(PATCHES[0], out.bytes())]);
    assert_eq!(deliver(&tables, first, &out), expected);
    let back = udp(SERVER, mac(1));
    let expected = Delivered::from([(first, back.bytes())]);
    assert_eq!(deliver(&tables, PATCHES[0], &back), expected);
    for vlan in [0, 1, FIRST_VLAN] {
        let tagged = back.clone().tagged(0x8100, vlan);
        assert_eq!(ports(&deliver(&tables, PATCHES[0], &tagged)), []);
    }
}

#[test]
fn isolated_ports_reach_their_gateway_and_are_reached_by_it() {
    let world = external(routers());
    let tables = world.tables();
    let [first, second] = [0, 1].map(|n| world.networks[0].locals[n].port);
    for router in ROUTERS {
        let out = deliver(&tables, first, &udp(mac(1), router));
        assert_eq!(ports(&out), [PATCHES[0]]);
        let arrive = |to| ports(&deliver(&tables, PATCHES[0], &tagged(&udp(router, to))));
        assert_eq!(arrive(mac(1)), [first]);
        assert_eq!(arrive(BROADCAST), [first, second]);
    }
    let asked = deliver(&tables, first, &arp_request(1, 200));
    assert_eq!(ports(&asked), [PATCHES[0]], "its gateway, and no VIF");
    let (_, asked) = send(&tables, first, &dhcp(mac(1), BROADCAST, (68, 67)));
    assert!(asked.is_some(), "the agent gives it its address");
}

#[test]
fn isolated_ports_behind_our_own_gateway_are_answered_by_it_and_by_nobody() {
    let mut world = World::new(&[(2, 1, Some(0))]);
    world.networks[0].reach = Reach::Gateway(Arc::default());
    let tables = world.tables();
    let first = world.networks[0].locals[0].port;
    let answered = |target| ports(&deliver(&tables, first, &arp_request(1, target)));
    assert_eq!(answered(200), [first], "the gateway's address");
    assert_eq!(answered(2), [], "a port here");
    assert_eq!(answered(3), [], "a port elsewhere");
}

/// A network, isolated, of any other kind.
fn any_isolated() -> impl Strategy<Value = NetworkView> {
    let shape = (1..4u8, 1..4u8);
    let outsiders = select(vec![
        Outsiders::None,
        Outsiders::Machines,
        Outsiders::DhcpServer,
    ]);
    let flat = any::<bool>();
    (shape, outsiders, flat).prop_map(|((locals, remotes), outsiders, flat)| {
        let mut network = World::new(&[(locals, remotes, Some(0))]).networks.remove(0);
        network.reach = Reach::Gateway(Arc::default());
        if outsiders != Outsiders::None {
            make_external(&mut network, outsiders);
            network.reach = routers();
        }
        if flat && let Some(uplink) = &mut network.uplink {
            uplink.mark = Mark::Untagged;
        }
        network
    })
}

fn tables(network: &NetworkView) -> Tables {
    let flows = pipeline::infrastructure().into_iter();
    Tables::new(flows.chain(pipeline::compile(network)))
}

/// Any frame, often to a gateway or honestly from the first member.
fn any_frame_of_a_member() -> impl Strategy<Value = Frame> {
    let destination = select(vec![None, Some(ROUTERS[0]), Some(BROADCAST), Some(mac(4))]);
    (any_frame(), destination, any::<bool>()).prop_map(|(frame, destination, honest)| {
        let mut frame = Frame {
            destination: destination.unwrap_or(frame.destination),
            ..frame
        };
        if honest {
            frame.source = mac(1);
            frame.tags.clear();
        }
        frame
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn no_frame_passes_between_two_isolated_ports_on_one_host_or_two(
        network in any_isolated(),
        frame in any_frame_of_a_member(),
    ) {
        let here = tables(&network);
        let there = tables(&other_side(&network));
        for sender in &network.locals {
            let outputs = put(&here, Packet::new(sender.port, frame.bytes()));
            for output in outputs {
                if output.port == sender.port {
                    continue; // An answer to itself.
                }
                prop_assert_eq!(output.port, PATCHES[0], "reached another VIF");
                let arrived = put(&there, Packet::new(PATCHES[0], output.frame));
                prop_assert!(arrived.is_empty(), "reached a VIF of another host");
            }
        }
    }

    #[test]
    fn nothing_but_the_gateway_gets_in_to_isolated_ports(
        network in any_isolated(),
        frame in any_frame(),
        source in select(vec![None, Some(ROUTERS[1]), Some(SERVER)]),
    ) {
        let frame = Frame { source: source.unwrap_or(frame.source), ..frame };
        let delivered = deliver(&tables(&network), PATCHES[0], &frame);
        if !delivered.is_empty() {
            prop_assert!(network.outsiders != Outsiders::None);
            prop_assert!(ROUTERS.contains(&frame.source));
            let of = tag(network.uplink.unwrap());
            prop_assert_eq!(frame.tags.first().map(|(_, control)| control & 0xfff), of);
        }
        let locals: BTreeSet<_> = network.locals.iter().map(|it| it.port).collect();
        prop_assert!(delivered.iter().all(|(port, _)| locals.contains(port)));
    }
}
