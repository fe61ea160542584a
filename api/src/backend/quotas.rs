//! What a server must be able to do with quotas.

use std::future::Future;

use model::TenantId;

use super::{Caller, Outcome};
use crate::request::QuotaUpdate;
use crate::resource::QuotaView;

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
