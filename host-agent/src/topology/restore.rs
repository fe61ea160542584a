//! The bridges as they were, and the way back to them. Pure.
//!
//! What leads to tenants' ports is left out: it is the same before and after, whatever carries it.

use std::collections::{BTreeMap, BTreeSet};

use model::{BondMode, MacAddr, NicName};
use ovsdb::Operation;
use serde::{Deserialize, Serialize};

use super::edit::{self, Body, BridgeRow, Carries, Edit, NewBridge, NewPort};
use crate::observe::{Bridge, BridgePort, INTEGRATION_BRIDGE, Observed};

/// What was ours of all bridges but the integration bridge.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    bridges: BTreeMap<String, BridgeThen>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct BridgeThen {
    ours: bool,
    datapath_type: String,
    own_tag: Option<i64>,
    hwaddr: Option<MacAddr>,
    ports: BTreeMap<String, PortThen>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct PortThen {
    interfaces: BTreeSet<String>,
    kind: String,
    options: BTreeMap<String, String>,
    vlan_mode: Option<String>,
    tag: Option<i64>,
    trunks: BTreeSet<i64>,
    bond: Option<BondMode>,
}

impl Snapshot {
    /// The bridges as they are now.
    #[must_use]
    pub fn of(observed: &Observed) -> Self {
        let bridges = observed.bridges.iter();
        let bridges = bridges.filter(|(name, _)| *name != INTEGRATION_BRIDGE);
        Self {
            bridges: bridges
                .map(|(name, bridge)| (name.clone(), BridgeThen::of(name, bridge)))
                .collect(),
        }
    }
}

impl BridgeThen {
    fn of(name: &str, bridge: &Bridge) -> Self {
        let ports = bridge.ports.iter();
        let ours = ports.filter(|(port, it)| it.ours && *port != name);
        Self {
            ours: bridge.ours,
            datapath_type: bridge.datapath_type.clone(),
            own_tag: bridge.ports.get(name).and_then(|port| port.tag),
            hwaddr: bridge.hwaddr.as_ref().and_then(|mac| mac.parse().ok()),
            ports: ours
                .map(|(name, port)| (name.clone(), PortThen::of(port)))
                .collect(),
        }
    }
}

impl PortThen {
    fn of(port: &BridgePort) -> Self {
        let words = (port.bond_mode.as_deref(), port.lacp.as_deref());
        let mut modes = BondMode::ALL.iter().map(|(mode, _)| *mode);
        let bond = modes.find(|mode| {
            let (bond_mode, lacp) = edit::bond_words(*mode);
            words == (Some(bond_mode), Some(lacp))
        });
        Self {
            interfaces: port.interfaces.clone(),
            kind: port.kind.clone(),
            options: port.options.clone(),
            vlan_mode: port.vlan_mode.clone(),
            tag: port.tag,
            trunks: port.trunks.clone(),
            bond: bond.filter(|_| port.interfaces.len() > 1),
        }
    }

    /// Whether it is the patch to the integration bridge.
    fn leads_to_tenants(&self) -> bool {
        let peer = self.options.get("peer");
        peer.is_some_and(|peer| peer.starts_with("to-"))
    }

    fn carries(&self) -> Carries<'_> {
        match (self.vlan_mode.as_deref(), self.tag) {
            (Some("access"), Some(tag)) => Carries::Access(tag),
            (Some("native-untagged"), Some(tag)) => Carries::Native(tag, &self.trunks),
            (Some("trunk"), _) => Carries::Only(&self.trunks),
            _ => Carries::Anything,
        }
    }
}

/// The operations that make what is ours be as it was; none when it is.
#[must_use]
pub fn restore(observed: &Observed, then: &Snapshot) -> Vec<Operation> {
    let Some(mut edit) = observed.root.map(Edit::new) else {
        return Vec::new();
    };
    let bridges = observed.bridges.iter();
    let bridges = bridges.filter(|(name, _)| *name != INTEGRATION_BRIDGE);
    for (name, bridge) in bridges {
        match then.bridges.get(name) {
            Some(then) => remove_new_ports(name, bridge, then, &mut edit),
            None if bridge.ours => edit.remove_bridge(bridge.row),
            None => {}
        }
    }
    for (name, then) in &then.bridges {
        match observed.bridges.get(name) {
            Some(bridge) => restore_bridge(bridge, then, &mut edit),
            None if then.ours => make_bridge(name, then, &mut edit),
            None => {}
        }
    }
    edit.finish().operations
}

fn remove_new_ports(name: &str, bridge: &Bridge, then: &BridgeThen, edit: &mut Edit) {
    let ports = bridge.ports.iter();
    for (name, port) in ports.filter(|(port, it)| it.ours && *port != name) {
        let now = PortThen::of(port);
        if then.ports.get(name) != Some(&now) && !now.leads_to_tenants() {
            edit.remove_port(bridge.row, port.row);
        }
    }
}

fn restore_bridge(bridge: &Bridge, then: &BridgeThen, edit: &mut Edit) {
    if let Some(mac) = then.hwaddr.map(|mac| mac.to_string())
        && bridge.hwaddr.as_ref() != Some(&mac)
    {
        edit.set_entry("Bridge", bridge.row, "other_config", ("hwaddr", &mac));
    }
    let row = BridgeRow::There(bridge.row);
    for (name, port) in &then.ports {
        let now = bridge.ports.get(name).map(PortThen::of);
        if now.as_ref() != Some(port) && !port.leads_to_tenants() {
            make_port(&row, name, port, edit);
        }
    }
}

fn make_bridge(name: &str, then: &BridgeThen, edit: &mut Edit) {
    let row = edit.add_bridge(NewBridge {
        name,
        fail_mode: "standalone",
        datapath_type: &then.datapath_type,
        own_port: then.own_tag.map_or(Carries::Nothing, Carries::Access),
        hwaddr: then.hwaddr,
    });
    for (name, port) in &then.ports {
        make_port(&row, name, port, edit);
    }
}

fn make_port(row: &BridgeRow, name: &str, then: &PortThen, edit: &mut Edit) {
    let interfaces = then.interfaces.iter();
    let nics: Vec<NicName> = interfaces.filter_map(|nic| nic.parse().ok()).collect();
    let options = then.options.iter();
    let options: Vec<(&str, &str)> = options
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    let body = match then.bond {
        Some(mode) => Body::Bond { nics: &nics, mode },
        None => Body::Single {
            kind: &then.kind,
            options: &options,
            bfd: &[],
        },
    };
    let port = NewPort {
        name,
        body,
        carries: then.carries(),
    };
    edit.add_port(row, &port);
}
