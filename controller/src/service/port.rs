//! Ports, their addresses, and the hosts they are bound to.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use api::backend::Outcome;
use api::problem::{Code, FieldCode, Problem};
use api::request::PortCreate;
use api::resource::PortView;
use model::{
    AddressRange, HostId, Id, Instance, MacAddr, Network, Port, PortId, PortStatus, TenantId,
    Timestamp,
};
use ring::rand::{SecureRandom, SystemRandom};

use super::faults::Faults;
use super::{security_group, sharing};
use crate::intent::Intent;
use crate::object::{Key, Noun, Object, Write};
use crate::writer::Draft;

/// The most addresses of a port: its flows and its plan item grow with them.
const ADDRESSES_MAX: usize = 8;

pub(super) fn create(intent: &Intent, request: PortCreate) -> Outcome<Draft<PortView>> {
    let mut faults = Faults::default();
    let network = intent.networks.get(&request.network_id);
    let network = faults.known("network_id", request.network_id, network);
    if let Some(network) = network {
        check(intent, network, &request, &mut faults);
    }
    if let Some(host) = request.host_id {
        faults.known("host_id", host, intent.hosts.get(&host));
    }
    let network = faults.require(network)?;
    let owner = request.tenant_id.unwrap_or(network.tenant_id);
    let mut port = new(intent, (network, owner), request.mac)?;
    port.addresses = match request.addresses {
        Some(addresses) => addresses,
        None => allocate(intent, network)?,
    };
    if let Some(groups) = request.security_group_ids {
        port.security_group_ids = groups;
    }
    port.name = request.name;
    port.host_id = request.host_id;
    Ok(Draft {
        writes: vec![Write::Put(Object::Port(Arc::new(port.clone())))],
        answer: PortView {
            port,
            status: PortStatus::default(),
        },
    })
}

fn check(intent: &Intent, network: &Network, request: &PortCreate, faults: &mut Faults) {
    let owner = request.tenant_id.unwrap_or(network.tenant_id);
    if faults
        .known("tenant_id", owner, intent.tenants.get(&owner))
        .is_some()
    {
        sharing::check_user("network_id", network, owner, faults);
    }
    if let Some(name) = &request.name {
        faults.unique_name(intent, Some(owner), Noun::Port, name);
    }
    let groups = request.security_group_ids.as_deref().unwrap_or_default();
    security_group::check_ids(intent, owner, groups, faults);
    if let Some(mac) = request.mac
        && let Some(owner) = intent.port_with_mac(network.id, mac)
    {
        let message = format!("the port {owner} of this network has {mac}; choose another");
        faults.add("mac", FieldCode::Duplicate, message);
    }
    let own = MacAddr::gateway(network.number);
    let mut gateways = network.sharing.gateway_macs.iter().chain([&own]);
    if let Some(gateway) = gateways.find(|mac| request.mac == Some(**mac)) {
        let message = format!("{gateway} is kept for the network's gateway; choose another");
        faults.add("mac", FieldCode::Inconsistent, message);
    }
    if let Some(mac) = request.mac.filter(|mac| mac.is_a_routers()) {
        let message = format!("{mac} is one that hosts route with; choose another");
        faults.add("mac", FieldCode::Inconsistent, message);
    }
    let addresses = request.addresses.as_deref().unwrap_or_default();
    if addresses.len() > ADDRESSES_MAX {
        let message = format!(
            "got {} addresses; expected at most {ADDRESSES_MAX}",
            addresses.len()
        );
        faults.add("addresses", FieldCode::OutOfRange, message);
        return;
    }
    let mut seen = BTreeSet::new();
    for (index, address) in addresses.iter().enumerate() {
        let field = format!("addresses[{index}]");
        if !seen.insert(address) {
            let message = format!("{address} is in the list twice; give it once");
            faults.add(&field, FieldCode::Duplicate, message);
            continue;
        }
        if let Err((code, message)) = check_address(intent, network, *address) {
            faults.add(&field, code, message);
        }
    }
}

