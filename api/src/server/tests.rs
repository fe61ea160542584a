use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{ALLOW, AUTHORIZATION, CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;
use uuid::Uuid;

use super::*;
use crate::test_pool::{self, ACTOR, TOKEN, TestPool};

/// An answer, with its body as JSON.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) json: Value,
}

/// Asks a router over this pool.
pub(super) async fn ask(pool: &Arc<TestPool>, request: Request<Body>) -> Answer {
    answer(router(Arc::clone(pool)), request).await
}

pub(super) async fn answer(router: Router, request: Request<Body>) -> Answer {
    let response = router.oneshot(request).await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let json = serde_json::from_slice(&body).unwrap_or_default();
    Answer {
        status,
        headers,
        json,
    }
}

/// A signed request.
pub(super) fn request(method: &str, path: &str, body: impl Into<Body>) -> Request<Body> {
    let request = Request::builder().method(method).uri(path);
    let request = request.header(AUTHORIZATION, format!("Bearer {TOKEN}"));
    request.body(body.into()).unwrap()
}

fn get(path: &str) -> Request<Body> {
    request("GET", path, Body::empty())
}

fn assert_problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{}", answer.json);
    assert_eq!(answer.headers[CONTENT_TYPE], "application/problem+json");
    assert_eq!(answer.json["status"], status);
    let name = answer.headers["x-request-id"].to_str().unwrap();
    assert_eq!(answer.json["request_id"], name, "the log has it");
    assert_eq!(answer.json["code"], code);
    assert!(!answer.json["detail"].as_str().unwrap().is_empty());
}

#[tokio::test]
async fn every_route_of_the_list_is_there_and_no_other_method_of_its_path() {
    let pool = Arc::default();
    for route in ROUTES {
        let path = route.path.replace("{id}", &Uuid::now_v7().to_string());
        let found = ask(&pool, request(route.method.as_str(), &path, "{}")).await;
        let nowhere = ["no_such_route", "method_not_allowed"];
        let code = found.json["code"].as_str().unwrap_or_default();
        assert!(
            !nowhere.contains(&code),
            "{} {path}: {}",
            route.method.as_str(),
            found.json
        );

        let refused = ask(&pool, request("TRACE", &path, "{}")).await;
        assert_problem(&refused, 405, "method_not_allowed");
        let mut listed: Vec<&str> = ROUTES
            .iter()
            .filter(|other| other.path == route.path)
            .map(|other| other.method.as_str())
            .collect();
        listed.extend(["HEAD"]);
        let mut allowed: Vec<&str> = refused.headers[ALLOW]
            .to_str()
            .unwrap()
            .split(',')
            .collect();
        allowed.push("HEAD");
        listed.sort_unstable();
        allowed.sort_unstable();
        allowed.dedup();
        assert_eq!(allowed, listed, "{path}");
    }
}

#[tokio::test]
async fn only_health_and_version_answer_without_a_valid_token() {
    let pool = Arc::default();
    for route in ROUTES {
        let path = route.path.replace("{id}", &Uuid::now_v7().to_string());
        for header in [
            "",
            "Bearer",
            "Bearer wrong",
            "Basic token-of-the-tests",
            TOKEN,
        ] {
            let mut request = request(route.method.as_str(), &path, "{}");
            request
                .headers_mut()
                .insert(AUTHORIZATION, header.parse().unwrap());
            let answer = ask(&pool, request).await;
            match route.path {
                "/v1/health" | "/v1/version" => assert_eq!(answer.status, 200),
                _ => {
                    assert_problem(&answer, 401, "unauthenticated");
                    assert!(
                        answer.headers[WWW_AUTHENTICATE]
                            .to_str()
                            .unwrap()
                            .starts_with("Bearer")
                    );
                }
            }
        }
    }
    assert!(pool.is_empty());
    assert!(pool.callers.lock().unwrap().is_empty());
}

