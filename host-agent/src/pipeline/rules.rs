//! Table `rules`: does a group let it through. Asked by resubmission, for one group at a time.
//!
//! A connection that is tracked is matched by the first packet it had, anything else by itself.
//!
//! A rule about anybody or one prefix is a flow for each part of what it says. Rules about the same
//! many addresses share a conjunction, so that addresses and rules cost their sum and not their
//! product:
//!
//! ```text
//!   GROUP, ASKED, source is this member          --> conjunction(remote, 1/2)    one for each member
//!   GROUP, ASKED, this protocol and these ports  --> conjunction(remote, 2/2)    one for each rule
//!   GROUP, conj_id=remote                        --> ALLOWED
//! ```
//!
//! Only flows that match the group at hand count, so numbers of conjunctions need be unique within
//! a group only.

mod behind;
mod clause;
mod remote;

use std::collections::{BTreeMap, BTreeSet};

use model::{Direction, Family, Remote, Rule, RuleId};
use openflow::{Action, Field, Flow, Match};

use super::registers::{ALLOWED, ASKED, ASKED_EGRESS, ASKED_INGRESS, GROUP};
use super::{GroupView, Miss, Table, logged, nothing, same_for_all};
pub use behind::behind;
use clause::Known;
use remote::Numbers;

pub(super) const TABLE: Table = Table {
    id: 52,
    name: "rules",
    miss: Miss::Drop,
    why: "does a rule of this group let it through",
    infrastructure: nothing,
    network: same_for_all,
};

/// Rules that are counted by themselves come before others that let the same through.
const LOGGED: u16 = 400;
const LOGGED_MANY: u16 = 300;
const PLAIN: u16 = 200;
const PLAIN_MANY: u16 = 100;

/// The flows of one group.
pub(super) fn compile(group: &GroupView) -> Vec<Flow> {
    let numbers = Numbers::of(group);
    let mut compiling = Compiling::new(group, &numbers);
    for rule in &group.rules {
        compiling.rule(rule);
    }
    compiling.flows()
}

struct Compiling<'a> {
    group: &'a GroupView,
    numbers: &'a Numbers,
    /// What lets through by itself, and for which logged rule.
    direct: BTreeMap<(u16, Match), Option<RuleId>>,
    /// What is part of conjunctions: which, and which part.
    clauses: BTreeMap<(u16, Match), BTreeSet<(u32, u8)>>,
    /// The conjunctions that let through, and for which logged rule: such a rule has its own.
    complete: BTreeMap<(u16, u32), Option<RuleId>>,
    /// The many addresses whose flows are there already.
    remotes: BTreeSet<(u32, Direction, Family, Known)>,
}

impl<'a> Compiling<'a> {
    fn new(group: &'a GroupView, numbers: &'a Numbers) -> Self {
        Self {
            group,
            numbers,
            direct: BTreeMap::new(),
            clauses: BTreeMap::new(),
            complete: BTreeMap::new(),
            remotes: BTreeSet::new(),
        }
    }

    fn rule(&mut self, rule: &Rule) {
        let allows = &rule.allows;
        for family in allows.families() {
            for known in clause::ways(self.group.tracking, allows) {
                let base = self.base(allows.direction, family, *known);
                let of = (allows.protocol, family);
                let said = clause::matches(&base, self.group.tracking, of, *known);
                if !said.is_empty() {
                    self.say(rule, family, *known, said);
                }
            }
        }
    }

    /// What every flow of these rules asks for.
    fn base(&self, direction: Direction, family: Family, known: Known) -> Match {
        let asked = match direction {
            Direction::Ingress => ASKED_INGRESS,
            Direction::Egress => ASKED_EGRESS,
        };
        let matching = GROUP.is(self.group.number.get(), Match::new());
        known.of(match family {
            Family::Ipv4 => ASKED.is(asked, matching).ipv4(),
            Family::Ipv6 => ASKED.is(asked, matching).ipv6(),
        })
    }

    fn say(&mut self, rule: &Rule, family: Family, known: Known, said: Vec<Match>) {
        let allows = &rule.allows;
        let (one, many) = match allows.logged {
            true => (LOGGED, LOGGED_MANY),
            false => (PLAIN, PLAIN_MANY),
        };
        let place = (allows.direction, family, known);
        match allows.remote {
            Remote::Any => self.direct(rule, one, said),
            Remote::Prefix(prefix) => {
                let with = said.into_iter().map(|it| remote::end(it, prefix, place));
                self.direct(rule, one, with);
            }
            Remote::Group(_) | Remote::AddressGroup(_) => {
                let Some(number) = self.numbers.get(rule) else {
                    return;
                };
                for matching in said {
                    self.clause(many, matching, (number, 2));
                }
                self.addresses(rule, (many, number), place);
            }
        }
    }

    /// What lets through by itself. Two logged rules that say the same are one flow: it counts for
    /// the first of them.
    fn direct(&mut self, rule: &Rule, priority: u16, said: impl IntoIterator<Item = Match>) {
        for matching in said {
            let counts = self.direct.entry((priority, matching));
            let counts = counts.or_insert(logged_id(rule));
            *counts = (*counts).min(logged_id(rule));
        }
    }

    /// The many addresses of a remote end, once.
    fn addresses(
        &mut self,
        rule: &Rule,
        (priority, number): (u16, u32),
        place: (Direction, Family, Known),
    ) {
        let (direction, family, known) = place;
        let remote = rule.allows.remote;
        self.complete.insert((priority, number), logged_id(rule));
        if !self.remotes.insert((number, direction, family, known)) {
            return;
        }
        let base = self.base(direction, family, known);
        for matching in remote::ends(self.group, remote, &base, place) {
            self.clause(priority, matching, (number, 1));
        }
    }

    fn clause(&mut self, priority: u16, matching: Match, part: (u32, u8)) {
        let parts = self.clauses.entry((priority, matching)).or_default();
        parts.insert(part);
    }

    fn flows(self) -> Vec<Flow> {
        let allow = |(priority, matching, rule): (u16, Match, Option<RuleId>)| {
            let flow = TABLE.flow(priority, matching).action(ALLOWED.set(1));
            rule.into_iter()
                .fold(flow, |flow, rule| logged::by(rule, flow))
        };
        let group = self.group.number.get();
        let complete = self.complete.into_iter();
        let complete = complete.map(|((priority, number), rule)| {
            let matching = GROUP.is(group, Match::new());
            (priority, matching.exact(Field::ConjId, number), rule)
        });
        let direct = self.direct.into_iter();
        let direct = direct.map(|((priority, matching), rule)| (priority, matching, rule));
        let clauses = self
            .clauses
            .into_iter()
            .map(|((priority, matching), parts)| {
                let parts = parts.into_iter().map(|(id, clause)| Action::Conjunction {
                    id,
                    clause,
                    clauses: 2,
                });
                TABLE.flow(priority, matching).actions(parts)
            });
        direct.chain(complete).map(allow).chain(clauses).collect()
    }
}

/// The rule, if what it lets through is counted by itself.
fn logged_id(rule: &Rule) -> Option<RuleId> {
    rule.allows.logged.then_some(rule.id)
}
