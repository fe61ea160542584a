//! Tenants: whose traffic must never meet another's.

use serde::{Deserialize, Serialize};

use crate::{Id, Limits, Name, Timestamp};

/// The identifier of a [`Tenant`].
pub type TenantId = Id<Tenant>;

/// A customer of the pool. Everything a tenant owns is watertight against every other tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// Its identifier.
    pub id: TenantId,
    /// Its name, unique in the pool.
    pub name: Name,
    /// How much each of its ports may take at most, whatever the port's own limits say.
    #[serde(default, flatten)]
    pub limits: Limits,
    /// When it was made.
    pub created_at: Timestamp,
}
