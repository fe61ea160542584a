//! Hosts: the machines of the pool.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::plan::Generation;
use crate::report::ManagementPath;
use crate::{DriverFound, HostUplink, Id, Name, Nic, Timestamp};

/// The identifier of a [`Host`]; its certificate carries it.
pub type HostId = Id<Host>;

/// A machine that runs instances, an agent and Open vSwitch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Its identifier.
    pub id: HostId,
    /// Its name, unique in the pool.
    pub name: Name,
    /// Where overlays reach it: an address of the pool's [`PhysicalNetwork::endpoints`], kept as
    /// long as these are.
    ///
    /// [`PhysicalNetwork::endpoints`]: crate::PhysicalNetwork::endpoints
    #[serde(default)]
    pub endpoint: Option<IpAddr>,
    /// How it differs from the pool in what carries physical networks, at most one for each.
    #[serde(default)]
    pub uplinks: Vec<HostUplink>,
    /// When its certificate was first seen.
    pub created_at: Timestamp,
}

/// What is known of a host at this moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostStatus {
    /// Whether its agent's session is open.
    pub connected: bool,
    /// Where its session comes from: its management address.
    pub address: Option<IpAddr>,
    /// The version of its agent.
    pub agent_version: Option<String>,
    /// The newest plan made for it.
    pub planned: Option<Generation>,
    /// The newest plan its switch fully carries out.
    pub realized: Option<Generation>,
    /// When it last spoke.
    pub last_seen_at: Option<Timestamp>,
    /// What it could not carry out, one sentence each.
    pub failures: Vec<String>,
    /// What runs instances and guests there.
    #[serde(default)]
    pub drivers: Vec<DriverFound>,
    /// Its NICs.
    #[serde(default)]
    pub nics: Vec<Nic>,
    /// How it stands with the way its controller reaches it.
    #[serde(default)]
    pub management_path: ManagementPath,
}
