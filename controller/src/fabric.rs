//! Checks of the fabric: whether switches and cables carry what they should between all hosts.
//!
//! [`Checks`] keeps the newest and lets one run at a time; `run` asks the hosts, `lanes` says what is
//! tried, `trial` what passed, and `diagnosis` what that means.

mod diagnosis;
mod lanes;
mod run;
mod trial;

use std::collections::{BTreeSet, VecDeque};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use api::backend::{Caller, Idempotency, Outcome};
use api::problem::{Code, Problem};
use model::{EventKind, FabricCheck, FabricCheckId, FabricScope, FabricState, Finding, Timestamp};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::task::AbortOnDropHandle;
use tracing::debug;

use crate::fleet::Fleet;
use crate::intent::Intent;
use crate::service::Service;

/// How many checks are kept.
const KEPT: usize = 32;

/// The checks that were asked for.
#[derive(Default)]
pub(crate) struct Checks {
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    /// The newest last.
    checks: VecDeque<Kept>,
    /// What is wrong as far as operators were told.
    told: BTreeSet<Finding>,
}

/// A check that is kept.
struct Kept {
    check: Arc<FabricCheck>,
    asked: Option<Idempotency>,
    /// Ends the check when it is forgotten.
    running: Option<AbortOnDropHandle<()>>,
}

impl Checks {
    /// All that are kept, the oldest first.
    pub(crate) fn all(&self) -> Vec<Arc<FabricCheck>> {
        let held = self.lock();
        held.checks.iter().map(|kept| kept.check.clone()).collect()
    }

    /// One of them.
    pub(crate) fn one(&self, id: FabricCheckId) -> Option<Arc<FabricCheck>> {
        let held = self.lock();
        let found = held.checks.iter().find(|kept| kept.check.id == id);
        found.map(|kept| kept.check.clone())
    }

    /// Begins a check, unless one is under way.
    pub(crate) fn start(
        self: &Arc<Self>,
        fleet: &Arc<Fleet>,
        intent: Arc<Intent>,
        scope: FabricScope,
        caller: Caller,
    ) -> Outcome<FabricCheck> {
        let mut held = self.lock();
        if let Some(known) = held.known(caller.idempotency.as_ref()) {
            return known;
        }
        let under_way = |kept: &Kept| kept.check.state == FabricState::Running;
        if held.checks.iter().any(under_way) {
            let detail = "a check of the fabric is under way; wait for it to end, or delete it";
            return Err(Problem::new(Code::InUse, detail));
        }
        let check = FabricCheck {
            id: FabricCheckId::generate(),
            scope,
            state: FabricState::Running,
            created_at: Timestamp::now(),
            finished_at: None,
            findings: Vec::new(),
            paths: Vec::new(),
            losses: Vec::new(),
        };
        let (checks, fleet, id) = (Arc::clone(self), Arc::clone(fleet), check.id);
        let running = tokio::spawn(async move {
            let outcome = run::run(Arc::clone(&fleet), &intent, &scope).await;
            checks.finish(id, outcome, &fleet);
        });
        if held.checks.len() == KEPT {
            held.checks.pop_front();
        }
        held.checks.push_back(Kept {
            check: Arc::new(check.clone()),
            asked: caller.idempotency,
            running: Some(AbortOnDropHandle::new(running)),
        });
        Ok(check)
    }

    /// Forgets a check, and ends it if it is under way.
    pub(crate) fn delete(&self, id: FabricCheckId) -> Outcome<()> {
        let mut held = self.lock();
        let found = held.checks.iter().position(|kept| kept.check.id == id);
        let found = found.ok_or_else(|| Problem::not_found("fabric check", id))?;
        held.checks.remove(found);
        Ok(())
    }

    fn finish(&self, id: FabricCheckId, outcome: run::Outcome, fleet: &Fleet) {
        let mut held = self.lock();
        let Some(kept) = held.checks.iter_mut().find(|kept| kept.check.id == id) else {
            return;
        };
        let scope = kept.check.scope;
        let findings: BTreeSet<Finding> = outcome.findings.iter().cloned().collect();
        kept.check = Arc::new(FabricCheck {
            state: FabricState::Done,
            finished_at: Some(Timestamp::now()),
            findings: outcome.findings,
            paths: outcome.paths,
            losses: outcome.losses,
            ..FabricCheck::clone(&kept.check)
        });
        // The task that this ends is the one that is running here, at its last step.
        let ended = kept.running.take();
        held.tell(findings, scope, fleet);
        drop(held);
        drop(ended.map(AbortOnDropHandle::detach));
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// The check that was asked for under the same key.
    fn known(&self, asked: Option<&Idempotency>) -> Option<Outcome<FabricCheck>> {
        let asked = asked?;
        let same_key = |kept: &&Kept| kept.asked.as_ref().is_some_and(|it| it.key == asked.key);
        let kept = self.checks.iter().find(same_key)?;
        if kept.asked.as_ref() == Some(asked) {
            return Some(Ok(FabricCheck::clone(&kept.check)));
        }
        let detail = "the Idempotency-Key was used for another check";
        Some(Err(Problem::new(Code::IdempotencyConflict, detail)))
    }

    /// Tells operators what is newly wrong; and of a check of everything, that nothing is any more.
    fn tell(&mut self, findings: BTreeSet<Finding>, scope: FabricScope, fleet: &Fleet) {
        for finding in findings.difference(&self.told) {
            let host = finding.host_ids.first().copied();
            fleet.tell_of_fabric(EventKind::FabricFault, host, &finding.message);
        }
        if scope != FabricScope::default() {
            self.told.extend(findings);
            return;
        }
        if findings.is_empty() && !self.told.is_empty() {
            let message = "the fabric carries everything again";
            fleet.tell_of_fabric(EventKind::FabricWell, None, message);
        }
        self.told = findings;
    }
}

/// Checks everything in use again and again, but for when an operator has a check under way.
pub(crate) async fn keep_checking(service: Arc<Service>, every_minutes: NonZeroU32) {
    let every = Duration::from_secs(60 * u64::from(every_minutes.get()));
    let mut ticks = interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(problem) = service.fabric_check_again() {
            debug!("no check of the fabric this time: {problem}");
        }
    }
}
