//! What stands behind a record of the ledger, for whoever disputes it: the readings of the interface's
//! counters, and the sFlow datagrams that told them.

use serde::{Deserialize, Serialize};

use crate::{BothWays, Timestamp, Traffic};

/// The second and third meter of a port on a host in an interval, and what they rest on.
///
/// They are of the port, whatever the class: records of several classes have the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// By the interface's counters; none when they were not read.
    pub interface: Option<BothWays>,
    /// The readings that is the difference of, run by run.
    pub readings: Vec<CounterRun>,
    /// Sent, as estimated from flow samples.
    pub sent_estimate: Traffic,
    /// How many samples that rests on.
    pub samples: u64,
    /// The datagrams of the host that were taken in the interval, run by run.
    pub datagrams: Vec<DatagramRun>,
    /// How many of its datagrams never came.
    pub datagrams_missing: u64,
}

/// Counters of one interface that only grew: what they grew by is what was moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CounterRun {
    /// The interface's number in the host's kernel.
    pub if_index: u32,
    /// The reading that is counted from: the last of the interval before, or where counters began.
    pub from: CounterReading,
    /// The last reading of the interval.
    pub to: CounterReading,
    /// How many readings there were in the interval.
    pub readings: u32,
}

/// An interface's counters as a datagram told them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CounterReading {
    /// When the datagram came.
    pub arrived: Timestamp,
    /// Its sequence number.
    pub sequence: u32,
    /// How long its sender was up, in milliseconds.
    pub uptime_milliseconds: u32,
    /// The counters, as the VIF sees them. Those of frames wrap at 2³².
    pub counters: BothWays,
}

/// Datagrams of one sub-agent between two of its starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatagramRun {
    /// Which sub-agent of the host.
    pub sub_agent: u32,
    /// The sequence number of the first one in the interval.
    pub first_sequence: u32,
    /// Of the last.
    pub last_sequence: u32,
    /// How many of these came and were taken.
    pub taken: u32,
    /// When the first one came.
    pub first_arrived: Timestamp,
    /// When the last one came.
    pub last_arrived: Timestamp,
}
