//! Checks of the fabric: what the switches and cables between hosts carry, and what is wrong.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{HostId, Id, PhysicalNetworkId, ProbePath, Timestamp, VlanId};

/// The identifier of a [`FabricCheck`].
pub type FabricCheckId = Id<FabricCheck>;

/// A check of the fabric, and what came of it. The newest are kept, in memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FabricCheck {
    /// Its identifier.
    pub id: FabricCheckId,
    /// What it tries.
    #[serde(flatten)]
    pub scope: FabricScope,
    /// How far it is.
    pub state: FabricState,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it came to an end.
    pub finished_at: Option<Timestamp>,
    /// What is wrong, in words; empty when all is well.
    pub findings: Vec<Finding>,
    /// What was tried, and how much of it passed.
    pub paths: Vec<PathResult>,
    /// Pairs of hosts between which something was lost: the first [`FabricCheck::MOST_LOSSES`].
    pub losses: Vec<Loss>,
}

impl FabricCheck {
    /// How many losses are told one by one.
    pub const MOST_LOSSES: usize = 1_000;
}

/// What a check tries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FabricScope {
    /// This VLAN alone; if absent, see `vlans`.
    pub vlan: Option<VlanId>,
    /// Which VLANs.
    pub vlans: VlanChoice,
    /// Only pairs that this host is one of.
    pub host_id: Option<HostId>,
    /// Only this physical network.
    pub physical_network_id: Option<PhysicalNetworkId>,
}

/// Which VLANs a check tries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VlanChoice {
    /// Those of networks.
    #[default]
    InUse,
    /// All that the physical network may carry.
    All,
}

impl VlanChoice {
    /// Every choice with its name.
    pub const ALL: &[(Self, &str)] = &[(Self::InUse, "in-use"), (Self::All, "all")];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(choice, _)| *choice == self);
        found.map_or("", |(_, name)| name)
    }
}

/// How far a check is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FabricState {
    /// Probes are under way.
    Running,
    /// All was tried.
    Done,
}

impl FabricState {
    /// Every state with its name.
    pub const ALL: &[(Self, &str)] = &[(Self::Running, "running"), (Self::Done, "done")];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(state, _)| *state == self);
        found.map_or("", |(_, name)| name)
    }
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Finding {
    /// What kind of thing.
    pub kind: FindingKind,
    /// What is wrong, as a sentence that names the host, its NIC, the VLAN and the size.
    pub message: String,
    /// The hosts that are concerned; none when it is nothing of a host.
    pub host_ids: Vec<HostId>,
}

/// The kinds of findings; their names are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// The agent of a host has no session, or did not answer.
    NotConnected,
    /// A host cannot take part in trying a physical network.
    CannotProbe,
    /// Nothing of a physical network passes between a host and the others.
    CutOff,
    /// A VLAN does not pass.
    Vlan,
    /// Packets without a tag do not pass.
    Untagged,
    /// A tunnel does not pass, though the hosts reach each other without it.
    Tunnel,
    /// Packets as large as they may be do not pass.
    Size,
    /// A NIC's own limit is too small.
    NicMtu,
    /// What is sent in one VLAN arrives in another.
    Mixed,
}

/// How much of one way passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathResult {
    /// The physical network.
    pub physical_network_id: PhysicalNetworkId,
    /// The way.
    #[serde(flatten)]
    pub path: ProbePath,
    /// How many pairs of hosts were tried, each direction a pair of its own.
    pub pairs: usize,
    /// Between how many a small probe passed.
    pub small_passed: usize,
    /// Between how many a full one passed.
    pub full_passed: usize,
    /// What a full one is, in bytes of an IP packet.
    pub full_bytes: u16,
}

/// What was lost between two hosts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// Who sent.
    pub from: HostId,
    /// Who did not hear it.
    pub to: HostId,
    /// The physical network.
    pub physical_network_id: PhysicalNetworkId,
    /// The way.
    #[serde(flatten)]
    pub path: ProbePath,
    /// The largest size that passed, in bytes of an IP packet; absent when none did.
    pub largest_bytes: Option<u16>,
}

impl fmt::Display for ProbePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Untagged => f.write_str("untagged"),
            Self::Vlan { vlan } => write!(f, "VLAN {vlan}"),
            Self::Tunnel { encapsulation } => write!(f, "{encapsulation}"),
        }
    }
}
