//! From a line of a bill to its intervals, and from these to the readings and datagrams behind them.
//!
//! ```text
//!   line --classes, slot--> records of `account`, adjustments
//!                             |--host, port, interval--> usage, counter_run: the interface's counters
//!                             \--host, interval--------> heard, datagram_run: sequence numbers
//! ```

use api::request::RecordQuery;
use model::billing::{Adjustment, CounterReading, CounterRun, DatagramRun, Evidence, LedgerRecord};
use model::{BothWays, HostId, PortId, Timestamp, Traffic, TrafficClass};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use super::{both_ways, class, span_of};
use crate::ledger::evidence::{COUNTER_RUN, DATAGRAM_RUN, counter_run, datagram_run};
use crate::ledger::{Source, bytes, counted, id};
use crate::seal;
use crate::tally::evidence as kept;

/// What a record and an adjustment have in common.
const COLUMNS: &str = "interval_start, interval_seconds, host, port, network, class,
    sent_bytes, sent_packets, received_bytes, received_packets,
    sent_bytes_total, sent_packets_total, received_bytes_total, received_packets_total,
    read_at, epoch, unread_seconds, chain, booked";

/// The records that a bill rests on, oldest first, and then what came too late for bills before it:
/// the page that is asked for.
pub(crate) fn records(
    connection: &Connection,
    query: &RecordQuery,
) -> rusqlite::Result<Vec<LedgerRecord>> {
    let (sql, values) = statement(connection, query)?;
    let mut statement = connection.prepare(&sql)?;
    let rows = statement.query_map(params_from_iter(values), record)?;
    let mut records = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    for record in &mut records {
        record.evidence = evidence(connection, record)?;
        if record.adjustment.is_none() {
            record.last_counts = last_counts(connection, record)?;
        }
    }
    Ok(records)
}

fn statement(
    connection: &Connection,
    query: &RecordQuery,
) -> rusqlite::Result<(String, Vec<Value>)> {
    let tenant = query.of.tenant_id;
    let span = span_of(connection, tenant, query.of.period)?;
    let tenant = Value::from(bytes(tenant).to_vec());
    let [from, to] = [span.from, span.to].map(Value::from);
    let mut values = vec![tenant.clone(), from.clone(), to.clone(), tenant, from, to];
    let mut sql = format!(
        "SELECT {COLUMNS} FROM (
             SELECT * FROM account WHERE tenant = ? AND interval_start >= ? AND interval_start < ?
             UNION ALL
             SELECT * FROM adjustment WHERE tenant = ? AND booked >= ? AND booked < ?)
         WHERE true"
    );
    let seconds = |at: Timestamp| Value::from(at.unix_seconds());
    let filters = [
        ("interval_start >= ?", query.from.map(seconds)),
        ("interval_start < ?", query.to.map(seconds)),
        (
            "class = ?",
            query.class.map(|it| Value::from(i64::from(it.code()))),
        ),
        (
            "port = ?",
            query.port_id.map(|it| Value::from(bytes(it).to_vec())),
        ),
    ];
    for (condition, value) in filters {
        if let Some(value) = value {
            sql += &format!(" AND {condition}");
            values.push(value);
        }
    }
    sql += " ORDER BY booked, interval_start, host, port, class, epoch LIMIT ? OFFSET ?";
    values.extend([query.page.limit, query.page.offset].map(|it| Value::from(i64::from(it))));
    Ok((sql, values))
}

fn record(row: &Row<'_>) -> rusqlite::Result<LedgerRecord> {
    let chain: Option<[u8; 32]> = row.get(17)?;
    let read_at: i64 = row.get(14)?;
    let class = class(row, 5)?.unwrap_or(TrafficClass::TenantInternal);
    let is_adjustment = row.get::<_, i64>(18)? != 0;
    let adjustment = Adjustment {
        class,
        sent_bytes: row.get(6)?,
        received_bytes: row.get(8)?,
    };
    Ok(LedgerRecord {
        interval_start: Timestamp::from_unix_seconds(row.get(0)?),
        interval_seconds: row.get(1)?,
        host_id: id(row, 2)?,
        port_id: id(row, 3)?,
        network_id: id(row, 4)?,
        class,
        moved: match is_adjustment {
            true => BothWays::default(),
            false => both_ways(row, 6)?,
        },
        total: both_ways(row, 10)?,
        read_at: Timestamp::from_unix_seconds(read_at.div_euclid(1000)),
        epoch: uuid::Uuid::from_bytes(row.get(15)?),
        unread_seconds: row.get(16)?,
        chain: chain.map(|chain| seal::hex(&chain)),
        last_counts: BothWays::default(),
        adjustment: is_adjustment.then_some(adjustment),
        evidence: Evidence::default(),
    })
}

