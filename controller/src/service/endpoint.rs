//! Endpoints of overlays: one address for every host, kept as long as the prefix they come from.

use std::net::IpAddr;
use std::sync::Arc;

use api::problem::FieldCode;
use api::request::PhysicalNetworkCreate;
use ipnet::IpNet;
use model::{AddressRange, Host, PhysicalNetwork, Role};

use super::faults::Faults;
use crate::intent::Intent;
use crate::object::{Object, Write};

/// The field of a physical network that says where endpoints come from.
const FIELD: &str = "endpoints";

/// The physical network that endpoints are on. The pool has one at most, so that a host has one
/// endpoint and its switch one tunnel port of each kind.
pub(super) fn carrier(intent: &Intent) -> Option<&PhysicalNetwork> {
    let mut all = intent.physical_networks.values().map(Arc::as_ref);
    all.find(|network| network.endpoints.is_some())
}

/// What can be wrong with the prefix that a new physical network is to have.
pub(super) fn check(intent: &Intent, request: &PhysicalNetworkCreate, faults: &mut Faults) {
    let Some(prefix) = request.endpoints else {
        return;
    };
    if request.role != Role::Private {
        let message = format!("got {prefix}; expected none but on a private physical network");
        faults.add(FIELD, FieldCode::Inconsistent, message);
    }
    if let Some(other) = carrier(intent) {
        let message = format!(
            "got {prefix}; expected none: {} carries the pool's overlays already",
            other.name
        );
        faults.add(FIELD, FieldCode::Duplicate, message);
    }
    let address = prefix.network();
    if address.is_multicast() || address.is_loopback() || address.is_unspecified() {
        let message = format!(
            "got {prefix}; expected a prefix that hosts can have addresses of, such as 10.254.0.0/16"
        );
        faults.add(FIELD, FieldCode::OutOfRange, message);
    }
    let (hosts, room) = (intent.hosts.len(), usable(prefix).take(intent.hosts.len()));
    if room.count() < hosts {
        let message = format!("got {prefix}; expected room for the pool's {hosts} hosts");
        faults.add(FIELD, FieldCode::OutOfRange, message);
    }
}

/// Gives every host of the pool an endpoint of a prefix that is new.
pub(super) fn given(intent: &Intent, prefix: IpNet) -> Vec<Write> {
    let hosts = intent.hosts.values().zip(usable(prefix));
    hosts
        .map(|(host, endpoint)| with(host, Some(endpoint)))
        .collect()
}

/// Takes every host's endpoint back.
pub(super) fn taken_back(intent: &Intent) -> Vec<Write> {
    let hosts = intent.hosts.values();
    let having = hosts.filter(|host| host.endpoint.is_some());
    having.map(|host| with(host, None)).collect()
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

fn usable(prefix: IpNet) -> impl Iterator<Item = IpAddr> {
    AddressRange::of_hosts(prefix).iter()
}
