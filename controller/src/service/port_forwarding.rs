//! Port forwardings.

use std::net::IpAddr;
use std::num::NonZeroU16;
use std::sync::Arc;

use api::backend::Outcome;
use api::problem::{FieldCode, Problem};
use api::request::PortForwardingCreate;
use model::{
    BoundTo, FloatingIp, ForwardedProtocol, Id, Network, PortForwarding, PortForwardingId, PortId,
    Timestamp,
};

use super::faults::Faults;
use super::floating_ip;
use crate::intent::Intent;
use crate::object::{Key, Object, Write};
use crate::writer::Draft;

/// The ports of DHCP, which no VIF speaks as a server and none hears from outside.
const DHCP_SERVER: u16 = 67;
const DHCP_CLIENT: u16 = 68;

pub(super) fn create(
    intent: &Intent,
    request: &PortForwardingCreate,
) -> Outcome<Draft<PortForwarding>> {
    let mut faults = Faults::default();
    let internal_port = request.internal_port.unwrap_or(request.external_port);
    check_ports(request, internal_port, &mut faults);
    let id = request.floating_ip_id;
    let floating = faults.known("floating_ip_id", id, intent.floating_ips.get(&id));
    let Some(floating) = floating else {
        let port = intent.ports.get(&request.port_id);
        faults.known("port_id", request.port_id, port);
        return faults.require(None);
    };
    check_outside(intent, floating, request, &mut faults);
    let asked = (request.port_id, request.port_address.map(IpAddr::from));
    let target = floating_ip::target(intent, floating, asked, &mut faults);
    if let Some(target) = target {
        check_inside(
            intent,
            target,
            (request.protocol, internal_port),
            &mut faults,
        );
        check_router(intent, floating, target.port_id, &mut faults);
    }
    let inside = target.and_then(|it| match it.address {
        IpAddr::V4(address) => Some((it.port_id, address)),
        IpAddr::V6(_) => None,
    });
    let (port_id, port_address) = faults.require(inside)?;
    let forwarding = PortForwarding {
        id: Id::generate(),
        tenant_id: floating.tenant_id,
        floating_ip_id: floating.id,
        protocol: request.protocol,
        external_port: request.external_port,
        port_id,
        port_address,
        internal_port,
        created_at: Timestamp::now(),
    };
    Ok(Draft {
        writes: vec![Write::Put(Object::PortForwarding(Arc::new(
            forwarding.clone(),
        )))],
        answer: forwarding,
    })
}

/// What no host would ever pass on.
fn check_ports(request: &PortForwardingCreate, internal: NonZeroU16, faults: &mut Faults) {
    if request.protocol != ForwardedProtocol::Udp {
        return;
    }
    if request.external_port.get() == DHCP_CLIENT {
        let message =
            "got 68 of UDP; expected another one, since no answer of a DHCP server comes in";
        faults.add("external_port", FieldCode::OutOfRange, message);
    }
    if [DHCP_SERVER, DHCP_CLIENT].contains(&internal.get()) {
        let message =
            format!("got {internal} of UDP; expected another one, since no VIF is a DHCP server");
        faults.add("internal_port", FieldCode::OutOfRange, message);
    }
}

/// What else the address stands for.
fn check_outside(
    intent: &Intent,
    floating: &FloatingIp,
    request: &PortForwardingCreate,
    faults: &mut Faults,
) {
    let address = floating.address;
    if address.is_ipv6() {
        let message = format!(
            "{address} is of IPv6; expected a floating IP of IPv4, since ports of no other are forwarded"
        );
        faults.add("floating_ip_id", FieldCode::OutOfRange, message);
    }
    if let Some(bound) = floating.bound {
        let message = format!(
            "the floating IP {address} stands for port {} as a whole; unbind it first, or take another",
            bound.port_id
        );
        faults.add("floating_ip_id", FieldCode::Inconsistent, message);
    }
    let outside = (request.protocol, request.external_port);
    let mut others = intent.port_forwardings_of(floating.id);
    if let Some(other) = others.find(|it| (it.protocol, it.external_port) == outside) {
        let message = format!(
            "{} {} of {address} stands for port {} already; choose another, or delete that first",
            request.protocol, request.external_port, other.port_id
        );
        faults.add("external_port", FieldCode::Duplicate, message);
    }
}

/// As whom else the port is known outside: the translation is one to one in both directions.
fn check_inside(
    intent: &Intent,
    target: BoundTo,
    inside: (ForwardedProtocol, NonZeroU16),
    faults: &mut Faults,
) {
    let BoundTo { port_id, address } = target;
    let mut floating = intent.floating_ips_at(port_id);
    if let Some(other) = floating.find(|it| it.bound == Some(target)) {
        let message = format!(
            "the floating IP {} stands for {address} of port {port_id} already; unbind it first",
            other.address
        );
        faults.add("port_id", FieldCode::Duplicate, message);
    }
    let mut others = intent.port_forwardings_at(port_id);
    let same = |it: &&Arc<PortForwarding>| {
        IpAddr::from(it.port_address) == address && (it.protocol, it.internal_port) == inside
    };
    if let Some(other) = others.find(same) {
        let (protocol, port) = inside;
        let message = format!(
            "{protocol} {port} of {address} is forwarded to from port {} already; delete that first",
            other.external_port
        );
        faults.add("internal_port", FieldCode::Duplicate, message);
    }
}

/// All ports of one address are behind one router: connections are known in its zone.
fn check_router(intent: &Intent, floating: &FloatingIp, port: PortId, faults: &mut Faults) {
    let router = |port: PortId| Some(intent.router_of(intent.ports.get(&port)?.network_id)?.id);
    let own = router(port);
    let mut others = intent.port_forwardings_of(floating.id);
    if let Some(other) = others.find(|it| router(it.port_id) != own) {
        let message = format!(
            "other ports of {} are forwarded to port {}, which is behind another router; expected one \
             behind the same, or take another floating IP",
            floating.address, other.port_id
        );
        faults.add("port_id", FieldCode::Inconsistent, message);
    }
}

pub(super) fn delete(intent: &Intent, id: PortForwardingId) -> Outcome<Draft<()>> {
    if !intent.port_forwardings.contains_key(&id) {
        return Err(Problem::not_found("port forwarding", id));
    }
    Ok(Draft {
        writes: vec![Write::Delete(Key::PortForwarding(id))],
        answer: (),
    })
}

/// The forwardings to an address which its port has no more.
pub(crate) fn orphaned(intent: &Intent, port: PortId) -> Vec<Write> {
    let held = intent.ports.get(&port);
    let has = |it: &PortForwarding| {
        held.is_some_and(|port| port.addresses.contains(&it.port_address.into()))
    };
    let stale = intent.port_forwardings_at(port).filter(|it| !has(it));
    stale
        .map(|it| Write::Delete(Key::PortForwarding(it.id)))
        .collect()
}

/// A forwarding of an address of this network to a port that `is_behind`.
pub(super) fn needing<'a>(
    intent: &'a Intent,
    floating: &FloatingIp,
    is_behind: impl Fn(&Network) -> bool,
) -> Option<&'a Arc<PortForwarding>> {
    intent.port_forwardings_of(floating.id).find(|it| {
        let port = intent.ports.get(&it.port_id);
        let network = port.and_then(|port| intent.networks.get(&port.network_id));
        network.is_some_and(|network| is_behind(network))
    })
}