fn last_counts(connection: &Connection, record: &LedgerRecord) -> rusqlite::Result<BothWays> {
    let mut statement = connection.prepare_cached(
        "SELECT sent_bytes, sent_packets, received_bytes, received_packets FROM last_counts
         WHERE interval_start = ? AND host = ? AND port = ? AND class = ? AND epoch = ?",
    )?;
    let values = params![
        record.interval_start.unix_seconds(),
        bytes(record.host_id),
        bytes(record.port_id),
        record.class.code(),
        record.epoch.as_bytes(),
    ];
    let found = statement.query_row(values, |row| both_ways(row, 0));
    Ok(found.optional()?.unwrap_or_default())
}

/// Where evidence is: in the collector's intervals that begin in the record's.
struct Place {
    from: i64,
    to: i64,
    host: HostId,
    port: PortId,
}

fn evidence(connection: &Connection, record: &LedgerRecord) -> rusqlite::Result<Evidence> {
    let from = record.interval_start.unix_seconds();
    let place = Place {
        from,
        to: from.saturating_add(record.interval_seconds.into()),
        host: record.host_id,
        port: record.port_id,
    };
    let mut evidence = Evidence {
        readings: readings(connection, &place)?,
        datagrams: datagrams(connection, &place)?,
        datagrams_missing: missing(connection, &place)?,
        ..Evidence::default()
    };
    let mut statement = connection.prepare_cached(
        "SELECT source, sent_bytes, sent_packets, received_bytes, received_packets, samples
         FROM usage WHERE interval_start >= ? AND interval_start < ? AND host = ? AND port = ?",
    )?;
    let (host, port) = (bytes(place.host), bytes(place.port));
    let mut rows = statement.query(params![place.from, place.to, host, port])?;
    while let Some(row) = rows.next()? {
        let moved = both_ways(row, 1)?;
        if row.get::<_, i64>(0)? == Source::Samples as i64 {
            evidence.sent_estimate = plus(evidence.sent_estimate, moved.sent);
            evidence.samples = evidence.samples.saturating_add(counted(row, 5)?);
            continue;
        }
        let before = evidence.interface.unwrap_or_default();
        evidence.interface = Some(BothWays {
            sent: plus(before.sent, moved.sent),
            received: plus(before.received, moved.received),
        });
    }
    Ok(evidence)
}

fn readings(connection: &Connection, place: &Place) -> rusqlite::Result<Vec<CounterRun>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COUNTER_RUN} FROM counter_run
         WHERE interval_start >= ? AND interval_start < ? AND host = ? AND port = ?
         ORDER BY interval_start, number"
    ))?;
    let (host, port) = (bytes(place.host), bytes(place.port));
    let rows = statement.query_map(params![place.from, place.to, host, port], |row| {
        let kept::CounterRun {
            if_index,
            from,
            to,
            readings,
        } = counter_run(row)?;
        Ok(CounterRun {
            if_index,
            from: reading(&from),
            to: reading(&to),
            readings,
        })
    })?;
    rows.collect()
}

fn reading(of: &crate::tally::Reading) -> CounterReading {
    let traffic = |counter: crate::tally::Counter| Traffic {
        bytes: counter.bytes,
        packets: counter.packets.into(),
    };
    CounterReading {
        arrived: Timestamp::from_unix_seconds(of.stamp.arrived.div_euclid(1000)),
        sequence: of.stamp.sequence,
        uptime_milliseconds: of.stamp.uptime,
        counters: BothWays {
            sent: traffic(of.sent),
            received: traffic(of.received),
        },
    }
}

fn datagrams(connection: &Connection, place: &Place) -> rusqlite::Result<Vec<DatagramRun>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {DATAGRAM_RUN} FROM datagram_run
         WHERE interval_start >= ? AND interval_start < ? AND host = ?
         ORDER BY interval_start, number"
    ))?;
    let rows = statement.query_map(params![place.from, place.to, bytes(place.host)], |row| {
        let run = datagram_run(row)?;
        let seconds = |milliseconds: i64| milliseconds.div_euclid(1000);
        Ok(DatagramRun {
            sub_agent: run.sub_agent,
            first_sequence: run.first.sequence,
            last_sequence: run.last.sequence,
            taken: run.taken,
            first_arrived: Timestamp::from_unix_seconds(seconds(run.first.arrived)),
            last_arrived: Timestamp::from_unix_seconds(seconds(run.last.arrived)),
        })
    })?;
    rows.collect()
}

fn missing(connection: &Connection, place: &Place) -> rusqlite::Result<u64> {
    let mut statement = connection.prepare_cached(
        "SELECT coalesce(sum(missing), 0) FROM heard
         WHERE interval_start >= ? AND interval_start < ? AND host = ?",
    )?;
    let values = params![place.from, place.to, bytes(place.host)];
    statement.query_row(values, |row| counted(row, 0))
}

fn plus(a: Traffic, b: Traffic) -> Traffic {
    Traffic {
        bytes: a.bytes.saturating_add(b.bytes),
        packets: a.packets.saturating_add(b.packets),
    }
}

#[cfg(test)]
mod tests;
