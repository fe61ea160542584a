//! Flow tables for the evaluator's tests.

use openflow::action::{Action, Ct, Subfield};
use openflow::flow::{Flow, WriteMetadata};
use openflow::matching::{CtState, Match};
use openflow::{Field, PortNo};
use proptest::prelude::*;
use proptest::sample::select;

use crate::packets::{IPV4S, IPV6S, MACS, PORTS, VIDS};

/// Tables 0 to this one.
const LAST_TABLE: u8 = 4;

/// Whether flows use connection tracking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conntrack {
    Used,
    Unused,
}

/// Flows that print as text when a test fails.
#[derive(Clone)]
pub(crate) struct Listing(pub(crate) Vec<Flow>);

impl std::fmt::Debug for Listing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|flow| writeln!(f, "{flow}"))
    }
}

/// The kind of packet that a flow is for: what it may match on and write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Any,
    Vlan,
    Arp,
    Ipv4,
    Ipv6,
    Udp4,
    Tcp6,
    Nd,
}

use Kind::{Any, Arp, Ipv4, Ipv6, Nd, Tcp6, Udp4, Vlan};

fn prerequisites(kind: Kind) -> Match {
    let matching = Match::new();
    match kind {
        Any => matching,
        Vlan => matching.tagged(),
        Arp => matching.arp(),
        Ipv4 => matching.ipv4(),
        Ipv6 => matching.ipv6(),
        Udp4 => matching.ipv4().udp(),
        Tcp6 => matching.ipv6().tcp(),
        Nd => matching
            .icmpv6()
            .exact(Field::Icmpv6Type, 135u8)
            .exact(Field::Icmpv6Code, 0u8),
    }
}

/// A condition of a match: field, value, mask.
type Condition = (Field, u128, u128);

fn masked(field: Field, values: &[u16], mask: u128) -> Vec<Condition> {
    let row = |value: &u16| (field, u128::from(*value), mask);
    values.iter().map(row).collect()
}

fn numbers(field: Field, values: &[u16]) -> Vec<Condition> {
    masked(field, values, field.full_mask())
}

fn addresses<const N: usize>(field: Field, known: &[[u8; N]]) -> Vec<Condition> {
    let row = |address: &[u8; N]| (field, number(address), field.full_mask());
    known.iter().map(row).collect()
}

/// IPv4 addresses: whole, a network, and a mask that is no prefix.
fn ipv4s(field: Field) -> Vec<Condition> {
    let masks = [0xffff_ffff, 0xffff_ff00, 0x0000_0003];
    let rows = |ip: &[u8; 4]| masks.map(|mask| (field, number(ip) & mask, mask));
    IPV4S.iter().flat_map(rows).collect()
}

/// What any flow may match on, out of the little world that packets live in.
fn common_conditions() -> Vec<Condition> {
    let multicast = 1 << 40;
    [
        numbers(Field::InPort, &[1, 2, 3]),
        addresses(Field::EthSrc, &MACS),
        addresses(Field::EthDst, &MACS),
        vec![
            (Field::EthDst, 0, multicast),
            (Field::EthDst, multicast, multicast),
        ],
        numbers(Field::Reg0, &[0, 1, 2]),
        masked(Field::Reg1, &[0, 1, 2, 3], 3),
        masked(Field::Metadata, &[0, 1], 1),
    ]
    .concat()
}

