//! Security groups: who may speak with the ports that are in one, and about what.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Id, Invalid, Name, Rule, TenantId, Timestamp};

/// The identifier of a [`SecurityGroup`].
pub type SecurityGroupId = Id<SecurityGroup>;

/// Ports of one tenant that follow the same rules. A port may be in several: what any rule of any
/// of them lets through is let through, everything else is dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityGroup {
    /// Its identifier.
    pub id: SecurityGroupId,
    /// Who owns it.
    pub tenant_id: TenantId,
    /// Its name, unique in the tenant.
    pub name: Name,
    /// Its number in the switches' registers and cookies, unique in the pool.
    pub number: SecurityGroupNumber,
    /// What becomes of replies.
    pub tracking: Tracking,
    /// What it lets through, in the order in which it was said.
    pub rules: Vec<Rule>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl SecurityGroup {
    /// The name of the group that is made with a tenant, and that its ports are in unless told.
    pub const DEFAULT_NAME: &str = "default";
    /// The most rules of a group: it travels whole, and so do its flows.
    pub const RULES_MAX: usize = 200;
    /// The most groups of a port: each is asked about every connection.
    pub const OF_PORT_MAX: usize = 8;
}

/// What becomes of replies.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Tracking {
    /// Connections are tracked: whoever may begin one is answered.
    #[default]
    Stateful,
    /// Each packet stands for itself; replies need rules of their own.
    Stateless,
}

impl Tracking {
    /// Both, with their names.
    pub const ALL: &[(Self, &str)] =
        &[(Self::Stateful, "stateful"), (Self::Stateless, "stateless")];
}

/// The number of a security group in registers and cookies: 1 to 2³²−1, never used again after
/// deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct SecurityGroupNumber(u32);

impl SecurityGroupNumber {
    /// The number itself.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for SecurityGroupNumber {
    type Error = Invalid;

    fn try_from(number: u32) -> Result<Self, Invalid> {
        if number != 0 {
            return Ok(Self(number));
        }
        Err(Invalid::new("a number of a group from 1 to 4294967295"))
    }
}

impl From<SecurityGroupNumber> for u32 {
    fn from(number: SecurityGroupNumber) -> Self {
        number.0
    }
}

impl fmt::Display for SecurityGroupNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
