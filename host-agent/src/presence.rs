//! The host's own place in its networks: addresses and routes that move from NICs to bridges, and
//! back.
//!
//! A NIC that Open vSwitch has is a wire and no place any more. What the host had there moves to the
//! own port of the bridge, along with the Ethernet address, so that nobody on the other side notices.
//! With the userspace datapath the kernel hears every frame of the NIC a second time, so the NIC is
//! put behind the [shield](crate::shield).

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;

use compute::SHIELDED_GROUP;
use model::Role;
use tokio::time::{Instant, sleep};

use crate::links::kernel::{self, Kernel, Link, Presence};
use crate::links::route::Route;
use crate::links::{self, address, route};
use crate::observe::Observed;
use crate::trial::journal::{Folder, Settled, Taken};
use crate::wanted::{PhysicalNetworks, WantedPhysicalNetwork};

#[cfg(test)]
mod tests;

/// The group of links that nobody put anywhere.
const NO_GROUP: u32 = 0;
/// How long the switch is waited for to make the link of a new bridge.
const SWITCH_PATIENCE: Duration = Duration::from_secs(2);
/// How often is looked whether it has.
const LOOK: Duration = Duration::from_millis(10);

/// Whether all of it could be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is.
    Done,
    /// A link is not there yet.
    Waiting,
}

/// What bridges have to take over, beyond what they did. Pure.
#[must_use]
pub fn claims(
    networks: &PhysicalNetworks,
    kernel: &Kernel,
    way: Option<&str>,
    before: &BTreeMap<String, Taken>,
) -> BTreeMap<String, Taken> {
    let mut claims = before.clone();
    for network in networks.values().filter(|it| it.is_of_hosts()) {
        let taken = claims.entry(network.bridge()).or_default();
        for name in donors(network, networks, way, taken) {
            let Some(link) = kernel.links.get(&name) else {
                continue;
            };
            taken.mac = taken.mac.or(link.mac);
            add(taken, &name, link);
        }
        let nics = network.uplink.nics().iter();
        let mut macs = nics.filter_map(|nic| kernel.links.get(nic.as_str())?.mac);
        taken.mac = taken.mac.or_else(|| macs.next());
    }
    claims
}

/// The links whose addresses belong to a network: its NICs, where it speaks untagged, and, for
/// management, whatever leads to the controller as long as no bridge of ours does.
fn donors(
    network: &WantedPhysicalNetwork,
    networks: &PhysicalNetworks,
    way: Option<&str>,
    taken: &Taken,
) -> Vec<String> {
    let free = |way: &&str| {
        let mut others = networks.values();
        let anothers = others
            .any(|it| it.bridge() == **way || (it.name != network.name && it.is_alone_on(way)));
        let known = taken.from.is_empty() || taken.from.contains_key(*way);
        known && !anothers && *way != "lo"
    };
    let way = way.filter(|way| network.role == Role::Management && free(way));
    let nics = network.uplink.nics().iter();
    let nics = nics.filter(|_| network.uplink.vlan().is_none());
    let nics = nics.map(|nic| nic.to_string());
    let mut donors: Vec<String> = way.map(str::to_owned).into_iter().collect();
    donors.extend(nics.filter(|nic| Some(nic.as_str()) != way));
    donors
}

fn add(taken: &mut Taken, name: &str, link: &Link) {
    if link.presence.is_empty() {
        return;
    }
    let had = taken.from.entry(name.to_owned()).or_default();
    merge(had, &link.presence);
}

fn merge(into: &mut Presence, from: &Presence) {
    for address in &from.addresses {
        if !into.addresses.contains(address) {
            into.addresses.push(*address);
        }
    }
    for route in &from.routes {
        if !into.routes.contains(route) {
            into.routes.push(route.clone());
        }
    }
}

/// What each bridge's own port shall have. Pure.
#[must_use]
pub fn targets(
    networks: &PhysicalNetworks,
    taken: &BTreeMap<String, Taken>,
) -> BTreeMap<String, Presence> {
    let hosts = networks.values().filter(|it| it.is_of_hosts());
    let targets = hosts.map(|network| {
        let bridge = network.bridge();
        let presence = match &network.address {
            Some(own) => Presence {
                addresses: vec![own.address],
                routes: own.gateway.map(Route::default_by).into_iter().collect(),
            },
            None => taken.get(&bridge).map(Taken::presence).unwrap_or_default(),
        };
        (bridge, presence)
    });
    targets.collect()
}

