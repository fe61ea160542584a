//! A ledger for tests.

use model::billing::*;

use super::*;
use crate::access::{Identity, Sight};
use crate::backend::{Ledger, UsageBackend};

impl UsageBackend for TestPool {
    fn authenticate(&self, token: &str) -> Option<Identity> {
        if token == TOKEN && !*self.revoked.lock().unwrap() {
            return Some(Identity::operator(ACTOR));
        }
        self.bearers.lock().unwrap().get(token).cloned()
    }

    fn sight(&self, tenant: TenantId, id: Uuid) -> Sight {
        let networks = self.networks.all();
        let network = networks.iter().find(|it| it.id.uuid() == id);
        match network.map(|it| it.tenant_id == tenant || it.sharing.shared) {
            None if id == tenant.uuid() => Sight::Visible,
            None if self.tenants.one(id).is_some() => Sight::Hidden,
            None => Sight::Nothing,
            Some(true) => Sight::Visible,
            Some(false) => Sight::Hidden,
        }
    }

    fn requests_per_second(&self, tenant: TenantId) -> QuotaLimit {
        let tenant = self.tenants.one(tenant.uuid());
        tenant.map_or(QuotaLimit::Unlimited, |it| {
            it.quota
                .limit(&Quota::default(), Quantity::RequestsPerSecond)
        })
    }

    fn health(&self) -> Health {
        Health {
            status: "ok".to_owned(),
            hosts_connected: 0,
            hosts: self.hosts.all().len(),
        }
    }

    type Ledger = Self;

    fn ledger(&self) -> Outcome<&Self> {
        Ok(self)
    }

    fn name_of(&self, _: Uuid) -> Option<String> {
        None
    }
}

impl Ledger for TestPool {
    async fn usage(&self, query: UsageQuery) -> Outcome<Vec<Usage>> {
        self.usage_queries.lock().unwrap().push(query);
        Ok(self.usage.lock().unwrap().clone())
    }

    async fn split(&self, _: SplitQuery) -> Outcome<Vec<UsagePart>> {
        Ok(Vec::new())
    }

    async fn records(&self, _: RecordQuery) -> Outcome<Vec<LedgerRecord>> {
        Ok(Vec::new())
    }

    async fn bill(&self, query: TenantPeriod) -> Outcome<Bill> {
        let bill = self.bill.lock().unwrap().clone();
        bill.ok_or_else(|| Problem::not_found("bill", query.period))
    }

    async fn bills(&self, query: BillsQuery) -> Outcome<Vec<BillSummary>> {
        let bills = self.bills.lock().unwrap().clone();
        let skipped = bills.into_iter().skip(query.page.offset as usize);
        Ok(skipped.take(query.page.limit as usize).collect())
    }

    async fn seal(&self, _: Caller, request: TenantPeriod) -> Outcome<Seal> {
        Err(Problem::not_found("period", request.period))
    }

    async fn seals(&self, _: Paging) -> Outcome<Vec<Seal>> {
        Ok(Vec::new())
    }

    async fn verify(&self) -> Outcome<Verification> {
        Ok(Verification {
            seals_without_records: 0,
            seals: 0,
            records: 0,
            fault: None,
        })
    }

    async fn findings(&self, _: Paging) -> Outcome<Vec<model::MeterFinding>> {
        Ok(Vec::new())
    }

    fn statistics(&self) -> model::CollectorStatistics {
        model::CollectorStatistics::default()
    }

    async fn rate_plans(&self, _: Paging) -> Outcome<Vec<RatePlan>> {
        Ok(Vec::new())
    }

    async fn rate_plan_create(&self, _: Caller, request: RatePlanCreate) -> Outcome<RatePlan> {
        Ok(RatePlan {
            id: RatePlanId::generate(),
            name: request.name,
            terms: request.terms,
            created_at: Timestamp::from_unix_seconds(0),
        })
    }

    async fn rate_plan_delete(&self, _: Caller, id: RatePlanId) -> Outcome<()> {
        Err(Problem::not_found("rate plan", id))
    }

    async fn rate_plan_assignments(&self, _: Paging) -> Outcome<Vec<RatePlanAssignment>> {
        Ok(Vec::new())
    }

    async fn rate_plan_assign(&self, _: Caller, _: RatePlanAssignment) -> Outcome<()> {
        Ok(())
    }
}
