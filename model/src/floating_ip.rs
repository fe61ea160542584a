//! Floating IPs: addresses of the outside that are lent to ports.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{Id, NetworkId, PortId, TenantId, Timestamp};

/// The identifier of a [`FloatingIp`].
pub type FloatingIpId = Id<FloatingIp>;

/// An address of an external network that stands for one address of a port, one to one, wherever that
/// port is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FloatingIp {
    /// Its identifier.
    pub id: FloatingIpId,
    /// Who owns it.
    pub tenant_id: TenantId,
    /// The external network.
    pub network_id: NetworkId,
    /// The address.
    pub address: IpAddr,
    /// What it stands for, while it is bound.
    #[serde(default)]
    pub bound: Option<BoundTo>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a floating IP stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoundTo {
    /// The port.
    pub port_id: PortId,
    /// The address of it, of the same family.
    pub address: IpAddr,
}
