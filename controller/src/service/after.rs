//! What the topology would be after a change, and what is to be written for that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::backend::Outcome;
use api::resource::Accepted;
use model::plan::Generation;
use model::{Host, HostId, PhysicalNetwork, PhysicalNetworkId};

use super::endpoint;
use super::faults::Faults;
use super::layout::{Fault, Layout};
use crate::fleet::Observed;
use crate::intent::Intent;
use crate::object::{Key, Object, Write};
use crate::writer::Draft;

/// The topology as it would be.
pub(super) struct After<'a> {
    intent: &'a Intent,
    /// Every physical network.
    pub(super) networks: BTreeMap<PhysicalNetworkId, PhysicalNetwork>,
    /// The physical networks that carry a tenants' network without a tag.
    pub(super) flat: BTreeSet<PhysicalNetworkId>,
    /// Hosts that differ from what they were.
    hosts: BTreeMap<HostId, Host>,
}

impl<'a> After<'a> {
    /// Everything as it is.
    pub(super) fn unchanged(intent: &'a Intent) -> Self {
        let networks = intent.physical_networks.values();
        Self {
            intent,
            networks: networks.map(|it| (it.id, (**it).clone())).collect(),
            flat: intent.flat().collect(),
            hosts: BTreeMap::new(),
        }
    }

    /// The physical network is gone, and so is what hosts had of it.
    pub(super) fn remove(&mut self, id: PhysicalNetworkId) {
        self.networks.remove(&id);
        for host in self.intent.hosts.values() {
            if host.uplinks.iter().any(|it| it.physical_network_id == id) {
                let mut host = (**host).clone();
                host.uplinks.retain(|it| it.physical_network_id != id);
                self.put_host(host);
            }
        }
    }

    /// The host is as this says.
    pub(super) fn put_host(&mut self, host: Host) {
        self.hosts.insert(host.id, host);
    }

    /// Gives every host an endpoint of the prefix that there is now, or none.
    pub(super) fn give_endpoints(&mut self) {
        let mut networks = self.intent.physical_networks.values();
        let before = networks.find_map(|it| it.endpoints);
        let after = self.networks.values().find_map(|it| it.endpoints);
        if before == after {
            return;
        }
        let mut endpoints = after.into_iter().flat_map(endpoint::usable);
        let mut hosts: Vec<&Arc<Host>> = self.intent.hosts.values().collect();
        // By name, so that people find them again.
        hosts.sort_by(|a, b| a.name.cmp(&b.name));
        for host in hosts {
            let endpoint = endpoints.next();
            let now = self.hosts.get(&host.id).unwrap_or(host);
            if now.endpoint != endpoint {
                let host = Host {
                    endpoint,
                    ..now.clone()
                };
                self.hosts.insert(host.id, host);
            }
        }
    }

    /// What is wrong with it in these physical networks, in the pool and on every host.
    pub(super) fn faults(
        &self,
        changed: BTreeSet<PhysicalNetworkId>,
        observed: &Observed,
    ) -> Vec<Fault> {
        let all = self.intent.hosts.keys().copied();
        let layout = self.layout(changed, all, observed);
        let mut faults = layout.faults_of_pool();
        faults.extend(layout.faults_of_hosts());
        faults
    }

    /// What is wrong with one physical network on one host.
    pub(super) fn faults_on(
        &self,
        host: HostId,
        changed: PhysicalNetworkId,
        observed: &Observed,
    ) -> Vec<Fault> {
        let changed = BTreeSet::from([changed]);
        self.layout(changed, [host].into_iter(), observed)
            .faults_of_hosts()
    }

    /// Where a physical network is in the way of others on the same NICs.
    pub(super) fn faults_of_sharing(&self, network: PhysicalNetworkId) -> Vec<Fault> {
        let observed = Observed::default();
        let all = self.intent.hosts.keys().copied();
        let changed = BTreeSet::from([network]);
        self.layout(changed, all, &observed).faults_of_sharing()
    }

    fn layout<'b>(
        &'b self,
        changed: BTreeSet<PhysicalNetworkId>,
        hosts: impl Iterator<Item = HostId>,
        observed: &'b Observed,
    ) -> Layout<'b> {
        let before = &self.intent.hosts;
        let host = |id| self.hosts.get(&id).or_else(|| Some(&**before.get(&id)?));
        Layout {
            networks: self.networks.values().collect(),
            hosts: hosts.filter_map(host).collect(),
            flat: &self.flat,
            changed,
            observed,
        }
    }

    /// What is to be written.
    pub(super) fn writes(&self) -> Vec<Write> {
        let before = &self.intent.physical_networks;
        let gone = before.keys().filter(|id| !self.networks.contains_key(id));
        let mut writes: Vec<Write> = gone
            .map(|id| Write::Delete(Key::PhysicalNetwork(*id)))
            .collect();
        for network in self.networks.values() {
            if before.get(&network.id).map(Arc::as_ref) != Some(network) {
                let object = Object::PhysicalNetwork(Arc::new(network.clone()));
                writes.push(Write::Put(object));
            }
        }
        for host in self.hosts.values() {
            if self.intent.hosts.get(&host.id).map(Arc::as_ref) != Some(host) {
                writes.push(Write::Put(Object::Host(Arc::new(host.clone()))));
            }
        }
        writes
    }

    /// The draft of a change of the topology, if there were no faults.
    pub(super) fn accepted(&self, faults: Faults) -> Outcome<Draft<Accepted>> {
        faults.check()?;
        let writes = self.writes();
        let changed = !writes.is_empty();
        let generation = Generation(self.intent.revision + u64::from(changed));
        Ok(Draft {
            writes,
            answer: Accepted {
                generation,
                changed,
            },
        })
    }
}
