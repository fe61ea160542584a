//! Binds ports to the hosts where their interfaces appear. One task for all sessions, so that a
//! burst of interfaces is one change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use api::backend::Outcome;
use model::{EventKind, HostId, PortId};
use tokio::time::{sleep, timeout};
use tracing::warn;

use super::Fleet;
use super::sighting::judge;
use crate::service::Service;

/// How long to wait before trying again when the store could not keep the bindings.
const RETRY: Duration = Duration::from_secs(1);

/// How often migrations are looked at though nothing was seen.
const TICK: Duration = Duration::from_secs(1);

/// The most ports judged at a time: bounds how long one change takes.
const PORTS_MAX: usize = 1_000;

/// Judges the ports that something was seen of; never returns.
pub(crate) async fn run(service: Arc<Service>) {
    let suspects = &service.fleet().suspects;
    loop {
        let ports = match timeout(TICK, suspects.take(PORTS_MAX)).await {
            Ok(ports) => ports,
            // What becomes of a migration may be for time to say.
            Err(_) => service.intent().migrating().map(|port| port.id).collect(),
        };
        let (bindings, steps) = judge_all(service.fleet(), ports);
        if let Err(problem) = service.ports_migrate(&steps).await {
            warn!(%problem, "could not take migrations further; trying again");
            suspects.add(steps);
            sleep(RETRY).await;
        }
        for (host, ports) in bindings {
            if let Err(problem) = bind(&service, host, &ports).await {
                warn!(%problem, "could not bind ports to their host; trying again");
                suspects.add(ports);
                sleep(RETRY).await;
            }
        }
    }
}

/// Tells operators what stays dark; gives the ports to bind, by the host they belong to, and those whose
/// migration goes on.
fn judge_all(
    fleet: &Fleet,
    ports: BTreeSet<PortId>,
) -> (BTreeMap<HostId, Vec<PortId>>, Vec<PortId>) {
    let mut bindings: BTreeMap<HostId, Vec<PortId>> = BTreeMap::new();
    let mut steps = Vec::new();
    for port in ports {
        let verdict = judge(&fleet.intent(), &fleet.observed(), port);
        for (host, interface) in verdict.unknown {
            let message = format!("interface {interface} names port {port}, which does not exist");
            fleet.tell(EventKind::UnknownVif, host, &interface, message);
        }
        for (host, interface) in verdict.conflicts {
            let message =
                format!("interface {interface} names port {port}, which is on another host");
            fleet.tell(EventKind::PortConflict, host, &interface, message);
        }
        if verdict.step.is_some() {
            steps.push(port);
        }
        if let Some(host) = verdict.bind {
            bindings.entry(host).or_default().push(port);
        }
    }
    (bindings, steps)
}

async fn bind(service: &Service, host: HostId, ports: &[PortId]) -> Outcome<()> {
    match service.intent().hosts.get(&host) {
        Some(host) => service.ports_bind(host, ports).await,
        None => Ok(()),
    }
}
