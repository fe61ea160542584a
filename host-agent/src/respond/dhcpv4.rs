//! DHCPv4 (RFC 2131) for a port that has one fixed address.
//!
//! ```text
//!   DISCOVER -> OFFER     REQUEST for the port's address -> ACK, for another -> NAK
//!   INFORM -> ACK without an address      RELEASE, DECLINE -> nothing: the address stays
//! ```

use std::net::Ipv4Addr;

use super::frame::{self, BROADCAST, Ethernet, Udp};
use super::{Lease, PortConfig, options};

const SERVER_PORT: u16 = 67;
const CLIENT_PORT: u16 = 68;

const REQUEST: u8 = 1;
const REPLY: u8 = 2;
const ETHERNET: [u8; 2] = [1, 6];
/// What options follow (RFC 2131 §3).
const MAGIC: [u8; 4] = [99, 130, 83, 99];
/// Where options begin: behind the fixed fields and [`MAGIC`].
const OPTIONS: usize = 240;
/// The shortest message that every client takes (RFC 951 §3).
const MIN_BYTES: usize = 300;
/// The flag of a client that cannot receive unicast yet.
const BROADCAST_FLAG: u8 = 0x80;

/// Who answers when the gateway's address is the port's own, as in a prefix of one address.
const OTHER_SERVER: Ipv4Addr = Ipv4Addr::new(169, 254, 0, 1);

/// Message types (RFC 2132 §9.6).
mod kind {
    pub(super) const DISCOVER: u8 = 1;
    pub(super) const OFFER: u8 = 2;
    pub(super) const REQUEST: u8 = 3;
    pub(super) const ACK: u8 = 5;
    pub(super) const NAK: u8 = 6;
    pub(super) const INFORM: u8 = 8;
}

/// Options (RFC 2132; 121: RFC 3442).
mod option {
    pub(super) const MASK: u8 = 1;
    pub(super) const ROUTER: u8 = 3;
    pub(super) const DNS: u8 = 6;
    pub(super) const HOSTNAME: u8 = 12;
    pub(super) const DOMAIN: u8 = 15;
    pub(super) const MTU: u8 = 26;
    pub(super) const BROADCAST: u8 = 28;
    pub(super) const REQUESTED_ADDRESS: u8 = 50;
    pub(super) const LEASE_TIME: u8 = 51;
    pub(super) const MESSAGE_TYPE: u8 = 53;
    pub(super) const SERVER_ID: u8 = 54;
    pub(super) const RENEWAL_TIME: u8 = 58;
    pub(super) const REBINDING_TIME: u8 = 59;
    pub(super) const CLIENT_ID: u8 = 61;
    pub(super) const CLASSLESS_ROUTES: u8 = 121;
    pub(super) const END: u8 = 255;
}

/// What is taken from a client's message.
struct Asked<'a> {
    kind: u8,
    xid: [u8; 4],
    flags: [u8; 2],
    /// The address that the client says it has; unspecified if none.
    has: Ipv4Addr,
    chaddr: [u8; 16],
    requested: Option<Ipv4Addr>,
    server: Option<Ipv4Addr>,
    client_id: Option<&'a [u8]>,
}

pub(super) fn respond(request: &[u8], port: &PortConfig<'_>) -> Option<Vec<u8>> {
    let request = frame::udp_over_ipv4(request, port.mac)?;
    if (request.source.1, request.destination.1) != (CLIENT_PORT, SERVER_PORT) {
        return None;
    }
    let asked = read(request.payload, port)?;
    let lease = port.ipv4_lease()?;
    let kind = decide(&asked, &lease)?;
    let message = write(kind, &asked, &lease, port);
    let (mac, address) = receiver(kind, &asked, &lease, port);
    let ethernet = Ethernet {
        source: port.gateway_mac,
        destination: mac,
    };
    let message = Udp {
        source: (server(&lease), SERVER_PORT),
        destination: (address, CLIENT_PORT),
        payload: message,
    };
    frame::with_ipv4(ethernet, &message)
}

/// A message that the port's own client sent, not through a relay.
fn read<'a>(payload: &'a [u8], port: &PortConfig<'_>) -> Option<Asked<'a>> {
    let (fixed, rest) = payload.split_first_chunk::<OPTIONS>()?;
    let is_ours = fixed[0] == REQUEST
        && fixed[1..3] == ETHERNET
        && fixed[24..28] == [0; 4]
        && fixed[28..34] == port.mac.octets()
        && fixed[236..240] == MAGIC;
    if !is_ours {
        return None;
    }
    let mut asked = Asked {
        kind: 0,
        xid: *fixed[4..].first_chunk()?,
        flags: *fixed[10..].first_chunk()?,
        has: address(&fixed[12..16])?,
        chaddr: *fixed[28..].first_chunk()?,
        requested: None,
        server: None,
        client_id: None,
    };
    for (kind, body) in options::short(rest) {
        match kind {
            option::MESSAGE_TYPE => asked.kind = *body.first()?,
            option::REQUESTED_ADDRESS => asked.requested = Some(address(body)?),
            option::SERVER_ID => asked.server = Some(address(body)?),
            option::CLIENT_ID => asked.client_id = Some(body),
            _ => {}
        }
    }
    Some(asked)
}

fn address(bytes: &[u8]) -> Option<Ipv4Addr> {
    let octets: [u8; 4] = bytes.try_into().ok()?;
    Some(Ipv4Addr::from(octets))
}

