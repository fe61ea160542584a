//! Flows that a switch accepts: every field of the table, every action, in combinations
//! whose prerequisites hold.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use openflow::action::{
    Commit, Controller, Ct, Learn, LearnLimit, LearnSource, LearnSpec, LearnTarget, Nat,
    PortChoice, Reason, Subfield, Zone,
};
use openflow::field::{Format, Masking, Prerequisite};
use openflow::flow::WriteMetadata;
use openflow::{Action, Field, Flow, FlowFlags, Match, PortNo};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// What a flow is about; which fields and actions there are depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kind {
    name: &'static str,
    eth_type: Option<u16>,
    proto: Option<u8>,
    nd: Option<u8>,
    /// Whether only packets of known connections match.
    tracked: bool,
}

const fn kind(name: &'static str, eth_type: u16, proto: u8) -> Kind {
    Kind {
        name,
        eth_type: Some(eth_type),
        proto: Some(proto),
        nd: None,
        tracked: false,
    }
}

const KINDS: [Kind; 18] = [
    Kind {
        eth_type: None,
        proto: None,
        ..kind("any", 0, 0)
    },
    Kind {
        proto: None,
        ..kind("ip", 0x0800, 0)
    },
    kind("gre", 0x0800, 47),
    kind("tcp", 0x0800, 6),
    kind("udp", 0x0800, 17),
    kind("sctp", 0x0800, 132),
    kind("icmp", 0x0800, 1),
    Kind {
        proto: None,
        ..kind("ipv6", 0x86dd, 0)
    },
    kind("tcp6", 0x86dd, 6),
    kind("udp6", 0x86dd, 17),
    Kind {
        tracked: true,
        ..kind("tracked", 0x0800, 6)
    },
    Kind {
        tracked: true,
        ..kind("tracked6", 0x86dd, 17)
    },
    kind("icmp6", 0x86dd, 58),
    Kind {
        nd: Some(135),
        ..kind("ns", 0x86dd, 58)
    },
    Kind {
        nd: Some(136),
        ..kind("na", 0x86dd, 58)
    },
    Kind {
        proto: None,
        ..kind("arp", 0x0806, 0)
    },
    Kind {
        proto: None,
        ..kind("mpls", 0x8847, 0)
    },
    Kind {
        proto: None,
        ..kind("lldp", 0x88cc, 0)
    },
];

impl Kind {
    fn is_ipv4(self) -> bool {
        self.eth_type == Some(0x0800)
    }

    fn is_ip(self) -> bool {
        self.is_ipv4() || self.eth_type == Some(0x86dd)
    }

    fn start(self) -> Match {
        let mut start = Match::new();
        let mut set = |field: Field, value: u128| start.insert(field, value, field.full_mask());
        self.eth_type
            .into_iter()
            .for_each(|eth_type| set(Field::EthType, eth_type.into()));
        self.proto
            .into_iter()
            .for_each(|proto| set(Field::IpProto, proto.into()));
        if self.tracked {
            set(Field::CtState, 0x22);
        }
        if let Some(nd) = self.nd {
            set(Field::Icmpv6Type, nd.into());
            set(Field::Icmpv6Code, 0);
        }
        start
    }
}

/// What is drawn for one field.
#[derive(Clone, Debug)]
struct Draw {
    wanted: bool,
    value: u128,
    mask: u128,
    style: u8,
}

fn draw() -> impl Strategy<Value = Draw> {
    (0u8..8, any::<u128>(), any::<u128>(), 0u8..3).prop_map(|(chance, value, mask, style)| Draw {
        wanted: chance == 0,
        value,
        mask,
        style,
    })
}

fn matches(kind: Kind) -> impl Strategy<Value = Match> {
    vec(draw(), Field::ALL.len()).prop_map(move |draws| {
        let drawn = Field::ALL.iter().zip(draws).filter(|(_, draw)| draw.wanted);
        drawn.fold(kind.start(), |matching, (field, draw)| {
            add(matching, *field, &draw)
        })
    })
}

/// Matches on a field too, if that makes sense.
fn add(matching: Match, field: Field, draw: &Draw) -> Match {
    let (value, mask) = value_and_mask(field, draw);
    let with = matching.clone().masked(field, value, mask);
    let settled = matching.get(field).is_some();
    let makes_sense = match field {
        // Views of other fields; what they are views of is drawn itself.
        Field::VlanTci | Field::InPort16 | Field::IpTos => false,
        _ if !field.reg_parts().is_empty() => false,
        // The kind says.
        Field::EthType | Field::IpProto => false,
        _ => !settled,
    };
    match makes_sense && with.missing_prerequisite().is_none() && !with.is_empty() {
        true => with,
        false => matching,
    }
}

fn value_and_mask(field: Field, draw: &Draw) -> (u128, u128) {
    let full = field.full_mask();
    let bits = u32::from(field.info().bits);
    let prefix = full & !(full >> (draw.mask as u32 % bits));
    let masking = field.info().masking;
    let mask = match (masking, draw.style) {
        (Masking::Whole, _) | (_, 0) => full,
        // ovs-ofctl has no room for the longest masks of IPv6.
        (_, 1) if prefix != 0 => prefix,
        (_, _) if field.info().format == Format::Ipv6 => full,
        _ => Some(draw.mask & full)
            .filter(|mask| *mask != 0)
            .unwrap_or(full),
    };
    match (field, field.info().format) {
        (_, Format::Port) => (draw.value % 0xff00, full),
        (_, Format::Fragment) => [(0, 3), (1, 1), (1, 3), (0, 2)][draw.value as usize % 4],
        (Field::VlanVid, _) if draw.style == 0 => (0, full),
        (Field::VlanVid, _) => (draw.value | 0x1000, mask | 0x1000),
        // What is invalid cannot be committed.
        (Field::CtState, _) => (draw.value & !0x10, mask),
        // The lowest two bits are the ECN's.
        (Field::IpTos, _) => (draw.value & 0xfc, full),
        // Open vSwitch keeps eight bits of it.
        (Field::ArpOp, _) => (draw.value & 0xff, full),
        // It prints no masks of these.
        (Field::TunGbpFlags, _) => (draw.value, full),
        // Zero is "not there" to it.
        (Field::CtNwProto, _) => (draw.value & 0xf | 1, full),
        _ => (draw.value, mask),
    }
}

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
    let limit = (1u32..100, any::<bool>()).prop_map(move |(flows, wanted)| LearnLimit {
        flows,
        result: result.filter(|_| wanted),
    });
    let numbers = (0u8..254, any::<u16>(), any::<u64>(), 0u16..3, 0u16..3);
    let rest = (
        any::<bool>(),
        any::<bool>(),
        proptest::option::of(limit),
        vec(specs, 1..5),
    );
    (numbers, rest).prop_map(|((table, priority, cookie, idle, hard), rest)| {
        let (send_flow_removed, delete_learned, limit, specs) = rest;
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
