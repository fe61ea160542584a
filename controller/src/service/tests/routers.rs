//! Routers: what they may join, and what they keep from being changed.

use api::backend::Backend;
use api::problem::Code;
use api::request::{NetworkCreate, PortCreate, RouterCreate, RouterUpdate, SubnetCreate};
use model::{Network, Router};
use serde_json::{Value, json};

use super::refused::{World, caller, request, with};

/// A network of the first tenant with a subnet, if one is given.
async fn network(world: &World, name: &str, members: &Value, cidr: Option<&str>) -> Network {
    let network = json!({"tenant_id": world.tenants[0], "name": name, "kind": "vlan"});
    let network: NetworkCreate = request(with(&network, members));
    let network = world.service.network_create(caller(), network).await;
    let network = network.unwrap();
    if let Some(cidr) = cidr {
        let subnet: SubnetCreate =
            request(json!({"network_id": network.id, "cidr": cidr, "dhcp": true}));
        world.service.subnet_create(caller(), subnet).await.unwrap();
    }
    network
}

#[tokio::test]
async fn routers_that_do_not_fit_are_refused() {
    let world = World::new().await;
    let web = network(&world, "web", &json!({}), Some("10.1.0.0/24")).await;
    let db = network(&world, "db", &json!({}), Some("10.2.0.0/24")).await;
    let within = network(&world, "within", &json!({}), Some("10.1.0.128/25")).await;
    let shared = network(&world, "shared", &json!({"shared": true}), None).await;
    let alone = network(&world, "alone", &json!({"isolated": true}), None).await;
    let taken = network(&world, "taken", &json!({}), None).await;
    let ask = |it| world.service.router_create(caller(), it);
    let first = json!({"tenant_id": world.tenants[0], "name": "first", "network_ids": [taken.id]});
    ask(request(first)).await.unwrap();
    let others = world.service.networks();
    let others = others
        .iter()
        .find(|it| it.tenant_id == world.tenants[1])
        .unwrap()
        .id;
    let fitting = json!({
        "tenant_id": world.tenants[0], "name": "r", "network_ids": [web.id, db.id],
    });
    let joined = |ids: &[model::NetworkId]| json!({"network_ids": ids});
    let cases = [
        (json!({"name": "first"}), "name duplicate"),
        (joined(&[web.id, within.id]), "network_ids[1] inconsistent"),
        (joined(&[web.id, web.id]), "network_ids[1] duplicate"),
        (joined(&[taken.id]), "network_ids[0] duplicate"),
        (
            joined(&[shared.id, alone.id, others]),
            "network_ids[0] inconsistent, network_ids[1] inconsistent, network_ids[2] inconsistent",
        ),
    ];
    world.refuses(ask, fitting, &cases).await;
}

#[tokio::test]
async fn what_a_router_joins_stays_and_stays_apart() {
    let world = World::new().await;
    let service = &world.service;
    let web = network(&world, "web", &json!({}), Some("10.1.0.0/24")).await;
    let db = network(&world, "db", &json!({}), None).await;
    let router: RouterCreate = request(json!({
        "tenant_id": world.tenants[0], "name": "r", "network_ids": [web.id, db.id],
    }));
    let router = service.router_create(caller(), router).await.unwrap();
    let ask = |it| service.subnet_create(caller(), it);
    let subnet = json!({"network_id": db.id, "cidr": "10.1.0.0/16", "dhcp": true});
    let cases = [(json!({}), "cidr inconsistent")];
    world.refuses(ask, subnet, &cases).await;
    let ask = |it| service.port_create(caller(), it);
    let port = json!({"network_id": web.id, "mac": "0a:be:00:00:00:07"});
    let cases = [(json!({}), "mac inconsistent")];
    world.refuses(ask, port, &cases).await;
    let kept = service.network_delete(caller(), web.id).await;
    assert_eq!(kept.unwrap_err().code, Code::InUse);
    service.router_delete(caller(), router.id).await.unwrap();
    service.network_delete(caller(), web.id).await.unwrap();
    let again = service.router_delete(caller(), router.id).await;
    assert_eq!(again.unwrap_err().code, Code::NotFound);
}

/// A router that joins a network of large packets and one of smaller ones, with a port on each.
async fn routed(world: &World) -> (Router, [Network; 2]) {
    let web = network(world, "web", &json!({}), Some("10.1.0.0/24")).await;
    let db = network(world, "db", &json!({"mtu": 1400}), Some("10.2.0.0/24")).await;
    let router: RouterCreate = request(json!({
        "tenant_id": world.tenants[0], "name": "r", "network_ids": [web.id, db.id],
    }));
    let router = world.service.router_create(caller(), router).await.unwrap();
    for (network, members) in [
        (&web, json!({"addresses": ["10.1.0.7"]})),
        (&db, json!({"addresses": ["10.2.0.7"]})),
        (
            &db,
            json!({"addresses": ["10.2.0.8"], "allowed": ["10.2.0.40/30", "10.2.0.50@00:00:5e:00:01:01"]}),
        ),
        (
            &db,
            json!({"addresses": ["10.2.0.9"], "allowed": ["10.2.0.40/30", "10.2.0.50@00:00:5e:00:01:01"]}),
        ),
    ] {
        let port: PortCreate = request(with(&json!({"network_id": network.id}), &members));
        world.service.port_create(caller(), port).await.unwrap();
    }
    (router, [web, db])
}

