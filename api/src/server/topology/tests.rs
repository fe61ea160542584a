use axum::http::Request;
use serde_json::{Value, json};

use super::*;
use crate::server::tests::{ask, request};
use crate::test_pool::TestPool;

const HOST: &str = "01920f5e-7c1a-7000-8000-0123456789ab";

async fn send(pool: &Arc<TestPool>, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let request: Request<axum::body::Body> = request(method, path, body.to_string());
    let answer = ask(pool, request).await;
    (answer.status.as_u16(), answer.json)
}

/// The fields that were refused, and why.
fn faults(answer: &Value) -> Vec<String> {
    let errors = answer["errors"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let faults = errors.map(|it| format!("{} {}", text(&it["field"]), text(&it["code"])));
    faults.collect()
}

#[tokio::test]
async fn what_a_change_says_arrives_and_what_it_leaves_out_stays() {
    let pool: Arc<TestPool> = Arc::default();
    let body = json!({
        "management": { "uplink": "eth0/vlan10" },
        "private": { "vlans": "100-199", "endpoints": null, "mtu": 1600 },
        "storage": null,
        "confirm_within_seconds": 30,
    });
    let (status, answer) = send(&pool, "PATCH", "/v1/topology", &body).await;
    assert_eq!((status, &answer["generation"]), (200, &json!(7)));
    let asked = pool.topology_changes.lock().unwrap().pop().unwrap();
    assert_eq!(asked.confirm_within_seconds, Some(30));
    assert_eq!(asked.roles.len(), 3, "nothing was said of public");
    assert_eq!(asked.roles[&Role::Storage], None);
    let private = asked.roles[&Role::Private].clone().unwrap();
    assert_eq!(private.uplink, None);
    assert_eq!(private.vlans, Setting::To("100-199".parse().unwrap()));
    assert_eq!(private.endpoints, Setting::Removed);
    assert_eq!(private.mtu, Some(1600));
    // What a client of ours sends is what a server of ours reads.
    let sent = serde_json::to_value(&asked).unwrap();
    assert_eq!(sent, body);
}

#[tokio::test]
async fn every_fault_of_a_change_is_told_at_once_by_role_and_field() {
    let pool: Arc<TestPool> = Arc::default();
    let body = json!({
        "management": { "uplink": "eth0/vlan0" },
        "private": { "uplink": "eth1/lacp", "vlans": "0-9", "mtu": 70_000, "native_vlan": 0 },
        "public": "eth2",
        "storage": { "nic": "eth3", "endpoints": "10.0.0.1/8" },
        "tenant": {},
        "confirm_within_seconds": 4,
    });
    let (status, answer) = send(&pool, "PATCH", "/v1/topology", &body).await;
    assert_eq!(status, 422);
    let expected = [
        "management.uplink out_of_range",
        "private.uplink out_of_range",
        "private.vlans out_of_range",
        "private.native_vlan out_of_range",
        "private.mtu out_of_range",
        "public wrong_type",
        "storage.endpoints out_of_range",
        "storage.nic unknown",
        "confirm_within_seconds out_of_range",
        "tenant unknown",
    ];
    assert_eq!(faults(&answer), expected, "{answer}");
    assert!(pool.topology_changes.lock().unwrap().is_empty());
    for deadline in [json!(601), json!(-1), json!(60.5)] {
        let body = json!({ "confirm_within_seconds": deadline });
        let (status, answer) = send(&pool, "PATCH", "/v1/topology", &body).await;
        assert_eq!((status, faults(&answer).len()), (422, 1), "{answer}");
    }
}

#[tokio::test]
async fn how_a_host_differs_arrives_and_every_fault_of_it_is_told() {
    let pool: Arc<TestPool> = Arc::default();
    let path = format!("/v1/hosts/{HOST}/uplink");
    let body = json!({
        "physical_network_id": HOST, "uplink": "eth1+eth2/active-backup/vlan20",
        "address": "192.0.2.7/24", "gateway": "192.0.2.1", "confirm_within_seconds": 600,
    });
    let (status, answer) = send(&pool, "PUT", &path, &body).await;
    assert_eq!(status, 200, "{answer}");
    let (host, asked) = pool.uplinks_set.lock().unwrap().pop().unwrap();
    assert_eq!(host.to_string(), HOST);
    assert_eq!(serde_json::to_value(&asked).unwrap(), body);

    let body = json!({
        "uplink": "eth1+eth2", "address": "192.0.2.7", "gateway": "x",
        "confirm_within_seconds": 601, "nic": "eth0",
    });
    let (status, answer) = send(&pool, "PUT", &path, &body).await;
    assert_eq!(status, 422);
    let expected = [
        "physical_network_id required",
        "uplink out_of_range",
        "address out_of_range",
        "gateway out_of_range",
        "confirm_within_seconds out_of_range",
        "nic unknown",
    ];
    assert_eq!(faults(&answer), expected, "{answer}");
    let (status, _) = send(&pool, "PUT", "/v1/hosts/h1/uplink", &body).await;
    assert_eq!(status, 404);
}
