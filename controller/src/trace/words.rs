//! What agents found, in words: by whose wish each rule is there, who gets the packet, what dropped it
//! and what would let it pass. Pure.

use std::fmt::Write;

use api::request::TraceRequest;
use model::{
    HostId, HostTrace, PortId, SwitchWord, Trace, TraceEnd, TraceHop, TraceStep, TracedEnds,
    TracedFrame, TracedHost, Verdict,
};

use super::names::Names;
use super::{Found, guards, outside, policy};

/// What a host said.
pub(super) struct Seen {
    pub(super) host: HostId,
    /// How the packet came there.
    pub(super) how: String,
    /// As it came there.
    pub(super) frame: TracedFrame,
    pub(super) trace: HostTrace,
}

impl Seen {
    /// Whether the packet was looked up in a table.
    pub(super) fn passed(&self, table: &str) -> bool {
        self.trace.hops.iter().any(|hop| hop.table == table)
    }
}

/// A packet that is never sent.
pub(super) fn unsent(message: String, advice: String) -> Trace {
    Trace {
        verdict: Verdict::Dropped,
        message,
        advice: Some(advice),
        rules: Vec::new(),
        port_ids: Vec::new(),
        hosts: Vec::new(),
    }
}

/// All of it.
pub(super) fn verdict(names: &Names<'_>, request: &TraceRequest, found: Found) -> Trace {
    let sender = request.from_port_id;
    let verdict = found.verdict(sender);
    let is_sender = |id: &PortId| Some(*id) == sender;
    let dropped = dropped(names, &found);
    let (message, advice) = match verdict {
        Verdict::Delivered => (delivered(names, request, &found), None),
        Verdict::Answered => (answered(names, &found), None),
        Verdict::Left => (outside::left(names, &found), None),
        Verdict::Unknown => (found.silent.join("; "), None),
        Verdict::Dropped => dropped,
    };
    let known = |id: &PortId| {
        let port = names.intent.ports.get(id);
        !is_sender(id) && port.is_some_and(|port| names.may_know(port.tenant_id))
    };
    Trace {
        verdict,
        message,
        advice,
        rules: policy::rules(names, &found.seen),
        port_ids: found.ports.iter().copied().filter(known).collect(),
        hosts: found.seen.iter().map(|seen| host(names, seen)).collect(),
    }
}

fn delivered(names: &Names<'_>, request: &TraceRequest, found: &Found) -> String {
    let sender = request.from_port_id;
    let others = found.ports.iter().filter(|port| Some(**port) != sender);
    let mut receivers: Vec<String> = others.clone().map(|id| names.port(*id)).collect();
    receivers.dedup();
    let mut message = format!("delivered to {}", receivers.join(", "));
    message.push_str(&outside::translated(names, &found.seen));
    let missed = request.to_port_id.filter(|to| !found.ports.contains(to));
    // Writing to a String cannot fail.
    let _written = match missed {
        Some(to) => write!(message, ", and not to {}", names.port(to)),
        None => Ok(()),
    };
    for silent in &found.silent {
        let _written = write!(message, "; {silent}");
    }
    message
}

fn answered(names: &Names<'_>, found: &Found) -> String {
    let asked = found.seen.iter().find_map(|seen| {
        let agent = |end: &TraceEnd| match end {
            TraceEnd::Agent { question } => Some(question.clone()),
            _ => None,
        };
        let question = seen.trace.ends.iter().find_map(agent)?;
        Some((seen.host, question))
    });
    match asked {
        Some((host, question)) => {
            format!("the agent of {} answers it: {question}", names.host(host))
        }
        None => "the gateway answers it, by a flow on the sender's host".to_owned(),
    }
}

