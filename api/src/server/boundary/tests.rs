use std::sync::Arc;

use axum::body::Body;
use axum::http::header::AUTHORIZATION;
use axum::http::{Request, StatusCode};
use model::{AccessRole, AccessVerb, Id, TenantId};
use uuid::Uuid;

use crate::access::Identity;
use crate::server::ROUTES;
use crate::server::tests::{Answer, ask, request};
use crate::test_pool::{TestPool, network, tenant};

/// The columns of the table: a role, and whether it is held to a tenant.
const BEARERS: [(&str, AccessRole, bool); 7] = [
    ("operator", AccessRole::Operator, false),
    ("auditor", AccessRole::Auditor, false),
    ("biller", AccessRole::Biller, false),
    ("tenant-admin", AccessRole::TenantAdmin, true),
    ("tenant-member", AccessRole::TenantMember, true),
    ("tenant-auditor", AccessRole::Auditor, true),
    ("tenant-biller", AccessRole::Biller, true),
];

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/access.md");

/// A pool with a token for every column, all of one tenant where they are held to one.
fn pool() -> (Arc<TestPool>, TenantId) {
    let pool = TestPool::default();
    let own = pool.tenants.put(tenant("own")).id;
    for (name, role, held) in BEARERS {
        let identity = Identity {
            actor: name.to_owned(),
            role,
            tenant_id: held.then_some(own),
            verbs: AccessVerb::every(),
        };
        pool.bearers
            .lock()
            .unwrap()
            .insert(name.to_owned(), identity);
    }
    (Arc::new(pool), own)
}

async fn ask_as(
    pool: &Arc<TestPool>,
    bearer: &str,
    (method, path): (&str, &str),
    body: &str,
) -> Answer {
    let mut request: Request<Body> = request(method, path, body.to_owned());
    let bearer = format!("Bearer {bearer}").parse().unwrap();
    request.headers_mut().insert(AUTHORIZATION, bearer);
    ask(pool, request).await
}

#[tokio::test]
async fn every_role_may_at_every_route_what_the_table_in_the_documentation_says() {
    let (pool, _) = pool();
    let mut rows = Vec::new();
    for route in ROUTES {
        let path = route.path.replace("{id}", &Uuid::now_v7().to_string());
        let mut cells = Vec::new();
        for (bearer, ..) in BEARERS {
            let route = (route.method.as_str(), path.as_str());
            let answer = ask_as(&pool, bearer, route, "{}").await;
            assert_ne!(answer.status, StatusCode::UNAUTHORIZED, "{bearer}");
            cells.push(match answer.status == StatusCode::FORBIDDEN {
                true => "",
                false => "yes",
            });
        }
        let method = route.method.as_str();
        rows.push(format!(
            "| `{method} {}` | {} |",
            route.path,
            cells.join(" | ")
        ));
    }
    let text = std::fs::read_to_string(TABLE).unwrap();
    if std::env::var_os("BLESS").is_some() {
        let kept = text.lines().filter(|line| !line.starts_with("| `"));
        let kept: Vec<&str> = kept.collect();
        let whole = format!("{}\n{}\n", kept.join("\n"), rows.join("\n"));
        std::fs::write(TABLE, whole).unwrap();
        return;
    }
    let written: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    assert_eq!(
        written, rows,
        "BLESS=1 writes docs/access.md anew: read the diff"
    );
}

#[tokio::test]
async fn another_tenants_object_answers_exactly_as_one_that_is_not_there() {
    let (pool, _) = pool();
    let hidden = pool.networks.put(network("hidden", 7)).id.uuid();
    let missing = Uuid::now_v7();
    for (method, body) in [("GET", ""), ("PATCH", "{}"), ("DELETE", "")] {
        let mut answers = Vec::new();
        for id in [hidden, missing] {
            let path = format!("/v1/networks/{id}");
            let mut answer = ask_as(&pool, "tenant-admin", (method, &path), body).await;
            // What differs by the request, not by what it asks for.
            answer.json["request_id"].take();
            let said = answer.json.to_string();
            answers.push((answer.status, said.replace(&id.to_string(), "ID")));
        }
        assert_eq!(answers[0].0, 404, "{method}");
        assert_eq!(answers[0], answers[1], "{method}");
    }
    assert!(pool.networks.all().iter().any(|it| it.id.uuid() == hidden));
}

