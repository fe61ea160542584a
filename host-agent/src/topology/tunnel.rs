//! One tunnel port on the integration bridge for each encapsulation in use.
//!
//! ```text
//!     br-int                                  br-<name>
//!    +----------------+  UDP to an endpoint  +----------------------------+ <nic>
//!    |    over-vxlan  o .. . . . . . . . . ..o own port: this host's       o------- switches
//!    |    over-geneve o                      |   endpoint, untagged        |
//!    +----------------+                      +----------------------------+
//! ```
//!
//! Where a packet goes (`remote_ip`) and which network it is of (`key`) are for flows to say, so
//! that a thousand networks and hosts take no more ports than one.

use model::plan::PlanKey;
use model::{Encapsulation, PhysicalNetworkId};

use super::Kept;
use super::edit::{Body, BridgeRow, Carries, Edit, NewPort};
use crate::observe::{INTEGRATION_BRIDGE, Observed};
use crate::wanted::{Exit, Wanted};

/// The name of the port. No patch is called so: they begin with `to-`.
fn name(encapsulation: Encapsulation) -> String {
    format!("over-{encapsulation}")
}

pub(super) fn plan(observed: &Observed, wanted: &Wanted, kept: &mut Kept, edit: &mut Edit) {
    let Some(integration) = observed.integration() else {
        return;
    };
    for (encapsulation, _) in Encapsulation::ALL {
        let Some((carrier, endpoint)) = carrier(wanted, *encapsulation) else {
            continue;
        };
        let name = name(*encapsulation);
        let there = integration.ports.get(&name);
        if there.is_some_and(|port| !port.ours) {
            let reason = format!("{INTEGRATION_BRIDGE} has a port {name} that is not ours");
            edit.fail(PlanKey::PhysicalNetwork(carrier), reason);
            continue;
        }
        let options = [
            ("remote_ip", "flow"),
            ("key", "flow"),
            ("local_ip", &endpoint),
        ];
        let port = NewPort {
            name: &name,
            body: Body::Single {
                kind: encapsulation.name(),
                options: &options,
            },
            carries: Carries::Anything,
        };
        let row = BridgeRow::There(integration.row);
        super::ensure_port(Some(integration), &row, &port, edit);
        if let Some(error) = there.and_then(|port| port.error.clone()) {
            edit.fail(PlanKey::PhysicalNetwork(carrier), error);
        }
        edit.exit(Exit::Tunnel(*encapsulation), name.clone());
        kept.port(INTEGRATION_BRIDGE, &name);
    }
}

/// The physical network that overlays of this kind are on, and this host's endpoint there, if the
/// host has such a network.
fn carrier(wanted: &Wanted, encapsulation: Encapsulation) -> Option<(PhysicalNetworkId, String)> {
    let mut networks = wanted.networks.values();
    let network = networks.find(|it| Exit::of(&it.segment) == Exit::Tunnel(encapsulation))?;
    let carrier = network.segment.physical_network_id();
    let endpoint = wanted.physical_networks.get(&carrier)?.endpoint?;
    Some((carrier, endpoint.addr().to_string()))
}
