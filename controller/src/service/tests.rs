//! What must hold after every request, whatever was asked for.

mod concurrent;
mod ops;
mod refused;

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{Host, HostId, Id, PhysicalNetworkId, Segment, TenantId, Timestamp};
use proptest::prelude::*;

use self::ops::name;
pub(crate) use self::ops::{Op, decide, ops, run};
use crate::intent::Intent;
use crate::object::{Noun, Object};

/// Everything that must hold at every revision, found out the slow way.
pub(crate) fn assert_sound(intent: &Intent) {
    assert_networks_sound(intent);
    assert_ports_sound(intent);
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

fn assert_networks_sound(intent: &Intent) {
    let (mut segments, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    for network in intent.networks.values() {
        assert!(intent.tenants.contains_key(&network.tenant_id));
        assert!(segments.insert(network.segment), "a VLAN id twice");
        assert!(numbers.insert(network.number), "a number twice");
        let Segment::Vlan {
            physical_network_id,
            vlan,
        } = network.segment;
        let carrier = &intent.physical_networks[&physical_network_id];
        assert!(
            carrier.vlans.as_ref().unwrap().contains(vlan),
            "a VLAN id out of range"
        );
    }
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

fn assert_ports_sound(intent: &Intent) {
    let (mut macs, mut addresses) = (BTreeSet::new(), BTreeSet::new());
    for port in intent.ports.values() {
        let network = &intent.networks[&port.network_id];
        assert_eq!(port.tenant_id, network.tenant_id);
        assert!(
            macs.insert((network.id, port.mac)),
            "an Ethernet address twice"
        );
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
        found.map(|it| {
            let Segment::Vlan { vlan, .. } = it.segment;
            (vlan.get(), it.number.get())
        })
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
