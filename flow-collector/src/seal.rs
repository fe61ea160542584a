//! Sealed periods: a chain of hashes over a tenant's records, so that none changes unseen.
//!
//! ```text
//!   seal n-1 --hash--> record --chain--> record --chain--> ... --chain--> adjustment --> hash of seal n
//! ```
//!
//! A record's chain is SHA-256 over the chain before it and all of its columns, in the order of the
//! table's key. What comes after the seal is an adjustment, booked in the period that is open then.

use std::fmt::Write;

use api::request::Paging;
use model::billing::{Bill, Period, Seal, Verification};
use model::{TenantId, Timestamp};
use ring::digest::{Context, SHA256};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::ledger::{bytes, id};

/// The chain before the first seal of a tenant.
const BEGINNING: [u8; 32] = [0; 32];

/// A link of the chain.
type Chain = [u8; 32];

/// What is sealed: until when, which number, and the chain up to there.
pub(crate) struct Sealed {
    pub(crate) until: i64,
    number: u32,
    hash: Chain,
}

/// The two tables of records, and what says which period a row belongs to.
const TABLES: [(&str, &str); 2] = [("account", "interval_start"), ("adjustment", "booked")];

/// Every column of a record that is under the seal.
const COLUMNS: &str = "interval_start, host, port, class, epoch, interval_seconds, network,
    sent_bytes, sent_packets, received_bytes, received_packets,
    sent_bytes_total, sent_packets_total, received_bytes_total, received_packets_total,
    read_at, unread_seconds";

/// How far a tenant's records are sealed.
pub(crate) fn sealed(connection: &Connection, tenant: TenantId) -> rusqlite::Result<Sealed> {
    let mut statement = connection.prepare_cached(
        "SELECT ends, number, hash FROM seal WHERE tenant = ? ORDER BY number DESC LIMIT 1",
    )?;
    let newest = statement.query_row([bytes(tenant)], |row| {
        Ok(Sealed {
            until: row.get(0)?,
            number: row.get(1)?,
            hash: row.get(2)?,
        })
    });
    Ok(newest.optional()?.unwrap_or(Sealed {
        until: i64::MIN,
        number: 0,
        hash: BEGINNING,
    }))
}

/// A tenant's seal of a period, if there is one.
pub(crate) fn of_period(
    connection: &Connection,
    tenant: TenantId,
    period: Period,
) -> rusqlite::Result<Option<Seal>> {
    let sql = format!("{SELECT} WHERE tenant = ? AND period = ?");
    let values = params![bytes(tenant), period.to_string()];
    connection.query_row(&sql, values, seal).optional()
}

/// A tenant's newest seal.
pub(crate) fn newest(connection: &Connection, tenant: TenantId) -> rusqlite::Result<Option<Seal>> {
    let sql = format!("{SELECT} WHERE tenant = ? ORDER BY number DESC LIMIT 1");
    connection.query_row(&sql, [bytes(tenant)], seal).optional()
}

/// All seals, by tenant and number.
fn all(connection: &Connection) -> rusqlite::Result<Vec<Seal>> {
    let mut statement = connection.prepare(&format!("{SELECT} ORDER BY tenant, number"))?;
    let rows = statement.query_map([], seal)?;
    rows.collect()
}

const SELECT: &str =
    "SELECT tenant, number, period, starts, ends, sealed_at, records, hash FROM seal";

fn seal(row: &Row<'_>) -> rusqlite::Result<Seal> {
    let period: String = row.get(2)?;
    let hash: Chain = row.get(7)?;
    let broken = |error: model::Invalid| {
        let kind = rusqlite::types::Type::Text;
        rusqlite::Error::FromSqlConversionFailure(2, kind, error.into())
    };
    Ok(Seal {
        tenant_id: id(row, 0)?,
        number: row.get(1)?,
        period: period.parse().map_err(broken)?,
        from: Timestamp::from_unix_seconds(row.get(3)?),
        to: Timestamp::from_unix_seconds(row.get(4)?),
        sealed_at: Timestamp::from_unix_seconds(row.get(5)?),
        records: row.get::<_, i64>(6)?.unsigned_abs(),
        hash: hex(&hash),
    })
}

