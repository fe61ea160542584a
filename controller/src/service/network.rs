//! Networks and what tells them apart: VLAN ids, and the VNIs of overlays.

use std::sync::Arc;

use api::backend::Outcome;
use api::problem::{Code, FieldCode, Problem};
use api::request::{NetworkCreate, NetworkKind, NetworkUpdate};
use model::{
    AddressRange, Encapsulation, Id, Network, NetworkId, NetworkNumber, PhysicalNetwork, Role,
    Segment, Timestamp, VlanId,
};

use super::after::After;
use super::faults::Faults;
use super::layout::MTUS;
use super::limits::{self, Limited};
use super::{overlay, sharing, subnet};
use crate::fleet::Observed;
use crate::intent::Intent;
use crate::object::{Key, Noun, Object, Write};
use crate::writer::Draft;

pub(super) fn create(
    intent: &Intent,
    request: NetworkCreate,
    observed: &Observed,
) -> Outcome<Draft<Network>> {
    let mut faults = Faults::default();
    let tenant_id = request.tenant_id;
    faults.known("tenant_id", tenant_id, intent.tenants.get(&tenant_id));
    faults.unique_name(intent, Some(tenant_id), Noun::Network, &request.name);
    sharing::check(&request, &mut faults);
    limits::check(intent, &Limited::new(request.limits), observed, &mut faults);
    let carrier = carrier(intent, &request, &mut faults);
    if let Some(carrier) = carrier {
        check_fit(intent, &request, carrier, &mut faults);
    }
    let carrier = faults.require(carrier)?;
    let number = next_number(intent)?;
    let segment = segment(intent, &request, carrier, number)?;
    let network = Network {
        id: Id::generate(),
        tenant_id,
        mtu: request
            .mtu
            .unwrap_or_else(|| largest_mtu(request.kind, carrier)),
        name: request.name,
        number,
        segment,
        sharing: request.sharing,
        limits: request.limits,
        created_at: Timestamp::now(),
    };
    Ok(Draft {
        writes: vec![Write::Put(Object::Network(Arc::new(network.clone())))],
        answer: network,
    })
}

/// Changes how much each of its ports may take.
pub(super) fn update(
    intent: &Intent,
    id: NetworkId,
    request: NetworkUpdate,
    observed: &Observed,
) -> Outcome<Draft<Network>> {
    let network = intent.networks.get(&id);
    let network = network.ok_or_else(|| Problem::not_found("network", id))?;
    let changed = Network {
        limits: request.limits.of(network.limits),
        ..Network::clone(network)
    };
    let mut faults = Faults::default();
    let limited = Limited::new(changed.limits).before(network.limits);
    limits::check(intent, &limited, observed, &mut faults);
    faults.check()?;
    let mut writes = Vec::new();
    if changed != **network {
        writes.push(Write::Put(Object::Network(Arc::new(changed.clone()))));
    }
    Ok(Draft {
        writes,
        answer: changed,
    })
}

fn segment(
    intent: &Intent,
    request: &NetworkCreate,
    carrier: &PhysicalNetwork,
    number: NetworkNumber,
) -> Outcome<Segment> {
    let (id, vni) = (carrier.id, request.vni);
    let overlay = |encapsulation| {
        let vni = overlay::vni(intent, vni, number)?;
        Ok(Segment::overlay(encapsulation, id, vni))
    };
    match request.kind {
        NetworkKind::Flat => Ok(flat_segment(carrier)),
        NetworkKind::Vlan => Ok(vlan_segment(carrier, vlan(intent, request, carrier)?)),
        NetworkKind::Vxlan => overlay(Encapsulation::Vxlan),
        NetworkKind::Geneve => overlay(Encapsulation::Geneve),
    }
}

/// The physical network asked for, or the pool's only private one; for an overlay, the one with
/// endpoints.
fn carrier<'a>(
    intent: &'a Intent,
    request: &NetworkCreate,
    faults: &mut Faults,
) -> Option<&'a PhysicalNetwork> {
    const FIELD: &str = "physical_network_id";
    if let Some(id) = request.physical_network_id {
        let found = intent.physical_networks.get(&id);
        return faults.known(FIELD, id, found).map(Arc::as_ref);
    }
    if request.kind.encapsulation().is_some() {
        return overlay::carrier(intent, faults);
    }
    let all = intent.physical_networks.values();
    let mut private = all.filter(|network| network.role == Role::Private);
    match (private.next(), private.next()) {
        (Some(only), None) => Some(only),
        (None, _) => {
            let message = "is missing, and the pool has no private physical network to take; \
                           make one first";
            faults.add(FIELD, FieldCode::Required, message);
            None
        }
        (Some(_), Some(_)) => {
            let message = "is missing, and the pool has several private physical networks; \
                           say which";
            faults.add(FIELD, FieldCode::Required, message);
            None
        }
    }
}

