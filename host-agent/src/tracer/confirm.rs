//! Whether the switch says the same, go by go: `ofproto/trace` of the packet as it came, and of the packet
//! as it was each time that connection tracking sent it on.
//!
//! The switch's trace does not know how a connection began, which rules ask for. So it is asked again for
//! each go through the tables, and told what the evaluator found: where it sends the packet on to, and as
//! what, is compared before.

use openflow::matching::{CtState, Match};
use openflow::protocol::{ETH_IPV4, ETH_IPV6, IP_TCP, IP_UDP};
use openflow::table::{Outcome, Start};
use openflow::{Action, Field, Flow};

use model::{MacAddr, SwitchWord};

use super::text::{self, Look, Section};
use crate::pipeline::TABLES;
use crate::pipeline::cookie::is_ours;

/// The most goes that the switch is asked about: a flood on a host of many ports has one for each.
const PASSES_MAX: usize = 32;

/// One go through the tables, as the evaluator has it.
#[derive(Debug)]
pub(super) struct Pass {
    start: Start,
    /// The looks at flows of ours.
    looks: Vec<Look>,
    /// The switch tries it both ways: where a packet is measured it says what becomes of larger ones and
    /// of smaller ones, one after the other.
    is_measured: bool,
    /// Where it went on after connection tracking.
    resumed: Vec<Resumed>,
}

#[derive(Debug)]
struct Resumed {
    table: u8,
    /// As the switch writes it.
    fields: Vec<String>,
    registers: usize,
}

/// What to ask the switch about a go that is not the first: what is known of the packet besides its bytes,
/// and what to do with it.
pub(super) struct Question<'a> {
    pub(super) flow: String,
    pub(super) frame: &'a [u8],
    pub(super) actions: String,
}

pub(super) fn passes(outcome: &Outcome<'_>) -> Vec<Pass> {
    let measures = |flow: &Flow| {
        let mut actions = flow.instructions.apply.iter();
        actions.any(|it| matches!(it, Action::CheckPacketLarger { .. }))
    };
    let starts = outcome.passes.iter().enumerate();
    let pass = |(number, start): (usize, &Start)| {
        let hops = || outcome.path.iter().filter(move |hop| hop.pass == number);
        let own = hops().filter(|hop| hop.flow.is_none_or(|flow| is_ours(flow.cookie)));
        let sent_on = outcome.passes.iter();
        let sent_on = sent_on.filter(|other| other.sent_by == Some(number));
        Pass {
            start: start.clone(),
            looks: own
                .map(|hop| (hop.table, hop.flow.map(|flow| flow.priority)))
                .collect(),
            is_measured: hops().filter_map(|hop| hop.flow).any(measures),
            resumed: sent_on.map(resumed).collect(),
        }
    };
    starts.map(pass).collect()
}

fn resumed(start: &Start) -> Resumed {
    Resumed {
        table: start.table,
        fields: written(start),
        registers: registers(start).count(),
    }
}

fn registers(start: &Start) -> impl Iterator<Item = (Field, u128)> + '_ {
    let all = start.fields.iter().map(|(field, value)| (*field, *value));
    all.filter(|(field, value)| field.reg_number().is_some() && *value != 0)
}

/// A packet as the switch writes it where it goes on: whose connection it is asked about, its registers,
/// from whom, and for whom.
fn written(start: &Start) -> Vec<String> {
    let get = |field| start.get(field);
    let registers = registers(start);
    let mut all: Vec<String> = registers
        .map(|(field, value)| format!("{}={value:#x}", field.name()))
        .collect();
    let zone = get(Field::CtZone);
    all.extend((zone != 0).then(|| format!("ct_zone={zone}")));
    for (field, name) in [(Field::EthSrc, "dl_src"), (Field::EthDst, "dl_dst")] {
        let [.., a, b, c, d, e, f] = get(field).to_be_bytes();
        let mac = MacAddr::try_from([a, b, c, d, e, f]);
        all.extend(mac.ok().map(|mac| format!("{name}={mac}")));
    }
    let fields: &[Field] = match get(Field::EthType).try_into() {
        Ok(ETH_IPV4) => &[Field::Ipv4Src, Field::Ipv4Dst],
        Ok(ETH_IPV6) => &[Field::Ipv6Src, Field::Ipv6Dst],
        _ => &[],
    };
    let exact = |field: &Field| Match::new().exact(*field, get(*field)).to_string();
    all.extend(fields.iter().map(exact));
    let ports = match u8::try_from(get(Field::IpProto)) {
        Ok(IP_TCP) => [Field::TcpSrc, Field::TcpDst],
        Ok(IP_UDP) => [Field::UdpSrc, Field::UdpDst],
        _ => return all,
    };
    let ports = ["tp_src", "tp_dst"].into_iter().zip(ports);
    all.extend(ports.map(|(name, field)| format!("{name}={}", get(field))));
    all
}

/// What is known of a connection, besides its state.
const CONNECTION: [Field; 10] = [
    Field::CtZone,
    Field::CtMark,
    Field::CtLabel,
    Field::CtNwSrc,
    Field::CtNwDst,
    Field::CtIpv6Src,
    Field::CtIpv6Dst,
    Field::CtNwProto,
    Field::CtTpSrc,
    Field::CtTpDst,
];

/// What else a packet bears that is not in its frame, besides registers.
const BORNE: [Field; 6] = [
    Field::Metadata,
    Field::TunId,
    Field::TunSrc,
    Field::TunDst,
    Field::TunIpv6Src,
    Field::TunIpv6Dst,
];