fn check_address(
    intent: &Intent,
    network: &Network,
    address: IpAddr,
) -> Result<(), (FieldCode, String)> {
    let Some(subnet) = intent.subnet_with(network.id, address) else {
        let message = format!(
            "{address} is in no subnet of network {}; make one that holds it first",
            network.id
        );
        return Err((FieldCode::Inconsistent, message));
    };
    let hosts = AddressRange::of_hosts(subnet.cidr);
    if !hosts.contains(address) {
        let message = format!(
            "got {address}; expected one from {} to {}",
            hosts.first, hosts.last
        );
        return Err((FieldCode::OutOfRange, message));
    }
    if address == subnet.gateway {
        let message = format!(
            "{address} is kept for the gateway of {}; choose another",
            subnet.cidr
        );
        return Err((FieldCode::Inconsistent, message));
    }
    match intent.port_with_address(network.id, address) {
        None => Ok(()),
        Some(owner) => {
            let message = format!("the port {owner} of this network has {address}; choose another");
            Err((FieldCode::Duplicate, message))
        }
    }
}

/// A port of the tenant on the network, with an Ethernet address and nothing else.
fn new(
    intent: &Intent,
    (network, tenant_id): (&Network, TenantId),
    mac: Option<MacAddr>,
) -> Outcome<Port> {
    let mac = match mac {
        Some(mac) => mac,
        None => unused_mac(intent, network)?,
    };
    Ok(Port {
        id: Id::generate(),
        tenant_id,
        network_id: network.id,
        name: None,
        mac,
        addresses: Vec::new(),
        security_group_ids: security_group::default_ids(intent, tenant_id),
        host_id: None,
        on_trunk: None,
        instance_id: None,
        created_at: Timestamp::now(),
    })
}

/// Of 2⁴⁰ addresses, so the first is free but for bad luck.
fn unused_mac(intent: &Intent, network: &Network) -> Outcome<MacAddr> {
    let random = SystemRandom::new();
    loop {
        let mut bits = [0; 8];
        let filled = random.fill(&mut bits);
        filled.map_err(|_| Problem::new(Code::Internal, "the system gives no random bytes"))?;
        let mac = MacAddr::local(u64::from_ne_bytes(bits));
        let gateways = &network.sharing.gateway_macs;
        if intent.port_with_mac(network.id, mac).is_none() && !gateways.contains(&mac) {
            return Ok(mac);
        }
    }
}

/// The lowest free address of every subnet of the network.
fn allocate(intent: &Intent, network: &Network) -> Outcome<Vec<IpAddr>> {
    let subnets = intent.subnets_of(network.id);
    let lowest = subnets.map(|subnet| {
        intent.lowest_free_address(subnet).ok_or_else(|| {
            let detail = format!(
                "every address of {} in subnet {} is in use; delete a port",
                subnet.cidr, subnet.id
            );
            Problem::new(Code::Exhausted, detail)
        })
    });
    lowest.collect()
}

/// A port for an instance, made and deleted with it.
pub(super) fn of_instance(
    intent: &Intent,
    network: &Network,
    instance: &Instance,
) -> Outcome<Port> {
    Ok(Port {
        addresses: allocate(intent, network)?,
        host_id: Some(instance.host_id),
        instance_id: Some(instance.id),
        ..new(intent, (network, instance.tenant_id), None)?
    })
}

/// The port as it is when bound to this host, and its sub-ports with it.
pub(super) fn bound(intent: &Intent, port: &Port, host: HostId) -> Vec<Write> {
    let with_it = intent.sub_ports_of(port.id).map(|it| &**it);
    let ports = std::iter::once(port).chain(with_it);
    let bound = ports.map(|port| {
        Write::Put(Object::Port(Arc::new(Port {
            host_id: Some(host),
            ..port.clone()
        })))
    });
    bound.collect()
}

/// Refuses to delete a port that is a trunk.
pub(super) fn require_no_sub_ports(intent: &Intent, id: PortId) -> Outcome<()> {
    let Some(first) = intent.sub_ports_of(id).next() else {
        return Ok(());
    };
    let detail = format!(
        "port {id} is a trunk with the sub-port {}; remove its sub-ports first",
        first.id
    );
    Err(Problem::new(Code::InUse, detail))
}

pub(super) fn delete(intent: &Intent, id: PortId) -> Outcome<Draft<()>> {
    if !intent.ports.contains_key(&id) {
        return Err(Problem::not_found("port", id));
    }
    if let Some(user) = intent.instance_with(id) {
        let detail = format!(
            "port {id} is used by instance {}; delete the instance first",
            user.instance.id
        );
        return Err(Problem::new(Code::InUse, detail));
    }
    require_no_sub_ports(intent, id)?;
    Ok(Draft {
        writes: vec![Write::Delete(Key::Port(id))],
        answer: (),
    })
}
