//! What a check of the fabric may be asked to try.

use api::backend::Outcome;
use api::problem::FieldCode;
use model::{FabricScope, PhysicalNetwork, Role};

use super::faults::Faults;
use crate::intent::Intent;

/// Whether there is what the check is to try.
pub(super) fn check(intent: &Intent, scope: &FabricScope) -> Outcome<()> {
    let mut faults = Faults::default();
    if let Some(id) = scope.host_id {
        faults.known("host_id", id, intent.hosts.get(&id));
    }
    if let Some(id) = scope.physical_network_id {
        let network = intent.physical_networks.get(&id);
        let network = faults.known("physical_network_id", id, network);
        if network.is_some_and(|it| it.role == Role::Management) {
            let message = "is for management, which probes never touch; expected another";
            faults.add("physical_network_id", FieldCode::Inconsistent, message);
        }
    }
    if let Some(vlan) = scope.vlan {
        let asked = scope.physical_network_id;
        let networks = intent.physical_networks.values();
        let mut asked = networks.filter(|it| asked.is_none_or(|id| id == it.id));
        let carries =
            |it: &PhysicalNetwork| it.vlans.as_ref().is_some_and(|all| all.contains(vlan));
        if !asked.any(|it| carries(it)) {
            let message =
                format!("got {vlan}; expected a VLAN id that a physical network may carry");
            faults.add("vlan", FieldCode::OutOfRange, message);
        }
    }
    faults.check()
}
