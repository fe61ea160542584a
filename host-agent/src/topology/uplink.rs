//! What carries a physical network: its NIC or bond on its own bridge, or on an uplink bridge that
//! it shares.

use std::collections::{BTreeMap, BTreeSet};

use model::{NicName, Role, Uplink};

use super::edit::{Body, BridgeRow, Carries, Edit, NewBridge, NewPort};
use super::physical::{Draft, UNTAGGED};
use super::{Kept, ensure_port, uplink_bridge};
use crate::observe::BridgePort;

/// The uplink bridges of this transaction by their names.
#[derive(Default)]
pub(super) struct Uplinks {
    rows: BTreeMap<String, BridgeRow>,
}

/// The name of the port that a NIC or bond is.
fn port_name(uplink: &Uplink) -> String {
    let first = uplink.nics().first().map_or("", NicName::as_str);
    match uplink.bond() {
        Some(_) => format!("bond-{first}"),
        None => first.to_owned(),
    }
}

/// Puts the NIC or bond where it belongs, and joins the physical network's bridge to it.
pub(super) fn plan(
    draft: &Draft,
    row: &BridgeRow,
    uplinks: &mut Uplinks,
    kept: &mut Kept,
    edit: &mut Edit,
) {
    let uplink = &draft.network.uplink;
    let names = &draft.names;
    if !draft.network.shares(&draft.wanted.physical_networks) {
        ensure_carrier(draft, (&names.bridge, row), kept, edit);
        return;
    }
    let bridge = uplink_bridge(uplink);
    let known = uplinks.rows.get(&bridge).cloned();
    let up = known.unwrap_or_else(|| {
        let up = ensure_uplink_bridge(draft, &bridge, edit);
        ensure_carrier(draft, (&bridge, &up), kept, edit);
        kept.bridge(&bridge);
        uplinks.rows.insert(bridge.clone(), up.clone());
        up
    });
    let vlans = vlans(draft);
    let Some(carries) = carries(uplink, &vlans) else {
        return;
    };
    let ends = [
        (
            &names.bridge,
            row,
            &names.out,
            &names.down,
            Carries::Anything,
        ),
        (&bridge, &up, &names.down, &names.out, carries),
    ];
    for (bridge, row, name, peer, carries) in ends {
        let port = NewPort {
            name,
            body: Body::Single {
                kind: "patch",
                options: &[("peer", peer)],
                bfd: &[],
            },
            carries,
        };
        ensure_port(draft.observed.bridges.get(bridge), row, &port, edit);
        kept.port(bridge, name);
    }
}

/// The VLANs of the carrier that are the physical network's own beside its uplink's, 0 for frames
/// without a tag: what the host itself speaks, by an address or an endpoint. Where the uplink is a
/// VLAN these frames travel in it, and untagged ones of the carrier are somebody else's.
fn vlans(draft: &Draft) -> BTreeSet<i64> {
    let mut vlans = draft.vlans.clone();
    let speaks = draft.network.is_of_hosts() || draft.network.endpoint.is_some();
    match draft.network.uplink.vlan() {
        None if speaks => _ = vlans.insert(UNTAGGED),
        None => {}
        Some(_) => _ = vlans.remove(&UNTAGGED),
    }
    vlans
}

/// What passes between the uplink bridge and a physical network: exactly what it speaks. None when
/// that is nothing, for to Open vSwitch no trunks would be all of them.
fn carries<'a>(uplink: &Uplink, vlans: &'a BTreeSet<i64>) -> Option<Carries<'a>> {
    match uplink.vlan().map(|vlan| i64::from(vlan.get())) {
        None if vlans.is_empty() => None,
        None => Some(Carries::Only(vlans)),
        Some(tag) if vlans.is_empty() => Some(Carries::Access(tag)),
        Some(tag) => Some(Carries::Native(tag, vlans)),
    }
}

