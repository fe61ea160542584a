//! Packets between VIFs and the outside: one that comes from a machine beyond an external network, and
//! whom an address there stands for. Pure.

use std::net::IpAddr;

use api::backend::Outcome;
use api::problem::{FieldCode, FieldError, Problem};
use api::request::TraceRequest;
use model::{
    AddressRange, FloatingIpId, GatewayId, HostId, MacAddr, Network, NetworkId, PhysicalNetworkId,
    PortId, Segment, TenantId, TraceEnd, TraceEntry, TracedFrame, VlanId,
};

use super::Arrival;
use super::guards::ends;
use super::names::Names;
use super::packet::{self, Ends, Packet, SOME_MACHINE};
use super::policy::Because;
use super::words::Seen;
use super::{Found, next};
use crate::intent::{Borrower, Intent};

/// Who has an address of an external network.
#[derive(Clone, Copy, Debug)]
pub(super) enum Owner {
    /// A VIF of that network.
    Port(PortId),
    /// A floating IP.
    FloatingIp(FloatingIpId),
    /// A router, as whom those behind it speak.
    Gateway(GatewayId, IpAddr),
}

/// Who has this address of a network.
pub(super) fn owner(
    intent: &Intent,
    network: NetworkId,
    address: impl Into<IpAddr>,
) -> Option<Owner> {
    let address = address.into();
    let just = AddressRange {
        first: address,
        last: address,
    };
    let lent = intent.lent_in(network, just).next();
    let port = || intent.port_with_address(network, address).map(Owner::Port);
    lent.map_or_else(port, |(_, borrower)| {
        Some(match borrower {
            Borrower::FloatingIp(id) => Owner::FloatingIp(id),
            Borrower::Gateway(id) => Owner::Gateway(id, address),
        })
    })
}

/// Who has the address of an external network that is behind this Ethernet address.
pub(super) fn behind(intent: &Intent, network: NetworkId, mac: MacAddr) -> Option<Owner> {
    // A port of the network has an address there that is lent to nobody.
    let address = mac.public_v4().map(IpAddr::from);
    let address = address.or_else(|| intent.lent_behind(network, mac).next());
    owner(intent, network, address?)
}

impl Owner {
    /// The VIF that it is, or stands for.
    fn port(self, intent: &Intent) -> Option<PortId> {
        match self {
            Self::Port(id) => Some(id),
            Self::FloatingIp(id) => Some(intent.floating_ips.get(&id)?.bound?.port_id),
            Self::Gateway(..) => None,
        }
    }

    /// The host that has it.
    pub(super) fn host(self, intent: &Intent) -> Option<HostId> {
        let Self::Gateway(id, address) = self else {
            return intent.ports.get(&self.port(intent)?)?.host_id;
        };
        let addresses = &intent.gateways.get(&id)?.addresses;
        let lent = addresses.iter().find(|it| address == it.address)?;
        Some(lent.host_id)
    }

    fn tenant(self, intent: &Intent) -> Option<TenantId> {
        match self {
            Self::Port(id) => Some(intent.ports.get(&id)?.tenant_id),
            Self::FloatingIp(id) => Some(intent.floating_ips.get(&id)?.tenant_id),
            Self::Gateway(id, _) => Some(intent.gateways.get(&id)?.tenant_id),
        }
    }

    /// Whose it is, as a phrase.
    fn named(self, names: &Names<'_>) -> Option<String> {
        let intent = names.intent;
        if !self.tenant(intent).is_some_and(|it| names.may_know(it)) {
            return None;
        }
        Some(match self {
            Self::Port(id) => names.port(id),
            Self::FloatingIp(_) => match self.port(intent) {
                Some(port) => format!("the floating IP of {}", names.port(port)),
                None => "a floating IP that stands for no VIF".to_owned(),
            },
            Self::Gateway(id, _) => {
                let router = intent.gateways.get(&id)?.router_id;
                let router = &intent.routers.get(&router)?.name;
                match self.host(intent) {
                    Some(host) => format!("as whom router {router} speaks on {}", names.host(host)),
                    None => format!("as whom router {router} speaks"),
                }
            }
        })
    }
}

