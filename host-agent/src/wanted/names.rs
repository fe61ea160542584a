//! What resolvers behind gateways have to know.

use std::collections::BTreeMap;
use std::net::IpAddr;

use model::plan::{HostPlan, PlanItem};
use model::{DomainName, NetworkId};

use super::Wanted;
use crate::respond::NamedPort;

impl Wanted {
    /// Notes which gateways are resolvers, and the names of all ports where one needs them.
    pub(super) fn know_names(&mut self, plan: &HostPlan) {
        for network in self.networks.values_mut() {
            let resolvers = network.subnets.iter();
            let resolvers = resolvers.filter(|subnet| subnet.handout.answers_dns());
            let ours = resolvers.map(|subnet| subnet.gateway);
            let ours = ours.filter(|gateway| network.gateways.contains(gateway));
            network.resolvers = ours.collect();
        }
        let mut names = BTreeMap::<NetworkId, Vec<NamedPort>>::new();
        for (id, network) in &self.networks {
            if network.subnets.iter().any(|it| it.handout.dns_names) {
                names.insert(*id, Vec::new());
            }
        }
        if names.is_empty() {
            return;
        }
        for (network, name, addresses) in plan.items.values().filter_map(named) {
            if let (Some(names), Some(name)) = (names.get_mut(&network), name) {
                names.push(NamedPort {
                    name: name.clone(),
                    addresses: addresses.into(),
                });
            }
        }
        for (id, names) in names {
            if let Some(network) = self.networks.get_mut(&id) {
                network.names = names.into();
            }
        }
    }
}

fn named(item: &PlanItem) -> Option<(NetworkId, Option<&DomainName>, &[IpAddr])> {
    match item {
        PlanItem::Port(it) => Some((it.network_id, it.hostname.as_ref(), &it.addresses)),
        PlanItem::RemotePort(it) => Some((it.network_id, it.hostname.as_ref(), &it.addresses)),
        _ => None,
    }
}
