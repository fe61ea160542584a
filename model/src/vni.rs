//! Virtual network identifiers: how overlays tell networks apart (RFC 7348 §5, RFC 8926 §3.3).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Invalid;

/// A virtual network identifier: 24 bits, of which 0 is kept unused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Vni(u32);

impl Vni {
    /// The smallest identifier, 1.
    pub const MIN: Self = Self(1);
    /// The largest identifier, 2²⁴−1.
    pub const MAX: Self = Self((1 << 24) - 1);
    /// The smallest identifier that is allocated where none is asked for. Those below are also
    /// VLAN ids: a VNI that cannot be taken for one makes a capture easier to read.
    pub const FIRST_ALLOCATED: Self = Self(4096);

    const ALLOWED: Invalid = Invalid::new("a VNI from 1 to 16777215");

    /// The identifier as a number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for Vni {
    type Error = Invalid;

    fn try_from(number: u32) -> Result<Self, Invalid> {
        if (Self::MIN.0..=Self::MAX.0).contains(&number) {
            return Ok(Self(number));
        }
        Err(Self::ALLOWED)
    }
}

impl From<Vni> for u32 {
    fn from(vni: Vni) -> Self {
        vni.0
    }
}

impl FromStr for Vni {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let number: u32 = text.parse().map_err(|_| Self::ALLOWED)?;
        Self::try_from(number)
    }
}

impl fmt::Display for Vni {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn just_what_24_bits_hold_is_a_vni_and_0_is_not() {
        for good in ["1", "4096", "16777215"] {
            assert_eq!(good.parse::<Vni>().unwrap().to_string(), good);
        }
        for bad in ["", "0", "16777216", "4294967296", "-1", "x"] {
            assert!(bad.parse::<Vni>().is_err(), "{bad}");
        }
    }
}