/// The packet that was asked about, of a machine beyond an external network.
pub(super) fn packet(names: &Names<'_>, request: &TraceRequest) -> Outcome<Packet> {
    let intent = names.intent;
    let mut errors = Vec::new();
    let port = packet::port(intent, request, "to_port_id", &mut errors);
    let target = match port {
        Some(port) => of_port(intent, port.id),
        None => request
            .to_address
            .and_then(|address| on_any(intent, address)),
    };
    let target = target.filter(|(network, address)| names.may_ask(network, *address));
    let source = request.from_address;
    let fits = |(_, address): &(&Network, IpAddr)| {
        source.is_none_or(|source| source.is_ipv4() == address.is_ipv4())
    };
    if target.is_none() && errors.is_empty() {
        let field = port.map_or("to_address", |_| "to_port_id");
        let message = "nothing leads there from outside; expected a floating IP, a VIF that has one, or an \
                       address of an external network";
        errors.push(FieldError::new(field, FieldCode::Inconsistent, message));
    } else if source.is_none() || !target.as_ref().is_none_or(fits) {
        let message = "expected the address of a machine outside, of the receiver's family";
        errors.push(FieldError::new(
            "from_address",
            FieldCode::Inconsistent,
            message,
        ));
    }
    let (Some((network, destination)), Some(source), true) = (target, source, errors.is_empty())
    else {
        return Err(Problem::invalid(errors));
    };
    let ends = Ends {
        source,
        destination,
    };
    arriving(names, request, (network, &ends))
}

impl Names<'_> {
    /// Whether somebody may ask about an address of an external network.
    fn may_ask(&self, network: &Network, address: IpAddr) -> bool {
        let owner = owner(self.intent, network.id, address);
        let tenant = owner.and_then(|owner| owner.tenant(self.intent));
        self.may_know(tenant.unwrap_or(network.tenant_id))
    }
}

/// By which address a VIF is reached from outside, and on which network.
fn of_port(intent: &Intent, id: PortId) -> Option<(&Network, IpAddr)> {
    if let Some(floating) = intent.floating_ips_at(id).next() {
        let network = intent.networks.get(&floating.network_id)?;
        return Some((network, floating.address));
    }
    let port = intent.ports.get(&id)?;
    let network = intent.networks.get(&port.network_id)?;
    let external = network.sharing.external.then_some(&**network);
    external.zip(port.addresses.first().copied())
}

fn on_any(intent: &Intent, address: IpAddr) -> Option<(&Network, IpAddr)> {
    let networks = intent.networks.values().filter(|it| it.sharing.external);
    let mut having = networks.filter(|it| intent.subnet_with(it.id, address).is_some());
    having.next().map(|network| (&**network, address))
}

fn arriving(
    names: &Names<'_>,
    request: &TraceRequest,
    (network, ends): (&Network, &Ends),
) -> Outcome<Packet> {
    let intent = names.intent;
    let (name, address) = (names.network(network), ends.destination);
    let unsent = |message: String, advice: &str| Packet::Unsent {
        message,
        advice: advice.to_owned(),
    };
    let Some(owner) = owner(intent, network.id, address) else {
        let message = format!("nobody on {name} has {address}: its gateway asks for it in vain");
        let advice = "lend it to a VIF (`netctl floating-ip-create`)";
        return Ok(unsent(message, advice));
    };
    let Some(host) = owner.host(intent) else {
        let message = format!("{address} stands for nobody who is on a host");
        let advice = "bind it to a VIF (`netctl floating-ip-bind`), and start its instance";
        return Ok(unsent(message, advice));
    };
    let (physical_network_id, vlan) = match network.segment {
        Segment::Flat {
            physical_network_id,
        } => (physical_network_id, None),
        Segment::Vlan {
            physical_network_id,
            vlan,
        } => (physical_network_id, Some(vlan)),
        _ => return Ok(unsent(format!("{name} has no outside"), "")),
    };
    let macs = (
        sender(intent, network, (request, ends)),
        receiver(intent, owner, address),
    );
    let frame = packet::frame(request, macs, ends)?;
    let frame = match vlan {
        Some(vlan) => tagged(&frame, vlan),
        None => Some(frame),
    };
    let Some(frame) = frame else {
        return Ok(unsent("a frame cannot be so large".to_owned(), "send less"));
    };
    Ok(Packet::Sent(Box::new(Arrival {
        host,
        entry: TraceEntry::Fabric {
            physical_network_id,
        },
        frame,
        how: format!("from {} by {name}", ends.source),
    })))
}

