//! Names for numbers, and lists that people read.

use std::collections::BTreeMap;

use model::{HostId, Name, PhysicalNetworkId, ProbeNic, VlanId};

use super::super::trial::{HostNumber, Pair};

/// How many pairs of hosts a sentence names.
const NAMED_PAIRS: usize = 4;

/// Who takes part in a check, by number, and the physical networks.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Cast {
    pub(in super::super) hosts: Vec<Player>,
    pub(in super::super) networks: BTreeMap<PhysicalNetworkId, Name>,
}

/// A host.
#[derive(Clone, Debug)]
pub(in super::super) struct Player {
    pub(in super::super) id: HostId,
    pub(in super::super) name: Name,
    pub(in super::super) nics: BTreeMap<PhysicalNetworkId, ProbeNic>,
}

impl Cast {
    fn player(&self, number: HostNumber) -> Option<&Player> {
        self.hosts.get(usize::from(number))
    }

    pub(super) fn id(&self, number: HostNumber) -> HostId {
        let player = self.player(number);
        player.map_or_else(|| HostId::from(uuid::Uuid::nil()), |player| player.id)
    }

    pub(super) fn name(&self, number: HostNumber) -> &str {
        self.player(number)
            .map_or("", |player| player.name.as_str())
    }

    pub(super) fn network(&self, id: PhysicalNetworkId) -> &str {
        self.networks.get(&id).map_or("", Name::as_str)
    }

    pub(super) fn nic(&self, number: HostNumber, network: PhysicalNetworkId) -> Option<&ProbeNic> {
        self.player(number)?.nics.get(&network)
    }

    /// `host h2 (NIC eth1)`
    pub(super) fn host_with_nic(&self, number: HostNumber, network: PhysicalNetworkId) -> String {
        let name = self.name(number);
        match self.nic(number, network) {
            Some(nic) => format!("host {name} (NIC {})", nic.nic),
            None => format!("host {name}"),
        }
    }
}

/// `VLAN 103`, or `VLANs 103-105,110`. They are in order.
pub(super) fn vlans_text(vlans: &[VlanId]) -> String {
    let mut ranges: Vec<(VlanId, VlanId)> = Vec::new();
    for vlan in vlans {
        match ranges.last_mut() {
            Some((_, last)) if last.get() + 1 == vlan.get() => *last = *vlan,
            _ => ranges.push((*vlan, *vlan)),
        }
    }
    let ranges = ranges.into_iter();
    let texts: Vec<String> = ranges
        .map(|(first, last)| match first == last {
            true => first.to_string(),
            false => format!("{first}-{last}"),
        })
        .collect();
    let noun = if vlans.len() == 1 { "VLAN" } else { "VLANs" };
    format!("{noun} {}", texts.join(","))
}

/// `h1, h2 and h3`
pub(super) fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [all @ .., last] => format!("{} and {last}", all.join(", ")),
    }
}

/// `between h1 and h2`, `from h1 to h2`, or several of these.
pub(super) fn pairs_text(cast: &Cast, pairs: &[Pair]) -> String {
    let both_ways = |(from, to): &Pair| pairs.contains(&(*to, *from));
    let named = pairs
        .iter()
        .filter(|pair| !both_ways(pair) || pair.0 < pair.1);
    let texts: Vec<String> = named
        .map(|pair| {
            let [from, to] = [pair.0, pair.1].map(|number| cast.name(number));
            match both_ways(pair) {
                true => format!("between {from} and {to}"),
                false => format!("from {from} to {to}"),
            }
        })
        .collect();
    let more = texts.len().saturating_sub(NAMED_PAIRS);
    let mut shown: Vec<String> = texts.into_iter().take(NAMED_PAIRS).collect();
    if more > 0 {
        shown.push(format!("{more} more pairs"));
    }
    listed(&shown)
}
