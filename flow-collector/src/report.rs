//! Usage over a time range: sums of the ledger's intervals.
//!
//! An interval belongs to the range that its start lies in, so that ranges that adjoin add up to the
//! whole. The open interval is included.

use std::collections::BTreeMap;

use api::request::UsageQuery;
use model::{BothWays, ClassUsage, Timestamp, Traffic, TrafficClass, Usage, UsageOf};
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::ledger::Source;

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

/// Answers the query, sorted by id.
pub(crate) fn usage(
    connection: &Connection,
    query: &UsageQuery,
    range: Range,
) -> rusqlite::Result<Vec<Usage>> {
    let mut usage: BTreeMap<Uuid, Usage> = BTreeMap::new();
    for (table, add) in TABLES {
        let (sql, values) = statement(table, query, range);
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query(params_from_iter(values))?;
        while let Some(row) = rows.next()? {
            let id = Uuid::from_bytes(row.get(0)?);
            let usage = usage
                .entry(id)
                .or_insert_with(|| nothing(query.by, id, range));
            add(usage, row.get(1)?, sums(row)?);
        }
    }
    Ok(usage.into_values().collect())
}

/// A table of the ledger: its name, what tells its rows apart, and the amounts that are summed.
struct Table {
    name: &'static str,
    kind: &'static str,
    amounts: [&'static str; 5],
}

/// How the sums of a kind of row are shown.
type Add = fn(&mut Usage, i64, [u64; 5]);

/// The tables that usage is summed from.
const TABLES: [(Table, Add); 2] = [
    (
        Table {
            name: "(SELECT * FROM account UNION ALL SELECT * FROM adjustment)",
            kind: "class",
            amounts: amounts("0"),
        },
        add_account,
    ),
    (
        Table {
            name: "usage",
            kind: "source",
            amounts: amounts("samples"),
        },
        add_meter,
    ),
];

/// The columns that are summed.
const fn amounts(last: &'static str) -> [&'static str; 5] {
    [
        "sent_bytes",
        "sent_packets",
        "received_bytes",
        "received_packets",
        last,
    ]
}

/// Sums in halves: a sum of 63-bit amounts, which a lying host can cause, would not fit otherwise,
/// and fail the whole report.
fn statement(table: Table, query: &UsageQuery, range: Range) -> (String, Vec<Value>) {
    let Table {
        name,
        kind,
        amounts,
    } = table;
    let column = match query.by {
        UsageOf::Tenant => "tenant",
        UsageOf::Network => "network",
        UsageOf::Port => "port",
    };
    let sums = amounts.map(|amount| format!("sum({amount} >> 32), sum({amount} & 0xffffffff)"));
    let mut sql = format!(
        "SELECT {column}, {kind}, {} FROM {name}
         WHERE interval_start >= ? AND interval_start < ?",
        sums.join(", ")
    );
    // Starts are whole seconds, so the first one not before a moment is that moment rounded up.
    let bounds =
        [range.from, range.to].map(|moment| -(-moment.unix_milliseconds()).div_euclid(1000));
    let mut values: Vec<Value> = bounds.map(Value::from).into();
    let filters = [
        ("tenant", query.tenant_id.map(model::Id::uuid)),
        ("network", query.network_id.map(model::Id::uuid)),
        ("port", query.port_id.map(model::Id::uuid)),
    ];
    for (column, id) in filters {
        if let Some(id) = id {
            sql += &format!(" AND {column} = ?");
            values.push(Value::from(id.as_bytes().to_vec()));
        }
    }
    sql += &format!(" GROUP BY {column}, {kind}");
    (sql, values)
}

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

fn sums(row: &Row<'_>) -> rusqlite::Result<[u64; 5]> {
    let mut sums = [0; 5];
    for (number, sum) in sums.iter_mut().enumerate() {
        let high: i64 = row.get(2 + 2 * number)?;
        let low: i64 = row.get(3 + 2 * number)?;
        let whole = (i128::from(high) << 32) + i128::from(low);
        *sum = u64::try_from(whole.max(0)).unwrap_or(u64::MAX);
    }
    Ok(sums)
}

fn both_ways(sums: [u64; 5]) -> BothWays {
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
