//! VLAN ids and the ranges a pool allocates them from (IEEE 802.1Q-2018 §9.6).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Invalid;

/// A VLAN id that frames can carry: 1 to 4094. 0 means "priority only" and 4095 is reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct VlanId(u16);

impl VlanId {
    /// The smallest id, 1.
    pub const MIN: Self = Self(1);
    /// The largest id, 4094.
    pub const MAX: Self = Self(4094);
    /// What switches take untagged frames to be in, unless they are told otherwise: 1.
    pub const DEFAULT_NATIVE: Self = Self(1);

    /// The id as a number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl TryFrom<u16> for VlanId {
    type Error = Invalid;

    fn try_from(number: u16) -> Result<Self, Invalid> {
        if (Self::MIN.0..=Self::MAX.0).contains(&number) {
            return Ok(Self(number));
        }
        Err(Invalid::new("a VLAN id from 1 to 4094"))
    }
}

impl From<VlanId> for u16 {
    fn from(vlan: VlanId) -> Self {
        vlan.0
    }
}

impl FromStr for VlanId {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let number: u16 = text
            .parse()
            .map_err(|_| Invalid::new("a VLAN id from 1 to 4094"))?;
        Self::try_from(number)
    }
}

impl fmt::Display for VlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// VLAN ids from `first` to `last`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VlanRange {
    first: VlanId,
    last: VlanId,
}

impl VlanRange {
    /// The range from `first` to `last`; refused when `last` comes before `first`.
    pub fn new(first: VlanId, last: VlanId) -> Result<Self, Invalid> {
        if first <= last {
            return Ok(Self { first, last });
        }
        Err(Invalid::new("a range whose first id is not after its last"))
    }

    /// Whether `vlan` lies in the range.
    #[must_use]
    pub fn contains(self, vlan: VlanId) -> bool {
        (self.first..=self.last).contains(&vlan)
    }

    /// Every id of the range, in order.
    pub fn iter(self) -> impl Iterator<Item = VlanId> {
        (self.first.0..=self.last.0).map(VlanId)
    }
}

/// One or more ranges, as text `100-199,300,400-410`. They do not overlap and are in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VlanRanges(Vec<VlanRange>);

impl VlanRanges {
    /// Whether `vlan` lies in one of the ranges.
    #[must_use]
    pub fn contains(&self, vlan: VlanId) -> bool {
        self.0.iter().any(|range| range.contains(vlan))
    }

    /// Every id of every range, in order.
    pub fn iter(&self) -> impl Iterator<Item = VlanId> {
        self.0.iter().flat_map(|range| range.iter())
    }
}

impl FromStr for VlanRanges {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        const ALLOWED: Invalid =
            Invalid::new("VLAN ids and ranges in order, such as 100-199,300, from 1 to 4094");
        let mut ranges: Vec<VlanRange> = Vec::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let first: VlanId = first.trim().parse().map_err(|_| ALLOWED)?;
            let last: VlanId = last.trim().parse().map_err(|_| ALLOWED)?;
            let range = VlanRange::new(first, last).map_err(|_| ALLOWED)?;
            if ranges.last().is_some_and(|before| before.last >= first) {
                return Err(ALLOWED);
            }
            ranges.push(range);
        }
        Ok(Self(ranges))
    }
}

impl TryFrom<String> for VlanRanges {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<VlanRanges> for String {
    fn from(ranges: VlanRanges) -> Self {
        ranges.to_string()
    }
}

impl fmt::Display for VlanRanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, VlanRange { first, last }) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            match first == last {
                true => write!(f, "{comma}{first}")?,
                false => write!(f, "{comma}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_survive_text_and_back() {
        let ranges: VlanRanges = "100-102,300".parse().unwrap();
        assert_eq!(ranges.to_string(), "100-102,300");
        let ids: Vec<u16> = ranges.iter().map(VlanId::get).collect();
        assert_eq!(ids, [100, 101, 102, 300]);
    }

    #[test]
    fn ranges_that_overlap_run_backwards_or_leave_the_limits_are_refused() {
        for bad in [
            "", "0", "4095", "5-4", "1-10,10", "10,5", "a", "1-", "-1", "1--2",
        ] {
            assert!(bad.parse::<VlanRanges>().is_err(), "{bad}");
        }
    }
}
