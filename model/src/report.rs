//! What a host answers: what it carries out, and what it could not.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::plan::{Generation, PlanKey};
use crate::{
    Departure, DriverFound, Encapsulation, Guest, InstanceId, Nic, PortId, PortState, RuleId,
    Timestamp, Traffic, Tunnel,
};

/// What changed on a host since its last report of this session; the first is complete.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostReport {
    /// Whether what is not listed is not there; otherwise it is as it was.
    pub complete: bool,
    /// The newest plan that the agent holds on disk.
    pub held: Generation,
    /// The newest plan whose flows and rows are all in place, but for `failures`.
    pub realized: Generation,
    /// Every item that could not be carried out, always whole.
    pub failures: Vec<ItemFailure>,
    /// Interfaces that are new or changed.
    pub vifs: Vec<Vif>,
    /// Names of interfaces that are gone.
    pub vifs_gone: Vec<String>,
    /// Instances that are new or changed.
    pub instances: Vec<InstanceReport>,
    /// Instances that are gone.
    pub instances_gone: Vec<InstanceId>,
    /// What runs instances and guests there, whole; absent when that is as it was.
    #[serde(default)]
    pub drivers: Option<Vec<DriverFound>>,
    /// The host's NICs, whole; absent when they are as they were.
    #[serde(default)]
    pub nics: Option<Vec<Nic>>,
    /// How it stands with the way to the controller; absent when that is as it was.
    #[serde(default)]
    pub management_path: Option<ManagementPath>,
    /// Tunnels that are new or changed.
    #[serde(default)]
    pub tunnels: Vec<Tunnel>,
    /// Tunnels that are gone.
    #[serde(default)]
    pub tunnels_gone: Vec<(Encapsulation, IpAddr)>,
    /// What logged rules let through, whole; absent when that is as it was.
    #[serde(default)]
    pub rule_hits: Option<Vec<RuleHits>>,
    /// What an operator should know, one sentence each: drift that was healed, a refused plan.
    pub remarks: Vec<String>,
}

/// How it stands with the way between a host and its controller, when the plan changes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum ManagementPath {
    /// It is as the plan says, or the plan says nothing of it.
    #[default]
    Settled,
    /// A change is made and not confirmed yet.
    OnTrial {
        /// When it is taken back, unless a session is up by then.
        until: Timestamp,
    },
    /// The last change was taken back. It is not tried again until the plan's items change.
    Reverted {
        /// When.
        at: Timestamp,
        /// What was tried and why it was taken back, as a sentence.
        reason: String,
    },
}

/// An item that could not be carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemFailure {
    /// Which item.
    pub key: PlanKey,
    /// Why, as a sentence.
    pub reason: String,
}

/// What a logged rule let through on this host since its flows were installed, replies included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleHits {
    /// Which rule.
    pub rule_id: RuleId,
    /// How much.
    #[serde(flatten)]
    pub traffic: Traffic,
}

/// An interface on the integration bridge that names a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vif {
    /// The interface's name, unique on the host.
    pub interface: String,
    /// Its `external_ids:iface-id` as it stands in OVSDB.
    pub iface_id: String,
    /// The port it names, if that is a UUID.
    pub port_id: Option<PortId>,
    /// Its number in the host's kernel, which sFlow reports it under.
    pub ifindex: Option<u32>,
    /// Whether its frames flow: `Active` only after a barrier confirmed its flows.
    pub state: PortState,
    /// Why not, when they do not.
    pub reason: Option<String>,
    /// The generation its flows come from; on standby, since which plan it is.
    pub generation: Option<Generation>,
    /// That a frame of its Ethernet address came from behind it while it was on standby since this plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spoke: Option<Generation>,
    /// The guest that has it, where a driver of the host knows that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest: Option<Guest>,
}

/// An instance as its driver sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceReport {
    /// Which instance.
    pub id: InstanceId,
    /// Whether it runs. One that comes from another host does not until it goes on here; one that leaves does
    /// as long as there is anything of it.
    pub running: bool,
    /// How to find it on the host: for `netns` the name of the namespace.
    pub handle: Option<String>,
    /// Why it does not run.
    pub reason: Option<String>,
    /// What came of sending it to another host, if that is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub departure: Option<Departure>,
}