/// Seals, by tenant and number: the page that is asked for.
pub(crate) fn page(connection: &Connection, page: Paging) -> rusqlite::Result<Vec<Seal>> {
    let sql = format!("{SELECT} ORDER BY tenant, number LIMIT ? OFFSET ?");
    let mut statement = connection.prepare(&sql)?;
    let rows = statement.query_map([page.limit, page.offset], seal)?;
    rows.collect()
}

/// A span that is to be sealed, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: i64,
    pub(crate) to: i64,
}

/// Seals a period of a tenant, which must begin where the last seal ended.
pub(crate) fn add(
    connection: &Connection,
    tenant: TenantId,
    period: Period,
    span: Span,
) -> rusqlite::Result<Seal> {
    let before = sealed(connection, tenant)?;
    let mut chain = before.hash;
    let mut records = 0i64;
    for (table, when) in TABLES {
        let rows = links(connection, (table, when), tenant, span)?;
        let mut update = connection.prepare(&format!("UPDATE {table} SET chain = ?1 {ONE}"))?;
        for row in rows {
            chain = link(&chain, &row.content);
            let Key {
                interval,
                host,
                port,
                class,
                epoch,
            } = row.key;
            update.execute(params![
                chain,
                bytes(tenant),
                interval,
                host,
                port,
                class,
                epoch,
                row.booked
            ])?;
            records += 1;
        }
    }
    connection.execute(
        "INSERT INTO seal (tenant, number, period, starts, ends, sealed_at, records, hash)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            bytes(tenant),
            before.number + 1,
            period.to_string(),
            span.from,
            span.to,
            Timestamp::now().unix_seconds(),
            records,
            chain,
        ],
    )?;
    of_period(connection, tenant, period)?.ok_or(rusqlite::Error::QueryReturnedNoRows)
}

const ONE: &str = "WHERE tenant = ?2 AND interval_start = ?3 AND host = ?4 AND port = ?5
    AND class = ?6 AND epoch = ?7 AND booked = ?8";

/// A record under the seal: its key, all it says, and the chain that is kept with it.
struct Link {
    key: Key,
    booked: i64,
    content: Vec<u8>,
    chain: Option<Chain>,
}

struct Key {
    interval: i64,
    host: [u8; 16],
    port: [u8; 16],
    class: i64,
    epoch: [u8; 16],
}

fn links(
    connection: &Connection,
    (table, when): (&str, &str),
    tenant: TenantId,
    span: Span,
) -> rusqlite::Result<Vec<Link>> {
    let mut statement = connection.prepare(&format!(
        "SELECT {COLUMNS}, booked, chain FROM {table}
         WHERE tenant = ? AND {when} >= ? AND {when} < ?
         ORDER BY interval_start, host, port, class, epoch, booked"
    ))?;
    let rows = statement.query_map(params![bytes(tenant), span.from, span.to], |row| {
        let mut content = bytes(tenant).to_vec();
        for column in 0..18 {
            match row.get_ref(column)? {
                rusqlite::types::ValueRef::Integer(number) => content.extend(number.to_be_bytes()),
                rusqlite::types::ValueRef::Blob(blob) => content.extend(blob),
                _ => {}
            }
        }
        let key = Key {
            interval: row.get(0)?,
            host: row.get(1)?,
            port: row.get(2)?,
            class: row.get(3)?,
            epoch: row.get(4)?,
        };
        Ok(Link {
            key,
            booked: row.get(17)?,
            content,
            chain: row.get(18)?,
        })
    })?;
    rows.collect()
}

fn link(before: &Chain, content: &[u8]) -> Chain {
    let mut context = Context::new(&SHA256);
    context.update(before);
    context.update(content);
    let mut chain = BEGINNING;
    chain.copy_from_slice(context.finish().as_ref());
    chain
}

/// The oldest seal over a period that ended before a moment and whose records are kept.
pub(crate) fn oldest_with_records(
    connection: &Connection,
    before: i64,
) -> rusqlite::Result<Option<(TenantId, Period)>> {
    let sql = format!("{SELECT} WHERE bill IS NULL AND ends < ? ORDER BY number, tenant LIMIT 1");
    let found = connection.query_row(&sql, [before], seal).optional()?;
    Ok(found.map(|seal| (seal.tenant_id, seal.period)))
}

