//! A rule as it is written down: every part a field of its own, whether they fit together or not.

use std::fmt;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{Allowance, Direction, Family, PortRange, Protocol, ProtocolName, Remote};
use crate::{AddressGroupId, SecurityGroupId};

/// The fields of a rule, in JSON and on the command line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleForm {
    /// See [`Allowance::direction`].
    pub direction: Direction,
    /// See [`Allowance::family`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<Family>,
    /// What is spoken.
    #[serde(default)]
    pub protocol: ProtocolName,
    /// The ports of TCP or UDP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<PortRange>,
    /// The type of ICMP or ICMPv6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icmp_type: Option<u8>,
    /// The code of that type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icmp_code: Option<u8>,
    /// See [`Remote::Prefix`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_cidr: Option<IpNet>,
    /// See [`Remote::Group`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_group_id: Option<SecurityGroupId>,
    /// See [`Remote::AddressGroup`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_address_group_id: Option<AddressGroupId>,
    /// See [`Allowance::logged`].
    #[serde(default)]
    pub logged: bool,
}

/// A field of a rule that does not fit the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFault {
    /// Which field.
    pub field: &'static str,
    /// What is wrong, and what is allowed.
    pub message: String,
}

/// Why a text is no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct BadRule(Vec<RuleFault>);

impl fmt::Display for BadRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the fields of a rule do not fit together")?;
        self.0
            .iter()
            .try_for_each(|fault| write!(f, "; {}: {}", fault.field, fault.message))
    }
}

impl RuleForm {
    /// A rule about everything that everybody begins in this direction.
    #[must_use]
    pub const fn new(direction: Direction) -> Self {
        Self {
            direction,
            family: None,
            protocol: ProtocolName::Any,
            ports: None,
            icmp_type: None,
            icmp_code: None,
            remote_cidr: None,
            remote_group_id: None,
            remote_address_group_id: None,
            logged: false,
        }
    }

    /// What it allows.
    ///
    /// # Errors
    /// Every field that does not fit the others.
    pub fn check(&self) -> Result<Allowance, Vec<RuleFault>> {
        let mut faults = Vec::new();
        let protocol = self.protocol(&mut faults);
        let remote = self.remote(&mut faults);
        let family = self.family(&mut faults);
        match faults.is_empty() {
            true => Ok(Allowance {
                direction: self.direction,
                family,
                protocol,
                remote,
                logged: self.logged,
            }),
            false => Err(faults),
        }
    }

    fn protocol(&self, faults: &mut Vec<RuleFault>) -> Protocol {
        let mut fault = |field, message: String| faults.push(RuleFault { field, message });
        let name = self.protocol;
        let has_ports = matches!(name, ProtocolName::Tcp | ProtocolName::Udp);
        let has_types = matches!(name, ProtocolName::Icmp | ProtocolName::Icmpv6);
        if let Some(ports) = self.ports.filter(|_| !has_ports) {
            let message = format!("got {ports} with protocol {name}; only tcp and udp have ports");
            fault("ports", message);
        }
        if let Some(number) = self.icmp_type.filter(|_| !has_types) {
            let message =
                format!("got {number} with protocol {name}; only icmp and icmpv6 have types");
            fault("icmp_type", message);
        }
        if let Some(code) = self.icmp_code.filter(|_| self.icmp_type.is_none()) {
            let message = format!("got {code} without icmp_type; a code is one of a type");
            fault("icmp_code", message);
        }
        let kind = self.icmp_type.map(|kind| (kind, self.icmp_code));
        match name {
            ProtocolName::Any => Protocol::Any,
            ProtocolName::Tcp => Protocol::Tcp(self.ports),
            ProtocolName::Udp => Protocol::Udp(self.ports),
            ProtocolName::Icmp => Protocol::Icmp(kind),
            ProtocolName::Icmpv6 => Protocol::Icmpv6(kind),
            ProtocolName::Other(number) => Protocol::Other(number),
        }
    }

    fn remote(&self, faults: &mut Vec<RuleFault>) -> Remote {
        let prefix = self.remote_cidr.map(Remote::Prefix);
        let group = self.remote_group_id.map(Remote::Group);
        let addresses = self.remote_address_group_id.map(Remote::AddressGroup);
        let mut named = prefix.into_iter().chain(group).chain(addresses);
        let remote = named.next().unwrap_or(Remote::Any);
        if named.next().is_some() {
            let message = "give one of remote_cidr, remote_group_id and remote_address_group_id";
            faults.push(RuleFault {
                field: "remote_cidr",
                message: message.to_owned(),
            });
        }
        if let Some(prefix) = self.remote_cidr.filter(|it| it.trunc() != *it) {
            let message = format!(
                "{prefix} has host bits set; expected the prefix itself, {}",
                prefix.trunc()
            );
            faults.push(RuleFault {
                field: "remote_cidr",
                message,
            });
        }
        match remote {
            // All of a family is nobody in particular.
            Remote::Prefix(prefix) if prefix.prefix_len() == 0 => Remote::Any,
            remote => remote,
        }
    }

    /// The one family that all parts are of, if any says one.
    fn family(&self, faults: &mut Vec<RuleFault>) -> Option<Family> {
        let protocol = match self.protocol {
            ProtocolName::Icmp => Some(("protocol", Family::Ipv4)),
            ProtocolName::Icmpv6 => Some(("protocol", Family::Ipv6)),
            _ => None,
        };
        let prefix = self
            .remote_cidr
            .map(|prefix| ("remote_cidr", Family::of(prefix.addr())));
        let said = self.family.map(|family| ("family", family));
        let mut said = said.into_iter().chain(protocol).chain(prefix);
        let (first, family) = said.next()?;
        for (field, other) in said.filter(|(_, other)| *other != family) {
            let message = format!(
                "is of {}, but {first} is of {}; all of a rule is of one family",
                other.name(),
                family.name()
            );
            faults.push(RuleFault { field, message });
        }
        Some(family)
    }
}

impl TryFrom<RuleForm> for Allowance {
    type Error = BadRule;

    fn try_from(form: RuleForm) -> Result<Self, BadRule> {
        form.check().map_err(BadRule)
    }
}

impl From<Allowance> for RuleForm {
    fn from(allows: Allowance) -> Self {
        let (ports, kind) = match allows.protocol {
            Protocol::Tcp(ports) | Protocol::Udp(ports) => (ports, None),
            Protocol::Icmp(kind) | Protocol::Icmpv6(kind) => (None, kind),
            Protocol::Any | Protocol::Other(_) => (None, None),
        };
        let form = Self {
            family: allows.family,
            protocol: allows.protocol.name(),
            ports,
            icmp_type: kind.map(|(kind, _)| kind),
            icmp_code: kind.and_then(|(_, code)| code),
            logged: allows.logged,
            ..Self::new(allows.direction)
        };
        match allows.remote {
            Remote::Any => form,
            Remote::Prefix(prefix) => Self {
                remote_cidr: Some(prefix),
                ..form
            },
            Remote::Group(id) => Self {
                remote_group_id: Some(id),
                ..form
            },
            Remote::AddressGroup(id) => Self {
                remote_address_group_id: Some(id),
                ..form
            },
        }
    }
}
