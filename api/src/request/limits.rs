//! How what bounds a port or tenant changes.

use model::{BitRate, Burst, Connections, Limits, PacketRate};
use serde::{Deserialize, Serialize};

use super::present;

/// What is absent stays as it is; `null` takes a limit away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitsUpdate {
    /// See [`Limits::rate_out`].
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub rate_out: Option<Option<BitRate>>,
    /// See [`Limits::rate_in`].
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub rate_in: Option<Option<BitRate>>,
    /// See [`Limits::packets_out`].
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub packets_out: Option<Option<PacketRate>>,
    /// See [`Limits::packets_in`].
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub packets_in: Option<Option<PacketRate>>,
    /// See [`Limits::floods_out`].
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub floods_out: Option<Option<PacketRate>>,
    /// See [`Limits::connections`].
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub connections: Option<Option<Connections>>,
    /// See [`Limits::burst_milliseconds`].
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub burst_milliseconds: Option<Option<Burst>>,
}

impl LimitsUpdate {
    /// What becomes of `held`.
    #[must_use]
    pub fn of(self, held: Limits) -> Limits {
        Limits {
            rate_out: self.rate_out.unwrap_or(held.rate_out),
            rate_in: self.rate_in.unwrap_or(held.rate_in),
            packets_out: self.packets_out.unwrap_or(held.packets_out),
            packets_in: self.packets_in.unwrap_or(held.packets_in),
            floods_out: self.floods_out.unwrap_or(held.floods_out),
            connections: self.connections.unwrap_or(held.connections),
            burst_milliseconds: self.burst_milliseconds.unwrap_or(held.burst_milliseconds),
        }
    }
}
