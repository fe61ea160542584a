//! Ports, their addresses, and the hosts they are bound to.

use std::fmt::Display;
use std::net::IpAddr;
use std::sync::Arc;

use api::backend::Outcome;
use api::problem::{Code, FieldCode, Problem};
use api::request::{PortCreate, PortUpdate};
use model::{
    AddressPair, HostId, Id, Instance, Limits, MacAddr, Network, Port, PortId, SpoofGuard,
    TenantId, Timestamp,
};
use ring::rand::{SecureRandom, SystemRandom};

use super::faults::Faults;
use super::limits::{self, Limited};
use super::pair::Holder;
use super::{address, pair, quarantine, security_group, sharing};
use crate::fleet::Observed;
use crate::intent::Intent;
use crate::object::{Key, Noun, Object, Write};
use crate::writer::Draft;

pub(super) fn create(
    intent: &Intent,
    request: PortCreate,
    observed: &Observed,
) -> Outcome<Draft<Port>> {
    let mut faults = Faults::default();
    let network = intent.networks.get(&request.network_id);
    let network = faults.known("network_id", request.network_id, network);
    if let Some(network) = network {
        check(intent, network, &request, &mut faults);
        let limited = Limited::new(request.limits).over(network.limits);
        limits::check(intent, &limited, observed, &mut faults);
    }
    if let Some(host) = request.host_id {
        faults.known("host_id", host, intent.hosts.get(&host));
    }
    let network = faults.require(network)?;
    let owner = request.tenant_id.unwrap_or(network.tenant_id);
    let mut port = new(intent, (network, owner), request.mac)?;
    port.addresses = match request.addresses {
        Some(addresses) => addresses,
        None => {
            // What the port may send from besides is not for its own address.
            let mut with_pairs = intent.clone();
            port.allowed.clone_from(&request.allowed);
            with_pairs.put(&Object::Port(Arc::new(port.clone())));
            address::allocate(&with_pairs, network)?
        }
    };
    if let Some(groups) = request.security_group_ids {
        port.security_group_ids = groups;
    }
    port.name = request.name;
    port.host_id = request.host_id;
    port.allowed = request.allowed;
    port.spoof_guard = request.spoof_guard.unwrap_or_default();
    port.limits = request.limits;
    Ok(put(port))
}

fn put(port: Port) -> Draft<Port> {
    Draft {
        writes: vec![Write::Put(Object::Port(Arc::new(port.clone())))],
        answer: port,
    }
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
    sharing::check_guard(network, request.spoof_guard.unwrap_or_default(), faults);
    let groups = request.security_group_ids.as_deref().unwrap_or_default();
    security_group::check_ids(intent, owner, groups, faults);
    if let Some(mac) = request.mac {
        check_mac(intent, network, mac, faults);
    }
    let addresses = request.addresses.as_deref().unwrap_or_default();
    if addresses.len() > Port::ADDRESSES_MAX {
        address::check_count("addresses", addresses.len(), faults);
        return;
    }
    address::check(intent, (network, None), ("addresses", addresses), faults);
    let holder = Holder {
        network,
        id: None,
        mac: request.mac,
        addresses,
    };
    pair::check(intent, &holder, ("allowed", &request.allowed), faults);
}

fn check_mac(intent: &Intent, network: &Network, mac: MacAddr, faults: &mut Faults) {
    let owner = intent.port_with_mac(network.id, mac);
    if let Some(owner) = owner.or_else(|| intent.port_with_virtual_mac(network.id, mac)) {
        let message = format!("the port {owner} of this network has {mac}; choose another");
        faults.add("mac", FieldCode::Duplicate, message);
    }
    if mac.is_a_routers() || mac.is_public() {
        let message = format!("{mac} is one that hosts route with; choose another");
        faults.add("mac", FieldCode::Inconsistent, message);
    }
    if sharing::is_gateway(network, mac) {
        let message = format!("{mac} is kept for the network's gateway; choose another");
        faults.add("mac", FieldCode::Inconsistent, message);
    }
}

/// What a port is to be, and under which names its new parts were asked for.
pub(super) fn update(
    intent: &Intent,
    id: PortId,
    request: PortUpdate,
    observed: &Observed,
) -> Outcome<Draft<Port>> {
    let port = intent.ports.get(&id);
    let port = port.ok_or_else(|| Problem::not_found("port", id))?;
    let mut faults = Faults::default();
    let network = intent.networks.get(&port.network_id);
    let network = faults.known("network_id", port.network_id, network);
    let network = faults.require(network)?;
    let mut faults = Faults::default();
    let (addresses, pairs) = (request.addresses, request.allowed);
    let addresses = Change::new(
        "addresses",
        addresses.whole,
        addresses.add,
        addresses.remove,
    );
    let groups = request.security_group_ids;
    let pairs = Change::new("allowed", pairs.whole, pairs.add, pairs.remove);
    let changed = Port {
        addresses: addresses.of(&port.addresses, &mut faults),
        allowed: pairs.of(&port.allowed, &mut faults),
        spoof_guard: request.spoof_guard.unwrap_or(port.spoof_guard),
        limits: request.limits.of(port.limits),
        security_group_ids: groups.unwrap_or_else(|| port.security_group_ids.clone()),
        ..Port::clone(port)
    };
    let groups = &changed.security_group_ids;
    security_group::check_ids(intent, port.tenant_id, groups, &mut faults);
    sharing::check_guard(network, changed.spoof_guard, &mut faults);
    let limited = Limited::new(changed.limits).over(network.limits);
    limits::check(intent, &limited.before(port.limits), observed, &mut faults);
    address::check_count(&addresses.field(), changed.addresses.len(), &mut faults);
    let fresh: &[IpAddr] = addresses.fresh();
    address::check(
        intent,
        (network, Some(id)),
        (&addresses.field(), fresh),
        &mut faults,
    );
    let holder = Holder {
        network,
        id: Some(id),
        mac: Some(port.mac),
        addresses: &changed.addresses,
    };
    // What a port has already is checked again: its addresses may be others now.
    pair::check(
        intent,
        &holder,
        (&pairs.field(), &changed.allowed),
        &mut faults,
    );
    faults.check()?;
    let nothing = changed == **port;
    let lost = port.addresses.iter();
    let lost = lost.filter(|it| !changed.addresses.contains(it));
    let lost: Vec<IpAddr> = lost.copied().collect();
    let mut draft = put(changed);
    draft.writes.extend(quarantine::of(intent, port, &lost));
    if nothing {
        draft.writes.clear();
    }
    Ok(draft)
}

