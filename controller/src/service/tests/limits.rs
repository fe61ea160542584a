//! Limits that are none, and whose hold.

use api::request::{NetworkCreate, PortCreate, PortUpdate, TenantCreate, TenantUpdate};
use model::plan::{PlanItem, PlanKey};
use model::{Nic, NicUse};
use serde_json::{Value, json};

use super::refused::request;
use super::topology::{faults, nic, pool, tell};
use super::{Op, run};
use crate::fleet::Observed;
use crate::intent::Intent;
use crate::service::{network, port, tenant};

/// A pool whose fastest uplink is a bond of two NICs with 10 Gbit/s each; one host is not known.
fn fast_pool() -> (Intent, Observed) {
    let (mut intent, mut observed, hosts) = pool();
    let carries = |name: &str, bond: Option<&str>| Nic {
        used_by: Some(NicUse::PhysicalNetworks {
            names: Vec::new(),
            bond: bond.map(str::to_owned),
        }),
        ..nic(name)
    };
    tell(&mut observed, hosts[0], vec![carries("eth1", None)]);
    let bonded = ["eth1", "eth2"].map(|it| carries(it, Some("bond0")));
    tell(&mut observed, hosts[1], bonded.to_vec());
    for op in [
        Op::Tenant { name: 0 },
        Op::PhysicalNetwork { name: 0, vlans: 6 },
        Op::Network {
            tenant: 0,
            name: 0,
            carrier: 0,
            vlan: None,
        },
    ] {
        assert!(!run(&mut intent, &op).is_empty());
    }
    (intent, observed)
}

#[test]
fn a_rate_beyond_the_fastest_uplink_is_refused_with_all_other_faults() {
    let (intent, observed) = fast_pool();
    let network = intent.networks.values().next().unwrap();
    let ask = |members: Value| {
        let request: PortCreate = request(members);
        port::create(&intent, request, &observed).map(|draft| draft.answer)
    };
    let fitting = json!({"network_id": network.id, "rate_out": "20G", "rate_in": "20G"});
    assert!(ask(fitting).is_ok());
    let asked = json!({
        "network_id": network.id, "rate_out": "21G", "rate_in": "4T",
        "mac": model::MacAddr::gateway(network.number),
    });
    // What is no rate at all is refused where it is read.
    assert!(serde_json::from_value::<PortCreate>(asked).is_err());
    let asked = json!({
        "network_id": network.id, "rate_out": "21G", "rate_in": "4000G",
        "mac": model::MacAddr::gateway(network.number),
    });
    let problem = ask(asked).unwrap_err();
    let expected = "mac inconsistent, rate_out out_of_range, rate_in out_of_range";
    assert_eq!(faults(&problem), expected);
    let message = &problem.errors[1].message;
    assert!(
        message.contains("got 21G; expected at most 20000M") && message.contains("bond0 of h"),
        "{message}"
    );
}

#[test]
fn tenants_and_networks_are_refused_it_too_and_what_was_right_once_may_stay() {
    let (mut intent, observed) = fast_pool();
    let owner = intent.tenants.values().next().unwrap().id;
    let beyond = json!({"name": "other", "tenant_id": owner, "kind": "vlan", "rate_in": "30G"});
    let problem = tenant::create(&intent, request::<TenantCreate>(beyond.clone()), &observed);
    let problem = problem.map(|draft| draft.answer).unwrap_err();
    assert_eq!(faults(&problem), "rate_in out_of_range");
    let problem = network::create(&intent, request::<NetworkCreate>(beyond), &observed);
    let problem = problem.map(|draft| draft.answer).unwrap_err();
    assert_eq!(faults(&problem), "rate_in out_of_range");
    // As long as nobody knows how fast the uplinks are, anything is right, and it stays so.
    let beyond: TenantUpdate = request(json!({"rate_in": "30G"}));
    let draft = tenant::update(&intent, owner, beyond, &Observed::default()).unwrap();
    intent.apply(intent.revision + 1, &draft.writes);
    let other: TenantUpdate = request(json!({"packets_out": "100"}));
    assert!(tenant::update(&intent, owner, other, &observed).is_ok());
}

#[test]
fn a_ports_own_limits_hold_before_its_networks_and_below_its_tenants() {
    let (mut intent, observed) = fast_pool();
    let host = *intent.hosts.keys().next().unwrap();
    let network = intent.networks.values().next().unwrap().id;
    let owner = intent.tenants.values().next().unwrap().id;
    let made: PortCreate = request(json!({"network_id": network, "host_id": host}));
    let draft = port::create(&intent, made, &observed).unwrap();
    let port = draft.answer.id;
    intent.apply(intent.revision + 1, &draft.writes);
    let limits = |intent: &Intent| {
        let item = crate::compile::item(intent, host, PlanKey::Port(port));
        let Some(PlanItem::Port(planned)) = item else {
            panic!("no port");
        };
        let rate = planned.limits.rate_out.map(|it| it.to_string());
        let burst = planned.limits.burst_milliseconds.map(u32::from);
        (rate, burst)
    };
    assert_eq!(limits(&intent), (None, None));
    let asked = request(json!({"rate_out": "2G", "burst_milliseconds": 50}));
    let draft = network::update(&intent, network, asked, &observed).unwrap();
    intent.apply(intent.revision + 1, &draft.writes);
    assert_eq!(limits(&intent), (Some("2G".to_owned()), Some(50)));
    // A burst alone means something where the network has a rate.
    let asked: PortUpdate = request(json!({"burst_milliseconds": 70}));
    let draft = port::update(&intent, port, asked, &observed).unwrap();
    intent.apply(intent.revision + 1, &draft.writes);
    assert_eq!(limits(&intent), (Some("2G".to_owned()), Some(70)));
    let asked: PortUpdate = request(json!({"rate_out": "5G"}));
    let draft = port::update(&intent, port, asked, &observed).unwrap();
    intent.apply(intent.revision + 1, &draft.writes);
    assert_eq!(limits(&intent), (Some("5G".to_owned()), Some(70)));
    let asked: TenantUpdate = request(json!({"rate_out": "1G"}));
    let draft = tenant::update(&intent, owner, asked, &observed).unwrap();
    intent.apply(intent.revision + 1, &draft.writes);
    assert_eq!(limits(&intent), (Some("1G".to_owned()), Some(70)));
}