/// Where it ended, why, and what would let it pass.
fn dropped(names: &Names<'_>, found: &Found) -> (String, Option<String>) {
    if let Some(lost) = &found.lost {
        let advice = "start the receiver, or bind its VIF to a host".to_owned();
        return (lost.clone(), Some(advice));
    }
    let Some(seen) = found.seen.last() else {
        return ("nobody says what becomes of it".to_owned(), None);
    };
    let host = names.host(seen.host);
    if seen.passed("undeliverable") {
        return told(names, seen);
    }
    let Some(hop) = seen.trace.hops.last() else {
        return (format!("on {host} it passes no table"), None);
    };
    let (table, question) = (&hop.table, &hop.question);
    let subject = subject(names, &seen.trace.hops, hop);
    let because = guards::broken(names, seen, hop)
        .or_else(|| policy::refused(names, &seen.trace.hops))
        .or_else(|| outside::refused(names, seen));
    if let Some((why, would_help)) = because {
        let message = format!("dropped on {host} in {table} ({question}): {why}");
        return (message, would_help.or(advice(table).map(str::to_owned)));
    }
    let why = match &hop.rule {
        Some(rule) if !hop.is_miss => format!("a rule of {subject} does: {rule}"),
        _ => format!("no rule of {subject} lets it pass"),
    };
    let message = format!("dropped on {host} in {table} ({question}): {why}");
    (message, advice(table).map(str::to_owned))
}

/// Whose rules were asked last. A table that nothing matches belongs to nobody, so it is who was asked
/// before: the groups of a VIF, a network, or the VIF that sent the packet.
fn subject(names: &Names<'_>, hops: &[TraceHop], last: &TraceHop) -> String {
    let latest = |is: &dyn Fn(&TraceHop) -> bool| hops.iter().rfind(|hop| is(hop));
    let asks = |hop: &TraceHop| hop.port_id.is_some() && is_of_groups(&hop.table);
    match last.table.as_str() {
        table if is_of_groups(table) => match latest(&asks).and_then(|hop| hop.port_id) {
            Some(port) => names.groups(port),
            None => names.by(last),
        },
        "route" | "fits" | "next_hop" | "forward" | "fabric_guard" | "fabric_senders" => {
            let network = latest(&|hop| hop.network.is_some()).and_then(|hop| hop.network);
            let at = TraceHop {
                network,
                ..last.clone()
            };
            names.by(&at)
        }
        _ => {
            let sender = latest(&|hop| hop.port_id.is_some()).and_then(|hop| hop.port_id);
            sender.map_or_else(|| names.by(last), |id| names.port(id))
        }
    }
}

/// Whether a table asks what the groups of a VIF say.
fn is_of_groups(table: &str) -> bool {
    let mut groups = ADVICE
        .iter()
        .filter(|(_, it)| [LET_IN, LET_OUT].contains(it));
    groups.any(|(name, _)| *name == table)
}

/// A router's word that it goes no further: its sender is told.
fn told(names: &Names<'_>, seen: &Seen) -> (String, Option<String>) {
    let host = names.host(seen.host);
    let routes = ["route", "fits", "translate"];
    let before = |hop: &&TraceHop| routes.contains(&hop.table.as_str());
    let hop = seen.trace.hops.iter().rfind(before);
    let by = hop.map_or_else(|| "its router".to_owned(), |hop| names.by(hop));
    let rule = hop.and_then(|hop| hop.rule.as_deref()).unwrap_or_default();
    let (why, advice) = if hop.is_some_and(|hop| hop.table == "fits") {
        let advice = "send less, as the sender is told (path MTU discovery), or make the network of \
                      its receiver one of larger packets";
        ("it is too big for the network of its receiver", advice)
    } else if hop.is_some_and(|hop| hop.table == "translate") {
        let advice = "bind a floating IP to the VIF (`netctl floating-ip-create`), or let the router speak \
                      for all (`netctl router-gateway-set`)";
        (
            "it speaks outside for nobody who has no floating IP",
            advice,
        )
    } else if rule.contains("nw_ttl") {
        ("its time to live is over", "send it with a larger one")
    } else {
        let advice = "let the router join the network that it is for (`netctl router-interface-add`), \
                      or give it a route (`netctl router-route-add`)";
        ("there is no way to its destination", advice)
    };
    let message = format!("dropped on {host} in route by {by}: {why}, and its sender is told");
    (message, Some(advice.to_owned()))
}

/// What would let a packet pass a table.
fn advice(table: &str) -> Option<&'static str> {
    ADVICE
        .iter()
        .find(|(it, _)| *it == table)
        .map(|(_, it)| *it)
}