/// The NICs of these networks that a bridge has. Pure.
#[must_use]
pub fn held(networks: &PhysicalNetworks, observed: &Observed) -> BTreeSet<String> {
    let nics = networks.values().flat_map(|it| it.uplink.nics());
    let held = nics.filter(|nic| observed.holder(nic.as_str()).is_some());
    held.map(|nic| nic.to_string()).collect()
}

/// The NICs that carry tenants' frames and nothing of the host's own. Pure.
#[must_use]
pub fn of_tenants(networks: &PhysicalNetworks, way: Option<&str>) -> BTreeSet<String> {
    let (own, tenants): (Vec<_>, Vec<_>) = networks.values().partition(|it| it.is_of_hosts());
    let nics = tenants.iter().flat_map(|it| it.uplink.nics());
    let nics = nics.map(|nic| nic.to_string());
    let alone = nics.filter(|nic| Some(nic.as_str()) != way);
    alone
        .filter(|nic| !own.iter().any(|it| it.stands_on(nic)))
        .collect()
}

/// Puts NICs behind the shield, those of them that are there.
///
/// # Errors
/// When the kernel refuses.
pub async fn put_behind(nics: &BTreeSet<String>, kernel: &Kernel) -> io::Result<()> {
    for nic in nics {
        let link = kernel.links.get(nic);
        if link.is_some_and(|link| link.group != SHIELDED_GROUP) {
            links::ensure_group_of_nic(nic, SHIELDED_GROUP).await?;
        }
    }
    Ok(())
}

/// The place of a host in its networks, as it is to be.
pub struct Places<'a> {
    /// The physical networks as they are carried out.
    pub networks: &'a PhysicalNetworks,
    /// Where the record of it is.
    pub folder: &'a Folder,
    /// The record.
    pub settled: &'a mut Settled,
    /// What the bridges have.
    pub observed: &'a Observed,
    /// The link that leads to the controller.
    pub way: Option<&'a str>,
}

