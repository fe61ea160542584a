//! DHCPv6 (RFC 8415) for a port that has fixed addresses.
//!
//! ```text
//!   SOLICIT -> ADVERTISE, with rapid commit REPLY     REQUEST, RENEW, REBIND -> REPLY
//!   CONFIRM -> REPLY: are these addresses on this link     INFORMATION-REQUEST -> REPLY
//!   RELEASE, DECLINE -> REPLY: heard; the addresses stay the port's
//! ```

use std::net::Ipv6Addr;

use super::frame::{self, Ethernet, Udp};
use super::{PortConfig, options};
use crate::pipeline::link_local;

const CLIENT_PORT: u16 = 546;
const SERVER_PORT: u16 = 547;

/// A client's identity is at most so long, its type included (RFC 8415 §11.1).
const DUID_MAX: usize = 130;
/// An identity made of an Ethernet address (RFC 8415 §11.4).
const DUID_LINK_LAYER: [u8; 4] = [0, 3, 0, 1];
/// An association's own fields, before its options.
const IA_FIXED: usize = 12;

/// Message types (RFC 8415 §7.3).
mod kind {
    pub(super) const SOLICIT: u8 = 1;
    pub(super) const ADVERTISE: u8 = 2;
    pub(super) const REQUEST: u8 = 3;
    pub(super) const CONFIRM: u8 = 4;
    pub(super) const RENEW: u8 = 5;
    pub(super) const REBIND: u8 = 6;
    pub(super) const REPLY: u8 = 7;
    pub(super) const RELEASE: u8 = 8;
    pub(super) const DECLINE: u8 = 9;
    pub(super) const INFORMATION_REQUEST: u8 = 11;
}

/// Options (RFC 8415 §21; 23 and 24: RFC 3646).
mod option {
    pub(super) const CLIENT_ID: u16 = 1;
    pub(super) const SERVER_ID: u16 = 2;
    pub(super) const IA_NA: u16 = 3;
    pub(super) const IA_ADDRESS: u16 = 5;
    pub(super) const STATUS: u16 = 13;
    pub(super) const RAPID_COMMIT: u16 = 14;
    pub(super) const DNS: u16 = 23;
    pub(super) const DOMAINS: u16 = 24;
}

/// Status codes (RFC 8415 §21.13).
mod status {
    pub(super) const SUCCESS: u16 = 0;
    pub(super) const NO_ADDRESS: u16 = 2;
    pub(super) const NOT_ON_LINK: u16 = 4;
}

/// What is taken from a client's message.
struct Asked<'a> {
    kind: u8,
    xid: [u8; 3],
    client: Option<&'a [u8]>,
    server: Option<&'a [u8]>,
    wants_rapid_commit: bool,
    options: &'a [u8],
}

pub(super) fn respond(request: &[u8], port: &PortConfig<'_>) -> Option<Vec<u8>> {
    let request = frame::udp_over_ipv6(request, port.mac)?;
    let (client, client_port) = request.source;
    if (client_port, request.destination.1) != (CLIENT_PORT, SERVER_PORT) {
        return None;
    }
    // Without any subnet that DHCP is for, there is no server here.
    port.ipv6_leases().next()?;
    let asked = read(request.payload)?;
    let payload = answer(&asked, port)?;
    let ethernet = Ethernet {
        source: port.gateway_mac,
        destination: port.mac.octets(),
    };
    let message = Udp {
        source: (link_local(port.gateway_mac), SERVER_PORT),
        destination: (client, CLIENT_PORT),
        payload,
    };
    frame::with_ipv6(ethernet, &message)
}

fn read(payload: &[u8]) -> Option<Asked<'_>> {
    let ([kind, xid @ ..], rest) = payload.split_first_chunk::<4>()?;
    let find = |wanted| {
        let mut all = options::long(rest);
        all.find_map(|(kind, body)| (kind == wanted).then_some(body))
    };
    let client = find(option::CLIENT_ID);
    if client.is_some_and(|id| id.is_empty() || id.len() > DUID_MAX) {
        return None;
    }
    Some(Asked {
        kind: *kind,
        xid: *xid,
        client,
        server: find(option::SERVER_ID),
        wants_rapid_commit: find(option::RAPID_COMMIT).is_some(),
        options: rest,
    })
}

/// Whether the message names just the server it has to (RFC 8415 §16).
fn is_valid(asked: &Asked<'_>, own_id: &[u8]) -> bool {
    let named = asked.server;
    match asked.kind {
        kind::SOLICIT | kind::CONFIRM | kind::REBIND => asked.client.is_some() && named.is_none(),
        kind::REQUEST | kind::RENEW | kind::RELEASE | kind::DECLINE => {
            asked.client.is_some() && named == Some(own_id)
        }
        kind::INFORMATION_REQUEST => named.is_none_or(|named| named == own_id),
        _ => false,
    }
}

