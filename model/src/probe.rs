//! Probes: frames of our own between hosts, which show what the fabric carries. The controller says
//! who sends what; the agents say what arrived.
//!
//! ```text
//!   controller                               every agent
//!      | -- Listen {lanes} -------------------> |  begins to listen, says by which NICs
//!      | -- Send {probes} --------------------> |  each host to all others, at the pace it is told
//!      | -- Collect --------------------------> |  says what it heard since it was last asked
//! ```

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Encapsulation, PhysicalNetworkId, VlanId};

/// The smallest probe, in bytes of what an Ethernet frame carries: it needs no padding.
pub const SMALL_PROBE_BYTES: u16 = 64;

/// A way from host to host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "path", rename_all = "lowercase")]
pub enum ProbePath {
    /// Without a tag, as the endpoints of overlays speak.
    Untagged,
    /// In a VLAN.
    Vlan {
        /// Which.
        vlan: VlanId,
    },
    /// Through a tunnel.
    Tunnel {
        /// How frames are wrapped.
        encapsulation: Encapsulation,
    },
}

/// A way that is tried, by the number that probes bear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ProbeLane {
    /// Its number in this check.
    pub number: u16,
    /// The physical network that is to carry it.
    pub physical_network_id: PhysicalNetworkId,
    /// The way.
    #[serde(flatten)]
    pub path: ProbePath,
}

/// What the controller asks an agent for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeRequest {
    /// Which check: random, so that nobody who is not part of it can make a probe.
    pub check: Uuid,
    /// Increases with every request of a check; the reply has the same.
    pub step: u32,
    /// What to do.
    pub order: ProbeOrder,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub enum ProbeOrder {
    /// Listen for probes in these lanes. Ends whatever was listened for before.
    Listen {
        /// The number of this host in this check.
        host: u16,
        /// Where.
        lanes: Vec<ProbeLane>,
        /// How long at most, in seconds.
        seconds: u16,
    },
    /// Send these, in order.
    Send {
        /// What.
        probes: Vec<Probe>,
        /// How many frames a second at most.
        per_second: u32,
    },
    /// Say what was heard.
    Collect,
}

/// Frames to send. A switch may drop a whole burst for one frame in it that is too large, so between
/// probes of different sizes there is a pause; who has many sorts them by size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// The lane's number.
    pub lane: u16,
    /// Bytes of what the Ethernet frame carries, which is the size of an IP packet that would just
    /// fit: from [`SMALL_PROBE_BYTES`].
    pub bytes: u16,
    /// How many of them.
    pub copies: u8,
    /// The endpoints to send to, through a tunnel; elsewhere a frame goes to everybody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<IpAddr>,
}

/// What an agent answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeReply {
    /// Which check.
    pub check: Uuid,
    /// To which request of it.
    pub step: u32,
    /// What came of it.
    pub outcome: ProbeOutcome,
}

/// What came of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum ProbeOutcome {
    /// It listens.
    Listening {
        /// The NICs that lead to the physical networks of the lanes.
        nics: Vec<ProbeNic>,
        /// The lanes that this host takes no part in, as it should not: it has no such tunnel.
        absent: Vec<u16>,
        /// Physical networks that cannot be tried from here, and why.
        obstacles: Vec<ProbeObstacle>,
    },
    /// All was sent.
    Sent,
    /// What arrived since it was last asked, each once.
    Heard {
        /// What.
        arrivals: Vec<ProbeArrival>,
    },
    /// It cannot be done: it listens for no such check.
    Refused,
}

/// The NIC of a host that leads to a physical network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeNic {
    /// Which physical network.
    pub physical_network_id: PhysicalNetworkId,
    /// The NIC's name.
    pub nic: String,
    /// The largest packet that the host's kernel lets it send, in bytes.
    pub mtu: Option<u32>,
}

/// Why a physical network cannot be tried from a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeObstacle {
    /// Which.
    pub physical_network_id: PhysicalNetworkId,
    /// Why, as a sentence.
    pub reason: String,
}

/// A probe that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ProbeArrival {
    /// The number of the host that sent it.
    pub from: u16,
    /// The lane that it was sent in.
    pub lane: u16,
    /// Its size, as in [`Probe::bytes`].
    pub bytes: u16,
    /// The VLAN that it arrived in, if it had a tag.
    pub vlan: Option<VlanId>,
}