#[tokio::test]
async fn an_id_spelled_otherwise_or_escaped_is_hidden_too() {
    let (pool, _) = pool();
    let hidden = pool.networks.put(network("hidden", 7)).id.uuid();
    let simple = hidden.simple().to_string();
    let escaped = format!("%3{}{}", &simple[..1], &simple[1..]);
    let upper = hidden.to_string().to_uppercase();
    for id in [
        simple,
        escaped,
        upper,
        format!("%7B{hidden}%7D"),
        hidden.urn().to_string(),
    ] {
        let path = format!("/v1/networks/{id}");
        let answer = ask_as(&pool, "tenant-admin", ("GET", &path), "").await;
        assert_eq!(answer.status, 404, "{id}");
        assert!(!answer.json.to_string().contains("hidden"));
    }
}

#[tokio::test]
async fn lists_show_a_tenant_its_own_and_what_is_shared() {
    let (pool, own) = pool();
    pool.networks.put(network("hidden", 7));
    let mut mine = network("mine", 8);
    mine.tenant_id = own;
    pool.networks.put(mine);
    let mut shared = network("shared", 9);
    shared.sharing.shared = true;
    pool.networks.put(shared);
    let names = |answer: Answer| {
        let items = answer.json["items"].as_array().unwrap().clone();
        let mut names: Vec<String> = items.iter().map(|it| it["name"].to_string()).collect();
        names.sort();
        names
    };
    let route = ("GET", "/v1/networks");
    let seen = names(ask_as(&pool, "tenant-member", route, "").await);
    assert_eq!(seen, ["\"mine\"", "\"shared\""]);
    let all = names(ask_as(&pool, "operator", route, "").await);
    assert_eq!(all.len(), 3);
}

#[tokio::test]
async fn usage_is_asked_of_the_tokens_own_tenant_whatever_the_query_says() {
    let (pool, own) = pool();
    for query in [
        "".to_owned(),
        format!("?tenant_id={own}"),
        "?limit=5".to_owned(),
    ] {
        let path = format!("/v1/usage{query}");
        let answer = ask_as(&pool, "tenant-biller", ("GET", &path), "").await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.json);
    }
    let others = [
        format!("?tenant_id={}", Id::<()>::generate()),
        format!("?tenant_id={own}&tenant%5Fid={}", Id::<()>::generate()),
        format!("?tenant_id={own}&tenant_id={}", Id::<()>::generate()),
    ];
    for query in others {
        let path = format!("/v1/usage{query}");
        let answer = ask_as(&pool, "tenant-biller", ("GET", &path), "").await;
        assert!(answer.status.is_client_error(), "{query}");
    }
    let asked = pool.usage_queries.lock().unwrap();
    assert_eq!(asked.len(), 3);
    assert!(asked.iter().all(|it| it.tenant_id == Some(own)));
}

#[tokio::test]
async fn on_which_host_something_is_is_told_to_no_tenant_and_found_out_by_no_query() {
    let (pool, own) = pool();
    let mut mine = network("mine", 8);
    mine.tenant_id = own;
    let carrier = mine.segment.physical_network_id();
    pool.networks.put(mine);
    let route = |query: &str| format!("/v1/networks{query}");
    let answer = ask_as(&pool, "tenant-admin", ("GET", &route("")), "").await;
    let text = answer.json.to_string();
    assert!(!text.contains(&carrier.to_string()), "{text}");
    assert!(text.contains(&Uuid::nil().to_string()), "{text}");
    for query in [
        format!("?physical_network_id={carrier}"),
        "?sort=physical_network_id".to_owned(),
        "?sort=name,-physical_network_id".to_owned(),
        "?sort=%70hysical_network_id".to_owned(),
        "?%70hysical_network_id=x".to_owned(),
    ] {
        let answer = ask_as(&pool, "tenant-admin", ("GET", &route(&query)), "").await;
        assert_eq!(answer.status, 400, "{query}");
    }
    let answer = ask_as(&pool, "operator", ("GET", &route("")), "").await;
    assert!(answer.json.to_string().contains(&carrier.to_string()));
}

#[tokio::test]
async fn a_token_for_reading_reads_and_changes_nothing() {
    let (pool, _) = pool();
    let reader = Identity {
        verbs: vec![AccessVerb::Read],
        ..Identity::operator("reader")
    };
    pool.bearers.lock().unwrap().insert("reader".into(), reader);
    for route in ROUTES.iter().filter(|it| it.path.starts_with("/v1/t")) {
        let path = route.path.replace("{id}", &Uuid::now_v7().to_string());
        let answer = ask_as(&pool, "reader", (route.method.as_str(), &path), "{}").await;
        let reads = route.method.verb() == AccessVerb::Read;
        assert_eq!(answer.status != StatusCode::FORBIDDEN, reads, "{path}");
    }
    assert!(pool.callers.lock().unwrap().is_empty());
}
