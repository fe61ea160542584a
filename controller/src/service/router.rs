//! Routers, and what may be joined by one.

use std::collections::BTreeSet;
use std::sync::Arc;

use api::backend::Outcome;
use api::problem::{Code, FieldCode, Problem};
use api::request::RouterCreate;
use ipnet::IpNet;
use model::{Id, Network, NetworkId, Router, RouterId, Timestamp};

use super::faults::Faults;
use crate::intent::Intent;
use crate::object::{Key, Noun, Object, Write};
use crate::writer::Draft;

pub(super) fn create(intent: &Intent, request: RouterCreate) -> Outcome<Draft<Router>> {
    let mut faults = Faults::default();
    let tenant_id = request.tenant_id;
    faults.known("tenant_id", tenant_id, intent.tenants.get(&tenant_id));
    faults.unique_name(intent, Some(tenant_id), Noun::Router, &request.name);
    check_networks(intent, &request, &mut faults);
    faults.check()?;
    let router = Router {
        id: Id::generate(),
        tenant_id,
        name: request.name,
        network_ids: request.network_ids,
        created_at: Timestamp::now(),
    };
    Ok(Draft {
        writes: vec![Write::Put(Object::Router(Arc::new(router.clone())))],
        answer: router,
    })
}

fn check_networks(intent: &Intent, request: &RouterCreate, faults: &mut Faults) {
    let mut joined: Vec<&Network> = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, id) in request.network_ids.iter().enumerate() {
        let field = format!("network_ids[{index}]");
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
        let unfit = unfit(intent, request, network).or_else(|| clash(intent, network, &joined));
        if let Some((code, message)) = unfit {
            faults.add(&field, code, message);
        }
        joined.push(network);
    }
}

/// Why no router of this tenant can join a network.
fn unfit(
    intent: &Intent,
    request: &RouterCreate,
    network: &Network,
) -> Option<(FieldCode, String)> {
    let id = network.id;
    if network.tenant_id != request.tenant_id {
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
    let message = format!("{id} is joined by the router {}", other.id);
    Some((FieldCode::Duplicate, message))
}

/// What sets a network against one that the router joins, too.
fn clash(intent: &Intent, network: &Network, joined: &[&Network]) -> Option<(FieldCode, String)> {
    let id = network.id;
    if let Some(other) = joined.iter().find(|other| other.mtu != network.mtu) {
        let message = format!(
            "{id} carries packets of {} bytes and {} of {}; expected one size: a router divides \
             none",
            network.mtu, other.id, other.mtu
        );
        return Some((FieldCode::Inconsistent, message));
    }
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