/// What only flows for this kind of packet may match on.
fn special_conditions(kind: Kind) -> Vec<Condition> {
    let rows = match kind {
        Any => vec![
            numbers(Field::VlanVid, &[0]),
            numbers(Field::EthType, &[0x05ff, 0x8100, 0x88b5]),
        ],
        Vlan => vec![
            numbers(Field::VlanVid, &VIDS.map(|vid| vid | 0x1000)),
            numbers(Field::VlanPcp, &[0, 1]),
        ],
        Arp => vec![
            numbers(Field::ArpOp, &[0, 1, 2]),
            ipv4s(Field::ArpSpa),
            ipv4s(Field::ArpTpa),
            addresses(Field::ArpSha, &MACS),
        ],
        Ipv4 => vec![
            ipv4s(Field::Ipv4Src),
            ipv4s(Field::Ipv4Dst),
            numbers(Field::IpTtl, &[0, 1, 63, 64]),
            numbers(Field::IpFrag, &[0, 1, 3]),
            numbers(Field::IpProto, &[0, 1, 6, 17]),
            numbers(Field::IpEcn, &[0, 1, 2, 3]),
        ],
        Ipv6 => vec![
            addresses(Field::Ipv6Src, &IPV6S),
            addresses(Field::Ipv6Dst, &IPV6S),
            numbers(Field::IpProto, &[0, 6, 17, 58]),
            numbers(Field::Ipv6Label, &[9, 10]),
        ],
        Udp4 => vec![
            numbers(Field::UdpSrc, &PORTS),
            numbers(Field::UdpDst, &[0, 53, 80, 1000]),
        ],
        Tcp6 => vec![
            numbers(Field::TcpSrc, &PORTS),
            numbers(Field::TcpDst, &PORTS),
            masked(Field::TcpFlags, &[0, 2, 4, 6], 6),
        ],
        Nd => vec![
            addresses(Field::NdTarget, &IPV6S),
            addresses(Field::NdSll, &MACS),
            numbers(Field::NdSll, &[0]),
        ],
    };
    rows.concat()
}

fn condition(kind: Kind) -> impl Strategy<Value = Condition> {
    prop_oneof![
        select(common_conditions()),
        select(special_conditions(kind))
    ]
}

fn number(bytes: &[u8]) -> u128 {
    bytes
        .iter()
        .fold(0, |sum, &byte| sum << 8 | u128::from(byte))
}

fn matching(kind: Kind, conntrack: Conntrack) -> BoxedStrategy<Match> {
    let conditions = proptest::collection::vec(condition(kind), 0..3);
    let ct_state = select(vec![
        (CtState::default(), CtState::TRK),
        (CtState::TRK | CtState::NEW, CtState::default()),
        (CtState::TRK | CtState::EST, CtState::RPL),
        (CtState::TRK | CtState::RPL, CtState::default()),
        (CtState::TRK | CtState::INV, CtState::default()),
    ]);
    let ct_state = match conntrack {
        Conntrack::Used => proptest::option::weighted(0.4, ct_state).boxed(),
        Conntrack::Unused => Just(None).boxed(),
    };
    (conditions, ct_state)
        .prop_map(move |(conditions, ct_state)| {
            let mut matching = prerequisites(kind);
            for (field, value, mask) in conditions {
                matching = matching.masked(field, value, mask);
            }
            match ct_state {
                Some((set, unset)) => matching.ct_state(set, unset),
                None => matching,
            }
        })
        .boxed()
}

fn part(field: Field, offset: u16, bits: u16) -> Subfield {
    Subfield::new(field, offset, bits).unwrap()
}

/// Actions that any flow may have.
fn plain_action(table: u8) -> BoxedStrategy<Action> {
    let register = |value: u32| Action::set_field(Field::Reg0, value);
    let metadata_to_register = Action::Move {
        source: part(Field::EthSrc, 0, 8),
        target: part(Field::Reg1, 4, 8),
    };
    prop_oneof![
        6 => (1..5u32).prop_map(Action::output),
        1 => Just(Action::in_port()),
        3 => (0..3u32).prop_map(register),
        1 => (0..4u128).prop_map(|value| Action::set_bits(part(Field::Reg1, 0, 2), value)),
        1 => Just(Action::copy(Field::Reg0, Field::Reg2)),
        1 => Just(metadata_to_register),
        1 => select(&MACS[..]).prop_map(|mac| Action::set_field(Field::EthDst, mac)),
        1 => Just(Action::PushVlan(0x8100)),
        1 => Just(Action::Note(vec![1, 2, 3])),
        1 => Just(Action::OutputField { source: part(Field::Reg0, 0, 16), max_len: 0xffff }),
        1 => Just(Action::set_field(Field::InPort16, 0u16)),
        1 => Just(Action::Exit),
        1 => Just(Action::output(PortNo::CONTROLLER)),
        1 => Just(Action::Push(part(Field::Reg0, 0, 16))),
        1 => Just(Action::Pop(part(Field::Reg1, 0, 16))),
        3 => (table..=LAST_TABLE).prop_map(Action::resubmit),
        1 => (0..=LAST_TABLE, 1..4u32).prop_map(|(table, port)| Action::Resubmit {
            port: Some(PortNo(port)),
            table: Some(table),
            original: false,
        }),
    ]
    .boxed()
}

