//! One bridge per physical network, its NIC, and the patch to the integration bridge.

use std::collections::{BTreeMap, BTreeSet};

use model::plan::PlanKey;
use model::{PhysicalNetworkId, Role, Segment};

use super::Surroundings;
use super::edit::{self, BridgeRow, Carries, Edit, NewBridge, NewPort};
use crate::observe::{Bridge, BridgePort, INTEGRATION_BRIDGE, Observed};
use crate::wanted::{Exit, Wanted, WantedPhysicalNetwork};

/// What Open vSwitch calls frames without a tag.
const UNTAGGED: i64 = 0;

/// What to do about one physical network.
struct Draft<'a> {
    observed: &'a Observed,
    surroundings: &'a Surroundings,
    network: &'a WantedPhysicalNetwork,
    /// The VLANs that this host uses on it.
    vlans: BTreeSet<i64>,
}

/// The names of what belongs to a physical network. Its own is at most 12 bytes long, an
/// interface's 15.
struct Names {
    bridge: String,
    /// On the integration bridge.
    to: String,
    /// On the physical network's bridge.
    inward: String,
}

impl Names {
    fn new(network: &WantedPhysicalNetwork) -> Self {
        let name = &network.name;
        Self {
            bridge: format!("br-{name}"),
            to: format!("to-{name}"),
            inward: format!("in-{name}"),
        }
    }
}

pub(super) fn plan(
    observed: &Observed,
    wanted: &Wanted,
    surroundings: &Surroundings,
    kept: &mut BTreeSet<String>,
    edit: &mut Edit,
) {
    for (id, network) in &wanted.physical_networks {
        let draft = Draft {
            observed,
            surroundings,
            network,
            vlans: vlans(wanted, *id),
        };
        let names = Names::new(network);
        if !draft.is_needed() {
            continue;
        }
        kept.extend([network.nic.to_string(), names.bridge.clone()]);
        match draft.obstacle(&names) {
            Some(reason) => edit.fail(PlanKey::PhysicalNetwork(*id), reason),
            None if draft.vlans.is_empty() => draft.bridge(&names, edit),
            None => {
                draft.bridge_and_patch(&names, edit);
                edit.exit(Exit::Patch(*id), names.to.clone());
                kept.extend([names.to, names.inward]);
            }
        }
        if let Some(reason) = draft.fault() {
            edit.fail(PlanKey::PhysicalNetwork(*id), reason);
        }
    }
}

/// The VLANs of the networks that this host has on a physical network.
fn vlans(wanted: &Wanted, id: PhysicalNetworkId) -> BTreeSet<i64> {
    let segments = wanted.networks.values().map(|network| network.segment);
    let here = segments.filter(|segment| segment.physical_network_id() == id);
    let vlans = here.filter_map(|segment| match segment {
        Segment::Flat { .. } => Some(UNTAGGED),
        _ => segment.vlan().map(|vlan| vlan.get().into()),
    });
    vlans.collect()
}

