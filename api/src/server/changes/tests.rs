use std::sync::Arc;

use axum::http::header::{AUTHORIZATION, LINK};
use axum::http::{Method, Request};
use model::{AccessRole, AccessVerb};

use crate::REVISION;
use crate::access::Identity;
use crate::server::router;
use crate::server::tests::{ask, request};
use crate::test_pool::{CHANGE, TestPool, tenant};
use tower::ServiceExt;

#[tokio::test]
async fn every_answer_to_a_change_says_its_number_and_where_to_ask_how_far_it_is() {
    let pool: Arc<TestPool> = Arc::default();
    let made = request("POST", "/v1/tenants", r#"{"name": "acme"}"#);
    let refused = request("POST", "/v1/tenants", "{}");
    let read = request("GET", "/v1/tenants", "");
    for (asked, told) in [(made, true), (refused, false), (read, false)] {
        let what = asked.method() == Method::POST;
        let answer = router(Arc::clone(&pool)).oneshot(asked).await.unwrap();
        let headers = answer.headers();
        let revision = headers.get(REVISION).map(|it| it.to_str().unwrap());
        let expected = CHANGE.to_string();
        assert_eq!(revision, told.then_some(expected.as_str()), "{what}");
        let link = headers.get(LINK).map(|it| it.to_str().unwrap());
        let expected = format!("</v1/changes/{CHANGE}>; rel=\"status\"");
        assert_eq!(link, told.then_some(expected.as_str()));
    }
}

#[tokio::test]
async fn hosts_of_a_change_are_told_to_no_tenant_not_even_how_many() {
    let pool = TestPool::default();
    let own = pool.tenants.put(tenant("own")).id;
    let identity = Identity {
        actor: "own".into(),
        role: AccessRole::TenantMember,
        tenant_id: Some(own),
        verbs: AccessVerb::every(),
    };
    pool.bearers.lock().unwrap().insert("own".into(), identity);
    let pool = Arc::new(pool);
    let path = format!("/v1/changes/{CHANGE}");
    let all = ask(&pool, request("GET", &path, "")).await;
    assert_eq!(all.json["state"], "waiting");
    assert_eq!(all.json["hosts"][0]["name"], "h1");
    let mut asked: Request<_> = request("GET", &path, "");
    let bearer = "Bearer own".parse().unwrap();
    asked.headers_mut().insert(AUTHORIZATION, bearer);
    let told = ask(&pool, asked).await;
    let expected = serde_json::json!({"revision": CHANGE, "state": "waiting", "hosts": []});
    assert_eq!(told.json, expected);
    for none in ["0", "x", "-1", "99999999999999999999"] {
        let answer = ask(&pool, request("GET", &format!("/v1/changes/{none}"), "")).await;
        assert_eq!(answer.status, 404, "{none}");
    }
}
