//! Flows as `ovs-ofctl --no-names` prints and parses them:
//!
//! ```text
//! cookie=0x2a, table=3, priority=5,tcp,reg0=0x7,nw_src=10.0.0.0/24 actions=resubmit(,4)
//! ```
//!
//! `Display` prints what `ovs-ofctl dump-flows --no-stats` does; `FromStr` takes that,
//! what `dump-flows` adds to it, and the shorter forms that `add-flows` takes. What we do
//! not know is printed as `unknown` with its bytes in hexadecimal, and read back so.

mod action_parse;
mod action_print;
mod conntrack;
mod learn;
mod match_parse;
mod match_print;
mod scan;
#[cfg(test)]
mod tests;
mod value;

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::action::Action;
use crate::flow::{DEFAULT_PRIORITY, Flow, FlowFlags};
use crate::matching::Match;
use scan::{Pairs, Span};

/// Why a text is not a flow, a match or a list of actions.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{problem} at column {column}, near `{near}`")]
pub struct ParseError {
    /// What is wrong.
    problem: String,
    /// Where, in bytes, from 1.
    column: usize,
    /// The text there.
    near: String,
}

impl ParseError {
    /// Where in the text the problem is, in bytes, from 1.
    pub fn column(&self) -> usize {
        self.column
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = [
            ("table", u16::from(self.table)),
            ("idle_timeout", self.idle_timeout),
            ("hard_timeout", self.hard_timeout),
        ];
        if self.cookie != 0 {
            write!(f, "cookie={:#x}, ", self.cookie)?;
        }
        for (name, number) in numbers.iter().filter(|(_, number)| *number != 0) {
            write!(f, "{name}={number}, ")?;
        }
        for (flag, name) in FlowFlags::NAMES {
            if self.flags.contains(flag) {
                write!(f, "{name} ")?;
            }
        }
        if self.importance != 0 {
            write!(f, "importance={}, ", self.importance)?;
        }
        let priority = Some(self.priority).filter(|number| *number != DEFAULT_PRIORITY);
        if match_print::write_match(f, priority, &self.matching)? {
            f.write_str(" ")?;
        }
        f.write_str("actions=")?;
        action_print::write_instructions(f, &self.instructions)
    }
}

impl FromStr for Flow {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Flow, ParseError> {
        let whole = Span::new(text);
        let (head, actions) = split_actions(whole)?;
        let mut flow = Flow::default();
        let mut matching = match_parse::Parser::default();
        for pair in Pairs::new(head) {
            let pair = pair?;
            if !parse_attribute(&mut flow, pair.key, pair.value)? {
                matching.take(&pair)?;
            }
        }
        flow.matching = matching.finish(head)?;
        flow.instructions = action_parse::instructions(actions)?;
        Ok(flow)
    }
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match_print::write_match(f, None, self).map(|_| ())
    }
}

impl FromStr for Match {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Match, ParseError> {
        let whole = Span::new(text);
        let mut matching = match_parse::Parser::default();
        for pair in Pairs::new(whole) {
            matching.take(&pair?)?;
        }
        matching.finish(whole)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        action_print::write_action(f, self)
    }
}

impl Action {
    /// The actions in a text such as `set_field:0x5->reg0,resubmit(,4)`; `drop` is none.
    ///
    /// # Errors
    /// When it is no such text.
    pub fn parse_list(text: &str) -> Result<Vec<Action>, ParseError> {
        action_parse::actions(Span::new(text), 0)
    }
}

/// What stands before and behind `actions=`.
fn split_actions(whole: Span) -> Result<(Span, Span), ParseError> {
    let found = ["actions=", "action="]
        .iter()
        .find_map(|word| whole.split(word));
    let missing = || whole.error("`actions=` is missing");
    let (head, actions) = found.ok_or_else(missing)?;
    Ok((head, actions))
}

/// Takes what is not part of the match. `false`: it may well be.
fn parse_attribute(flow: &mut Flow, key: Span, value: Span) -> Result<bool, ParseError> {
    match key.text() {
        "table" => flow.table = value.number()?,
        "priority" => flow.priority = value.number()?,
        "cookie" => flow.cookie = value.number()?,
        "idle_timeout" => flow.idle_timeout = value.number()?,
        "hard_timeout" => flow.hard_timeout = value.number()?,
        "importance" => flow.importance = value.number()?,
        // What a switch counts is not part of what one wants from it.
        "duration" | "n_packets" | "n_bytes" | "idle_age" | "hard_age" => {}
        name => {
            let flag = FlowFlags::NAMES.iter().find(|(_, known)| *known == name);
            let Some((flag, _)) = flag else {
                return Ok(false);
            };
            flow.flags = flow.flags | *flag;
        }
    }
    Ok(true)
}
