//! Usage over a time range: sums of the ledger's intervals, by hours and days where they are rolled up.
//!
//! An interval belongs to the range that its start lies in, so that ranges that adjoin add up to the
//! whole. The open interval is included.

pub(crate) mod split;

use std::collections::BTreeMap;

use api::request::UsageQuery;
use model::{
    BothWays, ClassUsage, Timestamp, Traffic, TrafficClass, Usage, UsageOf, UsageSort, UsageStep,
};
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::ledger::Source;
use crate::rollup::{self, Cuts};

/// A time range: the start is included, the end is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
}

impl Range {
    /// What a query asks for; if it does not say, from the start of this month in UTC until now.
    pub(crate) fn of(query: &UsageQuery, now: Timestamp) -> Self {
        Self {
            from: query.from.unwrap_or_else(|| start_of_month(now)),
            to: query.to.unwrap_or(now),
        }
    }
}

fn start_of_month(now: Timestamp) -> Timestamp {
    let now = OffsetDateTime::from_unix_timestamp(now.unix_seconds());
    let now = now.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let start = now
        .replace_day(1)
        .unwrap_or(now)
        .replace_time(time::Time::MIDNIGHT);
    Timestamp::from_unix_seconds(start.unix_timestamp())
}

/// Answers the query: the page of it that was asked for.
pub(crate) fn usage(
    connection: &Connection,
    query: &UsageQuery,
    range: Range,
) -> rusqlite::Result<Vec<Usage>> {
    let (sql, values) = statement(query, range);
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut usage: BTreeMap<(i64, Uuid), Usage> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let (id, step): (_, i64) = (Uuid::from_bytes(row.get(0)?), row.get(1)?);
        let usage = usage
            .entry((step, id))
            .or_insert_with(|| nothing(query.by, id, part(query, range, step)));
        let (meter, class) = (row.get(2)?, row.get(3)?);
        match meter {
            0 => add_account(usage, class, sums(row)?),
            source => add_meter(usage, source, sums(row)?),
        }
    }
    let mut usage: Vec<_> = usage.into_values().collect();
    if query.sort == UsageSort::MostBytesFirst {
        usage.sort_by_key(|it| std::cmp::Reverse(it.sent.bytes.saturating_add(it.received.bytes)));
    }
    let [offset, limit] = [query.cursor, query.limit].map(|it| usize::try_from(it).unwrap_or(0));
    Ok(usage.into_iter().skip(offset).take(limit).collect())
}

/// The part of the range that a step is; without steps it is the whole.
fn part(query: &UsageQuery, range: Range, starts: i64) -> Range {
    let Some(step) = query.step else {
        return range;
    };
    let end = starts.saturating_add(step.seconds());
    Range {
        from: range.from.max(Timestamp::from_unix_seconds(starts)),
        to: range.to.min(Timestamp::from_unix_seconds(end)),
    }
}

/// The first start of an interval within a range, and the first behind it. Starts are whole seconds, so the
/// first one not before a moment is that moment rounded up.
fn starts_in(range: Range) -> [i64; 2] {
    [range.from, range.to].map(|moment| -(-moment.unix_milliseconds()).div_euclid(1000))
}

/// Asks only for what is of this tenant, this network and this port, where one is named.
fn only_of(ids: [Option<uuid::Uuid>; 3], sql: &mut String, values: &mut Vec<Value>) {
    for (column, id) in ["tenant", "network", "port"].into_iter().zip(ids) {
        if let Some(id) = id {
            *sql += &format!(" AND {column} = ?");
            values.push(Value::from(id.as_bytes().to_vec()));
        }
    }
}

/// Sums in halves: a sum of 63-bit amounts, which a lying host can cause, would not fit otherwise,
/// and fail the whole report.
fn statement(query: &UsageQuery, range: Range) -> (String, Vec<Value>) {
    let column = match query.by {
        UsageOf::Tenant => "tenant",
        UsageOf::Network => "network",
        UsageOf::Port => "port",
    };
    let step = query.step.map_or("0".to_owned(), |step| {
        format!("starts - starts % {}", step.seconds())
    });
    let sums = AMOUNTS.map(|amount| format!("sum({amount} >> 32), sum({amount} & 0xffffffff)"));
    let mut sql = format!(
        "{} SELECT {column}, {step}, meter, class, {} FROM part WHERE true",
        rollup::ALL,
        sums.join(", ")
    );
    let [from, to] = starts_in(range);
    let finest = query.step.map_or(i64::MAX, UsageStep::seconds);
    let cuts = Cuts::of(from, to, finest);
    let mut values: Vec<Value> = cuts.parameters().map(Value::from).into();
    let of = [
        query.tenant_id.map(model::Id::uuid),
        query.network_id.map(model::Id::uuid),
        query.port_id.map(model::Id::uuid),
    ];
    only_of(of, &mut sql, &mut values);
    sql += " GROUP BY 1, 2, 3, 4";
    (sql, values)
}

/// The columns that are summed.
pub(crate) const AMOUNTS: [&str; 5] = [
    "sent_bytes",
    "sent_packets",
    "received_bytes",
    "received_packets",
    "samples",
];

fn nothing(of: UsageOf, id: Uuid, range: Range) -> Usage {
    Usage {
        of,
        id,
        from: range.from,
        to: range.to,
        sent: Traffic::default(),
        received: Traffic::default(),
        classes: Vec::new(),
        interface_sent: Traffic::default(),
        interface_received: Traffic::default(),
        sent_estimate: Traffic::default(),
        samples: 0,
    }
}

/// The columns of such sums, from the fifth on.
pub(crate) fn sums(row: &Row<'_>) -> rusqlite::Result<[u64; 5]> {
    let mut sums = [0; 5];
    for (number, sum) in sums.iter_mut().enumerate() {
        let high: i64 = row.get(4 + 2 * number)?;
        let low: i64 = row.get(5 + 2 * number)?;
        let whole = (i128::from(high) << 32) + i128::from(low);
        *sum = u64::try_from(whole.max(0)).unwrap_or(u64::MAX);
    }
    Ok(sums)
}

pub(crate) fn both_ways(sums: [u64; 5]) -> BothWays {
    let [
        sent_bytes,
        sent_packets,
        received_bytes,
        received_packets,
        _,
    ] = sums;
    BothWays {
        sent: Traffic {
            bytes: sent_bytes,
            packets: sent_packets,
        },
        received: Traffic {
            bytes: received_bytes,
            packets: received_packets,
        },
    }
}

fn add_account(usage: &mut Usage, class: i64, sums: [u64; 5]) {
    let class = u8::try_from(class).ok().and_then(TrafficClass::from_code);
    let Some(class) = class else {
        return;
    };
    let BothWays { sent, received } = both_ways(sums);
    usage.sent = plus(usage.sent, sent);
    usage.received = plus(usage.received, received);
    usage.classes.push(ClassUsage {
        class,
        sent,
        received,
    });
}

fn add_meter(usage: &mut Usage, source: i64, sums: [u64; 5]) {
    let BothWays { sent, received } = both_ways(sums);
    if source == Source::Samples as i64 {
        usage.sent_estimate = sent;
        usage.samples = sums[4];
    } else {
        usage.interface_sent = sent;
        usage.interface_received = received;
    }
}

fn plus(a: Traffic, b: Traffic) -> Traffic {
    Traffic {
        bytes: a.bytes.saturating_add(b.bytes),
        packets: a.packets.saturating_add(b.packets),
    }
}
