//! What hosts report of their ports by the pipeline's counters: checked, and put into the ledger.
//!
//! A host may report of a port that is on it, or was until just before; anything else is refused, and
//! offered again by the host for a while, for the inventory may be behind. Whose port it is, is never
//! the host's word but the inventory's. Records are absolute: the same one again changes nothing. What
//! comes for a sealed period is an adjustment in the open one.

mod assignment;

use std::sync::Arc;

use model::{
    BothWays, HostId, Inventory, NetworkId, TenantId, Timestamp, UsageBatch, UsageRecord,
    UsageTaken,
};
use rusqlite::{Connection, OptionalExtension, named_params, params};
use tokio::sync::watch;
use tracing::error;
use uuid::Uuid;

use crate::ledger::{Desk, LedgerError, amount, bytes, id};
use crate::{seal, upkeep};
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
        let told = owner.map(|owner| Told {
            host,
            epoch: batch.epoch,
            owner,
            record,
        });
        let fate = told.map_or(Ok(Fate::Refused), |told| write_record(connection, &told))?;
        if fate == Fate::Refused {
            refused.push(index);
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
    network: NetworkId,
    tenant: TenantId,
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
            network: id(row, 0)?,
            tenant: id(row, 1)?,
        })
    });
    owner.optional()
}

/// A record and all that is known of where it comes from.
struct Told<'a> {
    host: HostId,
    epoch: Uuid,
    owner: Owner,
    record: &'a UsageRecord,
}

/// Amounts, in the order of the columns; in an adjustment they may be below zero.
type Amounts = [i64; 4];

/// What becomes of a record.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Taken,
    Refused,
}

fn write_record(connection: &Connection, told: &Told<'_>) -> rusqlite::Result<Fate> {
    let moved = &told.record.moved;
    let amounts = [
        moved.sent.bytes,
        moved.sent.packets,
        moved.received.bytes,
        moved.received.packets,
    ];
    let amounts = amounts.map(amount);
    let sealed = seal::sealed(connection, told.owner.tenant)?;
    if told.record.interval_start >= sealed.until {
        insert(connection, "account", told, amounts, 0)?;
        insert_last_counts(connection, told)?;
        return Ok(Fate::Taken);
    }
    // Of what is not kept any more, nobody can tell whether this was part of it.
    let forgotten = upkeep::forgotten_until(connection, told.owner.tenant)?;
    if forgotten.is_some_and(|until| told.record.interval_start < until) {
        return Ok(Fate::Refused);
    }
    // What is sealed stays as it is; what it lacks is booked in the period that is open.
    let known = known(connection, told, sealed.until)?;
    let here = known.booked_here;
    let missing = std::array::from_fn(|n| amounts[n] - known.elsewhere[n]);
    if missing != here {
        insert(connection, "adjustment", told, missing, sealed.until)?;
    }
    Ok(Fate::Taken)
}

/// What the ledger has of a record already.
struct Known {
    /// Under seals.
    elsewhere: Amounts,
    /// As an adjustment in the open period.
    booked_here: Amounts,
}

fn known(connection: &Connection, told: &Told<'_>, open: i64) -> rusqlite::Result<Known> {
    let mut statement = connection.prepare_cached(
        "SELECT booked, sent_bytes, sent_packets, received_bytes, received_packets
         FROM (SELECT * FROM account UNION ALL SELECT * FROM adjustment)
         WHERE tenant = ? AND interval_start = ? AND host = ? AND port = ? AND class = ?
             AND epoch = ?",
    )?;
    let Told {
        host,
        epoch,
        owner,
        record,
    } = told;
    let mut rows = statement.query(params![
        bytes(owner.tenant),
        record.interval_start,
        bytes(*host),
        bytes(record.port_id),
        record.class.code(),
        epoch.as_bytes(),
    ])?;
    let mut known = Known {
        elsewhere: [0; 4],
        booked_here: [0; 4],
    };
    while let Some(row) = rows.next()? {
        let sum = match row.get::<_, i64>(0)? == open {
            true => &mut known.booked_here,
            false => &mut known.elsewhere,
        };
        for (number, sum) in sum.iter_mut().enumerate() {
            *sum = sum.saturating_add(row.get(number + 1)?);
        }
    }
    Ok(known)
}

fn insert(
    connection: &Connection,
    table: &str,
    told: &Told<'_>,
    amounts: Amounts,
    booked: i64,
) -> rusqlite::Result<()> {
    let Told {
        host,
        epoch,
        owner,
        record,
    } = told;
    let mut statement = connection.prepare_cached(&format!(
        "INSERT OR REPLACE INTO {table} VALUES (
            :tenant, :interval_start, :host, :port, :class, :epoch, :interval_seconds, :network,
            :sent_bytes, :sent_packets, :received_bytes, :received_packets,
            :sent_bytes_total, :sent_packets_total,
            :received_bytes_total, :received_packets_total,
            :read_at, :unread_seconds, :booked, NULL)"
    ))?;
    let total = &record.total;
    statement.execute(named_params! {
        ":tenant": bytes(owner.tenant),
        ":interval_start": record.interval_start,
        ":host": bytes(*host),
        ":port": bytes(record.port_id),
        ":class": record.class.code(),
        ":epoch": epoch.as_bytes(),
        ":interval_seconds": record.interval_seconds,
        ":network": bytes(owner.network),
        ":sent_bytes": amounts[0],
        ":sent_packets": amounts[1],
        ":received_bytes": amounts[2],
        ":received_packets": amounts[3],
        ":sent_bytes_total": amount(total.sent.bytes),
        ":sent_packets_total": amount(total.sent.packets),
        ":received_bytes_total": amount(total.received.bytes),
        ":received_packets_total": amount(total.received.packets),
        ":read_at": record.read_at.unix_milliseconds(),
        ":unread_seconds": record.unread_seconds,
        ":booked": booked,
    })?;
    Ok(())
}

/// Most intervals see no flow go, and have no row of this.
fn insert_last_counts(connection: &Connection, told: &Told<'_>) -> rusqlite::Result<()> {
    let BothWays { sent, received } = told.record.last_counts;
    if sent == received && sent == model::Traffic::default() {
        return Ok(());
    }
    let mut statement = connection
        .prepare_cached("INSERT OR REPLACE INTO last_counts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
    statement.execute(params![
        told.record.interval_start,
        bytes(told.host),
        bytes(told.record.port_id),
        told.record.class.code(),
        told.epoch.as_bytes(),
        amount(sent.bytes),
        amount(sent.packets),
        amount(received.bytes),
        amount(received.packets),
    ])?;
    Ok(())
}

/// For tests of what comes after.
#[cfg(test)]
pub(crate) fn learn_once(connection: &Connection, inventory: &Inventory) {
    let changed = Assignments::default().follow(inventory, Timestamp::from_unix_seconds(0));
    assignment::save(connection, &changed).unwrap();
}

/// For tests of what comes after.
#[cfg(test)]
pub(crate) fn write_once(connection: &Connection, host: HostId, batch: &UsageBatch) -> UsageTaken {
    write(connection, host, batch, Timestamp::now()).unwrap()
}

#[cfg(test)]
mod tests;
