//! Networks and their VLAN ids.

use std::sync::Arc;

use api::backend::Outcome;
use api::problem::{Code, FieldCode, Problem};
use api::request::{NetworkCreate, NetworkKind};
use model::{
    Id, Network, NetworkId, NetworkNumber, PhysicalNetwork, Role, Segment, Timestamp, VlanId,
};

use super::faults::Faults;
use super::physical_network::MTUS;
use crate::intent::Intent;
use crate::object::{Key, Noun, Object, Write};
use crate::writer::Draft;

pub(super) fn create(intent: &Intent, request: NetworkCreate) -> Outcome<Draft<Network>> {
    let NetworkKind::Vlan = request.kind;
    let mut faults = Faults::default();
    let tenant_id = request.tenant_id;
    faults.known("tenant_id", tenant_id, intent.tenants.get(&tenant_id));
    faults.unique_name(intent, Some(tenant_id), Noun::Network, &request.name);
    let carrier = carrier(intent, &request, &mut faults);
    if let Some(carrier) = carrier {
        check_fit(intent, &request, carrier, &mut faults);
    }
    let carrier = faults.require(carrier)?;
    let vlan = match request.vlan {
        Some(vlan) => vlan,
        None => lowest_free_vlan(intent, carrier)?,
    };
    let network = Network {
        id: Id::generate(),
        tenant_id,
        name: request.name,
        number: next_number(intent)?,
        segment: segment(carrier, vlan),
        mtu: request.mtu.unwrap_or(carrier.mtu),
        created_at: Timestamp::now(),
    };
    Ok(Draft {
        writes: vec![Write::Put(Object::Network(Arc::new(network.clone())))],
        answer: network,
    })
}

/// The physical network asked for, or the pool's only private one.
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
    if let Some(vlan) = request.vlan {
        check_vlan(intent, carrier, vlan, faults);
    }
    let largest = carrier.mtu;
    if request
        .mtu
        .is_some_and(|mtu| !(*MTUS.start()..=largest).contains(&mtu))
    {
        let asked = request.mtu.unwrap_or_default();
        let message = format!("got {asked}; expected {} to {largest}", MTUS.start());
        faults.add("mtu", FieldCode::OutOfRange, message);
    }
}

fn check_vlan(intent: &Intent, carrier: &PhysicalNetwork, vlan: VlanId, faults: &mut Faults) {
    let Some(ranges) = &carrier.vlans else {
        return; // The role was refused already.
    };
    if !ranges.contains(vlan) {
        let message = format!("got {vlan}; expected one of {ranges} on {}", carrier.name);
        faults.add("vlan", FieldCode::OutOfRange, message);
    }
    if let Some(owner) = intent.network_on(&segment(carrier, vlan)) {
        let message = format!("the network {owner} uses VLAN {vlan} on {}", carrier.name);
        faults.add("vlan", FieldCode::Duplicate, message);
    }
}

fn segment(carrier: &PhysicalNetwork, vlan: VlanId) -> Segment {
    Segment::Vlan {
        physical_network_id: carrier.id,
        vlan,
    }
}

/// Walks the ranges and the ids in use side by side: both are in order.
fn lowest_free_vlan(intent: &Intent, carrier: &PhysicalNetwork) -> Outcome<VlanId> {
    let mut used = intent
        .networks_carried(carrier.id)
        .map(|(vlan, _)| vlan)
        .peekable();
    let mut allowed = carrier.vlans.iter().flat_map(|ranges| ranges.iter());
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
    let subnets = intent.subnets_of(id);
    let mut writes: Vec<Write> = subnets
        .map(|subnet| Write::Delete(Key::Subnet(subnet.id)))
        .collect();
    writes.push(Write::Delete(Key::Network(id)));
    Ok(Draft { writes, answer: () })
}
