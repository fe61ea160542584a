//! How single hosts differ from the pool in what carries their physical networks.

use std::net::IpAddr;

use api::backend::Outcome;
use api::problem::{FieldCode, Problem};
use api::request::HostUplinkSet;
use api::resource::Accepted;
use ipnet::IpNet;
use model::{AddressRange, Host, HostAddress, HostId, HostUplink, PhysicalNetwork, Role};

use super::after::After;
use super::faults::Faults;
use super::topology::{has_reverted, next_attempt, trial};
use crate::fleet::Observed;
use crate::intent::Intent;
use crate::writer::Draft;

pub(super) fn set(
    intent: &Intent,
    host: HostId,
    request: HostUplinkSet,
    observed: &Observed,
) -> Outcome<Draft<Accepted>> {
    let Some(host) = intent.hosts.get(&host) else {
        return Err(Problem::not_found("host", host));
    };
    let mut faults = Faults::default();
    let id = request.physical_network_id;
    let network = intent.physical_networks.get(&id);
    let Some(network) = faults.known("physical_network_id", id, network) else {
        return faults.require(None);
    };
    let fits = Fits {
        intent,
        host,
        network,
    };
    fits.check(&request, &mut faults);
    let mut after = After::unchanged(intent);
    after.put_host(differing(host, network, request, observed));
    for fault in after.faults_on(host.id, id, observed) {
        faults.add(fault.field, fault.code, fault.message);
    }
    after.accepted(faults)
}

/// The host with the difference that is asked for.
fn differing(
    host: &Host,
    network: &PhysicalNetwork,
    request: HostUplinkSet,
    observed: &Observed,
) -> Host {
    let mut exceptions = host.uplinks.iter();
    let before = exceptions.find(|it| it.physical_network_id == network.id);
    let mut now = HostUplink {
        physical_network_id: network.id,
        uplink: request.uplink,
        address: request.address.map(|address| HostAddress {
            address,
            gateway: request.gateway,
        }),
        trial: trial(
            before.and_then(|it| it.trial),
            request.confirm_within_seconds,
        ),
    };
    let again = network.role == Role::Management
        && before.is_none_or(|before| *before == now)
        && has_reverted(observed, host.id);
    if again {
        now.trial = Some(next_attempt(now.trial));
    }
    let mut host = host.clone();
    host.uplinks
        .retain(|it| it.physical_network_id != network.id);
    if now.uplink.is_some() || now.address.is_some() || now.trial.is_some() {
        host.uplinks.push(now);
        host.uplinks.sort_by_key(|it| it.physical_network_id);
    }
    host
}

/// What a difference has to fit.
struct Fits<'a> {
    intent: &'a Intent,
    host: &'a Host,
    network: &'a PhysicalNetwork,
}

impl Fits<'_> {
    fn check(&self, request: &HostUplinkSet, faults: &mut Faults) {
        let role = self.network.role;
        if request.confirm_within_seconds.is_some() && role != Role::Management {
            let message =
                format!("expected none: {role} is not how the controller reaches the host");
            let field = "confirm_within_seconds";
            faults.add(field, FieldCode::Inconsistent, message);
        }
        match (request.address, request.gateway) {
            (Some(address), gateway) => self.check_address(address, gateway, faults),
            (None, Some(gateway)) => {
                let message = format!("got {gateway}; expected an address with it, or none");
                faults.add("gateway", FieldCode::Inconsistent, message);
            }
            (None, None) => {}
        }
    }

    fn check_address(&self, address: IpNet, gateway: Option<IpAddr>, faults: &mut Faults) {
        const FIELD: &str = "address";
        let role = self.network.role;
        if !matches!(role, Role::Management | Role::Storage) {
            let message = format!("got {address}; expected none: hosts have no address on {role}");
            faults.add(FIELD, FieldCode::Inconsistent, message);
        }
        let own = address.addr();
        if !is_for_hosts(address.trunc(), own) {
            let message = format!("got {address}; expected one that a host can have");
            faults.add(FIELD, FieldCode::OutOfRange, message);
        }
        let carriers = self.intent.physical_networks.values();
        let mut endpoints = carriers.filter_map(|it| it.endpoints);
        if let Some(endpoints) = endpoints.find(|it| it.contains(&own)) {
            let message = format!("got {address}; {endpoints} is for the hosts' endpoints");
            faults.add(FIELD, FieldCode::Inconsistent, message);
        }
        if let Some(other) = self.owner(own) {
            let message = format!("{own} is the address of the host {}", other.name);
            faults.add(FIELD, FieldCode::Duplicate, message);
        }
        if let Some(gateway) = gateway
            && (!is_for_hosts(address.trunc(), gateway) || gateway == own)
        {
            let prefix = address.trunc();
            let message = format!("got {gateway}; expected another host's address in {prefix}");
            faults.add("gateway", FieldCode::Inconsistent, message);
        }
    }

    /// Another host that has the address on any physical network.
    fn owner(&self, address: IpAddr) -> Option<&Host> {
        let has = |host: &Host| {
            let mut addresses = host.uplinks.iter().filter_map(|it| it.address.as_ref());
            addresses.any(|it| it.address.addr() == address)
        };
        let hosts = self.intent.hosts.values().map(std::sync::Arc::as_ref);
        let mut others = hosts.filter(|host| host.id != self.host.id);
        others.find(|host| has(host))
    }
}

/// Whether a host can have the address in the prefix.
fn is_for_hosts(prefix: IpNet, address: IpAddr) -> bool {
    let special = address.is_multicast() || address.is_loopback() || address.is_unspecified();
    !special && prefix.contains(&address) && AddressRange::of_hosts(prefix).contains(address)
}
