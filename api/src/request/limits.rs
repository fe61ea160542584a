//! How what bounds a port or tenant changes.

use model::{BitRate, Burst, Connections, Limits, PacketRate};
use serde::{Deserialize, Serialize};

use super::Setting;

/// What is absent stays as it is; `null` takes a limit away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitsUpdate {
    /// See [`Limits::rate_out`].
    #[serde(default, skip_serializing_if = "Setting::is_kept")]
    pub rate_out: Setting<BitRate>,
    /// See [`Limits::rate_in`].
    #[serde(default, skip_serializing_if = "Setting::is_kept")]
    pub rate_in: Setting<BitRate>,
    /// See [`Limits::packets_out`].
    #[serde(default, skip_serializing_if = "Setting::is_kept")]
    pub packets_out: Setting<PacketRate>,
    /// See [`Limits::packets_in`].
    #[serde(default, skip_serializing_if = "Setting::is_kept")]
    pub packets_in: Setting<PacketRate>,
    /// See [`Limits::floods_out`].
    #[serde(default, skip_serializing_if = "Setting::is_kept")]
    pub floods_out: Setting<PacketRate>,
    /// See [`Limits::connections`].
    #[serde(default, skip_serializing_if = "Setting::is_kept")]
    pub connections: Setting<Connections>,
    /// See [`Limits::burst_milliseconds`].
    #[serde(default, skip_serializing_if = "Setting::is_kept")]
    pub burst_milliseconds: Setting<Burst>,
}

impl LimitsUpdate {
    /// What becomes of `held`.
    #[must_use]
    pub fn of(self, held: Limits) -> Limits {
        Limits {
            rate_out: self.rate_out.after(held.rate_out),
            rate_in: self.rate_in.after(held.rate_in),
            packets_out: self.packets_out.after(held.packets_out),
            packets_in: self.packets_in.after(held.packets_in),
            floods_out: self.floods_out.after(held.floods_out),
            connections: self.connections.after(held.connections),
            burst_milliseconds: self.burst_milliseconds.after(held.burst_milliseconds),
            suspended: held.suspended,
        }
    }
}
