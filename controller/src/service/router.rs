//! Routers, and what may be joined by one.

use std::collections::BTreeSet;
use std::sync::Arc;

use api::backend::Outcome;
use api::problem::{Code, FieldCode, Problem};
use api::request::{RouterCreate, RouterUpdate};
use ipnet::IpNet;
use model::{Id, Network, NetworkId, Router, RouterId, TenantId, Timestamp};

use super::faults::Faults;
use super::port::Change;
use super::static_route;
use crate::intent::Intent;
use crate::object::{Key, Noun, Object, Write};
use crate::writer::Draft;

pub(super) fn create(intent: &Intent, request: RouterCreate) -> Outcome<Draft<Router>> {
    let mut faults = Faults::default();
    let tenant_id = request.tenant_id;
    faults.known("tenant_id", tenant_id, intent.tenants.get(&tenant_id));
    faults.unique_name(intent, Some(tenant_id), Noun::Router, &request.name);
    let asked = Asked {
        tenant: tenant_id,
        router: None,
        field: "network_ids",
        kept: &[],
        fresh: &request.network_ids,
    };
    check_networks(intent, &asked, &mut faults);
    faults.check()?;
    let router = Router {
        id: Id::generate(),
        tenant_id,
        name: request.name,
        network_ids: request.network_ids,
        routes: Vec::new(),
        created_at: Timestamp::now(),
    };
    Ok(put(router))
}

fn put(router: Router) -> Draft<Router> {
    Draft {
        writes: vec![Write::Put(Object::Router(Arc::new(router.clone())))],
        answer: router,
    }
}

/// Changes which networks a router joins, and its static routes.
pub(super) fn update(
    intent: &Intent,
    id: RouterId,
    request: RouterUpdate,
) -> Outcome<Draft<Router>> {
    let router = intent.routers.get(&id);
    let router = router.ok_or_else(|| Problem::not_found("router", id))?;
    let mut faults = Faults::default();
    let (networks, routes) = (request.networks, request.routes);
    let networks = Change::new("network_ids", networks.whole, networks.add, networks.remove);
    let networks = networks.of_a("router");
    let routes = Change::new("routes", routes.whole, routes.add, routes.remove).of_a("router");
    let changed = Router {
        network_ids: networks.of(&router.network_ids, &mut faults),
        routes: routes.of(&router.routes, &mut faults),
        ..Router::clone(router)
    };
    let field = networks.field();
    let kept = changed.network_ids.len() - networks.fresh().len();
    let asked = Asked {
        tenant: router.tenant_id,
        router: Some(id),
        field: &field,
        kept: changed.network_ids.get(..kept).unwrap_or_default(),
        fresh: networks.fresh(),
    };
    check_networks(intent, &asked, &mut faults);
    let asked = static_route::Asked {
        before: router,
        after: &changed,
        networks: &field,
        routes: &routes.field(),
        fresh: routes.fresh(),
    };
    static_route::check(intent, &asked, &mut faults);
    faults.check()?;
    let nothing = changed == **router;
    let mut draft = put(changed);
    if nothing {
        draft.writes.clear();
    }
    Ok(draft)
}

/// Networks that a router is to join.
struct Asked<'a> {
    tenant: TenantId,
    /// The router, if it is there already.
    router: Option<RouterId>,
    /// The field that the fresh ones are given in.
    field: &'a str,
    /// Those that it joins already.
    kept: &'a [NetworkId],
    /// Those that it may not join yet.
    fresh: &'a [NetworkId],
}

fn check_networks(intent: &Intent, asked: &Asked<'_>, faults: &mut Faults) {
    let count = asked.kept.len() + asked.fresh.len();
    if count > Router::NETWORKS_MAX {
        let most = Router::NETWORKS_MAX;
        let message = format!("it would join {count} networks; expected at most {most}");
        faults.add(asked.field, FieldCode::OutOfRange, message);
    }
    let kept = asked.kept.iter();
    let mut joined: Vec<&Network> = kept
        .filter_map(|id| intent.networks.get(id).map(Arc::as_ref))
        .collect();
    let mut seen = BTreeSet::new();
    let fresh = asked.fresh.iter().enumerate();
    for (index, id) in fresh.filter(|(_, id)| !asked.kept.contains(id)) {
        let field = format!("{}[{index}]", asked.field);
        if !seen.insert(id) {
            let message = format!("{id} is in the list twice; give it once");
            faults.add(&field, FieldCode::Duplicate, message);
            continue;
        }
        let Some(network) = intent.networks.get(id) else {
            let message = format!("there is no network {id}; expected the id of one there is");
            faults.add(&field, FieldCode::UnknownReference, message);
            continue;
        };
        let unfit = unfit(intent, asked, network).or_else(|| clash(intent, network, &joined));
        if let Some((code, message)) = unfit {
            faults.add(&field, code, message);
        }
        joined.push(network);
    }
}

/// Why no router of this tenant can join a network.
fn unfit(intent: &Intent, asked: &Asked<'_>, network: &Network) -> Option<(FieldCode, String)> {
    let id = network.id;
    if network.tenant_id != asked.tenant {
        let owner = network.tenant_id;
        let message = format!("{id} belongs to the tenant {owner}; expected one of the router's");
        return Some((FieldCode::Inconsistent, message));
    }
    let sharing = &network.sharing;
    if sharing.external || sharing.shared || sharing.isolated {
        let message = format!(
            "{id} is external, shared or isolated; expected one that is the tenant's alone"
        );
        return Some((FieldCode::Inconsistent, message));
    }
    let other = intent.router_of(id)?;
    if Some(other.id) == asked.router {
        return None;
    }
    let message = format!("{id} is joined by the router {}", other.id);
    Some((FieldCode::Duplicate, message))
}

/// What sets a network against one that the router joins, too.
fn clash(intent: &Intent, network: &Network, joined: &[&Network]) -> Option<(FieldCode, String)> {
    let id = network.id;
    let ids = joined.iter().map(|network| network.id);
    let (here, there) = intent.subnets_of(id).find_map(|subnet| {
        let other = overlapping(intent, subnet.cidr, ids.clone())?;
        Some((subnet.cidr, other))
    })?;
    let message = format!("its subnet {here} overlaps {there} of another network of the router");
    Some((FieldCode::Inconsistent, message))
}

/// A subnet of one of these networks that overlaps a prefix. Two overlap only when one holds the
/// other.
pub(super) fn overlapping(
    intent: &Intent,
    cidr: IpNet,
    networks: impl Iterator<Item = NetworkId>,
) -> Option<IpNet> {
    let mut others = networks
        .flat_map(|id| intent.subnets_of(id))
        .map(|it| it.cidr);
    others.find(|other| other.contains(&cidr) || cidr.contains(other))
}

pub(super) fn delete(intent: &Intent, id: RouterId) -> Outcome<Draft<()>> {
    if !intent.routers.contains_key(&id) {
        return Err(Problem::not_found("router", id));
    }
    if let Some(gateway) = intent.gateway_of(id) {
        let detail = format!(
            "router {id} leads to network {}; clear its gateway first",
            gateway.network_id
        );
        return Err(Problem::new(Code::InUse, detail));
    }
    Ok(Draft {
        writes: vec![Write::Delete(Key::Router(id))],
        answer: (),
    })
}
