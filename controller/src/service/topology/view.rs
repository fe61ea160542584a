//! The topology as clients see it.

use api::resource::{HostTopology, TopologyView};
use model::plan::Generation;
use model::{Host, PhysicalNetwork};

use crate::fleet::Observed;
use crate::intent::Intent;

/// What carries the physical networks, and how it stands on every host.
pub(in crate::service) fn view(intent: &Intent, observed: &Observed) -> TopologyView {
    let networks = intent.physical_networks.values();
    let mut physical_networks: Vec<PhysicalNetwork> = networks.map(|it| (**it).clone()).collect();
    physical_networks.sort_by(|a, b| (a.role, &a.name).cmp(&(b.role, &b.name)));
    let hosts = intent.hosts.values();
    let mut hosts: Vec<HostTopology> = hosts.map(|it| of_host(it, observed)).collect();
    hosts.sort_by(|a, b| a.name.cmp(&b.name));
    TopologyView {
        generation: Generation(intent.revision),
        physical_networks,
        hosts,
    }
}

fn of_host(host: &Host, observed: &Observed) -> HostTopology {
    let seen = observed.host(host.id);
    let status = seen.map(|seen| seen.status.clone()).unwrap_or_default();
    HostTopology {
        host_id: host.id,
        name: host.name.clone(),
        connected: status.connected,
        realized: status.realized,
        uplinks: host.uplinks.clone(),
        management_path: status.management_path,
        failures: status.failures,
    }
}
