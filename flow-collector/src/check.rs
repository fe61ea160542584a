//! Meters that check each other: what the pipeline counted, the interfaces' counters and the estimate
//! from samples, by port and interval; and what was heard of each host.
//!
//! ```text
//!   account (billed) ---\
//!   usage: counters -----+--> judge, purely --> findings --> ledger, log, events
//!   usage: estimate ----/
//!   heard: gaps, rates, clocks
//! ```
//!
//! An interval is judged when the one after it is over, too: counters are read every so many seconds,
//! so that what they show of its end is in the next one.

mod judge;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use api::request::Paging;
use model::{HostId, MeterFinding, PortId, Timestamp};
use rusqlite::{Connection, Row, params};
use tokio::sync::broadcast;
use tokio::time::MissedTickBehavior;
use tracing::{error, warn};

use crate::collector::interval_start;
use crate::ledger::{Desk, LedgerError, Source, bytes, counted, heard, id};
use judge::{Both, HostMeters, PortMeters, judge};

/// How often it is looked whether an interval can be judged.
const PERIOD: Duration = Duration::from_secs(30);
/// So long after its end the last records of an interval are there, in seconds.
const SETTLING: i64 = 120;

/// Judges intervals for ever, from the first that begins from now on, and tells what it finds.
pub(crate) async fn run(
    desk: Desk,
    interval_seconds: NonZeroU32,
    tell: broadcast::Sender<MeterFinding>,
) {
    let length = i64::from(interval_seconds.get());
    let mut next = interval_start(Timestamp::now(), interval_seconds).saturating_add(length);
    let mut period = tokio::time::interval(PERIOD);
    period.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        period.tick().await;
        let can_be_judged = Timestamp::now().unix_seconds() - SETTLING;
        while next.saturating_add(2 * length) <= can_be_judged {
            match pass(&desk, next, interval_seconds).await {
                Ok(findings) => findings.into_iter().for_each(|it| say(&tell, it)),
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    error!(error, "could not compare the meters; trying again");
                    break;
                }
            }
            next = next.saturating_add(length);
        }
    }
}

fn say(tell: &broadcast::Sender<MeterFinding>, finding: MeterFinding) {
    warn!(host.id = %finding.host_id, cause = finding.cause.name(), "{}", finding.message);
    // Nobody may be listening; the ledger has it.
    let _ = tell.send(finding);
}

async fn pass(
    desk: &Desk,
    start: i64,
    interval_seconds: NonZeroU32,
) -> Result<Vec<MeterFinding>, LedgerError> {
    let work = move |connection: &Connection| {
        let found = check(connection, start, interval_seconds)?;
        news(connection, found)
    };
    desk.run(work).await
}

/// What was not so in the interval before.
fn news(connection: &Connection, found: Vec<MeterFinding>) -> rusqlite::Result<Vec<MeterFinding>> {
    let mut statement = connection.prepare_cached(
        "SELECT 1 FROM finding WHERE interval_start = ? AND host = ? AND port = ? AND cause = ?",
    )?;
    let mut news = Vec::new();
    for finding in found {
        let before = finding.interval_start.unix_seconds() - i64::from(finding.interval_seconds);
        let port = finding.port_id.map(bytes);
        let port = port.as_ref().map_or(&[][..], |bytes| &bytes[..]);
        let (host, cause) = (bytes(finding.host_id), finding.cause.name());
        if !statement.exists(params![before, host, port, cause])? {
            news.push(finding);
        }
    }
    Ok(news)
}

/// Compares the meters of an interval, and keeps what is found.
pub(crate) fn check(
    connection: &Connection,
    start: i64,
    interval_seconds: NonZeroU32,
) -> rusqlite::Result<Vec<MeterFinding>> {
    let mut findings = Vec::new();
    for meters in gather(connection, start, interval_seconds)?.values() {
        for (port_id, cause, message) in judge(meters) {
            findings.push(MeterFinding {
                interval_start: Timestamp::from_unix_seconds(start),
                interval_seconds: interval_seconds.get(),
                host_id: meters.host,
                port_id,
                cause,
                message,
            });
        }
    }
    for finding in &findings {
        keep(connection, finding)?;
    }
    Ok(findings)
}

