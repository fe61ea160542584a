use std::collections::BTreeMap;

use api::request::{NetworkCreate, NetworkKind};
use model::Sharing;
use model::plan::Sampling;
use proptest::prelude::*;

use super::*;
use crate::service::tests::{Op, ops, run};

type Plans = BTreeMap<HostId, HostPlan>;

fn plans(intent: &Intent) -> Plans {
    let hosts = intent.hosts.keys();
    hosts.map(|host| (*host, plan(intent, *host))).collect()
}

fn sampling() -> Sampling {
    Sampling {
        collector: "10.9.9.9:6343".parse().unwrap(),
        rate: 256,
        header_bytes: 128,
        polling_seconds: 20,
        way: model::SampleWay::Datagrams,
    }
}

proptest! {
    #[test]
    fn the_whole_plan_is_what_differences_lead_to(
        steps in ops(60),
        batch in 1usize..5,
    ) {
        let mut intent = Intent::default();
        intent.sampling = Some(sampling());
        let mut held: Plans = Plans::new();
        for batch in steps.chunks(batch) {
            let before = intent.clone();
            let written: Vec<Key> = batch.iter().flat_map(|op| run(&mut intent, op)).collect();
            let touched = touched(&before, &intent, &written);
            for (host, key) in touched {
                let Some(plan) = held.get_mut(&host) else { continue };
                match item(&intent, host, key) {
                    Some(item) => _ = plan.items.insert(key, item),
                    None => _ = plan.items.remove(&key),
                }
            }
            // A host that is new is sent its plan whole.
            for host in intent.hosts.keys() {
                held.entry(*host).or_insert_with(|| plan(&intent, *host));
            }
            let items = |plans: &Plans| -> Vec<_> {
                plans.values().map(|plan| plan.items.clone()).collect()
            };
            prop_assert_eq!(items(&held), items(&plans(&intent)));
        }
    }

    #[test]
    fn a_plan_has_exactly_the_items_of_its_keys_and_names_nothing_it_lacks(steps in ops(60)) {
        let mut intent = Intent::default();
        for op in &steps {
            run(&mut intent, op);
        }
        for (host, plan) in plans(&intent) {
            prop_assert_eq!(plan.items.len(), keys(&intent, host).len());
            for (key, item) in &plan.items {
                prop_assert_eq!(*key, item.key());
                let network = match item {
                    PlanItem::Port(port) => Some(port.network_id),
                    PlanItem::RemotePort(port) => Some(port.network_id),
                    _ => None,
                };
                let known = network.is_none_or(|id| plan.items.contains_key(&PlanKey::Network(id)));
                prop_assert!(known, "{} is on a network that the plan lacks", key);
            }
        }
    }
}

/// Two networks of 5 ports on each of 3 hosts, and one network on the first host alone.
fn pool() -> (Intent, Vec<HostId>) {
    let mut intent = Intent::default();
    let mut ops = vec![
        Op::Tenant { name: 0 },
        Op::PhysicalNetwork { name: 0, vlans: 6 },
        Op::Host { name: 0 },
        Op::Host { name: 1 },
        Op::Host { name: 2 },
    ];
    let port = |network, host| Op::Port {
        network,
        name: None,
        mac: None,
        last: None,
        host: Some(host),
        group: None,
    };
    for name in 0..3 {
        ops.push(Op::Network {
            tenant: 0,
            name,
            carrier: 0,
            vlan: None,
        });
    }
    for index in 0..15 {
        ops.extend([port(0, index % 3), port(1, index % 3)]);
    }
    ops.push(port(2, 0));
    for op in &ops {
        assert!(!run(&mut intent, op).is_empty());
    }
    let hosts = intent.hosts.keys().copied().collect();
    (intent, hosts)
}