/// The type of the answer (RFC 2131 §4.3).
fn decide(asked: &Asked<'_>, lease: &Lease<'_>) -> Option<u8> {
    match asked.kind {
        kind::DISCOVER => Some(kind::OFFER),
        kind::INFORM => (asked.has == lease.address).then_some(kind::ACK),
        // It takes the offer of another server. There is none, but it is not for us to say.
        kind::REQUEST if asked.server.is_some_and(|it| it != server(lease)) => None,
        kind::REQUEST => {
            let present = Some(asked.has).filter(|it| !it.is_unspecified());
            let wanted = asked.requested.or(present)?;
            Some(match wanted == lease.address {
                true => kind::ACK,
                false => kind::NAK,
            })
        }
        _ => None,
    }
}

/// Who answers: the gateway.
fn server(lease: &Lease<'_>) -> Ipv4Addr {
    match lease.gateway == lease.address {
        true => OTHER_SERVER,
        false => lease.gateway,
    }
}

/// Whom the answer goes to (RFC 2131 §4.1).
fn receiver(
    kind: u8,
    asked: &Asked<'_>,
    lease: &Lease<'_>,
    port: &PortConfig<'_>,
) -> ([u8; 6], Ipv4Addr) {
    let has_address = asked.has == lease.address;
    let wants_broadcast = !has_address && asked.flags[0] & BROADCAST_FLAG != 0;
    match kind == kind::NAK || wants_broadcast {
        true => (BROADCAST, Ipv4Addr::BROADCAST),
        false => (port.mac.octets(), lease.address),
    }
}

fn write(kind: u8, asked: &Asked<'_>, lease: &Lease<'_>, port: &PortConfig<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(MIN_BYTES);
    out.extend([REPLY, ETHERNET[0], ETHERNET[1], 0]);
    out.extend(asked.xid);
    out.extend([0, 0, asked.flags[0], asked.flags[1]]);
    let none = Ipv4Addr::UNSPECIFIED;
    let (has, given) = match (kind, asked.kind) {
        (kind::NAK, _) => (none, none),
        (_, kind::INFORM) => (asked.has, none),
        _ => (asked.has, lease.address),
    };
    for address in [has, given, none, none] {
        out.extend(address.octets());
    }
    out.extend(asked.chaddr);
    out.resize(OPTIONS - MAGIC.len(), 0);
    out.extend(MAGIC);
    options::put_short(&mut out, option::MESSAGE_TYPE, &[kind]);
    options::put_short(&mut out, option::SERVER_ID, &server(lease).octets());
    if let Some(id) = asked.client_id {
        options::put_short(&mut out, option::CLIENT_ID, id); // RFC 6842
    }
    if kind != kind::NAK {
        if asked.kind != kind::INFORM {
            put_times(&mut out, lease.subnet.handout.lease_seconds);
        }
        put_configuration(&mut out, lease, port);
    }
    out.push(option::END);
    out.resize(out.len().max(MIN_BYTES), 0);
    out
}

fn put_times(out: &mut Vec<u8>, lease_seconds: u32) {
    let times = [
        (option::LEASE_TIME, lease_seconds),
        (option::RENEWAL_TIME, lease_seconds / 2),
        (option::REBINDING_TIME, lease_seconds / 8 * 7),
    ];
    for (kind, seconds) in times {
        options::put_short(out, kind, &seconds.to_be_bytes());
    }
}

fn put_configuration(out: &mut Vec<u8>, lease: &Lease<'_>, port: &PortConfig<'_>) {
    let mut put = |kind, body: &[u8]| options::put_short(out, kind, body);
    put(option::MASK, &lease.prefix.netmask().octets());
    put(option::BROADCAST, &lease.prefix.broadcast().octets());
    put(option::MTU, &port.mtu.to_be_bytes());
    let has_gateway = lease.gateway != lease.address;
    if has_gateway {
        put(option::ROUTER, &lease.gateway.octets());
    }
    if !lease.subnet.handout.routes.is_empty() {
        put(
            option::CLASSLESS_ROUTES,
            &classless_routes(lease, has_gateway),
        );
    }
    let resolvers = port.ipv4_resolvers().into_iter().take(MAX_RESOLVERS);
    let resolvers: Vec<u8> = resolvers.flat_map(|it| it.octets()).collect();
    if !resolvers.is_empty() {
        put(option::DNS, &resolvers);
    }
    if let Some(domain) = port.domain() {
        put(option::DOMAIN, domain.as_str().as_bytes());
    }
    if let Some(name) = port.hostname {
        put(option::HOSTNAME, name.as_str().as_bytes());
    }
}

/// As many resolvers as an option holds.
const MAX_RESOLVERS: usize = 255 / 4;

/// Destination prefixes without their zero octets, each with its next hop (RFC 3442). Who takes
/// these ignores the router option, so the default route is among them.
fn classless_routes(lease: &Lease<'_>, has_gateway: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for route in &lease.subnet.handout.routes {
        let bits = route.destination.prefix_len();
        out.push(bits);
        let octets = route.destination.addr().octets();
        out.extend(&octets[..usize::from(bits.div_ceil(8))]);
        out.extend(route.next_hop.octets());
    }
    if has_gateway {
        out.push(0);
        out.extend(lease.gateway.octets());
    }
    out
}
