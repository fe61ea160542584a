//! Which NICs a host of the lab has, and what the physical switch gives each.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;

/// The NICs of every host. The management address is on `eth0` in each of them, untagged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Nics {
    /// `eth0` management, `eth1` private, `eth2` public.
    #[default]
    Separate,
    /// `eth0` for all: management untagged; public, tenants and endpoints by their VLANs.
    Shared,
    /// `eth0` management; `eth1` and `eth2` two equal ports that carry everything, management and
    /// public by their VLANs, for a bond the switch knows nothing of.
    Bonded,
    /// The same, where the switch's side is one LACP bond.
    Lacp,
}

impl Nics {
    /// Every layout with its name.
    pub const ALL: &[(Self, &str)] = &[
        (Self::Separate, "separate"),
        (Self::Shared, "shared"),
        (Self::Bonded, "bonded"),
        (Self::Lacp, "lacp"),
    ];
}

impl FromStr for Nics {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let found = Self::ALL.iter().find(|(_, name)| *name == text);
        found.map(|(nics, _)| *nics).ok_or_else(|| {
            Error::BadSpec(format!(
                "the NICs {text:?} must be one of separate, shared, bonded, lacp"
            ))
        })
    }
}

impl fmt::Display for Nics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = Self::ALL.iter().find(|(nics, _)| nics == self);
        f.write_str(found.map_or("", |(_, name)| name))
    }
}
