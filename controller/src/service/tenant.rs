//! Tenants.

use std::sync::Arc;

use api::backend::Outcome;
use api::problem::{Code, Problem};
use api::request::{TenantCreate, TenantUpdate};
use model::{Id, Tenant, TenantId, Timestamp};

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
    let changed = Tenant {
        limits: request.limits.of(tenant.limits),
        ..Tenant::clone(tenant)
    };
    let mut faults = Faults::default();
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
             {routers} routers and {floating} floating IPs; delete them first"
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
    let writes = own.map(Write::Delete).collect();
    Ok(Draft { writes, answer: () })
}
