//! Physical networks: what carries the three roles of a pool.

use std::fmt;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::plan::Trial;
use crate::{Id, Invalid, Name, Timestamp, Uplink, VlanId, VlanRanges};

/// The identifier of a [`PhysicalNetwork`].
pub type PhysicalNetworkId = Id<PhysicalNetwork>;

/// A layer-2 network of switches and cables that reaches every host through a NIC of each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhysicalNetwork {
    /// Its identifier.
    pub id: PhysicalNetworkId,
    /// Its name, unique in the pool; hosts carry it on the bridge `br-<name>`.
    pub name: Name,
    /// What it is for.
    pub role: Role,
    /// What carries it on every host that has no exception ([`Host::uplinks`]).
    ///
    /// [`Host::uplinks`]: crate::Host::uplinks
    #[serde(alias = "nic")]
    pub uplink: Uplink,
    /// The VLAN ids that tenant networks may use on it, and that the switches carry.
    /// Absent for management, which carries no tenant network.
    pub vlans: Option<VlanRanges>,
    /// What its switches take untagged frames to be in. No tenant network has this VLAN id: on the
    /// switches it would be one network with whatever speaks untagged, endpoints first of all.
    #[serde(default = "default_native_vlan")]
    pub native_vlan: VlanId,
    /// The largest IP packet it carries, in bytes (without the Ethernet header).
    pub mtu: u16,
    /// Where the hosts' endpoints of overlays are taken from, each host one; absent when it carries
    /// no overlay.
    #[serde(default)]
    pub endpoints: Option<IpNet>,
    /// How a change of the way to the controller is tried on hosts that have no exception; only on
    /// management, absent for the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<Trial>,
    /// When it was made.
    pub created_at: Timestamp,
}

const fn default_native_vlan() -> VlanId {
    VlanId::DEFAULT_NATIVE
}

impl PhysicalNetwork {
    /// The longest name, so that `br-<name>` is still a Linux interface name (15 characters).
    pub const NAME_MAX_CHARS: usize = 12;
}

/// What a physical network is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// API, agent sessions, sFlow, hypervisor control. No VIF ever reaches it.
    Management,
    /// Tenant traffic between instances.
    Private,
    /// Addresses that the outside can reach.
    Public,
    /// Disks of instances.
    Storage,
}

impl Role {
    /// Every role with its name.
    pub const ALL: &[(Self, &str)] = &[
        (Self::Management, "management"),
        (Self::Private, "private"),
        (Self::Public, "public"),
        (Self::Storage, "storage"),
    ];
}

impl FromStr for Role {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let found = Self::ALL.iter().find(|(_, name)| *name == text);
        found
            .map(|(role, _)| *role)
            .ok_or(Invalid::new("one of management, private, public, storage"))
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = Self::ALL.iter().find(|(role, _)| role == self);
        f.write_str(found.map_or("", |(_, name)| name))
    }
}

/// The name of a Linux network interface: 1 to 15 bytes, no space, no slash (`dev_valid_name`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NicName(String);

impl NicName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for NicName {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        let length_ok = (1..=15).contains(&text.len());
        let characters_ok = text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'/' && byte != b':');
        if length_ok && characters_ok && text != "." && text != ".." {
            return Ok(Self(text));
        }
        Err(Invalid::new(
            "the name of a network interface: 1 to 15 characters, no space, slash or colon",
        ))
    }
}

impl FromStr for NicName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::try_from(text.to_owned())
    }
}

impl From<NicName> for String {
    fn from(nic: NicName) -> Self {
        nic.0
    }
}

impl fmt::Display for NicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
