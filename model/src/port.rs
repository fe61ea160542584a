//! Ports: where an instance's VIF meets its network.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::plan::Generation;
use crate::{
    AddressPair, Guest, HostId, Id, InstanceId, Limits, MacAddr, Migration, Name, NetworkId,
    SecurityGroupId, TenantId, Timestamp, VlanId,
};

/// The identifier of a [`Port`]: what an interface's `external_ids:iface-id` names.
pub type PortId = Id<Port>;

/// One VIF of one instance on one network, and the addresses it may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// Its identifier.
    pub id: PortId,
    /// Who owns it: the network's tenant, or where that shares the network any other.
    pub tenant_id: TenantId,
    /// The network it is on.
    pub network_id: NetworkId,
    /// Its name, unique in the tenant where given.
    pub name: Option<Name>,
    /// Its Ethernet address, unique in the network.
    pub mac: MacAddr,
    /// Its IP addresses, unique in the network.
    pub addresses: Vec<IpAddr>,
    /// What it may send from besides these; other ports may have the same.
    #[serde(default)]
    pub allowed: Vec<AddressPair>,
    /// Whether it may send from nothing else.
    #[serde(default)]
    pub spoof_guard: SpoofGuard,
    /// How much it may take.
    #[serde(default, flatten)]
    pub limits: Limits,
    /// The security groups it is in, of its own tenant; in none, it hears and is heard by nobody.
    #[serde(default)]
    pub security_group_ids: Vec<SecurityGroupId>,
    /// The host it is bound to: where its interface last appeared, or will.
    pub host_id: Option<HostId>,
    /// Its migration to another host, while there is one. A sub-port's is its trunk's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migration: Option<Migration>,
    /// The trunk that it is a sub-port of. It then has no interface of its own, and goes wherever
    /// its trunk goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_trunk: Option<OnTrunk>,
    /// The instance it was made with, and is deleted with.
    pub instance_id: Option<InstanceId>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Port {
    /// Every host that has it: the one that it is bound to, and during a migration the other.
    pub fn hosts(&self) -> impl Iterator<Item = HostId> + use<> {
        let other = self.migration.map(|it| it.elsewhere());
        self.host_id.into_iter().chain(other)
    }

    /// The one host that its frames may flow on.
    #[must_use]
    pub fn lit_on(&self) -> Option<HostId> {
        match self.migration {
            Some(migration) => migration.lit(),
            None => self.host_id,
        }
    }

    /// The most addresses of a port: its flows and its plan item grow with them.
    pub const ADDRESSES_MAX: usize = 8;
    /// The most address pairs of a port.
    pub const ALLOWED_MAX: usize = 16;
}

/// Whether a port may send from any address of its network.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum SpoofGuard {
    /// Only from its own addresses and its address pairs.
    #[default]
    On,
    /// From any but the gateway's. It stays in its network, and is still no server of DHCP and no
    /// router to others.
    Off,
}

/// The trunk of a sub-port: a port of the same tenant whose instance tells networks apart by tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnTrunk {
    /// The trunk.
    pub trunk_id: PortId,
    /// The VLAN id that the instance has the sub-port's frames under (IEEE 802.1Q). It is known on
    /// this trunk only, and has nothing to do with the VLANs between hosts.
    pub vlan: VlanId,
}

/// What is known of a port beyond the intent, from its host's reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortStatus {
    /// Whether frames flow.
    pub state: PortState,
    /// Why not, when they do not.
    pub reason: Option<String>,
    /// The interface that carries it, such as `vif1.0`, while plugged.
    pub interface: Option<String>,
    /// The plan's generation that its flows come from.
    pub generation: Option<Generation>,
    /// The guest that has it: a machine that a hypervisor runs by its own means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest: Option<Guest>,
}

/// Whether frames of a port flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PortState {
    /// No interface carries the port.
    Down,
    /// Its rules are in the switch, and it is dark: its instance runs on another host, or is on its way.
    Standby,
    /// Its interface is there; its flows are not confirmed yet.
    Building,
    /// Its flows are in the switch, confirmed by a barrier.
    Active,
}

impl Default for PortStatus {
    fn default() -> Self {
        Self {
            state: PortState::Down,
            reason: None,
            interface: None,
            generation: None,
            guest: None,
        }
    }
}