/// Deletes the records of a sealed period, and keeps its bill as it is.
pub(crate) fn forget(connection: &Connection, bill: &Bill) -> rusqlite::Result<()> {
    let text = serde_json::to_string(bill)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let (tenant, ends) = (bytes(bill.tenant_id), bill.to.unix_seconds());
    connection.execute(
        "UPDATE seal SET bill = ? WHERE tenant = ? AND period = ?",
        params![text, tenant, bill.period.to_string()],
    )?;
    for table in ["account", "usage"] {
        let sql = format!("DELETE FROM {table} WHERE tenant = ? AND interval_start < ?");
        connection.execute(&sql, params![tenant, ends])?;
    }
    Ok(())
}

/// The bill of a period whose records are not kept any more.
pub(crate) fn bill(
    connection: &Connection,
    tenant: TenantId,
    period: Period,
) -> rusqlite::Result<Option<Bill>> {
    let sql = "SELECT bill FROM seal WHERE tenant = ? AND period = ? AND bill IS NOT NULL";
    let values = params![bytes(tenant), period.to_string()];
    let text = connection.query_row(sql, values, |row| row.get::<_, String>(0));
    let broken = |error: serde_json::Error| {
        let kind = rusqlite::types::Type::Text;
        rusqlite::Error::FromSqlConversionFailure(0, kind, error.into())
    };
    let bill = text.optional()?.map(|text| serde_json::from_str(&text));
    bill.transpose().map_err(broken)
}

/// Recomputes everything that is sealed.
pub(crate) fn verify(connection: &Connection) -> rusqlite::Result<Verification> {
    let mut verification = Verification {
        seals: 0,
        records: 0,
        seals_without_records: 0,
        fault: None,
    };
    let mut at: Option<(TenantId, Chain, u32, i64)> = None;
    for seal in all(connection)? {
        let before = at.filter(|(tenant, ..)| *tenant == seal.tenant_id);
        let (_, chain, number, end) =
            before.unwrap_or((seal.tenant_id, BEGINNING, 0, seal.from.unix_seconds()));
        verification.seals += 1;
        let follows = seal.number == number + 1 && seal.from.unix_seconds() == end;
        let outcome = match follows.then(|| unhex(&seal.hash)) {
            // Its records are gone; what follows must still go on from its hash.
            Some(Some(hash)) if bill(connection, seal.tenant_id, seal.period)?.is_some() => {
                verification.seals_without_records += 1;
                Ok((hash, 0))
            }
            Some(_) => recompute(connection, &seal, chain)?,
            None => Err(format!(
                "seal {} does not follow the one before",
                seal.number
            )),
        };
        match outcome {
            Ok((chain, records)) => {
                verification.records += records;
                at = Some((seal.tenant_id, chain, seal.number, seal.to.unix_seconds()));
            }
            Err(fault) => {
                let tenant = seal.tenant_id;
                let fault = format!("tenant {tenant}, period {}: {fault}", seal.period);
                verification.fault = Some(fault);
                break;
            }
        }
    }
    Ok(verification)
}

/// The chain at the end of a seal and the number of its records, or what does not fit.
fn recompute(
    connection: &Connection,
    seal: &Seal,
    mut chain: Chain,
) -> rusqlite::Result<Result<(Chain, u64), String>> {
    let span = Span {
        from: seal.from.unix_seconds(),
        to: seal.to.unix_seconds(),
    };
    let mut records = 0;
    for table in TABLES {
        for row in links(connection, table, seal.tenant_id, span)? {
            chain = link(&chain, &row.content);
            records += 1;
            if row.chain != Some(chain) {
                return Ok(Err(fault(table.0, &row)));
            }
        }
    }
    let complete = records == seal.records && hex(&chain) == seal.hash;
    Ok(complete.then_some((chain, records)).ok_or_else(|| {
        let expected = seal.records;
        format!("the seal is over {expected} records with another hash; found are {records}")
    }))
}

fn fault(table: &str, row: &Link) -> String {
    let at = Timestamp::from_unix_seconds(row.key.interval);
    let port = uuid::Uuid::from_bytes(row.key.port);
    let host = uuid::Uuid::from_bytes(row.key.host);
    let what = match row.chain {
        None => "was added after the seal",
        Some(_) => "was changed, or one before it was removed",
    };
    format!("in {table} the record of port {port} on host {host} at {at} {what}")
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<Chain> {
    let mut bytes = BEGINNING;
    for (number, byte) in bytes.iter_mut().enumerate() {
        let digits = text.get(2 * number..2 * number + 2)?;
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
pub(crate) mod tests;