/// Actions that only flows for this kind of packet may have.
fn special_action(kind: Kind) -> BoxedStrategy<Action> {
    let set = |field: Field, value: u128| Just(Action::set_field(field, value)).boxed();
    let ip4 = || select(&IPV4S[..]).prop_map(|ip| number(&ip));
    match kind {
        Any => Just(Action::PushVlan(0x88a8)).boxed(),
        Vlan => prop_oneof![
            Just(Action::PopVlan),
            select(&VIDS[..]).prop_map(|vid| Action::set_field(Field::VlanVid, vid | 0x1000)),
            set(Field::VlanPcp, 3),
        ]
        .boxed(),
        Arp => prop_oneof![
            set(Field::ArpOp, 2),
            ip4().prop_map(|ip| Action::set_field(Field::ArpSpa, ip)),
            Just(Action::copy(Field::ArpSha, Field::ArpTha)),
            Just(Action::copy(Field::ArpSpa, Field::ArpTpa)),
            Just(Action::copy(Field::EthSrc, Field::EthDst)),
        ]
        .boxed(),
        Ipv4 => prop_oneof![
            Just(Action::DecTtl),
            ip4().prop_map(|ip| Action::set_field(Field::Ipv4Dst, ip)),
            ip4().prop_map(|ip| Action::set_field(Field::Ipv4Src, ip)),
            set(Field::IpDscp, 10),
        ]
        .boxed(),
        Ipv6 => prop_oneof![
            Just(Action::DecTtl),
            select(&IPV6S[..]).prop_map(|ip| Action::set_field(Field::Ipv6Dst, number(&ip))),
            set(Field::IpEcn, 2),
        ]
        .boxed(),
        Udp4 => select(&PORTS[..])
            .prop_map(|port| Action::set_field(Field::UdpDst, port))
            .boxed(),
        Tcp6 => select(&PORTS[..])
            .prop_map(|port| Action::set_field(Field::TcpSrc, port))
            .boxed(),
        Nd => set(Field::NdSll, 0x0200_0000_000b),
    }
}

fn conntrack_action() -> BoxedStrategy<Action> {
    prop_oneof![
        2 => (1..3u16, 1..=LAST_TABLE).prop_map(|(zone, table)| Action::from(Ct::lookup(zone, table))),
        1 => (1..3u16).prop_map(|zone| Action::from(Ct::commit(zone))),
        1 => Just(Action::CtClear),
    ]
    .boxed()
}

fn action(table: u8, kind: Kind, conntrack: Conntrack) -> BoxedStrategy<Action> {
    let mut choices = vec![(6, plain_action(table)), (3, special_action(kind))];
    if conntrack == Conntrack::Used && matches!(kind, Ipv4 | Ipv6 | Udp4 | Tcp6 | Nd) {
        choices.push((4, conntrack_action()));
    }
    let one = proptest::strategy::Union::new_weighted(choices);
    let one = one.boxed();
    prop_oneof![
        8 => one.clone(),
        1 => proptest::collection::vec(one, 1..3).prop_map(Action::Clone),
    ]
    .boxed()
}

