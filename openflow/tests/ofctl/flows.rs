//! Flows that a switch accepts: every field of the table, every action, in combinations
//! whose prerequisites hold.

mod matches;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use openflow::action::{
    Commit, Controller, Ct, Learn, LearnSource, LearnSpec, LearnTarget, Nat, PortChoice, Reason,
    Subfield, Zone,
};
use openflow::field::Prerequisite;
use openflow::flow::WriteMetadata;
use openflow::{Action, Field, Flow, FlowFlags, Match, PortNo};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use matches::{Draw, KINDS, Kind, matches, value_and_mask};

fn port() -> impl Strategy<Value = PortNo> {
    prop_oneof![
        4 => (1u32..0xff00).prop_map(PortNo),
        1 => select(vec![
            PortNo::IN_PORT, PortNo::NORMAL, PortNo::FLOOD, PortNo::ALL, PortNo::LOCAL,
        ]),
    ]
}

fn register() -> impl Strategy<Value = Field> {
    (0usize..16).prop_map(|n| Field::reg(n).expect("a register"))
}

fn part_of(field: Field) -> impl Strategy<Value = Subfield> {
    let bits = Subfield::whole(field).bits();
    (0..bits, 1..=bits.min(64)).prop_map(move |(offset, width)| {
        let width = width.min(bits - offset);
        Subfield::new(field, offset, width).expect("a part")
    })
}

fn subfield() -> impl Strategy<Value = Subfield> {
    let whole = select(vec![
        Field::InPort16,
        Field::EthSrc,
        Field::EthDst,
        Field::VlanTci,
        Field::TunId,
        Field::TunSrc,
        Field::Metadata,
        Field::PktMark,
        Field::Xreg3,
        Field::Xxreg1,
        Field::Reg7,
    ]);
    prop_oneof![
        register().prop_flat_map(part_of),
        whole.prop_map(Subfield::whole),
        Just(Field::Xxreg2).prop_flat_map(part_of),
    ]
}

fn writable(kind: Kind) -> impl Strategy<Value = Field> {
    let always = [
        Field::EthSrc,
        Field::EthDst,
        Field::TunId,
        Field::TunSrc,
        Field::TunDst,
        Field::TunIpv6Dst,
        Field::TunGbpId,
        Field::Metadata,
        Field::PktMark,
        Field::Reg0,
        Field::Reg15,
        Field::Xreg2,
        Field::Xxreg0,
    ];
    let holds = move |field: &&Field| {
        let satisfied = kind
            .start()
            .exact(**field, 0u8)
            .missing_prerequisite()
            .is_none();
        let read_only = [
            Field::IpProto,
            Field::TcpFlags,
            Field::IpFrag,
            Field::ConjId,
            Field::ActsetOutput,
            Field::MplsBos,
            Field::CtNwProto,
            Field::CtNwSrc,
            Field::CtNwDst,
            Field::CtIpv6Src,
            Field::CtIpv6Dst,
        ];
        let layered = field.info().prerequisite != Prerequisite::Nothing;
        let plain = field.info().prerequisite != Prerequisite::Vlan;
        layered && plain && satisfied && !read_only.contains(field)
    };
    let layered = Field::ALL.iter().filter(holds).copied();
    select(layered.chain(always).collect::<Vec<_>>())
}

fn set_field(kind: Kind) -> impl Strategy<Value = Action> {
    (writable(kind), any::<u128>(), any::<u128>(), 0u8..3).prop_map(
        |(field, value, mask, style)| {
            let draw = Draw {
                wanted: true,
                value,
                mask,
                style,
            };
            let (value, mask) = value_and_mask(field, &draw);
            Action::SetField {
                field,
                value: value & mask & field.full_mask(),
                mask,
            }
        },
    )
}

