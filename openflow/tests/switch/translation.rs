//! The evaluator translates addresses as the switch does: the same packets, one after the other, come
//! out with the same addresses and ports, and their answers find home.
//!
//! ```text
//!   p1 --nat(src=one address)--\
//!   p2 --nat, as it is known ---+--> p1 to p4, by what is known of the connection
//!   p3 --nat(dst=one address)--/
//! ```

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr};

use openflow::action::{Action, Commit, Ct, Nat};
use openflow::matching::{CtState, Match};
use openflow::table::{Connections, Packet, Tables};
use openflow::{Field, Flow};
use proptest::prelude::*;
use proptest::sample::select;

use crate::evaluator::{Bench, outputs_of, runner};
use crate::packets::{IPV4S, PORTS, Payload, Recipe, Transport};

const ZONE: u16 = 7;
const ECHO_REQUEST: u8 = 8;
const SYN: u8 = 2;

/// What each of the first three ports has done to its packets.
fn tables(source: IpAddr, destination: IpAddr) -> Vec<Flow> {
    let translated = |commit, nat| Ct {
        commit,
        nat: Some(nat),
        ..Ct::lookup(ZONE, 1)
    };
    let ways = [
        translated(Commit::Yes, Nat::source(source..=source)),
        translated(Commit::No, Nat::default()),
        translated(Commit::Yes, Nat::destination(destination..=destination)),
    ];
    let mut flows = Vec::new();
    for (port, way) in (1u32..).zip(ways) {
        let from = Match::new().in_port(port).ipv4();
        flows.push(Flow::new(0, 1, from).action(way));
    }
    let states = [
        (4, CtState::INV, 4u32),
        (3, CtState::RPL, 3),
        (2, CtState::EST, 2),
        (1, CtState::NEW, 1),
    ];
    for (priority, state, port) in states {
        let found = Match::new()
            .ipv4()
            .ct_state(CtState::TRK | state, CtState(0));
        // A packet does not go back where it came from unless it says so.
        let out = [
            Action::set_field(Field::Reg1, port),
            Action::output(port),
            Action::output(5 - port),
        ];
        flows.push(Flow::new(1, priority, found).actions(out));
    }
    flows
}

fn transport() -> impl Strategy<Value = Transport> {
    let ports = || (select(&PORTS[..]), select(&PORTS[..]));
    prop_oneof![
        3 => ports().prop_map(|(source, destination)| Transport::Udp {
            source,
            destination
        }),
        // The evaluator does not look at TCP's own states: no segment answers another one.
        2 => Just(Transport::Tcp {
            source: 1000,
            destination: 80,
            flags: SYN
        }),
        1 => Just(Transport::Icmp { kind: ECHO_REQUEST, code: 0 }),
    ]
}

/// A packet of one of few connections, so that they meet.
fn packet() -> impl Strategy<Value = (u16, Recipe)> {
    // Nobody speaks with itself.
    let ends = (0..IPV4S.len(), 1..IPV4S.len());
    let ends = ends.prop_map(|(from, further)| (from, (from + further) % IPV4S.len()));
    (1..4u16, ends, transport()).prop_map(|(in_port, (from, to), transport)| {
        let payload = Payload::Ipv4 {
            from,
            to,
            ttl: 64,
            tos: 0,
            fragment: 0,
            transport,
        };
        let recipe = Recipe {
            source: 0,
            destination: 1,
            tags: Vec::new(),
            payload,
            cut: None,
        };
        (in_port, recipe)
    })
}

/// The answer to a packet that came out, as who got it sends it; nothing to a segment of TCP, which
/// would have to fit its window.
fn answer(frame: &[u8]) -> Option<Vec<u8>> {
    let (mut answer, protocol) = (frame.to_vec(), *frame.get(23)?);
    answer[26..34].rotate_left(4);
    match protocol {
        1 => {
            // From request to reply: the sum of its first word goes down by as much.
            let sum = u16::from_be_bytes([answer[36], answer[37]]);
            let (sum, carry) = sum.overflowing_add(u16::from(ECHO_REQUEST) << 8);
            let sum = sum + u16::from(carry);
            answer[34] = 0;
            answer[36..38].copy_from_slice(&sum.to_be_bytes());
        }
        17 => answer[34..38].rotate_left(2),
        _ => return None,
    }
    Some(answer)
}

#[test]
fn the_evaluator_translates_as_the_switch_does() {
    let bench = RefCell::new(Bench::start());
    let address = || select(&IPV4S[..]).prop_map(|it| IpAddr::V4(Ipv4Addr::from(it)));
    let packets = proptest::collection::vec(packet(), 8);
    let case = |(source, destination, packets): (IpAddr, IpAddr, Vec<(u16, Recipe)>)| {
        let mut bench = bench.borrow_mut();
        let tables = Tables::new(bench.install(tables(source, destination)));
        let mut connections = Connections::default();
        for (in_port, recipe) in packets {
            let mut frames = vec![(in_port, recipe.build())];
            while let Some((in_port, frame)) = frames.pop() {
                let packet = Packet::new(u32::from(in_port), frame.clone());
                let ours = outputs_of(&tables.evaluate(packet, &mut connections));
                let theirs = bench.send(in_port, &frame);
                prop_assert_eq!(&ours, &theirs, "by {}: {:02x?}", in_port, frame);
                // Answers go by the port where what is known decides.
                let sent = in_port != 2 && frame == recipe.build();
                let out = ours.first().filter(|_| sent);
                frames.extend(out.and_then(|(_, frame)| Some((2, answer(frame)?))));
            }
        }
        Ok(())
    };
    runner()
        .run(&(address(), address(), packets), case)
        .unwrap_or_else(|e| panic!("{e}"));
}
