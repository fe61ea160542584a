//! Floating IPs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use api::backend::Outcome;
use api::problem::{Code, FieldCode, Problem};
use api::request::{FloatingIpCreate, FloatingIpUpdate, Setting};
use model::{
    BoundTo, Family, FloatingIp, FloatingIpId, Id, MacAddr, Network, NetworkId, Port, PortId,
    Timestamp,
};

use super::faults::Faults;
use super::{address, gateway, sharing};
use crate::intent::Intent;
use crate::object::{Key, Object, Write};
use crate::writer::Draft;

pub(super) fn create(intent: &Intent, request: FloatingIpCreate) -> Outcome<Draft<FloatingIp>> {
    let mut faults = Faults::default();
    let tenant = request.tenant_id;
    faults.known("tenant_id", tenant, intent.tenants.get(&tenant));
    let network = intent.networks.get(&request.network_id);
    let network = faults.known("network_id", request.network_id, network);
    let family = family_of(&request, &mut faults);
    if let Some(network) = network {
        gateway::check_network(intent, (network, family), &mut faults);
        sharing::check_user("network_id", network, tenant, &mut faults);
        check_address(intent, network, request.address, &mut faults);
    }
    let asked = FloatingIp {
        id: Id::generate(),
        tenant_id: tenant,
        network_id: request.network_id,
        address: request.address.unwrap_or(unspecified(family)),
        bound: None,
        created_at: Timestamp::now(),
    };
    let bound = match request.port_id {
        Some(port) => bind(intent, &asked, (port, request.port_address), &mut faults),
        None => {
            refuse_address(request.port_address, &mut faults);
            None
        }
    };
    faults.check()?;
    let address = request.address;
    let address = address.or_else(|| gateway::next_free(intent, request.network_id, family));
    let address = address.ok_or_else(|| {
        let detail = format!(
            "every {} address of the pools of network {} is in use or kept; give one back first",
            family.name(),
            request.network_id
        );
        Problem::new(Code::Exhausted, detail)
    })?;
    if let Some(twin) = twin(intent, request.network_id, address) {
        let detail = format!(
            "the next free address, {address}, ends with the same four bytes as {twin}, which is lent \
             already; choose another by name"
        );
        return Err(Problem::new(Code::Exhausted, detail));
    }
    Ok(put(FloatingIp {
        address,
        bound,
        ..asked
    }))
}

fn put(floating: FloatingIp) -> Draft<FloatingIp> {
    Draft {
        writes: vec![write(floating.clone())],
        answer: floating,
    }
}

fn write(floating: FloatingIp) -> Write {
    Write::Put(Object::FloatingIp(Arc::new(floating)))
}

/// Which version of IP is asked for; notes where the request contradicts itself.
fn family_of(request: &FloatingIpCreate, faults: &mut Faults) -> Family {
    let named = request.address.or(request.port_address).map(Family::of);
    if let (Some(asked), Some(named)) = (request.family, named)
        && asked != named
    {
        let message = format!(
            "got {}, and an address of {}; expected one or the other",
            asked.name(),
            named.name()
        );
        faults.add("family", FieldCode::Inconsistent, message);
    }
    named.or(request.family).unwrap_or(Family::Ipv4)
}

