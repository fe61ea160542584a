//! Static routes of a router, and what is wrong with them.

use std::collections::BTreeSet;
use std::net::IpAddr;

use api::problem::FieldCode;
use ipnet::IpNet;
use model::{NetworkId, Router, StaticRoute};

use super::faults::Faults;
use super::subnet::RESERVED;
use crate::intent::Intent;

/// A router as it is to be, and how that was asked for.
pub(super) struct Asked<'a> {
    pub(super) before: &'a Router,
    pub(super) after: &'a Router,
    /// The field that new networks are given in.
    pub(super) networks: &'a str,
    /// The field that new routes are given in.
    pub(super) routes: &'a str,
    /// The routes that are given.
    pub(super) fresh: &'a [StaticRoute],
}

/// Notes every fault of the routes that a router is to have.
pub(super) fn check(intent: &Intent, asked: &Asked<'_>, faults: &mut Faults) {
    let (count, most) = (asked.after.routes.len(), Router::ROUTES_MAX);
    if count > most {
        let message = format!("it would have {count} routes; expected at most {most}");
        faults.add(asked.routes, FieldCode::OutOfRange, message);
    }
    let routes = asked.after.routes.iter();
    let kept = routes.filter(|route| !asked.fresh.contains(route));
    for route in kept.clone() {
        check_kept(intent, asked, route, faults);
    }
    let mut seen: BTreeSet<IpNet> = kept.map(|route| route.prefix).collect();
    for (index, route) in asked.fresh.iter().enumerate() {
        let field = format!("{}[{index}]", asked.routes);
        if !seen.insert(route.prefix) {
            let prefix = route.prefix;
            let message = format!("there is another route to {prefix}; a prefix has one next hop");
            faults.add(&field, FieldCode::Duplicate, message);
        }
        let found = [
            check_prefix(intent, asked.after, route),
            check_via(intent, asked.after, route.via),
        ];
        for (code, message) in found.into_iter().filter_map(Result::err) {
            faults.add(&field, code, format!("got {route}; {message}"));
        }
    }
}

/// A route that stays must still lead somewhere when networks come and go.
fn check_kept(intent: &Intent, asked: &Asked<'_>, route: &StaticRoute, faults: &mut Faults) {
    let (before, after) = (&asked.before.network_ids, &asked.after.network_ids);
    let on = |networks: &[NetworkId]| network_with(intent, networks, route.via);
    if on(before).is_some() && on(after).is_none() {
        let field = asked.networks.replace("add_", "remove_");
        let message = format!("the route {route} goes by a network that leaves; remove it first");
        faults.add(&field, FieldCode::Inconsistent, message);
    }
    if let Err((code, message)) = check_prefix(intent, asked.after, route) {
        let message = format!("the router has the route {route}: {message}");
        faults.add(asked.networks, code, message);
    }
}

type Fault = (FieldCode, String);

fn check_prefix(intent: &Intent, router: &Router, route: &StaticRoute) -> Result<(), Fault> {
    let prefix = route.prefix;
    let reserved = RESERVED.iter().find(|(reserved, _)| {
        let reserved: Option<IpNet> = reserved.parse().ok();
        reserved.is_none_or(|it| it.contains(&prefix) && prefix.prefix_len() > 0)
    });
    if let Some((reserved, why)) = reserved {
        let message = format!("{prefix} is within {reserved}, which is {why}; choose another");
        return Err((FieldCode::OutOfRange, message));
    }
    let networks = router.network_ids.iter();
    let mut subnets = networks.flat_map(|id| intent.subnets_of(*id));
    match subnets.find(|subnet| subnet.cidr.contains(&prefix)) {
        Some(subnet) => {
            let message = format!(
                "{prefix} is within the subnet {} of the network {}, which the router joins; \
                 expected a prefix that is none of its own",
                subnet.cidr, subnet.network_id
            );
            Err((FieldCode::Inconsistent, message))
        }
        None => Ok(()),
    }
}

fn check_via(intent: &Intent, router: &Router, via: IpAddr) -> Result<(), Fault> {
    let Some(network) = network_with(intent, &router.network_ids, via) else {
        let message = format!(
            "{via} is in no subnet of a network that the router joins; expected an address that is"
        );
        return Err((FieldCode::Inconsistent, message));
    };
    let mut subnets = intent.subnets_of(network);
    if subnets.any(|subnet| subnet.gateway == via) {
        let message = format!(
            "{via} is the router itself, so packets would go round in a loop; expected the \
             address of a port"
        );
        return Err((FieldCode::Inconsistent, message));
    }
    match intent.macs_with(network, via).len() {
        1 => Ok(()),
        0 => {
            let message = format!(
                "no port of the network {network} has {via}, nor a pair that holds it; expected \
                 an address of a port, or of one of its pairs"
            );
            Err((FieldCode::UnknownReference, message))
        }
        _ => {
            let message = format!(
                "several ports of the network {network} have a pair that holds {via}; expected \
                 one, or pairs with one Ethernet address"
            );
            Err((FieldCode::Inconsistent, message))
        }
    }
}

/// Which of these networks has a subnet with this address.
fn network_with(intent: &Intent, networks: &[NetworkId], address: IpAddr) -> Option<NetworkId> {
    let mut networks = networks.iter().copied();
    networks.find(|id| intent.subnet_with(*id, address).is_some())
}
