//! Quotas: how much of the pool a tenant may have.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Invalid;

/// What a quota bounds: one row for each noun that tenants make, and their calls of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// Networks.
    Networks,
    /// Subnets.
    Subnets,
    /// Reservations of addresses that somebody asked for.
    Reservations,
    /// Ports, on whose networks ever.
    Ports,
    /// Instances.
    Instances,
    /// Routers.
    Routers,
    /// Addresses of external networks.
    FloatingIps,
    /// Ports of these that are forwarded.
    PortForwardings,
    /// Security groups, the one that was made with the tenant included.
    SecurityGroups,
    /// The rules of all of them.
    SecurityGroupRules,
    /// Address groups.
    AddressGroups,
    /// Tokens that are held to the tenant.
    Tokens,
    /// Calls of the API a second, by all of its tokens together.
    RequestsPerSecond,
}

impl Quantity {
    /// Every quantity with its name, and what a tenant may have of it where nobody says otherwise.
    pub const ALL: &[(Self, &str, u32)] = &[
        (Self::Networks, "networks", 1_000),
        (Self::Subnets, "subnets", 2_000),
        (Self::Reservations, "reservations", 2_000),
        (Self::Ports, "ports", 20_000),
        (Self::Instances, "instances", 20_000),
        (Self::Routers, "routers", 200),
        (Self::FloatingIps, "floating_ips", 1_000),
        (Self::PortForwardings, "port_forwardings", 2_000),
        (Self::SecurityGroups, "security_groups", 1_000),
        (Self::SecurityGroupRules, "security_group_rules", 20_000),
        (Self::AddressGroups, "address_groups", 500),
        (Self::Tokens, "tokens", 100),
        (Self::RequestsPerSecond, "requests_per_second", 100),
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        let row = Self::ALL.iter().find(|(it, ..)| *it == self);
        row.map_or("", |(_, name, _)| name)
    }

    /// Whether it is counted among the objects that there are.
    #[must_use]
    pub fn is_counted(self) -> bool {
        self != Self::RequestsPerSecond
    }

    fn built_in(self) -> QuotaLimit {
        let row = Self::ALL.iter().find(|(it, ..)| *it == self);
        row.map_or(QuotaLimit::Unlimited, |(.., most)| {
            QuotaLimit::AtMost(*most)
        })
    }
}

impl FromStr for Quantity {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let row = Self::ALL.iter().find(|(_, name, _)| *name == text);
        row.map(|(it, ..)| *it).ok_or(Invalid::new(
            "one of networks, subnets, reservations, ports, instances, routers, floating_ips, \
             port_forwardings, security_groups, security_group_rules, address_groups, tokens, \
             requests_per_second",
        ))
    }
}

/// How much of a quantity there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "LimitForm", into = "LimitForm")]
pub enum QuotaLimit {
    /// So many.
    AtMost(u32),
    /// As many as anybody likes.
    Unlimited,
}

impl QuotaLimit {
    /// Whether so many are within it.
    #[must_use]
    pub const fn allows(self, count: u64) -> bool {
        match self {
            Self::AtMost(most) => count <= most as u64,
            Self::Unlimited => true,
        }
    }
}

/// In JSON: a number, or the word.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum LimitForm {
    AtMost(u32),
    Word(Word),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    Unlimited,
}

impl From<LimitForm> for QuotaLimit {
    fn from(form: LimitForm) -> Self {
        match form {
            LimitForm::AtMost(most) => Self::AtMost(most),
            LimitForm::Word(Word::Unlimited) => Self::Unlimited,
        }
    }
}

impl From<QuotaLimit> for LimitForm {
    fn from(limit: QuotaLimit) -> Self {
        match limit {
            QuotaLimit::AtMost(most) => Self::AtMost(most),
            QuotaLimit::Unlimited => Self::Word(Word::Unlimited),
        }
    }
}

