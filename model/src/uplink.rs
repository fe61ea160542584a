//! Uplinks: what carries a physical network on a host.
//!
//! | text | what it is |
//! |---|---|
//! | `eth0` | a NIC; the physical network speaks untagged |
//! | `eth0/vlan20` | VLAN 20 of a NIC |
//! | `eth1+eth2/lacp` | a bond of two NICs; modes are `active-backup`, `balance-slb`, `lacp` |
//! | `eth1+eth2/lacp/vlan20` | VLAN 20 of a bond |
//!
//! No NIC of an uplink has a slash in its name, nor here a plus sign, so a text means one thing only.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::plan::Trial;
use crate::{Invalid, NicName, PhysicalNetworkId, VlanId};

#[cfg(test)]
mod tests;

/// What starts the VLAN in an uplink's text.
const VLAN: &str = "vlan";

/// What carries a physical network on a host: a NIC or a bond, untagged or a VLAN on it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Uplink {
    carrier: Carrier,
    vlan: Option<VlanId>,
}

/// A NIC, or several as one bond. Physical networks of one carrier share it by their VLANs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Carrier {
    nics: Vec<NicName>,
    bond: Option<BondMode>,
}

/// How the NICs of a bond share their work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BondMode {
    /// One NIC at a time; another takes over when it fails. Needs nothing of the switches.
    ActiveBackup,
    /// Source addresses are spread over the NICs. Needs nothing of the switches.
    BalanceSlb,
    /// IEEE 802.1AX, spread by layers 3 and 4. The switches must speak it on these ports.
    Lacp,
}

impl BondMode {
    /// Every mode with its name.
    pub const ALL: &[(Self, &str)] = &[
        (Self::ActiveBackup, "active-backup"),
        (Self::BalanceSlb, "balance-slb"),
        (Self::Lacp, "lacp"),
    ];
}

impl FromStr for BondMode {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let found = Self::ALL.iter().find(|(_, name)| *name == text);
        found
            .map(|(mode, _)| *mode)
            .ok_or(Invalid::new("one of active-backup, balance-slb, lacp"))
    }
}

impl fmt::Display for BondMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = Self::ALL.iter().find(|(mode, _)| mode == self);
        f.write_str(found.map_or("", |(_, name)| name))
    }
}

impl Carrier {
    /// The most NICs that one bond may have.
    pub const MAX_NICS: usize = 8;

    /// One NIC without a bond, or 2 to 8 different ones with one.
    ///
    /// # Errors
    /// Otherwise, or when the name of a NIC has a plus sign.
    pub fn new(nics: Vec<NicName>, bond: Option<BondMode>) -> Result<Self, Invalid> {
        let count_ok = match bond {
            None => nics.len() == 1,
            Some(_) => (2..=Self::MAX_NICS).contains(&nics.len()),
        };
        if !count_ok {
            return Err(Invalid::new(
                "one NIC, or a bond of 2 to 8, such as eth1+eth2/lacp",
            ));
        }
        if nics.iter().any(|nic| nic.as_str().contains('+')) {
            return Err(Invalid::new("NICs whose names have no plus sign"));
        }
        let twice = |(at, nic): (usize, &NicName)| nics.iter().take(at).any(|it| it == nic);
        if nics.iter().enumerate().any(twice) {
            return Err(Invalid::new("a bond of different NICs"));
        }
        Ok(Self { nics, bond })
    }

    /// Its NICs, at least one.
    #[must_use]
    pub fn nics(&self) -> &[NicName] {
        &self.nics
    }

    /// How they share their work; absent when there is one NIC.
    #[must_use]
    pub const fn bond(&self) -> Option<BondMode> {
        self.bond
    }
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, nic) in self.nics.iter().enumerate() {
            let plus = if index == 0 { "" } else { "+" };
            write!(f, "{plus}{nic}")?;
        }
        match self.bond {
            Some(mode) => write!(f, "/{mode}"),
            None => Ok(()),
        }
    }
}

impl Uplink {
    /// A carrier, untagged or one VLAN of it.
    #[must_use]
    pub const fn new(carrier: Carrier, vlan: Option<VlanId>) -> Self {
        Self { carrier, vlan }
    }

    /// The NIC or bond.
    #[must_use]
    pub const fn carrier(&self) -> &Carrier {
        &self.carrier
    }

    /// Its NICs, at least one.
    #[must_use]
    pub fn nics(&self) -> &[NicName] {
        self.carrier.nics()
    }

    /// How its NICs share their work; absent when there is one NIC.
    #[must_use]
    pub const fn bond(&self) -> Option<BondMode> {
        self.carrier.bond()
    }

    /// The VLAN of the carrier that the physical network is; absent when it speaks untagged.
    #[must_use]
    pub const fn vlan(&self) -> Option<VlanId> {
        self.vlan
    }
}

impl TryFrom<NicName> for Uplink {
    type Error = Invalid;

    fn try_from(nic: NicName) -> Result<Self, Invalid> {
        Ok(Self::new(Carrier::new(vec![nic], None)?, None))
    }
}

impl FromStr for Uplink {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (nics, qualities) = match text.split_once('/') {
            Some((nics, qualities)) => (nics, qualities.split('/').collect()),
            None => (text, Vec::new()),
        };
        let (bond, vlan) = match qualities.as_slice() {
            [] => (None, None),
            [one] => match one.strip_prefix(VLAN) {
                Some(vlan) => (None, Some(vlan)),
                None => (Some(*one), None),
            },
            [bond, vlan] => (Some(*bond), Some(vlan.strip_prefix(VLAN).ok_or(ALLOWED)?)),
            _ => return Err(ALLOWED),
        };
        let nics: Result<_, _> = nics.split('+').map(NicName::from_str).collect();
        let carrier = Carrier::new(nics?, bond.map(str::parse).transpose()?)?;
        Ok(Self::new(carrier, vlan.map(str::parse).transpose()?))
    }
}

const ALLOWED: Invalid =
    Invalid::new("an uplink such as eth0, eth0/vlan20, eth1+eth2/lacp or eth1+eth2/lacp/vlan20");

impl fmt::Display for Uplink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.carrier, f)?;
        match self.vlan {
            Some(vlan) => write!(f, "/{VLAN}{vlan}"),
            None => Ok(()),
        }
    }
}

impl TryFrom<String> for Uplink {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<Uplink> for String {
    fn from(uplink: Uplink) -> Self {
        uplink.to_string()
    }
}

/// How one host differs from the rest of the pool on a physical network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostUplink {
    /// Which physical network.
    pub physical_network_id: PhysicalNetworkId,
    /// What carries it on this host; absent for the pool's.
    #[serde(default)]
    pub uplink: Option<Uplink>,
    /// The host's own address on it; absent for whatever the NIC has.
    #[serde(default)]
    pub address: Option<HostAddress>,
    /// How a change of it is tried; only on management, absent for the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<Trial>,
}

/// An address of the host itself on a physical network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostAddress {
    /// The address with the length of its prefix.
    pub address: IpNet,
    /// Where the default route leads; absent when none leads there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
}