/// Names of states, as the switch takes them.
const STATES: [(CtState, &str); 6] = [
    (CtState::NEW, "new"),
    (CtState::EST, "est"),
    (CtState::REL, "rel"),
    (CtState::RPL, "rpl"),
    (CtState::INV, "inv"),
    (CtState::TRK, "trk"),
];

impl Pass {
    /// The question about it, or none for the first.
    pub(super) fn question(&self) -> Option<Question<'_>> {
        let start = &self.start;
        start.sent_by?;
        let known = |field: &Field| {
            let value = start.fields.get(field).copied().unwrap_or_default();
            (value != 0).then_some((*field, value))
        };
        let mut flow = vec![format!("in_port={}", start.get(Field::InPort))];
        flow.extend(match start.get(Field::EthType).try_into() {
            Ok(ETH_IPV4) => Some("ip".to_owned()),
            Ok(ETH_IPV6) => Some("ipv6".to_owned()),
            _ => None,
        });
        let state = start.get(Field::CtState);
        let states = STATES
            .iter()
            .filter(|(it, _)| state & u128::from(it.0) != 0);
        let states: Vec<&str> = states.map(|(_, name)| *name).collect();
        flow.extend((!states.is_empty()).then(|| format!("ct_state={}", states.join("|"))));
        let connection = CONNECTION.iter().filter_map(known);
        flow.extend(connection.map(|(field, value)| Match::new().exact(field, value).to_string()));
        // Of a packet that is told in bytes the switch forgets all registers that it is told besides.
        let borne = registers(start).chain(BORNE.iter().filter_map(known));
        let mut actions: Vec<String> = borne
            .map(|(field, value)| Action::set_field(field, value).to_string())
            .collect();
        actions.push(format!("resubmit(,{})", start.table));
        Some(Question {
            flow: flow.join(","),
            frame: &start.frame,
            actions: actions.join(","),
        })
    }
}

/// How many goes the switch is asked about.
pub(super) fn asked(passes: &[Pass]) -> usize {
    passes.len().min(PASSES_MAX)
}

/// Whether these texts, one for each go that the switch was asked about, tell the same way.
pub(super) fn compare(passes: &[Pass], texts: &[String]) -> SwitchWord {
    for (pass, text) in passes.iter().zip(texts) {
        let sections = text::sections(text);
        let Some((first, others)) = sections.split_first() else {
            break;
        };
        if first.looks.is_empty() {
            let reason = "its trace names no table".to_owned();
            return SwitchWord::Nothing { reason };
        }
        let difference = way(pass, first).or_else(|| sent_on(pass, first, others));
        if let Some(difference) = difference {
            return SwitchWord::Other { difference };
        }
    }
    match passes.get(texts.len()) {
        None => SwitchWord::Same,
        Some(next) => SwitchWord::SameSoFar {
            table: named(next.start.table),
        },
    }
}

/// Where the looks part, if they do.
fn way(pass: &Pass, theirs: &Section<'_>) -> Option<String> {
    let (ours, theirs) = (&pass.looks, &theirs.looks);
    let at = match pass.is_measured {
        true => (0..ours.len()).find(|at| !is_within(&ours[..=*at], theirs, Look::eq))?,
        false if ours == theirs => return None,
        false => common(ours, theirs),
    };
    let shown = |(table, priority): &Look| match priority {
        Some(priority) => format!("table {table}, priority {priority}"),
        None => format!("table {table}, no flow"),
    };
    let of = |look: Option<&Look>| look.map_or("no more".to_owned(), shown);
    let (one, other) = (of(ours.get(at)), of(theirs.get(at)));
    Some(format!("{one} by the evaluator, {other} by the switch"))
}

/// What is not the same where connection tracking sends the packet on, if anything is not.
fn sent_on(pass: &Pass, first: &Section<'_>, others: &[Section<'_>]) -> Option<String> {
    let theirs: Vec<(u8, &Section<'_>)> = first.resumed.iter().copied().zip(others).collect();
    let is_same = |ours: &Resumed, (table, section): &(u8, &Section<'_>)| {
        ours.table == *table && section.has(&ours.fields) && section.registers() == ours.registers
    };
    let parted = match pass.is_measured {
        true => !is_within(&pass.resumed, &theirs, is_same),
        false => {
            let pairs = pass.resumed.iter().zip(&theirs);
            let all = pairs.clone().all(|(ours, theirs)| is_same(ours, theirs));
            !all || pass.resumed.len() != first.resumed.len()
        }
    };
    parted.then(|| {
        let ours = pass
            .resumed
            .iter()
            .map(|it| format!("{} as {}", named(it.table), it.fields.join(",")));
        let theirs = theirs
            .iter()
            .map(|(table, it)| format!("{} as {}", named(*table), it.flow));
        let (ours, theirs): (Vec<_>, Vec<_>) = (ours.collect(), theirs.collect());
        format!(
            "on to {} by the evaluator, to {} by the switch",
            ours.join("; "),
            theirs.join("; ")
        )
    })
}

fn named(id: u8) -> String {
    let table = TABLES.iter().find(|it| it.id == id);
    table.map_or_else(|| id.to_string(), |it| it.name.to_owned())
}

/// How many looks both begin with.
fn common(one: &[Look], other: &[Look]) -> usize {
    let pairs = one.iter().zip(other);
    pairs.take_while(|(one, other)| one == other).count()
}

/// Whether the one sequence is the other with some left out.
fn is_within<A, B>(some: &[A], all: &[B], is_same: impl Fn(&A, &B) -> bool) -> bool {
    let mut all = all.iter();
    some.iter().all(|one| all.any(|other| is_same(one, other)))
}