impl FromStr for QuotaLimit {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text == "unlimited" {
            return Ok(Self::Unlimited);
        }
        let is_number = text.bytes().all(|it| it.is_ascii_digit());
        let most = text.parse().ok().filter(|_| is_number);
        most.map(Self::AtMost).ok_or(Invalid::new(
            "a number from 0 to 4294967295, or \"unlimited\"",
        ))
    }
}

impl fmt::Display for QuotaLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(most) => most.fmt(f),
            Self::Unlimited => f.write_str("unlimited"),
        }
    }
}

/// What was said of quantities; of the others, the pool's default holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Quota(BTreeMap<Quantity, QuotaLimit>);

impl Quota {
    /// Whether nothing was said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What was said of a quantity.
    #[must_use]
    pub fn said(&self, quantity: Quantity) -> Option<QuotaLimit> {
        self.0.get(&quantity).copied()
    }

    /// Says it of a quantity, or takes back what was said.
    pub fn say(&mut self, quantity: Quantity, limit: Option<QuotaLimit>) {
        match limit {
            Some(limit) => _ = self.0.insert(quantity, limit),
            None => _ = self.0.remove(&quantity),
        }
    }

    /// What holds of a quantity, where these are the pool's defaults.
    #[must_use]
    pub fn limit(&self, defaults: &Self, quantity: Quantity) -> QuotaLimit {
        let said = self.said(quantity).or_else(|| defaults.said(quantity));
        said.unwrap_or_else(|| quantity.built_in())
    }
}

impl FromIterator<(Quantity, QuotaLimit)> for Quota {
    fn from_iter<I: IntoIterator<Item = (Quantity, QuotaLimit)>>(said: I) -> Self {
        Self(said.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_quantity_is_spelled_the_same_in_json_and_on_the_command_line() {
        for (quantity, name, _) in Quantity::ALL {
            assert_eq!(serde_json::to_value(quantity).unwrap(), *name);
            assert_eq!(name.parse::<Quantity>().unwrap(), *quantity);
            assert_eq!(quantity.name(), *name);
        }
        let refused = "network".parse::<Quantity>().unwrap_err().to_string();
        for (_, name, _) in Quantity::ALL {
            assert!(refused.contains(name), "{name} is not said to be allowed");
        }
    }

    #[test]
    fn a_limit_is_a_number_or_the_word_unlimited_and_nothing_else() {
        for (text, limit) in [
            ("0", QuotaLimit::AtMost(0)),
            ("4294967295", QuotaLimit::AtMost(u32::MAX)),
            ("\"unlimited\"", QuotaLimit::Unlimited),
        ] {
            let read: QuotaLimit = serde_json::from_str(text).unwrap();
            assert_eq!(read, limit);
            assert_eq!(serde_json::to_string(&limit).unwrap(), text);
            assert_eq!(limit.to_string().parse::<QuotaLimit>().unwrap(), limit);
        }
        for wrong in ["-1", "4294967296", "1.5", "null", "\"none\"", "\"10\""] {
            assert!(
                serde_json::from_str::<QuotaLimit>(wrong).is_err(),
                "{wrong}"
            );
        }
        for wrong in ["", "-1", "+1", "4294967296", "Unlimited"] {
            assert!(wrong.parse::<QuotaLimit>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_the_tenant_was_given_comes_before_what_the_pool_says_and_that_before_what_is_built_in()
    {
        let tenants = Quota::from_iter([(Quantity::Ports, QuotaLimit::AtMost(0))]);
        let pools = Quota::from_iter([
            (Quantity::Ports, QuotaLimit::AtMost(9)),
            (Quantity::Routers, QuotaLimit::Unlimited),
        ]);
        let limit = |quantity| tenants.limit(&pools, quantity);
        assert_eq!(limit(Quantity::Ports), QuotaLimit::AtMost(0));
        assert_eq!(limit(Quantity::Routers), QuotaLimit::Unlimited);
        assert_eq!(limit(Quantity::Networks), QuotaLimit::AtMost(1_000));
        assert!(limit(Quantity::Ports).allows(0) && !limit(Quantity::Ports).allows(1));
    }
}
