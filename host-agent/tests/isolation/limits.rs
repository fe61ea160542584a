//! Limits: whose frames a meter bounds, and whose it does not. A meter that lets nothing pass stands
//! for one that is exceeded.

use std::collections::BTreeSet;

use host_agent::pipeline::NetworkView;
use host_agent::pipeline::limits::{Meter, meters};
use model::Limits;
use openflow::message::MeterUnit;
use openflow::table::Tables;
use openflow::{Action, Flow, PortNo};
use proptest::prelude::*;
use proptest::sample::select;

use crate::anything::any_frame;
use crate::frame::{BROADCAST, Frame, Payload};
use crate::world::{Delivered, World, deliver, ipv4, mac, send};

fn limits(text: &str) -> Limits {
    serde_json::from_str(text).unwrap()
}

/// Members 1 to 3 of a network here, the first of them with these limits, and a network beside it.
fn world(text: &str) -> World {
    let mut world = World::new(&[(3, 1, Some(0)), (2, 0, Some(0))]);
    for local in world.networks.iter_mut().flat_map(|it| &mut it.locals) {
        local.limits = Limits::default();
    }
    world.networks[0].locals[0].limits = limits(text);
    world
}

/// The tables, with these meters exceeded.
fn exceeded(world: &World, exceeded: impl Fn(&Meter) -> bool) -> Tables {
    let meters = world.networks.iter().flat_map(meters);
    let closed: BTreeSet<u32> = meters.filter(exceeded).map(|it| it.id).collect();
    let close = |mut flow: Flow| {
        let actions = &flow.instructions.apply;
        let meter = actions.iter().find_map(|action| match action {
            Action::Meter(id) => Some(*id),
            _ => None,
        });
        if meter.is_some_and(|id| closed.contains(&id)) {
            flow.instructions.apply.clear();
            flow.instructions.goto_table = None;
        }
        flow
    };
    Tables::new(world.flows().into_iter().map(close))
}

/// The meters of one port.
fn of(network: &NetworkView, index: usize) -> BTreeSet<u32> {
    let mut alone = network.clone();
    alone.locals = vec![network.locals[index].clone()];
    meters(&alone).map(|it| it.id).collect()
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

fn request(from: u8, to: u8) -> Frame {
    let payload = Payload::Arp {
        op: 1,
        sha: mac(from),
        spa: ipv4(from),
        tha: [0; 6],
        tpa: ipv4(to),
    };
    Frame::new(mac(from), BROADCAST, payload)
}

fn ports(delivered: &Delivered) -> Vec<PortNo> {
    delivered.iter().map(|(port, _)| *port).collect()
}

#[test]
fn each_limit_is_a_meter_of_its_own_with_the_rate_and_burst_that_were_asked_for() {
    let world = world(
        r#"{"rate_out":"100M","rate_in":"64k","packets_out":"10k","packets_in":"5",
            "floods_out":"300","burst_milliseconds":500}"#,
    );
    let all: Vec<Meter> = meters(&world.networks[0]).collect();
    let found: Vec<_> = all.iter().map(|it| (it.unit, it.rate, it.burst)).collect();
    let (bits, packets) = (MeterUnit::Kilobits, MeterUnit::Packets);
    let default = (packets, 1_000, 200);
    let expected = [
        (packets, 300, 150),
        (bits, 100_000, 50_000),
        (packets, 10_000, 5_000),
        // Less than the largest frame would let that never pass.
        (bits, 64, 600),
        (packets, 5, 20),
        default,
        default,
    ];
    assert_eq!(found, expected);
    let ids: BTreeSet<u32> = all.iter().map(|it| it.id).collect();
    assert_eq!(ids.len(), all.len(), "no two share a meter");
    // Above those of questions and names, and no more than the switch has.
    assert!(ids.iter().all(|id| (0x2_0000..0x4_0000).contains(id)));
}

#[test]
fn who_sends_more_than_it_may_is_neither_heard_nor_answered_and_others_are() {
    for limit in [r#"{"rate_out":"2M"}"#, r#"{"packets_out":"10"}"#] {
        let world = world(limit);
        let mine = of(&world.networks[0], 0);
        let silenced = exceeded(&world, |it| mine.contains(&it.id) && it.rate != 1_000);
        let port = |member: usize| world.networks[0].locals[member - 1].port;
        for frame in [udp(1, 2), udp(1, 4), broadcast(1), request(1, 2)] {
            let (delivered, asked) = send(&silenced, port(1), &frame);
            assert_eq!((ports(&delivered), asked), (vec![], None));
        }
        for frame in [udp(2, 1), udp(2, 3), broadcast(2), request(2, 1)] {
            let before = deliver(&world.tables(), port(2), &frame);
            assert_eq!(deliver(&silenced, port(2), &frame), before);
        }
    }
}

#[test]
fn who_is_sent_more_than_it_may_costs_nobody_else_a_frame() {
    for limit in [r#"{"rate_in":"2M"}"#, r#"{"packets_in":"10"}"#] {
        let world = world(limit);
        let mine = of(&world.networks[0], 0);
        let full = exceeded(&world, |it| mine.contains(&it.id) && it.rate != 1_000);
        let port = |member: usize| world.networks[0].locals[member - 1].port;
        assert_eq!(ports(&deliver(&full, port(2), &udp(2, 1))), []);
        // What goes to all goes to all: whoever comes after it must not miss it.
        for frame in [udp(2, 3), broadcast(2), udp(2, 4)] {
            let before = deliver(&world.tables(), port(2), &frame);
            assert_eq!(deliver(&full, port(2), &frame), before);
            assert_ne!(before, Delivered::default());
        }
        // It may still speak, and is answered.
        for frame in [udp(1, 2), broadcast(1), request(1, 2)] {
            let before = deliver(&world.tables(), port(1), &frame);
            assert_eq!(deliver(&full, port(1), &frame), before);
        }
    }
}

