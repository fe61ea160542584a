//! Routers: what joins networks of one tenant.

use serde::{Deserialize, Serialize};

use crate::{Id, Name, NetworkId, TenantId, Timestamp};

/// The identifier of a [`Router`].
pub type RouterId = Id<Router>;

/// What routes between networks of one tenant, as the gateway of each: on every host at once, so
/// that the first hop is always the sender's own host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Router {
    /// Its identifier.
    pub id: RouterId,
    /// Who owns it, and all that it joins.
    pub tenant_id: TenantId,
    /// Its name, unique in the tenant.
    pub name: Name,
    /// The networks it joins, in order; a network has one router at most.
    pub network_ids: Vec<NetworkId>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Router {
    /// The most networks that a router joins: every host that has one of them knows all.
    pub const NETWORKS_MAX: usize = 32;
}
