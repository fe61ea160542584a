//! Tunnels: what carries overlays from one host to another, and whether the other one is there.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::Encapsulation;

/// A tunnel of a host, as the host sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tunnel {
    /// How it wraps frames.
    pub kind: Encapsulation,
    /// The endpoint of the host at the other end.
    pub peer: IpAddr,
    /// Whether that host is there.
    pub state: TunnelState,
    /// Why it is not, in the words of RFC 5880 §4.1 (Diag).
    #[serde(default)]
    pub diagnostic: Option<String>,
}

/// The state of a session of BFD (RFC 5880 §6.2).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum TunnelState {
    /// Both hosts hear each other.
    Up,
    /// The other host is not heard, or did not begin yet.
    #[default]
    Down,
    /// The other host is heard, but does not hear us.
    Init,
    /// An operator switched the session off.
    AdminDown,
}

impl TunnelState {
    /// Every state with its name.
    pub const ALL: &[(Self, &str)] = &[
        (Self::Up, "up"),
        (Self::Down, "down"),
        (Self::Init, "init"),
        (Self::AdminDown, "admin-down"),
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(state, _)| *state == self);
        found.map_or("", |(_, name)| name)
    }
}

impl fmt::Display for TunnelState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
