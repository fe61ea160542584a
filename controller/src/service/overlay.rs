//! What is different about networks that are overlays: their carrier, their VNI and their MTU.

use api::backend::Outcome;
use api::problem::{Code, FieldCode, Problem};
use api::request::NetworkCreate;
use model::{Encapsulation, NetworkNumber, PhysicalNetwork, Vni};

use super::endpoint;
use super::faults::Faults;
use super::layout::MTUS;
use crate::intent::Intent;

/// The physical network with endpoints.
pub(super) fn carrier<'a>(intent: &'a Intent, faults: &mut Faults) -> Option<&'a PhysicalNetwork> {
    let found = endpoint::carrier(intent);
    if found.is_none() {
        let message = "the pool has no physical network with endpoints; make a private one with \
                       endpoints=10.254.0.0/16 or the like";
        faults.add("physical_network_id", FieldCode::Required, message);
    }
    found
}

/// Whether the physical network can carry the overlay that is asked for.
pub(super) fn check(
    intent: &Intent,
    request: &NetworkCreate,
    (encapsulation, carrier): (Encapsulation, &PhysicalNetwork),
    faults: &mut Faults,
) {
    if let Some(vlan) = request.vlan {
        let message =
            format!("got {vlan}; expected none: a {encapsulation} network has no VLAN id");
        faults.add("vlan", FieldCode::Inconsistent, message);
    }
    let owner = |vni| Some((vni, intent.network_with_vni(vni)?));
    if let Some((vni, owner)) = request.vni.and_then(owner) {
        let message = format!("the network {owner} has VNI {vni}; choose another");
        faults.add("vni", FieldCode::Duplicate, message);
    }
    let Some(endpoints) = carrier.endpoints else {
        let message = format!(
            "{} has no endpoints, so it carries no overlay",
            carrier.name
        );
        faults.add("physical_network_id", FieldCode::Inconsistent, message);
        return;
    };
    let headers = encapsulation.overhead_bytes(endpoints.addr());
    let least = MTUS.start() + headers;
    if carrier.mtu < least {
        let message = format!(
            "{} carries {} bytes; {encapsulation} takes {headers} of them and needs {least}",
            carrier.name, carrier.mtu
        );
        faults.add("physical_network_id", FieldCode::Inconsistent, message);
    }
}

/// The VNI asked for, or a free one: the network's number among those that are allocated, or the
/// next that is free. Numbers only grow, so a VNI comes again as late as possible, and finding one
/// costs the same however many there are.
pub(super) fn vni(intent: &Intent, asked: Option<Vni>, number: NetworkNumber) -> Outcome<Vni> {
    const FIRST: u32 = Vni::FIRST_ALLOCATED.get();
    const COUNT: u32 = Vni::MAX.get() - FIRST + 1;
    if let Some(vni) = asked {
        return Ok(vni);
    }
    let start = (number.get() - 1) % COUNT;
    let candidates = (start..COUNT).chain(0..start);
    candidates
        .filter_map(|offset| Vni::try_from(FIRST + offset).ok())
        .find(|vni| intent.network_with_vni(*vni).is_none())
        .ok_or_else(|| Problem::new(Code::Exhausted, "every VNI is in use; delete a network"))
}