fn check_fit(
    intent: &Intent,
    request: &NetworkCreate,
    carrier: &PhysicalNetwork,
    faults: &mut Faults,
) {
    if !matches!(carrier.role, Role::Private | Role::Public) {
        let message = format!(
            "{} is for {}; tenant networks need one that is private or public",
            carrier.name, carrier.role
        );
        faults.add("physical_network_id", FieldCode::Inconsistent, message);
    }
    match request.kind.encapsulation() {
        None if request.kind == NetworkKind::Flat => check_flat(intent, request, carrier, faults),
        None => check_vlan(intent, request, carrier, faults),
        Some(encapsulation) => overlay::check(intent, request, (encapsulation, carrier), faults),
    }
    let largest = largest_mtu(request.kind, carrier);
    let least = *MTUS.start();
    let asked = request.mtu.unwrap_or(least);
    if !(least..=largest).contains(&asked) {
        let message = format!(
            "got {asked}; expected {least} to {largest}, which is what {} leaves",
            carrier.name
        );
        faults.add("mtu", FieldCode::OutOfRange, message);
    }
}

/// The largest IP packet that a network can have on a physical one.
fn largest_mtu(kind: NetworkKind, carrier: &PhysicalNetwork) -> u16 {
    let headers = kind.encapsulation().map_or(0, |encapsulation| {
        let endpoint = carrier.endpoints.map(|prefix| prefix.addr());
        endpoint.map_or(0, |underlay| encapsulation.overhead_bytes(underlay))
    });
    carrier.mtu.saturating_sub(headers)
}

fn check_flat(
    intent: &Intent,
    request: &NetworkCreate,
    carrier: &PhysicalNetwork,
    faults: &mut Faults,
) {
    check_no_vni(request, faults);
    if let Some(vlan) = request.vlan {
        let message = format!("got {vlan}; expected none: a flat network has no VLAN id");
        faults.add("vlan", FieldCode::Inconsistent, message);
    }
    if let Some(owner) = intent.network_on(&flat_segment(carrier)) {
        let message = format!(
            "the network {owner} is what {} carries without a tag, which is one network; take a \
             VLAN",
            carrier.name
        );
        faults.add("physical_network_id", FieldCode::Duplicate, message);
    }
    let mut after = After::unchanged(intent);
    after.flat.insert(carrier.id);
    for fault in after.faults_of_sharing(carrier.id) {
        let message = format!("a flat network has no tag: {}", fault.message);
        faults.add("physical_network_id", FieldCode::Inconsistent, message);
    }
    if carrier.endpoints.is_some() {
        let message = format!(
            "on {} the hosts' endpoints speak without a tag; take a VLAN, or a physical network \
             without endpoints",
            carrier.name
        );
        faults.add("physical_network_id", FieldCode::Inconsistent, message);
    }
}

fn check_no_vni(request: &NetworkCreate, faults: &mut Faults) {
    if let Some(vni) = request.vni {
        let kind = request.kind.name();
        let message = format!("got {vni}; expected none: a network of kind {kind} has no VNI");
        faults.add("vni", FieldCode::Inconsistent, message);
    }
}

