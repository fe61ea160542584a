//! Routers: what joins networks of one tenant.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{Id, Invalid, Name, NetworkId, TenantId, Timestamp};

/// The identifier of a [`Router`].
pub type RouterId = Id<Router>;

/// What routes between networks of one tenant, as the gateway of each: on every host at once, so
/// that the first hop is always the sender's own host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Router {
    /// Its identifier.
    pub id: RouterId,
    /// Who owns it, and all that it joins.
    pub tenant_id: TenantId,
    /// Its name, unique in the tenant.
    pub name: Name,
    /// The networks it joins, in order; a network has one router at most.
    pub network_ids: Vec<NetworkId>,
    /// Where it sends packets for other prefixes than its networks'; the longest prefix is taken.
    #[serde(default)]
    pub routes: Vec<StaticRoute>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Router {
    /// The most networks that a router joins: every host that has one of them knows all.
    pub const NETWORKS_MAX: usize = 32;
    /// The most static routes of a router.
    pub const ROUTES_MAX: usize = 64;
}

/// A way to addresses behind a machine on one of a router's networks, written
/// `10.9.0.0/16 via 10.0.0.7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StaticRoute {
    /// Where it leads, with no host bits set.
    pub prefix: IpNet,
    /// Who takes packets there: of the same family.
    pub via: IpAddr,
}

const ALLOWED: Invalid = Invalid::new(
    "a prefix without host bits and a next hop of the same family, such as \"10.9.0.0/16 via \
     10.0.0.7\"",
);

impl FromStr for StaticRoute {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (prefix, via) = text.split_once(" via ").ok_or(ALLOWED)?;
        let prefix: IpNet = prefix.parse().map_err(|_| ALLOWED)?;
        let via: IpAddr = via.parse().map_err(|_| ALLOWED)?;
        let fits = prefix == prefix.trunc() && prefix.addr().is_ipv4() == via.is_ipv4();
        fits.then_some(Self { prefix, via }).ok_or(ALLOWED)
    }
}

impl TryFrom<String> for StaticRoute {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<StaticRoute> for String {
    fn from(route: StaticRoute) -> Self {
        route.to_string()
    }
}

impl fmt::Display for StaticRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} via {}", self.prefix, self.via)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_static_route_survives_text_and_back() {
        for text in ["10.9.0.0/16 via 10.0.0.7", "::/0 via fd00::7"] {
            let route: StaticRoute = text.parse().unwrap();
            assert_eq!(route.to_string(), text);
        }
    }

    #[test]
    fn a_static_route_of_mixed_families_or_with_host_bits_is_refused() {
        for bad in [
            "",
            "10.9.0.0/16",
            "10.9.0.1/16 via 10.0.0.7",
            "10.9.0.0/33 via 10.0.0.7",
            "10.9.0.0/16 via fd00::7",
            "fd00::/8 via 10.0.0.7",
            "10.9.0.0/16 via ",
            "10.9.0.0/16 via 10.0.0.7 via 10.0.0.8",
        ] {
            assert!(bad.parse::<StaticRoute>().is_err(), "{bad}");
        }
    }
}
