//! The addresses of a port: whether they fit, and which are allocated.

use std::collections::BTreeSet;
use std::net::IpAddr;

use api::backend::Outcome;
use api::problem::{Code, FieldCode, Problem};
use model::{AddressRange, Network, Port, PortId};

use super::faults::Faults;
use super::quarantine;
use crate::intent::Intent;

/// Notes every fault of addresses that a port is to have, each under the field's name and its place.
/// `own` is the port, if it is there already.
pub(super) fn check(
    intent: &Intent,
    (network, own): (&Network, Option<PortId>),
    (field, addresses): (&str, &[IpAddr]),
    faults: &mut Faults,
) {
    let mut seen = BTreeSet::new();
    for (index, address) in addresses.iter().enumerate() {
        let field = format!("{field}[{index}]");
        if !seen.insert(address) {
            let message = format!("{address} is in the list twice; give it once");
            faults.add(&field, FieldCode::Duplicate, message);
            continue;
        }
        if let Err((code, message)) = check_one(intent, (network, own), *address) {
            faults.add(&field, code, message);
        }
    }
}

/// Notes a fault if there are more addresses than a port may have.
pub(super) fn check_count(field: &str, count: usize, faults: &mut Faults) {
    let most = Port::ADDRESSES_MAX;
    if count > most {
        let message = format!("got {count} addresses; expected at most {most}");
        faults.add(field, FieldCode::OutOfRange, message);
    }
}

pub(super) fn check_one(
    intent: &Intent,
    (network, own): (&Network, Option<PortId>),
    address: IpAddr,
) -> Result<(), (FieldCode, String)> {
    let Some(subnet) = intent.subnet_with(network.id, address) else {
        let message = format!(
            "{address} is in no subnet of network {}; make one that holds it first",
            network.id
        );
        return Err((FieldCode::Inconsistent, message));
    };
    let hosts = AddressRange::of_hosts(subnet.cidr);
    if !hosts.contains(address) {
        let message = format!(
            "got {address}; expected one from {} to {}",
            hosts.first, hosts.last
        );
        return Err((FieldCode::OutOfRange, message));
    }
    if address == subnet.gateway {
        let message = format!(
            "{address} is kept for the gateway of {}; choose another",
            subnet.cidr
        );
        return Err((FieldCode::Inconsistent, message));
    }
    let mut pairs = intent.pairs_holding(network.id, address);
    if let Some((prefix, port)) = pairs.find(|(_, port)| Some(*port) != own) {
        let message = format!(
            "the port {port} of this network may send from {prefix}, which holds {address}; \
             choose another"
        );
        return Err((FieldCode::Duplicate, message));
    }
    let alone = AddressRange::of_prefix(address.into());
    if let Some((_, borrower)) = intent.lent_in(network.id, alone).next() {
        let message = format!("{borrower} has {address}; choose another");
        return Err((FieldCode::Duplicate, message));
    }
    let quarantine = intent.quarantine_of(network.id, address);
    if let Some(it) = quarantine.filter(|it| Some(it.port_id) != own) {
        let message = quarantine::message(intent, address, it);
        return Err((FieldCode::Duplicate, message));
    }
    match intent.port_with_address(network.id, address) {
        Some(owner) if Some(owner) != own => {
            let message = format!("the port {owner} of this network has {address}; choose another");
            Err((FieldCode::Duplicate, message))
        }
        _ => Ok(()),
    }
}

/// An address of every subnet of the network: the next free one.
pub(super) fn allocate(intent: &Intent, network: &Network) -> Outcome<Vec<IpAddr>> {
    let subnets = intent.subnets_of(network.id);
    let next = subnets.map(|subnet| {
        intent.next_free_address(subnet).ok_or_else(|| {
            let detail = format!(
                "every address of the pools of {} in subnet {} is in use or kept; delete a port, \
                 release a reservation or make the pools larger",
                subnet.cidr, subnet.id
            );
            Problem::new(Code::Exhausted, detail)
        })
    });
    next.collect()
}
