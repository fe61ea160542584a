//! Tenants.

use std::sync::Arc;

use api::backend::Outcome;
use api::problem::{Code, FieldCode, Problem};
use api::request::{TenantCreate, TenantUpdate};
use model::{Id, Quota, Standing, Tenant, TenantId, TenantState, Timestamp};

use super::cascade;
use super::faults::Faults;
use super::limits::{self, Limited};
use super::security_group;
use crate::fleet::Observed;
use crate::intent::Intent;
use crate::object::{Key, Noun, Object, Write};
use crate::writer::Draft;

pub(super) fn create(
    intent: &Intent,
    request: TenantCreate,
    observed: &Observed,
) -> Outcome<Draft<Tenant>> {
    let mut faults = Faults::default();
    faults.unique_name(intent, None, Noun::Tenant, &request.name);
    limits::check(intent, &Limited::new(request.limits), observed, &mut faults);
    faults.check()?;
    let tenant = Tenant {
        id: Id::generate(),
        name: request.name,
        standing: Standing::default(),
        quota: Quota::default(),
        limits: request.limits,
        created_at: Timestamp::now(),
    };
    let group = security_group::default_of(intent, tenant.id)?;
    Ok(Draft {
        writes: vec![
            Write::Put(Object::Tenant(Arc::new(tenant.clone()))),
            Write::Put(Object::SecurityGroup(Arc::new(group))),
        ],
        answer: tenant,
    })
}

pub(super) fn update(
    intent: &Intent,
    id: TenantId,
    request: TenantUpdate,
    observed: &Observed,
) -> Outcome<Draft<Tenant>> {
    let tenant = intent.tenants.get(&id);
    let tenant = tenant.ok_or_else(|| Problem::not_found("tenant", id))?;
    let mut faults = Faults::default();
    let changed = Tenant {
        limits: request.limits.of(tenant.limits),
        standing: standing(&tenant.standing, &request, &mut faults),
        ..Tenant::clone(tenant)
    };
    let limited = Limited::new(changed.limits).before(tenant.limits);
    limits::check(intent, &limited, observed, &mut faults);
    faults.check()?;
    let mut writes = Vec::new();
    if changed != **tenant {
        writes.push(Write::Put(Object::Tenant(Arc::new(changed.clone()))));
    }
    Ok(Draft {
        writes,
        answer: changed,
    })
}

/// How it stands afterwards. Who suspends what is suspended changes the reason, if there is another.
fn standing(held: &Standing, request: &TenantUpdate, faults: &mut Faults) -> Standing {
    let state = request.state.unwrap_or(held.state());
    if request.reason.is_some() && state == TenantState::Active {
        let message = "what is active has no reason to be suspended; leave it out, or say \
                       state=suspended";
        faults.add("reason", FieldCode::Inconsistent, message);
    }
    let (kept, since) = match held {
        Standing::Active => (None, Timestamp::now()),
        Standing::Suspended { reason, since } => (reason.clone(), *since),
    };
    match state {
        TenantState::Active => Standing::Active,
        TenantState::Suspended => Standing::Suspended {
            reason: request.reason.clone().or(kept),
            since,
        },
    }
}

pub(super) fn delete(intent: &Intent, id: TenantId) -> Outcome<Draft<()>> {
    if !intent.tenants.contains_key(&id) {
        return Err(Problem::not_found("tenant", id));
    }
    let networks = intent.networks_of(id).count();
    let instances = intent.instances_of(id).count();
    let ports = intent.ports_of_tenant(id).count();
    let routers = intent.routers_of(id).count();
    let floating = intent.floating_ips_of(id).count();
    if networks + instances + ports + routers + floating > 0 {
        let detail = format!(
            "tenant {id} still owns {networks} networks, {instances} instances, {ports} ports, \
             {routers} routers and {floating} floating IPs; delete them first, or all with it: \
             preview=true lists what would go, cascade=true deletes it"
        );
        return Err(Problem::new(Code::InUse, detail));
    }
    // No port is left that could be in one of its groups.
    let groups = intent.security_groups_of(id).map(Key::SecurityGroup);
    let addresses = intent.address_groups_of(id).map(Key::AddressGroup);
    let caps = intent.caps_of(id).map(Key::Cap);
    let tokens = intent.tokens_of(id).map(Key::AccessToken);
    let own = groups.chain(addresses).chain(caps).chain(tokens);
    let own = own.chain([Key::Tenant(id)]);
    // What is still kept of its addresses on networks of others stays kept.
    let mut writes = cascade::quarantines_handed_over(intent, id);
    writes.extend(own.map(Write::Delete));
    Ok(Draft { writes, answer: () })
}
