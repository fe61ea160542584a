//! The packet that a trace is about, as its sender would send it. Pure.

use std::net::IpAddr;
use std::sync::Arc;

use api::backend::Outcome;
use api::problem::{FieldCode, FieldError, Problem};
use api::request::TraceRequest;
use etherparse::PacketBuilder;
use model::{MacAddr, Network, Port, TraceEntry, TracedFrame, TracedProtocol, TracedState};

use super::Arrival;
use super::names::Names;
use crate::intent::Intent;

/// How large a packet is unless it is said, its IP header included.
const BYTES: u16 = 100;
/// The ports of a packet unless they are said.
const SOURCE_PORT: u16 = 40_000;
const TCP_PORT: u16 = 80;
const UDP_PORT: u16 = 53;
/// Its time to live.
const FRESH: u8 = 64;
/// A machine of an external network whose Ethernet address only that network knows.
pub(super) const SOME_MACHINE: [u8; 6] = [0x02, 0, 0, 0, 0, 1];

/// A packet, or why its sender sends none.
pub(super) enum Packet {
    /// As it is sent, and where it comes to a switch of ours.
    Sent(Box<Arrival>),
    /// It ends where its sender looks for the receiver's Ethernet address.
    Unsent { message: String, advice: String },
}

/// The ends of a packet.
pub(super) struct Ends {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
}

/// The packet that was asked about, of a VIF.
pub(super) fn of(names: &Names<'_>, request: &TraceRequest) -> Outcome<Packet> {
    let intent = names.intent;
    let mut errors = Vec::new();
    let from = port(intent, request, "from_port_id", &mut errors);
    let to = port(intent, request, "to_port_id", &mut errors);
    let ends = from.and_then(|from| ends(from, to, request, &mut errors));
    let network = from.and_then(|from| intent.networks.get(&from.network_id));
    let (Some(from), Some(network), Some(ends), true) = (from, network, ends, errors.is_empty())
    else {
        return Err(Problem::invalid(errors));
    };
    let to_mac = match destination(intent, (from, network), ends.destination) {
        Ok(mac) => mac,
        Err((message, advice)) => return Ok(Packet::Unsent { message, advice }),
    };
    let source = request.from_mac.unwrap_or(from.mac).octets();
    let frame = frame(request, (source, to_mac), &ends)?;
    let name = names.port(from.id);
    let Some(host) = from.host_id else {
        let advice = "start an instance with it, or plug it in".to_owned();
        let message = format!("{name} is on no host");
        return Ok(Packet::Unsent { message, advice });
    };
    Ok(Packet::Sent(Box::new(Arrival {
        host,
        entry: TraceEntry::Port { port_id: from.id },
        frame,
        how: format!("from {name}"),
    })))
}

/// The frame, unless there is none so large.
pub(super) fn frame(
    request: &TraceRequest,
    macs: ([u8; 6], [u8; 6]),
    ends: &Ends,
) -> Outcome<TracedFrame> {
    let frame = build(request, macs, ends).and_then(TracedFrame::new);
    frame.ok_or_else(|| {
        let message = "the packet cannot be built: expected less";
        Problem::invalid(vec![FieldError::new(
            "bytes",
            FieldCode::OutOfRange,
            message,
        )])
    })
}

/// The VIF that a field names. A tenant has none of another.
pub(super) fn port<'a>(
    intent: &'a Intent,
    request: &TraceRequest,
    field: &str,
    errors: &mut Vec<FieldError>,
) -> Option<&'a Arc<Port>> {
    let id = match field {
        "from_port_id" => request.from_port_id,
        _ => request.to_port_id,
    }?;
    let viewer = request.tenant_id;
    let found = intent.ports.get(&id);
    let found = found.filter(|port| viewer.is_none_or(|viewer| viewer == port.tenant_id));
    if found.is_none() {
        let message = format!("there is no port {id}; expected the id of one there is");
        errors.push(FieldError::new(field, FieldCode::UnknownReference, message));
    }
    found
}

/// From which address to which, of one family.
fn ends(
    from: &Port,
    to: Option<&Arc<Port>>,
    request: &TraceRequest,
    errors: &mut Vec<FieldError>,
) -> Option<Ends> {
    let own = |destination: IpAddr| {
        let given = request.from_address;
        let mut addresses = given.into_iter().chain(from.addresses.iter().copied());
        let first = addresses.next().filter(|_| given.is_some());
        let fits = |address: &IpAddr| address.is_ipv4() == destination.is_ipv4();
        match first {
            Some(given) => Some(given).filter(fits),
            None => from.addresses.iter().copied().find(fits),
        }
    };
    let targets = match (to, request.to_address) {
        (Some(to), _) => to.addresses.clone(),
        (None, address) => address.into_iter().collect(),
    };
    let found = targets.iter().find_map(|destination| {
        Some(Ends {
            source: own(*destination)?,
            destination: *destination,
        })
    });
    if found.is_none() && (to.is_some() || request.to_port_id.is_none()) {
        let field = match (to, request.from_address) {
            (_, Some(_)) => "from_address",
            (Some(_), None) => "to_port_id",
            (None, None) => "to_address",
        };
        let message = "sender and receiver have no addresses of one family; expected both IPv4 or \
                       both IPv6";
        errors.push(FieldError::new(field, FieldCode::Inconsistent, message));
    }
    found
}

