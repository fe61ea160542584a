//! What bounds a port in the end.

use model::{Limits, Port};

use crate::intent::Intent;

/// The lower of a port's own limits, or its network's where it has none, and of every cap on it.
pub(super) fn of(intent: &Intent, port: &Port) -> Limits {
    let network = intent.networks.get(&port.network_id);
    let default = network.map(|it| it.limits).unwrap_or_default();
    caps(intent, port).fold(port.limits.or(default), Limits::and)
}

/// What bounds a port besides its own limits: its tenant's, which each of the tenant's ports is under.
/// A cap of another kind is one more here; the keys of what it bounds are touched when it changes.
fn caps(intent: &Intent, port: &Port) -> impl Iterator<Item = Limits> {
    let tenant = intent.tenants.get(&port.tenant_id);
    tenant.map(|it| it.limits).into_iter()
}
