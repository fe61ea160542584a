//! A tenant with all that is its own: what that is, and how it goes in one change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::backend::Outcome;
use api::problem::{Code, Problem};
use api::resource::{Listed, ListedObject, TenantContents};
use model::{AddressRange, HostId, NetworkId, Reservation, TenantId};

use super::{instance, quarantine};
use crate::compile;
use crate::fleet::Observed;
use crate::intent::{Borrower, Intent};
use crate::object::{Key, Noun, Object, Write};
use crate::service::consequences;
use crate::writer::Draft;

/// The most obstacles that are told: one is enough to refuse.
const MOST_OBSTACLES: usize = 20;

/// What would go with a tenant, and what stands in the way of that. Nothing is changed.
pub(super) fn preview(
    intent: &Intent,
    id: TenantId,
    observed: &Observed,
) -> Outcome<TenantContents> {
    let tenant = intent.tenants.get(&id);
    let tenant = tenant.ok_or_else(|| Problem::not_found("tenant", id))?;
    let writes = consequences::with(intent, deletion(intent, id));
    Ok(TenantContents {
        tenant_id: id,
        name: tenant.name.clone(),
        objects: listed(intent, &writes),
        hosts: hosts_touched(intent, &writes),
        obstacles: obstacles(intent, id, observed),
    })
}

/// Deletes a tenant with all that is its own, or nothing.
pub(super) fn delete(
    intent: &Intent,
    id: TenantId,
    observed: &Observed,
) -> Outcome<Draft<TenantContents>> {
    let contents = preview(intent, id, observed)?;
    if !contents.obstacles.is_empty() {
        let obstacles = contents.obstacles.join("; ");
        let detail = format!("tenant {id} cannot go, nothing was deleted: {obstacles}");
        return Err(Problem::new(Code::InUse, detail));
    }
    Ok(Draft {
        writes: deletion(intent, id),
        answer: contents,
    })
}

/// All that is the tenant's, each before what it refers to, the tenant last; and what is kept of its
/// addresses on networks that stay.
fn deletion(intent: &Intent, id: TenantId) -> Vec<Write> {
    let mut writes = kept_elsewhere(intent, id);
    let mut own = own(intent, id);
    own.sort_by_key(|key| std::cmp::Reverse(place(key.noun())));
    writes.extend(own.into_iter().map(Write::Delete));
    writes
}

/// Where a noun stands among those that it refers to.
fn place(noun: Noun) -> usize {
    let found = Noun::ALL.iter().position(|(it, _)| *it == noun);
    found.unwrap_or(0)
}

/// The keys of all that goes, found without a look at what is others'.
fn own(intent: &Intent, id: TenantId) -> Vec<Key> {
    let mut keys = vec![Key::Tenant(id)];
    for network in intent.networks_of(id) {
        keys.push(Key::Network(network));
        let subnets = intent.subnets_of(network);
        keys.extend(subnets.map(|it| Key::Subnet(it.id)));
        // Also what is kept there of others' addresses: nobody can have them any more.
        let kept = intent.reservations_in(network);
        keys.extend(kept.map(Key::Reservation));
    }
    for router in intent.routers_of(id) {
        keys.push(Key::Router(router));
        let gateway = intent.gateway_of(router);
        keys.extend(gateway.map(|it| Key::Gateway(it.id)));
    }
    for floating in intent.floating_ips_of(id) {
        keys.push(Key::FloatingIp(floating.id));
        let forwardings = intent.port_forwardings_of(floating.id);
        keys.extend(forwardings.map(|it| Key::PortForwarding(it.id)));
    }
    keys.extend(intent.ports_of_tenant(id).map(Key::Port));
    keys.extend(intent.instances_of(id).map(Key::Instance));
    keys.extend(intent.security_groups_of(id).map(Key::SecurityGroup));
    keys.extend(intent.address_groups_of(id).map(Key::AddressGroup));
    keys.extend(intent.tokens_of(id).map(Key::AccessToken));
    // A port takes its caps along.
    let of_ports = |id: &model::CapId| intent.caps.get(id).is_some_and(|it| it.port_id.is_some());
    let caps = intent.caps_of(id).filter(|it| !of_ports(it));
    keys.extend(caps.map(Key::Cap));
    keys
}

/// Addresses on networks of others that may still be used where the ports were: they are kept, and from now on
/// they are the network's owner's.
fn kept_elsewhere(intent: &Intent, id: TenantId) -> Vec<Write> {
    let ports = intent.ports_of_tenant(id);
    let ports = ports.filter_map(|port| intent.ports.get(&port));
    let fresh = ports.flat_map(|port| quarantine::of(intent, port, &port.addresses));
    let fresh = fresh.filter_map(|write| match write {
        Write::Put(Object::Reservation(it)) => Some(it),
        _ => None,
    });
    let held = intent.quarantines().filter(|it| it.tenant_id == id);
    let all = held.cloned().chain(fresh);
    all.filter_map(|it| handed_over(intent, &it)).collect()
}

