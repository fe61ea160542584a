//! What a caller that is held to a tenant may not do, whatever was decided.

use api::backend::{Caller, Outcome};
use api::problem::{Code, FieldCode, Problem};
use api::request::{InstanceCreate, NetworkCreate, NetworkKind};
use model::{Limits, Reservation, Standing, TenantId};

use super::faults::Faults;
use crate::intent::Intent;
use crate::object::{Key, Object, Write};

/// Refuses a change that touches what is not the caller's tenant's: the last net, where changes are
/// written, under whatever a route or a decision let through.
pub(crate) fn check(intent: &Intent, caller: &Caller, writes: &[Write]) -> Outcome<()> {
    let Some(tenant) = caller.held_to else {
        return Ok(());
    };
    if !writes.iter().all(|write| is_own(intent, tenant, write)) {
        let detail = "this would change what is not your tenant's; nothing was changed";
        return Err(Problem::new(Code::Forbidden, detail));
    }
    writes.iter().try_for_each(|it| check_own(intent, it))
}

/// Refuses any change by a tenant that is suspended, before anything is decided about it.
pub(crate) fn check_standing(intent: &Intent, caller: &Caller) -> Outcome<()> {
    let tenant = caller.held_to.and_then(|id| intent.tenants.get(&id));
    let Some(Standing::Suspended { reason, since }) = tenant.map(|it| &it.standing) else {
        return Ok(());
    };
    let why = reason.as_ref().map(|it| format!(" ({it})"));
    let detail = format!(
        "the tenant is suspended since {since}{}: it may read, and change nothing until the \
         provider resumes it",
        why.unwrap_or_default()
    );
    Err(Problem::new(Code::TenantSuspended, detail))
}

/// Why a write is refused that is the tenant's own, if it is.
fn check_own(intent: &Intent, write: &Write) -> Outcome<()> {
    let before = intent.get(write.key());
    let (held, asked) = match (before, write) {
        // On a shared network, whoever takes the address next is another tenant.
        (Some(Object::Reservation(it)), Write::Delete(_))
            if it.quarantine.is_some() && !owns_network(intent, &it) =>
        {
            let detail = "this is kept until its host has said that nobody uses it there; wait";
            return Err(Problem::new(Code::Forbidden, detail));
        }
        (before, Write::Put(Object::Port(it))) => match before {
            Some(Object::Port(before)) => (before.limits, it.limits),
            _ => (Limits::default(), it.limits),
        },
        (before, Write::Put(Object::Network(it))) => match before {
            Some(Object::Network(before)) => (before.limits, it.limits),
            _ => (Limits::default(), it.limits),
        },
        _ => return Ok(()),
    };
    check_limits(held, asked)
}

fn owns_network(intent: &Intent, reservation: &Reservation) -> bool {
    let network = intent.networks.get(&reservation.network_id);
    network.is_some_and(|it| it.tenant_id == reservation.tenant_id)
}

/// Refuses more than the default of what costs others on the same host: frames copied to everybody, and
/// connections that are tracked.
fn check_limits(held: Limits, asked: Limits) -> Outcome<()> {
    let mut faults = Faults::default();
    let floods = asked.floods_out.filter(|it| *it > Limits::FLOODS);
    if floods.is_some() && floods != held.floods_out {
        let message = format!("only an operator gives more than {}", Limits::FLOODS);
        faults.add("floods_out", FieldCode::OutOfRange, message);
    }
    let connections = asked.connections.filter(|it| *it > Limits::CONNECTIONS);
    if connections.is_some() && connections != held.connections {
        let message = format!(
            "only an operator gives more than {}",
            Limits::CONNECTIONS.get()
        );
        faults.add("connections", FieldCode::OutOfRange, message);
    }
    faults.check()
}

/// What of an instance only the provider chooses: images on hosts are nobody's, so that a tenant who names
/// one could boot another's.
pub(super) fn check_instance(caller: &Caller, request: &InstanceCreate) -> Outcome<()> {
    let mut faults = Faults::default();
    if caller.held_to.is_some() && request.boot.is_some() {
        let message = "only an operator chooses what an instance boots; leave it out";
        faults.add("boot", FieldCode::OutOfRange, message);
    }
    faults.check()
}

fn is_own(intent: &Intent, tenant: TenantId, write: &Write) -> bool {
    let before = intent.get(write.key());
    let was_own = before.is_none_or(|it| it.tenant_id() == Some(tenant));
    let stays_own = match write {
        // How a tenant stands and what it may have is the provider's to say.
        Write::Put(Object::Tenant(_)) => false,
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
