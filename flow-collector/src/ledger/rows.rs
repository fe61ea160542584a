//! Amounts and readings as rows.

use model::{Id, Traffic};
use rusqlite::{Connection, Row, Transaction, named_params, params};
use rustc_hash::FxHashMap;
use uuid::Uuid;

use super::Pending;
use super::{evidence, split};
use crate::tally::{Amounts, Counter, Entry, Heard, InterfaceId, Moved, Reading, Resume, Stamp};

/// An interface that is silent for so long while its host is not is gone: 30 days, in milliseconds.
const SILENT: i64 = 30 * 24 * 3600 * 1000;

/// Which meter a row is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Interface counters.
    Counters = 1,
    /// Flow samples.
    Samples = 2,
}

/// Writes it all.
pub(super) fn write(transaction: &Transaction<'_>, pending: &Pending) -> rusqlite::Result<()> {
    for entry in pending.entries.values() {
        write_entry(transaction, entry)?;
    }
    for (interface, reading) in &pending.readings {
        write_reading(transaction, *interface, reading)?;
    }
    for heard in pending.heard.values() {
        write_heard(transaction, heard)?;
    }
    for kept in pending.splits.values() {
        split::write(transaction, pending.begun, kept)?;
    }
    for run in pending.counters.values() {
        evidence::write_counters(transaction, run)?;
    }
    for run in pending.datagrams.values() {
        evidence::write_datagrams(transaction, run)?;
    }
    Ok(())
}

fn write_heard(transaction: &Transaction<'_>, heard: &Heard) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(
        "INSERT OR REPLACE INTO heard VALUES (
            :interval_start, :host, :datagrams, :missing, :refused, :samples, :samples_missing,
            :sample_drops, :rate_least, :rate_most, :clock_steps, :dropped_by_agent)",
    )?;
    statement.execute(named_params! {
        ":interval_start": heard.interval_start,
        ":host": bytes(heard.host),
        ":datagrams": amount(heard.datagrams),
        ":missing": amount(heard.missing),
        ":refused": amount(heard.refused),
        ":samples": amount(heard.samples),
        ":samples_missing": amount(heard.samples_missing),
        ":sample_drops": amount(heard.sample_drops),
        ":rate_least": heard.rates[0],
        ":rate_most": heard.rates[1],
        ":clock_steps": amount(heard.clock_steps),
        ":dropped_by_agent": amount(heard.dropped_by_agent),
    })?;
    Ok(())
}

/// What was heard of hosts in an interval.
pub(crate) fn heard(connection: &Connection, interval_start: i64) -> rusqlite::Result<Vec<Heard>> {
    let mut statement = connection.prepare_cached(
        "SELECT host, datagrams, missing, refused, samples, samples_missing, sample_drops,
             rate_least, rate_most, clock_steps, dropped_by_agent
         FROM heard WHERE interval_start = ?",
    )?;
    let rows = statement.query_map([interval_start], |row| {
        Ok(Heard {
            interval_start,
            host: id(row, 0)?,
            datagrams: counted(row, 1)?,
            missing: counted(row, 2)?,
            refused: counted(row, 3)?,
            samples: counted(row, 4)?,
            samples_missing: counted(row, 5)?,
            sample_drops: counted(row, 6)?,
            rates: [row.get(7)?, row.get(8)?],
            clock_steps: counted(row, 9)?,
            dropped_by_agent: counted(row, 10)?,
        })
    })?;
    rows.collect()
}

/// A port whose counters were read gets a row even when nothing moved: silence is not absence.
fn write_entry(transaction: &Transaction<'_>, entry: &Entry) -> rusqlite::Result<()> {
    let amounts = &entry.amounts;
    write_usage(transaction, entry, Source::Counters, amounts.counted)?;
    if amounts.samples == 0 {
        return Ok(());
    }
    let estimate = Moved {
        sent: amounts.sent_estimate,
        received: Traffic::default(),
    };
    write_usage(transaction, entry, Source::Samples, estimate)
}

fn write_usage(
    transaction: &Transaction<'_>,
    entry: &Entry,
    source: Source,
    moved: Moved,
) -> rusqlite::Result<()> {
    let samples = match source {
        Source::Counters => 0,
        Source::Samples => entry.amounts.samples,
    };
    let mut statement = transaction.prepare_cached(
        "INSERT OR REPLACE INTO usage VALUES (
            :interval_start, :host, :port, :source, :network, :tenant,
            :sent_bytes, :sent_packets, :received_bytes, :received_packets, :samples)",
    )?;
    statement.execute(named_params! {
        ":interval_start": entry.interval_start,
        ":host": bytes(entry.host),
        ":port": bytes(entry.port),
        ":source": source as i64,
        ":network": bytes(entry.network),
        ":tenant": bytes(entry.tenant),
        ":sent_bytes": amount(moved.sent.bytes),
        ":sent_packets": amount(moved.sent.packets),
        ":received_bytes": amount(moved.received.bytes),
        ":received_packets": amount(moved.received.packets),
        ":samples": amount(samples),
    })?;
    Ok(())
}

