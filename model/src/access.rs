//! Who may do what: roles, and the tokens that bear them.

use serde::{Deserialize, Serialize};

use crate::{Id, Name, TenantId, Timestamp};

/// The identifier of an [`AccessToken`].
pub type AccessTokenId = Id<AccessToken>;

/// A secret that was given out, and what its bearer may do. The secret itself is not here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessToken {
    /// Its identifier.
    pub id: AccessTokenId,
    /// Its name, unique in its tenant, or among those of the pool.
    pub name: Name,
    /// What its bearer is.
    pub role: AccessRole,
    /// The tenant that its bearer is held to; the whole pool if absent.
    pub tenant_id: Option<TenantId>,
    /// What its bearer may do of what the role may.
    pub verbs: Vec<AccessVerb>,
    /// SHA-256 of the secret, as 64 hexadecimal digits.
    pub digest: String,
    /// From when on it is no longer valid.
    pub expires_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What somebody is to the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccessRole {
    /// Runs the pool: may do everything.
    Operator,
    /// Runs a tenant: all that is the tenant's, its tokens too.
    TenantAdmin,
    /// Works within a tenant: ports, instances, groups, floating IPs.
    TenantMember,
    /// Reads all there is of a tenant, or of the pool.
    Auditor,
    /// Reads usage and bills of a tenant, or of the pool.
    Biller,
}

impl AccessRole {
    /// Every role with its name.
    pub const ALL: &[(Self, &str)] = &[
        (Self::Operator, "operator"),
        (Self::TenantAdmin, "tenant-admin"),
        (Self::TenantMember, "tenant-member"),
        (Self::Auditor, "auditor"),
        (Self::Biller, "biller"),
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(role, _)| *role == self);
        found.map_or("", |(_, name)| name)
    }

    /// Whether it can be held to a tenant.
    #[must_use]
    pub const fn fits_tenant(self) -> bool {
        !matches!(self, Self::Operator)
    }

    /// Whether it can be had for the whole pool.
    #[must_use]
    pub const fn fits_pool(self) -> bool {
        !matches!(self, Self::TenantAdmin | Self::TenantMember)
    }
}

/// What is done by a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccessVerb {
    /// Looks.
    Read,
    /// Makes something new, or asks for something to be done.
    Create,
    /// Changes what is there.
    Change,
    /// Deletes what is there.
    Delete,
}

impl AccessVerb {
    /// Every verb with its name.
    pub const ALL: &[(Self, &str)] = &[
        (Self::Read, "read"),
        (Self::Create, "create"),
        (Self::Change, "change"),
        (Self::Delete, "delete"),
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(verb, _)| *verb == self);
        found.map_or("", |(_, name)| name)
    }

    /// All of them.
    #[must_use]
    pub fn every() -> Vec<Self> {
        Self::ALL.iter().map(|(verb, _)| *verb).collect()
    }
}
