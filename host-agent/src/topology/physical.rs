//! One bridge per physical network, what carries it, and the patch to the integration bridge.

use std::collections::BTreeSet;

use model::plan::PlanKey;
use model::{PhysicalNetworkId, Role, Segment};

use super::edit::{Body, BridgeRow, Carries, Edit, NewBridge, NewPort};
use super::uplink::{self, Uplinks};
use super::{Kept, Surroundings, ensure_port, uplink_bridge};
use crate::observe::{Bridge, INTEGRATION_BRIDGE, Observed};
use crate::wanted::{Exit, Wanted, WantedPhysicalNetwork};

/// What Open vSwitch calls frames without a tag.
pub(super) const UNTAGGED: i64 = 0;

/// What to do about one physical network.
pub(super) struct Draft<'a> {
    pub(super) observed: &'a Observed,
    pub(super) surroundings: &'a Surroundings,
    pub(super) wanted: &'a Wanted,
    pub(super) network: &'a WantedPhysicalNetwork,
    /// The VLANs that this host uses on it; none on management.
    pub(super) vlans: BTreeSet<i64>,
    pub(super) names: Names,
}

/// The names of what belongs to a physical network. Its own is at most 12 bytes long, an
/// interface's 15.
pub(super) struct Names {
    pub(super) bridge: String,
    /// On the integration bridge.
    to: String,
    /// On the physical network's bridge, towards the integration bridge.
    inward: String,
    /// On the physical network's bridge, towards the uplink bridge.
    pub(super) out: String,
    /// On the uplink bridge.
    pub(super) down: String,
}

impl Names {
    fn new(network: &WantedPhysicalNetwork) -> Self {
        let name = &network.name;
        Self {
            bridge: network.bridge(),
            to: format!("to-{name}"),
            inward: format!("in-{name}"),
            out: format!("ex-{name}"),
            down: format!("dn-{name}"),
        }
    }
}

pub(super) fn plan(
    observed: &Observed,
    wanted: &Wanted,
    surroundings: &Surroundings,
    kept: &mut Kept,
    edit: &mut Edit,
) {
    let mut uplinks = Uplinks::default();
    for (id, network) in &wanted.physical_networks {
        let draft = Draft {
            observed,
            surroundings,
            wanted,
            network,
            vlans: vlans(wanted, *id, network.role),
            names: Names::new(network),
        };
        if !draft.is_needed() {
            continue;
        }
        if let Some(reason) = draft.obstacle() {
            edit.fail(PlanKey::PhysicalNetwork(*id), reason);
            draft.leave(kept);
            continue;
        }
        let row = draft.ensure_bridge(edit);
        kept.bridge(&draft.names.bridge);
        uplink::plan(&draft, &row, &mut uplinks, kept, edit);
        if !draft.vlans.is_empty() {
            draft.patch(&row, kept, edit);
            edit.exit(Exit::Patch(*id), draft.names.to.clone());
        }
        if let Some(reason) = uplink::fault(&draft) {
            edit.fail(PlanKey::PhysicalNetwork(*id), reason);
        }
    }
}

