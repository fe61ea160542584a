//! Ranges of TCP and UDP ports.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Invalid;

/// Ports from a first to a last, both included, such as `80` or `8000-8100`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    /// What is allowed, as a phrase.
    pub const EXPECTED: &str = "a port or a range of ports, such as 80 or 8000-8100";

    /// The ports from `first` to `last`.
    ///
    /// # Errors
    /// The last comes before the first.
    pub fn new(first: u16, last: u16) -> Result<Self, Invalid> {
        match first <= last {
            true => Ok(Self { first, last }),
            false => Err(Invalid::new(Self::EXPECTED)),
        }
    }

    /// The first of them.
    #[must_use]
    pub const fn first(self) -> u16 {
        self.first
    }

    /// The last of them.
    #[must_use]
    pub const fn last(self) -> u16 {
        self.last
    }

    /// The least prefixes of numbers that together are the range: each a value and the mask of the
    /// bits that count. There are at most 30.
    #[must_use]
    pub fn masks(self) -> Vec<(u16, u16)> {
        let mut masks = Vec::new();
        let (mut next, end) = (u32::from(self.first), u32::from(self.last) + 1);
        while next < end {
            let aligned = next.trailing_zeros().min(16);
            let fits = (end - next).ilog2();
            let bits = aligned.min(fits);
            let mask = u16::MAX.checked_shl(bits).unwrap_or(0);
            masks.push((u16::try_from(next).unwrap_or(u16::MAX), mask));
            next += 1 << bits;
        }
        masks
    }
}

impl FromStr for PortRange {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let number = |text: &str| text.parse().map_err(|_| Invalid::new(Self::EXPECTED));
        match text.split_once('-') {
            Some((first, last)) => Self::new(number(first)?, number(last)?),
            None => Self::new(number(text)?, number(text)?),
        }
    }
}

impl TryFrom<String> for PortRange {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<PortRange> for String {
    fn from(range: PortRange) -> Self {
        range.to_string()
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.first == self.last {
            true => write!(f, "{}", self.first),
            false => write!(f, "{}-{}", self.first, self.last),
        }
    }
}
