//! What clients and hosts may ask for: one file per noun, each a set of pure decisions.
//!
//! A decision checks the whole request against the intent (every fault at once), allocates what
//! was left open, and says what to write; the writer makes it durable. [`Service`] is the
//! [`Backend`](api::backend::Backend) of the REST API.

mod address;
mod address_group;
mod after;
mod backend;
mod cap;
mod cascade;
pub(crate) mod consequences;
mod endpoint;
mod fabric_check;
mod faults;
mod floating_ip;
mod gateway;
mod handout;
pub(crate) mod held;
mod host;
mod instance;
mod layout;
mod limits;
mod migration;
mod network;
mod overlay;
mod pair;
mod physical_network;
mod placement;
mod plugging;
mod pool;
mod port;
mod port_forwarding;
pub(crate) mod precondition;
mod quarantine;
pub(crate) mod quota;
mod reservation;
mod router;
mod security_group;
mod sharing;
mod static_route;
mod subnet;
mod tenant;
#[cfg(test)]
pub(crate) mod tests;
mod token;
mod topology;
mod trunk;
mod uplink;

use std::num::NonZeroU32;
use std::sync::Arc;

use api::backend::{Caller, Outcome};
use flow_collector::{Collector, LedgerError};
use model::plan::Sampling;
use model::{
    EventKind, FabricCheck, FabricScope, Host, HostId, InstanceId, PortId, Quota, RelayedSamples,
    UsageBatch, UsageTaken,
};
use tracing::warn;
use uuid::Uuid;

use self::backend::{LastUses, Reading};
use crate::caps::Caps;
use crate::fabric::Checks;
use crate::fleet::Fleet;
use crate::fleet::identity::Identity;
use crate::fleet::leaving::End;
use crate::fleet::sighting::judge;
use crate::intent::Intent;
use crate::store::{Store, StoreError};
use crate::trace::Tracing;
use crate::writer::Writer;
use api::token::TokenDigest;

/// What of the intent nobody asks for by the API: the command line says it, the same for all.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// How hosts sample their traffic.
    pub sampling: Option<Sampling>,
    /// How much of the pool a tenant may have of whom nothing else is said; where this says nothing, what
    /// is built in.
    pub quota: Quota,
}

/// The controller, as its clients and its hosts see it.
pub struct Service {
    writer: Writer,
    reading: Reading,
    fleet: Arc<Fleet>,
    checks: Arc<Checks>,
    tracing: Tracing,
    caps: Caps,
    collector: Option<Arc<Collector>>,
    token: TokenDigest,
    last_uses: LastUses,
}