fn ensure_uplink_bridge(draft: &Draft, name: &str, edit: &mut Edit) -> BridgeRow {
    match draft.observed.bridges.get(name) {
        Some(bridge) => BridgeRow::There(bridge.row),
        None => edit.add_bridge(NewBridge {
            name,
            fail_mode: "standalone",
            datapath_type: draft.datapath_type(),
            // The host speaks by the bridges of its physical networks alone.
            own_port: Carries::Nothing,
            hwaddr: None,
        }),
    }
}

/// Makes the NIC or bond a port of a bridge. A NIC that somebody put there before us stays theirs.
fn ensure_carrier(
    draft: &Draft,
    (bridge, row): (&str, &BridgeRow),
    kept: &mut Kept,
    edit: &mut Edit,
) {
    let uplink = &draft.network.uplink;
    let name = port_name(uplink);
    kept.port(bridge, &name);
    let there = draft.observed.bridges.get(bridge);
    let found = there.and_then(|bridge| bridge.ports.get(&name));
    let body = match uplink.bond() {
        Some(mode) => Body::Bond {
            nics: uplink.nics(),
            mode,
        },
        None if found.is_some() => return,
        None => Body::Single {
            kind: "",
            options: &[],
            bfd: &[],
        },
    };
    let port = NewPort {
        name: &name,
        body,
        carries: Carries::Anything,
    };
    ensure_port(there, row, &port, edit);
}

/// Why the NICs cannot carry the physical network.
pub(super) fn obstacle(draft: &Draft) -> Option<String> {
    let nics = draft.network.uplink.nics().iter();
    let mut nics = nics.map(NicName::as_str);
    nics.find_map(|nic| {
        let holder = draft.observed.holder(nic);
        taken(draft, nic, holder).or_else(|| match holder {
            Some(_) => None,
            None => unfit(draft, nic),
        })
    })
}

/// Why a NIC is not ours to take.
fn taken(draft: &Draft, nic: &str, holder: Option<(&str, &BridgePort)>) -> Option<String> {
    let networks = draft.wanted.physical_networks.values();
    let mut beside = networks.filter(|it| it.uplink.carrier() == draft.network.uplink.carrier());
    let with_management = beside.any(|it| it.role == Role::Management);
    if draft.surroundings.management_interface.as_deref() == Some(nic) && !with_management {
        return Some(format!(
            "{nic} leads to the controller; as a port of {} it would lose its addresses",
            draft.names.bridge
        ));
    }
    let target = match draft.network.shares(&draft.wanted.physical_networks) {
        true => uplink_bridge(&draft.network.uplink),
        false => draft.names.bridge.clone(),
    };
    let foreign = holder.filter(|(bridge, port)| *bridge != target && !port.ours);
    foreign.map(|(bridge, _)| format!("{nic} is a port of {bridge}"))
}

/// What is wrong with a NIC that is in no bridge yet.
fn unfit(draft: &Draft, nic: &str) -> Option<String> {
    let kernel = draft.surroundings.kernel.as_ref()?;
    let Some(link) = kernel.links.get(nic) else {
        return Some(format!("this host has no NIC {nic}"));
    };
    if let Some(master) = &link.master {
        return Some(format!("{nic} is part of {master}, which is not ours"));
    }
    let networks = draft.wanted.physical_networks.values();
    let mut beside = networks.filter(|it| it.uplink.carrier() == draft.network.uplink.carrier());
    if beside.any(|it| it.is_of_hosts()) {
        return None;
    }
    let address = link.addresses.first()?;
    Some(format!(
        "{nic} has the address {address}; a NIC that carries neither management nor storage must \
         have none"
    ))
}

/// What the switch itself finds wrong with the NIC or bond.
pub(super) fn fault(draft: &Draft) -> Option<String> {
    let nics = draft.network.uplink.nics().iter();
    let mut holders = nics.filter_map(|nic| draft.observed.holder(nic.as_str()));
    holders.find_map(|(_, port)| port.error.clone())
}