/// What would let a packet pass each table that drops any.
const ADVICE: &[(&str, &str)] = &[
    (
        "classify",
        "plug the VIF in where it is bound, and send without a tag, or with that of a sub-port \
         (`netctl vif-show`, `netctl vif-trunk-list`)",
    ),
    (
        "fabric_guard",
        "only ARP, IPv4 and IPv6 cross between hosts, and no VIF plays router or DHCP server",
    ),
    (
        "fabric_senders",
        "the receiving host knows no such sender on this network: see whether it has its plan \
         (`netctl host-list`)",
    ),
    (
        "spoof_guard",
        "give the VIF the address that it sends from (`netctl vif-set add-address=`), or let it send \
         from it (`netctl vif-set add-allowed=`)",
    ),
    (
        "neighbour_guard",
        "a VIF may announce only its own addresses, or those of its pairs (`netctl vif-set \
         add-allowed=`)",
    ),
    (
        "route",
        "let a router join the networks (`netctl router-interface-add`)",
    ),
    (
        "next_hop",
        "nobody on the network has the address: start its owner, or give it to a VIF (`netctl vif-set \
         add-address=`)",
    ),
    (
        "forward",
        "nobody that the sender may reach on the network has the Ethernet address; without a router \
         (`netctl router-create`) nothing goes further",
    ),
    ("egress", LET_OUT),
    ("admit_out", LET_OUT),
    ("rules", LET_IN),
    ("ingress", LET_IN),
    ("admit_in", LET_IN),
];

const LET_OUT: &str = "let it out by a rule of a security group of the sender (`netctl group-allow \
                       ... direction=egress`)";
const LET_IN: &str = "let it in by a rule of a security group of the receiver (`netctl group-allow \
                      ... direction=ingress`)";

fn host(names: &Names<'_>, seen: &Seen) -> TracedHost {
    let trace = &seen.trace;
    let hops = trace.hops.iter().enumerate();
    let steps = hops.map(|(at, hop)| TraceStep {
        table: hop.table.clone(),
        question: hop.question.clone(),
        by: names.by(hop),
        rule: rule(names, hop),
        then: then(trace, at),
    });
    let (confirmed, switch) = match &trace.switch {
        SwitchWord::Same => (true, "the switch says the same".to_owned()),
        SwitchWord::SameSoFar { table } => {
            let word = format!(
                "the switch says the same; of the goes that begin in {table} it was \
                                not asked about all"
            );
            (true, word)
        }
        SwitchWord::Other { difference } => {
            (false, format!("the switch says otherwise: {difference}"))
        }
        SwitchWord::Nothing { reason } => (
            false,
            format!("the switch was not asked to confirm it: {reason}"),
        ),
    };
    TracedHost {
        host_id: seen.host,
        host: names.host(seen.host),
        entry: seen.how.clone(),
        steps: steps.collect(),
        switch,
        confirmed,
    }
}

/// Rules on a network of another tenant are not told.
fn rule(names: &Names<'_>, hop: &TraceHop) -> String {
    let network = hop.network.and_then(|number| names.numbered(number));
    let hidden = network.is_some_and(|it| !names.may_know(it.tenant_id));
    match &hop.rule {
        _ if hidden => "not shown".to_owned(),
        Some(rule) => rule.clone(),
        None => "none matches".to_owned(),
    }
}

fn then(trace: &HostTrace, at: usize) -> String {
    let hop = trace.hops.get(at);
    let next = trace.hops.get(at + 1);
    let is = |name: &str| hop.is_some_and(|hop| hop.table == name && !hop.is_miss);
    let asked = |end: &TraceEnd| matches!(end, TraceEnd::Agent { .. });
    match next {
        _ if is("count_and_output") && !trace.ends.is_empty() => "out".to_owned(),
        Some(next) => match next.translated {
            None => format!("on to {}", next.table),
            Some(TracedEnds {
                source,
                destination,
            }) => format!("on to {} as {source} -> {destination}", next.table),
        },
        None if trace.ends.iter().any(asked) => "to the agent".to_owned(),
        None => "dropped".to_owned(),
    }
}
