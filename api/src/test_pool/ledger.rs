//! Its ledger.

use model::billing::*;
use model::*;

use super::TestPool;
use crate::backend::{Ledger, Outcome};
use crate::problem::Problem;
use crate::request::*;

impl Ledger for TestPool {
    async fn usage(&self, query: UsageQuery) -> Outcome<Vec<Usage>> {
        self.usage_queries.lock().unwrap().push(query);
        Ok(Vec::new())
    }

    async fn records(&self, _: RecordQuery) -> Outcome<Vec<LedgerRecord>> {
        Ok(Vec::new())
    }

    async fn bill(&self, query: TenantPeriod) -> Outcome<Bill> {
        Err(Problem::not_found("bill", query.period))
    }

    async fn seal(&self, request: TenantPeriod) -> Outcome<Seal> {
        Err(Problem::not_found("period", request.period))
    }

    async fn seals(&self) -> Outcome<Vec<Seal>> {
        Ok(Vec::new())
    }

    async fn verify(&self) -> Outcome<Verification> {
        Ok(Verification {
            seals: 0,
            records: 0,
            fault: None,
        })
    }

    async fn rate_plans(&self) -> Outcome<Vec<RatePlan>> {
        Ok(Vec::new())
    }

    async fn rate_plan_create(&self, request: RatePlanCreate) -> Outcome<RatePlan> {
        Ok(RatePlan {
            id: RatePlanId::generate(),
            name: request.name,
            terms: request.terms,
            created_at: Timestamp::from_unix_seconds(0),
        })
    }

    async fn rate_plan_delete(&self, id: RatePlanId) -> Outcome<()> {
        Err(Problem::not_found("rate plan", id))
    }

    async fn rate_plan_assignments(&self) -> Outcome<Vec<RatePlanAssignment>> {
        Ok(Vec::new())
    }

    async fn rate_plan_assign(&self, _: RatePlanAssignment) -> Outcome<()> {
        Ok(())
    }
}
