//! Instances and the ports that are made with them.

pub(super) mod moving;

use std::collections::BTreeSet;
use std::sync::Arc;

use api::backend::Outcome;
use api::problem::{FieldCode, Problem};
use api::request::{InstanceCreate, InstanceUpdate};
use api::resource::InstanceView;
use model::{
    Driver, HostId, Id, Instance, InstanceId, InstanceStatus, Network, Port, PortId, Power,
    TenantId, Timestamp,
};

use super::faults::Faults;
use super::{port, security_group, sharing};
use crate::fleet::Observed;
use crate::intent::Intent;
use crate::object::{Key, Noun, Object, PluggedInstance, Write};
use crate::writer::Draft;

/// The most VIFs of an instance: its item of the plan must stay small.
const INTERFACES_MAX: usize = 16;

/// What is said of an instance whose host has said nothing of it yet.
pub(super) const NOT_REPORTED: InstanceStatus = InstanceStatus {
    running: false,
    handle: None,
    reason: None,
};

/// What an instance is made of, once it is checked.
struct Parts {
    host: HostId,
    networks: Vec<Arc<Network>>,
    ports: Vec<Arc<Port>>,
}

/// `connected`: the hosts that could start it at once.
pub(super) fn create(
    intent: &Intent,
    request: InstanceCreate,
    connected: &[HostId],
) -> Outcome<Draft<InstanceView>> {
    let parts = check(intent, &request, connected)?;
    let instance = Instance {
        id: Id::generate(),
        tenant_id: request.tenant_id,
        name: request.name,
        host_id: parts.host,
        driver: match request.boot {
            Some(_) => Driver::Libvirt,
            None => Driver::Netns,
        },
        boot: request.boot.clone(),
        power: request.power,
        migration: None,
        stayed: None,
        created_at: Timestamp::now(),
    };
    // Each port is decided in view of those before it, so no two get the same address.
    let mut with_ports = intent.clone();
    let mut writes = Vec::new();
    let mut port_ids = Vec::new();
    for network in &parts.networks {
        let mut port = port::of_instance(&with_ports, network, &instance)?;
        if let Some(groups) = &request.security_group_ids {
            port.security_group_ids.clone_from(groups);
        }
        port_ids.push(port.id);
        let object = Object::Port(Arc::new(port));
        with_ports.put(&object);
        writes.push(Write::Put(object));
    }
    for port in &parts.ports {
        port_ids.push(port.id);
        writes.extend(port::bound(intent, port, Some(parts.host)));
    }
    writes.push(Write::Put(Object::Instance(Arc::new(PluggedInstance {
        instance: instance.clone(),
        port_ids: port_ids.clone(),
    }))));
    let status = NOT_REPORTED;
    let answer = InstanceView {
        instance,
        port_ids,
        status,
    };
    Ok(Draft { writes, answer })
}

fn check(intent: &Intent, request: &InstanceCreate, connected: &[HostId]) -> Outcome<Parts> {
    let mut faults = Faults::default();
    let tenant = request.tenant_id;
    faults.known("tenant_id", tenant, intent.tenants.get(&tenant));
    faults.unique_name(intent, Some(tenant), Noun::Instance, &request.name);
    let host = host(intent, request.host_id, connected, &mut faults);
    if request.network_ids.len() + request.port_ids.len() > INTERFACES_MAX {
        let (networks, ports) = (request.network_ids.len(), request.port_ids.len());
        let message = format!(
            "got {networks}, and {ports} port_ids; expected at most {INTERFACES_MAX} together"
        );
        faults.add("network_ids", FieldCode::OutOfRange, message);
        return faults.require(None);
    }
    let networks = networks(intent, request, &mut faults);
    let ports = ports(intent, request, &mut faults);
    let groups = request.security_group_ids.as_deref().unwrap_or_default();
    security_group::check_ids(intent, tenant, groups, &mut faults);
    let host = faults.require(host)?;
    Ok(Parts {
        host,
        networks,
        ports,
    })
}

