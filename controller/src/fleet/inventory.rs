//! Which port is behind which interface, for those who attribute samples.

mod networks;

use std::sync::Arc;
use std::time::Duration;

use model::{HostId, Inventory, InventoryHost, InventoryVif};
use tokio::time::sleep;

use super::Fleet;
use super::observed::{Observed, SeenVif};
use crate::intent::Intent;

/// How long a change waits for others, so that a burst of them makes one inventory. Samples come
/// at most a second late, so none is missed.
const GATHERING: Duration = Duration::from_millis(100);

/// Publishes a new inventory whenever it differs from the last one; never returns.
pub(crate) async fn run(fleet: Arc<Fleet>) {
    loop {
        fleet.inventory_changed.notified().await;
        sleep(GATHERING).await;
        let (intent, observed) = (fleet.intent(), fleet.observed());
        fleet.inventory.send_if_modified(|last| {
            let next = compile(&intent, &observed, last.revision + 1);
            let differs = (&next.hosts, &next.networks) != (&last.hosts, &last.networks);
            if differs {
                *last = Arc::new(next);
            }
            differs
        });
    }
}

/// Every interface that carries a port that is bound to its host.
fn compile(intent: &Intent, observed: &Observed, revision: u64) -> Inventory {
    let hosts = observed.hosts().filter_map(|(id, seen)| {
        let vifs = seen.vifs.values();
        Some(InventoryHost {
            id: *id,
            address: seen.status.address?,
            vifs: vifs.filter_map(|seen| vif(intent, *id, seen)).collect(),
        })
    });
    let hosts: Vec<InventoryHost> = hosts.collect();
    Inventory {
        revision,
        networks: networks::of(intent, &hosts),
        hosts,
    }
}

/// A port that moved away is no longer this host's, so nothing here is billed to it any more.
fn vif(intent: &Intent, host: HostId, seen: &SeenVif) -> Option<InventoryVif> {
    let port = intent.ports.get(&seen.vif.port_id?)?;
    if port.host_id != Some(host) {
        return None;
    }
    Some(InventoryVif {
        interface: seen.vif.interface.clone(),
        ifindex: seen.vif.ifindex?,
        port_id: port.id,
        network_id: port.network_id,
        tenant_id: port.tenant_id,
        since: seen.since,
    })
}
