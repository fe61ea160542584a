//! Questions to history.

use model::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// `GET /v1/history`: the records that fit all of these, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryQuery {
    /// Only those that touched this object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_id: Option<Uuid>,
    /// Only those that touched an object of this kind, such as `port`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noun: Option<String>,
    /// Only those that touched an object of this tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<TenantId>,
    /// Only those that this actor asked for, exactly as the records name them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Only those that somebody held to this tenant asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_tenant_id: Option<TenantId>,
    /// Only those that came from here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Only those of this request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Only those by which this was asked for, as in `port_create`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verb: Option<String>,
    /// The start of the range of time, included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// The end of the range of time, excluded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// How many at most, from 1 to 1000.
    pub limit: u32,
    /// Only those before this one: where the page before ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<u64>,
}

impl HistoryQuery {
    /// The most records on a page.
    pub const MAX_LIMIT: u32 = 1000;

    /// How many records a page has unless the client says otherwise.
    pub const DEFAULT_LIMIT: u32 = 100;
}

impl Default for HistoryQuery {
    fn default() -> Self {
        Self {
            object_id: None,
            noun: None,
            tenant_id: None,
            actor: None,
            by_tenant_id: None,
            source: None,
            request_id: None,
            verb: None,
            from: None,
            to: None,
            limit: Self::DEFAULT_LIMIT,
            cursor: None,
        }
    }
}
