//! Quotas of the tests.

use super::*;
use crate::backend::QuotaBackend;

impl QuotaBackend for TestPool {
    fn quota(&self, tenant: TenantId) -> Option<QuotaView> {
        let tenant = self.tenants.one(tenant.uuid())?;
        let lines = Quantity::ALL.iter().map(|(quantity, ..)| {
            let line = QuotaLine {
                limit: tenant.quota.limit(&Quota::default(), *quantity),
                used: quantity.is_counted().then_some(0),
                is_default: tenant.quota.said(*quantity).is_none(),
            };
            (*quantity, line)
        });
        Some(QuotaView {
            tenant_id: tenant.id,
            state: tenant.standing.state(),
            quantities: lines.collect(),
        })
    }

    async fn quota_update(
        &self,
        caller: Caller,
        id: TenantId,
        request: QuotaUpdate,
    ) -> Outcome<QuotaView> {
        self.note(caller);
        let gone = || Problem::not_found("tenant", id);
        let mut tenant = self.tenants.one(id.uuid()).ok_or_else(gone)?;
        for (quantity, limit) in request.0 {
            tenant.quota.say(quantity, limit);
        }
        self.tenants.put(tenant);
        self.quota(id).ok_or_else(gone)
    }
}
