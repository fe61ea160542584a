//! Hours and days: sums of the ledger's intervals, so that a report over a year reads days.
//!
//! Whoever writes an interval makes its hour stale (a trigger of the ledger's file does it, so that
//! nobody can forget). An hour that is over is rolled up, its day anew from its hours, and is stale no
//! more. So at any time, for an hour of a tenant: either it is stale, or its roll-up is exact.

use model::Timestamp;
use rusqlite::{Connection, params};

/// An hour, and a day, in seconds.
pub(crate) const HOUR: i64 = 3600;
pub(crate) const DAY: i64 = 86_400;

/// So long after its end an hour is left alone: the last of its records are still under way.
const SETTLING: i64 = 120;
/// So many hours are rolled up at once; others wait for the ledger meanwhile.
const AT_ONCE: u32 = 4;

/// Rolls up hours that are over and stale, the oldest first; gives how many.
pub(crate) fn roll(connection: &Connection, now: Timestamp) -> rusqlite::Result<usize> {
    let over = now.unix_seconds() - SETTLING - HOUR;
    let mut statement = connection
        .prepare_cached("SELECT DISTINCT starts FROM stale WHERE starts <= ? ORDER BY 1 LIMIT ?")?;
    let hours = statement.query_map(params![over, AT_ONCE], |row| row.get(0))?;
    let hours: Vec<i64> = hours.collect::<rusqlite::Result<_>>()?;
    for hour in &hours {
        roll_hour(connection, *hour)?;
    }
    Ok(hours.len())
}

/// The tenants of whom an hour is stale.
const THEIRS: &str = "tenant IN (SELECT tenant FROM stale WHERE starts = ?1)";

/// A sum that cannot fail, whatever a lying host has said: exact up to 2⁵³, as much as 100 Gbit/s
/// move in a week.
const SUMS: &str = "min(total(sent_bytes), 9e18), min(total(sent_packets), 9e18),
    min(total(received_bytes), 9e18), min(total(received_packets), 9e18)";

fn roll_hour(connection: &Connection, hour: i64) -> rusqlite::Result<()> {
    let sums = SUMS
        .replace("min(", "CAST(min(")
        .replace("9e18)", "9e18) AS INTEGER)");
    let hour_of = "interval_start >= ?1 AND interval_start < ?1 + 3600";
    let day = hour - hour.rem_euclid(DAY);
    let in_hour = [
        format!("DELETE FROM rollup WHERE seconds = 3600 AND starts = ?1 AND {THEIRS}"),
        format!(
            "INSERT INTO rollup SELECT 3600, ?1, tenant, port, network, 0, class, {sums}, 0
             FROM account WHERE {hour_of} AND {THEIRS} GROUP BY tenant, port, network, class"
        ),
        format!(
            "INSERT INTO rollup SELECT 3600, ?1, tenant, port, network, source, 0, {sums},
                 sum(samples)
             FROM usage WHERE {hour_of} AND {THEIRS} GROUP BY tenant, port, network, source"
        ),
    ];
    for sql in in_hour {
        connection.prepare_cached(&sql)?.execute([hour])?;
    }
    let in_day = [
        format!("DELETE FROM rollup WHERE seconds = 86400 AND starts = ?2 AND {THEIRS}"),
        format!(
            "INSERT INTO rollup SELECT 86400, ?2, tenant, port, network, meter, class, {sums},
                 sum(samples)
             FROM rollup WHERE seconds = 3600 AND starts >= ?2 AND starts < ?2 + 86400 AND {THEIRS}
             GROUP BY tenant, port, network, meter, class"
        ),
    ];
    for sql in in_day {
        connection.prepare_cached(&sql)?.execute([hour, day])?;
    }
    connection.execute("DELETE FROM stale WHERE starts = ?", [hour])?;
    Ok(())
}

/// A range of a report, cut where roll-ups serve: seconds since 1970, starts included, ends not.
///
/// ```text
///   from      hours        days          days        hours       to
///    |--------|------------|-------------|-----------|-----------|
///    intervals   hours          days         hours     intervals
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cuts {
    pub(crate) from: i64,
    pub(crate) hours: [i64; 2],
    pub(crate) days: [i64; 2],
    pub(crate) to: i64,
}

