//! Gateways of routers: how what a router cannot deliver itself gets to an external network.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::{HostId, Id, NetworkId, RouterId, TenantId, Timestamp};

/// The identifier of a [`Gateway`].
pub type GatewayId = Id<Gateway>;

/// The default route of a router: to the gateway of an external network, from every host by that
/// host's own presence on it, or for ports without a floating IP by gateway hosts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gateway {
    /// Its identifier.
    pub id: GatewayId,
    /// Who owns it: the router's tenant.
    pub tenant_id: TenantId,
    /// The router, which has one gateway at most.
    pub router_id: RouterId,
    /// The external network.
    pub network_id: NetworkId,
    /// Whether ports without a floating IP reach it, too.
    pub snat: Snat,
    /// Through which hosts they do, in this order: the first that lives. None: each host by itself.
    #[serde(default)]
    pub host_ids: Vec<HostId>,
    /// As whom they do, on each host that has the router. Where hosts are named it is one address, under
    /// the first of them.
    #[serde(default)]
    pub addresses: Vec<SnatAddress>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Gateway {
    /// The most gateway hosts of a router.
    pub const HOSTS_MAX: usize = 8;
}

/// Whether ports without a floating IP may speak with the outside, in the name of their host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Snat {
    /// They may; nobody outside can begin to speak with them.
    #[default]
    On,
    /// They may not.
    Off,
}

/// An address of the external network that is one router's on one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnatAddress {
    /// The host.
    pub host_id: HostId,
    /// The address.
    pub address: Ipv4Addr,
}