const fn unspecified(family: Family) -> IpAddr {
    match family {
        Family::Ipv4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        Family::Ipv6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}

/// An address that is asked for by name.
fn check_address(intent: &Intent, network: &Network, asked: Option<IpAddr>, faults: &mut Faults) {
    let Some(asked) = asked else {
        return;
    };
    if let Err((code, message)) = address::check_one(intent, (network, None), asked) {
        faults.add("address", code, message);
    } else if let Some(twin) = twin(intent, network.id, asked) {
        let message = format!(
            "{asked} ends with the same four bytes as {twin}, which is lent already, and would be behind \
             the same Ethernet address; choose another"
        );
        faults.add("address", FieldCode::Duplicate, message);
    }
}

/// Another address of the network that would be behind the same Ethernet address.
fn twin(intent: &Intent, network: NetworkId, address: IpAddr) -> Option<IpAddr> {
    let mut alike = intent.lent_behind(network, MacAddr::public(address));
    alike.find(|it| *it != address)
}

/// An address of a port says nothing without the port.
fn refuse_address(address: Option<IpAddr>, faults: &mut Faults) {
    if let Some(address) = address {
        let message = format!("got {address} without port_id; give the port whose address it is");
        faults.add("port_address", FieldCode::Inconsistent, message);
    }
}

/// What a floating IP is to stand for; notes every reason why it cannot.
fn bind(
    intent: &Intent,
    floating: &FloatingIp,
    asked: (PortId, Option<IpAddr>),
    faults: &mut Faults,
) -> Option<BoundTo> {
    let bound = target(intent, floating, asked, faults);
    if let Some(bound) = bound {
        check_known_as(intent, floating, bound, faults);
    }
    if let Some(other) = intent.port_forwardings_of(floating.id).next() {
        let message = format!(
            "ports of {} are forwarded, among others to port {}; delete these forwardings first",
            floating.address, other.port_id
        );
        faults.add("port_id", FieldCode::Inconsistent, message);
    }
    bound
}

/// Which address of a port outside is to stand for, in part or as a whole; notes every reason why none
/// can.
pub(super) fn target(
    intent: &Intent,
    floating: &FloatingIp,
    (port, inner): (PortId, Option<IpAddr>),
    faults: &mut Faults,
) -> Option<BoundTo> {
    let port = faults.known("port_id", port, intent.ports.get(&port))?;
    let id = port.id;
    let mut fault = |code, message: String| faults.add("port_id", code, message);
    if port.tenant_id != floating.tenant_id {
        let message = format!(
            "port {id} belongs to the tenant {}; expected one of the floating IP's",
            port.tenant_id
        );
        fault(FieldCode::Inconsistent, message);
    }
    let leads = intent.way_out_of(port.network_id).map(|it| it.network_id);
    if leads != Some(floating.network_id) {
        let message = format!(
            "no router leads from the network {} of port {id} to the network {}; set its gateway first",
            port.network_id, floating.network_id
        );
        fault(FieldCode::Inconsistent, message);
    }
    let address = match inner {
        Some(inner) => inner,
        None => match first(port, floating.address) {
            Some(first) => first,
            None => {
                let family = Family::of(floating.address).name();
                let message = format!("port {id} has no {family} address to stand for");
                fault(FieldCode::Inconsistent, message);
                return None;
            }
        },
    };
    if !port.addresses.contains(&address) {
        let message = format!("port {id} does not have {address}; expected an address of it");
        faults.add("port_address", FieldCode::Inconsistent, message);
    } else if address.is_ipv6() != floating.address.is_ipv6() {
        let message = format!(
            "{address} is not of the same version of IP as the floating IP; expected one that is"
        );
        faults.add("port_address", FieldCode::Inconsistent, message);
    }
    Some(BoundTo {
        port_id: id,
        address,
    })
}

/// The first of its addresses of the same version of IP.
fn first(port: &Port, outside: IpAddr) -> Option<IpAddr> {
    let mut all = port.addresses.iter().copied();
    all.find(|it| it.is_ipv6() == outside.is_ipv6())
}

/// An address of a port is known outside by one address, or by ports of one.
fn check_known_as(intent: &Intent, floating: &FloatingIp, bound: BoundTo, faults: &mut Faults) {
    let BoundTo {
        port_id: id,
        address,
    } = bound;
    let mut forwardings = intent.port_forwardings_at(id);
    if let Some(other) = forwardings.find(|it| IpAddr::from(it.port_address) == address) {
        let message = format!(
            "{} {} of a floating IP stands for {address} of port {id} already; delete that first",
            other.protocol, other.external_port
        );
        faults.add("port_id", FieldCode::Duplicate, message);
    }
    let mut others = intent.floating_ips_at(id);
    let taken = |it: &&Arc<FloatingIp>| {
        it.id != floating.id && it.bound.is_some_and(|bound| bound.address == address)
    };
    if let Some(other) = others.find(taken) {
        let message = format!(
            "the floating IP {} stands for {address} of port {id} already; unbind it first",
            other.address
        );
        faults.add("port_id", FieldCode::Duplicate, message);
    }
}

pub(super) fn update(
    intent: &Intent,
    id: FloatingIpId,
    request: FloatingIpUpdate,
) -> Outcome<Draft<FloatingIp>> {
    let floating = intent.floating_ips.get(&id);
    let floating = floating.ok_or_else(|| Problem::not_found("floating ip", id))?;
    let mut faults = Faults::default();
    let bound = match request.port_id {
        Setting::To(port) => bind(intent, floating, (port, request.port_address), &mut faults),
        Setting::Removed => {
            refuse_address(request.port_address, &mut faults);
            None
        }
        Setting::Kept => {
            refuse_address(request.port_address, &mut faults);
            floating.bound
        }
    };
    faults.check()?;
    let mut draft = put(FloatingIp {
        bound,
        ..FloatingIp::clone(floating)
    });
    if bound == floating.bound {
        draft.writes.clear();
    }
    Ok(draft)
}

pub(super) fn delete(intent: &Intent, id: FloatingIpId) -> Outcome<Draft<()>> {
    let floating = intent.floating_ips.get(&id);
    let floating = floating.ok_or_else(|| Problem::not_found("floating ip", id))?;
    let forwarded = intent.port_forwardings_of(id).count();
    if forwarded > 0 {
        let address = floating.address;
        let detail = format!("{forwarded} ports of {address} are forwarded; delete these first");
        return Err(Problem::new(Code::InUse, detail));
    }
    Ok(Draft {
        writes: vec![Write::Delete(Key::FloatingIp(id))],
        answer: (),
    })
}

/// The floating IPs of a port that stand for an address which it has no more.
pub(crate) fn unbound(intent: &Intent, port: PortId) -> Vec<Write> {
    let held = intent.ports.get(&port);
    let has = |address: IpAddr| held.is_some_and(|port| port.addresses.contains(&address));
    let stale = intent.floating_ips_at(port);
    let stale = stale.filter(|it| it.bound.is_some_and(|bound| !has(bound.address)));
    stale
        .map(|it| {
            write(FloatingIp {
                bound: None,
                ..FloatingIp::clone(it)
            })
        })
        .collect()
}