impl Places<'_> {
    /// Makes addresses, routes and groups of all links concerned right.
    ///
    /// # Errors
    /// When something could not be done: it has to be tried again.
    pub async fn settle(&mut self) -> io::Result<Outcome> {
        let targets = targets(self.networks, &self.settled.taken);
        let kernel = self.await_links(&targets).await?;
        self.note_given(&targets)?;
        let mut outcome = Outcome::Done;
        for (bridge, presence) in &targets {
            match kernel.links.get(bridge) {
                Some(link) => self.furnish(bridge, link, presence, &kernel).await?,
                None => outcome = Outcome::Waiting,
            }
        }
        self.shield(&kernel).await?;
        self.give_back(&targets, &kernel).await?;
        Ok(outcome)
    }

    /// The switch makes the links of new bridges; until then the addresses have nowhere to go.
    async fn await_links(&self, targets: &BTreeMap<String, Presence>) -> io::Result<Kernel> {
        let give_up_at = Instant::now() + SWITCH_PATIENCE;
        loop {
            let kernel = kernel::read().await?;
            let listed = |bridge: &&String| self.observed.bridges.contains_key(*bridge);
            let mut awaited = targets.keys().filter(listed);
            let all = awaited.all(|bridge| kernel.links.contains_key(bridge));
            if all || Instant::now() >= give_up_at {
                return Ok(kernel);
            }
            sleep(LOOK).await;
        }
    }

    /// What is set on a link is written down before, so that none of it is ever forgotten.
    fn note_given(&mut self, targets: &BTreeMap<String, Presence>) -> io::Result<()> {
        let before = self.settled.given.clone();
        for (bridge, presence) in targets {
            let given = self.settled.given.entry(bridge.clone()).or_default();
            merge(given, presence);
        }
        self.save_if(self.settled.given != before)
    }

    async fn furnish(
        &mut self,
        bridge: &str,
        link: &Link,
        presence: &Presence,
        kernel: &Kernel,
    ) -> io::Result<()> {
        if !link.up {
            links::switch_on(bridge).await?;
        }
        for address in presence
            .addresses
            .iter()
            .filter(|it| !link.addresses.contains(it))
        {
            address::ensure(bridge, *address).await?;
        }
        for route in presence
            .routes
            .iter()
            .filter(|it| !link.routes.contains(it))
        {
            route::ensure(bridge, route).await?;
        }
        let from = self.settled.taken.get(bridge).map(|taken| &taken.from);
        for (donor, had) in from.into_iter().flatten().filter(|(it, _)| *it != bridge) {
            strip(kernel, donor, had).await?;
        }
        let given = self.settled.given.get(bridge).cloned().unwrap_or_default();
        let stale = Presence {
            addresses: without(&given.addresses, &presence.addresses),
            routes: without(&given.routes, &presence.routes),
        };
        if !stale.is_empty() {
            strip(kernel, bridge, &stale).await?;
            self.settled
                .given
                .insert(bridge.to_owned(), presence.clone());
            self.save_if(true)?;
        }
        Ok(())
    }

    /// NICs that a bridge has, those whose place a bridge took, and those of tenants alone.
    async fn shield(&mut self, kernel: &Kernel) -> io::Result<()> {
        let mut behind = held(self.networks, self.observed);
        behind.extend(of_tenants(self.networks, self.way));
        let of_hosts = targets(self.networks, &self.settled.taken);
        let taken = self.settled.taken.iter();
        let taken = taken.filter(|(bridge, _)| of_hosts.contains_key(*bridge));
        behind.extend(taken.flat_map(|(_, taken)| taken.from.keys().cloned()));
        let before = self.settled.shielded.clone();
        self.settled.shielded.extend(behind.iter().cloned());
        self.save_if(self.settled.shielded != before)?;
        put_behind(&behind, kernel).await?;
        let free: Vec<String> = self.settled.shielded.difference(&behind).cloned().collect();
        // One that is not there any more needs no group.
        for nic in free.iter().filter(|nic| kernel.links.contains_key(*nic)) {
            links::ensure_group_of_nic(nic, NO_GROUP).await?;
        }
        self.settled.shielded = behind;
        self.save_if(!free.is_empty())
    }

    /// What bridges took over goes back to where it was, once nobody wants them to have it.
    async fn give_back(
        &mut self,
        targets: &BTreeMap<String, Presence>,
        kernel: &Kernel,
    ) -> io::Result<()> {
        let gone: Vec<String> = self
            .settled
            .taken
            .keys()
            .chain(self.settled.given.keys())
            .filter(|bridge| !targets.contains_key(*bridge))
            .cloned()
            .collect();
        for bridge in gone {
            let taken = self.settled.taken.get(&bridge).cloned().unwrap_or_default();
            for (link, had) in &taken.from {
                hand(kernel, link, had).await?;
            }
            if let Some(given) = self.settled.given.get(&bridge) {
                strip(kernel, &bridge, given).await?;
            }
            // Once more, because a route goes with the link or the address it was set for.
            for (link, had) in &taken.from {
                hand(kernel, link, had).await?;
            }
            self.settled.taken.remove(&bridge);
            self.settled.given.remove(&bridge);
            self.save_if(true)?;
        }
        Ok(())
    }

    fn save_if(&self, changed: bool) -> io::Result<()> {
        match changed {
            true => self.folder.save_settled(self.settled),
            false => Ok(()),
        }
    }
}

/// Takes from a link what it has of this.
async fn strip(kernel: &Kernel, name: &str, of: &Presence) -> io::Result<()> {
    let Some(link) = kernel.links.get(name) else {
        return Ok(());
    };
    for route in of.routes.iter().filter(|it| link.routes.contains(it)) {
        route::remove(name, route).await?;
    }
    for address in of.addresses.iter().filter(|it| link.addresses.contains(it)) {
        address::remove(name, *address).await?;
    }
    Ok(())
}

/// Gives a link what it had, if it is still there.
async fn hand(kernel: &Kernel, name: &str, had: &Presence) -> io::Result<()> {
    if !kernel.links.contains_key(name) {
        return Ok(());
    }
    links::switch_on(name).await?;
    for address in &had.addresses {
        address::ensure(name, *address).await?;
    }
    for route in &had.routes {
        route::ensure(name, route).await?;
    }
    Ok(())
}

fn without<T: Clone + PartialEq>(all: &[T], some: &[T]) -> Vec<T> {
    let rest = all.iter().filter(|it| !some.contains(it));
    rest.cloned().collect()
}
