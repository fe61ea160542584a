//! The ledger beyond usage: rate plans, bills, seals, records.

use model::billing::{
    Bill, BillSummary, LedgerRecord, Period, RatePlan, RatePlanAssignment, RatePlanId, Seal,
    Verification,
};
use model::{CollectorStatistics, MeterFinding, UsagePart};
use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Client, ClientError, Repeat};
use crate::request::{BillsQuery, Paging, RatePlanCreate, RecordQuery, SplitQuery, TenantPeriod};
use crate::resource::Page;

/// # Errors
/// All of these: when the server cannot be reached, or refuses.
impl Client {
    /// What a tenant owes for a period.
    pub async fn bill(&self, of: &TenantPeriod) -> Result<Bill, ClientError> {
        self.read("/v1/bills", of).await
    }

    /// What each tenant owes for a period, from as many pages as it takes.
    pub async fn bill_summaries(&self, period: Period) -> Result<Vec<BillSummary>, ClientError> {
        let limit = BillsQuery::MAX_LIMIT;
        let page = |offset| BillsQuery {
            period,
            page: Paging { offset, limit },
        };
        self.pages("/v1/bill-summaries", page, usize::MAX).await
    }

    /// The first `count` records that a bill rests on, from as many pages as it takes.
    pub async fn usage_records(
        &self,
        query: &RecordQuery,
        count: usize,
    ) -> Result<Vec<LedgerRecord>, ClientError> {
        let page = |offset| RecordQuery {
            page: Paging {
                offset,
                ..query.page
            },
            ..*query
        };
        self.pages("/v1/usage-records", page, count).await
    }

    /// The first `count` parts of what was sent, the largest of each class first, from as many pages as
    /// it takes.
    pub async fn usage_split(
        &self,
        query: &SplitQuery,
        count: usize,
    ) -> Result<Vec<UsagePart>, ClientError> {
        let page = |offset| SplitQuery {
            page: Paging {
                offset,
                ..query.page
            },
            ..query.clone()
        };
        self.pages("/v1/usage-splits", page, count).await
    }

    /// All rate plans, by name.
    pub async fn rate_plans(&self) -> Result<Vec<RatePlan>, ClientError> {
        self.pages("/v1/rate-plans", Paging::from, usize::MAX).await
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
        let path = "/v1/rate-plan-assignments";
        self.pages(path, Paging::from, usize::MAX).await
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
        self.pages("/v1/seals", Paging::from, usize::MAX).await
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

    /// The first `count` of a list, from as many pages as it takes.
    async fn pages<T: DeserializeOwned, Q: Serialize>(
        &self,
        path: &str,
        page: impl Fn(u32) -> Q,
        count: usize,
    ) -> Result<Vec<T>, ClientError> {
        let mut found: Vec<T> = Vec::new();
        let mut next = Some(0);
        while let Some(offset) = next.filter(|_| found.len() < count) {
            let answer: Page<T> = self.read(path, &page(offset)).await?;
            found.extend(answer.items);
            // A cursor that does not lead on would be followed for ever.
            let cursor = answer.next_cursor.and_then(|it| it.parse().ok());
            next = cursor.filter(|cursor| *cursor > offset);
        }
        found.truncate(count);
        Ok(found)
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
