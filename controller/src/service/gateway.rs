//! Gateways of routers: the way to an external network.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use api::backend::Outcome;
use api::problem::{Code, FieldCode, Problem};
use api::request::GatewayCreate;
use model::{
    Family, Gateway, GatewayId, HostId, Id, Network, NetworkId, Router, Snat, SnatAddress,
    Timestamp,
};

use super::faults::Faults;
use super::layout::uplink_on;
use super::{port_forwarding, router, sharing};
use crate::fleet::Observed;
use crate::intent::Intent;
use crate::object::{Key, Object, Write};
use crate::writer::Draft;

pub(super) fn create(
    intent: &Intent,
    request: GatewayCreate,
    observed: &Observed,
) -> Outcome<Draft<Gateway>> {
    let mut faults = Faults::default();
    let router = intent.routers.get(&request.router_id);
    let router = faults.known("router_id", request.router_id, router);
    let network = intent.networks.get(&request.network_id);
    let network = faults.known("network_id", request.network_id, network);
    if let Some(network) = network {
        check_network(intent, (network, Family::Ipv4), &mut faults);
    }
    if let (Some(router), Some(network)) = (router, network) {
        sharing::check_user("network_id", network, router.tenant_id, &mut faults);
        check_overlap(intent, router, network, &mut faults);
    }
    check_hosts(intent, &request, &mut faults);
    if let Some(network) = network {
        check_carriers((intent, observed), network, &request, &mut faults);
    }
    if let Some(other) = intent.gateway_of(request.router_id) {
        let message = format!(
            "it leads to the network {} already; clear that gateway first",
            other.network_id
        );
        faults.add("router_id", FieldCode::Duplicate, message);
    }
    let router = faults.require(router)?;
    let gateway = Gateway {
        id: Id::generate(),
        tenant_id: router.tenant_id,
        router_id: router.id,
        network_id: request.network_id,
        snat: request.snat.unwrap_or_default(),
        host_ids: request.host_ids,
        addresses: Vec::new(),
        created_at: Timestamp::now(),
    };
    let gateway = Gateway {
        addresses: addresses(intent, &gateway),
        ..gateway
    };
    Ok(Draft {
        writes: vec![put(&gateway)],
        answer: gateway,
    })
}

fn put(gateway: &Gateway) -> Write {
    Write::Put(Object::Gateway(Arc::new(gateway.clone())))
}

/// What makes a network fit to lead outside by.
pub(super) fn check_network(
    intent: &Intent,
    (network, family): (&Network, Family),
    faults: &mut Faults,
) {
    let id = network.id;
    let mut fault = |message: String| faults.add("network_id", FieldCode::Inconsistent, message);
    if !network.sharing.external || network.sharing.isolated {
        fault(format!(
            "network {id} is not external, or isolated as well; expected one where physical machines \
             are and that is not isolated"
        ));
    } else if network.sharing.gateway_macs.is_empty() {
        fault(format!(
            "network {id} does not say the Ethernet address of its gateway; expected one that was made \
             with gateway_macs"
        ));
    }
    let wants_v6 = family == Family::Ipv6;
    let mut subnets = intent.subnets_of(id);
    if !subnets.any(|it| it.cidr.addr().is_ipv6() == wants_v6) {
        fault(format!(
            "network {id} has no {} subnet; expected one that has",
            family.name()
        ));
    }
}

/// What makes hosts fit to be gateway hosts: that others can hear whether they live.
fn check_hosts(intent: &Intent, request: &GatewayCreate, faults: &mut Faults) {
    let hosts = &request.host_ids;
    if !hosts.is_empty() && request.snat == Some(Snat::Off) {
        let message =
            "gateway hosts were named, and snat is \"off\"; expected no hosts, or snat=on";
        faults.add("host_ids", FieldCode::Inconsistent, message);
    }
    if hosts.len() > Gateway::HOSTS_MAX {
        let (count, most) = (hosts.len(), Gateway::HOSTS_MAX);
        let message = format!("{count} gateway hosts were named; expected at most {most}");
        faults.add("host_ids", FieldCode::OutOfRange, message);
    }
    for (at, id) in hosts.iter().enumerate() {
        let mut fault =
            |code, message: String| faults.add(&format!("host_ids[{at}]"), code, message);
        let Some(host) = intent.hosts.get(id) else {
            let message = format!("there is no host {id}; expected the id of one there is");
            fault(FieldCode::UnknownReference, message);
            continue;
        };
        let name = &host.name;
        if hosts.iter().take(at).any(|it| it == id) {
            let message = format!("the host {name} was named twice; expected each host once");
            fault(FieldCode::Duplicate, message);
        } else if host.endpoint.is_none() {
            let message = format!(
                "the host {name} has no endpoint, so others could not tell whether it lives; expected a \
                 private physical network with endpoints"
            );
            fault(FieldCode::Inconsistent, message);
        }
    }
}

