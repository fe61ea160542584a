//! Quotas, and tenants with all that is theirs, as the REST API has them.

use api::backend::{Caller, Outcome, QuotaBackend, TenantBackend};
use api::problem::Problem;
use api::request::QuotaUpdate;
use api::resource::{QuotaView, TenantContents};
use model::TenantId;

use crate::intent::Intent;
use crate::service::{Service, cascade, quota};

impl TenantBackend for Service {
    fn tenant_contents(&self, id: TenantId) -> Outcome<TenantContents> {
        cascade::preview(&self.writer.intent(), id, &self.fleet.observed())
    }

    async fn tenant_delete_whole(&self, caller: Caller, id: TenantId) -> Outcome<TenantContents> {
        let observed = self.fleet.observed();
        let decide = |intent: &Intent| cascade::delete(intent, id, &observed);
        self.writer
            .change(caller, "tenant_delete_whole", decide)
            .await
    }
}

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