fn load() -> impl Strategy<Value = Action> {
    let target = prop_oneof![
        register().prop_flat_map(part_of),
        Just(Field::CtLabel).prop_flat_map(|_| part_of(Field::Xxreg3)),
        Just(Subfield::whole(Field::VlanTci)),
        Just(Subfield::whole(Field::TunId)),
    ];
    (target, any::<u64>()).prop_map(|(target, value)| {
        let unused = 64 - u32::from(target.bits());
        Action::Load {
            target,
            value: value >> unused,
        }
    })
}

fn move_bits() -> impl Strategy<Value = Action> {
    let pairs = select(vec![
        (Field::Reg0, Field::Reg1),
        (Field::EthSrc, Field::EthDst),
        (Field::TunId, Field::Metadata),
        (Field::InPort16, Field::Reg5),
        (Field::Xxreg0, Field::Xxreg1),
        (Field::Xreg0, Field::TunId),
    ]);
    pairs.prop_map(|(source, target)| Action::copy(source, target))
}

fn resubmit(kind: Kind) -> impl Strategy<Value = Action> {
    let port = proptest::option::of((1u32..0xff00).prop_map(PortNo));
    (port, proptest::option::of(0u8..254), any::<bool>()).prop_map(
        move |(port, table, original)| match (port, table) {
            (None, None) => Action::resubmit(7),
            _ => Action::Resubmit {
                port,
                table,
                original: original && kind.tracked && table.is_some(),
            },
        },
    )
}

fn range<A>(first: A, last: Option<A>) -> Option<(IpAddr, Option<IpAddr>)>
where
    A: Ord + Copy + Into<IpAddr>,
{
    let ordered = last.map(|last| (first.min(last), Some(first.max(last))));
    let (first, last) = ordered.unwrap_or((first, None));
    let last = last.filter(|last| *last != first);
    Some((first.into(), last.map(Into::into)))
}

fn nat(kind: Kind) -> impl Strategy<Value = Nat> {
    let addresses = (1u32.., proptest::option::of(1u32..)).prop_map(move |(first, last)| {
        let wide = |number: u32| Ipv6Addr::from(0xfe80 << 112 | u128::from(number));
        match kind.is_ipv4() {
            true => range(Ipv4Addr::from(first), last.map(Ipv4Addr::from)),
            false => range(wide(first), last.map(wide)),
        }
    });
    let ports = proptest::option::of((1u16..1000, proptest::option::of(1000u16..)));
    let choice = select(vec![
        PortChoice::Default,
        PortChoice::Hash,
        PortChoice::Random,
    ]);
    let nat = (any::<bool>(), addresses, ports, any::<bool>(), choice);
    nat.prop_map(|(source, addresses, ports, persistent, choice)| {
        let one = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let range = one..=one;
        let nat = if source {
            Nat::source(range)
        } else {
            Nat::destination(range)
        };
        Nat {
            addresses,
            ports,
            persistent,
            choice,
            ..nat
        }
    })
}

fn ct(kind: Kind) -> impl Strategy<Value = Action> {
    let zone = prop_oneof![
        any::<u16>().prop_map(Zone::Fixed),
        register().prop_map(|field| Zone::From(Subfield::new(field, 8, 16).expect("a part"))),
    ];
    let commit = select(vec![Commit::No, Commit::Yes, Commit::Force]);
    let nats = proptest::option::of(prop_oneof![nat(kind), Just(Nat::default())]);
    let exec = vec(ct_exec(), 0..3);
    let all = (commit, zone, proptest::option::of(0u8..255), nats, exec);
    all.prop_map(|(commit, zone, table, nat, exec)| {
        let committed = commit != Commit::No;
        let nat = nat.filter(|nat| committed || *nat == Nat::default());
        let exec = if committed { exec } else { Vec::new() };
        Action::from(Ct {
            commit,
            zone,
            table,
            nat,
            exec,
            alg: 0,
        })
    })
}

fn ct_exec() -> impl Strategy<Value = Action> {
    let part = select(vec![Field::CtMark, Field::CtLabel]);
    (part, any::<u128>(), any::<u128>()).prop_map(|(field, value, mask)| {
        let mask = Some(mask & field.full_mask()).filter(|mask| *mask != 0);
        let mask = mask.unwrap_or(field.full_mask());
        Action::SetField {
            field,
            value: value & mask,
            mask,
        }
    })
}