#[test]
fn a_new_port_is_one_item_for_each_host_that_has_its_network_and_none_for_others() {
    let (before, hosts) = pool();
    let mut after = before.clone();
    let op = Op::Port {
        network: 2,
        name: None,
        mac: None,
        last: None,
        host: Some(0),
        group: None,
    };
    let written = run(&mut after, &op);
    let differing: Vec<_> = touched(&before, &after, &written)
        .into_iter()
        .filter(|(host, key)| item(&before, *host, *key) != item(&after, *host, *key))
        .collect();
    let Key::Port(port) = written[0] else {
        panic!("{written:?}")
    };
    assert_eq!(differing, [(hosts[0], PlanKey::Port(port))]);

    let mut after = before.clone();
    let op = Op::Port {
        network: 0,
        name: None,
        mac: None,
        last: None,
        host: Some(1),
        group: None,
    };
    let written = run(&mut after, &op);
    let touched = touched(&before, &after, &written);
    let touched_hosts: BTreeSet<HostId> = touched.iter().map(|(host, _)| *host).collect();
    assert_eq!(touched_hosts.len(), 3);
    assert_eq!(touched.len(), 6);
}

#[test]
fn a_port_that_nobody_bound_is_in_no_plan() {
    let (before, _) = pool();
    let mut after = before.clone();
    let op = Op::Port {
        network: 0,
        name: None,
        mac: None,
        last: None,
        host: None,
        group: None,
    };
    run(&mut after, &op);
    let items = |intent| plans(intent).into_values().map(|plan| plan.items);
    assert!(items(&before).eq(items(&after)));
}

/// A port on each of two hosts, on an overlay network.
fn overlay_pool() -> (Intent, HostId, HostId) {
    let mut intent = Intent::default();
    let port = |host| Op::Port {
        network: 0,
        name: None,
        mac: None,
        last: None,
        host: Some(host),
        group: None,
    };
    for op in [
        Op::Tenant { name: 0 },
        Op::Host { name: 0 },
        Op::Host { name: 1 },
        Op::Underlay {
            name: 1,
            endpoints: 1,
        },
        Op::Overlay {
            tenant: 0,
            name: 0,
            geneve: false,
            vni: None,
        },
        port(0),
        port(1),
    ] {
        assert!(!run(&mut intent, &op).is_empty());
    }
    let hosts: Vec<HostId> = intent.hosts.keys().copied().collect();
    (intent, hosts[0], hosts[1])
}

#[test]
fn each_host_is_told_its_endpoint_and_those_of_hosts_it_shares_an_overlay_with() {
    let (intent, first, second) = overlay_pool();
    let endpoint = |host: HostId| intent.hosts[&host].endpoint.unwrap();
    for (host, other) in [(first, second), (second, first)] {
        let plan = plan(&intent, host);
        let own = plan.items.values().find_map(|item| match item {
            PlanItem::PhysicalNetwork(network) => network.endpoint,
            _ => None,
        });
        let own = own.unwrap();
        assert_eq!((own.addr(), own.prefix_len()), (endpoint(host), 24));
        let remote = plan.items.values().find_map(|item| match item {
            PlanItem::RemotePort(port) => port.endpoint,
            _ => None,
        });
        assert_eq!(remote, Some(endpoint(other)));
    }
}

#[test]
fn an_endpoint_that_changes_is_one_item_for_the_host_and_one_for_each_port_elsewhere() {
    let (before, first, second) = overlay_pool();
    let mut after = before.clone();
    let moved = model::Host {
        endpoint: Some("10.254.0.77".parse().unwrap()),
        ..(*before.hosts[&first]).clone()
    };
    after.put(&crate::object::Object::Host(std::sync::Arc::new(moved)));
    let touched = touched(&before, &after, &[Key::Host(first)]);
    let differing: Vec<_> = touched
        .into_iter()
        .filter(|(host, key)| item(&before, *host, *key) != item(&after, *host, *key))
        .collect();
    let carrier = *after.physical_networks.keys().next().unwrap();
    let port = after.ports_on(first).next().unwrap().id;
    let mut expected = [
        (first, PlanKey::PhysicalNetwork(carrier)),
        (second, PlanKey::RemotePort(port)),
    ];
    expected.sort();
    assert_eq!(differing, expected);
}

