//! Quotas, asked for and set, and tenants as a whole.

use model::TenantId;
use reqwest::Method;

use super::{Client, ClientError, Repeat};
use crate::request::QuotaUpdate;
use crate::resource::{QuotaView, TenantContents};

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

    /// What would go with a tenant; nothing is changed.
    pub async fn tenant_contents(&self, tenant: TenantId) -> Result<TenantContents, ClientError> {
        let path = format!("/v1/tenants/{tenant}?preview=true");
        let request = self.request(Method::DELETE, &path);
        self.parse(self.send(request, Repeat::OnFailure).await?)
    }

    /// Deletes a tenant with all that is its own; gives what that was.
    pub async fn tenant_delete_whole(
        &self,
        tenant: TenantId,
    ) -> Result<TenantContents, ClientError> {
        let path = format!("/v1/tenants/{tenant}?cascade=true");
        let request = self.request(Method::DELETE, &path);
        self.parse(self.send(request, Repeat::IfUnsent).await?)
    }
}

fn path(tenant: TenantId) -> String {
    format!("/v1/tenants/{tenant}/quota")
}
