//! What is done to the ledger without being asked: hours and days rolled up, months sealed when their
//! time has come, and what nobody needs any more deleted.
//!
//! Intervals go with the whole month that they are in, tenant by tenant, and only once it is sealed: an
//! open month is never without its records. The bill of such a month stays as it was, and what comes
//! for it then is refused. Hours and days go later still, or never.

use std::num::NonZeroU32;
use std::time::Duration;

use model::{TenantId, Timestamp};
use rusqlite::{Connection, params};
use tokio::time::MissedTickBehavior;
use tracing::{error, info};

use crate::billing;
use crate::ledger::{Desk, LedgerError, bytes, id};
use crate::{audit, rollup, seal};

/// How often it is looked whether there is something to do.
const PERIOD: Duration = Duration::from_secs(60);

/// When months are sealed, and how long what is kept; what is not said is never done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct Upkeep {
    /// Seal each tenant's month so many days after its end; by hand alone if absent.
    #[arg(long, value_name = "DAYS")]
    pub seal_after_days: Option<NonZeroU32>,
    /// Delete the usage intervals of a sealed month so many days after its end; never if absent.
    #[arg(long, value_name = "DAYS")]
    pub keep_intervals_days: Option<NonZeroU32>,
    /// Delete the usage of hours after so many days, where intervals are deleted; never if absent.
    #[arg(long, value_name = "DAYS")]
    pub keep_hours_days: Option<NonZeroU32>,
    /// Delete the usage of days after so many days, where intervals are deleted; never if absent.
    #[arg(long, value_name = "DAYS")]
    pub keep_days_days: Option<NonZeroU32>,
}

impl Upkeep {
    /// Does it for ever.
    pub(crate) async fn run(self, desk: Desk) {
        let mut period = tokio::time::interval(PERIOD);
        period.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            period.tick().await;
            if let Err(error) = self.pass(&desk).await {
                let error = &error as &dyn std::error::Error;
                error!(error, "could not keep up the usage ledger; trying again");
            }
        }
    }

    async fn pass(self, desk: &Desk) -> Result<(), LedgerError> {
        let now = Timestamp::now();
        // A little at a time, so that others have their turn in between.
        while desk.run(move |it| rollup::roll(it, now)).await? > 0 {}
        while desk.run(move |it| self.seal_one(it, now)).await? {}
        while desk.run(move |it| self.forget_one(it, now)).await? {}
        desk.run(move |it| self.forget_sums(it, now)).await
    }

    /// Seals the next month that is due, of any tenant; whether there was one.
    fn seal_one(self, connection: &Connection, now: Timestamp) -> rusqlite::Result<bool> {
        let Some(due) = before(self.seal_after_days, now) else {
            return Ok(false);
        };
        for tenant in tenants(connection)? {
            let Some((period, span)) = billing::next_to_seal(connection, tenant)? else {
                continue;
            };
            if span.to > due {
                continue;
            }
            let seal = seal::add(connection, tenant, period, span)?;
            audit::note_itself(connection, &format!("sealed {period} of tenant {tenant}"))?;
            info!(tenant.id = %tenant, hash = seal.hash, "the period {period} is sealed");
            return Ok(true);
        }
        Ok(false)
    }

    /// Deletes the intervals of one sealed month; whether there was one.
    fn forget_one(self, connection: &Connection, now: Timestamp) -> rusqlite::Result<bool> {
        let Some(due) = before(self.keep_intervals_days, now) else {
            return Ok(false);
        };
        let Some((tenant, period)) = seal::oldest_with_records(connection, due)? else {
            return Ok(false);
        };
        let bill = billing::bill(connection, tenant, period, now)?;
        seal::forget(connection, &bill)?;
        let done = format!("deleted the intervals of {period} of tenant {tenant}");
        audit::note_itself(connection, &done)?;
        info!(tenant.id = %tenant, "the intervals of {period} are kept no longer, its bill is");
        Ok(true)
    }

    /// Deletes hours and days that are older than they need to be.
    fn forget_sums(self, connection: &Connection, now: Timestamp) -> rusqlite::Result<()> {
        for (unit, days) in [
            (rollup::HOUR, self.keep_hours_days),
            (rollup::DAY, self.keep_days_days),
        ] {
            let Some(due) = before(days, now) else {
                continue;
            };
            // What has its intervals still may have to be summed again.
            connection.execute(
                "DELETE FROM rollup WHERE seconds = ?1 AND starts < ?2 AND starts + 86400 <=
                    (SELECT max(ends) FROM seal
                     WHERE seal.tenant = rollup.tenant AND bill IS NOT NULL)",
                params![unit, due],
            )?;
        }
        let Some(due) = before(self.keep_intervals_days, now) else {
            return Ok(());
        };
        for table in EVIDENCE {
            let sql = format!("DELETE FROM {table} WHERE interval_start < ?");
            connection.execute(&sql, [due])?;
        }
        Ok(())
    }
}

/// What explains intervals, and is kept no longer than they.
const EVIDENCE: [&str; 6] = [
    "split",
    "heard",
    "finding",
    "counter_run",
    "datagram_run",
    "last_counts",
];

/// So many days ago, in seconds since 1970.
fn before(days: Option<NonZeroU32>, now: Timestamp) -> Option<i64> {
    let days = i64::from(days?.get());
    Some(now.unix_seconds().saturating_sub(days * rollup::DAY))
}

/// All tenants that ever had a port on a host.
fn tenants(connection: &Connection) -> rusqlite::Result<Vec<TenantId>> {
    let mut statement = connection.prepare_cached("SELECT DISTINCT tenant FROM assignment")?;
    let tenants = statement.query_map([], |row| id(row, 0))?;
    tenants.collect()
}

/// Until when a tenant's intervals are deleted, in seconds since 1970.
pub(crate) fn forgotten_until(
    connection: &Connection,
    tenant: TenantId,
) -> rusqlite::Result<Option<i64>> {
    let mut statement = connection
        .prepare_cached("SELECT max(ends) FROM seal WHERE tenant = ? AND bill IS NOT NULL")?;
    statement.query_row([bytes(tenant)], |row| row.get(0))
}

#[cfg(test)]
mod tests;
