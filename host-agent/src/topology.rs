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
//! Overlays leave by tunnel ports instead, which `tunnel` draws. Physical networks that stand on one
//! NIC or bond, or on a VLAN of it, meet in an uplink bridge:
//!
//! ```text
//!     br-<name>                          up-<nic> (standalone, NORMAL)
//!    +----------+ ex-<name>   dn-<name> +--------------------------------------+ <nic>, or
//!    |          o-----------------------o access VLAN, or trunks: its VLANs     o---- bond-<nic>
//!    |          |                       |                                      |
//!    +----------+             dn-<other> +                                     |
//!     br-<other> o----------------------o its VLANs, never those of <name>     |
//!                                       +--------------------------------------+
//! ```
//!
//! A patch exists only while it carries at least one VLAN: to Open vSwitch, no trunks means all of
//! them. Rows that we make carry [`OWNER`](crate::observe::OWNER); no other row is ever removed, and
//! of a bridge that was there before us only what safety asks for is changed.

mod edit;
mod physical;
mod restore;
mod sampling;
#[cfg(test)]
mod tests;
mod tunnel;
mod uplink;

use std::collections::{BTreeMap, BTreeSet};

use model::report::ItemFailure;
use model::{MacAddr, Uplink};
use ovsdb::{Operation, Value};

use crate::links::kernel::Kernel;
use crate::observe::{Bridge, BridgePort, INTEGRATION_BRIDGE, Observed};
use crate::wanted::{Exit, Wanted};
use edit::{Body, BridgeRow, Carries, Edit, NewBridge, NewPort};
pub use restore::{Snapshot, restore};
pub use tunnel::{exit_name, peer_name};

/// What does not follow from plan and database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The datapath type of bridges that we make.
    pub datapath_type: String,
    /// The interface that leads to the controller: how sFlow names this host, and a NIC that must
    /// not vanish into a bridge.
    pub management_interface: Option<String>,
    /// The kernel's links; absent while they are not known.
    pub kernel: Option<Kernel>,
    /// The Ethernet addresses that bridges take over along with IP addresses, by their names.
    pub hwaddrs: BTreeMap<String, MacAddr>,
}

/// The name of the bridge in which physical networks on one NIC or bond meet. A NIC's name may be as
/// long as an interface's, and ends in what tells it from others.
#[must_use]
pub fn uplink_bridge(uplink: &Uplink) -> String {
    let first = uplink.nics().first().map_or("", |nic| nic.as_str());
    let tail = first.get(first.len().saturating_sub(12)..).unwrap_or(first);
    format!("up-{tail}")
}

/// What is wanted, by names: all else of ours goes.
#[derive(Default)]
struct Kept {
    bridges: BTreeSet<String>,
    ports: BTreeSet<(String, String)>,
}

impl Kept {
    fn bridge(&mut self, name: &str) {
        self.bridges.insert(name.to_owned());
    }

    fn port(&mut self, bridge: &str, name: &str) {
        self.ports.insert((bridge.to_owned(), name.to_owned()));
    }

    /// All of a bridge as it is.
    fn all_of(&mut self, name: &str, bridge: &Bridge) {
        self.bridge(name);
        for port in bridge.ports.keys() {
            self.port(name, port);
        }
    }
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
            hwaddr: None,
        });
        return edit.finish();
    };
    secure(integration, &mut edit);
    if edit.is_empty() {
        // Ports only join a bridge that is known to be secure already.
        let mut kept = Kept::default();
        kept.bridge(INTEGRATION_BRIDGE);
        physical::plan(observed, wanted, surroundings, &mut kept, &mut edit);
        tunnel::plan(observed, wanted, &mut kept, &mut edit);
        clean_up(&observed.bridges, &kept, &mut edit);
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

/// Makes a port, or makes it right.
fn ensure_port(bridge: Option<&Bridge>, row: &BridgeRow, new: &NewPort, edit: &mut Edit) {
    let found = bridge.and_then(|bridge| Some((bridge, bridge.ports.get(new.name)?)));
    match found {
        None => edit.add_port(row, new),
        Some((_, port)) if is_same(port, new) => correct(port, new, edit),
        Some((bridge, port)) => {
            // Somebody made our port something else: begin again.
            edit.remove_port(bridge.row, port.row);
            edit.add_port(row, new);
        }
    }
}

/// Whether a port is made of what it shall be made of.
fn is_same(port: &BridgePort, new: &NewPort) -> bool {
    match &new.body {
        Body::Single { kind, options, .. } => port.kind == *kind && port.options == map(options),
        Body::Bond { nics, .. } => {
            let mut names = nics.iter().map(|nic| nic.as_str());
            port.interfaces.len() == nics.len() && names.all(|nic| port.interfaces.contains(nic))
        }
    }
}

fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    let entries = entries.iter();
    let owned = entries.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    owned.collect()
}

fn correct(port: &BridgePort, new: &NewPort, edit: &mut Edit) {
    let mut columns = Vec::new();
    if !new.carries.is_of(port) {
        columns.extend(new.carries.columns());
    }
    match new.body {
        Body::Single { bfd, .. } if port.bfd != map(bfd) => edit.set_bfd(new.name, bfd),
        Body::Single { .. } => {}
        Body::Bond { mode, .. } => {
            let words = (port.bond_mode.as_deref(), port.lacp.as_deref());
            let (bond_mode, lacp) = edit::bond_words(mode);
            if words != (Some(bond_mode), Some(lacp)) {
                columns.extend(edit::bond_columns(mode));
            }
        }
    }
    edit.update("Port", port.row, columns);
}

/// Removes what we made and nobody wants any more.
fn clean_up(bridges: &BTreeMap<String, Bridge>, kept: &Kept, edit: &mut Edit) {
    for (name, bridge) in bridges {
        if bridge.ours && !kept.bridges.contains(name) {
            edit.remove_bridge(bridge.row);
            continue;
        }
        let unwanted =
            |port: &String| port != name && !kept.ports.contains(&(name.clone(), port.clone()));
        let ports = bridge.ports.iter();
        for (_, port) in ports.filter(|(port, it)| it.ours && unwanted(port)) {
            edit.remove_port(bridge.row, port.row);
        }
    }
}
