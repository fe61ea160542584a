//! What is spoken within IP.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::PortRange;
use crate::Invalid;

/// What a rule is about, with what of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// Whatever is spoken.
    Any,
    /// TCP, to these ports if any are named.
    Tcp(Option<PortRange>),
    /// UDP, to these ports if any are named.
    Udp(Option<PortRange>),
    /// ICMP within IPv4: of this type, and of this code of it.
    Icmp(Option<(u8, Option<u8>)>),
    /// ICMPv6: of this type, and of this code of it.
    Icmpv6(Option<(u8, Option<u8>)>),
    /// Any other, by its number (IANA "Protocol Numbers").
    Other(u8),
}

/// The name of a protocol; numbers stand for themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ProtocolName {
    /// `any`
    #[default]
    Any,
    /// `tcp`
    Tcp,
    /// `udp`
    Udp,
    /// `icmp`
    Icmp,
    /// `icmpv6`
    Icmpv6,
    /// A number that none of these has, such as `47`.
    Other(u8),
}

/// Those with names of their own.
const NAMES: &[(ProtocolName, &str, Option<u8>)] = &[
    (ProtocolName::Any, "any", None),
    (ProtocolName::Tcp, "tcp", Some(6)),
    (ProtocolName::Udp, "udp", Some(17)),
    (ProtocolName::Icmp, "icmp", Some(1)),
    (ProtocolName::Icmpv6, "icmpv6", Some(58)),
];

impl ProtocolName {
    /// What is allowed, as a phrase.
    pub const EXPECTED: &str =
        "one of \"any\", \"tcp\", \"udp\", \"icmp\", \"icmpv6\", or a number from 0 to 255";
}

impl FromStr for ProtocolName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let number: Option<u8> = text.parse().ok();
        let known = |(_, name, own): &&(_, &str, Option<u8>)| {
            *name == text || (number.is_some() && *own == number)
        };
        match (NAMES.iter().find(known), number) {
            (Some((known, _, _)), _) => Ok(*known),
            (None, Some(number)) => Ok(Self::Other(number)),
            (None, None) => Err(Invalid::new(Self::EXPECTED)),
        }
    }
}

impl TryFrom<String> for ProtocolName {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<ProtocolName> for String {
    fn from(name: ProtocolName) -> Self {
        name.to_string()
    }
}

impl fmt::Display for ProtocolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Other(number) = self {
            return write!(f, "{number}");
        }
        let found = NAMES.iter().find(|(name, _, _)| name == self);
        f.write_str(found.map_or("", |(_, name, _)| name))
    }
}

impl Protocol {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> ProtocolName {
        match self {
            Self::Any => ProtocolName::Any,
            Self::Tcp(_) => ProtocolName::Tcp,
            Self::Udp(_) => ProtocolName::Udp,
            Self::Icmp(_) => ProtocolName::Icmp,
            Self::Icmpv6(_) => ProtocolName::Icmpv6,
            Self::Other(number) => ProtocolName::Other(number),
        }
    }
}
