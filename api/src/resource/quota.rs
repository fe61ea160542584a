//! Quotas, as they are shown.

use std::collections::BTreeMap;

use model::{Quantity, QuotaLimit, TenantId, TenantState};
use serde::{Deserialize, Serialize};

/// What a tenant has and may have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaView {
    /// Whose.
    pub tenant_id: TenantId,
    /// Whether the tenant may use it.
    pub state: TenantState,
    /// Each quantity under its name.
    #[serde(flatten)]
    pub quantities: BTreeMap<Quantity, QuotaLine>,
}

/// What a tenant has and may have of one quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaLine {
    /// How much it may have: a number, or `"unlimited"`.
    pub limit: QuotaLimit,
    /// How much it has; absent of what is no object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<u64>,
    /// Whether the limit is the pool's default, and changes with it.
    pub is_default: bool,
}
