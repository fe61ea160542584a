//! Which port is behind which interface of which host: what attributes a sample.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{HostId, MacAddr, NetworkId, PortId, TenantId, Timestamp, TrafficClass};

/// Every interface that may appear in a sample.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// Increases with every change.
    pub revision: u64,
    /// The hosts of the pool.
    pub hosts: Vec<InventoryHost>,
    /// The networks of these interfaces, and those joined to them: what tells whom a frame is for.
    #[serde(default)]
    pub networks: Vec<InventoryNetwork>,
}

/// A network, as its frames' destinations are told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InventoryNetwork {
    /// Which network.
    pub id: NetworkId,
    /// What the bill calls frames that stay in it, or in those joined to it.
    pub class: TrafficClass,
    /// The Ethernet address of its gateway.
    pub gateway: MacAddr,
    /// Whether its gateway leads out of the pool.
    pub leads_out: bool,
    /// The prefixes that its gateway leads to within the tenant, and the networks they are of.
    pub joined: Vec<(IpNet, NetworkId)>,
    /// The addresses that the pool gives out where it leads.
    pub pool: Vec<IpNet>,
    /// Its ports.
    pub ports: Vec<InventoryPort>,
}

/// A port, as frames for it are told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InventoryPort {
    /// Which port.
    pub id: PortId,
    /// Its Ethernet address.
    pub mac: MacAddr,
    /// Its IP addresses.
    pub addresses: Vec<IpAddr>,
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
