//! Routers: what they may join, and what they keep from being changed.

use api::backend::Backend;
use api::problem::Code;
use api::request::{NetworkCreate, RouterCreate, SubnetCreate};
use model::Network;
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
    let small = network(&world, "small", &json!({"mtu": 1400}), None).await;
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
        (joined(&[web.id, small.id]), "network_ids[1] inconsistent"),
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
