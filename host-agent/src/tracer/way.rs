//! What an evaluation found, in terms of the plan; and whether the switch found the same.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::{
    HostTrace, RuleId, SwitchWord, TraceEnd, TraceHop, TracedAsk, TracedEnds, TracedFrame, Vni,
};
use openflow::action::Nat;
use openflow::matching::CtState;
use openflow::protocol::{ETH_IPV4, IP_ICMP, IP_ICMPV6, IP_TCP, IP_UDP};
use openflow::table::{
    Connection, ConnectionTracker, Connections, Hop, Outcome, Output, Start, Tracked,
};
use openflow::{Field, Flow, PortNo};

use crate::pipeline::cookie::Group;
use crate::pipeline::registers::{OUT_PORT, ZONE};
use crate::pipeline::{self, TABLES, Table};
use crate::respond::Question;
use crate::responder::Known;
use crate::wanted::Exit;

/// How much of a rule's text is told.
const RULE_CHARS_MAX: usize = 400;
/// The most looks that are told.
const HOPS_MAX: usize = 512;
/// The most ends that are told.
const ENDS_MAX: usize = 512;

/// Every packet is a reply in a connection that both ends have agreed on. Where it is translated it leaves
/// as the first packet of a new one would: with addresses that stand for each other one to one that is how
/// the reply leaves, too.
#[derive(Default)]
pub(super) struct Replies {
    translated: Connections,
}

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

    fn translate(&mut self, packet: Connection, nat: &Nat) -> bool {
        self.translated.translate(packet, nat)
    }

    fn leaves(&mut self, packet: Connection) -> Connection {
        self.translated.leaves(packet)
    }
}

/// The way of a packet; the switch has said nothing yet.
pub(super) fn trace(known: &Known, outcome: &Outcome<'_>) -> HostTrace {
    let hops = outcome.path.iter().take(HOPS_MAX);
    let outputs = outcome.outputs.iter().map(|output| end(known, output));
    let asked = outcome.controllers.iter().map(|asked| TraceEnd::Agent {
        question: question(&asked.userdata),
    });
    HostTrace {
        hops: hops
            .scan(0, |pass, hop| {
                let mut told = told(known, hop, &outcome.passes);
                if std::mem::replace(pass, hop.pass) < hop.pass {
                    told.translated = translated(hop, &outcome.passes);
                }
                Some(told)
            })
            .collect(),
        ends: outputs.chain(asked).take(ENDS_MAX).collect(),
        failure: outcome.failure.map(|failure| failure.to_string()),
        switch: SwitchWord::Nothing {
            reason: "it was not asked".to_owned(),
        },
    }
}

fn told(known: &Known, hop: &Hop<'_>, starts: &[Start]) -> TraceHop {
    let (table, flow) = (hop.table, hop.flow);
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
        rule_ids: rules(known, group, hop),
        asks: asks(hop, starts),
        translated: None,
        rule: flow.map(rule),
        is_miss: flow.is_none_or(|flow| flow.priority == 0),
    }
}

/// The rules that let a packet through, if this is a flow of a group that does.
fn rules(known: &Known, group: Option<Group>, hop: &Hop<'_>) -> Vec<RuleId> {
    let number = group.and_then(Group::security_group);
    let group = number.and_then(|number| known.security_group(number));
    let (Some(group), Some(flow)) = (group, hop.flow) else {
        return Vec::new();
    };
    pipeline::rules_behind(group, flow, &hop.clauses)
}

/// The addresses that a packet bears in this go, if it had others before.
fn translated(hop: &Hop<'_>, starts: &[Start]) -> Option<TracedEnds> {
    let now = starts.get(hop.pass)?;
    let ends = ends(now);
    (ends != self::ends(starts.get(now.sent_by?)?)).then_some(ends)
}

/// From whom a packet was, and for whom.
fn ends(start: &Start) -> TracedEnds {
    let fields = match is_v4(start) {
        true => [Field::Ipv4Src, Field::Ipv4Dst],
        false => [Field::Ipv6Src, Field::Ipv6Dst],
    };
    addresses(start, fields)
}

fn is_v4(start: &Start) -> bool {
    start.get(Field::EthType) == u128::from(ETH_IPV4)
}

fn addresses(start: &Start, fields: [Field; 2]) -> TracedEnds {
    let [source, destination] = fields.map(|field| match u32::try_from(start.get(field)) {
        Ok(bits) if is_v4(start) => IpAddr::from(Ipv4Addr::from(bits)),
        _ => Ipv6Addr::from(start.get(field)).into(),
    });
    TracedEnds {
        source,
        destination,
    }
}

/// What rules are asked about.
fn asks(hop: &Hop<'_>, starts: &[Start]) -> Option<TracedAsk> {
    let direction = pipeline::asked(hop.flow?)?;
    let start = starts.get(hop.pass)?;
    let state = CtState::TRK | CtState::INV;
    let is_known = start.get(Field::CtState) & u128::from(state.0) == u128::from(CtState::TRK.0);
    let of_connection = match is_v4(start) {
        true => [Field::CtNwSrc, Field::CtNwDst],
        false => [Field::CtIpv6Src, Field::CtIpv6Dst],
    };
    let ends = match is_known {
        true => addresses(start, of_connection),
        false => ends(start),
    };
    let protocol = match is_known {
        true => Field::CtNwProto,
        false => Field::IpProto,
    };
    let protocol = u8::try_from(start.get(protocol)).ok()?;
    let kind = match (is_known, protocol) {
        (true, IP_ICMP | IP_ICMPV6) => Field::CtTpSrc,
        (true, _) => Field::CtTpDst,
        (false, IP_TCP) => Field::TcpDst,
        (false, IP_UDP) => Field::UdpDst,
        (false, IP_ICMP) => Field::Icmpv4Type,
        (false, _) => Field::Icmpv6Type,
    };
    Some(TracedAsk {
        direction,
        protocol,
        source: ends.source,
        destination: ends.destination,
        kind: u16::try_from(start.get(kind)).unwrap_or_default(),
    })
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