impl Draft<'_> {
    /// A public network is touched by no host that has nothing on it.
    fn is_needed(&self) -> bool {
        let public = self.network.role == Role::Public;
        !public || !self.vlans.is_empty() || self.network.endpoint.is_some()
    }

    /// Whether a network here is what has no tag: then the host itself must not be.
    fn is_flat(&self) -> bool {
        self.vlans.contains(&UNTAGGED)
    }

    /// What may reach the bridge's own port, and so the host.
    fn own_port(&self) -> Carries<'_> {
        match self.is_flat() {
            true => Carries::Nothing,
            false => Carries::Untagged,
        }
    }

    /// Why this cannot be done at all.
    fn obstacle(&self, names: &Names) -> Option<String> {
        let nic = self.network.nic.to_string();
        if self.surroundings.management_interface.as_ref() == Some(&nic) {
            return Some(format!(
                "{nic} leads to the controller; as a port of {} it would lose its addresses",
                names.bridge
            ));
        }
        let holder = self.observed.holder(&nic);
        if let Some(holder) = holder.filter(|holder| *holder != names.bridge) {
            return Some(format!("{nic} is a port of {holder}"));
        }
        let foreign = |(bridge, port): (&str, &String)| {
            let found = self.observed.bridges.get(bridge)?.ports.get(port)?;
            (!found.ours).then(|| format!("{bridge} has a port {port} that is not ours"))
        };
        let patches = [
            (INTEGRATION_BRIDGE, &names.to),
            (&names.bridge, &names.inward),
        ];
        patches.into_iter().find_map(foreign).or_else(|| {
            let bridge = self.observed.bridges.get(&names.bridge)?;
            let same = datapath(&bridge.datapath_type) == datapath(self.datapath_type());
            if !same {
                return Some(format!(
                    "{} has another datapath type than br-int",
                    names.bridge
                ));
            }
            let exposed = self.is_flat() && !bridge.ours && !has_vlan_of_its_own(bridge, names);
            exposed.then(|| {
                format!(
                    "{} is not ours, and the host speaks on it without a tag, as a network here does",
                    names.bridge
                )
            })
        })
    }

    /// What the switch itself finds wrong with the NIC.
    fn fault(&self) -> Option<String> {
        let names = Names::new(self.network);
        let bridge = self.observed.bridges.get(&names.bridge)?;
        let port = bridge.ports.get(&self.network.nic.to_string())?;
        port.error.clone()
    }

    /// A patch can only join bridges of one datapath.
    fn datapath_type(&self) -> &str {
        let integration = self.observed.integration();
        integration.map_or(&self.surroundings.datapath_type, |it| &it.datapath_type)
    }

    fn bridge(&self, names: &Names, edit: &mut Edit) {
        self.ensure_bridge(names, edit);
    }

    fn bridge_and_patch(&self, names: &Names, edit: &mut Edit) {
        let bridge = self.ensure_bridge(names, edit);
        let there = self.observed.bridges.get(&names.bridge);
        let inward = NewPort {
            name: &names.inward,
            kind: "patch",
            options: &[("peer", &names.to)],
            bfd: &[],
            carries: Carries::Only(&self.vlans),
        };
        ensure_port(there, &bridge, &inward, edit);
        let Some(integration) = self.observed.integration() else {
            return;
        };
        let to = NewPort {
            name: &names.to,
            kind: "patch",
            options: &[("peer", &names.inward)],
            bfd: &[],
            carries: Carries::Anything,
        };
        let row = BridgeRow::There(integration.row);
        ensure_port(Some(integration), &row, &to, edit);
    }

    fn ensure_bridge(&self, names: &Names, edit: &mut Edit) -> BridgeRow {
        let there = self.observed.bridges.get(&names.bridge);
        let row = match there {
            Some(bridge) => BridgeRow::There(bridge.row),
            None => edit.add_bridge(NewBridge {
                name: &names.bridge,
                fail_mode: "standalone",
                datapath_type: self.datapath_type(),
                own_port: self.own_port(),
            }),
        };
        if let Some(bridge) = there {
            self.set_apart(bridge, &names.bridge, edit);
        }
        let nic = self.network.nic.to_string();
        if there.is_none_or(|bridge| !bridge.ports.contains_key(&nic)) {
            let uplink = NewPort {
                name: &nic,
                kind: "",
                options: &[],
                bfd: &[],
                carries: Carries::Anything,
            };
            edit.add_port(&row, &uplink);
        }
        row
    }

    /// Keeps the host itself out of the VLANs of tenants: the bridge's own port, and the endpoint
    /// of overlays on it, are reached by frames without a tag alone. Of a bridge that was there
    /// before us this is asked only for an endpoint's sake, and another VLAN of the host's will do.
    fn set_apart(&self, bridge: &Bridge, name: &str, edit: &mut Edit) {
        let Some(port) = bridge.ports.get(name) else {
            return;
        };
        let access = matches!(port.vlan_mode.as_deref(), None | Some("access"));
        if self.is_flat() {
            if bridge.ours && !carries(port, self.own_port()) {
                edit.update("Port", port.row, self.own_port().columns());
            }
            return;
        }
        let apart = match port.tag {
            Some(0) => access,
            Some(tag) => access && !bridge.ours && !self.vlans.contains(&tag),
            None => false,
        };
        if !apart && (bridge.ours || self.network.endpoint.is_some()) {
            edit.update("Port", port.row, Carries::Untagged.columns());
        }
    }
}

/// Whether the host speaks on a bridge in some VLAN, and only there.
fn has_vlan_of_its_own(bridge: &Bridge, names: &Names) -> bool {
    let port = bridge.ports.get(&names.bridge);
    port.is_none_or(|port| {
        let access = matches!(port.vlan_mode.as_deref(), None | Some("access"));
        access && port.tag.is_some_and(|tag| tag != UNTAGGED)
    })
}

/// `system` may be left unsaid.
fn datapath(kind: &str) -> &str {
    match kind {
        "" => "system",
        other => other,
    }
}

/// Makes a patch or tunnel port, or makes it right.
pub(super) fn ensure_port(
    bridge: Option<&Bridge>,
    row: &BridgeRow,
    new: &NewPort,
    edit: &mut Edit,
) {
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

fn is_same(port: &BridgePort, new: &NewPort) -> bool {
    port.kind == new.kind && port.options == map(new.options)
}

fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    let entries = entries.iter();
    let owned = entries.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    owned.collect()
}

fn correct(port: &BridgePort, new: &NewPort, edit: &mut Edit) {
    if port.bfd != map(new.bfd) {
        edit.set_bfd(new.name, new.bfd);
    }
    if !carries(port, new.carries) {
        edit.update("Port", port.row, new.carries.columns());
    }
}

/// Whether a port carries just what it should. Of one that may carry anything nothing is asked.
fn carries(port: &BridgePort, wanted: Carries) -> bool {
    let mode = port.vlan_mode.as_deref();
    let trunk = mode == Some("trunk") && port.tag.is_none();
    match wanted {
        Carries::Anything => true,
        Carries::Only(vlans) => trunk && port.trunks == *vlans,
        Carries::Nothing => trunk && port.trunks.iter().eq(&[edit::NO_VLAN]),
        Carries::Untagged => mode == Some("access") && port.tag == Some(UNTAGGED),
    }
}

/// Removes what we made and nobody wants any more.
pub(super) fn clean_up(
    bridges: &BTreeMap<String, Bridge>,
    kept: &BTreeSet<String>,
    edit: &mut Edit,
) {
    for (name, bridge) in bridges {
        if bridge.ours && !kept.contains(name) {
            edit.remove_bridge(bridge.row);
            continue;
        }
        let ports = bridge.ports.iter();
        for (_, port) in ports.filter(|(name, port)| port.ours && !kept.contains(*name)) {
            edit.remove_port(bridge.row, port.row);
        }
    }
}
