//! Address groups: prefixes that rules name together.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{Id, Name, TenantId, Timestamp};

/// The identifier of an [`AddressGroup`].
pub type AddressGroupId = Id<AddressGroup>;

/// Prefixes of one tenant's choice, of both families, that rules may name as their remote end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressGroup {
    /// Its identifier.
    pub id: AddressGroupId,
    /// Who owns it.
    pub tenant_id: TenantId,
    /// Its name, unique in the tenant.
    pub name: Name,
    /// Its prefixes, in order, each once and with no host bits set.
    pub prefixes: Vec<IpNet>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl AddressGroup {
    /// The most prefixes: it travels whole, and so do its flows.
    pub const PREFIXES_MAX: usize = 1000;
}
