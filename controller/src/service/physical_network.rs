//! Physical networks.

use std::ops::RangeInclusive;
use std::sync::Arc;

use api::backend::Outcome;
use api::problem::{Code, FieldCode, Problem};
use api::request::PhysicalNetworkCreate;
use model::{Id, Name, PhysicalNetwork, PhysicalNetworkId, Role, Timestamp};

use super::endpoint;
use super::faults::Faults;
use crate::intent::Intent;
use crate::object::{Key, Noun, Object, Write};
use crate::writer::Draft;

/// The MTU of a physical network may be from IPv6's least (RFC 8200 §5) to common jumbo frames.
pub(super) const MTUS: RangeInclusive<u16> = 1280..=9216;

/// The MTU where none is given: Ethernet's.
const DEFAULT_MTU: u16 = 1500;

/// `br-int` is the integration bridge, so no physical network can have this name.
const RESERVED_NAME: &str = "int";

pub(super) fn create(
    intent: &Intent,
    request: PhysicalNetworkCreate,
) -> Outcome<Draft<PhysicalNetwork>> {
    let mut faults = Faults::default();
    check_name(intent, &request.name, &mut faults);
    check_vlans(&request, &mut faults);
    let mut others = intent.physical_networks.values();
    if let Some(other) = others.find(|other| other.nic == request.nic) {
        let message = format!(
            "{} carries the physical network {}; a NIC carries one (use a VLAN of it)",
            request.nic, other.name
        );
        faults.add("nic", FieldCode::Duplicate, message);
    }
    let mtu = request.mtu.unwrap_or(DEFAULT_MTU);
    if !MTUS.contains(&mtu) {
        let message = format!("got {mtu}; expected {} to {}", MTUS.start(), MTUS.end());
        faults.add("mtu", FieldCode::OutOfRange, message);
    }
    endpoint::check(intent, &request, &mut faults);
    faults.check()?;
    let network = PhysicalNetwork {
        id: Id::generate(),
        name: request.name,
        role: request.role,
        nic: request.nic,
        vlans: request.vlans,
        mtu,
        endpoints: request.endpoints,
        created_at: Timestamp::now(),
    };
    let mut writes = vec![Write::Put(Object::PhysicalNetwork(Arc::new(
        network.clone(),
    )))];
    let endpoints = network.endpoints.into_iter();
    writes.extend(endpoints.flat_map(|prefix| endpoint::given(intent, prefix)));
    Ok(Draft {
        writes,
        answer: network,
    })
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

fn check_vlans(request: &PhysicalNetworkCreate, faults: &mut Faults) {
    match (request.role, &request.vlans) {
        (Role::Management, Some(vlans)) => {
            let message =
                format!("got {vlans}; expected none: management carries no tenant network");
            faults.add("vlans", FieldCode::Inconsistent, message);
        }
        (Role::Private | Role::Storage, None) => {
            let message = "is missing; expected VLAN ids for tenant networks, such as 100-199,300";
            faults.add("vlans", FieldCode::Required, message);
        }
        _ => {}
    }
}

pub(super) fn delete(intent: &Intent, id: PhysicalNetworkId) -> Outcome<Draft<()>> {
    let Some(network) = intent.physical_networks.get(&id) else {
        return Err(Problem::not_found("physical network", id));
    };
    let networks = intent.networks_carried(id).count();
    if networks > 0 {
        let detail =
            format!("physical network {id} still carries {networks} networks; delete them first");
        return Err(Problem::new(Code::InUse, detail));
    }
    let mut writes = match network.endpoints {
        Some(_) => endpoint::taken_back(intent),
        None => Vec::new(),
    };
    writes.push(Write::Delete(Key::PhysicalNetwork(id)));
    Ok(Draft { writes, answer: () })
}
