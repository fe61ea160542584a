//! Who asks, and what they may: decided from the route's row alone, before anything is looked up.

use model::{AccessRole, AccessVerb, TenantId};
use serde::{Deserialize, Serialize};

/// Who asks: the bearer of a valid token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// What the audit log calls them: `admin`, or the name and the id of a token.
    pub actor: String,
    /// What they are.
    pub role: AccessRole,
    /// The tenant that they are held to; the whole pool if absent.
    pub tenant_id: Option<TenantId>,
    /// What they may do of what the role may.
    pub verbs: Vec<AccessVerb>,
}

impl Identity {
    /// Who may do everything.
    #[must_use]
    pub fn operator(actor: &str) -> Self {
        Self {
            actor: actor.to_owned(),
            role: AccessRole::Operator,
            tenant_id: None,
            verbs: AccessVerb::every(),
        }
    }
}

/// Whether an object is there for a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// There is no object with this id.
    Nothing,
    /// It is another's, or the provider's: to this tenant as if it were not there.
    Hidden,
    /// It is the tenant's own, or it is meant for every tenant.
    Visible,
}

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody who can reach the server.
    Anyone,
    /// The bearer of any valid token.
    Bearer,
    /// Who may look at what a tenant has.
    Read,
    /// Who may work with what a tenant has.
    Use,
    /// Who may say what a tenant has.
    Manage,
    /// Who may see what a tenant used and owes.
    Usage,
    /// Who may see what all tenants used and owe.
    Books,
    /// Who may look at what the provider has.
    Inspect,
    /// Who runs the pool.
    Operate,
}

impl Access {
    /// Whether somebody of this role, held to a tenant or not, may.
    #[must_use]
    pub const fn allows(self, role: AccessRole, tenant_id: Option<TenantId>) -> bool {
        use AccessRole::{Auditor, Biller, Operator, TenantAdmin, TenantMember};
        let whole_pool = tenant_id.is_none();
        match self {
            Self::Anyone | Self::Bearer => true,
            Self::Read => matches!(role, Operator | TenantAdmin | TenantMember | Auditor),
            Self::Use => matches!(role, Operator | TenantAdmin | TenantMember),
            Self::Manage => matches!(role, Operator | TenantAdmin),
            Self::Usage => matches!(role, Operator | TenantAdmin | Auditor | Biller),
            Self::Books => whole_pool && matches!(role, Operator | Auditor | Biller),
            Self::Inspect => whole_pool && matches!(role, Operator | Auditor),
            Self::Operate => whole_pool && matches!(role, Operator),
        }
    }
}
