//! Plugging VIFs into guests that run, and out of them.
//!
//! ```text
//!   controller                                  agent of the guest's host
//!      | -- PlugRequest {guest, port, change} ---> |  has the hypervisor do it
//!      | <- PlugReply {done, or why not} --------- |
//! ```

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Invalid, MacAddr, PortId};

/// What a hypervisor calls a guest: its name on its host, or its UUID.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GuestName(String);

impl GuestName {
    /// The longest name, in bytes.
    pub const BYTES_MAX: usize = 255;

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for GuestName {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        let length_ok = (1..=Self::BYTES_MAX).contains(&text.len());
        if length_ok && !text.chars().any(char::is_control) {
            return Ok(Self(text));
        }
        Err(Invalid::new("1 to 255 bytes, no control characters"))
    }
}

impl FromStr for GuestName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        text.to_owned().try_into()
    }
}

impl From<GuestName> for String {
    fn from(name: GuestName) -> Self {
        name.0
    }
}

impl fmt::Display for GuestName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the controller asks an agent to do with a guest of its host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlugRequest {
    /// Which request.
    pub id: Uuid,
    /// The guest.
    pub guest: GuestName,
    /// The port.
    pub port_id: PortId,
    /// Its Ethernet address.
    pub mac: MacAddr,
    /// What to do.
    pub change: PlugChange,
}

/// In or out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlugChange {
    /// Plug the port's VIF into the guest.
    Attach {
        /// The largest IP packet that it may send, in bytes.
        mtu: u16,
    },
    /// Plug it out.
    Detach,
}

/// What came of a [`PlugRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlugReply {
    /// Which request.
    pub id: Uuid,
    /// What came of it.
    pub outcome: PlugOutcome,
}

/// Whether a guest has, or has no more, what it should.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlugOutcome {
    /// It is so.
    Done,
    /// It is not.
    Refused {
        /// Why, as a sentence.
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_is_called_by_what_fits_on_a_line() {
        assert!("web 1".parse::<GuestName>().is_ok());
        for bad in ["", "web\n", &"x".repeat(256)] {
            assert!(bad.parse::<GuestName>().is_err(), "{bad:?}");
        }
    }
}
