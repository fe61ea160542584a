//! What was sent over a range, split by peer, protocol or address.
//!
//! ```text
//!   split: sampled, by interval, port and key --sum--> shares of a class, with their errors --\
//!   account: counted, by class ------------------------------------------------------sums-----+--> parts
//! ```

use std::collections::BTreeMap;

use api::request::SplitQuery;
use model::{PartKind, SplitBy, Timestamp, Traffic, TrafficClass, UsagePart};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::{Range, only_of, starts_in};
use crate::ledger::split::{KeptCell, KeptSummary};
use crate::share::{Sampled, share};

/// What was sampled of a key over the range.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    samples: u64,
    bytes: u64,
    packets: u64,
    variance: f64,
    /// So many bytes more may be in `other` of intervals that it has a cell in.
    hidden: u64,
    /// So many bytes of the floors of those intervals.
    floors: u64,
}

impl Sum {
    fn add(&mut self, cell: &KeptCell, floor: u64) {
        self.samples = self.samples.saturating_add(cell.samples);
        self.bytes = self.bytes.saturating_add(cell.bytes);
        self.packets = self.packets.saturating_add(cell.packets);
        self.variance += cell.variance;
        self.hidden = self.hidden.saturating_add(cell.hidden);
        self.floors = self.floors.saturating_add(floor);
    }

    fn sampled(&self) -> Sampled {
        Sampled {
            bytes: self.bytes as f64,
            variance: self.variance,
        }
    }
}

/// What was sampled of a class over the range.
#[derive(Debug, Default)]
struct Class {
    whole: Sum,
    other: Sum,
    keys: BTreeMap<String, Sum>,
    floors: u64,
}

/// Answers the query: the page of it that was asked for, the largest parts first.
pub(crate) fn parts(
    connection: &Connection,
    query: &SplitQuery,
    now: Timestamp,
) -> rusqlite::Result<Vec<UsagePart>> {
    let to = query.to.unwrap_or(now);
    let a_day_before = Timestamp::from_unix_seconds(to.unix_seconds().saturating_sub(86_400));
    let range = Range {
        from: query.from.unwrap_or(a_day_before),
        to,
    };
    let counted = counted(connection, query, range)?;
    let sampled = sampled(connection, query, range)?;
    let mut parts = Vec::new();
    for (class, total) in counted {
        let class_of = |kind, key: String| UsagePart {
            class,
            kind,
            key,
            sent: Traffic::default(),
            least_bytes: 0,
            most_bytes: 0,
            samples: 0,
            from: range.from,
            to: range.to,
        };
        match sampled.get(&class).filter(|it| it.whole.bytes > 0) {
            Some(sampled) => parts.extend(of_class(sampled, total, class_of)),
            None if total.bytes > 0 => parts.push(UsagePart {
                sent: total,
                least_bytes: total.bytes,
                most_bytes: total.bytes,
                ..class_of(PartKind::Unsampled, "unsampled".to_owned())
            }),
            None => {}
        }
    }
    parts.sort_by_key(|part| (part.class, std::cmp::Reverse(part.sent.bytes)));
    let [offset, limit] =
        [query.page.offset, query.page.limit].map(|it| usize::try_from(it).unwrap_or(0));
    Ok(parts.into_iter().skip(offset).take(limit).collect())
}

/// The parts of a class, of which so much was counted.
fn of_class(
    sampled: &Class,
    total: Traffic,
    part_of: impl Fn(PartKind, String) -> UsagePart,
) -> Vec<UsagePart> {
    let whole = sampled.whole.sampled();
    let packets = sampled.whole.packets.max(1);
    let part = |kind, key: String, sum: &Sum, hidden: u64| {
        let share = share(sum.sampled(), whole);
        let hidden = hidden as f64 / whole.bytes;
        let bytes = |share: f64| rounded(share * total.bytes as f64);
        UsagePart {
            sent: Traffic {
                bytes: bytes(share.share),
                packets: scaled(total.packets, sum.packets, packets),
            },
            least_bytes: bytes(share.least),
            most_bytes: bytes((share.most + hidden).min(1.0)),
            samples: sum.samples,
            ..part_of(kind, key)
        }
    };
    let keys = sampled.keys.iter().map(|(key, sum)| {
        // Where it has no cell, it may have what the floor says.
        let elsewhere = sampled.floors.saturating_sub(sum.floors);
        let hidden = sum.hidden.saturating_add(elsewhere);
        part(PartKind::Key, key.clone(), sum, hidden)
    });
    let mut parts: Vec<UsagePart> = keys.collect();
    if sampled.other.samples > 0 {
        parts.push(part(PartKind::Other, "other".to_owned(), &sampled.other, 0));
    }
    let nobody = Sum::default();
    let not_listed = "not-listed".to_owned();
    parts.push(part(
        PartKind::NotListed,
        not_listed,
        &nobody,
        sampled.floors,
    ));
    parts
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a part of a sum of 63 bits, which the cast would cut to the range besides"
)]
fn rounded(bytes: f64) -> u64 {
    bytes.round() as u64
}

