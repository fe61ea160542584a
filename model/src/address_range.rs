//! Ranges of addresses.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::Invalid;

/// Addresses of one family from `first` to `last`, both included; written `10.0.0.10-10.0.0.99`, and
/// `10.0.0.10` if it is just one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "String")]
pub struct AddressRange {
    /// The first address.
    pub first: IpAddr,
    /// The last address.
    pub last: IpAddr,
}

/// How a range may stand in JSON: as text, or as its two ends, which is how it was once written.
#[derive(Deserialize)]
#[serde(untagged)]
enum Form {
    Text(String),
    Ends { first: IpAddr, last: IpAddr },
}

impl TryFrom<Form> for AddressRange {
    type Error = Invalid;

    fn try_from(form: Form) -> Result<Self, Invalid> {
        match form {
            Form::Text(text) => text.parse(),
            Form::Ends { first, last } => Self::new(first, last),
        }
    }
}

impl FromStr for AddressRange {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let allowed = Invalid::new(
            "an address, or a range of one family whose first is not after its last, such as \
             \"10.0.0.10-10.0.0.99\"",
        );
        match (first.parse(), last.parse()) {
            (Ok(first), Ok(last)) => Self::new(first, last).map_err(|_| allowed),
            _ => Err(allowed),
        }
    }
}

impl From<AddressRange> for String {
    fn from(range: AddressRange) -> Self {
        range.to_string()
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.first == self.last {
            true => write!(f, "{}", self.first),
            false => write!(f, "{}-{}", self.first, self.last),
        }
    }
}

impl AddressRange {
    /// The range from `first` to `last`; refused when mixed in family or backwards.
    pub fn new(first: IpAddr, last: IpAddr) -> Result<Self, Invalid> {
        if first.is_ipv4() == last.is_ipv4() && first <= last {
            return Ok(Self { first, last });
        }
        Err(Invalid::new(
            "a range of addresses of one family whose first is not after its last",
        ))
    }

    /// Every address of a prefix.
    #[must_use]
    pub fn of_prefix(prefix: IpNet) -> Self {
        Self {
            first: prefix.network(),
            last: prefix.broadcast(),
        }
    }

    /// Whether `address` lies in the range.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.first.is_ipv4() && (self.first..=self.last).contains(&address)
    }

    /// Whether the two have an address in common.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.contains(other.first) || other.contains(self.first)
    }

    /// Whether `other` begins with the address right behind this range.
    #[must_use]
    pub fn touches(&self, other: &Self) -> bool {
        let after = match self.last {
            IpAddr::V4(last) => last
                .to_bits()
                .checked_add(1)
                .map(|it| IpAddr::V4(it.into())),
            IpAddr::V6(last) => last
                .to_bits()
                .checked_add(1)
                .map(|it| IpAddr::V6(it.into())),
        };
        after == Some(other.first)
    }

    /// Every host address of `cidr`: for IPv4 without its network and broadcast address
    /// (RFC 1122 §3.2.1.3), for IPv6 without the subnet-router anycast address (RFC 4291 §2.6.1).
    /// Prefixes of one or two addresses are taken whole (RFC 3021, RFC 6164).
    #[must_use]
    pub fn of_hosts(cidr: IpNet) -> Self {
        let (first, last) = (cidr.network(), cidr.broadcast());
        let host_bits = cidr.max_prefix_len() - cidr.prefix_len();
        match (first, last) {
            (IpAddr::V4(first), IpAddr::V4(last)) if host_bits > 1 => Self {
                first: IpAddr::V4((u32::from(first) + 1).into()),
                last: IpAddr::V4((u32::from(last) - 1).into()),
            },
            (IpAddr::V6(first), last) if host_bits > 1 => Self {
                first: IpAddr::V6((u128::from(first) + 1).into()),
                last,
            },
            _ => Self { first, last },
        }
    }

    /// Every address, in order.
    pub fn iter(&self) -> impl Iterator<Item = IpAddr> + use<> {
        let (first, last, is_v4) = match (self.first, self.last) {
            (IpAddr::V4(first), IpAddr::V4(last)) => {
                (u32::from(first).into(), u32::from(last).into(), true)
            }
            (first, last) => (to_bits(first), to_bits(last), false),
        };
        (first..=last).map(move |bits: u128| from_bits(bits, is_v4))
    }
}

fn to_bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}

fn from_bits(bits: u128, is_v4: bool) -> IpAddr {
    match u32::try_from(bits) {
        Ok(bits) if is_v4 => IpAddr::V4(bits.into()),
        _ => IpAddr::V6(bits.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(cidr: &str) -> (String, String) {
        let range = AddressRange::of_hosts(cidr.parse().unwrap());
        (range.first.to_string(), range.last.to_string())
    }

    #[test]
    fn host_addresses_leave_out_the_reserved_ones() {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(hosts("10.0.0.0/24"), pair("10.0.0.1", "10.0.0.254"));
        assert_eq!(hosts("10.0.0.0/31"), pair("10.0.0.0", "10.0.0.1"));
        assert_eq!(hosts("10.0.0.7/32"), pair("10.0.0.7", "10.0.0.7"));
        assert_eq!(hosts("fd00::/126"), pair("fd00::1", "fd00::3"));
        assert_eq!(
            hosts("::/0"),
            pair("::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
        );
    }

    #[test]
    fn a_range_gives_its_addresses_in_order_and_in_its_family() {
        let range = AddressRange::new("10.0.0.254".parse().unwrap(), "10.0.1.1".parse().unwrap());
        let texts: Vec<String> = range.unwrap().iter().map(|a| a.to_string()).collect();
        assert_eq!(texts, ["10.0.0.254", "10.0.0.255", "10.0.1.0", "10.0.1.1"]);
        let six = AddressRange::new("::1".parse().unwrap(), "::2".parse().unwrap()).unwrap();
        assert_eq!(six.iter().count(), 2);
        assert!(six.iter().all(|address| address.is_ipv6()));
        assert!(AddressRange::new("::1".parse().unwrap(), "10.0.0.1".parse().unwrap()).is_err());
    }

    #[test]
    fn a_range_survives_text_and_back_and_is_read_from_its_two_ends() {
        for text in ["10.0.0.10-10.0.0.99", "10.0.0.7", "fd00::1-fd00::ff"] {
            assert_eq!(text.parse::<AddressRange>().unwrap().to_string(), text);
        }
        let ends = r#"{"first": "10.0.0.1", "last": "10.0.0.9"}"#;
        let range: AddressRange = serde_json::from_str(ends).unwrap();
        assert_eq!(range.to_string(), "10.0.0.1-10.0.0.9");
        for bad in [
            "",
            "-",
            "10.0.0.9-10.0.0.1",
            "10.0.0.1-fd00::1",
            "10.0.0.0/24",
        ] {
            assert!(bad.parse::<AddressRange>().is_err(), "{bad}");
        }
    }

    #[test]
    fn ranges_overlap_when_they_share_an_address() {
        let range = |text: &str| text.parse::<AddressRange>().unwrap();
        assert!(range("10.0.0.1-10.0.0.9").overlaps(&range("10.0.0.9-10.0.0.12")));
        assert!(range("10.0.0.1-10.0.0.9").overlaps(&range("10.0.0.5")));
        assert!(!range("10.0.0.1-10.0.0.9").overlaps(&range("10.0.0.10")));
    }
}