impl Service {
    /// Loads the store and is ready to serve. `fleet` hears of every change from now on.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub fn start(
        store: Store,
        settings: Settings,
        fleet: Arc<Fleet>,
        token: TokenDigest,
    ) -> Result<Self, StoreError> {
        let listener = fleet.clone();
        let reader = store.reader();
        let writer = Writer::start(
            store,
            settings,
            fleet.journal().clone(),
            Box::new(move |published, newest| listener.intent_changed(published, newest)),
        )?;
        fleet.start_with(writer.intent());
        Ok(Self {
            writer,
            reading: Reading::of(reader),
            fleet,
            checks: Arc::default(),
            tracing: Tracing::default(),
            caps: Caps::default(),
            collector: None,
            token,
            last_uses: LastUses::default(),
        })
    }

    /// The same, with a collector to ask for usage.
    #[must_use]
    pub fn with_collector(self, collector: Arc<Collector>) -> Self {
        Self {
            collector: Some(collector),
            ..self
        }
    }

    /// Who keeps the usage, if that is done here.
    pub(crate) fn collector(&self) -> Option<&Collector> {
        self.collector.as_deref()
    }

    /// What is known of caps besides the intent.
    pub(crate) const fn caps(&self) -> &Caps {
        &self.caps
    }

    /// How long an interval of the usage ledger is, if there is one here.
    pub(crate) fn usage_interval_seconds(&self) -> Option<NonZeroU32> {
        let collector = self.collector.as_ref();
        collector.map(|collector| collector.interval_seconds())
    }

    /// Puts what a host reports of its ports into the ledger; none when that could not be done.
    pub(crate) async fn usage_take(&self, host: HostId, batch: UsageBatch) -> Option<UsageTaken> {
        let taken = self.collector.as_ref()?.account(host, batch).await;
        let failed = |error: &LedgerError| {
            let error = error as &dyn std::error::Error;
            warn!(host.id = %host, error, "could not take the usage of a host");
        };
        taken.inspect_err(failed).ok()
    }

    /// Takes what a host's agent hands on of its switch's samples.
    pub(crate) fn samples_take(&self, host: HostId, samples: &RelayedSamples) {
        if let Some(collector) = &self.collector {
            collector.relayed(host, samples);
        }
    }

    /// The hosts.
    #[must_use]
    pub fn fleet(&self) -> &Arc<Fleet> {
        &self.fleet
    }

    /// The newest durable intent.
    #[must_use]
    pub fn intent(&self) -> Arc<Intent> {
        self.writer.intent()
    }

    /// Waits until everything told so far can be seen.
    #[cfg(test)]
    pub(crate) fn settled(&self) {
        self.writer.settle();
    }

    /// Registers a host whose certificate was seen, if it is new.
    pub(crate) async fn host_register(&self, host: &Identity) -> Outcome<()> {
        if self
            .intent()
            .hosts
            .get(&host.id)
            .is_some_and(|known| known.name == host.name)
        {
            return Ok(());
        }
        let caller = caller(format!("host:{}", host.name));
        let name = host.name.clone();
        let decide = |intent: &Intent| host::register(intent, host.id, name);
        self.writer.change(caller, "host_register", decide).await
    }

    /// Checks again what is in use of the fabric.
    pub(crate) fn fabric_check_again(&self) -> Outcome<FabricCheck> {
        let caller = caller("controller".to_owned());
        self.fabric_check_start(caller, FabricScope::default())
    }

    fn fabric_check_start(&self, caller: Caller, scope: FabricScope) -> Outcome<FabricCheck> {
        let intent = self.intent();
        fabric_check::check(&intent, &scope)?;
        self.checks.start(&self.fleet, intent, scope, caller)
    }

    /// Takes the migrations of those of these ports further that are to be.
    pub(crate) async fn ports_migrate(&self, ports: &[PortId]) -> Outcome<()> {
        if ports.is_empty() {
            return Ok(());
        }
        let mut told = Vec::new();
        let decide = |intent: &Intent| {
            let observed = self.fleet.observed();
            let steps = ports.iter().filter_map(|id| {
                let step = judge(intent, &observed, *id).step?;
                Some((*id, step))
            });
            let steps: Vec<_> = steps.collect();
            told.clone_from(&steps);
            migration::advance(intent, &steps)
        };
        let caller = caller("controller".to_owned());
        self.writer.change(caller, "ports_migrate", decide).await?;
        for (port, step) in told {
            let message = format!("port {port}: {}", migration::told(step));
            self.fleet.tell_of(EventKind::PortMigration, None, message);
        }
        Ok(())
    }

    /// Takes note of migrations of instances that ended.
    pub(crate) async fn instances_settle(&self, ends: &[(InstanceId, End)]) -> Outcome<()> {
        if ends.is_empty() {
            return Ok(());
        }
        let decide = |intent: &Intent| instance::moving::over(intent, ends);
        let caller = caller("controller".to_owned());
        let change = self.writer.change(caller, "instances_settle", decide);
        change.await?;
        for (id, end) in ends {
            let message = match end {
                End::There => format!("instance {id} is on its new host"),
                End::Stayed(reason) => format!("instance {id} stays where it was: {reason}"),
            };
            self.fleet
                .tell_of(EventKind::InstanceMigration, None, message);
        }
        Ok(())
    }

    /// Gives addresses back that nobody uses any more.
    pub(crate) async fn quarantines_lift(&self) -> Outcome<()> {
        let none = || quarantine::over(&self.intent(), &self.fleet.observed()).is_empty();
        if none() {
            return Ok(());
        }
        let decide = |intent: &Intent| quarantine::lift(intent, &self.fleet.observed());
        let caller = caller("controller".to_owned());
        self.writer.change(caller, "quarantines_lift", decide).await
    }

    /// Binds those of these ports that belong to this host, and are not bound to it yet.
    pub(crate) async fn ports_bind(&self, host: &Host, ports: &[PortId]) -> Outcome<()> {
        let decide = |intent: &Intent| {
            // Judged again under the writer's lock: much may have changed while this waited.
            let observed = self.fleet.observed();
            let here = |port: &&PortId| judge(intent, &observed, **port).bind == Some(host.id);
            let ports: Vec<PortId> = ports.iter().filter(here).copied().collect();
            host::bind(intent, host.id, &ports)
        };
        let caller = caller(format!("host:{}", host.name));
        self.writer.change(caller, "ports_bind", decide).await
    }
}

/// Who asks when no client does.
fn caller(actor: String) -> Caller {
    Caller {
        actor,
        held_to: None,
        source: None,
        request_id: Uuid::now_v7().to_string(),
        idempotency: None,
        revised: Default::default(),
        precondition: None,
    }
}