/// The VLANs of the networks that this host has on a physical network.
fn vlans(wanted: &Wanted, id: PhysicalNetworkId, role: Role) -> BTreeSet<i64> {
    let segments = wanted.networks.values().map(|network| network.segment);
    let here = segments.filter(|segment| {
        // Whatever a plan says, no VIF is ever joined to management.
        role != Role::Management && segment.physical_network_id() == id
    });
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
            false => Carries::UNTAGGED,
        }
    }

    /// Why this cannot be done at all.
    fn obstacle(&self) -> Option<String> {
        let names = &self.names;
        let foreign = |(bridge, port): (&str, &String)| {
            let found = self.observed.bridges.get(bridge)?.ports.get(port)?;
            (!found.ours).then(|| format!("{bridge} has a port {port} that is not ours"))
        };
        let uplink_bridge = uplink_bridge(&self.network.uplink);
        let patches = [
            (INTEGRATION_BRIDGE, &names.to),
            (&names.bridge, &names.inward),
            (&names.bridge, &names.out),
            (&uplink_bridge, &names.down),
        ];
        uplink::obstacle(self)
            .or_else(|| patches.into_iter().find_map(foreign))
            .or_else(|| self.unfit_bridge())
    }

    /// Why a bridge that was there before us cannot be the physical network's.
    fn unfit_bridge(&self) -> Option<String> {
        let name = &self.names.bridge;
        let bridge = self.observed.bridges.get(name)?;
        if datapath(&bridge.datapath_type) != datapath(self.datapath_type()) {
            return Some(format!("{name} has another datapath type than br-int"));
        }
        let exposed = self.is_flat() && !bridge.ours && !has_vlan_of_its_own(bridge, name);
        exposed.then(|| {
            format!(
                "{name} is not ours, and the host speaks on it without a tag, as a network here does"
            )
        })
    }

    /// Leaves all of it as it is: what carries something now goes on carrying it.
    fn leave(&self, kept: &mut Kept) {
        if let Some(bridge) = self.observed.bridges.get(&self.names.bridge) {
            kept.all_of(&self.names.bridge, bridge);
        }
        if let Some(integration) = self.observed.integration()
            && integration.ports.contains_key(&self.names.to)
        {
            kept.port(INTEGRATION_BRIDGE, &self.names.to);
        }
        for (name, bridge) in &self.observed.bridges {
            if bridge.ports.contains_key(&self.names.down) {
                kept.all_of(name, bridge);
            }
        }
    }

    /// A patch can only join bridges of one datapath.
    pub(super) fn datapath_type(&self) -> &str {
        let integration = self.observed.integration();
        integration.map_or(&self.surroundings.datapath_type, |it| &it.datapath_type)
    }

    fn patch(&self, row: &BridgeRow, kept: &mut Kept, edit: &mut Edit) {
        let names = &self.names;
        let there = self.observed.bridges.get(&names.bridge);
        let inward = NewPort {
            name: &names.inward,
            body: Body::Single {
                kind: "patch",
                options: &[("peer", &names.to)],
                bfd: &[],
            },
            carries: Carries::Only(&self.vlans),
        };
        ensure_port(there, row, &inward, edit);
        kept.port(&names.bridge, &names.inward);
        let Some(integration) = self.observed.integration() else {
            return;
        };
        let to = NewPort {
            name: &names.to,
            body: Body::Single {
                kind: "patch",
                options: &[("peer", &names.inward)],
                bfd: &[],
            },
            carries: Carries::Anything,
        };
        let row = BridgeRow::There(integration.row);
        ensure_port(Some(integration), &row, &to, edit);
        kept.port(INTEGRATION_BRIDGE, &names.to);
    }

    fn ensure_bridge(&self, edit: &mut Edit) -> BridgeRow {
        let name = &self.names.bridge;
        let hwaddr = self.surroundings.hwaddrs.get(name).copied();
        let Some(bridge) = self.observed.bridges.get(name) else {
            return edit.add_bridge(NewBridge {
                name,
                fail_mode: "standalone",
                datapath_type: self.datapath_type(),
                own_port: self.own_port(),
                hwaddr,
            });
        };
        self.set_apart(bridge, name, edit);
        if let Some(mac) = hwaddr.map(|mac| mac.to_string())
            && bridge.ours
            && bridge.hwaddr.as_ref() != Some(&mac)
        {
            edit.set_entry("Bridge", bridge.row, "other_config", ("hwaddr", &mac));
        }
        BridgeRow::There(bridge.row)
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
            if bridge.ours && !self.own_port().is_of(port) {
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
            edit.update("Port", port.row, Carries::UNTAGGED.columns());
        }
    }
}

/// Whether the host speaks on a bridge in some VLAN, and only there.
fn has_vlan_of_its_own(bridge: &Bridge, name: &str) -> bool {
    let port = bridge.ports.get(name);
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
