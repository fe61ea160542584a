//! What clients may ask of the topology: what carries the pool's physical networks, and how single
//! hosts differ.

use std::collections::BTreeMap;

use ipnet::IpNet;
use model::{PhysicalNetworkId, Role, Uplink, VlanId, VlanRanges};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::net::IpAddr;

/// `PATCH /v1/topology`: what is absent stays as it is, what is `null` is taken away (RFC 7396).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopologyChange {
    /// What becomes of the physical network of a role; `None` removes it.
    #[serde(flatten)]
    pub roles: BTreeMap<Role, Option<RoleChange>>,
    /// Within how many seconds hosts must reach the controller over a changed management path, or
    /// they take the change back: 5 to 600, 60 if never said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm_within_seconds: Option<u32>,
}

/// What becomes of the physical network of a role. If there is none, it is made, and called as its
/// role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleChange {
    /// What carries it; required where it is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uplink: Option<Uplink>,
    /// VLAN ids for tenant networks.
    #[serde(default, skip_serializing_if = "Setting::is_kept")]
    pub vlans: Setting<VlanRanges>,
    /// What its switches take untagged frames to be in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub native_vlan: Option<VlanId>,
    /// The largest IP packet it carries, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u16>,
    /// The prefix that every host is given an address of, for overlays to reach it.
    #[serde(default, skip_serializing_if = "Setting::is_kept")]
    pub endpoints: Setting<IpNet>,
}

/// What becomes of something that may be absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Setting<T> {
    /// It stays as it is.
    #[default]
    Kept,
    /// It is taken away.
    Removed,
    /// It becomes this.
    To(T),
}

impl<T> Setting<T> {
    /// Whether it stays as it is.
    #[must_use]
    pub const fn is_kept(&self) -> bool {
        matches!(self, Self::Kept)
    }

    /// What there is afterwards.
    #[must_use]
    pub fn after(self, before: Option<T>) -> Option<T> {
        match self {
            Self::Kept => before,
            Self::Removed => None,
            Self::To(value) => Some(value),
        }
    }
}

impl<T: Serialize> Serialize for Setting<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Kept | Self::Removed => serializer.serialize_none(),
            Self::To(value) => serializer.serialize_some(value),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Setting<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Option::deserialize(deserializer)?;
        Ok(value.map_or(Self::Removed, Self::To))
    }
}

/// `PUT /v1/hosts/{id}/uplink`: how one host differs on one physical network. Without an uplink and
/// an address it does not, any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostUplinkSet {
    /// Which physical network.
    pub physical_network_id: PhysicalNetworkId,
    /// What carries it on this host; if absent, what the pool has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uplink: Option<Uplink>,
    /// The host's own address, with the length of its prefix; only on management and storage. If
    /// absent, it keeps what the NIC has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpNet>,
    /// Where the host's default route leads; only with an address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
    /// Within how many seconds the host must reach the controller over a changed management path, or
    /// it takes the change back: 5 to 600, 60 if never said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm_within_seconds: Option<u32>,
}
