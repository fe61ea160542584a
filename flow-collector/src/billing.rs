//! What a tenant owes for a period.
//!
//! ```text
//!   ledger --records--> slots (five minutes) --measure--> amounts, percentiles --rate--> lines
//! ```
//!
//! Both steps are pure. **Slots** are of five minutes whatever the ledger's intervals: shorter ones
//! are summed, longer ones spread evenly. All VIFs of a tenant are summed first, then ranked. A slot
//! without a record counts as silence, so that a gap never raises a bill; how many there were is said.

pub(crate) mod explain;
pub(crate) mod measure;
pub(crate) mod plans;
pub(crate) mod rate;

use std::collections::BTreeMap;

use api::problem::{Code, Problem};
use api::request::BillsQuery;
use model::billing::{Adjustment, Bill, BillSummary, Period, PortTransfer, RatePlan, Seal, Zone};
use model::{BothWays, ClassUsage, PortId, TenantId, Timestamp, Traffic, TrafficClass};
use rusqlite::{Connection, Row, params};
use rust_decimal::Decimal;

use crate::ledger::{bytes, counted, id};
use crate::seal::{self, Span};
use measure::{Measured, Slots};

/// The most points of a bill's chart.
const COURSE: usize = 800;

/// The bill of a tenant for a period, as the ledger has it now.
pub(crate) fn bill(
    connection: &Connection,
    tenant: TenantId,
    period: Period,
    now: Timestamp,
) -> rusqlite::Result<Bill> {
    if let Some(kept) = seal::bill(connection, tenant, period)? {
        return Ok(kept);
    }
    let plan = plans::of_tenant(connection, tenant, period)?;
    let seal = seal::of_period(connection, tenant, period)?;
    let span = span(connection, tenant, period, (seal.as_ref(), plan.as_ref()))?;
    let until = span.to.min(now.unix_seconds()).max(span.from);
    let slots = slots(connection, tenant, Span { to: until, ..span })?;
    let adjustments = adjustments(connection, tenant, span)?;
    let measured = slots.measure();
    let amounts = adjusted(&measured.classes, &adjustments);
    let rated = plan.as_ref().map(|plan| {
        let lines = rate::lines(&plan.terms, &amounts, &slots);
        let total = lines.iter().map(|line| line.amount).sum();
        (lines, total)
    });
    let (lines, total) = rated.unwrap_or((Vec::new(), Decimal::ZERO));
    let Measured { classes, rates } = measured;
    Ok(Bill {
        tenant_id: tenant,
        period,
        timezone: zone(plan.as_ref()),
        from: Timestamp::from_unix_seconds(span.from),
        to: Timestamp::from_unix_seconds(span.to),
        as_of: Timestamp::from_unix_seconds(until),
        seal,
        rate_plan: plan.as_ref().map(|plan| plan.name.clone()),
        currency: plan.map(|plan| plan.terms.currency),
        lines,
        total,
        classes,
        adjustments,
        rates,
        ports: ports(connection, tenant, span)?,
        slots: slots.count(),
        slots_silent: slots.silent(),
        unread_seconds: unread_seconds(connection, tenant, span)?,
        course: slots.course(COURSE),
    })
}

/// The bills of a period: the page of them that is asked for, by tenant. Whoever ever had a port on a host,
/// or a rate plan, has one.
pub(crate) fn bills(
    connection: &Connection,
    BillsQuery { period, page }: BillsQuery,
    now: Timestamp,
) -> rusqlite::Result<Vec<BillSummary>> {
    let mut statement = connection.prepare_cached(
        "SELECT tenant FROM assignment UNION SELECT tenant FROM rate_plan_assignment
         ORDER BY tenant LIMIT ? OFFSET ?",
    )?;
    let tenants = statement.query_map([page.limit, page.offset], |row| id(row, 0))?;
    let bill = |tenant: rusqlite::Result<_>| bill(connection, tenant?, period, now);
    tenants.map(|tenant| Ok(bill(tenant)?.into())).collect()
}

fn zone(plan: Option<&RatePlan>) -> Zone {
    plan.map_or_else(Zone::utc, |plan| plan.terms.timezone.clone())
}

