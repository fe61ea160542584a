//! Subnets.

use std::net::IpAddr;
use std::sync::Arc;

use api::backend::Outcome;
use api::problem::{Code, FieldCode, Problem};
use api::request::SubnetCreate;
use ipnet::IpNet;
use model::{AddressRange, Id, Network, NetworkId, Subnet, SubnetId, Timestamp};

use super::faults::Faults;
use super::{handout, router};
use crate::intent::Intent;
use crate::object::{Key, Noun, Object, Write};
use crate::writer::Draft;

/// The most subnets of a network: a port has an address of each, and a plan must stay small.
const SUBNETS_MAX: usize = 8;

/// Prefixes that no instance can have an address of, and why (RFC 6890, RFC 4291).
const RESERVED: &[(&str, &str)] = &[
    ("0.0.0.0/8", "\"this network\""),
    ("127.0.0.0/8", "loopback"),
    ("224.0.0.0/3", "multicast or reserved"),
    ("::/127", "unspecified or loopback"),
    ("::ffff:0:0/96", "IPv4-mapped"),
    ("fe80::/10", "link-local"),
    ("ff00::/8", "multicast"),
];

pub(super) fn create(intent: &Intent, request: SubnetCreate) -> Outcome<Draft<Subnet>> {
    let mut faults = Faults::default();
    let network = intent.networks.get(&request.network_id);
    let network = faults.known("network_id", request.network_id, network);
    if let (Some(network), Some(name)) = (network, &request.name) {
        faults.unique_name(intent, Some(network.tenant_id), Noun::Subnet, name);
    }
    check_cidr(intent, request.network_id, request.cidr, &mut faults);
    if let Some(network) = network {
        check_dhcp(network, &request, &mut faults);
    }
    let hosts = AddressRange::of_hosts(request.cidr);
    let gateway = request.gateway.unwrap_or(hosts.first);
    check_host(&mut faults, "gateway", gateway, &hosts);
    let pool = pool(&request, &hosts, &mut faults);
    handout::check(request.cidr, &request.handout, &mut faults);
    let (network, pool) = faults.require(network.zip(pool))?;
    if intent.subnets_of(network.id).count() >= SUBNETS_MAX {
        let detail = format!(
            "network {} has {SUBNETS_MAX} subnets, which is the most",
            network.id
        );
        return Err(Problem::new(Code::Exhausted, detail));
    }
    let subnet = Subnet {
        id: Id::generate(),
        tenant_id: network.tenant_id,
        network_id: network.id,
        name: request.name,
        cidr: request.cidr,
        gateway,
        pool,
        handout: request.handout,
        created_at: Timestamp::now(),
    };
    Ok(Draft {
        writes: vec![Write::Put(Object::Subnet(Arc::new(subnet.clone())))],
        answer: subnet,
    })
}

/// The router of an external network advertises itself, and says where addresses come from.
fn check_dhcp(network: &Network, request: &SubnetCreate, faults: &mut Faults) {
    let is_v6 = matches!(request.cidr, IpNet::V6(_));
    if network.sharing.external && is_v6 && request.handout.dhcp {
        let message = "is true; expected false: the router of an external network advertises itself, \
                       and its ports are told of IPv6 by it alone";
        faults.add("dhcp", FieldCode::Inconsistent, message);
    }
}

fn check_cidr(intent: &Intent, network: NetworkId, cidr: IpNet, faults: &mut Faults) {
    let trunc = cidr.trunc();
    if trunc != cidr {
        let message = format!("{cidr} has host bits set; expected the prefix itself, {trunc}");
        faults.add("cidr", FieldCode::OutOfRange, message);
    }
    let reserved = RESERVED.iter().find(|(prefix, _)| {
        let prefix: Option<IpNet> = prefix.parse().ok();
        prefix.is_none_or(|prefix| overlap(prefix, cidr))
    });
    if let Some((prefix, why)) = reserved {
        let message = format!("{cidr} overlaps {prefix}, which is {why}; choose another prefix");
        faults.add("cidr", FieldCode::OutOfRange, message);
    }
    let siblings = intent.joined_to(network).into_iter();
    let siblings = siblings.filter(|it| *it != network);
    if let Some(other) = router::overlapping(intent, cidr, siblings) {
        let message = format!(
            "{cidr} overlaps {other} of a network on the same router; choose another prefix"
        );
        faults.add("cidr", FieldCode::Inconsistent, message);
    }
    let mut others = intent.subnets_of(network);
    if let Some(other) = others.find(|other| overlap(other.cidr, cidr)) {
        let message = format!(
            "{cidr} overlaps {} of the subnet {}; choose another prefix",
            other.cidr, other.id
        );
        faults.add("cidr", FieldCode::Duplicate, message);
    }
}

/// Prefixes overlap only when one holds the other.
fn overlap(one: IpNet, other: IpNet) -> bool {
    one.contains(&other) || other.contains(&one)
}

fn check_host(faults: &mut Faults, field: &str, address: IpAddr, hosts: &AddressRange) {
    if !hosts.contains(address) {
        let message = format!(
            "got {address}; expected one from {} to {}",
            hosts.first, hosts.last
        );
        faults.add(field, FieldCode::OutOfRange, message);
    }
}

/// The addresses to give out, or a fault.
fn pool(request: &SubnetCreate, hosts: &AddressRange, faults: &mut Faults) -> Option<AddressRange> {
    let first = request.pool_first.unwrap_or(hosts.first);
    let last = request.pool_last.unwrap_or(hosts.last);
    check_host(faults, "pool_first", first, hosts);
    check_host(faults, "pool_last", last, hosts);
    if !hosts.contains(first) || !hosts.contains(last) {
        return None;
    }
    let pool = AddressRange::new(first, last).ok();
    if pool.is_none() {
        let message = format!("got {last}; expected one not before pool_first, {first}");
        faults.add("pool_last", FieldCode::Inconsistent, message);
    }
    pool
}

pub(super) fn delete(intent: &Intent, id: SubnetId) -> Outcome<Draft<()>> {
    let subnet = intent.subnets.get(&id);
    let subnet = subnet.ok_or_else(|| Problem::not_found("subnet", id))?;
    if let Some(port) = intent.port_in(subnet) {
        let detail = format!("subnet {id} still has ports, such as {port}; delete them first");
        return Err(Problem::new(Code::InUse, detail));
    }
    Ok(Draft {
        writes: vec![Write::Delete(Key::Subnet(id))],
        answer: (),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reserved_prefix_is_well_formed() {
        for (prefix, _) in RESERVED {
            let parsed: IpNet = prefix.parse().unwrap();
            assert_eq!(parsed, parsed.trunc(), "{prefix}");
        }
    }
}
