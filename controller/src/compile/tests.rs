use std::collections::BTreeMap;

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
    };
    run(&mut after, &op);
    let items = |intent| plans(intent).into_values().map(|plan| plan.items);
    assert!(items(&before).eq(items(&after)));
}