/// The host asked for, or the connected one with the fewest instances.
fn host(
    intent: &Intent,
    asked: Option<HostId>,
    connected: &[HostId],
    faults: &mut Faults,
) -> Option<HostId> {
    if let Some(id) = asked {
        let found = intent.hosts.get(&id).map(|host| host.id);
        return faults.known("host_id", id, found);
    }
    let fewest = connected
        .iter()
        .copied()
        .min_by_key(|host| intent.instances_on(*host).count());
    if fewest.is_none() {
        let message = "is missing, and no host is connected to take; say which is to run it";
        faults.add("host_id", FieldCode::Required, message);
    }
    fewest
}

fn networks(intent: &Intent, request: &InstanceCreate, faults: &mut Faults) -> Vec<Arc<Network>> {
    let mut networks = Vec::new();
    for (index, id) in request.network_ids.iter().enumerate() {
        let field = format!("network_ids[{index}]");
        match intent.networks.get(id) {
            None => {
                let message = format!("there is no network {id}; expected the id of one there is");
                faults.add(&field, FieldCode::UnknownReference, message);
            }
            Some(network) => {
                sharing::check_user(&field, network, request.tenant_id, faults);
                networks.push(network.clone());
            }
        }
    }
    networks
}

fn ports(intent: &Intent, request: &InstanceCreate, faults: &mut Faults) -> Vec<Arc<Port>> {
    let mut ports = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, id) in request.port_ids.iter().enumerate() {
        let field = format!("port_ids[{index}]");
        let Some(port) = intent.ports.get(id) else {
            let message = format!("there is no port {id}; expected the id of one there is");
            faults.add(&field, FieldCode::UnknownReference, message);
            continue;
        };
        check_owner((&field, *id), port.tenant_id, request.tenant_id, faults);
        if let Some(user) = intent.instance_with(*id) {
            let message = format!(
                "{id} is used by the instance {}; choose another",
                user.instance.id
            );
            faults.add(&field, FieldCode::Duplicate, message);
        }
        if let Some(on_trunk) = port.on_trunk {
            let trunk = on_trunk.trunk_id;
            let message = format!("{id} is a sub-port, which comes with its trunk {trunk}");
            faults.add(&field, FieldCode::Inconsistent, message);
        }
        if !seen.insert(id) {
            let message = format!("{id} is in the list twice; give it once");
            faults.add(&field, FieldCode::Duplicate, message);
        }
        ports.push(port.clone());
    }
    ports
}

/// An instance has ports of its own tenant, never of another.
fn check_owner(
    (field, id): (&str, PortId),
    owner: TenantId,
    tenant: TenantId,
    faults: &mut Faults,
) {
    if owner != tenant {
        let message = format!(
            "{id} belongs to the tenant {owner}; expected one of the instance's tenant, {tenant}"
        );
        faults.add(field, FieldCode::Inconsistent, message);
    }
}

/// Whether an instance is to run, and where.
pub(super) fn update(
    intent: &Intent,
    id: InstanceId,
    request: InstanceUpdate,
    observed: &Observed,
) -> Outcome<Draft<PluggedInstance>> {
    let plugged = intent.instances.get(&id);
    let plugged = plugged.ok_or_else(|| Problem::not_found("instance", id))?;
    let mut answer = PluggedInstance::clone(plugged);
    answer.instance.power = request.power.unwrap_or(answer.instance.power);
    if answer.instance.power == Power::Off {
        moving::require_rest(&plugged.instance)?;
    }
    let mut writes = Vec::new();
    if let Some(to) = request.host_id {
        writes = moving::go(intent, &mut answer, to, observed)?;
    }
    if answer != **plugged {
        writes.push(Write::Put(Object::Instance(Arc::new(answer.clone()))));
    }
    Ok(Draft { writes, answer })
}

pub(super) fn delete(intent: &Intent, id: InstanceId) -> Outcome<Draft<()>> {
    let plugged = intent.instances.get(&id);
    let plugged = plugged.ok_or_else(|| Problem::not_found("instance", id))?;
    moving::require_rest(&plugged.instance)?;
    let made_with_it = |port: &&Arc<Port>| port.instance_id == Some(id);
    let ports = plugged
        .port_ids
        .iter()
        .filter_map(|id| intent.ports.get(id));
    let mut writes = Vec::new();
    for port in ports.filter(made_with_it) {
        port::require_no_sub_ports(intent, port.id)?;
        writes.extend(port::deletion(intent, port));
    }
    writes.push(Write::Delete(Key::Instance(id)));
    Ok(Draft { writes, answer: () })
}