fn write_reading(
    transaction: &Transaction<'_>,
    (host, if_index): InterfaceId,
    reading: &Reading,
) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(
        "INSERT OR REPLACE INTO reading VALUES (
            :host, :if_index, :port, :arrived, :uptime, :sequence,
            :sent_bytes, :sent_packets, :received_bytes, :received_packets)",
    )?;
    statement.execute(named_params! {
        ":host": bytes(host),
        ":if_index": if_index,
        ":port": bytes(reading.port),
        ":arrived": reading.stamp.arrived,
        ":uptime": reading.stamp.uptime,
        ":sequence": reading.stamp.sequence,
        ":sent_bytes": reading.sent.bytes.cast_signed(),
        ":sent_packets": reading.sent.packets,
        ":received_bytes": reading.received.bytes.cast_signed(),
        ":received_packets": reading.received.packets,
    })?;
    Ok(())
}

/// Where to go on: in this interval, or the last one written if our clock has been set back.
pub(super) fn resume(connection: &Connection, interval_start: i64) -> rusqlite::Result<Resume> {
    let begun = connection.query_row("SELECT at FROM begun", [], |row| row.get(0))?;
    let last: Option<i64> =
        connection.query_row("SELECT max(interval_start) FROM usage", [], |row| {
            row.get(0)
        })?;
    let interval_start = interval_start.max(last.unwrap_or(i64::MIN));
    forget_the_gone(connection)?;
    Ok(Resume {
        begun,
        interval_start,
        entries: entries(connection, interval_start)?,
        readings: readings(connection)?,
        evidence: evidence::read(connection, interval_start)?,
        heard: heard(connection, interval_start)?,
    })
}

fn forget_the_gone(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute(
        "DELETE FROM reading WHERE arrived < ?1 +
            (SELECT max(arrived) FROM reading AS newest WHERE newest.host = reading.host)",
        params![-SILENT],
    )?;
    Ok(())
}

fn entries(connection: &Connection, interval_start: i64) -> rusqlite::Result<Vec<Entry>> {
    let mut entries: FxHashMap<_, Entry> = FxHashMap::default();
    let mut statement = connection.prepare(
        "SELECT host, port, network, tenant, source,
            sent_bytes, sent_packets, received_bytes, received_packets, samples
         FROM usage WHERE interval_start = ?1",
    )?;
    let mut rows = statement.query([interval_start])?;
    while let Some(row) = rows.next()? {
        let (host, port) = (id(row, 0)?, id(row, 1)?);
        let (network, tenant) = (id(row, 2)?, id(row, 3)?);
        let entry = entries.entry((host, port)).or_insert_with(|| Entry {
            interval_start,
            host,
            port,
            network,
            tenant,
            amounts: Amounts::default(),
        });
        let sent = traffic(row, 5)?;
        if row.get::<_, i64>(4)? == Source::Samples as i64 {
            entry.amounts.sent_estimate = sent;
            entry.amounts.samples = counted(row, 9)?;
        } else {
            let received = traffic(row, 7)?;
            entry.amounts.counted = Moved { sent, received };
        }
    }
    Ok(entries.into_values().collect())
}

fn readings(connection: &Connection) -> rusqlite::Result<Vec<(InterfaceId, Reading)>> {
    let mut statement = connection.prepare(
        "SELECT host, if_index, port, arrived, uptime, sequence,
            sent_bytes, sent_packets, received_bytes, received_packets
         FROM reading",
    )?;
    let counter = |row: &Row<'_>, at: usize| -> rusqlite::Result<Counter> {
        Ok(Counter {
            bytes: row.get::<_, i64>(at)?.cast_unsigned(),
            packets: row.get(at + 1)?,
        })
    };
    let rows = statement.query_map([], |row| {
        let stamp = Stamp {
            arrived: row.get(3)?,
            uptime: row.get(4)?,
            sequence: row.get(5)?,
        };
        let reading = Reading {
            stamp,
            port: id(row, 2)?,
            sent: counter(row, 6)?,
            received: counter(row, 8)?,
        };
        Ok(((id(row, 0)?, row.get(1)?), reading))
    })?;
    rows.collect()
}

pub(crate) fn bytes<T>(id: Id<T>) -> [u8; 16] {
    *id.uuid().as_bytes()
}

pub(crate) fn id<T>(row: &Row<'_>, at: usize) -> rusqlite::Result<Id<T>> {
    row.get(at).map(|bytes| Uuid::from_bytes(bytes).into())
}

fn traffic(row: &Row<'_>, at: usize) -> rusqlite::Result<Traffic> {
    Ok(Traffic {
        bytes: counted(row, at)?,
        packets: counted(row, at + 1)?,
    })
}

/// `SQLite` has 63 bits for an amount, and no link moves that much in an interval.
pub(crate) fn amount(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}

pub(crate) fn counted(row: &Row<'_>, at: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(at).map(i64::unsigned_abs)
}