fn check_vlan(
    intent: &Intent,
    request: &NetworkCreate,
    carrier: &PhysicalNetwork,
    faults: &mut Faults,
) {
    check_no_vni(request, faults);
    let Some(ranges) = &carrier.vlans else {
        // Any other was refused for its role already.
        if matches!(carrier.role, Role::Private | Role::Public) {
            let message = format!("{} carries no VLAN; expected one that does", carrier.name);
            faults.add("physical_network_id", FieldCode::Inconsistent, message);
        }
        return;
    };
    let Some(vlan) = request.vlan else {
        return;
    };
    if let Some(network) = native_of(intent, vlan) {
        let message = format!(
            "got {vlan}; the switches of {} take untagged frames to be in it: choose another",
            network.name
        );
        faults.add("vlan", FieldCode::Inconsistent, message);
    }
    if !ranges.contains(vlan) {
        let message = format!("got {vlan}; expected one of {ranges} on {}", carrier.name);
        faults.add("vlan", FieldCode::OutOfRange, message);
    }
    if let Some(owner) = intent.network_on(&vlan_segment(carrier, vlan)) {
        let message = format!("the network {owner} uses VLAN {vlan} on {}", carrier.name);
        faults.add("vlan", FieldCode::Duplicate, message);
    }
}

/// The physical network with this native VLAN. A tenant network with it would be one with whatever
/// speaks untagged on the switches: with the hosts themselves, if that is management. Which physical
/// networks share NICs may change, so that of each is kept free on all.
fn native_of(intent: &Intent, vlan: VlanId) -> Option<&PhysicalNetwork> {
    let mut all = intent.physical_networks.values().map(Arc::as_ref);
    all.find(|network| network.native_vlan == vlan)
}

fn flat_segment(carrier: &PhysicalNetwork) -> Segment {
    Segment::Flat {
        physical_network_id: carrier.id,
    }
}

fn vlan_segment(carrier: &PhysicalNetwork, vlan: VlanId) -> Segment {
    Segment::Vlan {
        physical_network_id: carrier.id,
        vlan,
    }
}

/// The VLAN id asked for, or the lowest free one.
fn vlan(intent: &Intent, request: &NetworkCreate, carrier: &PhysicalNetwork) -> Outcome<VlanId> {
    match request.vlan {
        Some(vlan) => Ok(vlan),
        None => lowest_free_vlan(intent, carrier),
    }
}

/// Walks the ranges and the ids in use side by side: both are in order.
fn lowest_free_vlan(intent: &Intent, carrier: &PhysicalNetwork) -> Outcome<VlanId> {
    let mut used = intent.vlans_on(carrier.id).peekable();
    let allowed = carrier.vlans.iter().flat_map(|ranges| ranges.iter());
    let mut allowed = allowed.filter(|vlan| native_of(intent, *vlan).is_none());
    let free = allowed.find(|vlan| {
        while used.next_if(|used| used < vlan).is_some() {}
        used.peek() != Some(vlan)
    });
    free.ok_or_else(|| {
        let detail = format!(
            "every VLAN id of {} is in use; delete a network",
            carrier.name
        );
        Problem::new(Code::Exhausted, detail)
    })
}

fn next_number(intent: &Intent) -> Outcome<NetworkNumber> {
    let next = intent.last_network_number.checked_add(1);
    next.and_then(|number| NetworkNumber::try_from(number).ok())
        .ok_or_else(|| Problem::new(Code::Exhausted, "every network number was used"))
}

pub(super) fn delete(intent: &Intent, id: NetworkId) -> Outcome<Draft<()>> {
    if !intent.networks.contains_key(&id) {
        return Err(Problem::not_found("network", id));
    }
    let ports = intent.ports_of(id).count();
    if ports > 0 {
        let detail = format!("network {id} still has {ports} ports; delete them first");
        return Err(Problem::new(Code::InUse, detail));
    }
    if let Some(router) = intent.router_of(id) {
        let detail = format!("router {} joins network {id}; delete it first", router.id);
        return Err(Problem::new(Code::InUse, detail));
    }
    if let Some(gateway) = intent.gateways_to(id).next() {
        let detail = format!(
            "router {} leads to network {id}; clear its gateway first",
            gateway.router_id
        );
        return Err(Problem::new(Code::InUse, detail));
    }
    let mut subnets = intent.subnets_of(id);
    let lent = subnets.find_map(|it| intent.lent_in(id, AddressRange::of_prefix(it.cidr)).next());
    if let Some((address, borrower)) = lent {
        let detail = format!("{borrower} has {address} of network {id}; give it back first");
        return Err(Problem::new(Code::InUse, detail));
    }
    let subnets = intent.subnets_of(id);
    let mut writes: Vec<Write> = subnets
        .flat_map(|it| subnet::deletions(intent, it))
        .collect();
    writes.push(Write::Delete(Key::Network(id)));
    Ok(Draft { writes, answer: () })
}