fn scaled(total: u64, part: u64, whole: u64) -> u64 {
    let scaled = u128::from(total) * u128::from(part) / u128::from(whole);
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

/// The range and the filters of a query, as SQL and its values.
fn filtered(query: &SplitQuery, range: Range) -> (String, Vec<Value>) {
    let [from, to] = starts_in(range);
    let mut sql = "interval_start >= ? AND interval_start < ?".to_owned();
    let mut values = vec![Value::from(from), Value::from(to)];
    let of = [
        query.tenant_id.map(model::Id::uuid),
        query.network_id.map(model::Id::uuid),
        query.port_id.map(model::Id::uuid),
    ];
    only_of(of, &mut sql, &mut values);
    (sql, values)
}

/// What was sent, by class, as the pipeline counted it.
fn counted(
    connection: &Connection,
    query: &SplitQuery,
    range: Range,
) -> rusqlite::Result<BTreeMap<TrafficClass, Traffic>> {
    let (condition, values) = filtered(query, range);
    let sum = |column| format!("CAST(min(total({column}), 9e18) AS INTEGER)");
    let (bytes, packets) = (sum("sent_bytes"), sum("sent_packets"));
    let sql = format!(
        "SELECT class, {bytes}, {packets} FROM (
             SELECT tenant, network, port, interval_start, class, sent_bytes, sent_packets FROM account
             UNION ALL
             SELECT tenant, network, port, interval_start, class, sent_bytes, sent_packets
             FROM adjustment)
         WHERE {condition} GROUP BY class"
    );
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut counted = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let Some(class) = TrafficClass::from_code(row.get(0)?) else {
            continue;
        };
        let amount =
            |at| -> rusqlite::Result<u64> { Ok(row.get::<_, i64>(at)?.max(0).unsigned_abs()) };
        let traffic = Traffic {
            bytes: amount(1)?,
            packets: amount(2)?,
        };
        if query.class.is_none_or(|only| only == class) {
            counted.insert(class, traffic);
        }
    }
    Ok(counted)
}

fn sampled(
    connection: &Connection,
    query: &SplitQuery,
    range: Range,
) -> rusqlite::Result<BTreeMap<TrafficClass, Class>> {
    let (condition, values) = filtered(query, range);
    let column = match query.by {
        SplitBy::Peer => "peers",
        SplitBy::Protocol => "protocols",
        SplitBy::Address => "addresses",
    };
    let sql = format!("SELECT {column} FROM split WHERE {condition}");
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut classes = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let text: String = row.get(0)?;
        let summary: KeptSummary = serde_json::from_str(&text).map_err(|error| {
            let kind = rusqlite::types::Type::Text;
            rusqlite::Error::FromSqlConversionFailure(0, kind, error.into())
        })?;
        add(&mut classes, summary);
    }
    Ok(classes)
}

fn add(classes: &mut BTreeMap<TrafficClass, Class>, summary: KeptSummary) {
    for cell in &summary.other {
        let class = classes.entry(cell.class).or_default();
        class.whole.add(cell, 0);
        class.other.add(cell, 0);
        class.floors = class.floors.saturating_add(summary.floor);
    }
    for cell in summary.cells {
        // Where a class has nothing in `other`, nothing is hidden there.
        let is_whole = summary.other.iter().all(|other| other.class != cell.class);
        let floor = if is_whole { 0 } else { summary.floor };
        let class = classes.entry(cell.class).or_default();
        class.whole.add(&cell, 0);
        let sum = class.keys.entry(cell.key.clone()).or_default();
        let hidden = if is_whole { 0 } else { cell.hidden };
        sum.add(&KeptCell { hidden, ..cell }, floor);
    }
}

#[cfg(test)]
mod tests;
