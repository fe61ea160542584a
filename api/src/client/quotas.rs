//! Quotas, asked for and set.

use model::TenantId;
use reqwest::Method;

use super::{Client, ClientError, Repeat};
use crate::request::QuotaUpdate;
use crate::resource::QuotaView;

impl Client {
    /// What a tenant has and may have.
    pub async fn quota(&self, tenant: TenantId) -> Result<QuotaView, ClientError> {
        self.read(&path(tenant), &()).await
    }

    /// Says what a tenant may have.
    pub async fn quota_update(
        &self,
        tenant: TenantId,
        request: &QuotaUpdate,
    ) -> Result<QuotaView, ClientError> {
        let request = self.request(Method::PATCH, &path(tenant)).json(request);
        self.parse(self.send(request, Repeat::OnFailure).await?)
    }
}

fn path(tenant: TenantId) -> String {
    format!("/v1/tenants/{tenant}/quota")
}
