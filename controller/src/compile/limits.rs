//! What bounds a port in the end.

use model::{CapId, Limits, Port, PortId};

use crate::intent::Intent;

/// The lower of a port's own limits, or its network's where it has none, and of every cap on it.
pub(super) fn of(intent: &Intent, port: &Port) -> Limits {
    let network = intent.networks.get(&port.network_id);
    let default = network.map(|it| it.limits).unwrap_or_default();
    caps(intent, port).fold(port.limits.or(default), Limits::and)
}

/// What bounds a port besides its own limits: its tenant's, which each of the tenant's ports is under, how
/// the tenant stands, and caps that are reached. The keys of what these bound are touched when they change.
fn caps(intent: &Intent, port: &Port) -> impl Iterator<Item = Limits> {
    let tenant = intent.tenants.get(&port.tenant_id);
    let reached = intent.caps_on(port).map(|cap| cap.bounds());
    let tenants = tenant.map(|it| it.limits.and(it.standing.bounds()));
    tenants.into_iter().chain(reached)
}

/// The ports that are bound by other limits when a cap changed as it did.
pub(super) fn touched_by_cap(before: &Intent, after: &Intent, id: CapId) -> Vec<PortId> {
    let versions = [before.caps.get(&id), after.caps.get(&id)];
    let bounds = versions.map(|it| it.map(|cap| cap.bounds()).unwrap_or_default());
    let cap = versions.into_iter().flatten().next();
    let Some(cap) = cap.filter(|_| bounds[0] != bounds[1]) else {
        return Vec::new();
    };
    match cap.port_id {
        Some(port) => vec![port],
        None => after.ports_of_tenant(cap.tenant_id).collect(),
    }
}