impl Cuts {
    /// Cuts a range; steps of an hour cannot be told from days.
    pub(crate) fn of(from: i64, to: i64, finest: i64) -> Self {
        let whole = |unit: i64, [from, to]: [i64; 2]| {
            let start = from
                .saturating_add(unit - 1)
                .div_euclid(unit)
                .saturating_mul(unit);
            let end = to.div_euclid(unit).saturating_mul(unit);
            if start < end { [start, end] } else { [to, to] }
        };
        let hours = whole(HOUR, [from, to]);
        let days = match finest {
            ..DAY => [hours[1]; 2],
            _ => whole(DAY, hours),
        };
        Self {
            from,
            hours,
            days,
            to,
        }
    }

    /// As the parameters of [`ALL`].
    pub(crate) const fn parameters(&self) -> [i64; 6] {
        let ([h0, h1], [d0, d1]) = (self.hours, self.days);
        [self.from, self.to, h0, h1, d0, d1]
    }
}

/// Every amount of a range, once: from days where they hold, else from hours, else from intervals.
/// Its parameters are those of [`Cuts::parameters`].
pub(crate) const ALL: &str = "
    WITH stale_day AS (
        SELECT DISTINCT starts - starts % 86400 AS day, tenant FROM stale
        WHERE starts >= ?5 AND starts < ?6
    ), part AS (
        SELECT interval_start AS starts, tenant, port, network, 0 AS meter, class,
            sent_bytes, sent_packets, received_bytes, received_packets, 0 AS samples
        FROM account WHERE interval_start >= ?1 AND interval_start < ?3
            OR interval_start >= ?4 AND interval_start < ?2
    UNION ALL
        SELECT interval_start, tenant, port, network, source, 0,
            sent_bytes, sent_packets, received_bytes, received_packets, samples
        FROM usage WHERE interval_start >= ?1 AND interval_start < ?3
            OR interval_start >= ?4 AND interval_start < ?2
    UNION ALL
        SELECT interval_start, account.tenant, port, network, 0, class,
            sent_bytes, sent_packets, received_bytes, received_packets, 0
        FROM stale CROSS JOIN account ON account.tenant = stale.tenant
            AND interval_start >= starts AND interval_start < starts + 3600
        WHERE starts >= ?3 AND starts < ?4
    UNION ALL
        SELECT interval_start, usage.tenant, port, network, source, 0,
            sent_bytes, sent_packets, received_bytes, received_packets, samples
        FROM (SELECT DISTINCT starts FROM stale WHERE starts >= ?3 AND starts < ?4) AS hour
        CROSS JOIN usage ON interval_start >= hour.starts AND interval_start < hour.starts + 3600
        WHERE EXISTS (SELECT * FROM stale
            WHERE stale.starts = hour.starts AND stale.tenant = usage.tenant)
    UNION ALL
        SELECT starts, tenant, port, network, meter, class,
            sent_bytes, sent_packets, received_bytes, received_packets, samples
        FROM rollup WHERE seconds = 3600
            AND (starts >= ?3 AND starts < min(?4, ?5) OR starts >= max(?3, ?6) AND starts < ?4)
            AND NOT EXISTS (SELECT * FROM stale
                WHERE stale.starts = rollup.starts AND stale.tenant = rollup.tenant)
    UNION ALL
        SELECT starts, rollup.tenant, port, network, meter, class,
            sent_bytes, sent_packets, received_bytes, received_packets, samples
        FROM stale_day CROSS JOIN rollup ON seconds = 3600 AND starts >= day
            AND starts < day + 86400 AND rollup.tenant = stale_day.tenant
        WHERE NOT EXISTS (SELECT * FROM stale
            WHERE stale.starts = rollup.starts AND stale.tenant = rollup.tenant)
    UNION ALL
        SELECT starts, tenant, port, network, meter, class,
            sent_bytes, sent_packets, received_bytes, received_packets, samples
        FROM rollup WHERE seconds = 86400 AND starts >= ?5 AND starts < ?6
            AND NOT EXISTS (SELECT * FROM stale_day
                WHERE day = rollup.starts AND stale_day.tenant = rollup.tenant)
    UNION ALL
        SELECT interval_start, tenant, port, network, 0, class,
            sent_bytes, sent_packets, received_bytes, received_packets, 0
        FROM adjustment WHERE interval_start >= ?1 AND interval_start < ?2
    )";

#[cfg(test)]
mod tests;
