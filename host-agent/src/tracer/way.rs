//! What an evaluation found, in terms of the plan; and whether the switch found the same.

use model::{HostTrace, SwitchWord, TraceEnd, TraceHop, TracedFrame, Vni};
use openflow::matching::CtState;
use openflow::table::{Connection, ConnectionTracker, Outcome, Output, Tracked};
use openflow::{Action, Field, Flow, PortNo};

use crate::pipeline::cookie::{Group, is_ours};
use crate::pipeline::registers::{OUT_PORT, ZONE};
use crate::pipeline::{TABLES, Table};
use crate::respond::Question;
use crate::responder::Known;
use crate::wanted::Exit;

/// How much of a rule's text is told.
const RULE_CHARS_MAX: usize = 400;
/// The most looks that are told.
const HOPS_MAX: usize = 512;
/// The most ends that are told.
const ENDS_MAX: usize = 512;

/// The table of the rules of security groups.
pub(super) const RULES: &str = "rules";

/// Every packet is a reply in a connection that both ends have agreed on.
pub(super) struct Replies;

impl ConnectionTracker for Replies {
    fn look_up(&mut self, packet: Connection) -> Tracked {
        Tracked {
            state: CtState::EST | CtState::RPL,
            mark: 0,
            label: 0,
            original: packet.reversed(),
        }
    }

    fn commit(&mut self, _: Connection, _: u32, _: u128) {}
}

/// The way of a packet; the switch has said nothing yet.
pub(super) fn trace(known: &Known, outcome: &Outcome<'_>) -> HostTrace {
    let hops = outcome.path.iter().take(HOPS_MAX);
    let outputs = outcome.outputs.iter().map(|output| end(known, output));
    let asked = outcome.controllers.iter().map(|asked| TraceEnd::Agent {
        question: question(&asked.userdata),
    });
    HostTrace {
        hops: hops.map(|hop| told(known, hop.table, hop.flow)).collect(),
        ends: outputs.chain(asked).take(ENDS_MAX).collect(),
        failure: outcome.failure.map(|failure| failure.to_string()),
        switch: SwitchWord::Nothing {
            reason: "it was not asked".to_owned(),
        },
    }
}

fn told(known: &Known, table: u8, flow: Option<&Flow>) -> TraceHop {
    let ours: Option<&Table> = TABLES.iter().find(|it| it.id == table);
    let group = flow.and_then(|flow| Group::from_cookie(flow.cookie));
    let network = group.and_then(Group::network);
    let port = flow.and_then(port_of);
    let port_id = port
        .zip(network)
        .and_then(|(port, number)| known.port_at(port, number))
        .or_else(|| known.port_of_zone(zone_of(flow?)?));
    TraceHop {
        table: ours.map_or_else(|| table.to_string(), |it| it.name.to_owned()),
        question: ours.map_or("", |it| it.why).to_owned(),
        network,
        security_group: group.and_then(Group::security_group),
        port_id,
        rule: flow.map(rule),
        is_miss: flow.is_none_or(|flow| flow.priority == 0),
    }
}

/// The port that a flow is about: the one it comes from, or the one it goes to.
fn port_of(flow: &Flow) -> Option<PortNo> {
    let from = flow.matching.exact_value(Field::InPort);
    let to = flow.matching.get(OUT_PORT.field);
    let number = from.or(to.map(|it| it.value))?;
    u32::try_from(number).ok().map(PortNo)
}

/// The zone of the port whose groups a flow asks.
fn zone_of(flow: &Flow) -> Option<u16> {
    let part = ZONE.part()?;
    let asked = flow.matching.get(ZONE.field)?;
    let whole = asked.mask & part.mask() == part.mask();
    let zone = (asked.value & part.mask()) >> part.offset();
    u16::try_from(zone).ok().filter(|_| whole)
}

fn rule(flow: &Flow) -> String {
    let text = format!("priority={} {}", flow.priority, flow.matching);
    match text.char_indices().nth(RULE_CHARS_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.trim_end().to_owned(),
    }
}

fn question(userdata: &[u8]) -> String {
    let question = match userdata {
        [code] => Question::from_code(*code),
        _ => None,
    };
    let text = match question {
        Some(Question::Dhcpv4) => "a DHCP request",
        Some(Question::Dhcpv6) => "a DHCPv6 request",
        Some(Question::RouterSolicit) => "a router solicitation",
        Some(Question::Dns) => "a query of a name",
        Some(Question::Undeliverable) => "a packet that no router passes on",
        None => "something of another program",
    };
    text.to_owned()
}

