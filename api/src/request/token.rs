//! Requests about tokens.

use model::{AccessRole, AccessVerb, Name, TenantId};
use serde::{Deserialize, Serialize};

/// `POST /v1/tokens`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenCreate {
    /// Its name, unique in the tenant, or among those of the pool.
    pub name: Name,
    /// What its bearer will be.
    pub role: AccessRole,
    /// The tenant that its bearer is held to; the whole pool if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<TenantId>,
    /// What its bearer may do of what the role may: everything if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verbs: Option<Vec<AccessVerb>>,
    /// For how long it is valid, in seconds: a minute to a year; 90 days if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_seconds: Option<u32>,
}

impl TokenCreate {
    /// For how long a token may be valid, in seconds: a minute to a year.
    pub const VALID_SECONDS: std::ops::RangeInclusive<u32> = 60..=366 * 86_400;
    /// For how long it is if nothing else is said: 90 days.
    pub const DEFAULT_VALID_SECONDS: u32 = 90 * 86_400;
}
