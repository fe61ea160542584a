//! Which hosts a change touches, and how far each has carried it out.
//!
//! ```text
//!   change --touched--> items of hosts --session--> considered --> planned --> realized
//!                                        nothing differs there: done
//! ```
//!
//! The newest changes are kept with the items that they touch. Of older ones, such as those from before
//! a restart, it is not known any more which hosts they touched: every host is asked of them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use api::resource::{ChangeOnHost, ChangeState, ChangeView};
use model::plan::PlanKey;
use model::{HostId, NetworkId, TenantId};

use super::{Fleet, Observed, SeenHost};
use crate::change::Change;
use crate::compile;
use crate::intent::Intent;
use crate::object::Key;

/// How many of the newest changes are kept, and how many items of hosts for all of them.
const CHANGES_MAX: usize = 10_000;
const ITEMS_MAX: usize = 200_000;

/// A change that is durable, and the intent around it.
pub(crate) struct Published<'a> {
    pub(crate) change: &'a Change,
    pub(crate) before: &'a Intent,
    pub(crate) after: &'a Intent,
}

impl Published<'_> {
    /// The items that it may have altered.
    pub(super) fn touched(&self) -> BTreeSet<(HostId, PlanKey)> {
        let steps = self.change.steps.iter();
        let written: Vec<Key> = steps.map(|step| step.write.key()).collect();
        compile::touched(self.before, self.after, &written)
    }
}

/// The newest changes.
#[derive(Default)]
pub(super) struct Changes {
    kept: VecDeque<Kept>,
    items: usize,
    /// What is not kept is no newer than this.
    forgotten_through: u64,
}

struct Kept {
    revision: u64,
    held_to: Option<TenantId>,
    items: Box<[(HostId, PlanKey)]>,
}

/// What is known of a change.
pub(crate) enum Known {
    /// Who asked for it was held to this tenant, and these hosts are to carry it out.
    Change(Option<TenantId>, ChangeView),
    /// It is so old that only history knows of it; were it one, every host counts.
    Forgotten(ChangeView),
    /// There is none with this number.
    Nothing,
}

impl Changes {
    /// Whatever was changed before is not known.
    pub(super) fn begin(&mut self, revision: u64) {
        self.forgotten_through = revision;
    }

    pub(super) fn add(&mut self, change: &Change, items: &BTreeSet<(HostId, PlanKey)>) {
        self.items += items.len();
        self.kept.push_back(Kept {
            revision: change.revision,
            held_to: change.held_to,
            items: items.iter().copied().collect(),
        });
        while self.kept.len() > CHANGES_MAX || self.items > ITEMS_MAX {
            let Some(oldest) = self.kept.pop_front() else {
                return;
            };
            self.items -= oldest.items.len();
            self.forgotten_through = oldest.revision;
        }
    }

    fn find(&self, revision: u64) -> Option<&Kept> {
        let found = self.kept.binary_search_by_key(&revision, |it| it.revision);
        self.kept.get(found.ok()?)
    }
}

impl Fleet {
    /// How far a change is carried out.
    pub(crate) fn change(&self, revision: u64) -> Known {
        let intent = self.intent();
        let observed = self.observed();
        let changes = self.changes();
        if let Some(kept) = changes.find(revision) {
            let view = view(&intent, &observed, revision, &kept.items);
            return Known::Change(kept.held_to, view);
        }
        if revision == 0 || revision > changes.forgotten_through {
            return Known::Nothing;
        }
        let hosts = intent.hosts.keys().map(|host| (*host, PlanKey::Sampling));
        let items: Vec<_> = hosts.collect();
        Known::Forgotten(view(&intent, &observed, revision, &items))
    }
}

fn view(
    intent: &Intent,
    observed: &Observed,
    revision: u64,
    items: &[(HostId, PlanKey)],
) -> ChangeView {
    let mut keys: BTreeMap<HostId, BTreeSet<PlanKey>> = BTreeMap::new();
    for (host, key) in items {
        keys.entry(*host).or_default().insert(*key);
    }
    let on_host = |(id, keys): (&HostId, &BTreeSet<PlanKey>)| {
        // What is no host any more has nothing to carry out.
        let host = intent.hosts.get(id)?;
        let (state, reason) = standing(intent, observed.host(*id), revision, keys);
        Some(ChangeOnHost {
            host_id: *id,
            name: host.name.clone(),
            state,
            reason,
        })
    };
    ChangeView::of(revision, keys.iter().filter_map(on_host).collect())
}

/// How it stands with a change on a host that it touches these items of.
fn standing(
    intent: &Intent,
    host: Option<&SeenHost>,
    revision: u64,
    keys: &BTreeSet<PlanKey>,
) -> (ChangeState, Option<String>) {
    let waiting = |reason: &str| (ChangeState::Waiting, Some(reason.to_owned()));
    let Some(host) = host else {
        return waiting("its agent has not connected since the controller started");
    };
    let failing = || {
        let concerned = concerned(intent, keys);
        let mut failures = host.failures().iter();
        let failure = failures.find(|it| concerned.contains(&it.key))?;
        Some(format!("{}: {}", failure.key, failure.reason))
    };
    match host.carried_out(revision) {
        true => match failing() {
            Some(failure) => (ChangeState::Failing, Some(failure)),
            None => (ChangeState::Realized, None),
        },
        false if !host.status.connected => waiting("its agent is not connected"),
        false => match failing() {
            Some(failure) => (ChangeState::Failing, Some(failure)),
            None => waiting("it has not carried out its plan yet"),
        },
    }
}

/// The items, and what carries them: without it they are in vain.
fn concerned(intent: &Intent, keys: &BTreeSet<PlanKey>) -> BTreeSet<PlanKey> {
    let network = |key: &PlanKey| -> Option<NetworkId> {
        match key {
            PlanKey::Network(id) => Some(*id),
            PlanKey::Port(id) => intent.ports.get(id).map(|port| port.network_id),
            _ => None,
        }
    };
    let networks = keys.iter().filter_map(network);
    let networks = networks.filter_map(|id| intent.networks.get(&id));
    let carriers = networks.map(|it| PlanKey::PhysicalNetwork(it.segment.physical_network_id()));
    keys.iter().copied().chain(carriers).collect()
}
