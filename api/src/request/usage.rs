//! Questions to the usage ledger.

use model::billing::Period;
use model::{
    NetworkId, PortId, SplitBy, TenantId, Timestamp, TrafficClass, UsageOf, UsageSort, UsageStep,
};
use serde::{Deserialize, Serialize};

/// `GET /v1/usage`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageQuery {
    /// What to sum by.
    pub by: UsageOf,
    /// The start of the range, included; if absent, the start of the present month in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// The end of the range, excluded; if absent, now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// Only this tenant's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<TenantId>,
    /// Only this network's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_id: Option<NetworkId>,
    /// Only this port's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_id: Option<PortId>,
    /// In steps of this length, instead of the whole range at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<UsageStep>,
    /// In this order.
    #[serde(default)]
    pub sort: UsageSort,
    /// How many at most, from 1 to 1000.
    pub limit: u32,
    /// How many to leave out.
    pub cursor: u32,
}

impl UsageQuery {
    /// The most that are answered at once.
    pub const MAX_LIMIT: u32 = 1000;

    /// What everybody moved since the start of the month, the first page of it.
    #[must_use]
    pub const fn by(by: UsageOf) -> Self {
        Self {
            by,
            from: None,
            to: None,
            tenant_id: None,
            network_id: None,
            port_id: None,
            step: None,
            sort: UsageSort::Id,
            limit: Self::MAX_LIMIT,
            cursor: 0,
        }
    }
}

/// `GET /v1/usage-splits`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SplitQuery {
    /// What to split by.
    pub by: SplitBy,
    /// The start of the range, included; if absent, a day before its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// The end of the range, excluded; if absent, now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// Only what was sent of this class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<TrafficClass>,
    /// Only what this tenant's ports sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<TenantId>,
    /// Only what was sent on this network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_id: Option<NetworkId>,
    /// Only what this port sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_id: Option<PortId>,
    /// Which of the parts, the largest first.
    #[serde(flatten)]
    pub page: Paging,
}

/// A period of a tenant: `GET /v1/bills`, `POST /v1/seals`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantPeriod {
    /// Whose.
    pub tenant_id: TenantId,
    /// Which month.
    pub period: Period,
}

/// A period of all tenants: `GET /v1/bill-summaries`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct BillsQuery {
    /// Which month.
    pub period: Period,
    /// Which tenants' bills, by the order of their ids.
    #[serde(flatten)]
    pub page: Paging,
}

impl BillsQuery {
    /// The most that are answered at once: each is reckoned anew unless it is sealed.
    pub const MAX_LIMIT: u32 = 100;
}

/// `GET /v1/usage-records`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RecordQuery {
    /// Whose, and of when.
    #[serde(flatten)]
    pub of: TenantPeriod,
    /// Only of intervals that begin then or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Only of intervals that begin before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// Only of this class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<TrafficClass>,
    /// Only this port's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_id: Option<PortId>,
    /// Which of the records, oldest first.
    #[serde(flatten)]
    pub page: Paging,
}

impl RecordQuery {
    /// All records that a bill rests on, the first page of them.
    #[must_use]
    pub const fn of(of: TenantPeriod) -> Self {
        Self {
            of,
            from: None,
            to: None,
            class: None,
            port_id: None,
            page: Paging::from(0),
        }
    }
}

/// A page of what is listed in an order that stays: `limit` at most, after the first `offset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Paging {
    /// How many to leave out.
    #[serde(rename = "cursor")]
    pub offset: u32,
    /// How many at most, from 1 to 1000.
    pub limit: u32,
}

impl Paging {
    /// The longest page that begins there.
    #[must_use]
    pub const fn from(offset: u32) -> Self {
        Self {
            offset,
            limit: 1000,
        }
    }
}
