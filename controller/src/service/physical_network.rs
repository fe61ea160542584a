//! Physical networks.

use std::collections::BTreeSet;

use api::backend::Outcome;
use api::problem::{Code, FieldCode, Problem};
use api::request::PhysicalNetworkCreate;
use model::{Id, Name, PhysicalNetwork, PhysicalNetworkId, Timestamp, VlanId};

use super::after::After;
use super::endpoint;
use super::faults::Faults;
use super::topology::in_use::native_fault;
use crate::fleet::Observed;
use crate::intent::Intent;
use crate::object::Noun;
use crate::writer::Draft;

/// The MTU where none is given: Ethernet's.
const DEFAULT_MTU: u16 = 1500;

/// `br-int` is the integration bridge, so no physical network can have this name.
const RESERVED_NAME: &str = "int";

pub(super) fn create(
    intent: &Intent,
    request: PhysicalNetworkCreate,
    observed: &Observed,
) -> Outcome<Draft<PhysicalNetwork>> {
    let mut faults = Faults::default();
    check_name(intent, &request.name, &mut faults);
    let network = made(request);
    let mut after = After::unchanged(intent);
    after.networks.insert(network.id, network.clone());
    after.give_endpoints();
    for (code, message) in endpoint::faults(intent, &after.networks, &network) {
        faults.add("endpoints", code, message);
    }
    if let Some(message) = native_fault(intent, &network) {
        faults.add("native_vlan", FieldCode::Inconsistent, message);
    }
    for fault in after.faults(BTreeSet::from([network.id]), observed) {
        faults.add(fault.field, fault.code, fault.message);
    }
    faults.check()?;
    Ok(Draft {
        writes: after.writes(),
        answer: network,
    })
}

/// The physical network that is asked for, with what was left open.
pub(super) fn made(request: PhysicalNetworkCreate) -> PhysicalNetwork {
    PhysicalNetwork {
        id: Id::generate(),
        name: request.name,
        role: request.role,
        uplink: request.uplink,
        vlans: request.vlans,
        native_vlan: request.native_vlan.unwrap_or(VlanId::DEFAULT_NATIVE),
        mtu: request.mtu.unwrap_or(DEFAULT_MTU),
        endpoints: request.endpoints,
        trial: None,
        created_at: Timestamp::now(),
    }
}

fn check_name(intent: &Intent, name: &Name, faults: &mut Faults) {
    faults.unique_name(intent, None, Noun::PhysicalNetwork, name);
    let text = name.as_str();
    let short = text.len() <= PhysicalNetwork::NAME_MAX_CHARS;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !short || !text.bytes().all(plain) || text == RESERVED_NAME {
        let message = format!(
            "got {text:?}; expected 1 to 12 ASCII letters, digits, - or _, and not \
             {RESERVED_NAME:?}: its bridge is br-<name>"
        );
        faults.add("name", FieldCode::OutOfRange, message);
    }
}

pub(super) fn delete(intent: &Intent, id: PhysicalNetworkId) -> Outcome<Draft<()>> {
    if !intent.physical_networks.contains_key(&id) {
        return Err(Problem::not_found("physical network", id));
    }
    let networks = intent.networks_carried(id).count();
    if networks > 0 {
        let detail =
            format!("physical network {id} still carries {networks} networks; delete them first");
        return Err(Problem::new(Code::InUse, detail));
    }
    let mut after = After::unchanged(intent);
    after.remove(id);
    after.give_endpoints();
    Ok(Draft {
        writes: after.writes(),
        answer: (),
    })
}
