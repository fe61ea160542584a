//! The life of an address: allocated, kept, given back, and what a port may send from besides.

use std::collections::BTreeSet;
use std::net::IpAddr;

use api::backend::Backend;
use api::problem::Problem;
use api::resource::PortView;
use model::{EventKind, Reservation, Subnet};
use serde_json::{Value, json};

use super::refused::{World, caller, request, start};

/// The faults of a problem, as `field code`.
fn faults(problem: &Problem) -> Vec<String> {
    let faults = problem.errors.iter();
    let faults = faults.map(|it| format!("{} {}", it.field, json!(it.code)));
    faults.map(|it| it.replace('"', "")).collect()
}

impl World {
    async fn port(&self, members: Value) -> PortView {
        self.try_port(members).await.unwrap()
    }

    async fn try_port(&self, members: Value) -> Result<PortView, Problem> {
        let mut body = json!({"network_id": self.networks[0].id});
        let object = body.as_object_mut().unwrap();
        object.extend(members.as_object().unwrap().clone());
        self.service.port_create(caller(), request(body)).await
    }

    async fn set(&self, port: &PortView, members: Value) -> Result<PortView, Problem> {
        let id = port.port.id;
        self.service
            .port_update(caller(), id, request(members))
            .await
    }

    async fn set_subnet(&self, members: Value) -> Result<Subnet, Problem> {
        let id = self.subnets[0].id;
        self.service
            .subnet_update(caller(), id, request(members))
            .await
    }

    async fn reserve(&self, addresses: &str) -> Result<Reservation, Problem> {
        let body = json!({"network_id": self.networks[0].id, "addresses": addresses});
        self.service
            .reservation_create(caller(), request(body))
            .await
    }
}

fn addresses(port: &PortView) -> Vec<String> {
    let addresses = port.port.addresses.iter();
    addresses.map(IpAddr::to_string).collect()
}

#[tokio::test]
async fn an_address_that_was_given_back_is_the_last_to_be_given_out_again() {
    let world = World::new().await;
    world
        .set_subnet(json!({"pools": ["10.0.0.2-10.0.0.4", "10.0.0.9"]}))
        .await
        .unwrap();
    let first = world.port(json!({})).await;
    assert_eq!(addresses(&first), ["10.0.0.2"]);
    world
        .service
        .port_delete(caller(), first.port.id)
        .await
        .unwrap();
    for expected in ["10.0.0.3", "10.0.0.4", "10.0.0.9", "10.0.0.2"] {
        assert_eq!(addresses(&world.port(json!({})).await), [expected]);
    }
    let problem = world.try_port(json!({})).await.unwrap_err();
    assert_eq!(json!(problem.code), "exhausted");
}

#[tokio::test]
async fn after_a_restart_the_search_goes_on_behind_the_youngest_port() {
    let world = World::new().await;
    for _ in 0..3 {
        world.port(json!({})).await;
    }
    let gone = world.service.ports();
    let second = gone
        .iter()
        .find(|it| addresses(it) == ["10.0.0.3"])
        .unwrap();
    world
        .service
        .port_delete(caller(), second.port.id)
        .await
        .unwrap();
    let network = world.networks[0].id;
    let folder = world.into_folder();
    let service = start(folder.path());
    let body = request(json!({"network_id": network}));
    let port = service.port_create(caller(), body).await.unwrap();
    assert_eq!(addresses(&port), ["10.0.0.5"]);
}

#[tokio::test]
async fn what_is_reserved_is_given_only_to_who_asks_for_it() {
    let world = World::new().await;
    let kept = world.reserve("10.0.0.2-10.0.0.9").await.unwrap();
    assert_eq!(addresses(&world.port(json!({})).await), ["10.0.0.10"]);
    let named = world.port(json!({"addresses": ["10.0.0.5"]})).await;
    assert_eq!(addresses(&named), ["10.0.0.5"]);
    for taken in ["10.0.0.9-10.0.0.12", "10.0.0.1-10.0.0.255", "10.0.0.3"] {
        let problem = world.reserve(taken).await.unwrap_err();
        assert_eq!(faults(&problem), ["addresses duplicate"], "{taken}");
    }
    for outside in ["10.9.0.1", "10.0.0.250-10.0.1.3"] {
        let problem = world.reserve(outside).await.unwrap_err();
        assert_eq!(faults(&problem), ["addresses inconsistent"], "{outside}");
    }
    world
        .service
        .reservation_delete(caller(), kept.id)
        .await
        .unwrap();
    // Who asked for 10.0.0.5 was the last, so the search goes on behind it.
    let pools = json!({"pools": ["10.0.0.2-10.0.0.10"]});
    world.set_subnet(pools).await.unwrap();
    assert_eq!(addresses(&world.port(json!({})).await), ["10.0.0.6"]);
}

#[tokio::test]
async fn a_subnet_is_deleted_with_what_is_reserved_of_it() {
    let world = World::new().await;
    let kept = world.reserve("10.0.0.7").await.unwrap();
    world
        .service
        .subnet_delete(caller(), world.subnets[0].id)
        .await
        .unwrap();
    assert_eq!(world.service.reservation(kept.id), None);
}

