//! Endpoints of overlays: one address for every host, kept as long as the prefix they come from.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use api::problem::FieldCode;
use ipnet::IpNet;
use model::{AddressRange, Host, PhysicalNetwork, PhysicalNetworkId};

use crate::intent::Intent;
use crate::object::{Object, Write};

/// The physical network that endpoints are on. The pool has one at most, so that a host has one
/// endpoint and its switch one tunnel port of each kind.
pub(super) fn carrier(intent: &Intent) -> Option<&PhysicalNetwork> {
    let mut all = intent.physical_networks.values().map(Arc::as_ref);
    all.find(|network| network.endpoints.is_some())
}

/// What can be wrong with the prefix that a physical network is to have newly.
pub(super) fn faults(
    intent: &Intent,
    networks: &BTreeMap<PhysicalNetworkId, PhysicalNetwork>,
    network: &PhysicalNetwork,
) -> Vec<(FieldCode, String)> {
    let Some(prefix) = network.endpoints else {
        return Vec::new();
    };
    let mut faults = Vec::new();
    let mut others = networks.values().filter(|it| it.id != network.id);
    if let Some(other) = others.find(|it| it.endpoints.is_some()) {
        let message = format!(
            "got {prefix}; expected none: {} carries the pool's overlays already",
            other.name
        );
        faults.push((FieldCode::Duplicate, message));
    }
    let address = prefix.network();
    if address.is_multicast() || address.is_loopback() || address.is_unspecified() {
        let message = format!(
            "got {prefix}; expected a prefix that hosts can have addresses of, such as 10.254.0.0/16"
        );
        faults.push((FieldCode::OutOfRange, message));
    }
    let hosts = intent.hosts.len();
    if usable(prefix).take(hosts).count() < hosts {
        let message = format!("got {prefix}; expected room for the pool's {hosts} hosts");
        faults.push((FieldCode::OutOfRange, message));
    }
    faults
}

/// The lowest free endpoint, if the pool has overlays and one is left.
pub(super) fn lowest_free(intent: &Intent) -> Option<IpAddr> {
    let prefix = carrier(intent)?.endpoints?;
    // Both are in order, so they are walked side by side.
    let mut used = intent.endpoints().peekable();
    usable(prefix).find(|address| {
        while used.next_if(|used| used < address).is_some() {}
        used.peek() != Some(address)
    })
}

/// The host with this endpoint.
pub(super) fn with(host: &Host, endpoint: Option<IpAddr>) -> Write {
    let host = Host {
        endpoint,
        ..host.clone()
    };
    Write::Put(Object::Host(Arc::new(host)))
}

/// The addresses of the prefix that hosts can have, lowest first.
pub(super) fn usable(prefix: IpNet) -> impl Iterator<Item = IpAddr> {
    AddressRange::of_hosts(prefix).iter()
}
