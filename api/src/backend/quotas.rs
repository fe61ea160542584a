//! What a server must be able to do with quotas, and with tenants as a whole.

use std::future::Future;

use model::TenantId;

use super::{Caller, Outcome};
use crate::request::QuotaUpdate;
use crate::resource::{QuotaView, TenantContents};

/// Quotas: how much of the pool a tenant may have, and has.
pub trait QuotaBackend {
    /// Those of a tenant, if there is such a tenant.
    fn quota(&self, tenant: TenantId) -> Option<QuotaView>;
    /// Sets those of a tenant.
    fn quota_update(
        &self,
        caller: Caller,
        tenant: TenantId,
        request: QuotaUpdate,
    ) -> impl Future<Output = Outcome<QuotaView>> + Send;
}

/// Tenants with all that is theirs.
pub trait TenantBackend {
    /// What would go with a tenant.
    fn tenant_contents(&self, id: TenantId) -> Outcome<TenantContents>;
    /// Deletes a tenant with all that is its own; gives what that was.
    fn tenant_delete_whole(
        &self,
        caller: Caller,
        id: TenantId,
    ) -> impl Future<Output = Outcome<TenantContents>> + Send;
}
