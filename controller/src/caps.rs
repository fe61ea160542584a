//! Caps, looked at every few seconds: what was moved is in the ledger, how a cap stands is in the
//! intent, and what it bounds is in the plans of hosts.
//!
//! ```text
//!   ledger: moved ---\
//!                     +--> decide, purely --> one change: written, audited --> plans --> events
//!   intent: caps ----/
//! ```
//!
//! Nothing is remembered here that matters: a look that is lost is followed by the next, and a controller
//! that starts anew finds each cap as it stood. While nobody looks, hosts keep what they have.

pub(crate) mod decide;
mod late;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use flow_collector::{LedgerError, Moved};
use model::billing::Way;
use model::{Cap, CapId, CapSpan, PortId, TenantId, Timestamp};
use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;
use tracing::error;

use crate::intent::Intent;
use crate::service::Service;
use decide::News;
pub(crate) use late::Late;
use late::Lateness;

/// How often it is looked. Hosts read their counters every three seconds and tell what they read.
const PERIOD: Duration = Duration::from_secs(5);

/// A cap, its period, and how many bytes of what it counts were moved in that.
pub(crate) type Used = (CapId, CapSpan, u64);

/// What is known of caps besides the intent.
#[derive(Default)]
pub(crate) struct Caps {
    /// An operator changed one.
    changed: Notify,
    seen: ArcSwap<Seen>,
}

/// What was moved at the last look.
#[derive(Default)]
struct Seen {
    at: Option<Timestamp>,
    used: HashMap<CapId, u64>,
}

impl Caps {
    /// Has somebody look at once.
    pub(crate) fn changed(&self) {
        self.changed.notify_one();
    }

    /// What was moved of a cap when that was last looked at.
    pub(crate) fn used(&self, id: CapId) -> Option<(u64, Timestamp)> {
        let seen = self.seen.load();
        Some((*seen.used.get(&id)?, seen.at?))
    }
}

/// Looks for ever. `folder` is where it is noted when that was last done.
pub(crate) async fn keep(service: Arc<Service>, folder: PathBuf) {
    let mut lateness = Lateness::resume(folder);
    let mut period = tokio::time::interval(PERIOD);
    period.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = period.tick() => {}
            () = service.caps().changed.notified() => {}
        }
        let intent = service.intent();
        let now = Timestamp::now();
        let outcome = match intent.caps.is_empty() {
            true => Ok(()),
            false => look(&service, &intent, now).await,
        };
        let connected = service.fleet().observed().connected();
        for late in lateness.judge((&intent, &connected), now, &outcome) {
            service.say_caps_are_late(late);
        }
        if let Err(error) = outcome {
            let error = &error as &dyn std::error::Error;
            error!(
                error,
                "could not look at what was moved of caps; trying again"
            );
        }
    }
}

/// Why a look failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LookError {
    /// The ledger is another program's.
    #[error("the collector runs on its own, and what was moved is not known here")]
    NoLedger,
    /// The ledger does not say.
    #[error("could not learn what was moved")]
    Ledger(#[source] LedgerError),
    /// What happened could not be written.
    #[error("could not write what became of caps")]
    Write(#[source] api::problem::Problem),
}

/// One look at all caps.
pub(crate) async fn look(
    service: &Service,
    intent: &Intent,
    now: Timestamp,
) -> Result<(), LookError> {
    let collector = service.collector().ok_or(LookError::NoLedger)?;
    let mut used = Vec::new();
    for (span, caps) in by_period(intent, now) {
        let tenants: BTreeSet<TenantId> = caps.iter().map(|cap| cap.tenant_id).collect();
        let moved = collector.moved(span, tenants).await;
        let moved = moved.map_err(LookError::Ledger)?;
        let sums = Sums::of(&moved);
        used.extend(caps.iter().map(|cap| (cap.id, span, sums.counted_by(cap))));
    }
    service.caps().seen.store(Arc::new(Seen {
        at: Some(now),
        used: used.iter().map(|(id, _, used)| (*id, *used)).collect(),
    }));
    // Most of the time nothing happens, and nobody is kept waiting for the writer.
    let mut happened: BTreeMap<&'static str, Vec<Used>> = BTreeMap::new();
    for it in used {
        let Some(cap) = intent.caps.get(&it.0) else {
            continue;
        };
        let verdict = decide::decide(cap, it.1, it.2);
        if verdict.state != cap.state {
            happened.entry(verb(&verdict.news)).or_default().push(it);
        }
    }
    for (verb, used) in happened {
        let written = service.caps_look(verb, used, now).await;
        written.map_err(LookError::Write)?;
    }
    Ok(())
}

/// What the audit log calls what happened.
fn verb(news: &[News]) -> &'static str {
    if news.contains(&News::Reached) {
        return "cap_reach";
    }
    match news.first() {
        Some(News::Lifted(_)) => "cap_lift",
        Some(News::Warned(_) | News::Reached) => "cap_warn",
        None => "cap_note",
    }
}

fn by_period(intent: &Intent, now: Timestamp) -> BTreeMap<CapSpan, Vec<&Cap>> {
    let mut periods: BTreeMap<CapSpan, Vec<&Cap>> = BTreeMap::new();
    for cap in intent.caps.values() {
        periods.entry(decide::span(cap, now)).or_default().push(cap);
    }
    periods
}

/// What was moved in a period, found by whom it is counted for.
struct Sums<'a> {
    by_tenant: HashMap<TenantId, Vec<&'a Moved>>,
    by_port: HashMap<PortId, Vec<&'a Moved>>,
}

impl<'a> Sums<'a> {
    fn of(moved: &'a [Moved]) -> Self {
        let mut sums = Self {
            by_tenant: HashMap::new(),
            by_port: HashMap::new(),
        };
        for it in moved {
            sums.by_tenant.entry(it.tenant).or_default().push(it);
            sums.by_port.entry(it.port).or_default().push(it);
        }
        sums
    }

    fn counted_by(&self, cap: &Cap) -> u64 {
        let found = match cap.port_id {
            Some(port) => self.by_port.get(&port),
            None => self.by_tenant.get(&cap.tenant_id),
        };
        let of_class = found.into_iter().flatten();
        let of_class = of_class.filter(|it| cap.class.counts(it.class));
        of_class.fold(0, |sum: u64, it| sum.saturating_add(way(cap.way, it)))
    }
}

fn way(way: Way, it: &Moved) -> u64 {
    let (sent, received) = (it.moved.sent.bytes, it.moved.received.bytes);
    match way {
        Way::Sent => sent,
        Way::Received => received,
        Way::Both => sent.saturating_add(received),
    }
}

#[cfg(test)]
mod tests;
