//! What of a physical network cannot change because networks use it.

use std::sync::Arc;

use model::{Network, PhysicalNetwork, Segment};

use crate::intent::Intent;

/// How many networks are named in one message.
const NETWORKS_NAMED: usize = 5;

/// The fields that cannot become what was asked for, and why.
pub(super) fn faults(
    intent: &Intent,
    before: &PhysicalNetwork,
    after: &PhysicalNetwork,
) -> Vec<(&'static str, String)> {
    if before == after {
        return Vec::new();
    }
    let carried = intent.networks_carried(before.id);
    let carried: Vec<&Arc<Network>> = carried.filter_map(|id| intent.networks.get(&id)).collect();
    let mut faults = Vec::new();
    let mut add = |field, uses: &dyn Fn(&Network) -> bool, what: String| {
        let users: Vec<&str> = carried
            .iter()
            .filter(|it| uses(it))
            .map(|it| it.name.as_str())
            .collect();
        if !users.is_empty() {
            faults.push((
                field,
                format!("{what}, which networks use: {}", listed(&users)),
            ));
        }
    };
    let vlans = after.vlans.as_ref();
    let left_out = |it: &Network| {
        let mut vlan = it.segment.vlan().into_iter();
        vlan.any(|vlan| !vlans.is_some_and(|ranges| ranges.contains(vlan)))
    };
    let now = vlans.map_or("none".to_owned(), ToString::to_string);
    add(
        "vlans",
        &left_out,
        format!("got {now}; it leaves out VLANs"),
    );
    if before.endpoints != after.endpoints {
        let is_overlay = |it: &Network| it.segment.tunnel().is_some();
        let what = "hosts would lose their endpoints".to_owned();
        add("endpoints", &is_overlay, what);
    }
    // The endpoints' family decides how much of a packet headers take.
    let headers = |it: &Network| {
        let tunnel = it.segment.tunnel().zip(before.endpoints);
        tunnel.map_or(0, |((kind, _), prefix)| kind.overhead_bytes(prefix.addr()))
    };
    let too_large = |it: &Network| it.mtu.saturating_add(headers(it)) > after.mtu;
    let needed = carried.iter().map(|it| it.mtu.saturating_add(headers(it)));
    let needed = needed.max().unwrap_or(0);
    let what = format!("got {}; expected at least {needed}", after.mtu);
    add("mtu", &too_large, what);
    faults
}

/// Why the native VLAN of a physical network, old or new, cannot be what it is to be.
pub(in crate::service) fn native_fault(intent: &Intent, after: &PhysicalNetwork) -> Option<String> {
    let native = after.native_vlan;
    let mut carriers = intent.physical_networks.keys();
    let taken = carriers.find_map(|id| {
        let segment = Segment::Vlan {
            physical_network_id: *id,
            vlan: native,
        };
        intent.networks.get(&intent.network_on(&segment)?)
    })?;
    Some(format!(
        "got {native}; expected what the switches take untagged frames to be in, which is not for \
         tenants: the network {} has this VLAN",
        taken.name
    ))
}

fn listed(names: &[&str]) -> String {
    let shown = names.iter().take(NETWORKS_NAMED).copied();
    let shown = shown.collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(NETWORKS_NAMED) {
        None | Some(0) => shown,
        Some(more) => format!("{shown} and {more} more"),
    }
}
