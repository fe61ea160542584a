//! What touches the way between this host and its controller. Pure.
//!
//! The way rests on a link, that on a bridge, that on NICs, and these may carry other physical
//! networks too. Whatever stands on one of these NICs, before or after, is looked at as one: a change
//! of any of it may cut the way, and is therefore tried under a deadline.

use std::collections::BTreeSet;

use model::plan::PlanKey;
use model::report::ItemFailure;
use model::{PhysicalNetworkId, Role};
use serde::{Deserialize, Serialize};

use crate::wanted::{PhysicalNetworks, WantedPhysicalNetwork};

#[cfg(test)]
mod tests;

/// A change of what the way to the controller rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The physical networks concerned, as they were.
    pub before: PhysicalNetworks,
    /// The same, and those that join them, as they shall be.
    pub after: PhysicalNetworks,
}

impl Change {
    /// From what is settled to what is wanted; none when the way rests on what it rested on. `way` is
    /// the link that leads to the controller now.
    #[must_use]
    pub fn between(
        settled: &PhysicalNetworks,
        wanted: &PhysicalNetworks,
        way: Option<&str>,
    ) -> Option<Self> {
        let both = || settled.values().chain(wanted.values());
        let leads = |it: &&WantedPhysicalNetwork| {
            it.role == Role::Management || way == Some(it.bridge().as_str())
        };
        let nics = both().filter(leads).flat_map(|it| it.uplink.nics());
        let mut nics: BTreeSet<&str> = nics.map(|nic| nic.as_str()).collect();
        nics.extend(way);
        // Those that leave these NICs are concerned as well as those that come.
        let on_them = |it: &WantedPhysicalNetwork| nics.iter().any(|nic| it.stands_on(nic));
        let both_by_id = settled.iter().chain(wanted);
        let concerned = both_by_id.filter(|(_, it)| on_them(it)).map(|(id, _)| *id);
        let ids: BTreeSet<PhysicalNetworkId> = concerned.collect();
        let concerned = |networks: &PhysicalNetworks| -> PhysicalNetworks {
            let networks = networks.iter().filter(|(id, _)| ids.contains(id));
            networks.map(|(id, it)| (*id, it.clone())).collect()
        };
        let change = Self {
            before: concerned(settled),
            after: concerned(wanted),
        };
        // Without a management network of ours, the way is whatever the host was given.
        let ours = both().any(|it| leads(&it));
        (ours && !change.is_none()).then_some(change)
    }

    fn is_none(&self) -> bool {
        let same = |id: &PhysicalNetworkId, after: &WantedPhysicalNetwork| {
            let before = self.before.get(id);
            before.is_some_and(|before| same_footing(before, after))
        };
        self.before.len() == self.after.len() && self.after.iter().all(|(id, it)| same(id, it))
    }

    /// Whether it leads where another one led.
    #[must_use]
    pub fn leads_where(&self, other: &PhysicalNetworks) -> bool {
        let same = |(id, it): (&PhysicalNetworkId, &WantedPhysicalNetwork)| {
            other.get(id).is_some_and(|other| same_footing(it, other))
        };
        self.after.len() == other.len() && self.after.iter().all(same)
    }

    /// All that is wanted, but for this change.
    #[must_use]
    pub fn undone(&self, wanted: &PhysicalNetworks) -> PhysicalNetworks {
        let others = wanted
            .iter()
            .filter(|(id, _)| !self.after.contains_key(id) && !self.before.contains_key(id));
        let others = others.map(|(id, it)| (*id, it.clone()));
        let before = self.before.iter().map(|(id, it)| (*id, it.clone()));
        others.chain(before).collect()
    }

    /// All that is wanted, with this change made, whatever else became of what it concerns.
    #[must_use]
    pub fn done(&self, wanted: &PhysicalNetworks) -> PhysicalNetworks {
        let mut done = self.undone(wanted);
        done.retain(|id, _| !self.before.contains_key(id));
        done.extend(self.after.iter().map(|(id, it)| (*id, it.clone())));
        done
    }

    /// The bridge by which the controller will be reached, if it is ours to say.
    #[must_use]
    pub fn bridge(&self) -> Option<String> {
        let mut after = self.after.values();
        let management = after.find(|it| it.role == Role::Management);
        management.map(WantedPhysicalNetwork::bridge)
    }

    /// Why none of it is carried out, as the report has it.
    pub fn failures(&self, reason: &str) -> impl Iterator<Item = ItemFailure> {
        let differs = |(id, after): &(&PhysicalNetworkId, &WantedPhysicalNetwork)| {
            let before = self.before.get(id);
            before.is_none_or(|before| !same_footing(before, after))
        };
        let ids = self.after.iter().filter(differs).map(|(id, _)| *id);
        let gone = self.before.keys().filter(|id| !self.after.contains_key(id));
        ids.chain(gone.copied()).map(|id| ItemFailure {
            key: PlanKey::PhysicalNetwork(id),
            reason: reason.to_owned(),
        })
    }
}

/// Whether the host would stand on it in the same way: what a change of anything else cannot cut.
fn same_footing(one: &WantedPhysicalNetwork, other: &WantedPhysicalNetwork) -> bool {
    let footing = |it: &WantedPhysicalNetwork| {
        let WantedPhysicalNetwork {
            name,
            role,
            uplink,
            address,
            mtu: _,
            endpoint: _,
        } = it;
        (name.clone(), *role, uplink.clone(), address.clone())
    };
    footing(one) == footing(other)
}

/// The change in words: `management on eth0/vlan20 instead of eth0`.
impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut separator = "";
        for (id, after) in &self.after {
            let before = self.before.get(id);
            if before.is_some_and(|before| same_footing(before, after)) {
                continue;
            }
            write!(f, "{separator}{} on {}", after.name, after.uplink)?;
            if let Some(address) = &after.address {
                write!(f, " with the address {}", address.address)?;
            }
            if let Some(before) = before {
                write!(f, " instead of {}", before.uplink)?;
            }
            separator = ", ";
        }
        let gone = self.before.iter();
        for (_, before) in gone.filter(|(id, _)| !self.after.contains_key(id)) {
            write!(
                f,
                "{separator}{} no longer on {}",
                before.name, before.uplink
            )?;
            separator = ", ";
        }
        Ok(())
    }
}