/// Actions that only make sense in one order must not be refused: a popped tag is gone, and a
/// pushed one hides nothing from what follows.
fn sensible(actions: Vec<Action>) -> Vec<Action> {
    let mut left = Vec::new();
    let mut has_tag = true;
    for action in actions {
        let needs_tag = matches!(
            action,
            Action::PopVlan
                | Action::SetField {
                    field: Field::VlanVid | Field::VlanPcp,
                    ..
                }
        );
        if needs_tag && !has_tag {
            continue;
        }
        has_tag = match action {
            Action::PopVlan | Action::Clone(_) => false,
            Action::PushVlan(_) => true,
            _ => has_tag,
        };
        left.push(action);
    }
    left
}

fn flow(conntrack: Conntrack) -> BoxedStrategy<Flow> {
    let kind = select(vec![Any, Any, Vlan, Arp, Ipv4, Ipv6, Udp4, Tcp6, Nd]);
    (0..=LAST_TABLE, kind)
        .prop_flat_map(move |(table, kind)| {
            let actions = proptest::collection::vec(action(table, kind, conntrack), 0..4);
            let write = match conntrack {
                // Open vSwitch does not survive `ct` with an action set.
                Conntrack::Used => Just(None).boxed(),
                Conntrack::Unused => proptest::option::weighted(0.15, 1..5u32).boxed(),
            };
            let metadata = proptest::option::weighted(0.15, 0..4u64);
            let goto = proptest::option::weighted(0.3, 1..=LAST_TABLE);
            (matching(kind, conntrack), actions, write, metadata, goto).prop_map(
                move |(matching, actions, write, metadata, goto)| {
                    let mut flow = Flow::new(table, 0, matching).actions(sensible(actions));
                    let instructions = &mut flow.instructions;
                    instructions.write.extend(write.map(Action::output));
                    instructions.write_metadata =
                        metadata.map(|value| WriteMetadata { value, mask: 3 });
                    instructions.goto_table = goto.filter(|next| *next > table);
                    flow
                },
            )
        })
        .boxed()
}

/// A conjunctive match: two clauses of one or two flows each, and the flow they stand for.
fn conjunction(conntrack: Conntrack) -> BoxedStrategy<Vec<Flow>> {
    let kinds = || select(vec![Any, Any, Ipv4, Vlan]);
    let part = move || kinds().prop_flat_map(move |kind| matching(kind, conntrack));
    let parts = proptest::collection::vec((part(), 1..3u8), 1..5);
    (0..=LAST_TABLE, 1..3u32, parts, flow(conntrack))
        .prop_map(|(table, id, parts, mut end)| {
            let clause = |(matching, clause)| {
                let action = Action::Conjunction {
                    id,
                    clause,
                    clauses: 2,
                };
                Flow::new(table, 1000, matching).action(action)
            };
            let mut flows: Vec<Flow> = parts.into_iter().map(clause).collect();
            end.table = table;
            end.instructions.goto_table = end.instructions.goto_table.filter(|next| *next > table);
            end.matching = end.matching.exact(Field::ConjId, id);
            flows.push(end);
            flows
        })
        .boxed()
}

/// The flows of a whole switch. No two plain flows have the same priority: between those, a
/// switch may choose as it likes.
pub(crate) fn tables(conntrack: Conntrack) -> impl Strategy<Value = Listing> {
    let flows = proptest::collection::vec(flow(conntrack), 10..30);
    let conjunctions = proptest::collection::vec(conjunction(conntrack), 0..3);
    (flows, conjunctions).prop_map(|(mut flows, conjunctions)| {
        flows.extend(conjunctions.into_iter().flatten());
        for (priority, flow) in (990..).zip(&mut flows) {
            if flow.priority == 0 {
                flow.priority = priority;
            }
        }
        // A part of a conjunction beats nothing of its own priority.
        flows.retain(|flow| flow.priority != 1000 || is_clause(flow));
        Listing(flows)
    })
}

fn is_clause(flow: &Flow) -> bool {
    matches!(
        flow.instructions.apply.first(),
        Some(Action::Conjunction { .. })
    )
}