#[test]
fn floods_are_bounded_although_nobody_asked_for_it_and_nothing_else_is() {
    let world = world("{}");
    let mine = of(&world.networks[0], 0);
    let flooded = exceeded(&world, |it| mine.contains(&it.id));
    let port = world.networks[0].locals[0].port;
    for frame in [broadcast(1), request(1, 2)] {
        let (delivered, asked) = send(&flooded, port, &frame);
        assert_eq!((ports(&delivered), asked), (vec![], None));
    }
    let before = deliver(&world.tables(), port, &udp(1, 2));
    assert_eq!(deliver(&flooded, port, &udp(1, 2)), before);
}

#[test]
fn who_is_suspended_moves_nothing_and_costs_nobody_else_a_frame() {
    let open = world("{}");
    let port = |member: usize| open.networks[0].locals[member - 1].port;
    let all = r#"["tenant-internal"]"#;
    let sent = world(&format!(r#"{{"suspended":{{"sent":{all}}}}}"#)).tables();
    for frame in [udp(1, 2), udp(1, 4), broadcast(1), request(1, 2)] {
        let (delivered, asked) = send(&sent, port(1), &frame);
        assert_eq!((ports(&delivered), asked), (vec![], None));
    }
    for frame in [udp(2, 1), udp(2, 3), broadcast(2)] {
        let before = deliver(&open.tables(), port(2), &frame);
        assert_eq!(deliver(&sent, port(2), &frame), before);
    }
    let received = world(&format!(r#"{{"suspended":{{"received":{all}}}}}"#)).tables();
    assert_eq!(ports(&deliver(&received, port(2), &udp(2, 1))), []);
    for frame in [udp(2, 3), udp(2, 4), broadcast(2)] {
        let mut before = deliver(&open.tables(), port(2), &frame);
        before.retain(|(to, _)| *to != port(1));
        assert_eq!(deliver(&received, port(2), &frame), before);
    }
    // It may still speak, and is answered by the host.
    for frame in [udp(1, 2), broadcast(1), request(1, 2)] {
        let before = deliver(&open.tables(), port(1), &frame);
        assert_eq!(deliver(&received, port(1), &frame), before);
    }
    // Of a class that it does not move, it is all the same.
    let mut other = open.clone();
    let classes = r#"{"suspended":{"sent":["public"],"received":["pool-internal"]}}"#;
    other.networks[0].locals[0].limits = limits(classes);
    assert!(other.flows() == open.flows(), "other classes are dropped");
}

/// A world in which all is limited, one of its ports, and a frame.
fn any_case() -> impl Strategy<Value = (World, PortNo, Frame)> {
    World::any_with_overlays().prop_flat_map(|mut world| {
        for local in world.networks.iter_mut().flat_map(|it| &mut it.locals) {
            local.limits =
                limits(r#"{"rate_out":"1M","rate_in":"2M","packets_out":"3k","packets_in":"4k"}"#);
        }
        let ports = world.ports();
        (Just(world), select(ports), any_frame())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn limits_that_are_kept_change_nothing((world, port, frame) in any_case()) {
        let mut without = world.clone();
        for local in without.networks.iter_mut().flat_map(|it| &mut it.locals) {
            local.limits = Limits::default();
        }
        prop_assert_eq!(
            send(&world.tables(), port, &frame),
            send(&without.tables(), port, &frame)
        );
    }

    #[test]
    fn whatever_a_port_sends_is_under_each_of_its_limits(
        (world, port, frame) in any_case(), packets in any::<bool>()
    ) {
        if world.network_of(port).is_none() {
            return Ok(());
        }
        let rate = if packets { 3_000 } else { 1_000 };
        let unit = if packets { MeterUnit::Packets } else { MeterUnit::Kilobits };
        let full = exceeded(&world, |it| it.rate == rate && it.unit == unit);
        let (delivered, asked) = send(&full, port, &frame);
        prop_assert_eq!((ports(&delivered), asked), (vec![], None));
    }

    #[test]
    fn whatever_is_sent_to_or_by_a_suspended_port_reaches_nobody(
        (mut world, port, frame) in any_case(), sends in any::<bool>()
    ) {
        let before = world.clone();
        let way = if sends { "sent" } else { "received" };
        let all = r#"["tenant-internal","pool-internal","public"]"#;
        for local in world.networks.iter_mut().flat_map(|it| &mut it.locals) {
            local.limits = limits(&format!(r#"{{"suspended":{{"{way}":{all}}}}}"#));
        }
        let vifs: Vec<PortNo> = world.networks.iter()
            .flat_map(|it| it.locals.iter().map(|local| local.port)).collect();
        let (delivered, asked) = send(&world.tables(), port, &frame);
        if sends && world.network_of(port).is_some() {
            prop_assert_eq!((ports(&delivered), asked), (vec![], None));
        } else if sends {
            prop_assert_eq!((delivered, asked), send(&before.tables(), port, &frame));
        } else {
            // But for what its own host answers it.
            let others: Vec<_> = ports(&delivered).into_iter()
                .filter(|it| vifs.contains(it) && *it != port).collect();
            prop_assert_eq!(others, vec![]);
        }
    }
}