/// More networks than there are VLAN ids, all of them on one host.
#[test]
fn ten_thousand_overlays_have_a_vni_each_and_a_host_is_told_of_all() {
    const COUNT: usize = 10_000;
    let (mut intent, host, _) = overlay_pool();
    let tenant = *intent.tenants.keys().next().unwrap();
    let create = |kind, name: String| NetworkCreate {
        tenant_id: tenant,
        name: name.parse().unwrap(),
        kind,
        physical_network_id: None,
        vlan: None,
        vni: None,
        mtu: None,
        sharing: Sharing::default(),
        limits: model::Limits::default(),
    };
    let kinds = [NetworkKind::Vxlan, NetworkKind::Geneve];
    for (n, kind) in (1..COUNT).zip(kinds.into_iter().cycle()) {
        let request = create(kind, format!("overlay {n}"));
        let draft = crate::service::tests::network_create(&intent, request).unwrap();
        let network = draft.answer;
        let port = model::Port {
            id: model::Id::generate(),
            tenant_id: tenant,
            network_id: network.id,
            name: None,
            mac: model::MacAddr::local(1),
            addresses: Vec::new(),
            allowed: Vec::new(),
            spoof_guard: model::SpoofGuard::On,
            limits: model::Limits::default(),
            security_group_ids: Vec::new(),
            host_id: Some(host),
            on_trunk: None,
            migration: None,
            instance_id: None,
            created_at: network.created_at,
        };
        let port = crate::object::Object::Port(std::sync::Arc::new(port));
        let revision = intent.revision + 1;
        intent.apply(revision, &draft.writes);
        intent.put(&port);
    }
    let plan = plan(&intent, host);
    let networks = plan.items.values().filter_map(|item| match item {
        PlanItem::Network(network) => network.segment.tunnel(),
        _ => None,
    });
    let vnis: BTreeSet<u32> = networks.map(|(_, vni)| vni.get()).collect();
    assert_eq!(vnis.len(), COUNT);
    assert_eq!(vnis.first(), Some(&4096));
    assert_eq!(vnis.last(), Some(&(4096 + 9_999)));
}

#[test]
fn a_router_brings_all_it_joins_to_every_host_that_has_any_of_it_and_takes_it_away_again() {
    let (mut intent, hosts) = pool();
    let apart = plans(&intent);
    let ids: Vec<NetworkId> = intent.networks.keys().copied().collect();
    let lonely = ids
        .iter()
        .find(|id| intent.hosts_of(**id).count() == 1)
        .unwrap();
    let networks = ids
        .iter()
        .zip(0u8..)
        .filter(|(id, index)| *id == lonely || *index == 0);
    let op = Op::Router {
        tenant: 0,
        name: 0,
        networks: networks.map(|(_, index)| index).collect(),
    };
    let before = intent.clone();
    let written = run(&mut intent, &op);
    let joined = plans(&intent);
    let touched_items = touched(&before, &intent, &written);
    let only = intent.ports_of(*lonely).next().unwrap().id;
    let key_of_router = PlanKey::Router(intent.routers.get_min().unwrap().0);
    for host in &hosts {
        let plan = &joined[host];
        assert!(plan.items.contains_key(&PlanKey::Network(*lonely)));
        let own = intent.is_on(*lonely, *host);
        let key = match own {
            true => PlanKey::Port(only),
            false => PlanKey::RemotePort(only),
        };
        assert!(plan.items.contains_key(&key));
        let PlanItem::Router(router) = &plan.items[&key_of_router] else {
            panic!("no router");
        };
        assert_eq!(router.mac, MacAddr::router(*host));
        assert_eq!(router.network_ids.len(), 2);
        let differing = plan
            .items
            .iter()
            .filter(|(key, item)| apart[host].items.get(key) != Some(item));
        for (key, _) in differing {
            assert!(touched_items.contains(&(*host, *key)), "{key}");
        }
    }
    let op = Op::Delete {
        noun: crate::object::Noun::Router,
        index: 0,
    };
    run(&mut intent, &op);
    let items = |plans: Plans| -> Vec<_> { plans.into_values().map(|it| it.items).collect() };
    assert_eq!(items(plans(&intent)), items(apart));
}