/// What makes hosts fit to be gateway hosts: that the external network comes to them. Of a host that has not
/// told of its NICs nothing is known.
fn check_carriers(
    (intent, observed): (&Intent, &Observed),
    network: &Network,
    request: &GatewayCreate,
    faults: &mut Faults,
) {
    let carrier = network.segment.physical_network_id();
    let Some(physical) = intent.physical_networks.get(&carrier) else {
        return;
    };
    for (at, id) in request.host_ids.iter().enumerate() {
        let (Some(host), Some(seen)) = (intent.hosts.get(id), observed.host(*id)) else {
            continue;
        };
        let uplink = uplink_on(host, physical);
        let mut carriers = uplink.nics().iter();
        let has = carriers.any(|name| seen.nics.iter().any(|it| it.name == *name));
        if seen.nics.is_empty() || has {
            continue;
        }
        let message = format!(
            "the host {} does not have {uplink}, which carries the physical network {} of network {}; \
             expected a host that has it, or another uplink for {0}",
            host.name, physical.name, network.id
        );
        let field = format!("host_ids[{at}]");
        faults.add(&field, FieldCode::Inconsistent, message);
    }
}

fn check_overlap(intent: &Intent, router: &Router, network: &Network, faults: &mut Faults) {
    for subnet in intent.subnets_of(network.id) {
        let joined = router.network_ids.iter().copied();
        if let Some(own) = router::overlapping(intent, subnet.cidr, joined) {
            let message = format!(
                "its subnet {} overlaps {own} of the router's own networks; expected another network",
                subnet.cidr
            );
            faults.add("network_id", FieldCode::Inconsistent, message);
        }
    }
}

pub(super) fn delete(intent: &Intent, id: GatewayId) -> Outcome<Draft<()>> {
    let gateway = intent.gateways.get(&id);
    let gateway = gateway.ok_or_else(|| Problem::not_found("router gateway", id))?;
    let router = intent.routers.get(&gateway.router_id);
    let joins = |network: NetworkId| router.is_some_and(|it| it.network_ids.contains(&network));
    let needs = |bound: model::BoundTo| {
        let port = intent.ports.get(&bound.port_id);
        port.is_some_and(|port| joins(port.network_id))
    };
    let floating = || {
        let all = intent.floating_ips_of(gateway.tenant_id);
        all.filter(|it| it.network_id == gateway.network_id)
    };
    let forwarding =
        floating().find_map(|it| port_forwarding::needing(intent, it, |network| joins(network.id)));
    if let Some(forwarding) = forwarding {
        let detail = format!(
            "port {} of a floating IP is forwarded to a port behind this router; delete that first",
            forwarding.external_port
        );
        return Err(Problem::new(Code::InUse, detail));
    }
    let needing = floating().find(|it| it.bound.is_some_and(needs));
    if let Some(floating) = needing {
        let detail = format!(
            "the floating IP {} stands for a port behind this router; unbind it first",
            floating.address
        );
        return Err(Problem::new(Code::InUse, detail));
    }
    Ok(Draft {
        writes: vec![Write::Delete(Key::Gateway(id))],
        answer: (),
    })
}

/// The address of each host that has the router, or of the first gateway host for all: those that were
/// given stay, a host that is new gets one if there is any left.
fn addresses(intent: &Intent, gateway: &Gateway) -> Vec<SnatAddress> {
    let router = intent.routers.get(&gateway.router_id);
    let networks = router.into_iter().flat_map(|it| &it.network_ids);
    let hosts: BTreeSet<HostId> = match gateway.snat {
        Snat::On if !gateway.host_ids.is_empty() => {
            gateway.host_ids.first().copied().into_iter().collect()
        }
        Snat::On => networks.flat_map(|id| intent.hosts_of(*id)).collect(),
        Snat::Off => BTreeSet::new(),
    };
    let held = gateway.addresses.iter();
    let mut kept: Vec<SnatAddress> = held
        .filter(|it| hosts.contains(&it.host_id))
        .copied()
        .collect();
    let mut after = intent.clone();
    for host_id in hosts {
        if kept.iter().any(|it| it.host_id == host_id) {
            continue;
        }
        let address = next_free(&after, gateway.network_id, Family::Ipv4);
        let Some(IpAddr::V4(address)) = address else {
            break;
        };
        kept.push(SnatAddress { host_id, address });
        after.put(&Object::Gateway(Arc::new(Gateway {
            addresses: kept.clone(),
            ..gateway.clone()
        })));
    }
    kept.sort_unstable_by_key(|it| it.host_id);
    kept
}

/// The address of this version of IP that a network would give out next.
pub(super) fn next_free(intent: &Intent, network: NetworkId, family: Family) -> Option<IpAddr> {
    let wants_v6 = family == Family::Ipv6;
    let subnets = intent.subnets_of(network);
    let mut subnets = subnets.filter(|it| it.cidr.addr().is_ipv6() == wants_v6);
    subnets.find_map(|subnet| intent.next_free_address(subnet))
}

/// What has to be written for a gateway to fit the hosts that have its router now.
pub(crate) fn settled(intent: &Intent, id: GatewayId) -> Option<Write> {
    let gateway = intent.gateways.get(&id)?;
    let addresses = addresses(intent, gateway);
    let changed = addresses != gateway.addresses;
    changed.then(|| {
        put(&Gateway {
            addresses,
            ..Gateway::clone(gateway)
        })
    })
}