/// Who brings it: the network's gateway, or a machine of that network itself.
fn sender(intent: &Intent, network: &Network, (request, ends): (&TraceRequest, &Ends)) -> [u8; 6] {
    let is_beyond = intent.subnet_with(network.id, ends.source).is_none();
    let gateway = network.sharing.gateway_macs.first().filter(|_| is_beyond);
    let mac = request.from_mac.or(gateway.copied());
    mac.map_or(SOME_MACHINE, MacAddr::octets)
}

fn receiver(intent: &Intent, owner: Owner, address: IpAddr) -> [u8; 6] {
    let port = match owner {
        Owner::Port(id) => intent.ports.get(&id),
        _ => None,
    };
    match (port, address) {
        (None, address) => MacAddr::public(address).octets(),
        (Some(port), _) => port.mac.octets(),
    }
}

/// As it is in a VLAN, unless it becomes too long.
fn tagged(frame: &TracedFrame, vlan: VlanId) -> Option<TracedFrame> {
    let (ends, rest) = frame.bytes().split_at_checked(12)?;
    let tag = [&next::TAGGED[..], &vlan.get().to_be_bytes()].concat();
    TracedFrame::new([ends, &tag, rest].concat())
}

/// How a packet leaves for machines that are not ours.
pub(super) fn left(names: &Names<'_>, found: &Found) -> String {
    let mut ends = found.seen.iter().rev().flat_map(|seen| &seen.trace.ends);
    let how = ends.find_map(|end| match end {
        TraceEnd::Fabric {
            physical_network_id,
            frame,
        } => leaves(names, *physical_network_id, frame),
        _ => None,
    });
    let how = how.unwrap_or_else(|| "it leaves for machines that are not ours".to_owned());
    format!("{how}{}", translated(names, &found.seen))
}

fn leaves(names: &Names<'_>, physical: PhysicalNetworkId, frame: &TracedFrame) -> Option<String> {
    let intent = names.intent;
    let (_, segment) = next::segment(physical, frame.bytes());
    let network = intent.networks.get(&intent.network_on(&segment)?)?;
    let mac = MacAddr::try_from(*frame.bytes().first_chunk::<6>()?).ok()?;
    let destination = ends(frame.bytes())?.destination;
    let family = |it: &&IpAddr| it.is_ipv4() == destination.is_ipv4();
    let mut gateways = intent.subnets_of(network.id).map(|it| &it.gateway);
    let gateway = gateways.find(family);
    let by = match gateway.filter(|_| network.sharing.gateway_macs.contains(&mac)) {
        Some(gateway) => format!(", by its gateway {gateway} ({mac})"),
        None => format!(", to {mac}"),
    };
    let name = names.network(network);
    Some(format!(
        "it leaves on {name} for machines that are not ours{by}"
    ))
}

/// As whom a packet goes on where its addresses are translated, as the end of a sentence.
pub(super) fn translated(names: &Names<'_>, seen: &[Seen]) -> String {
    let mut said = String::new();
    for seen in seen {
        let mut before = ends(seen.frame.bytes());
        let hops = seen.trace.hops.iter();
        for now in hops.filter_map(|hop| hop.translated) {
            let was = before.replace(now);
            if was.is_some_and(|was| was.source != now.source) {
                said += &format!("; as {}{}", now.source, whose(names, now.source));
            }
            if let Some(was) = was.filter(|was| was.destination != now.destination) {
                let (old, new) = (was.destination, now.destination);
                said += &format!("; {old}{} stands for {new}", whose(names, old));
            }
        }
    }
    said
}

/// Who has an address of an external network, in brackets.
fn whose(names: &Names<'_>, address: IpAddr) -> String {
    let found = on_any(names.intent, address);
    let owner = found.and_then(|(network, address)| owner(names.intent, network.id, address));
    let named = owner.and_then(|owner| owner.named(names));
    named.map_or_else(String::new, |named| format!(" ({named})"))
}

/// Why what comes from outside goes no further than its router, if so it is.
pub(super) fn refused(names: &Names<'_>, seen: &Seen) -> Option<Because> {
    let last = seen.trace.hops.last()?;
    // What a VIF sends is seen by its guard first.
    let is_inward = !seen.passed("spoof_guard");
    if last.table != "translate" || !is_inward {
        return None;
    }
    let address = ends(seen.frame.bytes())?.destination;
    let whose = whose(names, address);
    let why = format!(
        "nobody outside may begin to speak with {address}{whose}: only what answers comes in"
    );
    let advice =
        "lend a floating IP to the VIF that shall be reached (`netctl floating-ip-create`)";
    Some((why, Some(advice.to_owned())))
}
