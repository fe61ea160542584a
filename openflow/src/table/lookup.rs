//! Which flow of a table a packet matches, conjunctive matches included (ovs-fields(7)).

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::state::State;
use super::{Failure, Tables};
use crate::action::Action;
use crate::field::Field;
use crate::flow::Flow;
use crate::matching::Match;
use crate::port::PortNo;

/// A packet as a table sees it.
pub(super) struct Key<'s> {
    pub(super) state: &'s State,
    /// A resubmission may claim another port for the lookup.
    pub(super) in_port: PortNo,
}

/// Fields of the transport header that fragments are taken not to have.
const PORTS: [Field; 10] = [
    Field::TcpSrc,
    Field::TcpDst,
    Field::UdpSrc,
    Field::UdpDst,
    Field::SctpSrc,
    Field::SctpDst,
    Field::Icmpv4Type,
    Field::Icmpv4Code,
    Field::Icmpv6Type,
    Field::Icmpv6Code,
];

impl Key<'_> {
    fn get(&self, field: Field, conjunction: u32) -> u128 {
        match field {
            Field::InPort => self.in_port.0.into(),
            Field::ConjId => conjunction.into(),
            _ if self.state.frame.is_fragment() && PORTS.contains(&field) => 0,
            _ => self.state.get(field),
        }
    }

    fn matches(&self, matching: &Match, conjunction: u32) -> bool {
        let mut fields = matching.fields().iter();
        fields.all(|wanted| self.get(wanted.field, conjunction) & wanted.mask == wanted.value)
    }
}

impl Tables {
    /// The flow of `table` with the highest priority that matches.
    pub(super) fn lookup(&self, table: u8, key: &Key<'_>) -> Result<Option<Found<'_>>, Failure> {
        let Some(flows) = self.tables.get(&table) else {
            return Ok(None);
        };
        find(flows, key)
    }
}

type Flows = BTreeMap<(Reverse<u16>, Match), Flow>;

/// A flow that matches.
pub(super) struct Found<'a> {
    pub(super) flow: &'a Flow,
    /// What fulfilled the clauses of the conjunction that it stands for.
    pub(super) clauses: Vec<&'a Flow>,
}

fn find<'a>(flows: &'a Flows, key: &Key<'_>) -> Result<Option<Found<'a>>, Failure> {
    let matching = flows.values().filter(|flow| key.matches(&flow.matching, 0));
    let matching: Vec<&Flow> = matching.collect();
    let is_unknown = |flow: &&Flow| !flow.matching.unknown().is_empty();
    if matching.iter().any(is_unknown) {
        return Err(Failure::Unsupported("a match on an unknown field"));
    }
    // Neighbours have the same priority.
    for group in matching.chunk_by(|one, other| one.priority == other.priority) {
        // At one priority, a plain flow goes before a conjunction.
        if let Some(plain) = group.iter().find(|flow| clauses(flow).next().is_none()) {
            let clauses = Vec::new();
            return Ok(Some(Found {
                flow: plain,
                clauses,
            }));
        }
        let mut complete = complete(group).into_iter();
        let found = complete.find_map(|id| {
            let part_of = |flow: &&&Flow| clauses(flow).any(|(other, ..)| other == id);
            Some(Found {
                flow: find_plain(flows, key, id)?,
                clauses: group.iter().filter(part_of).copied().collect(),
            })
        });
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// The flow that matches when `conj_id` is `id`, those that are parts of conjunctions aside.
/// As in Open vSwitch, these still hide flows of lower priority that have the same match.
fn find_plain<'a>(flows: &'a Flows, key: &Key<'_>, id: u32) -> Option<&'a Flow> {
    let matching = flows
        .values()
        .filter(|flow| key.matches(&flow.matching, id));
    let mut hidden: Vec<&Match> = Vec::new();
    for flow in matching {
        if clauses(flow).next().is_some() {
            hidden.push(&flow.matching);
        } else if !hidden.contains(&&flow.matching) {
            return Some(flow);
        }
    }
    None
}

/// The conjunctions whose every clause one of these flows fulfils.
fn complete(group: &[&Flow]) -> Vec<u32> {
    let mut fulfilled: BTreeMap<(u32, u8), u64> = BTreeMap::new();
    for (id, clause, clauses) in group.iter().flat_map(|flow| clauses(flow)) {
        let bit = 1u64.checked_shl(u32::from(clause.wrapping_sub(1)));
        *fulfilled.entry((id, clauses)).or_default() |= bit.unwrap_or(0);
    }
    let all = |clauses: u8| u64::MAX >> (64 - u32::from(clauses.clamp(1, 64)));
    let complete = fulfilled
        .into_iter()
        .filter(|((_, clauses), bits)| *bits == all(*clauses));
    complete.map(|((id, _), _)| id).collect()
}

/// The conjunctions that a flow is part of: id, clause, number of clauses.
fn clauses(flow: &Flow) -> impl Iterator<Item = (u32, u8, u8)> {
    flow.instructions
        .apply
        .iter()
        .filter_map(|action| match action {
            Action::Conjunction {
                id,
                clause,
                clauses,
            } => Some((*id, *clause, *clauses)),
            _ => None,
        })
}
