//! Tenant networks and how frames of one are told from frames of another.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    Encapsulation, Id, Invalid, Limits, Name, PhysicalNetworkId, Sharing, TenantId, Timestamp,
    VlanId, Vni,
};

/// The identifier of a [`Network`].
pub type NetworkId = Id<Network>;

/// A layer-2 network of one tenant, which may share it.
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
    /// Who else may be on it.
    #[serde(flatten)]
    pub sharing: Sharing,
    /// How much each of its ports may take that does not say otherwise itself.
    #[serde(default, flatten)]
    pub limits: Limits,
    /// When it was made.
    pub created_at: Timestamp,
}

/// How frames of a network are marked between hosts. No two networks share a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Segment {
    /// Whatever has no tag on a physical network.
    Flat {
        /// The physical network.
        physical_network_id: PhysicalNetworkId,
    },
    /// An IEEE 802.1Q tag on a physical network.
    Vlan {
        /// The physical network that carries the tag.
        physical_network_id: PhysicalNetworkId,
        /// The tag's VLAN id.
        vlan: VlanId,
    },
    /// VXLAN between the hosts' endpoints on a physical network.
    Vxlan {
        /// The physical network that the endpoints are on.
        physical_network_id: PhysicalNetworkId,
        /// What tells its packets from those of other networks; unique in the pool.
        vni: Vni,
    },
    /// Geneve between the hosts' endpoints on a physical network.
    Geneve {
        /// The physical network that the endpoints are on.
        physical_network_id: PhysicalNetworkId,
        /// What tells its packets from those of other networks; unique in the pool.
        vni: Vni,
    },
}

impl Segment {
    /// An overlay's segment.
    #[must_use]
    pub const fn overlay(
        encapsulation: Encapsulation,
        physical_network_id: PhysicalNetworkId,
        vni: Vni,
    ) -> Self {
        match encapsulation {
            Encapsulation::Vxlan => Self::Vxlan {
                physical_network_id,
                vni,
            },
            Encapsulation::Geneve => Self::Geneve {
                physical_network_id,
                vni,
            },
        }
    }

    /// The physical network that carries it.
    #[must_use]
    pub const fn physical_network_id(&self) -> PhysicalNetworkId {
        match self {
            Self::Flat {
                physical_network_id,
            }
            | Self::Vlan {
                physical_network_id,
                ..
            }
            | Self::Vxlan {
                physical_network_id,
                ..
            }
            | Self::Geneve {
                physical_network_id,
                ..
            } => *physical_network_id,
        }
    }

    /// What it is called: `flat`, `vlan`, `vxlan` or `geneve`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Flat { .. } => "flat",
            Self::Vlan { .. } => "vlan",
            Self::Vxlan { .. } => Encapsulation::Vxlan.name(),
            Self::Geneve { .. } => Encapsulation::Geneve.name(),
        }
    }

    /// Its VLAN id, if it has one.
    #[must_use]
    pub const fn vlan(&self) -> Option<VlanId> {
        match self {
            Self::Vlan { vlan, .. } => Some(*vlan),
            Self::Flat { .. } | Self::Vxlan { .. } | Self::Geneve { .. } => None,
        }
    }

    /// Its encapsulation and VNI, if it is an overlay.
    #[must_use]
    pub const fn tunnel(&self) -> Option<(Encapsulation, Vni)> {
        match self {
            Self::Flat { .. } | Self::Vlan { .. } => None,
            Self::Vxlan { vni, .. } => Some((Encapsulation::Vxlan, *vni)),
            Self::Geneve { vni, .. } => Some((Encapsulation::Geneve, *vni)),
        }
    }
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
