//! Usage: what was moved, by whom, when.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Timestamp, TrafficClass};

/// What one tenant, network or port moved over a time range.
///
/// Directions are the VIF's: `sent` is what its instance sent into the switch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// What kind of thing `id` is.
    pub of: UsageOf,
    /// The tenant, network or port.
    pub id: Uuid,
    /// The start of the range, included.
    pub from: Timestamp,
    /// The end of the range, excluded.
    pub to: Timestamp,
    /// Frames that instances sent, all classes together, by the pipeline: the figure to bill.
    pub sent: Traffic,
    /// Frames that instances received, likewise.
    pub received: Traffic,
    /// The same by class.
    pub classes: Vec<ClassUsage>,
    /// Frames that instances sent, by the interface counters: the second meter.
    pub interface_sent: Traffic,
    /// Frames that instances received, by the interface counters.
    pub interface_received: Traffic,
    /// Frames that instances sent, as estimated from flow samples: the third meter.
    pub sent_estimate: Traffic,
    /// How many samples the estimate rests on.
    pub samples: u64,
}

/// What was moved of one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassUsage {
    /// Which class.
    pub class: TrafficClass,
    /// Frames that instances sent.
    pub sent: Traffic,
    /// Frames that instances received.
    pub received: Traffic,
}

/// An amount of frames. Bytes count from the Ethernet header on, without FCS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Bytes.
    pub bytes: u64,
    /// Frames.
    pub packets: u64,
}

/// The steps of a history of usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UsageStep {
    /// Hours of UTC.
    Hour,
    /// Days of UTC.
    Day,
}

impl UsageStep {
    /// How long a step is, in seconds.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        match self {
            Self::Hour => 3600,
            Self::Day => 86_400,
        }
    }
}

/// What usage is sorted by; within that by time, then by id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum UsageSort {
    /// By time, then by id.
    #[default]
    #[serde(rename = "id")]
    Id,
    /// Who moved most bytes comes first.
    #[serde(rename = "-bytes")]
    MostBytesFirst,
}

/// What usage is summed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UsageOf {
    /// By tenant.
    Tenant,
    /// By network.
    Network,
    /// By port.
    Port,
}
