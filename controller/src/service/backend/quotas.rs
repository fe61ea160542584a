//! Quotas, as the REST API has them.

use api::backend::{Caller, Outcome, QuotaBackend};
use api::problem::Problem;
use api::request::QuotaUpdate;
use api::resource::QuotaView;
use model::TenantId;

use crate::intent::Intent;
use crate::service::{Service, quota};

impl QuotaBackend for Service {
    fn quota(&self, tenant: TenantId) -> Option<QuotaView> {
        let intent = self.writer.intent();
        let tenant = intent.tenants.get(&tenant)?;
        Some(quota::view(&intent, tenant))
    }

    async fn quota_update(
        &self,
        caller: Caller,
        tenant: TenantId,
        request: QuotaUpdate,
    ) -> Outcome<QuotaView> {
        let decide = |intent: &Intent| quota::update(intent, tenant, &request);
        self.writer.change(caller, "quota_update", decide).await?;
        let gone = || Problem::not_found("tenant", tenant);
        self.quota(tenant).ok_or_else(gone)
    }
}