#[tokio::test]
async fn two_authorization_headers_are_none() {
    let mut request = get("/v1/tenants");
    request
        .headers_mut()
        .append(AUTHORIZATION, "Bearer other".parse().unwrap());
    assert_problem(&ask(&Arc::default(), request).await, 401, "unauthenticated");
}

#[tokio::test]
async fn an_object_is_made_shown_listed_and_deleted() {
    let pool = Arc::default();
    let made = ask(&pool, request("POST", "/v1/tenants", r#"{"name":"acme"}"#)).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let path = made.headers[LOCATION].to_str().unwrap().to_owned();
    assert_eq!(
        path,
        format!("/v1/tenants/{}", made.json["id"].as_str().unwrap())
    );
    assert_eq!(ask(&pool, get(&path)).await.json, made.json);
    let list = ask(&pool, get("/v1/tenants")).await;
    assert_eq!(list.json, json!({ "items": [made.json] }));
    let deleted = ask(&pool, request("DELETE", &path, "")).await;
    assert_eq!(
        (deleted.status, deleted.json),
        (StatusCode::NO_CONTENT, Value::Null)
    );
    assert_problem(&ask(&pool, get(&path)).await, 404, "not_found");
    assert_problem(
        &ask(&pool, request("DELETE", &path, "")).await,
        404,
        "not_found",
    );
}

#[tokio::test]
async fn what_does_not_exist_is_told_as_a_problem() {
    let pool = Arc::default();
    for path in [
        "/",
        "/v1",
        "/v1/tenant",
        "/v2/tenants",
        "/v1/tenants/",
        "/v1/hosts/1/2",
    ] {
        assert_problem(&ask(&pool, get(path)).await, 404, "no_such_route");
    }
    for id in [
        "1",
        "acme",
        "%ff",
        "01920f5e-7c1a-7000-8000-0123456789ab",
        "..%2f..",
    ] {
        let answer = ask(&pool, get(&format!("/v1/ports/{id}"))).await;
        assert_problem(&answer, 404, "not_found");
    }
}

#[tokio::test]
async fn a_body_that_is_no_json_object_is_refused_and_nothing_is_made() {
    let deep = format!(
        "{{\"name\":{}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let bodies = [
        "",
        "null",
        "[]",
        "\"acme\"",
        "{",
        "{\"name\":\"a\"} x",
        "{\"name\":\"a\",}",
        "\u{feff}{}",
        r#"{"name":"a","name":"b"}"#,
        r#"{"name":"\ud800"}"#,
        &deep,
    ];
    let pool = Arc::default();
    for body in bodies {
        let answer = ask(&pool, request("POST", "/v1/tenants", body.to_owned())).await;
        assert_problem(&answer, 400, "malformed_body");
    }
    let not_utf8 = vec![b'{', b'"', 0xff, b'"', b':', b'1', b'}'];
    let answer = ask(&pool, request("POST", "/v1/tenants", not_utf8)).await;
    assert_problem(&answer, 400, "malformed_body");
    assert!(pool.is_empty());
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_even_if_its_length_is_not_told() {
    let pool = Arc::default();
    let large = format!("{{\"name\":\"{}\"}}", "a".repeat(MAX_BODY_BYTES));
    let answer = ask(&pool, request("POST", "/v1/tenants", large.clone())).await;
    assert_problem(&answer, 413, "too_large");
    let chunks = large
        .into_bytes()
        .chunks(1000)
        .map(<[u8]>::to_vec)
        .collect::<Vec<_>>();
    let stream = futures::stream::iter(chunks.into_iter().map(Ok::<_, std::io::Error>));
    let answer = ask(
        &pool,
        request("POST", "/v1/tenants", Body::from_stream(stream)),
    )
    .await;
    assert_problem(&answer, 413, "too_large");
}

#[tokio::test]
async fn the_answer_to_many_faults_is_bounded() {
    let fields: Vec<String> = (0..50_000).map(|n| format!("\"f{n}\":1")).collect();
    let body = format!("{{{}}}", fields.join(","));
    let answer = ask(&Arc::default(), request("POST", "/v1/tenants", body)).await;
    assert_problem(&answer, 422, "invalid_fields");
    assert!(answer.json.to_string().len() < 30_000);
}

#[tokio::test]
async fn a_panic_is_told_as_a_problem_and_leaves_the_server_well() {
    let pool = Arc::default();
    let answer = ask(&pool, request("POST", "/v1/tenants", r#"{"name":"panic"}"#)).await;
    assert_problem(&answer, 500, "internal");
    assert!(answer.headers.contains_key("x-request-id"));
    assert_eq!(ask(&pool, get("/v1/health")).await.status, 200);
}

#[tokio::test]
async fn a_change_or_a_body_that_takes_too_long_is_told_as_a_problem() {
    let never = Body::from_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>());
    for body in [Body::from(r#"{"name":"hang"}"#), never] {
        let pool: Arc<TestPool> = Arc::default();
        let router = router_within(Duration::from_millis(50), pool);
        let answer = answer(router, request("POST", "/v1/tenants", body)).await;
        assert_problem(&answer, 408, "timeout");
    }
}

#[tokio::test]
async fn a_change_is_seen_through_even_if_its_client_hangs_up() {
    let pool: Arc<TestPool> = Arc::default();
    let asking = ask(&pool, request("POST", "/v1/tenants", r#"{"name":"slow"}"#));
    let hung_up = tokio::time::timeout(Duration::from_millis(50), asking).await;
    assert!(hung_up.is_err());
    assert!(pool.tenants.all().is_empty());
    while pool.tenants.all().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_request_keeps_its_clients_name_or_gets_one() {
    let pool = Arc::default();
    let mut named = request("POST", "/v1/tenants", r#"{"name":"acme"}"#);
    named
        .headers_mut()
        .insert("x-request-id", "from-the-client".parse().unwrap());
    let answer = ask(&pool, named).await;
    assert_eq!(answer.headers["x-request-id"], "from-the-client");
    for unusable in ["", "two words", &"x".repeat(129)] {
        let mut request = get("/v1/health");
        request
            .headers_mut()
            .insert("x-request-id", unusable.parse().unwrap());
        let id = ask(&pool, request).await.headers["x-request-id"].clone();
        assert!(Uuid::try_parse(id.to_str().unwrap()).is_ok());
    }
    let callers = pool.callers.lock().unwrap();
    assert_eq!(callers[0].request_id, "from-the-client");
    assert_eq!(callers[0].actor, ACTOR);
    assert_eq!(callers[0].idempotency, None);
}

#[tokio::test]
async fn the_fingerprint_of_a_creation_tells_requests_under_one_key_apart() {
    let pool: Arc<TestPool> = Arc::default();
    let id = Uuid::now_v7();
    let requests = [
        ("/v1/tenants", r#"{"name":"acme"}"#.to_owned()),
        ("/v1/tenants", r#"{"name":"acme"}"#.to_owned()),
        ("/v1/tenants", r#"{"name":"other"}"#.to_owned()),
        (
            "/v1/instances",
            format!(r#"{{"name":"acme","tenant_id":"{id}"}}"#),
        ),
    ];
    for (path, body) in requests {
        let mut request = request("POST", path, body);
        request
            .headers_mut()
            .insert("idempotency-key", "once".parse().unwrap());
        assert_eq!(ask(&pool, request).await.status, 201);
    }
    let callers = pool.callers.lock().unwrap();
    let keys: Vec<_> = callers
        .iter()
        .map(|caller| caller.idempotency.clone().unwrap())
        .collect();
    assert!(keys.iter().all(|idempotency| idempotency.key == "once"));
    assert_eq!(keys[0], keys[1]);
    assert_ne!(keys[0].fingerprint, keys[2].fingerprint);
    assert_ne!(keys[0].fingerprint, keys[3].fingerprint);
}

#[tokio::test]
async fn an_unusable_idempotency_key_is_refused_and_nothing_is_made() {
    let pool = Arc::default();
    for unusable in ["", "two words", &"x".repeat(129)] {
        let mut request = request("POST", "/v1/tenants", r#"{"name":"acme"}"#);
        request
            .headers_mut()
            .insert("idempotency-key", unusable.parse().unwrap());
        assert_problem(&ask(&pool, request).await, 400, "invalid_parameter");
    }
    assert!(pool.is_empty());
}

#[tokio::test]
async fn a_problem_of_the_backend_reaches_the_client_as_it_is() {
    let pool: Arc<TestPool> = Arc::default();
    let tenant = pool.tenants.put(test_pool::tenant("acme"));
    let network = model::Network {
        tenant_id: tenant.id,
        ..test_pool::network("web", 101)
    };
    pool.networks.put(network);
    let answer = ask(
        &pool,
        request("DELETE", &format!("/v1/tenants/{}", tenant.id), ""),
    )
    .await;
    assert_problem(&answer, 409, "in_use");
}

#[tokio::test]
async fn a_server_of_usage_alone_has_the_same_rules_and_nothing_else() {
    let pool = Arc::<TestPool>::default();
    let ask = async |request| answer(usage_router(Arc::clone(&pool)), request).await;
    for path in ["/v1/health", "/v1/version", "/v1/usage?by=port"] {
        assert_eq!(ask(get(path)).await.status, 200, "{path}");
    }
    let unsigned = Request::get("/v1/usage").body(Body::empty()).unwrap();
    assert_problem(&ask(unsigned).await, 401, "unauthenticated");
    assert_problem(&ask(get("/v1/tenants")).await, 404, "no_such_route");
    let posted = ask(request("POST", "/v1/usage", "{}")).await;
    assert_problem(&posted, 405, "method_not_allowed");

    let long = "x".repeat(1000);
    let wrong = ask(get(&format!("/v1/usage?by=host&from={long}&{long}=1"))).await;
    assert_problem(&wrong, 400, "invalid_parameter");
    let errors = wrong.json["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 3, "{}", wrong.json);
    for error in errors {
        assert!(error["message"].as_str().unwrap().len() < 300, "{error}");
    }
}

#[tokio::test]
async fn usage_parameters_are_read_and_every_fault_is_told() {
    let pool: Arc<TestPool> = Arc::default();
    let id = model::TenantId::generate();
    let path = format!("/v1/usage?by=port&from=2026-11-01T00:00:00Z&tenant_id={id}");
    assert_eq!(ask(&pool, get(&path)).await.json, json!({ "items": [] }));
    assert_eq!(ask(&pool, get("/v1/usage")).await.status, 200);
    let queries = pool.usage_queries.lock().unwrap().clone();
    assert_eq!(
        (queries[0].by, queries[0].tenant_id),
        (model::UsageOf::Port, Some(id))
    );
    assert_eq!(queries[1].by, model::UsageOf::Tenant);

    let path = "/v1/usage?by=host&from=yesterday&to=1&tenant_id=acme&network_id=&port_id=x&last=1h";
    let answer = ask(&pool, get(path)).await;
    assert_problem(&answer, 400, "invalid_parameter");
    let errors = answer.json["errors"].as_array().unwrap();
    let fields: Vec<&str> = errors
        .iter()
        .map(|error| error["field"].as_str().unwrap())
        .collect();
    assert_eq!(
        fields,
        [
            "by",
            "from",
            "to",
            "tenant_id",
            "network_id",
            "port_id",
            "last"
        ]
    );

    let path = "/v1/usage?from=2026-11-02T00:00:00Z&to=2026-11-01T00:00:00Z";
    assert_problem(&ask(&pool, get(path)).await, 400, "invalid_parameter");
}

#[tokio::test]
async fn a_query_that_repeats_a_parameter_is_refused() {
    let pool = Arc::default();
    for query in ["name=a&name=b", "limit=1&limit=1"] {
        let answer = ask(&pool, get(&format!("/v1/tenants?{query}"))).await;
        assert_problem(&answer, 400, "invalid_parameter");
    }
}