#[tokio::test]
async fn routes_that_do_not_fit_are_refused_all_at_once() {
    let world = World::new().await;
    let (router, [web, _]) = routed(&world).await;
    let ask = |it: RouterUpdate| world.service.router_update(caller(), router.id, it);
    let add = |routes: &[&str]| json!({"add_routes": routes});
    let cases = [
        (
            add(&["10.9.0.0/16 via 10.3.0.7"]),
            "add_routes[0] inconsistent",
        ),
        (
            add(&["10.9.0.0/16 via 10.2.0.99"]),
            "add_routes[0] unknown_reference",
        ),
        (
            add(&["10.9.0.0/16 via 10.2.0.1"]),
            "add_routes[0] inconsistent",
        ),
        (
            add(&["10.9.0.0/16 via 10.2.0.41"]),
            "add_routes[0] inconsistent",
        ),
        (
            add(&["10.1.0.128/25 via 10.2.0.7"]),
            "add_routes[0] inconsistent",
        ),
        (
            add(&["10.2.0.0/24 via 10.1.0.7"]),
            "add_routes[0] inconsistent",
        ),
        (
            add(&["127.0.0.0/8 via 10.1.0.7"]),
            "add_routes[0] out_of_range",
        ),
        (
            add(&["10.9.0.0/16 via 10.2.0.7", "10.9.0.0/16 via 10.2.0.8"]),
            "add_routes[1] duplicate",
        ),
        (
            add(&["224.0.0.0/4 via 10.3.0.7", "10.1.0.0/24 via 10.2.0.1"]),
            "add_routes[0] out_of_range, add_routes[0] inconsistent, add_routes[1] inconsistent, \
             add_routes[1] inconsistent",
        ),
        (
            json!({"remove_routes": ["10.8.0.0/16 via 10.2.0.7"], "add_network_ids": [web.id]}),
            "add_network_ids[0] duplicate, remove_routes[0] unknown_reference",
        ),
    ];
    world.refuses(ask, json!({}), &cases).await;
}

#[tokio::test]
async fn a_route_goes_by_a_port_or_a_pair_that_one_has_and_keeps_its_network() {
    let world = World::new().await;
    let (router, [web, db]) = routed(&world).await;
    let ask = |it| world.service.router_update(caller(), router.id, it);
    let routes = json!({"add_routes": [
        "10.9.0.0/16 via 10.2.0.7", "10.9.1.0/24 via 10.1.0.7", "0.0.0.0/0 via 10.2.0.50",
        "10.0.0.0/8 via 10.2.0.8",
    ]});
    let changed = ask(request(routes)).await.unwrap();
    assert_eq!(changed.routes.len(), 4);
    let extra = network(&world, "extra", &json!({}), Some("10.9.0.0/16")).await;
    let cases = [
        (
            json!({"remove_network_ids": [db.id]}),
            "remove_network_ids inconsistent",
        ),
        (json!({"network_ids": [web.id]}), "network_ids inconsistent"),
        (
            json!({"add_network_ids": [extra.id]}),
            "add_network_ids inconsistent",
        ),
    ];
    let expected =
        |(change, once): &(Value, &str), times| (change.clone(), [*once].repeat(times).join(", "));
    let counted = [
        expected(&cases[0], 3),
        expected(&cases[1], 3),
        expected(&cases[2], 2),
    ];
    let cases = counted
        .each_ref()
        .map(|(change, faults)| (change.clone(), faults.as_str()));
    world.refuses(ask, json!({}), &cases).await;
    let subnet = json!({"network_id": web.id, "cidr": "10.9.0.0/20"});
    let more = |it| world.service.subnet_create(caller(), it);
    world
        .refuses(more, subnet, &[(json!({}), "cidr inconsistent")])
        .await;
}

#[tokio::test]
async fn networks_join_and_leave_a_router_that_is_there() {
    let world = World::new().await;
    let (router, [web, db]) = routed(&world).await;
    let ask = |it| world.service.router_update(caller(), router.id, it);
    let third = network(&world, "third", &json!({}), Some("10.3.0.0/24")).await;
    let change = json!({"add_network_ids": [third.id], "remove_network_ids": [web.id]});
    let changed = ask(request(change)).await.unwrap();
    assert_eq!(changed.network_ids, [db.id, third.id]);
    world
        .service
        .network_delete(caller(), third.id)
        .await
        .unwrap_err();
    let revision = world.service.intent().revision;
    let again = ask(request(json!({"network_ids": [db.id, third.id]}))).await;
    assert_eq!(again.unwrap(), changed);
    assert_eq!(
        world.service.intent().revision,
        revision,
        "nothing was written"
    );
    let nobody = world
        .service
        .router_update(caller(), model::Id::generate(), request(json!({})));
    assert_eq!(nobody.await.unwrap_err().code, Code::NotFound);
}
