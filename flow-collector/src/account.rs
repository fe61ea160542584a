//! What hosts report of their ports by the pipeline's counters: checked, and put into the ledger.
//!
//! A host may report of a port that is on it, or was until just before; anything else is refused, and
//! offered again by the host for a while, for the inventory may be behind. Whose port it is, is never
//! the host's word but the inventory's. Records are absolute: the same one again changes nothing.

mod assignment;

use std::sync::Arc;

use model::{HostId, Inventory, Timestamp, UsageBatch, UsageRecord, UsageTaken};
use rusqlite::{Connection, OptionalExtension, named_params, params};
use tokio::sync::watch;
use tracing::error;

use crate::ledger::{Desk, LedgerError, amount, bytes};
use assignment::Assignments;

/// How far a host's clock may be before ours, in seconds.
const FUTURE: i64 = 600;

/// Puts a batch of a host into the ledger. When this answers, it is durable.
pub(crate) async fn take(
    desk: &Desk,
    host: HostId,
    batch: UsageBatch,
) -> Result<UsageTaken, LedgerError> {
    let now = Timestamp::now();
    desk.run(move |connection| write(connection, host, &batch, now))
        .await
}

/// Learns which port is on which host, for ever.
pub(crate) async fn learn(desk: Desk, mut inventory: watch::Receiver<Arc<Inventory>>) {
    let loaded = desk.run(assignment::load).await;
    let mut assignments = loaded.unwrap_or_else(|error| {
        error!(%error, "could not read which port was where; learning it anew");
        Assignments::default()
    });
    inventory.mark_changed();
    while inventory.changed().await.is_ok() {
        let newest = inventory.borrow_and_update().clone();
        let changed = assignments.follow(&newest, Timestamp::now());
        if changed.is_empty() {
            continue;
        }
        let rows = changed.clone();
        let saved = desk.run(move |connection| assignment::save(connection, &rows));
        if let Err(error) = saved.await {
            error!(%error, "could not keep which port is where; trying again");
            assignments.forget(&changed);
            inventory.mark_changed();
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
    }
}

fn write(
    connection: &Connection,
    host: HostId,
    batch: &UsageBatch,
    now: Timestamp,
) -> rusqlite::Result<UsageTaken> {
    let mut refused = Vec::new();
    for (index, record) in (0u32..).zip(&batch.records) {
        let owner = match index < most() && is_possible(record, now) {
            true => owner(connection, host, record)?,
            false => None,
        };
        match owner {
            Some(owner) => write_record(connection, host, batch, record, &owner)?,
            None => refused.push(index),
        }
    }
    Ok(UsageTaken {
        number: batch.number,
        refused,
    })
}

fn most() -> u32 {
    u32::try_from(UsageBatch::MAX_RECORDS).unwrap_or(u32::MAX)
}

fn is_possible(record: &UsageRecord, now: Timestamp) -> bool {
    let length = i64::from(record.interval_seconds);
    length > 0
        && record.interval_start >= 0
        && record.interval_start % length == 0
        && record.interval_start <= now.unix_seconds() + FUTURE
}

/// Whose port it is.
struct Owner {
    network: [u8; 16],
    tenant: [u8; 16],
}

/// Whose port it is, if it was on this host when the interval began.
fn owner(
    connection: &Connection,
    host: HostId,
    record: &UsageRecord,
) -> rusqlite::Result<Option<Owner>> {
    let mut statement = connection.prepare_cached(
        "SELECT network, tenant FROM assignment
         WHERE host = ?1 AND port = ?2 AND (until IS NULL OR until / 1000 >= ?3)",
    )?;
    // What is read late belongs to the interval before.
    let started = record.interval_start - i64::from(record.interval_seconds);
    let values = params![bytes(host), bytes(record.port_id), started];
    let owner = statement.query_row(values, |row| {
        Ok(Owner {
            network: row.get(0)?,
            tenant: row.get(1)?,
        })
    });
    owner.optional()
}

fn write_record(
    connection: &Connection,
    host: HostId,
    batch: &UsageBatch,
    record: &UsageRecord,
    owner: &Owner,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT OR REPLACE INTO account VALUES (
            :tenant, :interval_start, :host, :port, :class, :epoch, :interval_seconds, :network,
            :sent_bytes, :sent_packets, :received_bytes, :received_packets,
            :sent_bytes_total, :sent_packets_total,
            :received_bytes_total, :received_packets_total, :read_at, :unread_seconds)",
    )?;
    let (moved, total) = (&record.moved, &record.total);
    statement.execute(named_params! {
        ":tenant": owner.tenant,
        ":interval_start": record.interval_start,
        ":host": bytes(host),
        ":port": bytes(record.port_id),
        ":class": record.class.code(),
        ":epoch": batch.epoch.as_bytes(),
        ":interval_seconds": record.interval_seconds,
        ":network": owner.network,
        ":sent_bytes": amount(moved.sent.bytes),
        ":sent_packets": amount(moved.sent.packets),
        ":received_bytes": amount(moved.received.bytes),
        ":received_packets": amount(moved.received.packets),
        ":sent_bytes_total": amount(total.sent.bytes),
        ":sent_packets_total": amount(total.sent.packets),
        ":received_bytes_total": amount(total.received.bytes),
        ":received_packets_total": amount(total.received.packets),
        ":read_at": record.read_at.unix_milliseconds(),
        ":unread_seconds": record.unread_seconds,
    })?;
    Ok(())
}

#[cfg(test)]
mod tests;