fn controller() -> impl Strategy<Value = Action> {
    let reason = select(vec![
        Reason::NoMatch,
        Reason::Action,
        Reason::InvalidTtl,
        Reason::ActionSet,
        Reason::Group,
        Reason::PacketOut,
    ]);
    let userdata = vec(any::<u8>(), 0..20);
    let meter = proptest::option::of(1u32..1000);
    let all = (
        any::<u16>(),
        0u16..5,
        reason,
        userdata,
        any::<bool>(),
        meter,
    );
    all.prop_map(|(max_len, id, reason, userdata, pause, meter)| {
        Action::from(Controller {
            max_len,
            id,
            reason,
            userdata,
            pause,
            meter,
        })
    })
}

fn learn() -> impl Strategy<Value = Action> {
    let specs = select(vec![
        LearnSpec {
            source: LearnSource::Packet(Subfield::new(Field::VlanTci, 0, 12).expect("a part")),
            target: LearnTarget::Match(Subfield::new(Field::VlanTci, 0, 12).expect("a part")),
        },
        LearnSpec {
            source: LearnSource::Packet(Subfield::whole(Field::EthSrc)),
            target: LearnTarget::Match(Subfield::whole(Field::EthDst)),
        },
        LearnSpec {
            source: LearnSource::Packet(Subfield::whole(Field::InPort16)),
            target: LearnTarget::Output,
        },
        LearnSpec {
            source: LearnSource::Number(0x806),
            target: LearnTarget::Match(Subfield::whole(Field::EthType)),
        },
        LearnSpec {
            source: LearnSource::Number(5),
            target: LearnTarget::Load(Subfield::new(Field::Reg3, 4, 9).expect("a part")),
        },
        LearnSpec {
            source: LearnSource::Packet(Subfield::whole(Field::Reg1)),
            target: LearnTarget::Load(Subfield::whole(Field::Reg2)),
        },
        LearnSpec {
            source: LearnSource::Number(3),
            target: LearnTarget::Match(Subfield::new(Field::Reg5, 0, 7).expect("a part")),
        },
    ]);
    let result = Subfield::new(Field::Reg0, 8, 1);
    let limit = (0u32..3, proptest::option::of(Just(result.expect("a bit"))));
    let numbers = (0u8..254, any::<u16>(), any::<u64>(), 0u16..3, 0u16..3);
    let rest = (any::<bool>(), any::<bool>(), limit, vec(specs, 1..5));
    (numbers, rest).prop_map(|((table, priority, cookie, idle, hard), rest)| {
        let (send_flow_removed, delete_learned, (limit, result), specs) = rest;
        Action::from(Learn {
            table,
            priority,
            cookie,
            idle_timeout: idle,
            hard_timeout: hard,
            fin_idle_timeout: hard,
            fin_hard_timeout: idle,
            send_flow_removed,
            delete_learned,
            limit,
            result,
            specs,
        })
    })
}

fn simple() -> impl Strategy<Value = Action> {
    prop_oneof![
        port().prop_map(Action::output),
        any::<u16>().prop_map(|max_len| Action::Output {
            port: PortNo::CONTROLLER,
            max_len
        }),
        register().prop_map(|field| Action::OutputField {
            source: Subfield::whole(field),
            max_len: u16::MAX,
        }),
        (1u32..100, 14u32..2000).prop_map(|(port, max_len)| Action::OutputTruncated {
            port: PortNo(port),
            max_len,
        }),
        any::<u8>().prop_map(|id| Action::Group(id.into())),
        any::<u32>().prop_map(Action::SetQueue),
        Just(Action::PopQueue),
        Just(Action::CtClear),
        Just(Action::Exit),
        subfield().prop_map(Action::Push),
        register().prop_flat_map(part_of).prop_map(Action::Pop),
        vec(any::<u8>(), 1..30).prop_map(Action::note),
        (any::<u16>(), register(), 0u16..32).prop_map(|(length, field, bit)| {
            let target = Subfield::new(field, bit, 1).expect("a bit");
            Action::CheckPacketLarger { length, target }
        }),
    ]
}

