//! What the agent knows of itself: kept whole by the reconcile task, told to the controller as
//! differences by the session.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::plan::Generation;
use model::report::{HostReport, InstanceReport, ItemFailure, ManagementPath, RuleHits, Vif};
use model::{DriverFound, InstanceId, Nic};
use tokio::sync::Notify;

use crate::tunnels::Tunnels;

/// The most failures that one report names; the first say enough.
const MAX_FAILURES: usize = 1_000;

/// The most remarks that wait for a controller; then the oldest go.
const MAX_REMARKS: usize = 64;

/// What is carried out and what could not be, as of the last pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The newest plan whose flows and rows are all in place, but for `failures`.
    pub realized: Generation,
    /// What could not be carried out.
    pub failures: Vec<ItemFailure>,
    /// Every interface on the integration bridge that is not ours, by its name.
    pub vifs: BTreeMap<String, Vif>,
    /// Every instance that should run here, or cannot be stopped.
    pub instances: BTreeMap<InstanceId, InstanceReport>,
    /// What runs instances and guests here.
    pub drivers: Vec<DriverFound>,
    /// The host's NICs.
    pub nics: Vec<Nic>,
    /// How it stands with the way to the controller.
    pub management_path: ManagementPath,
    /// Every tunnel that this host should have.
    pub tunnels: Tunnels,
    /// What logged rules let through when the flows were last looked at.
    pub rule_hits: Vec<RuleHits>,
}

impl Status {
    /// All of it, for a controller that knows nothing yet.
    #[must_use]
    pub fn complete_report(&self, held: Generation) -> HostReport {
        let everything = Self::default().differences_to(self, held);
        HostReport {
            complete: true,
            // Nothing said would be as it was, in the eyes of a controller that knew another state.
            drivers: Some(self.drivers.clone()),
            nics: Some(self.nics.clone()),
            management_path: Some(self.management_path.clone()),
            rule_hits: Some(self.rule_hits.clone()),
            ..everything
        }
    }

    /// What a controller must be told when it knows this status and `now` is the newest.
    #[must_use]
    pub fn differences_to(&self, now: &Self, held: Generation) -> HostReport {
        HostReport {
            complete: false,
            held,
            realized: now.realized,
            failures: now.failures.iter().take(MAX_FAILURES).cloned().collect(),
            vifs: changed(&self.vifs, &now.vifs),
            vifs_gone: gone(&self.vifs, &now.vifs),
            instances: changed(&self.instances, &now.instances),
            instances_gone: gone(&self.instances, &now.instances),
            drivers: differs(&self.drivers, &now.drivers),
            nics: differs(&self.nics, &now.nics),
            management_path: differs(&self.management_path, &now.management_path),
            tunnels: changed(&self.tunnels, &now.tunnels),
            tunnels_gone: gone(&self.tunnels, &now.tunnels),
            rule_hits: differs(&self.rule_hits, &now.rule_hits),
            remarks: Vec::new(),
        }
    }
}

fn differs<T: Clone + PartialEq>(before: &T, now: &T) -> Option<T> {
    (before != now).then(|| now.clone())
}

fn changed<K: Ord, V: Clone + PartialEq>(before: &BTreeMap<K, V>, now: &BTreeMap<K, V>) -> Vec<V> {
    let differs = |(key, value): &(&K, &V)| before.get(*key) != Some(*value);
    let entries = now.iter().filter(differs);
    entries.map(|(_, value)| value.clone()).collect()
}

fn gone<K: Ord + Clone, V>(before: &BTreeMap<K, V>, now: &BTreeMap<K, V>) -> Vec<K> {
    let keys = before.keys().filter(|key| !now.contains_key(*key));
    keys.cloned().collect()
}

/// What an operator should know, waiting for the next report. Clones share the same remarks.
#[derive(Clone, Debug, Default)]
pub struct Remarks {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<VecDeque<String>>,
    arrived: Notify,
}

impl Remarks {
    /// Adds a sentence, unless the last one said just that.
    pub fn push(&self, remark: String) {
        let mut waiting = self.waiting();
        if waiting.back() == Some(&remark) {
            return;
        }
        if waiting.len() == MAX_REMARKS {
            waiting.pop_front();
        }
        waiting.push_back(remark);
        self.shared.arrived.notify_one();
    }

    /// Waits for a remark. Loses nothing when the wait is given up.
    pub async fn arrived(&self) {
        self.shared.arrived.notified().await;
    }

    /// Takes all that wait.
    #[must_use]
    pub fn take(&self) -> Vec<String> {
        self.waiting().drain(..).collect()
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<String>> {
        let waiting = self.shared.waiting.lock();
        waiting.unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use model::PortState;

    use super::*;

    fn vif(interface: &str, state: PortState) -> (String, Vif) {
        let vif = Vif {
            interface: interface.to_owned(),
            iface_id: String::new(),
            port_id: None,
            ifindex: None,
            state,
            reason: None,
            generation: None,
            spoke: None,
            guest: None,
        };
        (interface.to_owned(), vif)
    }

    fn status(vifs: &[(&str, PortState)]) -> Status {
        Status {
            vifs: vifs.iter().map(|(name, state)| vif(name, *state)).collect(),
            ..Status::default()
        }
    }

    #[test]
    fn a_difference_names_what_changed_and_what_is_gone() {
        let before = status(&[
            ("a", PortState::Down),
            ("b", PortState::Active),
            ("c", PortState::Active),
        ]);
        let now = status(&[("a", PortState::Active), ("c", PortState::Active)]);
        let report = before.differences_to(&now, Generation(7));
        assert_eq!(report.vifs, [vif("a", PortState::Active).1]);
        assert_eq!(report.vifs_gone, ["b"]);
        assert!(!report.complete);
    }

    #[test]
    fn a_complete_report_names_everything() {
        let now = status(&[("a", PortState::Active), ("c", PortState::Down)]);
        let report = now.complete_report(Generation(7));
        assert!(report.complete);
        assert_eq!(report.vifs.len(), 2);
        assert_eq!(report.held, Generation(7));
    }

    #[test]
    fn remarks_that_nobody_fetches_stay_few() {
        let remarks = Remarks::default();
        for n in 0..1_000 {
            remarks.push(format!("remark {n}"));
            remarks.push(format!("remark {n}"));
        }
        let kept = remarks.take();
        assert_eq!(kept.len(), MAX_REMARKS);
        assert_eq!(kept.last().unwrap(), "remark 999");
        assert!(remarks.take().is_empty());
    }
}
