//! Single hosts that differ: planned for them alone, refused with every fault, tried again.

use super::*;

#[test]
fn a_host_that_differs_is_planned_so_and_no_other_is() {
    let (mut intent, observed, hosts) = pool();
    set_up(&mut intent, &observed, three_networks());
    let (private, management) = (of(&intent, Role::Private), of(&intent, Role::Management));
    let before = intent.clone();
    let bond = json!({ "physical_network_id": private.id, "uplink": "eth2+eth3/lacp" });
    let draft = uplink_set(&intent, &observed, hosts[0], bond.clone());
    let written: Vec<_> = draft
        .as_ref()
        .unwrap()
        .writes
        .iter()
        .map(Write::key)
        .collect();
    assert!(apply(&mut intent, draft).changed);
    let planned = |intent: &Intent, host| {
        let item = compile::item(intent, host, PlanKey::PhysicalNetwork(private.id));
        match item {
            Some(PlanItem::PhysicalNetwork(it)) => it.uplink.to_string(),
            _ => String::new(),
        }
    };
    assert_eq!(planned(&intent, hosts[0]), "eth2+eth3/lacp");
    assert_eq!(planned(&intent, hosts[1]), "eth1");
    let touched = compile::touched(&before, &intent, &written);
    assert!(
        touched.iter().all(|(host, _)| *host == hosts[0]),
        "{touched:?}"
    );
    let again = uplink_set(&intent, &observed, hosts[0], bond).unwrap();
    assert!(!again.answer.changed);

    let moved = json!({
        "physical_network_id": management.id, "uplink": "eth1/vlan30",
        "address": "198.51.100.7/24", "gateway": "198.51.100.1", "confirm_within_seconds": 30,
    });
    let draft = uplink_set(&intent, &observed, hosts[1], moved);
    apply(&mut intent, draft);
    let plan = compile::plan(&intent, hosts[1]);
    let trial = Trial {
        confirm_within_seconds: 30,
        attempt: 0,
    };
    assert_eq!(
        plan.items.get(&PlanKey::Trial),
        Some(&PlanItem::Trial(trial))
    );
    assert!(
        !compile::plan(&intent, hosts[0])
            .items
            .contains_key(&PlanKey::Trial)
    );

    // As the pool again; and what a physical network leaves behind goes with it.
    let as_pool = json!({ "physical_network_id": private.id });
    let draft = uplink_set(&intent, &observed, hosts[0], as_pool);
    apply(&mut intent, draft);
    assert_eq!(planned(&intent, hosts[0]), "eth1");
    set_up(&mut intent, &observed, json!({ "management": null }));
    assert!(intent.hosts.values().all(|host| host.uplinks.is_empty()));
}

/// How the first host cannot differ, and the faults of each.
fn misfits(
    private: PhysicalNetworkId,
    management: PhysicalNetworkId,
) -> Vec<(Value, &'static str)> {
    vec![
        (
            json!({ "physical_network_id": HostId::generate() }),
            "physical_network_id unknown_reference",
        ),
        (
            json!({ "physical_network_id": private, "uplink": "eth9" }),
            "uplink unknown_reference",
        ),
        (
            json!({ "physical_network_id": private, "uplink": "eth0" }),
            "uplink duplicate",
        ),
        (
            json!({ "physical_network_id": private, "uplink": "eth2+eth0/lacp" }),
            "uplink inconsistent, uplink inconsistent",
        ),
        (
            json!({ "physical_network_id": private, "uplink": "eth2/vlan109" }),
            "uplink inconsistent",
        ),
        (
            json!({ "physical_network_id": management, "uplink": "eth2/vlan1" }),
            "uplink inconsistent",
        ),
        (
            json!({ "physical_network_id": management, "uplink": "eth1/vlan100" }),
            "uplink inconsistent",
        ),
        (
            json!({ "physical_network_id": private, "address": "198.51.100.7/24", "confirm_within_seconds": 9 }),
            "confirm_within_seconds inconsistent, address inconsistent",
        ),
        (
            json!({ "physical_network_id": management, "gateway": "198.51.100.1" }),
            "gateway inconsistent",
        ),
        (
            json!({ "physical_network_id": management, "address": "198.51.100.0/24", "gateway": "198.51.101.1" }),
            "address out_of_range, gateway inconsistent",
        ),
        (
            json!({ "physical_network_id": management, "address": "127.0.0.1/8" }),
            "address out_of_range",
        ),
        (
            json!({ "physical_network_id": management, "address": "198.51.100.9/25", "gateway": "198.51.100.9" }),
            "address duplicate, gateway inconsistent",
        ),
        (
            json!({ "physical_network_id": management, "address": "10.254.0.77/24" }),
            "address inconsistent",
        ),
        (
            json!({ "physical_network_id": management, "address": "198.51.100.7/24", "gateway": "fd00::1" }),
            "gateway inconsistent",
        ),
    ]
}

#[test]
fn every_fault_of_how_a_host_differs_is_told_at_once() {
    let (mut intent, observed, hosts) = pool();
    set_up(&mut intent, &observed, three_networks());
    let ids: BTreeMap<Role, _> = intent
        .physical_networks
        .values()
        .map(|it| (it.role, it.id))
        .collect();
    let (private, management) = (ids[&Role::Private], ids[&Role::Management]);
    let draft = uplink_set(
        &intent,
        &observed,
        hosts[2],
        json!({ "physical_network_id": management, "address": "198.51.100.9/24" }),
    );
    apply(&mut intent, draft);
    for (request, expected) in misfits(private, management) {
        let refused = uplink_set(&intent, &observed, hosts[0], request.clone());
        let problem = refused.map(|draft| draft.answer).unwrap_err();
        assert_eq!(faults(&problem), expected, "{request}: {problem:#?}");
    }
    let nobody = uplink_set(
        &intent,
        &observed,
        HostId::generate(),
        json!({ "physical_network_id": private }),
    );
    let nobody = nobody.map(|draft| draft.answer).unwrap_err();
    assert_eq!(nobody.code, api::problem::Code::NotFound);
}

#[test]
fn a_move_that_was_taken_back_is_tried_again_when_it_is_asked_for_again() {
    let (mut intent, mut observed, hosts) = pool();
    set_up(&mut intent, &observed, three_networks());
    let management = of(&intent, Role::Management).id;
    let moved = json!({ "physical_network_id": management, "uplink": "eth3" });
    let draft = uplink_set(&intent, &observed, hosts[0], moved.clone());
    apply(&mut intent, draft);
    revert(&mut observed, hosts[0]);
    let draft = uplink_set(&intent, &observed, hosts[0], moved.clone());
    assert!(apply(&mut intent, draft).changed);
    let attempt = |intent: &Intent, host| match compile::item(intent, host, PlanKey::Trial) {
        Some(PlanItem::Trial(trial)) => trial.attempt,
        _ => 0,
    };
    assert_eq!(
        (attempt(&intent, hosts[0]), attempt(&intent, hosts[1])),
        (1, 0)
    );
    // The same for the pool: not for a host of its own mind, but for one that is as the pool.
    let same = json!({ "management": { "uplink": "eth0" } });
    let draft = topology::change(
        &intent,
        serde_json::from_value(same.clone()).unwrap(),
        &observed,
    );
    assert!(!draft.unwrap().answer.changed);
    revert(&mut observed, hosts[1]);
    assert!(set_up(&mut intent, &observed, same).changed);
    assert_eq!(
        (attempt(&intent, hosts[0]), attempt(&intent, hosts[1])),
        (1, 1)
    );
}
