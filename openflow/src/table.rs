//! What flow tables do with a packet, worked out without a switch.
//!
//! ```
//! use openflow::table::{Connections, Packet, Tables};
//! use openflow::{Action, Flow, Match};
//!
//! let flow = Flow::new(0, 10, Match::new().in_port(1)).action(Action::output(2));
//! let tables = Tables::new([flow]);
//! let outcome = tables.evaluate(Packet::new(1, vec![0; 60]), &mut Connections::default());
//! assert_eq!(outcome.outputs[0].port, 2.into());
//! ```
//!
//! It does as Open vSwitch does, down to its limits, and is tested against it. It takes the
//! straightforward way, not the fast one. What it cannot work out (groups,
//! `learn`, MPLS, the switch's own forwarding) ends in [`Failure::Unsupported`] and no output,
//! so that nobody takes silence for isolation.

mod conntrack;
mod frame;
mod lookup;
mod state;
mod translate;

use std::cmp::Reverse;
use std::collections::BTreeMap;

pub use conntrack::{Connection, ConnectionTracker, Connections, Endpoint, Tracked};

use crate::action::Reason;
use crate::field::Field;
use crate::flow::Flow;
use crate::matching::{Match, Value};
use crate::port::PortNo;
use state::State;

/// The flow tables of a switch.
#[derive(Debug, Clone, Default)]
pub struct Tables {
    /// For each table its flows, those of the highest priority first.
    tables: BTreeMap<u8, BTreeMap<(Reverse<u16>, Match), Flow>>,
}

impl Tables {
    /// Tables with these flows. Of those with the same table, priority and match the last one
    /// stays, as in a switch.
    pub fn new(flows: impl IntoIterator<Item = Flow>) -> Tables {
        let mut tables = Tables::default();
        for flow in flows {
            let key = (Reverse(flow.priority), flow.matching.clone());
            tables
                .tables
                .entry(flow.table)
                .or_default()
                .insert(key, flow);
        }
        tables
    }

    /// What becomes of a packet. `tracker` is what `ct` actions ask and tell.
    pub fn evaluate(&self, packet: Packet, tracker: &mut impl ConnectionTracker) -> Outcome<'_> {
        translate::evaluate(self, packet, tracker)
    }
}

/// A packet on its way into the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// The port it comes in through.
    pub in_port: PortNo,
    /// The packet, from its Ethernet header on, without checksum at the end.
    pub frame: Vec<u8>,
    /// What else is known of it: the tunnel it came through, for instance.
    pub fields: Vec<(Field, u128)>,
}

impl Packet {
    /// A packet of which nothing else is known.
    pub fn new(in_port: impl Into<PortNo>, frame: Vec<u8>) -> Packet {
        Packet {
            in_port: in_port.into(),
            frame,
            fields: Vec::new(),
        }
    }

    /// With one more thing known of it.
    #[must_use]
    pub fn with(mut self, field: Field, value: impl Into<Value>) -> Packet {
        self.fields.push((field, value.into().0));
        self
    }
}

/// What became of a packet.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outcome<'a> {
    /// What went out, in order.
    pub outputs: Vec<Output>,
    /// What went to controllers, in order.
    pub controllers: Vec<ToController>,
    /// The tables it was looked up in, in order.
    pub path: Vec<Hop<'a>>,
    /// How it went through the tables: once, and once more for each `ct` that sent it on.
    pub passes: Vec<Start>,
    /// Why the evaluation ended early; nothing goes out then.
    pub failure: Option<Failure>,
}

impl Start {
    /// What a field of it was; zero when it had none such.
    #[must_use]
    pub fn get(&self, field: Field) -> u128 {
        let known = self.fields.get(&field).copied();
        known.unwrap_or_else(|| State::new(self.frame.clone()).get(field))
    }
}

/// A packet that goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Through this port.
    pub port: PortNo,
    /// As it is then.
    pub frame: Vec<u8>,
    /// What is known of its tunnel then, by field: what a tunnel port sends it with.
    pub tunnel: BTreeMap<Field, u128>,
}

/// A packet for a controller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToController {
    /// Why.
    pub reason: Reason,
    /// The controllers with this id.
    pub id: u16,
    /// The cookie of the flow that sent it.
    pub cookie: u64,
    /// What the flow says to the controller.
    pub userdata: Vec<u8>,
    /// The packet as it is then, as much of it as was asked for.
    pub frame: Vec<u8>,
}

/// One look into a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop<'a> {
    /// The table.
    pub table: u8,
    /// The flow that matched; `None`: none did.
    pub flow: Option<&'a Flow>,
    /// If the flow stands for a conjunction, the flows that fulfilled its clauses.
    pub clauses: Vec<&'a Flow>,
    /// In which of [`Outcome::passes`].
    pub pass: usize,
}

/// How a packet was when it began to go through the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// The table it began in.
    pub table: u8,
    /// The pass whose `ct` sent it; `None`: it just came.
    pub sent_by: Option<usize>,
    /// The packet.
    pub frame: Vec<u8>,
    /// What else was known of it: registers, its tunnel, its connection.
    pub fields: BTreeMap<Field, u128>,
}

/// Why an evaluation ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Tables were resubmitted to from themselves or later ones too deeply.
    #[error("the packet is resubmitted more than 64 levels deep")]
    TooDeep,
    /// Too many looks into tables.
    #[error("the packet is looked up more than 4096 times")]
    TooManyResubmits,
    /// It does something this evaluator cannot do.
    #[error("the evaluator cannot do {0}")]
    Unsupported(&'static str),
}

#[cfg(test)]
mod tests;
