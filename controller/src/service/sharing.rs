//! With whom a network is shared: what of it goes together, and who may have a port.

use std::collections::BTreeSet;

use api::problem::FieldCode;
use api::request::NetworkCreate;
use model::{MacAddr, Network, SpoofGuard, TenantId};

use super::faults::Faults;

/// What a network's kind allows of sharing it, and what that needs.
pub(super) fn check(request: &NetworkCreate, faults: &mut Faults) {
    let sharing = &request.sharing;
    let kind = request.kind.name();
    if request.kind.encapsulation().is_some() {
        for (field, asked) in [
            ("external", sharing.external),
            ("isolated", sharing.isolated),
        ] {
            if asked {
                let message = format!(
                    "got true; expected false: a {kind} network spans hosts only; take flat or vlan"
                );
                faults.add(field, FieldCode::Inconsistent, message);
            }
        }
    }
    let needed = sharing.external && sharing.isolated;
    if needed && sharing.gateway_macs.is_empty() {
        let message = "is missing; expected the Ethernet addresses that the gateway of an external, \
                       isolated network speaks from: frames of no other are let in";
        faults.add("gateway_macs", FieldCode::Required, message);
    }
    if !sharing.external && !sharing.gateway_macs.is_empty() {
        let message = "is not empty; expected none but for a network that is external";
        faults.add("gateway_macs", FieldCode::Inconsistent, message);
    }
    let mut seen = BTreeSet::new();
    for (index, mac) in sharing.gateway_macs.iter().enumerate() {
        if !seen.insert(mac) {
            let message = format!("{mac} is in the list twice; give it once");
            let field = format!("gateway_macs[{index}]");
            faults.add(&field, FieldCode::Duplicate, message);
        }
    }
}

/// A fault unless the tenant may have ports on the network: its own, or one that is shared.
pub(super) fn check_user(field: &str, network: &Network, tenant: TenantId, faults: &mut Faults) {
    if network.tenant_id != tenant && !network.sharing.shared {
        let message = format!(
            "network {} belongs to the tenant {} and is not shared; expected one of the tenant \
             {tenant}, or one that is",
            network.id, network.tenant_id
        );
        faults.add(field, FieldCode::Inconsistent, message);
    }
}

/// Whether a gateway of the network speaks from this address.
pub(super) fn is_gateway(network: &Network, mac: MacAddr) -> bool {
    mac == MacAddr::gateway(network.number) || network.sharing.gateway_macs.contains(&mac)
}

/// A fault if a port could pretend to be another tenant's, or a machine outside.
pub(super) fn check_guard(network: &Network, guard: SpoofGuard, faults: &mut Faults) {
    let sharing = &network.sharing;
    let others = sharing.shared || sharing.external || sharing.isolated;
    if guard == SpoofGuard::Off && others {
        let message = format!(
            "got off; expected on: network {} is shared, external or isolated, and a port of it \
             could pretend to be whoever else is on it",
            network.id
        );
        faults.add("spoof_guard", FieldCode::Inconsistent, message);
    }
}