/// How a list of a port, or of whatever else has one, changes: it is given anew, or values are added
/// and removed.
pub(super) struct Change<T> {
    noun: &'static str,
    name: &'static str,
    whole: Option<Vec<T>>,
    add: Vec<T>,
    remove: Vec<T>,
}

impl<T: Clone + PartialEq + Display> Change<T> {
    pub(super) const fn new(
        name: &'static str,
        whole: Option<Vec<T>>,
        add: Vec<T>,
        remove: Vec<T>,
    ) -> Self {
        Self {
            noun: "port",
            name,
            whole,
            add,
            remove,
        }
    }

    /// The same, of something other than a port.
    pub(super) fn of_a(self, noun: &'static str) -> Self {
        Self { noun, ..self }
    }

    /// The field that new values are given in.
    pub(super) fn field(&self) -> String {
        match self.whole {
            Some(_) => self.name.to_owned(),
            None => format!("add_{}", self.name),
        }
    }

    /// The values that are given.
    pub(super) fn fresh(&self) -> &[T] {
        self.whole.as_deref().unwrap_or(&self.add)
    }

    /// The list that comes of it.
    pub(super) fn of(&self, held: &[T], faults: &mut Faults) -> Vec<T> {
        let Self { noun, name, .. } = self;
        if let Some(whole) = &self.whole {
            if !self.add.is_empty() || !self.remove.is_empty() {
                let message = format!(
                    "got all {name} and a change of them; expected either {name}, or \
                     add_{name} and remove_{name}"
                );
                faults.add(name, FieldCode::Inconsistent, message);
            }
            return whole.clone();
        }
        for (index, value) in self.remove.iter().enumerate() {
            if !held.contains(value) {
                let field = format!("remove_{name}[{index}]");
                let message = format!("the {noun} does not have {value}; expected one that it has");
                faults.add(&field, FieldCode::UnknownReference, message);
            }
        }
        for (index, value) in self.add.iter().enumerate() {
            if held.contains(value) {
                let field = format!("add_{name}[{index}]");
                let message = format!("the {noun} has {value} already; leave it out");
                faults.add(&field, FieldCode::Duplicate, message);
            }
        }
        let kept = held.iter().filter(|value| !self.remove.contains(value));
        kept.chain(&self.add).cloned().collect()
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
        allowed: Vec::<AddressPair>::new(),
        spoof_guard: SpoofGuard::On,
        limits: Limits::default(),
        security_group_ids: security_group::default_ids(intent, tenant_id),
        host_id: None,
        on_trunk: None,
        migration: None,
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
        let owner = intent.port_with_mac(network.id, mac);
        let owner = owner.or_else(|| intent.port_with_virtual_mac(network.id, mac));
        if owner.is_none() && !sharing::is_gateway(network, mac) {
            return Ok(mac);
        }
    }
}

/// A port for an instance, made and deleted with it.
pub(super) fn of_instance(
    intent: &Intent,
    network: &Network,
    instance: &Instance,
) -> Outcome<Port> {
    Ok(Port {
        addresses: address::allocate(intent, network)?,
        host_id: Some(instance.host_id),
        instance_id: Some(instance.id),
        ..new(intent, (network, instance.tenant_id), None)?
    })
}

/// The port as it is when bound to this host, or to none, and its sub-ports with it.
pub(super) fn bound(intent: &Intent, port: &Port, host_id: Option<HostId>) -> Vec<Write> {
    let with_it = intent.sub_ports_of(port.id).map(|it| &**it);
    let ports = std::iter::once(port).chain(with_it);
    let bound = ports.map(|port| {
        Write::Put(Object::Port(Arc::new(Port {
            host_id,
            migration: None,
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
    let port = intent.ports.get(&id);
    let port = port.ok_or_else(|| Problem::not_found("port", id))?;
    if let Some(user) = intent.instance_with(id) {
        let detail = format!(
            "port {id} is used by instance {}; delete the instance first",
            user.instance.id
        );
        return Err(Problem::new(Code::InUse, detail));
    }
    require_no_sub_ports(intent, id)?;
    let writes = deletion(intent, port);
    Ok(Draft { writes, answer: () })
}

/// The port goes; its addresses are kept while it may still be used.
pub(super) fn deletion(intent: &Intent, port: &Port) -> Vec<Write> {
    let mut writes = quarantine::of(intent, port, &port.addresses);
    writes.push(Write::Delete(Key::Port(port.id)));
    writes
}