/// When a period of a tenant begins and ends: as it was sealed; else by the clocks of the plan's zone,
/// but where the seal before it ended.
fn span(
    connection: &Connection,
    tenant: TenantId,
    period: Period,
    (seal, plan): (Option<&Seal>, Option<&RatePlan>),
) -> rusqlite::Result<Span> {
    if let Some(seal) = seal {
        return Ok(Span {
            from: seal.from.unix_seconds(),
            to: seal.to.unix_seconds(),
        });
    }
    let zone = zone(plan);
    let month = Span {
        from: period.start_in(&zone).unix_seconds(),
        to: period.next().start_in(&zone).unix_seconds(),
    };
    let sealed = seal::sealed(connection, tenant)?.until;
    // Only a change of zones makes these differ, by hours.
    let near = sealed.abs_diff(month.from) < 2 * 24 * 3600;
    Ok(Span {
        from: if near { sealed } else { month.from },
        ..month
    })
}

/// Seals a period that is over. Sealing it again gives the seal that there is.
pub(crate) fn seal_period(
    connection: &Connection,
    tenant: TenantId,
    period: Period,
    now: Timestamp,
) -> rusqlite::Result<Result<Seal, Problem>> {
    if let Some(seal) = seal::of_period(connection, tenant, period)? {
        return Ok(Ok(seal));
    }
    let plan = plans::of_tenant(connection, tenant, period)?;
    let span = span(connection, tenant, period, (None, plan.as_ref()))?;
    if span.to > now.unix_seconds() {
        let to = Timestamp::from_unix_seconds(span.to);
        let detail = format!("the period {period} is not over before {to}");
        return Ok(Err(Problem::new(Code::InUse, detail)));
    }
    let sealed = seal::sealed(connection, tenant)?.until;
    let detail = match first_record(connection, tenant)?.map(Timestamp::from_unix_seconds) {
        _ if sealed == span.from => None,
        _ if sealed != i64::MIN => {
            let until = Timestamp::from_unix_seconds(sealed);
            Some(format!(
                "the tenant's records are sealed until {until}: the period that begins there is next"
            ))
        }
        Some(first) if first.unix_seconds() < span.from => Some(format!(
            "there are records before {period}, from {first} on: seal those first"
        )),
        Some(first) if first.unix_seconds() < span.to => None,
        _ => Some(format!("there is no record in {period}, nor before")),
    };
    if let Some(detail) = detail {
        return Ok(Err(Problem::new(Code::InUse, detail)));
    }
    seal::add(connection, tenant, period, span).map(Ok)
}

/// The period of a tenant that is to be sealed next, over or not; none before the first record.
pub(crate) fn next_to_seal(
    connection: &Connection,
    tenant: TenantId,
) -> rusqlite::Result<Option<(Period, Span)>> {
    let period = match seal::newest(connection, tenant)? {
        Some(seal) => seal.period.next(),
        None => {
            let Some(first) = first_record(connection, tenant)? else {
                return Ok(None);
            };
            let first = Timestamp::from_unix_seconds(first);
            let in_utc = Period::of(first, &Zone::utc());
            let plan = plans::of_tenant(connection, tenant, in_utc)?;
            Period::of(first, &zone(plan.as_ref()))
        }
    };
    let plan = plans::of_tenant(connection, tenant, period)?;
    let span = span(connection, tenant, period, (None, plan.as_ref()))?;
    Ok(Some((period, span)))
}

fn first_record(connection: &Connection, tenant: TenantId) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT min(interval_start) FROM account WHERE tenant = ?";
    connection.query_row(sql, [bytes(tenant)], |row| row.get(0))
}

/// The tenant's traffic, all VIFs summed, by slot and class.
fn slots(connection: &Connection, tenant: TenantId, span: Span) -> rusqlite::Result<Slots> {
    let mut slots = Slots::new(span.from, span.to);
    let mut statement = connection.prepare(
        "SELECT interval_start, interval_seconds, class, sum(sent_bytes), sum(sent_packets),
             sum(received_bytes), sum(received_packets)
         FROM account WHERE tenant = ? AND interval_start >= ? AND interval_start < ?
         GROUP BY interval_start, interval_seconds, class",
    )?;
    let mut rows = statement.query(params![bytes(tenant), span.from, span.to])?;
    while let Some(row) = rows.next()? {
        if let Some(class) = class(row, 2)? {
            let moved = both_ways(row, 3)?;
            slots.add((row.get(0)?, row.get(1)?), class, moved);
        }
    }
    Ok(slots)
}

