//! The ledger as the REST API asks it. What changes it is done in the ledger's own thread; what only
//! reads has a connection of its own, and holds up nothing.

use api::backend::{Ledger, Outcome};
use api::problem::{Code, Problem};
use api::request::{RatePlanCreate, RecordQuery, TenantPeriod, UsageQuery};
use model::billing::{
    Bill, LedgerRecord, RatePlan, RatePlanAssignment, RatePlanId, Seal, Verification,
};
use model::{CollectorStatistics, MeterFinding, Timestamp, Usage};
use rusqlite::Connection;
use tracing::{error, info};

use super::Collector;
use crate::billing::{self, plans};
use crate::check;
use crate::ledger::{LedgerError, open_to_read};
use crate::report::{self, Range};
use crate::seal;

impl Ledger for Collector {
    async fn usage(&self, query: UsageQuery) -> Outcome<Vec<Usage>> {
        self.flush().await.map_err(silent)?;
        let range = Range::of(&query, Timestamp::now());
        self.read(move |connection| report::usage(connection, &query, range))
            .await
    }

    async fn records(&self, query: RecordQuery) -> Outcome<Vec<LedgerRecord>> {
        let page = (query.offset, query.limit);
        let TenantPeriod { tenant_id, period } = query.of;
        self.read(move |connection| {
            let span = billing::span_of(connection, tenant_id, period)?;
            billing::records(connection, tenant_id, span, page)
        })
        .await
    }

    async fn bill(&self, query: TenantPeriod) -> Outcome<Bill> {
        let TenantPeriod { tenant_id, period } = query;
        let now = Timestamp::now();
        self.read(move |connection| billing::bill(connection, tenant_id, period, now))
            .await
    }

    async fn seal(&self, request: TenantPeriod) -> Outcome<Seal> {
        let TenantPeriod { tenant_id, period } = request;
        let now = Timestamp::now();
        let seal = self.change(move |it| billing::seal_period(it, tenant_id, period, now));
        let seal = seal.await?;
        info!(tenant.id = %tenant_id, hash = seal.hash, "the period {period} is sealed");
        Ok(seal)
    }

    async fn seals(&self) -> Outcome<Vec<Seal>> {
        self.read(seal::all).await
    }

    async fn verify(&self) -> Outcome<Verification> {
        self.read(seal::verify).await
    }

    async fn findings(&self, page: (u32, u32)) -> Outcome<Vec<MeterFinding>> {
        self.read(move |connection| check::findings(connection, page))
            .await
    }

    fn statistics(&self) -> CollectorStatistics {
        Self::statistics(self)
    }

    async fn rate_plans(&self) -> Outcome<Vec<RatePlan>> {
        self.read(plans::all).await
    }

    async fn rate_plan_create(&self, request: RatePlanCreate) -> Outcome<RatePlan> {
        let RatePlanCreate { name, terms } = request;
        let now = Timestamp::now();
        self.change(move |connection| plans::create(connection, &name, &terms, now))
            .await
    }

    async fn rate_plan_delete(&self, id: RatePlanId) -> Outcome<()> {
        self.change(move |connection| plans::delete(connection, id))
            .await
    }

    async fn rate_plan_assignments(&self) -> Outcome<Vec<RatePlanAssignment>> {
        self.read(plans::assignments).await
    }

    async fn rate_plan_assign(&self, request: RatePlanAssignment) -> Outcome<()> {
        self.change(move |connection| plans::assign(connection, &request))
            .await
    }
}

impl Collector {
    async fn read<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Outcome<T> {
        let path = self.ledger.clone();
        let asked = tokio::task::spawn_blocking(move || {
            let connection = open_to_read(&path)?;
            // One state of the ledger, whatever is written meanwhile.
            let transaction = connection.unchecked_transaction();
            let transaction = transaction.map_err(LedgerError::Read)?;
            ask(&transaction).map_err(LedgerError::Read)
        });
        asked
            .await
            .unwrap_or(Err(LedgerError::Gone))
            .map_err(silent)
    }

    async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<Result<T, Problem>> + Send + 'static,
    ) -> Outcome<T> {
        self.desk.run(work).await.map_err(silent)?
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
