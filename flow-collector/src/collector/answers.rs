//! The ledger as the REST API asks it. What changes it is done in the ledger's own thread; what only
//! reads has a connection of its own, and holds up nothing.

use std::collections::BTreeSet;

use api::backend::{Caller, Ledger, Outcome};
use api::problem::{Code, Problem};
use api::request::{
    BillsQuery, Paging, RatePlanCreate, RecordQuery, SplitQuery, TenantPeriod, UsageQuery,
};
use model::billing::{
    Bill, BillSummary, LedgerRecord, RatePlan, RatePlanAssignment, RatePlanId, Seal, Verification,
};
use model::{CapSpan, CollectorStatistics, MeterFinding, TenantId, Timestamp, Usage, UsagePart};
use rusqlite::Connection;
use tracing::{error, info};

use super::Collector;
use crate::billing::{self, explain, plans};
use crate::ledger::{LedgerError, open_to_read};
use crate::meters::Detail;
use crate::moved::{self, Moved};
use crate::report::{self, Range};
use crate::seal;
use crate::{audit, check};

impl Ledger for Collector {
    async fn usage(&self, query: UsageQuery) -> Outcome<Vec<Usage>> {
        self.flush(Detail::Amounts).await.map_err(silent)?;
        let range = Range::of(&query, Timestamp::now());
        self.read(move |connection| report::usage(connection, &query, range))
            .await
    }

    async fn split(&self, query: SplitQuery) -> Outcome<Vec<UsagePart>> {
        self.flush(Detail::WithSplits).await.map_err(silent)?;
        let now = Timestamp::now();
        self.read(move |connection| report::split::parts(connection, &query, now))
            .await
    }

    async fn records(&self, query: RecordQuery) -> Outcome<Vec<LedgerRecord>> {
        self.flush(Detail::Amounts).await.map_err(silent)?;
        self.read(move |connection| explain::records(connection, &query))
            .await
    }

    async fn bill(&self, query: TenantPeriod) -> Outcome<Bill> {
        let TenantPeriod { tenant_id, period } = query;
        let now = Timestamp::now();
        self.read(move |connection| billing::bill(connection, tenant_id, period, now))
            .await
    }

    async fn bills(&self, query: BillsQuery) -> Outcome<Vec<BillSummary>> {
        let now = Timestamp::now();
        self.read(move |connection| billing::bills(connection, query, now))
            .await
    }

    async fn seal(&self, caller: Caller, request: TenantPeriod) -> Outcome<Seal> {
        let TenantPeriod { tenant_id, period } = request;
        let now = Timestamp::now();
        let done = format!("sealed {period} of tenant {tenant_id}");
        let work = move |it: &Connection| billing::seal_period(it, tenant_id, period, now);
        let seal = self.change((caller, done), work);
        let seal = seal.await?;
        info!(tenant.id = %tenant_id, hash = seal.hash, "the period {period} is sealed");
        Ok(seal)
    }

    async fn seals(&self, page: Paging) -> Outcome<Vec<Seal>> {
        self.read(move |connection| seal::page(connection, page))
            .await
    }

    async fn verify(&self) -> Outcome<Verification> {
        self.read(seal::verify).await
    }

    async fn findings(&self, page: Paging) -> Outcome<Vec<MeterFinding>> {
        self.read(move |connection| check::findings(connection, page))
            .await
    }

    fn statistics(&self) -> CollectorStatistics {
        Self::statistics(self)
    }

    async fn rate_plans(&self, page: Paging) -> Outcome<Vec<RatePlan>> {
        self.read(move |connection| plans::page(connection, page))
            .await
    }

    async fn rate_plan_create(&self, caller: Caller, request: RatePlanCreate) -> Outcome<RatePlan> {
        let RatePlanCreate { name, terms } = request;
        let now = Timestamp::now();
        let json = serde_json::to_string(&terms).unwrap_or_default();
        let done = format!("made the rate plan {name}: {json}");
        self.change((caller, done), move |connection| {
            plans::create(connection, &name, &terms, now)
        })
        .await
    }

    async fn rate_plan_delete(&self, caller: Caller, id: RatePlanId) -> Outcome<()> {
        let done = format!("deleted the rate plan {id}");
        self.change((caller, done), move |connection| {
            plans::delete(connection, id)
        })
        .await
    }

    async fn rate_plan_assignments(&self, page: Paging) -> Outcome<Vec<RatePlanAssignment>> {
        self.read(move |connection| plans::assignments(connection, page))
            .await
    }

    async fn rate_plan_assign(&self, caller: Caller, request: RatePlanAssignment) -> Outcome<()> {
        let RatePlanAssignment {
            tenant_id,
            rate_plan_id,
            from,
        } = &request;
        let done = format!("made the rate plan {rate_plan_id} tenant {tenant_id}'s from {from} on");
        self.change((caller, done), move |connection| {
            plans::assign(connection, &request)
        })
        .await
    }
}

impl Collector {
    /// What each port of these tenants moved in a period, of each class. Whatever hosts were told is
    /// durable is in it.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub async fn moved(
        &self,
        span: CapSpan,
        tenants: BTreeSet<TenantId>,
    ) -> Result<Vec<Moved>, LedgerError> {
        self.ask(move |connection| moved::moved(connection, span, &tenants))
            .await
    }

    async fn read<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Outcome<T> {
        self.ask(ask).await.map_err(silent)
    }

    async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let path = self.ledger.clone();
        let asked = tokio::task::spawn_blocking(move || {
            let connection = open_to_read(&path)?;
            // One state of the ledger, whatever is written meanwhile.
            let transaction = connection.unchecked_transaction();
            let transaction = transaction.map_err(LedgerError::Read)?;
            ask(&transaction).map_err(LedgerError::Read)
        });
        asked.await.unwrap_or(Err(LedgerError::Gone))
    }

    /// Changes something, and notes with the change who did.
    async fn change<T: Send + 'static>(
        &self,
        (caller, done): (Caller, String),
        work: impl FnOnce(&Connection) -> rusqlite::Result<Result<T, Problem>> + Send + 'static,
    ) -> Outcome<T> {
        let noted = move |connection: &Connection| {
            let outcome = work(connection)?;
            if outcome.is_ok() {
                audit::note(connection, &caller, &done)?;
            }
            Ok(outcome)
        };
        self.desk.run(noted).await.map_err(silent)?
    }
}

fn silent(error: LedgerError) -> Problem {
    error!(
        error = &error as &dyn std::error::Error,
        "the usage ledger could not be asked"
    );
    let detail = "the usage ledger does not answer; see the server's log";
    Problem::new(Code::StoreUnavailable, detail)
}
