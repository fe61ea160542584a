use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::server::router;
use crate::test_pool::{TOKEN, TestPool};

async fn ask(pool: &Arc<TestPool>, body: &Value) -> (u16, Value) {
    let request = Request::post("/v1/trace")
        .header("authorization", format!("Bearer {TOKEN}"))
        .body(Body::from(body.to_string()))
        .unwrap();
    let response = router(pool.clone()).oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

const PORT: &str = "01920f5e-7c1a-7000-8000-0123456789ab";

#[tokio::test]
async fn what_is_not_said_of_a_packet_has_its_usual_value() {
    let pool = Arc::new(TestPool::default());
    let asked = json!({"from_port_id": PORT, "to_address": "10.0.0.7"});
    let (status, answer) = ask(&pool, &asked).await;
    assert_eq!((status, &answer["verdict"]), (200, &json!("dropped")));
    let request = pool.traces.lock().unwrap().pop().unwrap();
    let expected = json!({
        "from_port_id": PORT, "to_address": "10.0.0.7", "protocol": "icmp", "state": "new",
    });
    assert_eq!(json!(request), expected);
}

#[tokio::test]
async fn a_packet_that_cannot_be_is_refused_with_every_fault() {
    let pool = Arc::new(TestPool::default());
    let asked = json!({
        "from_port_id": "vif1", "to_address": "10.0.0.7", "to_port_id": PORT, "protocol": "icmp",
        "port": 0, "source_port": 7, "bytes": 20, "state": "related", "ttl": 3,
    });
    let (status, answer) = ask(&pool, &asked).await;
    assert_eq!(status, 422);
    let errors = answer["errors"].as_array().unwrap();
    let mut fields: Vec<&str> = errors
        .iter()
        .map(|it| it["field"].as_str().unwrap())
        .collect();
    fields.sort_unstable();
    let expected = [
        "bytes",
        "from_port_id",
        "port",
        "source_port",
        "state",
        "to_port_id",
        "ttl",
    ];
    assert_eq!(fields, expected);
    assert!(pool.traces.lock().unwrap().is_empty());
}