fn answer(asked: &Asked<'_>, port: &PortConfig<'_>) -> Option<Vec<u8>> {
    let own_id = [&DUID_LINK_LAYER[..], &port.gateway_mac.octets()].concat();
    if !is_valid(asked, &own_id) {
        return None;
    }
    let is_offer = asked.kind == kind::SOLICIT && !asked.wants_rapid_commit;
    let kind = match is_offer {
        true => kind::ADVERTISE,
        false => kind::REPLY,
    };
    let mut out = vec![kind];
    out.extend(asked.xid);
    options::put_long(&mut out, option::SERVER_ID, &own_id);
    if let Some(client) = asked.client {
        options::put_long(&mut out, option::CLIENT_ID, client);
    }
    match asked.kind {
        kind::SOLICIT | kind::REQUEST | kind::RENEW | kind::REBIND => {
            if asked.kind == kind::SOLICIT && asked.wants_rapid_commit {
                options::put_long(&mut out, option::RAPID_COMMIT, &[]);
            }
            put_associations(&mut out, asked, port);
            put_configuration(&mut out, port);
        }
        kind::CONFIRM => put_status(&mut out, on_link(asked, port)?),
        kind::INFORMATION_REQUEST => put_configuration(&mut out, port),
        _ => put_status(&mut out, status::SUCCESS),
    }
    Some(out)
}

/// The associations that a client asks addresses for.
fn associations<'a>(asked: &Asked<'a>) -> impl Iterator<Item = (&'a [u8; IA_FIXED], &'a [u8])> {
    let all = options::long(asked.options);
    all.filter(|(kind, _)| *kind == option::IA_NA)
        .filter_map(|(_, body)| body.split_first_chunk())
}

/// The addresses that an association's options name.
fn named(options: &[u8]) -> impl Iterator<Item = Ipv6Addr> {
    let addresses = options::long(options).filter(|(kind, _)| *kind == option::IA_ADDRESS);
    addresses.filter_map(|(_, body)| Some(Ipv6Addr::from(*body.first_chunk::<16>()?)))
}

/// Gives all addresses to the first association, and takes back what others may think they have.
fn put_associations(out: &mut Vec<u8>, asked: &Asked<'_>, port: &PortConfig<'_>) {
    // Who renews asks for all addresses at once, so before the first of them runs out.
    let shortest = port.ipv6_leases().map(|(_, seconds)| seconds).min();
    let shortest = shortest.unwrap_or_default();
    for (n, (fixed, rest)) in associations(asked).enumerate().take(ASSOCIATIONS_MAX) {
        let mut body = fixed[..4].to_vec();
        body.extend((shortest / 2).to_be_bytes());
        body.extend((shortest / 5 * 4).to_be_bytes());
        let given: Vec<(Ipv6Addr, u32)> = match n {
            0 => port.ipv6_leases().collect(),
            _ => Vec::new(),
        };
        for (address, seconds) in &given {
            put_address(&mut body, *address, *seconds);
        }
        let is_given = |address: &Ipv6Addr| given.iter().any(|(it, _)| it == address);
        let wrong = named(rest).filter(|address| !is_given(address));
        for address in wrong.take(WRONG_MAX) {
            put_address(&mut body, address, 0);
        }
        if given.is_empty() {
            put_status(&mut body, status::NO_ADDRESS);
        }
        options::put_long(out, option::IA_NA, &body);
    }
}

/// A client has one association per interface; a hostile one must not make a huge answer.
const ASSOCIATIONS_MAX: usize = 4;
/// How many addresses that are not the port's are named as such, per association.
const WRONG_MAX: usize = 4;

fn put_address(out: &mut Vec<u8>, address: Ipv6Addr, seconds: u32) {
    let times = [seconds, seconds].map(u32::to_be_bytes);
    let body = [&address.octets()[..], &times.concat()].concat();
    options::put_long(out, option::IA_ADDRESS, &body);
}

fn put_status(out: &mut Vec<u8>, code: u16) {
    options::put_long(out, option::STATUS, &code.to_be_bytes());
}

/// Whether all addresses that a client names belong here; nothing to say when it names none.
fn on_link(asked: &Asked<'_>, port: &PortConfig<'_>) -> Option<u16> {
    let mut addresses = associations(asked)
        .flat_map(|(_, rest)| named(rest))
        .peekable();
    addresses.peek()?;
    let prefixes: Vec<_> = port.ipv6_prefixes().collect();
    let is_here = |address| prefixes.iter().any(|prefix| prefix.contains(&address));
    Some(match addresses.all(is_here) {
        true => status::SUCCESS,
        false => status::NOT_ON_LINK,
    })
}

fn put_configuration(out: &mut Vec<u8>, port: &PortConfig<'_>) {
    let resolvers = port.ipv6_resolvers();
    let resolvers: Vec<u8> = resolvers.iter().flat_map(|it| it.octets()).collect();
    if !resolvers.is_empty() {
        options::put_long(out, option::DNS, &resolvers);
    }
    if let Some(domain) = port.domain() {
        options::put_long(out, option::DOMAINS, &options::wire_name(domain));
    }
}
