//! Accounting: what each port moved by the pipeline's own counters, from a host's agent to the ledger.
//!
//! Amounts are absolute for their interval, so a record may be told any number of times. Beside them
//! stands the meter as it was read: `total` goes on for as long as the agent's `epoch`, and an
//! interval's amount is what it grew by.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{PortId, Timestamp, Traffic};

/// Where a frame came from or went to, as far as the bill is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrafficClass {
    /// Within the tenant's own networks.
    TenantInternal,
    /// Within the pool: another tenant's public address, or a service of the provider.
    PoolInternal,
    /// The outside.
    Public,
}

impl TrafficClass {
    /// Every class, with the number that stands for it in flows and in the ledger.
    pub const ALL: &[(Self, u8)] = &[
        (Self::TenantInternal, 1),
        (Self::PoolInternal, 2),
        (Self::Public, 3),
    ];

    /// The number that stands for it.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::TenantInternal => 1,
            Self::PoolInternal => 2,
            Self::Public => 3,
        }
    }

    /// What a number stands for.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, it)| *it == code);
        found.map(|(class, _)| *class)
    }

    /// Its name, as in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TenantInternal => "tenant-internal",
            Self::PoolInternal => "pool-internal",
            Self::Public => "public",
        }
    }
}

/// What went each way, as the VIF sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BothWays {
    /// Frames that the instance sent.
    pub sent: Traffic,
    /// Frames that the instance received.
    pub received: Traffic,
}

/// What a port moved of one class in one interval on one host, and the meter at its last reading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageRecord {
    /// When the interval starts, in seconds since 1970, a multiple of its length.
    pub interval_start: i64,
    /// How long it is, in seconds.
    pub interval_seconds: u32,
    /// Who moved it.
    pub port_id: PortId,
    /// Which class it is of.
    pub class: TrafficClass,
    /// What was moved in the interval until now.
    pub moved: BothWays,
    /// The meter: what was moved since the epoch began.
    pub total: BothWays,
    /// When the meter was read.
    pub read_at: Timestamp,
    /// Seconds at the end of which counters were lost unread, with a switch that died: what was
    /// moved in them is not in the amounts.
    #[serde(default)]
    pub unread_seconds: u32,
    /// Of what was moved, what flows told as their last counts when they went.
    #[serde(default)]
    pub last_counts: BothWays,
}

/// Some records of a host, sent together and acknowledged together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageBatch {
    /// The agent's run of meters; a new one begins only when the agent lost its state.
    pub epoch: Uuid,
    /// Increases with every batch of the epoch.
    pub number: u64,
    /// At most [`Self::MAX_RECORDS`].
    pub records: Vec<UsageRecord>,
}

impl UsageBatch {
    /// The most records of one batch.
    pub const MAX_RECORDS: usize = 1_000;
}

/// A batch is durable in the ledger, but for the records that it refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageTaken {
    /// Which batch.
    pub number: u64,
    /// The records, by their place in the batch, of ports that the host has not, or not any more.
    #[serde(default)]
    pub refused: Vec<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_is_found_by_its_number() {
        for (class, code) in TrafficClass::ALL {
            assert_eq!(class.code(), *code);
            assert_eq!(TrafficClass::from_code(*code), Some(*class));
        }
        assert_eq!(TrafficClass::from_code(0), None);
    }
}
