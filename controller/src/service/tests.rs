//! What must hold after every request, whatever was asked for.

mod access;
mod addresses;
mod capped;
mod caps;
mod cascade;
mod concurrent;
mod gateway_hosts;
mod history;
mod limits;
mod moving;
mod ops;
mod outside;
mod placement;
mod plugging;
mod port_forwardings;
mod preconditions;
mod quarantines;
mod quotas;
mod refused;
mod routers;
mod shared;
mod suspended;
mod topology;
mod watching;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::backend::Outcome;
use api::request::NetworkCreate;
use model::{Host, HostId, Id, PhysicalNetworkId, Quantity, TenantId, Timestamp};
use proptest::prelude::*;

pub(crate) use self::caps::capped;
use self::ops::name;
pub(crate) use self::ops::{Op, decide, ops, run};
use crate::fleet::Observed;
use crate::intent::Intent;
use crate::object::{Noun, Object};
use crate::writer::Draft;

/// Everything that must hold at every revision, found out the slow way.
pub(crate) fn assert_sound(intent: &Intent) {
    assert_networks_sound(intent);
    assert_topology_sound(intent);
    assert_ports_sound(intent);
    assert_trunks_sound(intent);
    let mut names = BTreeSet::new();
    for (noun, _) in Noun::ALL {
        for object in intent.all(*noun) {
            let name = object.name();
            assert!(
                name.is_none_or(|name| names.insert(name)),
                "a name twice: {object:?}"
            );
        }
    }
    assert_counts_sound(intent);
    let mut used = BTreeSet::new();
    for plugged in intent.instances.values() {
        for id in &plugged.port_ids {
            assert!(used.insert(*id), "a port serves two instances");
            let port = &intent.ports[id];
            assert_eq!(port.tenant_id, plugged.instance.tenant_id);
            assert_eq!(port.host_id, Some(plugged.instance.host_id));
        }
    }
}

/// What quotas go by is what there is.
fn assert_counts_sound(intent: &Intent) {
    let mut counts = BTreeMap::new();
    for (noun, _) in Noun::ALL {
        for object in intent.all(*noun) {
            for (place, count) in crate::intent::counted(&object) {
                *counts.entry(place).or_insert(0) += count;
            }
        }
    }
    let tenants = intent.tenants.keys().copied();
    for (tenant, (quantity, ..)) in
        tenants.flat_map(|it| Quantity::ALL.iter().map(move |row| (it, row)))
    {
        let counted = counts.get(&(tenant, *quantity)).copied().unwrap_or(0);
        assert_eq!(intent.count_of(tenant, *quantity), counted, "{quantity:?}");
    }
}

