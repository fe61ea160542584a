//! Which port is on which host, and was: followed from the inventory, kept in the ledger.

use std::collections::hash_map::Entry;

use model::{HostId, Inventory, InventoryVif, NetworkId, PortId, TenantId, Timestamp};
use rusqlite::{Connection, named_params};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::ledger::{bytes, id};

/// A port's time on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Assignment {
    pub(super) host: HostId,
    pub(super) port: PortId,
    pub(super) network: NetworkId,
    pub(super) tenant: TenantId,
    pub(super) since: Timestamp,
    /// Still there, if absent.
    pub(super) until: Option<Timestamp>,
}

/// The assignments that have no end yet.
#[derive(Debug, Default)]
pub(super) struct Assignments {
    present: FxHashMap<(HostId, PortId), Assignment>,
}

impl Assignments {
    /// What changed with this inventory. Of a host that is not in it nothing is said.
    pub(super) fn follow(&mut self, inventory: &Inventory, now: Timestamp) -> Vec<Assignment> {
        let mut changed = Vec::new();
        for host in &inventory.hosts {
            for vif in &host.vifs {
                if let Entry::Vacant(place) = self.present.entry((host.id, vif.port_id)) {
                    let begun = begin(host.id, vif);
                    place.insert(begun);
                    changed.push(begun);
                }
            }
        }
        let told: FxHashSet<HostId> = inventory.hosts.iter().map(|host| host.id).collect();
        let there = inventory.hosts.iter().flat_map(|host| {
            let vifs = host.vifs.iter();
            vifs.map(|vif| (host.id, vif.port_id))
        });
        let there: FxHashSet<_> = there.collect();
        self.present.retain(|key, assignment| {
            let stays = there.contains(key) || !told.contains(&key.0);
            if !stays {
                let until = Some(now);
                changed.push(Assignment {
                    until,
                    ..*assignment
                });
            }
            stays
        });
        changed
    }

    /// These were not kept: they are to be found changed again.
    pub(super) fn forget(&mut self, changed: &[Assignment]) {
        for it in changed {
            match it.until {
                None => self.present.remove(&(it.host, it.port)),
                Some(_) => {
                    let back = Assignment { until: None, ..*it };
                    self.present.insert((it.host, it.port), back)
                }
            };
        }
    }
}

fn begin(host: HostId, vif: &InventoryVif) -> Assignment {
    Assignment {
        host,
        port: vif.port_id,
        network: vif.network_id,
        tenant: vif.tenant_id,
        since: vif.since,
        until: None,
    }
}

/// The assignments without an end.
pub(super) fn load(connection: &Connection) -> rusqlite::Result<Assignments> {
    let mut statement = connection
        .prepare("SELECT host, port, network, tenant, since FROM assignment WHERE until IS NULL")?;
    let rows = statement.query_map([], |row| {
        let assignment = Assignment {
            host: id(row, 0)?,
            port: id(row, 1)?,
            network: id(row, 2)?,
            tenant: id(row, 3)?,
            since: Timestamp::from_unix_seconds(row.get::<_, i64>(4)?.div_euclid(1000)),
            until: None,
        };
        Ok(((assignment.host, assignment.port), assignment))
    })?;
    let present = rows.collect::<rusqlite::Result<_>>()?;
    Ok(Assignments { present })
}

/// Keeps what changed. A port that returns to a host goes on where it was.
pub(super) fn save(connection: &Connection, changed: &[Assignment]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO assignment VALUES (:host, :port, :network, :tenant, :since, :until)
         ON CONFLICT DO UPDATE SET until = excluded.until",
    )?;
    for it in changed {
        statement.execute(named_params! {
            ":host": bytes(it.host),
            ":port": bytes(it.port),
            ":network": bytes(it.network),
            ":tenant": bytes(it.tenant),
            ":since": it.since.unix_milliseconds(),
            ":until": it.until.map(Timestamp::unix_milliseconds),
        })?;
    }
    Ok(())
}