pub(crate) fn class(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<TrafficClass>> {
    let code: i64 = row.get(at)?;
    Ok(u8::try_from(code).ok().and_then(TrafficClass::from_code))
}

pub(crate) fn both_ways(row: &Row<'_>, at: usize) -> rusqlite::Result<BothWays> {
    let traffic = |at| -> rusqlite::Result<Traffic> {
        Ok(Traffic {
            bytes: counted(row, at)?,
            packets: counted(row, at + 1)?,
        })
    };
    Ok(BothWays {
        sent: traffic(at)?,
        received: traffic(at + 2)?,
    })
}

fn adjustments(
    connection: &Connection,
    tenant: TenantId,
    span: Span,
) -> rusqlite::Result<Vec<Adjustment>> {
    let mut statement = connection.prepare(
        "SELECT class, sum(sent_bytes), sum(received_bytes) FROM adjustment
         WHERE tenant = ? AND booked >= ? AND booked < ? GROUP BY class",
    )?;
    let mut rows = statement.query(params![bytes(tenant), span.from, span.to])?;
    let mut adjustments = Vec::new();
    while let Some(row) = rows.next()? {
        if let Some(class) = class(row, 0)? {
            adjustments.push(Adjustment {
                class,
                sent_bytes: row.get(1)?,
                received_bytes: row.get(2)?,
            });
        }
    }
    Ok(adjustments)
}

/// What is to be paid for: the period's own, and what came too late for the ones before.
fn adjusted(
    classes: &[ClassUsage],
    adjustments: &[Adjustment],
) -> BTreeMap<TrafficClass, [u64; 2]> {
    let mut amounts: BTreeMap<_, [i128; 2]> = BTreeMap::new();
    for usage in classes {
        let sums = amounts.entry(usage.class).or_default();
        sums[0] += i128::from(usage.sent.bytes);
        sums[1] += i128::from(usage.received.bytes);
    }
    for adjustment in adjustments {
        let sums = amounts.entry(adjustment.class).or_default();
        sums[0] += i128::from(adjustment.sent_bytes);
        sums[1] += i128::from(adjustment.received_bytes);
    }
    let positive = |amount: i128| u64::try_from(amount.max(0)).unwrap_or(u64::MAX);
    let amounts = amounts.into_iter();
    amounts
        .map(|(class, sums)| (class, sums.map(positive)))
        .collect()
}

fn ports(
    connection: &Connection,
    tenant: TenantId,
    span: Span,
) -> rusqlite::Result<Vec<PortTransfer>> {
    let mut statement = connection.prepare(
        "SELECT port, class, sum(sent_bytes), sum(sent_packets), sum(received_bytes),
             sum(received_packets)
         FROM account WHERE tenant = ? AND interval_start >= ? AND interval_start < ?
         GROUP BY port, class",
    )?;
    let mut rows = statement.query(params![bytes(tenant), span.from, span.to])?;
    let mut ports: BTreeMap<PortId, Vec<ClassUsage>> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let Some(class) = class(row, 1)? else {
            continue;
        };
        let BothWays { sent, received } = both_ways(row, 2)?;
        ports.entry(id(row, 0)?).or_default().push(ClassUsage {
            class,
            sent,
            received,
        });
    }
    let ports = ports.into_iter();
    Ok(ports
        .map(|(port_id, classes)| PortTransfer { port_id, classes })
        .collect())
}

fn unread_seconds(connection: &Connection, tenant: TenantId, span: Span) -> rusqlite::Result<u64> {
    connection.query_row(
        "SELECT coalesce(sum(unread_seconds), 0) FROM account
         WHERE tenant = ? AND interval_start >= ? AND interval_start < ?",
        params![bytes(tenant), span.from, span.to],
        |row| counted(row, 0),
    )
}

/// The span of a period of a tenant, for whoever looks into it.
pub(crate) fn span_of(
    connection: &Connection,
    tenant: TenantId,
    period: Period,
) -> rusqlite::Result<Span> {
    let plan = plans::of_tenant(connection, tenant, period)?;
    let seal = seal::of_period(connection, tenant, period)?;
    span(connection, tenant, period, (seal.as_ref(), plan.as_ref()))
}

#[cfg(test)]
mod tests;
