//! Which port is behind which interface of which host: what attributes a sample.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{HostId, NetworkId, PortId, TenantId, Timestamp};

/// Every interface that may appear in a sample.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// Increases with every change.
    pub revision: u64,
    /// The hosts of the pool.
    pub hosts: Vec<InventoryHost>,
}

/// A host and its interfaces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InventoryHost {
    /// Which host.
    pub id: HostId,
    /// The address its session, and so its sFlow datagrams, come from.
    pub address: IpAddr,
    /// Its interfaces that carry a port.
    pub vifs: Vec<InventoryVif>,
}

/// An interface that carries a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InventoryVif {
    /// Its name.
    pub interface: String,
    /// Its number in the host's kernel.
    pub ifindex: u32,
    /// The port it carries.
    pub port_id: PortId,
    /// The port's network.
    pub network_id: NetworkId,
    /// The port's tenant.
    pub tenant_id: TenantId,
    /// Since when the controller knows that this interface carries this port.
    pub since: Timestamp,
}
