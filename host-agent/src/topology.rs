//! Bridges, patches, trunks and sampling: what OVSDB has to say, and the one transaction that makes
//! it so. Pure.
//!
//! ```text
//!     br-int (secure)                        br-<name> (standalone, NORMAL)
//!    +---------------+ to-<name>  in-<name> +-------------------------------+ <nic>
//!    |  VIFs ...     o----------------------o trunks: the VLANs in use here  o------- switches
//!    +---------------+                      +-------------------------------+
//! ```
//!
//! Overlays leave by tunnel ports instead, which `tunnel` draws.
//!
//! A patch exists only while it carries at least one VLAN: to Open vSwitch, no trunks means all of
//! them. Rows that we make carry [`OWNER`](crate::observe::OWNER); no other row is ever removed, and
//! of a bridge that was there before us only what safety asks for is changed.

mod edit;
mod physical;
mod sampling;
#[cfg(test)]
mod tests;
mod tunnel;

use std::collections::{BTreeMap, BTreeSet};

use model::report::ItemFailure;
use ovsdb::{Operation, Value};

use crate::observe::{Bridge, INTEGRATION_BRIDGE, Observed};
use crate::wanted::{Exit, Wanted};
use edit::{Carries, Edit, NewBridge};
pub use tunnel::peer_name;

/// What does not follow from plan and database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The datapath type of bridges that we make.
    pub datapath_type: String,
    /// The interface that leads to the controller: how sFlow names this host, and a NIC that must
    /// not vanish into a bridge.
    pub management_interface: Option<String>,
}

/// What has to change, and what cannot.
#[derive(Debug, Default)]
pub struct Topology {
    /// The operations of one transaction; none when all is well.
    pub operations: Vec<Operation>,
    /// The port of the integration bridge that each way out leads by.
    pub exits: BTreeMap<Exit, String>,
    /// What cannot be carried out.
    pub failures: Vec<ItemFailure>,
}

/// Compares what is with what is wanted. A database that was never initialized has nothing to add
/// to, and is left alone.
#[must_use]
pub fn plan(observed: &Observed, wanted: &Wanted, surroundings: &Surroundings) -> Topology {
    let Some(mut edit) = observed.root.map(Edit::new) else {
        return Topology::default();
    };
    let Some(integration) = observed.integration() else {
        edit.add_bridge(NewBridge {
            name: INTEGRATION_BRIDGE,
            fail_mode: "secure",
            datapath_type: &surroundings.datapath_type,
            // No flow leads there.
            own_port: Carries::Anything,
        });
        return edit.finish();
    };
    secure(integration, &mut edit);
    if edit.is_empty() {
        // Ports only join a bridge that is known to be secure already.
        let mut kept = BTreeSet::from([INTEGRATION_BRIDGE.to_owned()]);
        physical::plan(observed, wanted, surroundings, &mut kept, &mut edit);
        tunnel::plan(observed, wanted, &mut kept, &mut edit);
        physical::clean_up(&observed.bridges, &kept, &mut edit);
        sampling::plan(integration, wanted, surroundings, &mut edit);
    }
    edit.finish()
}

/// The one change for a bridge that is to be left alone but made safe: what we do before a first
/// plan ever came.
#[must_use]
pub fn plan_safety(observed: &Observed, surroundings: &Surroundings) -> Topology {
    match (observed.root.map(Edit::new), observed.integration()) {
        (Some(mut edit), Some(integration)) => {
            secure(integration, &mut edit);
            edit.finish()
        }
        _ => plan(observed, &Wanted::default(), surroundings),
    }
}

/// What the integration bridge must be, whoever made it: closed to whatever has no flow.
fn secure(bridge: &Bridge, edit: &mut Edit) {
    let mut columns: Vec<(&str, Value)> = Vec::new();
    if bridge.fail_mode.as_deref() != Some("secure") {
        columns.push(("fail_mode", "secure".into()));
    }
    if bridge.multicast_snooping {
        columns.push(("mcast_snooping_enable", false.into()));
    }
    let ours = ["OpenFlow14", "OpenFlow15"];
    let spoken = |version: &str| bridge.protocols.iter().any(|it| it == version);
    if !bridge.protocols.is_empty() && !ours.iter().all(|version| spoken(version)) {
        let others = bridge.protocols.iter().map(String::as_str);
        columns.push(("protocols", Value::set(others.chain(ours))));
    }
    edit.update("Bridge", bridge.row, columns);
    if !bridge.in_band_disabled {
        edit.set_entry(
            "Bridge",
            bridge.row,
            "other_config",
            ("disable-in-band", "true"),
        );
    }
}
