//! Subnets.

use std::net::IpAddr;
use std::sync::Arc;

use api::backend::Outcome;
use api::problem::{Code, FieldCode, Problem};
use api::request::{SubnetCreate, SubnetUpdate};
use ipnet::IpNet;
use model::{AddressRange, Handout, Id, Network, NetworkId, PortId, Subnet, SubnetId, Timestamp};

use super::faults::Faults;
use super::{handout, pool, reservation, router};
use crate::intent::Intent;
use crate::object::{Key, Noun, Object, Write};
use crate::writer::Draft;

/// The most subnets of a network: a port has an address of each, and a plan must stay small.
const SUBNETS_MAX: usize = 8;

/// Prefixes that no instance can have an address of, and why (RFC 6890, RFC 4291).
pub(super) const RESERVED: &[(&str, &str)] = &[
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
        check_external(network, request.cidr, &request.handout, &mut faults);
    }
    let hosts = AddressRange::of_hosts(request.cidr);
    let gateway = request.gateway.unwrap_or(hosts.first);
    check_host(&mut faults, "gateway", gateway, &hosts);
    check_pairs(intent, network, ("gateway", gateway), &mut faults);
    let asked = request.pools.unwrap_or_else(|| vec![hosts]);
    let pools = pool::joined(&asked, &hosts, &mut faults);
    handout::check(request.cidr, &request.handout, &mut faults);
    let network = faults.require(network)?;
    if intent.subnets_of(network.id).count() >= SUBNETS_MAX {
        let detail = format!(
            "network {} has {SUBNETS_MAX} subnets, which is the most",
            network.id
        );
        return Err(Problem::new(Code::Exhausted, detail));
    }
    Ok(put(Subnet {
        id: Id::generate(),
        tenant_id: network.tenant_id,
        network_id: network.id,
        name: request.name,
        cidr: request.cidr,
        gateway,
        pools,
        handout: request.handout,
        created_at: Timestamp::now(),
    }))
}

fn put(subnet: Subnet) -> Draft<Subnet> {
    Draft {
        writes: vec![Write::Put(Object::Subnet(Arc::new(subnet.clone())))],
        answer: subnet,
    }
}

/// The router of an external network advertises itself, says where addresses come from, and is or is
/// not a resolver.
fn check_external(network: &Network, cidr: IpNet, handout: &Handout, faults: &mut Faults) {
    let is_v6 = matches!(cidr, IpNet::V6(_));
    if network.sharing.external && is_v6 && handout.dhcp {
        let message = "is true; expected false: the router of an external network advertises itself, \
                       and its ports are told of IPv6 by it alone";
        faults.add("dhcp", FieldCode::Inconsistent, message);
    }
    let answers = [
        ("dns_names", handout.dns_names),
        ("dns_forward", !handout.dns_forward.is_empty()),
    ];
    for (field, asked) in answers {
        if network.sharing.external && asked {
            let message = "is given; expected none: the gateway of an external network is a machine \
                           that answers for itself";
            faults.add(field, FieldCode::Inconsistent, message);
        }
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
    let router = intent.router_of(network);
    let mut routes = router.iter().flat_map(|router| &router.routes);
    if let Some(route) = routes.find(|route| cidr.contains(&route.prefix)) {
        let message = format!(
            "{cidr} holds the prefix of the router's route {route}; remove that first, or choose \
             another prefix"
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

/// No port may send from the gateway's address.
fn check_pairs(
    intent: &Intent,
    network: Option<&Arc<Network>>,
    (field, gateway): (&str, IpAddr),
    faults: &mut Faults,
) {
    let pair = network.and_then(|it| intent.pairs_holding(it.id, gateway).next());
    if let Some((prefix, port)) = pair {
        let message = format!(
            "the port {port} may send from {prefix}, which holds {gateway}; choose another"
        );
        faults.add(field, FieldCode::Duplicate, message);
    }
}

pub(super) fn update(
    intent: &Intent,
    id: SubnetId,
    request: SubnetUpdate,
) -> Outcome<Draft<Subnet>> {
    let subnet = intent.subnets.get(&id);
    let subnet = subnet.ok_or_else(|| Problem::not_found("subnet", id))?;
    let mut faults = Faults::default();
    let hosts = AddressRange::of_hosts(subnet.cidr);
    let mut changed = Subnet::clone(subnet);
    if let Some(gateway) = request.gateway {
        check_host(&mut faults, "gateway", gateway, &hosts);
        check_gateway(intent, subnet, gateway, &mut faults);
        changed.gateway = gateway;
    }
    if let Some(pools) = &request.pools {
        changed.pools = pool::joined(pools, &hosts, &mut faults);
        pool::check_in_use(intent, subnet, &changed.pools, &mut faults);
    }
    handout::change(&mut changed.handout, request);
    handout::check(changed.cidr, &changed.handout, &mut faults);
    if let Some(network) = intent.networks.get(&changed.network_id) {
        check_external(network, changed.cidr, &changed.handout, &mut faults);
    }
    faults.check()?;
    let nothing = changed == **subnet;
    let mut draft = put(changed);
    if nothing {
        draft.writes.clear();
    }
    Ok(draft)
}

fn check_gateway(intent: &Intent, subnet: &Subnet, gateway: IpAddr, faults: &mut Faults) {
    if gateway == subnet.gateway {
        return;
    }
    let network = intent.networks.get(&subnet.network_id);
    check_pairs(intent, network, ("gateway", gateway), faults);
    let alone = AddressRange::of_prefix(gateway.into());
    if let Some((_, borrower)) = intent.lent_in(subnet.network_id, alone).next() {
        let message = format!("{borrower} has {gateway}; choose another");
        faults.add("gateway", FieldCode::Duplicate, message);
    }
    let owner: Option<PortId> = intent.port_with_address(subnet.network_id, gateway);
    if let Some(owner) = owner {
        let message = format!("{gateway} is in use by the port {owner}; choose another");
        faults.add("gateway", FieldCode::Duplicate, message);
    }
}

pub(super) fn delete(intent: &Intent, id: SubnetId) -> Outcome<Draft<()>> {
    let subnet = intent.subnets.get(&id);
    let subnet = subnet.ok_or_else(|| Problem::not_found("subnet", id))?;
    if let Some(port) = intent.port_in(subnet) {
        let detail = format!("subnet {id} still has ports, such as {port}; delete them first");
        return Err(Problem::new(Code::InUse, detail));
    }
    let whole = AddressRange::of_prefix(subnet.cidr);
    if let Some((address, borrower)) = intent.lent_in(subnet.network_id, whole).next() {
        let detail = format!("{borrower} has {address} of subnet {id}; give it back first");
        return Err(Problem::new(Code::InUse, detail));
    }
    Ok(Draft {
        writes: deletions(intent, subnet),
        answer: (),
    })
}

/// The subnet goes, and what is reserved of it.
pub(super) fn deletions(intent: &Intent, subnet: &Subnet) -> Vec<Write> {
    let mut writes = reservation::deletions(intent, subnet);
    writes.push(Write::Delete(Key::Subnet(subnet.id)));
    writes
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
