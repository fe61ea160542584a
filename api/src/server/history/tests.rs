use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use axum::http::header::AUTHORIZATION;
use model::{FieldChange, HistoryChange, HistoryKind, HistoryRecord, Id, TenantId, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::access::Identity;
use crate::server::tests::{ask, request};
use crate::test_pool::{TestPool, tenant};
use model::{AccessRole, AccessVerb};

/// A record of a change of one object.
fn record(revision: u64, by: Option<TenantId>, of: Option<TenantId>, field: &str) -> HistoryRecord {
    let change = FieldChange {
        before: Some("was".into()),
        after: Some("is".into()),
    };
    HistoryRecord {
        revision,
        at: Timestamp::from_unix_seconds(1_700_000_000),
        actor: format!("actor-{revision}"),
        tenant_id: by,
        source: Some("192.0.2.1".into()),
        request_id: format!("request-{revision}"),
        verb: "port_update".into(),
        changes: vec![HistoryChange {
            noun: "port".into(),
            object_id: Uuid::now_v7(),
            name: None,
            tenant_id: of,
            kind: HistoryKind::Changed,
            fields: [(field.to_owned(), change)].into(),
        }],
        hash: Some("ab".repeat(32)),
    }
}

fn pool() -> (Arc<TestPool>, TenantId) {
    let pool = TestPool::default();
    let own = pool.tenants.put(tenant("own")).id;
    for (name, role) in [
        ("admin-of", AccessRole::TenantAdmin),
        ("member-of", AccessRole::TenantMember),
    ] {
        let identity = Identity {
            actor: name.into(),
            role,
            tenant_id: Some(own),
            verbs: AccessVerb::every(),
        };
        pool.bearers.lock().unwrap().insert(name.into(), identity);
    }
    (Arc::new(pool), own)
}

async fn history(pool: &Arc<TestPool>, bearer: Option<&str>, query: &str) -> Value {
    let path = format!("/v1/history{query}");
    let mut request: Request<Body> = request("GET", &path, "");
    if let Some(bearer) = bearer {
        let bearer = format!("Bearer {bearer}").parse().unwrap();
        request.headers_mut().insert(AUTHORIZATION, bearer);
    }
    let answer = ask(pool, request).await;
    assert_eq!(answer.status, 200, "{}", answer.json);
    answer.json
}

fn revisions(page: &Value) -> Vec<u64> {
    let items = page["items"].as_array().unwrap().iter();
    items.map(|it| it["revision"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_tenant_is_told_its_own_and_not_who_of_the_provider_it_was_nor_where_it_is() {
    let (pool, own) = pool();
    let other = Id::generate();
    *pool.history.lock().unwrap() = vec![
        record(6, Some(own), Some(own), "name"),
        record(5, None, Some(own), "name"),
        record(4, None, Some(own), "host_id"),
        record(3, None, Some(own), "migration"),
        record(2, Some(other), Some(other), "name"),
        record(1, None, None, "uplinks"),
    ];
    let all = history(&pool, None, "").await;
    assert_eq!(revisions(&all), [6, 5, 4, 3, 2, 1]);
    assert_eq!(all["items"][1]["actor"], "actor-5");
    assert!(all["items"][1]["hash"].is_string());
    let told = history(&pool, Some("member-of"), "").await;
    assert_eq!(revisions(&told), [6, 5]);
    let items = &told["items"];
    assert_eq!(items[0]["actor"], "actor-6");
    assert_eq!(items[0]["source"], "192.0.2.1");
    assert_eq!(items[1]["actor"], "provider");
    assert_eq!(items[1]["request_id"], "");
    for hidden in ["source", "tenant_id", "hash"] {
        assert_eq!(items[1].get(hidden), None, "{hidden}");
    }
    assert_eq!(items[0].get("hash"), None);
}

#[tokio::test]
async fn a_record_about_several_tenants_shows_each_its_own_part() {
    let (pool, own) = pool();
    let mut both = record(1, None, Some(own), "name");
    let others = record(1, None, Some(Id::generate()), "name");
    both.changes.extend(others.changes);
    *pool.history.lock().unwrap() = vec![both];
    let told = history(&pool, Some("admin-of"), "").await;
    assert_eq!(told["items"][0]["changes"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn no_filter_of_a_tenant_finds_out_what_is_not_its_own() {
    let (pool, own) = pool();
    *pool.history.lock().unwrap() = vec![record(1, None, Some(own), "name")];
    for query in ["?actor=admin", "?source=192.0.2.1", "?request_id=request-1"] {
        history(&pool, Some("admin-of"), query).await;
        let asked = pool.history_queries.lock().unwrap().pop().unwrap();
        assert_eq!(asked.tenant_id, Some(own), "{query}");
        assert_eq!(asked.by_tenant_id, Some(own), "{query}");
    }
    let other: TenantId = Id::generate();
    for query in [
        format!("?tenant_id={other}"),
        format!("?by_tenant_id={other}"),
    ] {
        let told = history(&pool, Some("admin-of"), &query).await;
        assert_eq!(told, json!({"items": []}), "{query}");
    }
    assert!(pool.history_queries.lock().unwrap().is_empty());
}

#[tokio::test]
async fn tokens_in_history_are_for_whoever_may_list_tokens_or_audits() {
    let (pool, own) = pool();
    let mut made = record(1, Some(own), Some(own), "name");
    made.changes[0].noun = "access_token".into();
    *pool.history.lock().unwrap() = vec![made];
    let told = history(&pool, Some("member-of"), "").await;
    assert_eq!(revisions(&told), [] as [u64; 0]);
    let told = history(&pool, Some("admin-of"), "").await;
    assert_eq!(revisions(&told), [1]);
}

#[tokio::test]
async fn pages_go_on_where_the_one_before_ended_over_what_is_not_told() {
    let (pool, own) = pool();
    let records = (1..=40).rev().map(|revision| match revision % 4 {
        0 => record(revision, Some(own), Some(own), "name"),
        _ => record(revision, None, Some(own), "host_id"),
    });
    *pool.history.lock().unwrap() = records.collect();
    let mut seen = Vec::new();
    let mut query = "?limit=3".to_owned();
    loop {
        let page = history(&pool, Some("admin-of"), &query).await;
        seen.extend(revisions(&page));
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        query = format!("?limit=3&cursor={cursor}");
    }
    assert_eq!(seen, [40, 36, 32, 28, 24, 20, 16, 12, 8, 4]);
}

#[tokio::test]
async fn parameters_that_are_none_are_refused_all_at_once() {
    let (pool, _) = pool();
    let path = "/v1/history?object_id=x&cursor=y&limit=0&from=now&colour=red";
    let answer = ask(&pool, request("GET", path, "")).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json["errors"].as_array().unwrap().len(), 5);
    let path = "/v1/history-verification?mark=12:zz";
    let answer = ask(&pool, request("GET", path, "")).await;
    assert_eq!(answer.status, 400);
}
