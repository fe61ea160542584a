//! The ledger beyond usage: rate plans, bills, seals, records.

use model::billing::{
    Bill, LedgerRecord, RatePlan, RatePlanAssignment, RatePlanId, Seal, Verification,
};
use model::{CollectorStatistics, MeterFinding};
use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Client, ClientError, Repeat};
use crate::request::{RatePlanCreate, TenantPeriod};
use crate::resource::Page;

/// What to ask of the records: a period, and a page of it.
#[derive(Serialize)]
struct RecordPage {
    #[serde(flatten)]
    of: TenantPeriod,
    limit: u32,
    cursor: String,
}

/// # Errors
/// All of these: when the server cannot be reached, or refuses.
impl Client {
    /// What a tenant owes for a period.
    pub async fn bill(&self, of: &TenantPeriod) -> Result<Bill, ClientError> {
        self.read("/v1/bills", of).await
    }

    /// The first `count` records that a bill rests on, from as many pages as it takes.
    pub async fn usage_records(
        &self,
        of: &TenantPeriod,
        count: usize,
    ) -> Result<Vec<LedgerRecord>, ClientError> {
        let mut found: Vec<LedgerRecord> = Vec::new();
        let mut cursor = "0".to_owned();
        while found.len() < count {
            let query = RecordPage {
                of: *of,
                limit: 1000,
                cursor,
            };
            let page: Page<LedgerRecord> = self.read("/v1/usage-records", &query).await?;
            found.extend(page.items);
            let Some(next) = page.next_cursor else {
                break;
            };
            cursor = next;
        }
        found.truncate(count);
        Ok(found)
    }

    /// All rate plans, by name.
    pub async fn rate_plans(&self) -> Result<Vec<RatePlan>, ClientError> {
        let page: Page<RatePlan> = self.read("/v1/rate-plans", &()).await?;
        Ok(page.items)
    }

    /// Makes a rate plan.
    pub async fn rate_plan_create(
        &self,
        request: &RatePlanCreate,
    ) -> Result<RatePlan, ClientError> {
        self.post("/v1/rate-plans", request).await
    }

    /// Deletes a rate plan.
    pub async fn rate_plan_delete(&self, id: RatePlanId) -> Result<(), ClientError> {
        let request = self.request(Method::DELETE, &format!("/v1/rate-plans/{id}"));
        self.send(request, Repeat::IfUnsent).await?;
        Ok(())
    }

    /// Whose rate plan is which, from when on.
    pub async fn rate_plan_assignments(&self) -> Result<Vec<RatePlanAssignment>, ClientError> {
        let page: Page<_> = self.read("/v1/rate-plan-assignments", &()).await?;
        Ok(page.items)
    }

    /// Makes a rate plan a tenant's from a period on.
    pub async fn rate_plan_assign(
        &self,
        request: &RatePlanAssignment,
    ) -> Result<RatePlanAssignment, ClientError> {
        self.post("/v1/rate-plan-assignments", request).await
    }

    /// The periods that are sealed.
    pub async fn seals(&self) -> Result<Vec<Seal>, ClientError> {
        let page: Page<Seal> = self.read("/v1/seals", &()).await?;
        Ok(page.items)
    }

    /// Seals a period of a tenant that is over.
    pub async fn seal(&self, of: &TenantPeriod) -> Result<Seal, ClientError> {
        self.post("/v1/seals", of).await
    }

    /// The newest findings of where the meters disagreed, at most `limit` (to 1000).
    pub async fn meter_findings(&self, limit: u32) -> Result<Vec<MeterFinding>, ClientError> {
        let query = [("limit", limit)];
        let page: Page<_> = self.read("/v1/meter-findings", &query).await?;
        Ok(page.items)
    }

    /// What the collector heard and what it could not use.
    pub async fn collector(&self) -> Result<CollectorStatistics, ClientError> {
        self.read("/v1/collector", &()).await
    }

    /// Has everything recomputed that is sealed.
    pub async fn verification(&self) -> Result<Verification, ClientError> {
        self.read("/v1/verification", &()).await
    }

    /// All that is posted here may be posted again: it is done once.
    async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let request = self.request(Method::POST, path).json(body);
        self.parse(self.send(request, Repeat::OnFailure).await?)
    }
}