fn end(known: &Known, output: &Output) -> TraceEnd {
    let number = output.port.0;
    let elsewhere = TraceEnd::Elsewhere { number };
    let Some(frame) = TracedFrame::new(output.frame.clone()) else {
        return elsewhere;
    };
    match known.exit_at(output.port) {
        Some(Exit::Patch(physical_network_id)) => TraceEnd::Fabric {
            physical_network_id,
            frame,
        },
        Some(Exit::Tunnel(encapsulation)) => {
            let field = |field| output.tunnel.get(&field).copied();
            let vni = field(Field::TunId).and_then(|id| u32::try_from(id).ok());
            let vni = vni.and_then(|id| Vni::try_from(id).ok());
            let v4 = field(Field::TunDst).and_then(|it| u32::try_from(it).ok());
            let v4 = v4.map(|it| std::net::Ipv4Addr::from(it).into());
            let v6 = field(Field::TunIpv6Dst).map(|it| std::net::Ipv6Addr::from(it).into());
            match vni.zip(v4.or(v6)) {
                Some((vni, destination)) => TraceEnd::Tunnel {
                    encapsulation,
                    vni,
                    destination,
                    frame,
                },
                None => elsewhere,
            }
        }
        None => match known.port_behind(output.port, &output.frame) {
            Some(port_id) => TraceEnd::Port { port_id },
            None => elsewhere,
        },
    }
}

/// A look into a table: which, and the priority of the flow that matched.
pub(super) type Look = (u8, Option<u16>);

/// The looks of an evaluation at flows of ours, and whether the switch tries them both ways: where a packet is measured
/// it says what becomes of larger ones and of smaller ones, one after the other.
pub(super) struct Looks {
    all: Vec<Look>,
    measured: bool,
}

pub(super) fn looks(outcome: &Outcome<'_>) -> Looks {
    let measures = |flow: &&Flow| {
        let mut actions = flow.instructions.apply.iter();
        actions.any(|it| matches!(it, Action::CheckPacketLarger { .. }))
    };
    let path = outcome.path.iter();
    Looks {
        all: path
            .clone()
            .filter(|hop| hop.flow.is_none_or(|flow| is_ours(flow.cookie)))
            .map(|hop| (hop.table, hop.flow.map(|flow| flow.priority)))
            .collect(),
        measured: path.filter_map(|hop| hop.flow).any(|flow| measures(&flow)),
    }
}

/// Whether the text of `ofproto/trace` tells the same way.
pub(super) fn compare(ours: &Looks, text: &str) -> SwitchWord {
    let theirs: Vec<Look> = text.lines().filter_map(look).collect();
    if theirs.is_empty() {
        let reason = "its trace names no table".to_owned();
        return SwitchWord::Nothing { reason };
    }
    let parted = match ours.measured {
        true => (0..ours.all.len()).find(|at| !is_within(&ours.all[..=*at], &theirs)),
        false if ours.all == theirs => None,
        false => Some(common(&ours.all, &theirs)),
    };
    let Some(at) = parted else {
        return SwitchWord::Same;
    };
    let (one, other) = (ours.all.get(at), theirs.get(at));
    if let Some(table) = one.or(other).and_then(|(table, _)| asks_who_began(*table)) {
        return SwitchWord::SameSoFar { table };
    }
    let shown = |(table, priority): &Look| match priority {
        Some(priority) => format!("table {table}, priority {priority}"),
        None => format!("table {table}, no flow"),
    };
    let of = |look: Option<&Look>| look.map_or("no more".to_owned(), shown);
    let difference = format!("{} by the evaluator, {} by the switch", of(one), of(other));
    SwitchWord::Other { difference }
}

/// The table's name, if its rules ask who began a connection. `ofproto/trace` takes conntrack's state as
/// it is told, but knows nothing of the connection itself.
fn asks_who_began(table: u8) -> Option<String> {
    let table = TABLES.iter().find(|it| it.id == table)?;
    (table.name == RULES).then(|| table.name.to_owned())
}

/// How many looks both begin with.
fn common(one: &[Look], other: &[Look]) -> usize {
    let pairs = one.iter().zip(other);
    pairs.take_while(|(one, other)| one == other).count()
}

/// Whether the one sequence is the other with some left out.
fn is_within(some: &[Look], all: &[Look]) -> bool {
    let mut all = all.iter();
    some.iter().all(|look| all.any(|it| it == look))
}

/// A line of a trace that is a look at a flow of ours: ` 3. ip,reg0=0x1, priority 7, cookie 0xb01d…`. A
/// trace goes on through the bridges behind ours, whose flows are not.
fn look(line: &str) -> Option<Look> {
    let (table, rest) = line.trim_start().split_once(". ")?;
    let table = table.parse().ok()?;
    if rest.starts_with("No match") {
        return Some((table, None));
    }
    let (_, rest) = rest.rsplit_once("priority ")?;
    let (priority, cookie) = rest.split_once(", cookie 0x")?;
    let cookie = u64::from_str_radix(cookie.trim_end(), 16).ok()?;
    is_ours(cookie).then_some((table, Some(priority.parse().ok()?)))
}