fn assert_networks_sound(intent: &Intent) {
    let (mut segments, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    let mut vnis = BTreeSet::new();
    for network in intent.networks.values() {
        assert!(intent.tenants.contains_key(&network.tenant_id));
        assert!(segments.insert(network.segment), "a VLAN id twice");
        assert!(numbers.insert(network.number), "a number twice");
        let carrier = &intent.physical_networks[&network.segment.physical_network_id()];
        if let Some(vlan) = network.segment.vlan() {
            assert!(
                carrier.vlans.as_ref().unwrap().contains(vlan),
                "a VLAN id out of range"
            );
            assert!(network.mtu <= carrier.mtu, "packets too large");
        }
        if let Some((_, vni)) = network.segment.tunnel() {
            assert!(carrier.endpoints.is_some(), "an overlay without endpoints");
            assert!(vnis.insert(vni), "a VNI twice");
            assert_eq!(intent.network_with_vni(vni), Some(network.id));
            assert!(network.mtu <= carrier.mtu - 50, "packets too large");
        }
    }
    assert_endpoints_sound(intent);
    for subnet in intent.subnets.values() {
        let siblings = intent.subnets_of(subnet.network_id);
        let overlapping =
            siblings.filter(|it| it.cidr.contains(&subnet.cidr) || subnet.cidr.contains(&it.cidr));
        assert_eq!(overlapping.count(), 1, "subnets overlap");
        assert_eq!(
            subnet.tenant_id,
            intent.networks[&subnet.network_id].tenant_id
        );
    }
}

/// No two physical networks get in each other's way, in the pool and on any host.
fn assert_topology_sound(intent: &Intent) {
    let all: BTreeSet<_> = intent.physical_networks.keys().copied().collect();
    let observed = crate::fleet::Observed::default();
    let faults = super::after::After::unchanged(intent).faults(all, &observed);
    assert_eq!(faults, [], "physical networks in each other's way");
    let mut addresses = BTreeSet::new();
    for host in intent.hosts.values() {
        for uplink in &host.uplinks {
            assert!(
                intent
                    .physical_networks
                    .contains_key(&uplink.physical_network_id)
            );
            let address = uplink.address.as_ref().map(|it| it.address.addr());
            assert!(
                address.is_none_or(|it| addresses.insert(it)),
                "an address twice"
            );
        }
    }
}

fn assert_endpoints_sound(intent: &Intent) {
    let carriers = intent.physical_networks.values();
    let prefixes: Vec<_> = carriers.filter_map(|it| it.endpoints).collect();
    assert!(prefixes.len() <= 1, "two physical networks carry overlays");
    let mut endpoints = BTreeSet::new();
    for host in intent.hosts.values() {
        let Some(endpoint) = host.endpoint else {
            continue;
        };
        assert!(endpoints.insert(endpoint), "an endpoint twice");
        assert!(prefixes[0].contains(&endpoint), "an endpoint of no prefix");
    }
    let room = prefixes.first().map_or(0, |prefix| prefix.hosts().count());
    let expected = room.min(intent.hosts.len());
    assert_eq!(endpoints.len(), expected, "a host without an endpoint");
    assert!(intent.endpoints().eq(endpoints));
}

/// No port may send as the gateway or as another port.
fn assert_pairs_sound(intent: &Intent, port: &model::Port) {
    for pair in &port.allowed {
        for subnet in intent.subnets_of(port.network_id) {
            assert!(
                !pair.prefix.contains(&subnet.gateway),
                "a pair with the gateway"
            );
        }
        for other in intent
            .ports_of(port.network_id)
            .filter(|it| it.id != port.id)
        {
            let holds = |address: &std::net::IpAddr| pair.prefix.contains(address);
            assert!(
                !other.addresses.iter().any(holds),
                "a pair with another's address"
            );
            assert_ne!(
                Some(other.mac),
                pair.mac,
                "a pair with another's Ethernet address"
            );
        }
    }
}

fn assert_ports_sound(intent: &Intent) {
    let (mut macs, mut addresses) = (BTreeSet::new(), BTreeSet::new());
    for port in intent.ports.values() {
        let network = &intent.networks[&port.network_id];
        assert!(port.tenant_id == network.tenant_id || network.sharing.shared);
        assert!(
            macs.insert((network.id, port.mac)),
            "an Ethernet address twice"
        );
        assert_pairs_sound(intent, port);
        for address in &port.addresses {
            assert!(addresses.insert((network.id, *address)), "an address twice");
            let subnet = intent.subnet_with(network.id, *address).unwrap();
            assert_ne!(*address, subnet.gateway, "the gateway's address given away");
        }
        assert!(
            port.host_id
                .is_none_or(|host| intent.hosts.contains_key(&host))
        );
        assert!(
            port.instance_id
                .is_none_or(|it| intent.instances.contains_key(&it))
        );
    }
}

fn assert_trunks_sound(intent: &Intent) {
    let (mut tags, mut networks) = (BTreeSet::new(), BTreeSet::new());
    for port in intent.ports.values() {
        let Some(on_trunk) = port.on_trunk else {
            continue;
        };
        let trunk = &intent.ports[&on_trunk.trunk_id];
        assert_eq!(trunk.on_trunk, None, "a sub-port of a sub-port");
        assert_eq!(port.tenant_id, trunk.tenant_id);
        assert_eq!(port.host_id, trunk.host_id, "not where its trunk is");
        assert!(tags.insert((trunk.id, on_trunk.vlan)), "a tag twice");
        assert_ne!(port.network_id, trunk.network_id);
        let alone = networks.insert((trunk.id, port.network_id));
        assert!(alone, "two ports of a trunk on one network");
        assert!(intent.instance_with(port.id).is_none());
        assert!(intent.sub_ports_of(trunk.id).any(|it| it.id == port.id));
    }
    assert_eq!(intent.sub_ports().count(), tags.len());
}

/// What making a network would write.
pub(crate) fn network_create(
    intent: &Intent,
    request: NetworkCreate,
) -> Outcome<Draft<model::Network>> {
    super::network::create(intent, request, &Observed::default())
}

/// What taking a port off its trunk would write.
pub(crate) fn off_trunk(intent: &Intent, id: model::PortId) -> Outcome<Draft<()>> {
    super::trunk::remove(intent, id)
}

proptest! {
    #[test]
    fn nothing_is_given_twice_and_nothing_dangles_whatever_is_asked_for(steps in ops(60)) {
        let mut intent = Intent::default();
        for op in &steps {
            run(&mut intent, op);
            assert_sound(&intent);
        }
    }
}

/// A pool with a tenant, a private physical network of two VLAN ids, and a host.
pub(crate) fn pool() -> (Intent, TenantId, PhysicalNetworkId, HostId) {
    let mut intent = Intent::default();
    let private = Op::PhysicalNetwork { name: 0, vlans: 0 };
    for op in [Op::Tenant { name: 0 }, private, Op::Host { name: 0 }] {
        assert!(!run(&mut intent, &op).is_empty());
    }
    let tenant = intent.tenants.get_min().unwrap().0;
    let carrier = intent.physical_networks.get_min().unwrap().0;
    let host = intent.hosts.get_min().unwrap().0;
    (intent, tenant, carrier, host)
}

#[test]
fn the_lowest_free_vlan_is_given_and_a_number_is_never_given_again() {
    let (mut intent, ..) = pool();
    let network = |name| Op::Network {
        tenant: 0,
        name,
        carrier: 0,
        vlan: None,
    };
    let vlan = |intent: &Intent, name: &str| {
        let found = intent.networks.values().find(|it| it.name.as_str() == name);
        found.map(|it| (it.segment.vlan().unwrap().get(), it.number.get()))
    };
    for name in 0..3 {
        run(&mut intent, &network(name));
    }
    assert_eq!(vlan(&intent, "n0"), Some((100, 1)));
    assert_eq!(vlan(&intent, "n2"), Some((102, 3)));
    let newest = intent
        .networks
        .values()
        .position(|it| it.name.as_str() == "n2")
        .unwrap();
    let index = newest.try_into().unwrap();
    run(
        &mut intent,
        &Op::Delete {
            noun: Noun::Network,
            index,
        },
    );
    run(&mut intent, &network(4));
    assert_eq!(vlan(&intent, "n4"), Some((102, 4)));
    for name in 5..20 {
        run(&mut intent, &network(name));
    }
    assert_eq!(intent.networks.len(), 7);
    let refused = ops::decide(&intent, &network(21)).unwrap_err();
    assert_eq!(refused.code, api::problem::Code::Exhausted);
}

#[test]
fn addresses_are_given_from_the_lowest_and_again_once_they_are_free() {
    let (mut intent, ..) = pool();
    run(
        &mut intent,
        &Op::Network {
            tenant: 0,
            name: 0,
            carrier: 0,
            vlan: None,
        },
    );
    run(
        &mut intent,
        &Op::Subnet {
            network: 0,
            cidr: 0,
            gateway: Some(1),
        },
    );
    let port = Op::Port {
        network: 0,
        name: None,
        mac: None,
        last: None,
        host: None,
        group: None,
    };
    for _ in 0..5 {
        run(&mut intent, &port);
    }
    // A port's id is made of the time, and within a millisecond of chance.
    let mut given: Vec<String> = intent
        .ports
        .values()
        .map(|it| it.addresses[0].to_string())
        .collect();
    given.sort();
    assert_eq!(
        given,
        ["10.0.0.1", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"]
    );
    let refused = ops::decide(&intent, &port).unwrap_err();
    assert_eq!(refused.code, api::problem::Code::Exhausted);
    let third = intent
        .ports
        .values()
        .position(|it| it.addresses[0].to_string() == "10.0.0.4");
    let index = third.unwrap().try_into().unwrap();
    run(
        &mut intent,
        &Op::Delete {
            noun: Noun::Port,
            index,
        },
    );
    run(&mut intent, &port);
    assert!(
        intent
            .ports
            .values()
            .any(|it| it.addresses[0].to_string() == "10.0.0.4")
    );
}

#[test]
fn a_host_keeps_its_name_and_nobody_takes_it() {
    let (mut intent, _, _, host) = pool();
    let taken = crate::service::host::register(&intent, Id::generate(), name("h", 0));
    assert!(taken.is_err());
    assert!(crate::service::host::register(&intent, host, name("h", 1)).is_err());
    let object = Object::Host(Arc::new(Host {
        id: Id::generate(),
        name: name("h", 1),
        endpoint: None,
        uplinks: Vec::new(),
        created_at: Timestamp::now(),
    }));
    intent.put(&object);
    assert!(
        crate::service::host::register(&intent, host, name("h", 0))
            .unwrap()
            .writes
            .is_empty()
    );
}

#[test]
fn a_vni_is_given_once_whatever_encapsulates_it_and_comes_again_late() {
    let (mut intent, ..) = pool();
    let underlay = Op::Underlay {
        name: 1,
        endpoints: 1,
    };
    run(&mut intent, &underlay);
    let overlay = |name, geneve, vni| Op::Overlay {
        tenant: 0,
        name,
        geneve,
        vni,
    };
    let vni = |intent: &Intent, name: &str| {
        let found = intent.networks.values().find(|it| it.name.as_str() == name);
        found.and_then(|it| Some(it.segment.tunnel()?.1.get()))
    };
    run(&mut intent, &overlay(0, false, None));
    run(&mut intent, &overlay(1, true, None));
    run(&mut intent, &overlay(2, true, Some(3)));
    assert_eq!(vni(&intent, "n0"), Some(4096));
    assert_eq!(vni(&intent, "n1"), Some(4097));
    assert_eq!(vni(&intent, "n2"), Some(4099));
    // The fourth would have had 4099.
    run(&mut intent, &overlay(3, false, None));
    assert_eq!(vni(&intent, "n3"), Some(4100));
    let twice = ops::decide(&intent, &overlay(4, false, Some(1))).unwrap_err();
    assert_eq!(twice.errors[0].field, "vni");
    let first = intent
        .networks
        .values()
        .position(|it| it.name.as_str() == "n0");
    let index = first.unwrap().try_into().unwrap();
    run(
        &mut intent,
        &Op::Delete {
            noun: Noun::Network,
            index,
        },
    );
    run(&mut intent, &overlay(4, false, None));
    assert_eq!(vni(&intent, "n4"), Some(4101), "4096 rests");
}

#[test]
fn hosts_have_endpoints_whichever_came_first_and_lose_them_with_their_prefix() {
    let (mut intent, ..) = pool();
    let endpoints =
        |intent: &Intent| -> Vec<String> { intent.endpoints().map(|it| it.to_string()).collect() };
    run(&mut intent, &Op::Host { name: 1 });
    let small = Op::Underlay {
        name: 1,
        endpoints: 0,
    };
    run(&mut intent, &small);
    assert_eq!(endpoints(&intent), ["10.254.0.1", "10.254.0.2"]);
    run(&mut intent, &Op::Host { name: 2 });
    assert_eq!(endpoints(&intent).len(), 2, "no room for a third");
    assert_eq!(intent.hosts.len(), 3, "but the host is welcome");
    let index = intent
        .physical_networks
        .values()
        .position(|it| it.endpoints.is_some());
    let delete = Op::Delete {
        noun: Noun::PhysicalNetwork,
        index: index.unwrap().try_into().unwrap(),
    };
    run(&mut intent, &delete);
    assert_eq!(endpoints(&intent), [""; 0]);
    assert!(ops::decide(&intent, &small).is_err(), "too small by now");
    let large = Op::Underlay {
        name: 1,
        endpoints: 1,
    };
    run(&mut intent, &large);
    assert_eq!(endpoints(&intent).len(), 3);
}