#[tokio::test]
async fn addresses_are_added_to_a_port_and_taken_away_and_survive_a_restart() {
    let world = World::new().await;
    let port = world.port(json!({})).await;
    let body = json!({"add_addresses": ["10.0.0.20", "10.0.0.21"]});
    let changed = world.set(&port, body).await.unwrap();
    assert_eq!(addresses(&changed), ["10.0.0.2", "10.0.0.20", "10.0.0.21"]);
    let body = json!({"remove_addresses": ["10.0.0.2"], "add_addresses": ["10.0.0.22"]});
    let changed = world.set(&port, body).await.unwrap();
    assert_eq!(addresses(&changed), ["10.0.0.20", "10.0.0.21", "10.0.0.22"]);
    // What was taken away is anybody's.
    world.port(json!({"addresses": ["10.0.0.2"]})).await;
    let before = world.service.intent();
    let folder = world.into_folder();
    assert_eq!(start(folder.path()).intent().ports, before.ports);
}

/// What a port of the world above may not become, and the faults.
fn unfit_updates(gateway: model::MacAddr) -> Vec<(Value, Vec<&'static str>)> {
    vec![
        (
            json!({"addresses": ["10.0.0.50", "10.0.0.1", "10.0.0.65"]}),
            vec![
                "addresses[0] duplicate",
                "addresses[1] inconsistent",
                "addresses[2] duplicate",
            ],
        ),
        (
            json!({"addresses": ["10.0.0.8"], "add_addresses": ["10.0.0.9"]}),
            vec!["addresses inconsistent"],
        ),
        (
            json!({"add_addresses": ["10.0.0.7"], "remove_addresses": ["10.0.0.8"]}),
            vec![
                "remove_addresses[0] unknown_reference",
                "add_addresses[0] duplicate",
            ],
        ),
        (
            json!({"allowed": ["10.0.0.0/24"]}),
            vec!["allowed[0] inconsistent"],
        ),
        (
            json!({"allowed": ["10.0.0.48/28", "10.0.0.1"]}),
            vec!["allowed[0] duplicate", "allowed[1] inconsistent"],
        ),
        (
            json!({"allowed": ["10.0.0.7", "224.0.0.18", "0.0.0.0/0"]}),
            vec![
                "allowed[0] inconsistent",
                "allowed[1] out_of_range",
                "allowed[2] out_of_range",
            ],
        ),
        (
            json!({"allowed": ["10.0.0.9", "10.0.0.9"]}),
            vec!["allowed[1] duplicate"],
        ),
        (
            json!({"allowed": [format!("10.0.0.9@{gateway}")]}),
            vec!["allowed[0] inconsistent"],
        ),
        (
            json!({"allowed": ["10.0.0.9@fa:00:00:00:00:02"]}),
            vec!["allowed[0] duplicate"],
        ),
        (
            json!({"allowed": ["10.0.0.9@fa:00:00:00:00:01"]}),
            vec!["allowed[0] inconsistent"],
        ),
        (
            json!({"allowed": ["fe80::/64"]}),
            vec!["allowed[0] out_of_range"],
        ),
        (
            json!({"add_addresses": vec!["10.0.0.11"; 8]}),
            vec!["add_addresses out_of_range"],
        ),
    ]
}

#[tokio::test]
async fn updates_of_a_port_that_do_not_fit_are_refused_with_every_fault() {
    let world = World::new().await;
    let other = json!({"addresses": ["10.0.0.50"], "mac": "fa:00:00:00:00:02"});
    let other = world.port(other).await;
    let shared = json!({"allowed": ["10.0.0.64/28", "10.0.0.90@00:00:5e:00:01:01"]});
    world.set(&other, shared).await.unwrap();
    let port = world
        .port(json!({"addresses": ["10.0.0.7"], "mac": "fa:00:00:00:00:01"}))
        .await;
    let gateway = model::MacAddr::gateway(world.networks[0].number);
    for (body, expected) in unfit_updates(gateway) {
        let before = world.state();
        let problem = world.set(&port, body.clone()).await.unwrap_err();
        let found = faults(&problem);
        for fault in &expected {
            assert!(found.contains(&(*fault).to_owned()), "{body}: {found:?}");
        }
        assert_eq!(world.state(), before, "{body}");
    }
    let problem = world
        .try_port(json!({"mac": "00:00:5e:00:01:01"}))
        .await
        .unwrap_err();
    assert_eq!(faults(&problem), ["mac duplicate"]);
}

