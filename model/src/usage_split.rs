//! What was sent, split by peer, protocol or address: estimated from flow samples, and calibrated to what
//! was counted.

use serde::{Deserialize, Serialize};

use crate::{Timestamp, Traffic, TrafficClass};

/// What usage is split by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SplitBy {
    /// By whom it is for: a port's id, or `outside`, `pool`, `everybody`, `unknown`.
    Peer,
    /// By the protocol and the lower of its ports: `tcp/443`.
    Protocol,
    /// By the IP address it is for; `none` of what is no IP.
    Address,
}

impl SplitBy {
    /// Each, with its name.
    pub const ALL: &[(Self, &str)] = &[
        (Self::Peer, "peer"),
        (Self::Protocol, "protocol"),
        (Self::Address, "address"),
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(it, _)| *it == self);
        found.map_or("", |(_, name)| name)
    }
}

/// A part of what was sent of one class over a time range. All parts of a class, but for those of
/// [`PartKind::NotListed`], add up to what was counted, to a byte or two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsagePart {
    /// Of which class.
    pub class: TrafficClass,
    /// What kind of part it is.
    pub kind: PartKind,
    /// Of what; of other kinds the word for it.
    pub key: String,
    /// How much of it, estimated.
    pub sent: Traffic,
    /// In 95 of 100 cases it is no less, in bytes,
    pub least_bytes: u64,
    /// and no more.
    pub most_bytes: u64,
    /// How many samples that rests on.
    pub samples: u64,
    /// The start of the range, included.
    pub from: Timestamp,
    /// The end of the range, excluded.
    pub to: Timestamp,
}

/// What a part is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartKind {
    /// Of one peer, protocol or address.
    Key,
    /// Of all that is smaller than what is kept of an interval.
    Other,
    /// Of a class of which nothing was sampled: all of it.
    Unsampled,
    /// How much at most anyone has of it who is not listed.
    NotListed,
}
