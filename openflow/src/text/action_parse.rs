//! Text into actions and instructions.

use super::scan::{Pair, Pairs, Span};
use super::value::{parse_one, parse_subfield, parse_value};
use super::{ParseError, conntrack, learn};
use crate::PortNo;
use crate::action::{Action, Controller, Reason, Subfield};
use crate::field::Field;
use crate::flow::{Instructions, WriteMetadata};
use crate::wire::{MAX_NESTING, Version};

/// Fields that old names of actions set.
const OLD_NAMES: [(&str, Field); 6] = [
    ("mod_dl_src", Field::EthSrc),
    ("mod_dl_dst", Field::EthDst),
    ("mod_nw_src", Field::Ipv4Src),
    ("mod_nw_dst", Field::Ipv4Dst),
    ("set_tunnel", Field::TunId),
    ("set_tunnel64", Field::TunId),
];

/// Everything behind `actions=`.
pub(super) fn instructions(text: Span) -> Result<Instructions, ParseError> {
    let mut all = Instructions::default();
    for pair in Pairs::new(text) {
        let pair = pair?;
        match pair.key.text() {
            "clear_actions" => all.clear_actions = true,
            "write_actions" => all.write = actions(pair.value, 0)?,
            "write_metadata" => all.write_metadata = Some(write_metadata(pair.value)?),
            "goto_table" => all.goto_table = Some(pair.value.number()?),
            "unknown_instruction" => {
                let decoded = Instructions::decode(Version::V1_5, &pair.value.bytes()?);
                let decoded = decoded.map_err(|_| pair.error("this is not an instruction"))?;
                all.unknown.extend(decoded.unknown);
            }
            "drop" => {}
            _ => all.apply.push(action(&pair, 0)?),
        }
    }
    Ok(all)
}

fn write_metadata(text: Span) -> Result<WriteMetadata, ParseError> {
    let (value, mask) = match text.split("/") {
        Some((value, mask)) => (value.number()?, mask.number()?),
        None => (text.number()?, u64::MAX),
    };
    Ok(WriteMetadata { value, mask })
}

/// Actions inside so many others.
pub(super) fn actions(text: Span, depth: usize) -> Result<Vec<Action>, ParseError> {
    if depth > MAX_NESTING {
        return Err(text.error(format!("actions are nested more than {MAX_NESTING} deep")));
    }
    let mut list = Vec::new();
    for pair in Pairs::new(text) {
        let pair = pair?;
        if pair.key.text() != "drop" {
            list.push(action(&pair, depth)?);
        }
    }
    Ok(list)
}

fn action(pair: &Pair, depth: usize) -> Result<Action, ParseError> {
    let value = pair.value;
    let action = match pair.key.text() {
        "output" => output(value)?,
        "CONTROLLER" | "controller" => controller(value)?,
        "group" => Action::Group(value.number()?),
        "set_queue" => Action::SetQueue(value.number()?),
        "pop_queue" => Action::PopQueue,
        "meter" => Action::Meter(value.number()?),
        "push_vlan" => Action::PushVlan(value.number()?),
        "pop_vlan" | "strip_vlan" => Action::PopVlan,
        "push_mpls" => Action::PushMpls(value.number()?),
        "pop_mpls" => Action::PopMpls(value.number()?),
        "dec_mpls_ttl" => Action::DecMplsTtl,
        "dec_ttl" if value.is_empty() => Action::DecTtl,
        "dec_ttl" => {
            let ids = value.commas().map(Span::number::<u16>);
            Action::DecTtlFor(ids.collect::<Result<_, _>>()?)
        }
        "mod_nw_ttl" | "set_nw_ttl" => Action::SetTtl(value.number()?),
        "set_field" => set_field(value)?,
        "load" => load(value)?,
        "move" => move_bits(value)?,
        "push" => Action::Push(parse_subfield(value)?),
        "pop" => Action::Pop(parse_subfield(value)?),
        "resubmit" => resubmit(value)?,
        "ct" => Action::from(conntrack::parse_ct(value, depth + 1)?),
        "ct_clear" => Action::CtClear,
        "learn" => Action::from(learn::parse_learn(value)?),
        "note" => Action::note(value.bytes()?),
        "conjunction" => conjunction(value)?,
        "clone" => Action::Clone(actions(value, depth + 1)?),
        "exit" => Action::Exit,
        "fin_timeout" => fin_timeout(value)?,
        "check_pkt_larger" => check_packet_larger(pair)?,
        "unknown" => unknown(value)?,
        _ => return old_or_port(pair),
    };
    Ok(action)
}

/// An old name of an action, or a port alone.
fn old_or_port(pair: &Pair) -> Result<Action, ParseError> {
    let name = pair.key.text();
    if let Some((_, field)) = OLD_NAMES.iter().find(|(old, _)| *old == name) {
        return Ok(Action::set_field(*field, parse_one(*field, pair.value)?));
    }
    let number = || pair.key.number().ok().map(PortNo);
    let port = PortNo::from_name(name).or_else(number);
    let port = port.ok_or_else(|| pair.error("this action is not known"))?;
    Ok(Action::output(port))
}

fn output(text: Span) -> Result<Action, ParseError> {
    if text.text().contains("port=") {
        return output_truncated(text);
    }
    match parse_port(text) {
        Ok(PortNo::CONTROLLER) => Ok(Controller::default().into()),
        Ok(port) => Ok(Action::output(port)),
        Err(_) => Ok(Action::OutputField {
            source: parse_subfield(text)?,
            max_len: u16::MAX,
        }),
    }
}

