//! Ways to external networks.

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU16;

use model::{
    Family, FloatingIpId, ForwardedProtocol, HostId, NetworkId, PortId, RouterId, Snat, TenantId,
};
use serde::{Deserialize, Serialize};

use super::Setting;

/// `POST /v1/router-gateways`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayCreate {
    /// The router that gets a default route.
    pub router_id: RouterId,
    /// The external network that it leads to.
    pub network_id: NetworkId,
    /// Whether ports without a floating IP get out, too; if absent, they do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snat: Option<Snat>,
    /// The hosts through which these get out, the first that lives in this order; none: each host by
    /// itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub host_ids: Vec<HostId>,
}

/// `POST /v1/floating-ips`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FloatingIpCreate {
    /// Who will own it.
    pub tenant_id: TenantId,
    /// The external network whose address it is.
    pub network_id: NetworkId,
    /// The version of IP, where no address says it: IPv4 unless told otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family: Option<Family>,
    /// The address; if absent, the next free one of the network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// The port it stands for, if it is to be bound at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_id: Option<PortId>,
    /// Which of the port's addresses; if absent, its first of the same version of IP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_address: Option<IpAddr>,
}

/// `PATCH /v1/floating-ips/{id}`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FloatingIpUpdate {
    /// The port it stands for; `null` unbinds it.
    #[serde(default, skip_serializing_if = "Setting::is_kept")]
    pub port_id: Setting<PortId>,
    /// Which of the port's addresses; if absent, its first of the same version of IP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_address: Option<IpAddr>,
}

/// `POST /v1/port-forwardings`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortForwardingCreate {
    /// The floating IP, which stands for no port as a whole.
    pub floating_ip_id: FloatingIpId,
    /// What is spoken.
    pub protocol: ForwardedProtocol,
    /// The port outside.
    pub external_port: NonZeroU16,
    /// The port of a network that it stands for.
    pub port_id: PortId,
    /// Which of that port's addresses; if absent, its first IPv4 address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_address: Option<Ipv4Addr>,
    /// The port of that address; if absent, the same as outside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub internal_port: Option<NonZeroU16>,
}
