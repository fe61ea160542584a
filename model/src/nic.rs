//! NICs: what a host has to carry physical networks with.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{MacAddr, Name, NicName};

/// A network interface of a host that could carry a physical network, or does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nic {
    /// Its name.
    pub name: NicName,
    /// Its Ethernet address.
    pub mac: MacAddr,
    /// Whether something is at the other end of its cable.
    pub carrier: bool,
    /// Its speed in Mbit/s, if it knows.
    pub speed_mbps: Option<u32>,
    /// The largest IP packet it sends, in bytes.
    pub mtu: u32,
    /// What drives it, such as `ixgbe`; for a link of software its kind, such as `veth`.
    pub driver: Option<String>,
    /// Its own addresses. Those of a NIC that carries a physical network are on the bridge.
    pub addresses: Vec<IpNet>,
    /// Whether a default route leads through it.
    pub default_route: bool,
    /// What has it, if anything.
    pub used_by: Option<NicUse>,
}

/// What a NIC is used for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum NicUse {
    /// Physical networks of the pool, by our bridges.
    PhysicalNetworks {
        /// Their names.
        names: Vec<Name>,
        /// The bond it is part of, by the name of its port in Open vSwitch.
        bond: Option<String>,
    },
    /// Something that is not ours: a bridge or a bond, by its name.
    Other {
        /// Its name.
        name: String,
    },
}
