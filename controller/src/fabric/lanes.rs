//! Which ways a check tries: pure, from the intent.

use std::collections::BTreeSet;

use model::{
    Encapsulation, FabricScope, PhysicalNetwork, ProbeLane, ProbePath, Role, Segment, VlanChoice,
    VlanId,
};

use crate::intent::Intent;

/// A way to be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lane {
    pub(super) lane: ProbeLane,
    /// The largest IP packet that must pass, in bytes.
    pub(super) full_bytes: u16,
    pub(super) weight: Weight,
}

/// What it means when nothing passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// Something is wrong.
    Needed,
    /// Nothing by itself: nobody needs it, but it helps to tell a lost VLAN from a lost host.
    Clue,
}

/// The ways that this check is about, at most as many as lanes can be numbered.
pub(super) fn lanes(intent: &Intent, scope: &FabricScope) -> Vec<Lane> {
    let networks = intent.physical_networks.values();
    let chosen = networks.filter(|network| {
        let asked = scope.physical_network_id;
        network.role != Role::Management && asked.is_none_or(|id| id == network.id)
    });
    let ways = chosen.flat_map(|network| {
        let ways = of_network(intent, scope, network).into_iter();
        ways.map(move |(path, full_bytes, weight)| (network.id, path, full_bytes, weight))
    });
    let numbered = (0..u16::MAX).zip(ways);
    numbered
        .map(
            |(number, (physical_network_id, path, full_bytes, weight))| Lane {
                lane: ProbeLane {
                    number,
                    physical_network_id,
                    path,
                },
                full_bytes,
                weight,
            },
        )
        .collect()
}

fn of_network(
    intent: &Intent,
    scope: &FabricScope,
    network: &PhysicalNetwork,
) -> Vec<(ProbePath, u16, Weight)> {
    let vlans = vlans(intent, scope, network).into_iter();
    let mut ways: Vec<_> = vlans
        .map(|vlan| (ProbePath::Vlan { vlan }, network.mtu, Weight::Needed))
        .collect();
    let flat = Segment::Flat {
        physical_network_id: network.id,
    };
    let needed = network.endpoints.is_some() || intent.network_on(&flat).is_some();
    let weight = match needed && scope.vlan.is_none() {
        true => Weight::Needed,
        false => Weight::Clue,
    };
    if weight == Weight::Needed || !ways.is_empty() {
        ways.push((ProbePath::Untagged, network.mtu, weight));
    }
    let Some(endpoints) = network.endpoints.filter(|_| scope.vlan.is_none()) else {
        return ways;
    };
    for encapsulation in tunnels(intent) {
        let overhead = encapsulation.overhead_bytes(endpoints.addr());
        let full_bytes = network.mtu.saturating_sub(overhead);
        let path = ProbePath::Tunnel { encapsulation };
        ways.push((path, full_bytes, Weight::Needed));
    }
    ways
}

fn vlans(intent: &Intent, scope: &FabricScope, network: &PhysicalNetwork) -> Vec<VlanId> {
    let Some(ranges) = &network.vlans else {
        return Vec::new();
    };
    match (scope.vlan, scope.vlans) {
        (Some(vlan), _) => Some(vlan)
            .filter(|it| ranges.contains(*it))
            .into_iter()
            .collect(),
        (None, VlanChoice::InUse) => intent.vlans_on(network.id).collect(),
        (None, VlanChoice::All) => ranges.iter().collect(),
    }
}

/// The encapsulations of networks that there are.
fn tunnels(intent: &Intent) -> BTreeSet<Encapsulation> {
    let networks = intent.networks.values();
    let used = networks.filter_map(|network| network.segment.tunnel());
    used.map(|(encapsulation, _)| encapsulation).collect()
}
