//! The same, of what carries physical networks.

use std::collections::BTreeMap;

use api::request::{HostUplinkSet, RoleChange, Setting, TopologyChange};
use model::Role;

use super::{ENDPOINTS, Op, id};
use crate::intent::Intent;
use crate::object::Noun;

/// What may carry a physical network: alone, beside another, and against it.
const UPLINKS: [&str; 6] = [
    "eth0",
    "eth0/vlan20",
    "eth1",
    "eth2+eth3/lacp",
    "eth2/vlan103",
    "eth2",
];

pub(super) fn topology_change(op: &Op) -> TopologyChange {
    let Op::Topology {
        role,
        uplink,
        vlans,
        endpoints,
    } = *op
    else {
        unreachable!()
    };
    let (role, _) = Role::ALL[usize::from(role) % Role::ALL.len()];
    let ranges = ["100-101", "103-109"].get(usize::from(vlans));
    let prefix = ENDPOINTS.get(usize::from(endpoints));
    let setup = RoleChange {
        uplink: UPLINKS[usize::from(uplink)].parse().ok(),
        vlans: ranges.map_or(Setting::Kept, |it| Setting::To(it.parse().unwrap())),
        endpoints: prefix.map_or(Setting::Kept, |it| Setting::To(it.parse().unwrap())),
        ..RoleChange::default()
    };
    TopologyChange {
        roles: BTreeMap::from([(role, (vlans < 5).then_some(setup))]),
        confirm_within_seconds: None,
    }
}

pub(super) fn host_uplink(intent: &Intent, op: &Op) -> HostUplinkSet {
    let Op::HostUplink {
        carrier,
        uplink,
        last,
        ..
    } = *op
    else {
        unreachable!()
    };
    HostUplinkSet {
        physical_network_id: id(intent, Noun::PhysicalNetwork, carrier),
        uplink: (uplink != 5).then(|| UPLINKS[usize::from(uplink)].parse().unwrap()),
        address: last.map(|it| format!("192.0.2.{}/29", it + 1).parse().unwrap()),
        gateway: None,
        confirm_within_seconds: None,
    }
}
