//! Rules of security groups: what one of them lets through.

mod form;
mod port_range;
mod protocol;

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{AddressGroupId, Id, SecurityGroupId};

pub use form::{RuleFault, RuleForm};
pub use port_range::PortRange;
pub use protocol::{Protocol, ProtocolName};

/// The identifier of a [`Rule`].
pub type RuleId = Id<Rule>;

/// A rule with its identifier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Its identifier.
    pub id: RuleId,
    /// What it lets through.
    #[serde(flatten)]
    pub allows: Allowance,
}

/// What a rule lets through: connections between the ports of its group and a remote end, begun by
/// one of the two. What is not let through by any rule is dropped.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "RuleForm", into = "RuleForm")]
pub struct Allowance {
    /// Who begins.
    pub direction: Direction,
    /// Of which family; absent: of both.
    pub family: Option<Family>,
    /// What is spoken. That of one family only comes with that family.
    pub protocol: Protocol,
    /// Who is at the other end.
    pub remote: Remote,
    /// Whether what it lets through is counted by itself.
    pub logged: bool,
}

/// Who begins a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The remote end: it comes in to a port of the group.
    Ingress,
    /// A port of the group: it goes out.
    Egress,
}

/// A version of IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Remote {
    /// Anybody.
    Any,
    /// Addresses of a prefix, with no host bits set.
    Prefix(IpNet),
    /// The ports of a security group of the same tenant, in the port's own network.
    Group(SecurityGroupId),
    /// The addresses of an address group of the same tenant.
    AddressGroup(AddressGroupId),
}

impl Direction {
    /// Both, with their names.
    pub const ALL: &[(Self, &str)] = &[(Self::Ingress, "ingress"), (Self::Egress, "egress")];
}

impl Family {
    /// Both, with their names.
    pub const ALL: &[(Self, &str)] = &[(Self::Ipv4, "ipv4"), (Self::Ipv6, "ipv6")];

    /// That of an address.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::Ipv4,
            IpAddr::V6(_) => Self::Ipv6,
        }
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
        }
    }
}

impl Allowance {
    /// The ports, or the type and code, that it is about, such as `80-81` or `type 3 code 4`; nothing if it
    /// is about all of its protocol.
    #[must_use]
    pub fn what(&self) -> String {
        match self.protocol {
            Protocol::Tcp(Some(ports)) | Protocol::Udp(Some(ports)) => ports.to_string(),
            Protocol::Icmp(Some((kind, None))) | Protocol::Icmpv6(Some((kind, None))) => {
                format!("type {kind}")
            }
            Protocol::Icmp(Some((kind, Some(code))))
            | Protocol::Icmpv6(Some((kind, Some(code)))) => {
                format!("type {kind} code {code}")
            }
            _ => String::new(),
        }
    }

    /// The families that it is about.
    pub fn families(&self) -> impl Iterator<Item = Family> + use<> {
        let only = self.family;
        let all = Family::ALL.iter().map(|(family, _)| *family);
        all.filter(move |family| only.is_none_or(|only| only == *family))
    }
}

#[cfg(test)]
mod tests;
