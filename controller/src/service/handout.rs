//! Whether what a subnet tells its ports makes sense.

use std::collections::BTreeSet;
use std::net::IpAddr;

use api::problem::FieldCode;
use api::request::SubnetUpdate;
use ipnet::IpNet;
use model::Handout;

use super::faults::Faults;

/// Notes every fault of what the subnet with this prefix would tell its ports.
pub(super) fn check(cidr: IpNet, handout: &Handout, faults: &mut Faults) {
    check_resolvers(("dns", &handout.dns), faults);
    check_resolvers(("dns_forward", &handout.dns_forward), faults);
    for (index, resolver) in handout.dns_forward.iter().enumerate() {
        if let Some(why) = out_of_reach(*resolver) {
            let field = format!("dns_forward[{index}]");
            let message = format!("got {resolver}; a host asks no {why} address for others");
            faults.add(&field, FieldCode::OutOfRange, message);
        }
    }
    if handout.dns_names && handout.domain.is_none() {
        let message = "got true without a domain; expected a domain for the names to be in";
        faults.add("dns_names", FieldCode::Inconsistent, message);
    }
    let mut destinations = BTreeSet::new();
    for (index, route) in handout.routes.iter().enumerate() {
        let field = format!("routes[{index}]");
        let IpNet::V4(_) = cidr else {
            let message = format!("got {route}; expected none: {cidr} is IPv6, which has no such");
            faults.add(&field, FieldCode::Inconsistent, message);
            continue;
        };
        if !cidr.contains(&IpAddr::V4(route.next_hop)) {
            let message = format!("got {route}; expected a next hop in {cidr}");
            faults.add(&field, FieldCode::Inconsistent, message);
        }
        if route.destination.prefix_len() == 0 {
            let message = format!("got {route}; the default route is the one to the gateway");
            faults.add(&field, FieldCode::Inconsistent, message);
        }
        if !destinations.insert(route.destination) {
            let message = format!("{} is in the list twice; give it once", route.destination);
            faults.add(&field, FieldCode::Duplicate, message);
        }
    }
}

/// Takes over what a request names.
pub(super) fn change(handout: &mut Handout, request: SubnetUpdate) {
    fn set<T>(held: &mut T, asked: Option<T>) {
        if let Some(asked) = asked {
            *held = asked;
        }
    }
    set(&mut handout.dhcp, request.dhcp);
    set(&mut handout.dns, request.dns);
    handout.domain = request.domain.after(handout.domain.take());
    set(&mut handout.routes, request.routes);
    set(&mut handout.lease_seconds, request.lease_seconds);
    set(&mut handout.dns_names, request.dns_names);
    set(&mut handout.dns_forward, request.dns_forward);
}

/// Why a host must not ask this address on behalf of a port: whoever answers there trusts the host.
fn out_of_reach(resolver: IpAddr) -> Option<&'static str> {
    let is_link_local = match resolver {
        IpAddr::V4(it) => it.is_link_local(),
        IpAddr::V6(it) => it.is_unicast_link_local(),
    };
    // An IPv4-mapped address is that IPv4 address to the kernel.
    match resolver.to_canonical() {
        it if it.is_loopback() => Some("loopback"),
        it if it != resolver => Some("IPv4-mapped"),
        _ if is_link_local => Some("link-local"),
        _ => None,
    }
}

fn check_resolvers((list, resolvers): (&str, &[IpAddr]), faults: &mut Faults) {
    let mut seen = BTreeSet::new();
    for (index, resolver) in resolvers.iter().enumerate() {
        let field = format!("{list}[{index}]");
        if resolver.is_unspecified() || resolver.is_multicast() {
            let message = format!("got {resolver}; expected a unicast address");
            faults.add(&field, FieldCode::OutOfRange, message);
        }
        if !seen.insert(resolver) {
            let message = format!("{resolver} is in the list twice; give it once");
            faults.add(&field, FieldCode::Duplicate, message);
        }
    }
}
