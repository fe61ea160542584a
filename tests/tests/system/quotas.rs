//! Quotas by the real API: 32 clients of one tenant at once, on a controller that is killed meanwhile.

use std::sync::Arc;

use serde_json::json;
use tests::{LoneController, Rest};

const CLIENTS: usize = 32;
const MOST: u64 = 50;

/// A tenant with a network, and clients that bear its token.
async fn tenant(rest: &Rest, name: &str) -> (String, String, Rest) {
    let made = rest.create("tenants", json!({"name": name})).await;
    let id = made["id"].as_str().unwrap().to_owned();
    let token = json!({"name": "ci", "role": "tenant-admin", "tenant_id": id});
    let token = rest.create("tokens", token).await;
    let network = json!({"tenant_id": id, "name": "lan", "kind": "vlan"});
    let network = rest.create("networks", network).await;
    let network = network["id"].as_str().unwrap().to_owned();
    let subnet = json!({"network_id": network, "cidr": "10.0.0.0/16"});
    rest.create("subnets", subnet).await;
    let bearer = rest.bearing(token["secret"].as_str().unwrap());
    (id, network, bearer)
}

async fn used(rest: &Rest, tenant: &str) -> u64 {
    let (status, quota) = rest.get(&format!("tenants/{tenant}/quota")).await;
    assert_eq!(status, 200, "{quota}");
    quota["ports"]["used"].as_u64().unwrap()
}

/// Makes ports until one is refused, and deletes every third; gives how many are left.
async fn greedy(rest: &Rest, network: &str) -> u64 {
    let mut left = 0;
    for number in 0..20 {
        let (status, made) = rest.post("ports", &json!({"network_id": network})).await;
        match status {
            201 => left += 1,
            403 => assert_eq!(made["errors"][0]["field"], "ports", "{made}"),
            _ => panic!("{status}: {made}"),
        }
        if status == 201 && number % 3 == 0 {
            let id = made["id"].as_str().unwrap();
            assert_eq!(rest.delete(&format!("ports/{id}")).await.0, 204);
            left -= 1;
        }
    }
    left
}

async fn crowd(rest: &Arc<Rest>, network: &str) -> u64 {
    let clients = (0..CLIENTS).map(|_| {
        let (rest, network) = (Arc::clone(rest), network.to_owned());
        tokio::spawn(async move { greedy(&rest, &network).await })
    });
    let mut left = 0;
    for client in clients.collect::<Vec<_>>() {
        left += client.await.unwrap();
    }
    left
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_two_clients_of_a_tenant_never_get_past_its_quota_and_no_restart_forgets_it() {
    let mut controller = LoneController::start();
    let rest = controller.rest();
    let uplink =
        json!({"name": "private", "role": "private", "uplink": "eth1", "vlans": "100-199"});
    rest.create("physical-networks", uplink).await;
    let (acme, network, own) = tenant(&rest, "acme").await;
    let (globex, others_network, other) = tenant(&rest, "globex").await;
    let path = format!("tenants/{acme}/quota");
    let quota = json!({"ports": MOST, "requests_per_second": "unlimited"});
    let (status, set) = rest.patch(&path, &quota).await;
    assert_eq!(status, 200, "{set}");
    assert_eq!(
        set["ports"],
        json!({"limit": 50, "used": 0, "is_default": false})
    );
    assert_eq!(set["requests_per_second"]["limit"], "unlimited");

    let left = crowd(&Arc::new(own), &network).await;
    assert_eq!(left, MOST, "it reached its quota, and no more");
    assert_eq!(used(&rest, &acme).await, MOST);
    controller.crash_and_restart();
    let rest = controller.rest();
    assert_eq!(used(&rest, &acme).await, MOST);
    // Nobody gets past it: not even an operator, and another tenant is not held back by it.
    let (status, refused) = rest.post("ports", &json!({"network_id": network})).await;
    assert_eq!((status, &refused["code"]), (403, &json!("quota_exceeded")));
    let other = rest.bearing(other.token());
    let others = json!({"network_id": others_network});
    assert_eq!(other.post("ports", &others).await.0, 201);
    // A tenant sees its own quota, sets none, and knows of no other's.
    assert_eq!(used(&other, &globex).await, 1);
    assert_eq!(other.get(&path).await.0, 404);
    let greed = json!({"ports": "unlimited"});
    assert_eq!(
        other
            .patch(&format!("tenants/{globex}/quota"), &greed)
            .await
            .0,
        403
    );
    for wrong in [
        json!({"ports": -1}),
        json!({"ports": "many"}),
        json!({"hosts": 1}),
    ] {
        assert_eq!(rest.patch(&path, &wrong).await.0, 422, "{wrong}");
    }
    assert_eq!(rest.patch(&path, &json!({"ports": null})).await.0, 200);
    let (status, _) = rest.post("ports", &json!({"network_id": network})).await;
    assert_eq!(status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_too_often_is_told_when_to_ask_again_and_nobody_else_waits() {
    let controller = LoneController::start();
    let rest = controller.rest();
    let uplink =
        json!({"name": "private", "role": "private", "uplink": "eth1", "vlans": "100-199"});
    rest.create("physical-networks", uplink).await;
    let (acme, _, own) = tenant(&rest, "acme").await;
    let (_, _, other) = tenant(&rest, "globex").await;
    let path = format!("tenants/{acme}/quota");
    let (status, _) = rest.patch(&path, &json!({"requests_per_second": 0})).await;
    assert_eq!(status, 200);
    for _ in 0..20 {
        let (status, problem) = own.get("networks").await;
        assert_eq!(
            (status, &problem["code"]),
            (429, &json!("too_many_requests"))
        );
        assert_eq!(other.get("networks").await.0, 200);
        assert_eq!(rest.get("networks").await.0, 200);
    }
    let (status, _) = rest.patch(&path, &json!({"requests_per_second": 1})).await;
    assert_eq!(status, 200);
    let mut statuses: Vec<u16> = Vec::new();
    while !statuses.contains(&429) && statuses.len() < 1_000 {
        statuses.push(own.get("networks").await.0);
    }
    assert_eq!(statuses[..10], [200; 10], "what it saved up");
    assert!(statuses.contains(&429));
    assert_eq!(
        rest.get(&path).await.1["requests_per_second"],
        json!({"limit": 1, "is_default": false})
    );
}
