//! Tenant networks and how frames of one are told from frames of another.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Id, Invalid, Name, PhysicalNetworkId, TenantId, Timestamp, VlanId};

/// The identifier of a [`Network`].
pub type NetworkId = Id<Network>;

/// A layer-2 network of one tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Its identifier.
    pub id: NetworkId,
    /// Who owns it.
    pub tenant_id: TenantId,
    /// Its name, unique in the tenant.
    pub name: Name,
    /// Its number in the switches' registers and cookies, unique in the pool.
    pub number: NetworkNumber,
    /// How its frames travel between hosts.
    #[serde(flatten)]
    pub segment: Segment,
    /// The largest IP packet its instances may send, in bytes.
    pub mtu: u16,
    /// When it was made.
    pub created_at: Timestamp,
}

/// How frames of a network are marked between hosts. No two networks share a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Segment {
    /// An IEEE 802.1Q tag on a physical network.
    Vlan {
        /// The physical network that carries the tag.
        physical_network_id: PhysicalNetworkId,
        /// The tag's VLAN id.
        vlan: VlanId,
    },
}

/// The number of a network in registers and cookies: 1 to 2³²−1, never used again after deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct NetworkNumber(u32);

impl NetworkNumber {
    /// The number itself.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for NetworkNumber {
    type Error = Invalid;

    fn try_from(number: u32) -> Result<Self, Invalid> {
        if number != 0 {
            return Ok(Self(number));
        }
        Err(Invalid::new("a network number from 1 to 4294967295"))
    }
}

impl From<NetworkNumber> for u32 {
    fn from(number: NetworkNumber) -> Self {
        number.0
    }
}

impl fmt::Display for NetworkNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
