//! Addresses that a port may send from besides its own.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{Invalid, MacAddr};

/// Addresses that a port may speak for besides its own: a virtual address that several ports share
/// (VRRP), or a prefix that a port routes for. Written `10.0.0.50`, `10.0.0.16/28`, or with a virtual
/// Ethernet address `10.0.0.50@00:00:5e:00:01:32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AddressPair {
    /// The addresses, with no host bits set.
    pub prefix: IpNet,
    /// The Ethernet address to send from; if absent, the port's own.
    pub mac: Option<MacAddr>,
}

const ALLOWED: Invalid = Invalid::new(
    "an address or prefix such as \"10.0.0.50\", with an Ethernet address if it has one of its own: \
     \"10.0.0.50@00:00:5e:00:01:32\"",
);

impl FromStr for AddressPair {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (prefix, mac) = match text.split_once('@') {
            Some((prefix, mac)) => (prefix, Some(mac.parse().map_err(|_| ALLOWED)?)),
            None => (text, None),
        };
        let single = || prefix.parse::<IpAddr>().ok().map(IpNet::from);
        let parsed = prefix.parse().ok().or_else(single).ok_or(ALLOWED)?;
        match parsed == parsed.trunc() {
            true => Ok(Self {
                prefix: parsed,
                mac,
            }),
            false => Err(ALLOWED),
        }
    }
}

impl TryFrom<String> for AddressPair {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<AddressPair> for String {
    fn from(pair: AddressPair) -> Self {
        pair.to_string()
    }
}

impl fmt::Display for AddressPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.prefix.prefix_len() == self.prefix.max_prefix_len() {
            true => write!(f, "{}", self.prefix.addr())?,
            false => write!(f, "{}", self.prefix)?,
        }
        match self.mac {
            Some(mac) => write!(f, "@{mac}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_survives_text_and_back() {
        for text in [
            "10.0.0.50",
            "10.0.0.16/28",
            "fd00::50",
            "fd00:1::/64",
            "10.0.0.50@00:00:5e:00:01:32",
        ] {
            let pair: AddressPair = text.parse().unwrap();
            assert_eq!(pair.to_string(), text);
        }
    }

    #[test]
    fn a_pair_with_host_bits_or_of_anything_else_is_refused() {
        for bad in [
            "",
            "10.0.0.1/24",
            "10.0.0.0/33",
            "@00:00:5e:00:01:32",
            "10.0.0.1@",
            "10.0.0.1@ff:ff:ff:ff:ff:ff",
            "10.0.0.1@00:00:5e:00:01:32@",
        ] {
            assert!(bad.parse::<AddressPair>().is_err(), "{bad}");
        }
    }
}
