//! Evidence as rows.

use rusqlite::{Connection, Row, Transaction, named_params};

use super::rows::{bytes, id};
use crate::tally::evidence::{CounterRun, DatagramRun, Evidence, Numbered, OfPort};
use crate::tally::{Counter, Reading, Stamp};
use model::HostId;

/// Writes a port's run of counters.
pub(super) fn write_counters(
    transaction: &Transaction<'_>,
    numbered: &Numbered<OfPort, CounterRun>,
) -> rusqlite::Result<()> {
    let Numbered {
        interval_start,
        of: (host, port),
        number,
        run,
    } = numbered;
    let mut statement = transaction.prepare_cached(
        "INSERT OR REPLACE INTO counter_run VALUES (
            :interval_start, :host, :port, :number, :if_index, :readings,
            :from_arrived, :from_uptime, :from_sequence, :from_sent_bytes, :from_sent_packets,
            :from_received_bytes, :from_received_packets,
            :to_arrived, :to_uptime, :to_sequence, :to_sent_bytes, :to_sent_packets,
            :to_received_bytes, :to_received_packets)",
    )?;
    statement.execute(named_params! {
        ":interval_start": interval_start,
        ":host": bytes(*host),
        ":port": bytes(*port),
        ":number": number,
        ":if_index": run.if_index,
        ":readings": run.readings,
        ":from_arrived": run.from.stamp.arrived,
        ":from_uptime": run.from.stamp.uptime,
        ":from_sequence": run.from.stamp.sequence,
        ":from_sent_bytes": run.from.sent.bytes.cast_signed(),
        ":from_sent_packets": run.from.sent.packets,
        ":from_received_bytes": run.from.received.bytes.cast_signed(),
        ":from_received_packets": run.from.received.packets,
        ":to_arrived": run.to.stamp.arrived,
        ":to_uptime": run.to.stamp.uptime,
        ":to_sequence": run.to.stamp.sequence,
        ":to_sent_bytes": run.to.sent.bytes.cast_signed(),
        ":to_sent_packets": run.to.sent.packets,
        ":to_received_bytes": run.to.received.bytes.cast_signed(),
        ":to_received_packets": run.to.received.packets,
    })?;
    Ok(())
}

/// Writes a host's run of datagrams.
pub(super) fn write_datagrams(
    transaction: &Transaction<'_>,
    numbered: &Numbered<HostId, DatagramRun>,
) -> rusqlite::Result<()> {
    let run = &numbered.run;
    let mut statement = transaction.prepare_cached(
        "INSERT OR REPLACE INTO datagram_run VALUES (
            :interval_start, :host, :number, :sub_agent, :taken,
            :first_arrived, :first_uptime, :first_sequence,
            :last_arrived, :last_uptime, :last_sequence)",
    )?;
    statement.execute(named_params! {
        ":interval_start": numbered.interval_start,
        ":host": bytes(numbered.of),
        ":number": numbered.number,
        ":sub_agent": run.sub_agent,
        ":taken": run.taken,
        ":first_arrived": run.first.arrived,
        ":first_uptime": run.first.uptime,
        ":first_sequence": run.first.sequence,
        ":last_arrived": run.last.arrived,
        ":last_uptime": run.last.uptime,
        ":last_sequence": run.last.sequence,
    })?;
    Ok(())
}

/// The columns of a run of counters, as [`counter_run`] reads them.
pub(crate) const COUNTER_RUN: &str = "host, port, number, if_index, readings,
    from_arrived, from_uptime, from_sequence,
    from_sent_bytes, from_sent_packets, from_received_bytes, from_received_packets,
    to_arrived, to_uptime, to_sequence,
    to_sent_bytes, to_sent_packets, to_received_bytes, to_received_packets";

/// The columns of a run of datagrams, as [`datagram_run`] reads them.
pub(crate) const DATAGRAM_RUN: &str = "host, number, sub_agent, taken,
    first_arrived, first_uptime, first_sequence, last_arrived, last_uptime, last_sequence";

/// The evidence of an interval.
pub(super) fn read(connection: &Connection, interval_start: i64) -> rusqlite::Result<Evidence> {
    let mut statement = connection.prepare(&format!(
        "SELECT {COUNTER_RUN} FROM counter_run WHERE interval_start = ?
         ORDER BY host, port, number"
    ))?;
    let counters = statement.query_map([interval_start], |row| {
        Ok(Numbered {
            interval_start,
            of: (id(row, 0)?, id(row, 1)?),
            number: row.get(2)?,
            run: counter_run(row)?,
        })
    })?;
    let counters = counters.collect::<rusqlite::Result<_>>()?;
    let mut statement = connection.prepare(&format!(
        "SELECT {DATAGRAM_RUN} FROM datagram_run WHERE interval_start = ? ORDER BY host, number"
    ))?;
    let datagrams = statement.query_map([interval_start], |row| {
        Ok(Numbered {
            interval_start,
            of: id(row, 0)?,
            number: row.get(1)?,
            run: datagram_run(row)?,
        })
    })?;
    Ok(Evidence {
        counters,
        datagrams: datagrams.collect::<rusqlite::Result<_>>()?,
    })
}

/// A row of [`COUNTER_RUN`].
pub(crate) fn counter_run(row: &Row<'_>) -> rusqlite::Result<CounterRun> {
    let port = id(row, 1)?;
    let reading = |at: usize| -> rusqlite::Result<Reading> {
        Ok(Reading {
            stamp: stamp(row, at)?,
            port,
            sent: counter(row, at + 3)?,
            received: counter(row, at + 5)?,
        })
    };
    Ok(CounterRun {
        if_index: row.get(3)?,
        readings: row.get(4)?,
        from: reading(5)?,
        to: reading(12)?,
    })
}

/// A row of [`DATAGRAM_RUN`].
pub(crate) fn datagram_run(row: &Row<'_>) -> rusqlite::Result<DatagramRun> {
    Ok(DatagramRun {
        sub_agent: row.get(2)?,
        taken: row.get(3)?,
        first: stamp(row, 4)?,
        last: stamp(row, 7)?,
    })
}

fn stamp(row: &Row<'_>, at: usize) -> rusqlite::Result<Stamp> {
    Ok(Stamp {
        arrived: row.get(at)?,
        uptime: row.get(at + 1)?,
        sequence: row.get(at + 2)?,
    })
}

fn counter(row: &Row<'_>, at: usize) -> rusqlite::Result<Counter> {
    Ok(Counter {
        bytes: row.get::<_, i64>(at)?.cast_unsigned(),
        packets: row.get(at + 1)?,
    })
}
