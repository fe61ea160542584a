//! Tenants: whose traffic must never meet another's.

use serde::{Deserialize, Serialize};

use crate::{Id, Limits, Name, Quota, Reason, Suspended, Timestamp};

/// The identifier of a [`Tenant`].
pub type TenantId = Id<Tenant>;

/// A customer of the pool. Everything a tenant owns is watertight against every other tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// Its identifier.
    pub id: TenantId,
    /// Its name, unique in the pool.
    pub name: Name,
    /// Whether its ports move anything at all, and why not.
    #[serde(default, flatten)]
    pub standing: Standing,
    /// How much each of its ports may take at most, whatever the port's own limits say.
    #[serde(default, flatten)]
    pub limits: Limits,
    /// How much of the pool it may have, where that is not the pool's default.
    #[serde(default, skip_serializing_if = "Quota::is_empty")]
    pub quota: Quota,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Whether a tenant may use the pool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StandingFields", into = "StandingFields")]
pub enum Standing {
    /// It may.
    #[default]
    Active,
    /// All of its ports are dark, and its tokens only read; nothing is deleted.
    Suspended {
        /// Why, for whoever finds it so.
        reason: Option<Reason>,
        /// Since when.
        since: Timestamp,
    },
}

impl Standing {
    /// The word for it.
    #[must_use]
    pub const fn state(&self) -> TenantState {
        match self {
            Self::Active => TenantState::Active,
            Self::Suspended { .. } => TenantState::Suspended,
        }
    }

    /// Why it may not, where somebody said so.
    #[must_use]
    pub const fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Active => None,
            Self::Suspended { reason, .. } => reason.as_ref(),
        }
    }

    /// Since when it may not.
    #[must_use]
    pub const fn since(&self) -> Option<Timestamp> {
        match self {
            Self::Active => None,
            Self::Suspended { since, .. } => Some(*since),
        }
    }

    /// What it takes from every port of the tenant.
    #[must_use]
    pub fn bounds(&self) -> Limits {
        match self {
            Self::Active => Limits::default(),
            Self::Suspended { .. } => Limits {
                suspended: Suspended::everything(),
                ..Limits::default()
            },
        }
    }
}

/// The words for how a tenant stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TenantState {
    /// It may use the pool.
    #[default]
    Active,
    /// All of its ports are dark.
    Suspended,
}

impl TenantState {
    /// Every state with its name.
    pub const ALL: &[(Self, &str)] = &[(Self::Active, "active"), (Self::Suspended, "suspended")];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }
}

/// How a standing is written: beside the other fields of its tenant.
#[derive(Default, Serialize, Deserialize)]
struct StandingFields {
    #[serde(default)]
    state: TenantState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    suspended_at: Option<Timestamp>,
}

impl From<StandingFields> for Standing {
    fn from(fields: StandingFields) -> Self {
        match fields.state {
            TenantState::Active => Self::Active,
            TenantState::Suspended => Self::Suspended {
                reason: fields.reason,
                since: fields
                    .suspended_at
                    .unwrap_or_else(|| Timestamp::from_unix_seconds(0)),
            },
        }
    }
}

impl From<Standing> for StandingFields {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Active => Self::default(),
            Standing::Suspended { reason, since } => Self {
                state: TenantState::Suspended,
                reason,
                suspended_at: Some(since),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = r#"{"id":"018f3d3a-0000-7000-8000-000000000001","name":"acme","created_at":"2026-11-23T12:00:00Z"}"#;

    #[test]
    fn a_tenant_from_before_there_was_a_state_is_active() {
        let tenant: Tenant = serde_json::from_str(TENANT).unwrap();
        assert_eq!(tenant.standing, Standing::Active);
        let text = serde_json::to_value(&tenant).unwrap();
        assert_eq!(text["state"], "active");
        assert!(text.get("suspended_at").is_none());
    }

    #[test]
    fn a_suspended_tenant_survives_its_json_form_and_moves_nothing() {
        let mut tenant: Tenant = serde_json::from_str(TENANT).unwrap();
        tenant.standing = Standing::Suspended {
            reason: Some("not paid since May".parse().unwrap()),
            since: Timestamp::from_unix_seconds(1_700_000_000),
        };
        let text = serde_json::to_string(&tenant).unwrap();
        assert_eq!(serde_json::from_str::<Tenant>(&text).unwrap(), tenant);
        let bounds = tenant.standing.bounds().suspended;
        for (class, _) in crate::TrafficClass::ALL {
            assert!(bounds.sent.contains(*class) && bounds.received.contains(*class));
        }
    }
}