fn ip_only(kind: Kind) -> BoxedStrategy<Action> {
    match kind.is_ip() {
        false => move_bits().boxed(),
        true => prop_oneof![
            3 => ct(kind),
            1 => Just(Action::DecTtl),
            1 => vec(any::<u16>(), 1..6).prop_map(Action::DecTtlFor),
            1 => any::<u8>().prop_map(Action::SetTtl),
        ]
        .boxed(),
    }
}

fn action(kind: Kind) -> impl Strategy<Value = Action> {
    let leaf = prop_oneof![
        4 => simple(),
        4 => set_field(kind),
        2 => load(),
        1 => move_bits(),
        2 => resubmit(kind),
        3 => ip_only(kind),
        1 => controller(),
        1 => learn(),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| vec(inner, 1..4).prop_map(Action::Clone))
}

fn conjunctions() -> impl Strategy<Value = Vec<Action>> {
    let one = (any::<u32>(), 2u8..=64).prop_flat_map(|(id, clauses)| {
        (1..=clauses).prop_map(move |clause| Action::Conjunction {
            id,
            clause,
            clauses,
        })
    });
    vec(one, 1..4)
}

fn actions(kind: Kind) -> impl Strategy<Value = Vec<Action>> {
    let meter = proptest::option::weighted(0.1, (1u32..100).prop_map(Action::Meter));
    prop_oneof![
        9 => (meter, vec(action(kind), 0..6)).prop_map(|(meter, actions)| {
            meter.into_iter().chain(actions).collect::<Vec<_>>()
        }),
        1 => conjunctions(),
    ]
}

fn attributes() -> impl Strategy<Value = Flow> {
    let timeouts = (0u16..3, 0u16..3, 0u16..3);
    let flags = select(vec![0u16, 0, 1, 2, 4, 8, 16, 31]).prop_map(FlowFlags);
    let cookie = prop_oneof![Just(0u64), any::<u64>().prop_map(|cookie| cookie >> 1)];
    (0u8..200, any::<u16>(), cookie, timeouts, flags).prop_map(
        |(table, priority, cookie, (idle_timeout, hard_timeout, importance), flags)| Flow {
            cookie,
            idle_timeout,
            hard_timeout,
            importance,
            flags,
            ..Flow::new(table, priority, Match::new())
        },
    )
}

/// Flows that a switch accepts.
pub(crate) fn flow() -> impl Strategy<Value = Flow> {
    select(KINDS.to_vec()).prop_flat_map(|kind| {
        let metadata = (any::<u64>(), any::<u64>());
        let metadata = metadata.prop_map(|(value, mask)| WriteMetadata {
            value: value & mask,
            mask,
        });
        let metadata = proptest::option::weighted(0.1, metadata);
        let goto = proptest::option::weighted(0.2, 200u8..254);
        let write = proptest::option::weighted(0.1, port().prop_map(Action::output));
        let set = (any::<bool>(), write, metadata, goto);
        (attributes(), matches(kind), actions(kind), set).prop_map(
            |(flow, matching, actions, (clear, write, metadata, goto))| {
                let mut flow = Flow { matching, ..flow }.actions(actions);
                let conjunctive = flow.instructions.apply.iter().any(is_conjunction);
                if !conjunctive {
                    flow.instructions.clear_actions = clear;
                    flow.instructions.write = write.into_iter().collect();
                    flow.instructions.write_metadata = metadata;
                    flow.instructions.goto_table = goto;
                }
                flow
            },
        )
    })
}

fn is_conjunction(action: &Action) -> bool {
    matches!(action, Action::Conjunction { .. })
}
