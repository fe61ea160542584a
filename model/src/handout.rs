//! What instances are told along with their addresses, by DHCP and router advertisements.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::str::FromStr;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use crate::Invalid;

/// What the ports of a subnet are told along with their addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handout {
    /// Whether DHCP hands out the subnet's addresses.
    #[serde(default = "on")]
    pub dhcp: bool,
    /// Resolvers, in order of preference, of any family.
    #[serde(default)]
    pub dns: Vec<IpAddr>,
    /// The domain that short names are looked up in.
    #[serde(default)]
    pub domain: Option<DomainName>,
    /// Routes besides the one to the gateway; for IPv4 only, as DHCPv6 has none.
    #[serde(default)]
    pub routes: Vec<Route>,
    /// How long an address is given out for, in seconds. Addresses do not run out, so a lease need
    /// only be short enough for other changes to arrive with its renewal, and long enough to outlast
    /// an agent that is away.
    #[serde(default = "a_day")]
    pub lease_seconds: u32,
    /// Whether the subnet's gateway answers for the names of the network's ports in `domain`.
    #[serde(default)]
    pub dns_names: bool,
    /// The resolvers that hosts ask on behalf of its ports about all other names; if there are none,
    /// nobody is asked.
    #[serde(default)]
    pub dns_forward: Vec<IpAddr>,
}

impl Handout {
    /// The most resolvers of a subnet.
    pub const DNS_MAX: usize = 8;
    /// The most routes of a subnet: with the default route they must fit one DHCP option.
    pub const ROUTES_MAX: usize = 16;
    /// The most resolvers that hosts ask.
    pub const DNS_FORWARD_MAX: usize = 4;
    /// How long a lease may be, in seconds: from a minute to thirty days.
    pub const LEASES: RangeInclusive<u32> = 60..=30 * 24 * 3600;

    /// Whether the subnet's gateway is a resolver at all.
    #[must_use]
    pub const fn answers_dns(&self) -> bool {
        self.dns_names || !self.dns_forward.is_empty()
    }
}

impl Default for Handout {
    fn default() -> Self {
        Self {
            dhcp: on(),
            dns: Vec::new(),
            domain: None,
            routes: Vec::new(),
            lease_seconds: a_day(),
            dns_names: false,
            dns_forward: Vec::new(),
        }
    }
}

const fn on() -> bool {
    true
}

const fn a_day() -> u32 {
    24 * 3600
}

/// A name in the domain name system: labels of 1 to 63 letters, digits and inner hyphens, joined by
/// dots, 253 characters at most (RFC 1123 §2.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DomainName(String);

impl DomainName {
    /// The longest name, in characters.
    pub const MAX_CHARS: usize = 253;

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its labels, the most specific first.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.0.split('.')
    }

    /// The name, if it has one label only and so can name a host.
    #[must_use]
    pub fn into_host_name(self) -> Option<Self> {
        (!self.0.contains('.')).then_some(self)
    }
}

fn is_label(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(allowed)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

impl FromStr for DomainName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.len() <= Self::MAX_CHARS && text.split('.').all(is_label) {
            return Ok(Self(text.to_owned()));
        }
        Err(Invalid::new("a domain name such as example.net"))
    }
}

impl TryFrom<String> for DomainName {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<DomainName> for String {
    fn from(name: DomainName) -> Self {
        name.0
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A way to other IPv4 addresses, written `10.9.0.0/16 via 10.0.0.7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Route {
    /// Where it leads, with no host bits set.
    pub destination: Ipv4Net,
    /// Who takes packets there.
    pub next_hop: Ipv4Addr,
}

impl FromStr for Route {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let parse = || {
            let (destination, next_hop) = text.split_once(" via ")?;
            let destination: Ipv4Net = destination.parse().ok()?;
            let next_hop = next_hop.parse().ok()?;
            (destination == destination.trunc()).then_some(Self {
                destination,
                next_hop,
            })
        };
        parse().ok_or(Invalid::new("a route such as \"10.9.0.0/16 via 10.0.0.7\""))
    }
}

impl TryFrom<String> for Route {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<Route> for String {
    fn from(route: Route) -> Self {
        route.to_string()
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} via {}", self.destination, self.next_hop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_name_is_made_of_labels_that_resolvers_accept() {
        for good in ["example.net", "a", "xn--bcher-kva.example", "1.2-3"] {
            assert_eq!(good.parse::<DomainName>().unwrap().as_str(), good);
        }
        let long = vec!["a".repeat(63); 4].join(".");
        for bad in [
            "",
            ".",
            "a.",
            "-a",
            "a-.b",
            "a b",
            "käse",
            "a..b",
            &long,
            &"a".repeat(64),
        ] {
            assert!(bad.parse::<DomainName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_route_survives_text_and_back() {
        let route: Route = "10.9.0.0/16 via 10.0.0.7".parse().unwrap();
        assert_eq!(route.to_string().parse(), Ok(route));
        for bad in [
            "10.9.0.1/16 via 10.0.0.7",
            "10.9.0.0/16",
            "fd00::/8 via fd00::1",
            " via ",
        ] {
            assert!(bad.parse::<Route>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_subnet_of_before_there_were_handouts_has_dhcp_and_nothing_else() {
        let handout: Handout = serde_json::from_str("{}").unwrap();
        assert_eq!(handout, Handout::default());
        assert!(handout.dhcp);
    }
}