/// The Ethernet address that the sender sends to, or why it finds none.
fn destination(
    intent: &Intent,
    (from, network): (&Port, &Network),
    address: IpAddr,
) -> Result<[u8; 6], (String, String)> {
    if let Some(group) = group(address) {
        return Ok(group);
    }
    let gateway = match (
        network.sharing.external,
        network.sharing.gateway_macs.first(),
    ) {
        (false, _) => MacAddr::gateway(network.number).octets(),
        (true, Some(mac)) => mac.octets(),
        (true, None) => SOME_MACHINE,
    };
    match intent.subnet_with(network.id, address) {
        Some(subnet) if subnet.gateway == address => Ok(gateway),
        Some(_) => {
            let macs = intent.macs_with(network.id, address);
            if let Some(mac) = macs.first() {
                return Ok(mac.octets());
            }
            if network.sharing.external {
                return Ok(SOME_MACHINE);
            }
            let name = network.name.as_str();
            let message = format!(
                "nobody on network {name} has {address}: the sender asks for it in vain and sends \
                 nothing"
            );
            let advice = format!(
                "give {address} to a VIF of {name} (`netctl vif-set ... add-address={address}`)"
            );
            Err((message, advice))
        }
        None => {
            let own = |of: &&IpAddr| of.is_ipv4() == address.is_ipv4();
            let mut addresses = from.addresses.iter().filter(own);
            if addresses.any(|own| intent.subnet_with(network.id, *own).is_some()) {
                return Ok(gateway);
            }
            let message = "the sender has no subnet with a gateway in this family".to_owned();
            let advice =
                "make a subnet of its network, and give the VIF an address of it".to_owned();
            Err((message, advice))
        }
    }
}

/// The Ethernet address of a group (RFC 1112 §6.4, RFC 2464 §7).
fn group(address: IpAddr) -> Option<[u8; 6]> {
    match address {
        IpAddr::V4(address) if address.is_broadcast() => Some([0xff; 6]),
        IpAddr::V4(address) if address.is_multicast() => {
            let [_, b, c, d] = address.octets();
            Some([0x01, 0, 0x5e, b & 0x7f, c, d])
        }
        IpAddr::V6(address) if address.is_multicast() => {
            let [.., a, b, c, d] = address.octets();
            Some([0x33, 0x33, a, b, c, d])
        }
        _ => None,
    }
}

/// The frame as it is sent, as long as was asked for.
fn build(request: &TraceRequest, macs: ([u8; 6], [u8; 6]), ends: &Ends) -> Option<Vec<u8>> {
    let ethernet = PacketBuilder::ethernet2(macs.0, macs.1);
    let (packet, ip) = match (ends.source, ends.destination) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            (ethernet.ipv4(from.octets(), to.octets(), FRESH), 20)
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            (ethernet.ipv6(from.octets(), to.octets(), FRESH), 40)
        }
        _ => return None,
    };
    let bytes = usize::from(request.bytes.unwrap_or(BYTES));
    let payload = |transport: usize| vec![0; bytes.saturating_sub(ip + transport)];
    let source = request.source_port.unwrap_or(SOURCE_PORT);
    let mut frame = Vec::new();
    // What is said in an established connection is said by who did not begin it.
    let written = match (request.protocol, ends.source, request.state) {
        (TracedProtocol::Icmp, IpAddr::V4(_), TracedState::New) => packet
            .icmpv4_echo_request(1, 1)
            .write(&mut frame, &payload(8)),
        (TracedProtocol::Icmp, IpAddr::V4(_), TracedState::Established) => packet
            .icmpv4_echo_reply(1, 1)
            .write(&mut frame, &payload(8)),
        (TracedProtocol::Icmp, IpAddr::V6(_), TracedState::New) => packet
            .icmpv6_echo_request(1, 1)
            .write(&mut frame, &payload(8)),
        (TracedProtocol::Icmp, IpAddr::V6(_), TracedState::Established) => packet
            .icmpv6_echo_reply(1, 1)
            .write(&mut frame, &payload(8)),
        (TracedProtocol::Tcp, ..) => {
            let packet = packet.tcp(source, request.port.unwrap_or(TCP_PORT), 1, u16::MAX);
            packet.syn().write(&mut frame, &payload(20))
        }
        (TracedProtocol::Udp, ..) => {
            let packet = packet.udp(source, request.port.unwrap_or(UDP_PORT));
            packet.write(&mut frame, &payload(8))
        }
    };
    written.ok().map(|()| frame)
}