/// What is kept of an address for the network's owner, where that is another tenant.
fn handed_over(intent: &Intent, kept: &Reservation) -> Option<Write> {
    let network = intent.networks.get(&kept.network_id)?;
    let is_others = network.tenant_id != kept.tenant_id;
    is_others.then(|| {
        Write::Put(Object::Reservation(Arc::new(Reservation {
            tenant_id: network.tenant_id,
            ..kept.clone()
        })))
    })
}

/// What is kept of a tenant's addresses on networks of others, handed over to these.
pub(super) fn quarantines_handed_over(intent: &Intent, id: TenantId) -> Vec<Write> {
    let held = intent.quarantines().filter(|it| it.tenant_id == id);
    held.filter_map(|it| handed_over(intent, it)).collect()
}

/// What goes, by noun, in the order of the list of nouns.
fn listed(intent: &Intent, writes: &[Write]) -> Vec<Listed> {
    let mut found: BTreeMap<usize, Vec<ListedObject>> = BTreeMap::new();
    let gone = writes.iter().filter_map(|write| match write {
        Write::Delete(key) => Some(*key),
        Write::Put(_) => None,
    });
    for key in gone.collect::<BTreeSet<Key>>() {
        let object = intent.get(key);
        let name = object.and_then(|it| it.name());
        let list = found.entry(place(key.noun())).or_default();
        list.push(ListedObject {
            id: key.uuid(),
            name: name.map(|it| it.name),
        });
    }
    let lists = found.into_iter().filter_map(|(place, objects)| {
        let (_, noun) = Noun::ALL.get(place)?;
        Some(Listed {
            noun: (*noun).to_owned(),
            count: objects.len(),
            objects,
        })
    });
    lists.collect()
}

/// The hosts whose plans are others afterwards.
fn hosts_touched(intent: &Intent, writes: &[Write]) -> Vec<ListedObject> {
    let mut after = intent.clone();
    after.apply(intent.revision, writes);
    let written: Vec<Key> = writes.iter().map(Write::key).collect();
    let touched = compile::touched(intent, &after, &written);
    let hosts: BTreeSet<HostId> = touched.into_iter().map(|(host, _)| host).collect();
    let hosts = hosts.iter().filter_map(|id| intent.hosts.get(id));
    let hosts = hosts.map(|host| ListedObject {
        id: host.id.uuid(),
        name: Some(host.name.clone()),
    });
    hosts.collect()
}

/// What is others' and rests on what is the tenant's, and hosts that may still run what would be gone.
fn obstacles(intent: &Intent, id: TenantId, observed: &Observed) -> Vec<String> {
    let mut found = BTreeSet::new();
    for network in intent.networks_of(id) {
        guests(intent, (id, network), &mut found);
        found.extend(out_of_reach(intent, network, observed));
    }
    for plugged in intent
        .instances_of(id)
        .filter_map(|it| intent.instances.get(&it))
    {
        let rest = instance::moving::require_rest(&plugged.instance);
        found.extend(rest.err().map(|problem| problem.detail));
    }
    found.into_iter().take(MOST_OBSTACLES).collect()
}

/// Whatever others have on a network of the tenant.
fn guests(intent: &Intent, (id, network): (TenantId, NetworkId), found: &mut BTreeSet<String>) {
    let ports = intent.ports_of(network).filter(|it| it.tenant_id != id);
    found.extend(
        ports
            .take(MOST_OBSTACLES)
            .map(|port| format!("port {} of another tenant is on network {network}", port.id)),
    );
    let gateways = intent.gateways_to(network);
    let gateways = gateways.filter(|it| it.tenant_id != id);
    found.extend(gateways.take(MOST_OBSTACLES).map(|gateway| {
        let router = gateway.router_id;
        format!("router {router} of another tenant leads to network {network}")
    }));
    for subnet in intent.subnets_of(network) {
        let lent = intent.lent_in(network, AddressRange::of_prefix(subnet.cidr));
        let others = lent.filter(|(_, borrower)| match borrower {
            // Told with its router.
            Borrower::Gateway(_) => false,
            Borrower::FloatingIp(it) => {
                let floating = intent.floating_ips.get(it);
                floating.is_some_and(|it| it.tenant_id != id)
            }
        });
        let others = others.take(MOST_OBSTACLES);
        found.extend(others.map(|(address, _)| {
            format!("the address {address} of network {network} is another tenant's")
        }));
    }
}

/// Hosts that cannot be reached and may still run what is on a network, whose VLAN or VNI would be another's.
fn out_of_reach(intent: &Intent, network: NetworkId, observed: &Observed) -> Option<String> {
    let kept = quarantine::require_none_out_of_reach(intent, observed, network);
    if let Err(problem) = kept {
        return Some(problem.detail);
    }
    let hosts = intent.hosts_of(network).filter(|host| {
        let seen = observed.host(*host);
        !seen.is_some_and(|seen| seen.status.connected)
    });
    let names = hosts.filter_map(|id| intent.hosts.get(&id));
    let names: Vec<&str> = names.map(|host| host.name.as_str()).collect();
    let names = Some(names.join(", ")).filter(|it| !it.is_empty())?;
    Some(format!(
        "{names} cannot be reached and may still run what is on network {network}; wait"
    ))
}
