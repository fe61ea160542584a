//! Who is at the other end, as matches.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use ipnet::IpNet;
use model::{Direction, Family, Remote, Rule, RuleId};
use openflow::{Field, Match};
use rustc_hash::FxHasher;

use super::clause::Known;
use crate::pipeline::GroupView;
use crate::pipeline::registers::NETWORK;

/// What rules share a conjunction: those about the same remote end, but for the ones that are
/// counted by themselves.
type Shared = (Remote, Option<RuleId>);

/// The numbers of conjunctions of one group. They follow from what they stand for, so that those of
/// other rules stay when a rule comes or goes.
pub(super) struct Numbers(BTreeMap<Shared, u32>);

impl Numbers {
    pub(super) fn of(group: &GroupView) -> Self {
        let mut shared: Vec<Shared> = group.rules.iter().map(shared).collect();
        shared.sort_unstable();
        shared.dedup();
        let mut numbers = BTreeMap::new();
        let mut taken = std::collections::BTreeSet::new();
        for shared in shared {
            let mut hasher = FxHasher::default();
            shared.hash(&mut hasher);
            let bytes = hasher.finish().to_be_bytes();
            let mut number = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]).max(1);
            while !taken.insert(number) {
                number = number.wrapping_add(1).max(1);
            }
            numbers.insert(shared, number);
        }
        Self(numbers)
    }

    /// The number of the conjunction that this rule is part of.
    pub(super) fn get(&self, rule: &Rule) -> Option<u32> {
        self.0.get(&shared(rule)).copied()
    }
}

fn shared(rule: &Rule) -> Shared {
    let alone = rule.allows.logged.then_some(rule.id);
    (rule.allows.remote, alone)
}

/// `matching`, with an address of this prefix at the other end.
pub(super) fn end(
    matching: Match,
    prefix: IpNet,
    (direction, family, known): (Direction, Family, Known),
) -> Match {
    let field = match (direction, family, known) {
        (Direction::Ingress, Family::Ipv4, Known::Connection) => Field::CtNwSrc,
        (Direction::Ingress, Family::Ipv6, Known::Connection) => Field::CtIpv6Src,
        (Direction::Ingress, Family::Ipv4, _) => Field::Ipv4Src,
        (Direction::Ingress, Family::Ipv6, _) => Field::Ipv6Src,
        (Direction::Egress, Family::Ipv4, Known::Connection) => Field::CtNwDst,
        (Direction::Egress, Family::Ipv6, Known::Connection) => Field::CtIpv6Dst,
        (Direction::Egress, Family::Ipv4, _) => Field::Ipv4Dst,
        (Direction::Egress, Family::Ipv6, _) => Field::Ipv6Dst,
    };
    match prefix {
        IpNet::V4(prefix) => matching.masked(field, prefix.network(), prefix.netmask()),
        IpNet::V6(prefix) => matching.masked(field, prefix.network(), prefix.netmask()),
    }
}

/// `base`, with each address of a remote end at the other end. A member of a group is one in its own
/// network only: elsewhere its address is somebody else's.
pub(super) fn ends(
    group: &GroupView,
    remote: Remote,
    base: &Match,
    place: (Direction, Family, Known),
) -> Vec<Match> {
    let of_family = |address: IpAddr| Family::of(address) == place.1;
    match remote {
        Remote::Any | Remote::Prefix(_) => Vec::new(),
        Remote::Group(id) => {
            let members = group.members.get(&id).into_iter().flatten();
            let members = members.filter(|(_, address)| of_family(*address));
            let matches = members.map(|(network, address)| {
                let matching = NETWORK.is(network.get(), base.clone());
                end(matching, IpNet::from(*address), place)
            });
            matches.collect()
        }
        Remote::AddressGroup(id) => {
            let prefixes = group.prefixes.get(&id).into_iter().flatten();
            let prefixes = prefixes.filter(|prefix| of_family(prefix.addr()));
            let matches = prefixes.map(|prefix| end(base.clone(), *prefix, place));
            matches.collect()
        }
    }
}
