//! What a caller that is held to a tenant may not do, whatever was decided.

use api::backend::{Caller, Outcome};
use api::problem::{Code, FieldCode, Problem};
use api::request::{NetworkCreate, NetworkKind};
use model::TenantId;

use super::faults::Faults;
use crate::intent::Intent;
use crate::object::{Key, Write};

/// Refuses a change that touches what is not the caller's tenant's: the last net, where changes are
/// written, under whatever a route or a decision let through.
pub(crate) fn check(intent: &Intent, caller: &Caller, writes: &[Write]) -> Outcome<()> {
    let Some(tenant) = caller.held_to else {
        return Ok(());
    };
    if writes.iter().all(|write| is_own(intent, tenant, write)) {
        return Ok(());
    }
    let detail = "this would change what is not your tenant's; nothing was changed";
    Err(Problem::new(Code::Forbidden, detail))
}

fn is_own(intent: &Intent, tenant: TenantId, write: &Write) -> bool {
    let before = intent.get(write.key());
    let was_own = before.is_none_or(|it| it.tenant_id() == Some(tenant));
    let stays_own = match write {
        Write::Put(object) => object.tenant_id() == Some(tenant),
        Write::Delete(key) => !matches!(key, Key::Tenant(_)),
    };
    was_own && stays_own
}

/// What of a network only the provider chooses: what carries it, and whom it is open to.
pub(super) fn check_network(caller: &Caller, request: &NetworkCreate) -> Outcome<()> {
    if caller.held_to.is_none() {
        return Ok(());
    }
    let sharing = &request.sharing;
    let chosen = [
        ("kind", request.kind == NetworkKind::Flat),
        ("physical_network_id", request.physical_network_id.is_some()),
        ("vlan", request.vlan.is_some()),
        ("vni", request.vni.is_some()),
        ("external", sharing.external),
        ("shared", sharing.shared),
        ("gateway_macs", !sharing.gateway_macs.is_empty()),
    ];
    let mut faults = Faults::default();
    for (field, _) in chosen.iter().filter(|(_, is_chosen)| *is_chosen) {
        let message = "only an operator chooses what carries a network and whom it is open to; \
                       leave it out, and let the kind be vlan, vxlan or geneve";
        faults.add(field, FieldCode::OutOfRange, message);
    }
    faults.check()
}
