//! How the meters beside the billed one are doing: what the collector hears, and where meters disagree.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{HostId, PortId, Timestamp};

/// What the collector of sFlow saw and what it could not use, since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectorStatistics {
    /// Datagrams that came out of the sockets.
    pub datagrams: u64,
    /// Datagrams that the kernel dropped because a socket was full.
    pub dropped_by_kernel: u64,
    /// Datagrams from an address that is no host's, or more than one's: dropped.
    pub unknown_agents: u64,
    /// Datagrams that came from anywhere, where only those are taken that agents hand on: dropped.
    pub unproven: u64,
    /// Datagrams that agents could not hand on.
    pub dropped_by_agents: u64,
    /// Datagrams of which at least a part was no sFlow version 5.
    pub malformed: u64,
    /// Datagrams that had been taken before: dropped.
    pub duplicates: u64,
    /// Datagrams too late to tell, or of an agent that had started anew since: dropped.
    pub outdated: u64,
    /// Datagrams ahead of anything their agent can have sent: dropped.
    pub stray: u64,
    /// Datagrams that came after later ones: taken.
    pub reordered: u64,
    /// Datagrams that never came, by the gaps in their sequence numbers.
    pub missing: u64,
    /// Flow samples that were attributed to a VIF.
    pub flow_samples: u64,
    /// Counter samples that were attributed to a VIF.
    pub counter_samples: u64,
}

/// Where the meters of an interval disagree by more than sampling explains, or one fell silent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeterFinding {
    /// When the interval starts.
    pub interval_start: Timestamp,
    /// How long it is, in seconds.
    pub interval_seconds: u32,
    /// On which host.
    pub host_id: HostId,
    /// Of which port; the whole host if none.
    pub port_id: Option<PortId>,
    /// Why.
    pub cause: FindingCause,
    /// What was found, as a sentence.
    pub message: String,
}

/// Why meters disagree; the names are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingCause {
    /// The host's switch sent no sFlow at all, while its ports moved something.
    SilentAgent,
    /// Datagrams were lost on the way.
    LostDatagrams,
    /// Samples were lost in the switch.
    SampleDrops,
    /// Frames are not sampled at the rate that samples name.
    WrongRate,
    /// A clock was set, the host's or the collector's.
    ClockStep,
    /// The interface's own counters show less than the pipeline counted.
    CountersBehind,
}

impl FindingCause {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::SilentAgent,
        Self::LostDatagrams,
        Self::SampleDrops,
        Self::WrongRate,
        Self::ClockStep,
        Self::CountersBehind,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SilentAgent => "silent-agent",
            Self::LostDatagrams => "lost-datagrams",
            Self::SampleDrops => "sample-drops",
            Self::WrongRate => "wrong-rate",
            Self::ClockStep => "clock-step",
            Self::CountersBehind => "counters-behind",
        }
    }
}

impl fmt::Display for FindingCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for FindingCause {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|cause| cause.name() == text);
        found.ok_or("no cause of a finding")
    }
}