fn gather(
    connection: &Connection,
    start: i64,
    interval_seconds: NonZeroU32,
) -> rusqlite::Result<BTreeMap<HostId, HostMeters>> {
    let mut hosts: BTreeMap<HostId, HostMeters> = BTreeMap::new();
    for heard in heard(connection, start)? {
        host(&mut hosts, heard.host).heard = Some(heard);
    }
    let next = start.saturating_add(interval_seconds.get().into());
    let sql = "SELECT host, port, sum(sent_bytes), sum(sent_packets), sum(received_bytes),
            sum(received_packets), interval_start = ?1
        FROM account WHERE interval_start IN (?1, ?2) GROUP BY host, port, interval_start";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([start, next])?;
    while let Some(row) = rows.next()? {
        let port = port(&mut hosts, row)?;
        match row.get(6)? {
            true => port.counted = both(row)?,
            false => port.stays = true,
        }
    }
    let sql = "SELECT host, port, sent_bytes, sent_packets, received_bytes, received_packets,
            source, samples, interval_start = ?1
        FROM usage WHERE interval_start IN (?1, ?2)";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([start, next])?;
    while let Some(row) = rows.next()? {
        let (source, is_of_it): (i64, bool) = (row.get(6)?, row.get(8)?);
        let port = port(&mut hosts, row)?;
        let moved = both(row)?;
        match (source == Source::Samples as i64, is_of_it) {
            (true, true) => (port.estimate, port.samples) = (moved.sent, counted(row, 7)?),
            (true, false) => {}
            (false, true) => port.interface = Some(moved),
            (false, false) => port.interface_next = moved,
        }
    }
    Ok(hosts)
}

fn host(hosts: &mut BTreeMap<HostId, HostMeters>, id: HostId) -> &mut HostMeters {
    hosts.entry(id).or_insert_with(|| HostMeters::new(id))
}

fn port<'h>(
    hosts: &'h mut BTreeMap<HostId, HostMeters>,
    row: &Row<'_>,
) -> rusqlite::Result<&'h mut PortMeters> {
    let (host_id, port): (_, PortId) = (id(row, 0)?, id(row, 1)?);
    Ok(host(hosts, host_id).ports.entry(port).or_default())
}

fn both(row: &Row<'_>) -> rusqlite::Result<Both> {
    Ok(Both {
        sent: [counted(row, 2)?, counted(row, 3)?],
        received: [counted(row, 4)?, counted(row, 5)?],
    })
}

fn keep(connection: &Connection, finding: &MeterFinding) -> rusqlite::Result<()> {
    let port = finding.port_id.map(bytes);
    let mut statement =
        connection.prepare_cached("INSERT OR REPLACE INTO finding VALUES (?, ?, ?, ?, ?, ?)")?;
    statement.execute(params![
        finding.interval_start.unix_seconds(),
        finding.interval_seconds,
        bytes(finding.host_id),
        port.as_ref().map_or(&[][..], |bytes| &bytes[..]),
        finding.cause.name(),
        finding.message,
    ])?;
    Ok(())
}

/// What was found, the newest first: the page of it that is asked for.
pub(crate) fn findings(
    connection: &Connection,
    page: Paging,
) -> rusqlite::Result<Vec<MeterFinding>> {
    let mut statement = connection.prepare(
        "SELECT host, interval_start, interval_seconds, port, cause, message FROM finding
         ORDER BY interval_start DESC, host, port, cause LIMIT ? OFFSET ?",
    )?;
    let rows = statement.query_map([page.limit, page.offset], |row| {
        let (port, cause): (Vec<u8>, String) = (row.get(3)?, row.get(4)?);
        let broken = |error: &'static str| {
            let kind = rusqlite::types::Type::Text;
            rusqlite::Error::FromSqlConversionFailure(4, kind, error.into())
        };
        Ok(MeterFinding {
            host_id: id(row, 0)?,
            interval_start: Timestamp::from_unix_seconds(row.get(1)?),
            interval_seconds: row.get(2)?,
            port_id: uuid::Uuid::from_slice(&port).ok().map(Into::into),
            cause: cause.parse().map_err(broken)?,
            message: row.get(5)?,
        })
    })?;
    rows.collect()
}

#[cfg(test)]
mod tests;
