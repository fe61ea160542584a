//! `learn` in text.

use std::fmt::{self, Display, Formatter};

use super::ParseError;
use super::action_parse::{fits, sides};
use super::action_print::List;
use super::scan::{Pair, Pairs, Span};
use super::value::{Hex, parse_one, parse_subfield, write_value};
use crate::action::{Learn, LearnSource, LearnSpec, LearnTarget, Subfield};
use crate::field::Field;
use crate::flow::DEFAULT_PRIORITY;

impl Display for Learn {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "learn(table={}", self.table)?;
        let mut list = List { f, any: true };
        let timeouts = [
            ("idle_timeout", self.idle_timeout),
            ("hard_timeout", self.hard_timeout),
            ("fin_idle_timeout", self.fin_idle_timeout),
            ("fin_hard_timeout", self.fin_hard_timeout),
        ];
        for (name, seconds) in timeouts {
            list.item_if(seconds != 0, format_args!("{name}={seconds}"))?;
        }
        let priority = self.priority;
        list.item_if(
            priority != DEFAULT_PRIORITY,
            format_args!("priority={priority}"),
        )?;
        list.item_if(self.send_flow_removed, format_args!("send_flow_rem"))?;
        list.item_if(self.delete_learned, format_args!("delete_learned"))?;
        list.item_if(self.cookie != 0, format_args!("cookie={:#x}", self.cookie))?;
        list.item_if(self.limit != 0, format_args!("limit={}", self.limit))?;
        if let Some(part) = self.result {
            list.item(format_args!("result_dst={part}"))?;
        }
        for spec in &self.specs {
            list.item(format_args!("{spec}"))?;
        }
        f.write_str(")")
    }
}

impl Display for LearnSpec {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (&self.source, self.target) {
            (LearnSource::Packet(source), LearnTarget::Match(target)) if *source == target => {
                write!(f, "{target}")
            }
            (LearnSource::Packet(source), LearnTarget::Match(target)) => {
                write!(f, "{target}={source}")
            }
            (LearnSource::Number(value), LearnTarget::Match(target)) if target.is_whole() => {
                write!(f, "{}=", target.field().set_name())?;
                write_value(f, target.field(), *value, target.field().full_mask())
            }
            (LearnSource::Number(value), LearnTarget::Match(target)) => {
                write!(f, "{target}={}", Hex(*value))
            }
            (LearnSource::Packet(source), LearnTarget::Load(target)) => {
                write!(f, "load:{source}->{target}")
            }
            (LearnSource::Number(value), LearnTarget::Load(target)) => {
                write!(f, "load:{}->{target}", Hex(*value))
            }
            (LearnSource::Packet(source), LearnTarget::Output) => write!(f, "output:{source}"),
            (LearnSource::Number(value), LearnTarget::Output) => write!(f, "output:{value}"),
        }
    }
}

/// What stands within the parentheses of `learn`.
pub(super) fn parse_learn(text: Span) -> Result<Learn, ParseError> {
    let mut learn = Learn::default();
    for pair in Pairs::new(text) {
        let pair = pair?;
        if !parse_attribute(&mut learn, &pair)? {
            learn.specs.push(parse_spec(&pair)?);
        }
    }
    Ok(learn)
}

/// Takes what is not a spec. `false`: it may well be one.
fn parse_attribute(learn: &mut Learn, pair: &Pair) -> Result<bool, ParseError> {
    let value = pair.value;
    match pair.key.text() {
        "table" => learn.table = value.number()?,
        "priority" => learn.priority = value.number()?,
        "cookie" => learn.cookie = value.number()?,
        "idle_timeout" => learn.idle_timeout = value.number()?,
        "hard_timeout" => learn.hard_timeout = value.number()?,
        "fin_idle_timeout" => learn.fin_idle_timeout = value.number()?,
        "fin_hard_timeout" => learn.fin_hard_timeout = value.number()?,
        "send_flow_rem" => learn.send_flow_removed = true,
        "delete_learned" => learn.delete_learned = true,
        "limit" => learn.limit = value.number()?,
        "result_dst" => {
            let part = parse_subfield(value)?;
            if part.bits() != 1 {
                return Err(value.error("the result is a single bit"));
            }
            learn.result = Some(part);
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn parse_spec(pair: &Pair) -> Result<LearnSpec, ParseError> {
    let (source, target) = match pair.key.text() {
        "load" => {
            let (source, target) = sides(pair.value)?;
            let target = parse_subfield(target)?;
            (parse_source(source, target)?, LearnTarget::Load(target))
        }
        "output" => {
            let source = LearnSource::Packet(parse_subfield(pair.value)?);
            (source, LearnTarget::Output)
        }
        _ => {
            let target = parse_subfield(pair.key)?;
            let source = match pair.value.is_empty() {
                true => LearnSource::Packet(target),
                false => parse_source(pair.value, target)?,
            };
            (source, LearnTarget::Match(target))
        }
    };
    Ok(LearnSpec { source, target })
}

/// A part of a field as wide as the target, or a value for it.
fn parse_source(text: Span, target: Subfield) -> Result<LearnSource, ParseError> {
    if let Ok(source) = parse_subfield(text) {
        return match source.bits() == target.bits() {
            true => Ok(LearnSource::Packet(source)),
            false => Err(text.error("the two sides are not equally wide")),
        };
    }
    let field: Field = target.field();
    let value = match target.is_whole() {
        true => text.number().or_else(|_| parse_one(field, text))?,
        false => text.number()?,
    };
    fits(value, target, text)?;
    Ok(LearnSource::Number(value))
}
