//! Whether what a subnet tells its ports makes sense.

use std::collections::BTreeSet;
use std::net::IpAddr;

use api::problem::FieldCode;
use ipnet::IpNet;
use model::Handout;

use super::faults::Faults;

/// Notes every fault of what the subnet with this prefix would tell its ports.
pub(super) fn check(cidr: IpNet, handout: &Handout, faults: &mut Faults) {
    check_resolvers(&handout.dns, faults);
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

fn check_resolvers(resolvers: &[IpAddr], faults: &mut Faults) {
    let mut seen = BTreeSet::new();
    for (index, resolver) in resolvers.iter().enumerate() {
        let field = format!("dns[{index}]");
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
