//! What the rules of security groups say of a packet: which let it through, and what no rule says. Pure.

use model::{
    Allowance, Direction, PortId, ProtocolName, Remote, Rule, SecurityGroup, TraceHop, TracedAsk,
    TracedRule,
};

use super::names::Names;
use super::words::Seen;

/// Why a packet is dropped, and what would let it pass.
pub(super) type Because = (String, Option<String>);

/// The protocols whose packets have ports.
const WITH_PORTS: [ProtocolName; 2] = [ProtocolName::Tcp, ProtocolName::Udp];

/// The rules that let a packet through, each once for each direction.
pub(super) fn rules(names: &Names<'_>, seen: &[Seen]) -> Vec<TracedRule> {
    let mut found: Vec<TracedRule> = Vec::new();
    for hop in seen.iter().flat_map(|seen| &seen.trace.hops) {
        let Some(group) = group(names, hop) else {
            continue;
        };
        let rules = group.rules.iter();
        for rule in rules.filter(|rule| hop.rule_ids.contains(&rule.id)) {
            let told = TracedRule {
                id: rule.id,
                security_group_id: group.id,
                says: says(names, group, rule),
            };
            if !found.contains(&told) {
                found.push(told);
            }
        }
    }
    found
}

/// The group whose flow this is, for whoever may know it.
fn group<'a>(names: &Names<'a>, hop: &TraceHop) -> Option<&'a SecurityGroup> {
    let number = hop.security_group?;
    let mut groups = names.intent.security_groups.values();
    let group = groups.find(|group| group.number == number)?;
    names.may_know(group.tenant_id).then_some(&**group)
}

fn says(names: &Names<'_>, group: &SecurityGroup, rule: &Rule) -> String {
    let way = match rule.allows.direction {
        Direction::Ingress => "let in",
        Direction::Egress => "let out",
    };
    let (id, name, rule) = (rule.id, &group.name, text(names, &rule.allows));
    format!("{way} by rule {id} of security group {name}: {rule}")
}

/// What a rule is about, as a phrase.
fn text(names: &Names<'_>, allows: &Allowance) -> String {
    let intent = names.intent;
    let remote = match allows.remote {
        Remote::Any => "anybody".to_owned(),
        Remote::Prefix(prefix) => prefix.to_string(),
        Remote::Group(id) => {
            let group = intent.security_groups.get(&id);
            group.map_or_else(|| id.to_string(), |it| format!("group {}", it.name))
        }
        Remote::AddressGroup(id) => {
            let group = intent.address_groups.get(&id);
            group.map_or_else(|| id.to_string(), |it| format!("address group {}", it.name))
        }
    };
    let toward = match allows.direction {
        Direction::Ingress => "from",
        Direction::Egress => "to",
    };
    let family = allows.family.map(|family| family.name().to_owned());
    let parts = [
        family.unwrap_or_default(),
        allows.protocol.name().to_string(),
        allows.what(),
        format!("{toward} {remote}"),
    ];
    let said = parts.into_iter().filter(|part| !part.is_empty());
    said.collect::<Vec<_>>().join(" ")
}

/// Why groups let a packet go no further, if it is them, and the rule that would have to be there.
pub(super) fn refused(names: &Names<'_>, hops: &[TraceHop]) -> Option<Because> {
    let last = hops.last()?;
    let is_invalid = matches!(last.table.as_str(), "egress" | "ingress") && !last.is_miss;
    if is_invalid {
        let why = "it is part of no connection that the switch knows, and begins none";
        return Some((why.to_owned(), None));
    }
    if !matches!(last.table.as_str(), "admit_out" | "admit_in") {
        return None;
    }
    let asked = hops.iter().rfind(|hop| hop.asks.is_some())?;
    let (port, ask) = (asked.port_id?, asked.asks.as_ref()?);
    let (way, other) = match ask.direction {
        Direction::Ingress => ("in from", ask.source),
        Direction::Egress => ("out to", ask.destination),
    };
    let what = what(ask);
    let known = known_groups(names, port);
    let group = names.port(port);
    let why = match known.as_slice() {
        [] if names
            .intent
            .ports
            .get(&port)
            .is_some_and(|it| it.security_group_ids.is_empty()) =>
        {
            format!("{group} is in no security group, so nothing lets {what} {way} {other}")
        }
        _ => format!(
            "no rule of {} lets {what} {way} {other}",
            names.groups(port)
        ),
    };
    let advice = known.first().map(|group| command(names, group, ask));
    Some((why, advice))
}

fn known_groups<'a>(names: &Names<'a>, port: PortId) -> Vec<&'a SecurityGroup> {
    let port = names.intent.ports.get(&port);
    let ids = port.into_iter().flat_map(|port| &port.security_group_ids);
    let groups = ids.filter_map(|id| names.intent.security_groups.get(id));
    let known = groups.filter(|group| names.may_know(group.tenant_id));
    known.map(|group| &**group).collect()
}

/// A protocol, or its number.
fn protocol(number: u8) -> ProtocolName {
    let name = number.to_string().parse();
    name.unwrap_or(ProtocolName::Other(number))
}

/// What is spoken, such as `tcp/443`.
fn what(ask: &TracedAsk) -> String {
    let name = protocol(ask.protocol);
    match name {
        _ if WITH_PORTS.contains(&name) => format!("{name}/{}", ask.kind),
        ProtocolName::Icmp | ProtocolName::Icmpv6 => format!("{name} type {}", ask.kind),
        _ => format!("protocol {name}"),
    }
}

/// The command that would let it pass, and no more than it.
fn command(names: &Names<'_>, group: &SecurityGroup, ask: &TracedAsk) -> String {
    let tenant = names.intent.tenants.get(&group.tenant_id);
    let tenant = tenant.map_or_else(|| group.tenant_id.to_string(), |it| it.name.to_string());
    let name = protocol(ask.protocol);
    let port = match WITH_PORTS.contains(&name) {
        true => format!(" port={}", ask.kind),
        false => String::new(),
    };
    let remote = match ask.direction {
        Direction::Ingress => format!(
            "direction=ingress protocol={name}{port} from={}",
            ask.source
        ),
        Direction::Egress => format!(
            "direction=egress protocol={name}{port} to={}",
            ask.destination
        ),
    };
    format!(
        "`netctl group-allow {} tenant={tenant} {remote}`",
        group.name
    )
}
