//! Port forwardings: single ports of an address outside that are lent to ports.

use std::fmt;
use std::net::Ipv4Addr;
use std::num::NonZeroU16;

use serde::{Deserialize, Serialize};

use crate::{FloatingIpId, Id, PortId, TenantId, Timestamp};

/// The identifier of a [`PortForwarding`].
pub type PortForwardingId = Id<PortForwarding>;

/// A port of a floating IP that stands for a port of one address of a VIF, one to one, wherever that VIF
/// is. The floating IP as a whole stands for nobody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortForwarding {
    /// Its identifier.
    pub id: PortForwardingId,
    /// Who owns it: the floating IP's tenant.
    pub tenant_id: TenantId,
    /// The floating IP.
    pub floating_ip_id: FloatingIpId,
    /// What is spoken.
    pub protocol: ForwardedProtocol,
    /// The port outside.
    pub external_port: NonZeroU16,
    /// The port of the network that it stands for.
    pub port_id: PortId,
    /// The address of it.
    pub port_address: Ipv4Addr,
    /// The port of that address, in the transport protocol.
    pub internal_port: NonZeroU16,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What has ports that can be forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ForwardedProtocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl ForwardedProtocol {
    /// Each with its name.
    pub const ALL: &[(Self, &str)] = &[(Self::Tcp, "tcp"), (Self::Udp, "udp")];
}

impl fmt::Display for ForwardedProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}