fn output_truncated(text: Span) -> Result<Action, ParseError> {
    let (mut port, mut max_len) = (None, None);
    for pair in Pairs::new(text) {
        let pair = pair?;
        match pair.key.text() {
            "port" => port = Some(parse_port(pair.value)?),
            "max_len" => max_len = Some(pair.value.number()?),
            _ => return Err(pair.error("output does not have this")),
        }
    }
    match (port, max_len) {
        (Some(port), Some(max_len)) => Ok(Action::OutputTruncated { port, max_len }),
        _ => Err(text.error("this needs both port and max_len")),
    }
}

/// A port by number or name.
fn parse_port(text: Span) -> Result<PortNo, ParseError> {
    let named = PortNo::from_name(text.text());
    named.map_or_else(|| text.number().map(PortNo), Ok)
}

fn controller(text: Span) -> Result<Action, ParseError> {
    let mut controller = Controller::default();
    if let Ok(max_len) = text.number() {
        controller.max_len = max_len;
        return Ok(controller.into());
    }
    for pair in Pairs::new(text) {
        let pair = pair?;
        let value = pair.value;
        match pair.key.text() {
            "max_len" => controller.max_len = value.number()?,
            "id" => controller.id = value.number()?,
            "reason" => {
                let named = Reason::from_name(value.text());
                let number = || value.number().map(Reason::from_wire);
                controller.reason = named.map_or_else(number, Ok)?;
            }
            "userdata" => controller.userdata = value.bytes()?,
            "pause" => controller.pause = true,
            "meter_id" => controller.meter = Some(value.number()?),
            _ => return Err(pair.error("controller does not have this")),
        }
    }
    Ok(controller.into())
}

/// What stands on both sides of `->`.
pub(super) fn sides(text: Span) -> Result<(Span, Span), ParseError> {
    text.split("->")
        .ok_or_else(|| text.error("`->` is missing"))
}

fn set_field(text: Span) -> Result<Action, ParseError> {
    let (value, name) = sides(text)?;
    let field = Field::from_name(name.text());
    let field = field.ok_or_else(|| name.error("this field is not known"))?;
    let (value, mask) = parse_value(field, value)?;
    let value = value & mask;
    Ok(Action::SetField { field, value, mask })
}

fn load(text: Span) -> Result<Action, ParseError> {
    let (value, target) = sides(text)?;
    let target = parse_subfield(target)?;
    let number: u64 = value.number()?;
    fits(number.into(), target, value)?;
    Ok(Action::Load {
        target,
        value: number,
    })
}

/// Refuses a number that is wider than where it goes.
pub(super) fn fits(number: u128, target: Subfield, text: Span) -> Result<(), ParseError> {
    match number.checked_shr(target.bits().into()) {
        None | Some(0) => Ok(()),
        Some(_) => Err(text.error(format!("this does not fit into {target}"))),
    }
}

fn move_bits(text: Span) -> Result<Action, ParseError> {
    let (source, target) = sides(text)?;
    let (source, target) = (parse_subfield(source)?, parse_subfield(target)?);
    if source.bits() != target.bits() {
        return Err(text.error("the two sides are not equally wide"));
    }
    Ok(Action::Move { source, target })
}

fn resubmit(text: Span) -> Result<Action, ParseError> {
    let mut parts = text.commas();
    let mut next = || parts.next().filter(|part| !part.is_empty());
    let (port, table, ct) = (next(), next(), next());
    if let Some(word) = ct.filter(|word| word.text() != "ct") {
        return Err(word.error("this can only be `ct`"));
    }
    if port.is_none() && table.is_none() {
        return Err(text.error("this needs a port or a table"));
    }
    Ok(Action::Resubmit {
        port: port.map(parse_port).transpose()?,
        table: table.map(Span::number).transpose()?,
        original: ct.is_some(),
    })
}

fn conjunction(text: Span) -> Result<Action, ParseError> {
    let wrong = || text.error("this is not `id,clause/clauses`");
    let (id, rest) = text.split(",").ok_or_else(wrong)?;
    let (clause, clauses) = rest.split("/").ok_or_else(wrong)?;
    let (clause_number, clauses) = (clause.number()?, clauses.number()?);
    if clause_number == 0 || clause_number > clauses {
        return Err(clause.error("there is no such clause"));
    }
    Ok(Action::Conjunction {
        id: id.number()?,
        clause: clause_number,
        clauses,
    })
}

fn fin_timeout(text: Span) -> Result<Action, ParseError> {
    let (mut idle, mut hard) = (0, 0);
    for pair in Pairs::new(text) {
        let pair = pair?;
        match pair.key.text() {
            "idle_timeout" => idle = pair.value.number()?,
            "hard_timeout" => hard = pair.value.number()?,
            _ => return Err(pair.error("fin_timeout does not have this")),
        }
    }
    Ok(Action::FinTimeout { idle, hard })
}

fn check_packet_larger(pair: &Pair) -> Result<Action, ParseError> {
    let missing = || pair.error("`->` is missing");
    let target = parse_subfield(pair.rest.ok_or_else(missing)?)?;
    match target.bits() {
        1 => Ok(Action::CheckPacketLarger {
            length: pair.value.number()?,
            target,
        }),
        _ => Err(pair.error("the result is a single bit")),
    }
}

/// Bytes of one action; they need not be unknown after all.
fn unknown(text: Span) -> Result<Action, ParseError> {
    let decoded = Action::decode_list(Version::V1_5, &text.bytes()?);
    let single = decoded
        .ok()
        .and_then(|list| <[Action; 1]>::try_from(list).ok());
    let [action] = single.ok_or_else(|| text.error("these bytes are not an action"))?;
    Ok(action)
}
