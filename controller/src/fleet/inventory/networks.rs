//! What tells whom a frame is for: the networks of the interfaces in the inventory.

use std::collections::BTreeSet;

use model::{
    InventoryHost, InventoryNetwork, InventoryPort, MacAddr, Network, NetworkId, TrafficClass,
};

use crate::compile::pool;
use crate::intent::Intent;

/// The networks that have an interface, and those joined to them.
pub(super) fn of(intent: &Intent, hosts: &[InventoryHost]) -> Vec<InventoryNetwork> {
    let vifs = hosts.iter().flat_map(|host| &host.vifs);
    let with_vifs: BTreeSet<NetworkId> = vifs.map(|vif| vif.network_id).collect();
    let joined = with_vifs.iter().flat_map(|id| intent.joined_to(*id));
    let all: BTreeSet<NetworkId> = joined.collect();
    let networks = all.into_iter().filter_map(|id| intent.networks.get(&id));
    networks.map(|network| told(intent, network)).collect()
}

fn told(intent: &Intent, network: &Network) -> InventoryNetwork {
    let way_out = intent.way_out_of(network.id);
    let joined = intent.joined_to(network.id).into_iter().flat_map(|id| {
        let subnets = intent.subnets_of(id);
        subnets.map(move |subnet| (subnet.cidr, id))
    });
    let pool = way_out.map_or_else(Vec::new, |it| pool(intent, it.network_id));
    InventoryNetwork {
        id: network.id,
        // As the pipeline counts: where physical machines are on the segment, it is the outside.
        class: match network.sharing.external {
            true => TrafficClass::Public,
            false => TrafficClass::TenantInternal,
        },
        gateway: MacAddr::gateway(network.number),
        leads_out: way_out.is_some(),
        joined: joined.collect(),
        pool,
        ports: ports(intent, network),
    }
}

/// Tenants that share a network do not see each other's ports, not even on their bills.
fn ports(intent: &Intent, network: &Network) -> Vec<InventoryPort> {
    if network.sharing.shared {
        return Vec::new();
    }
    let ports = intent.ports_of(network.id);
    let ports = ports.map(|port| InventoryPort {
        id: port.id,
        mac: port.mac,
        addresses: port.addresses.clone(),
    });
    ports.collect()
}