#[tokio::test]
async fn several_ports_may_share_a_pair_and_its_address_is_never_allocated() {
    let world = World::new().await;
    let pair = json!({"allowed": ["10.0.0.2", "10.0.0.4/30"]});
    let [one, two] = [world.port(pair.clone()).await, world.port(pair).await];
    assert_eq!(
        [addresses(&one), addresses(&two)],
        [["10.0.0.3"], ["10.0.0.8"]]
    );
    let none = json!({"allowed": []});
    world.set(&one, none.clone()).await.unwrap();
    world
        .set_subnet(json!({"pools": ["10.0.0.2-10.0.0.8"]}))
        .await
        .unwrap();
    assert!(world.try_port(json!({})).await.is_err());
    world.set(&two, none).await.unwrap();
    assert_eq!(addresses(&world.port(json!({})).await), ["10.0.0.2"]);
}

#[tokio::test]
async fn a_subnet_changes_what_it_names_and_refuses_what_would_hurt_its_ports() {
    let world = World::new().await;
    let port = world
        .port(json!({"addresses": ["10.0.0.7"], "allowed": ["10.0.0.64/28"]}))
        .await;
    let body = json!({"dns": ["9.9.9.9"], "domain": "web.example", "lease_seconds": 120});
    let changed = world.set_subnet(body).await.unwrap();
    assert_eq!(changed.handout.lease_seconds, 120);
    let changed = world
        .set_subnet(json!({"dhcp": false, "domain": null}))
        .await
        .unwrap();
    assert_eq!(json!(changed.handout.dns), json!(["9.9.9.9"]));
    assert_eq!(changed.handout.domain, None);
    assert!(!changed.handout.dhcp);
    let cases = [
        (json!({"gateway": "10.0.0.7"}), "gateway duplicate"),
        (json!({"gateway": "10.0.0.65"}), "gateway duplicate"),
        (json!({"gateway": "10.9.0.1"}), "gateway out_of_range"),
        (
            json!({"pools": ["10.0.0.8-10.0.0.20"]}),
            "pools inconsistent",
        ),
        (
            json!({"pools": ["10.0.0.1-10.0.0.9", "10.0.0.9-10.0.0.20"]}),
            "pools[1] duplicate",
        ),
        (
            json!({"pools": ["10.0.1.1"]}),
            "pools[0] out_of_range, pools inconsistent",
        ),
        (json!({"dns_names": true}), "dns_names inconsistent"),
        (
            json!({"dns_forward": ["127.0.0.1"]}),
            "dns_forward[0] out_of_range",
        ),
        (
            json!({"dns_forward": ["169.254.169.254"]}),
            "dns_forward[0] out_of_range",
        ),
        (
            json!({"dns_forward": ["::ffff:9.9.9.9"]}),
            "dns_forward[0] out_of_range",
        ),
        (
            json!({"routes": ["10.9.0.0/16 via 10.1.0.7"]}),
            "routes[0] inconsistent",
        ),
    ];
    for (body, expected) in cases {
        let before = world.state();
        let problem = world.set_subnet(body.clone()).await.unwrap_err();
        assert_eq!(faults(&problem).join(", "), expected, "{body}");
        assert_eq!(world.state(), before, "{body}");
    }
    let changed = world
        .set_subnet(json!({"gateway": "10.0.0.254"}))
        .await
        .unwrap();
    assert_eq!(changed.gateway.to_string(), "10.0.0.254");
    // The old gateway's address is free, the new one's is not.
    world
        .set(&port, json!({"add_addresses": ["10.0.0.1"]}))
        .await
        .unwrap();
    assert!(
        world
            .set(&port, json!({"add_addresses": ["10.0.0.254"]}))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_new_subnet_may_not_put_its_gateway_where_a_port_may_send_from() {
    let world = World::new().await;
    world.port(json!({"allowed": ["10.7.0.0/16"]})).await;
    let body = json!({"network_id": world.networks[0].id, "cidr": "10.7.1.0/24"});
    let asked = world.service.subnet_create(caller(), request(body));
    assert_eq!(faults(&asked.await.unwrap_err()), ["gateway duplicate"]);
}

#[tokio::test]
async fn switching_the_spoof_guard_is_told_to_whoever_watches() {
    let world = World::new().await;
    let port = world.port(json!({})).await;
    let off = world
        .set(&port, json!({"spoof_guard": "off"}))
        .await
        .unwrap();
    assert_eq!(json!(off.port.spoof_guard), "off");
    // Asked for again, nothing happens.
    world
        .set(&port, json!({"spoof_guard": "off"}))
        .await
        .unwrap();
    world
        .set(&port, json!({"spoof_guard": "on"}))
        .await
        .unwrap();
    world.port(json!({"spoof_guard": "off"})).await;
    world.service.settled();
    let events = world.service.events();
    let told: Vec<_> = events
        .iter()
        .filter(|it| it.kind == EventKind::SpoofGuard)
        .collect();
    let ids: BTreeSet<u64> = told.iter().map(|it| it.id).collect();
    assert_eq!(ids.len(), 3);
    assert!(
        told[0].message.contains("admin switched"),
        "{}",
        told[0].message
    );
    assert!(told[0].message.ends_with("off"), "{}", told[0].message);
    assert!(told[1].message.ends_with("on"), "{}", told[1].message);
}
