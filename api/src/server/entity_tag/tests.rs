use axum::http::header::{CONTENT_TYPE, ETAG, IF_MATCH};
use axum::http::{HeaderMap, HeaderValue};
use std::sync::Arc;
use uuid::Uuid;

use super::*;
use crate::backend::Precondition;
use crate::server::tests::{Answer, ask, request};
use crate::test_pool::{TestPool, tenant};

fn read(values: &[&str]) -> Result<Option<IfMatch>, Problem> {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(IF_MATCH, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    IfMatch::read(&headers)
}

#[test]
fn tags_are_read_from_one_header_or_several() {
    let tags = |tags: &[&str]| Ok(Some(IfMatch(tags.iter().map(|it| (*it).into()).collect())));
    assert_eq!(read(&[]), Ok(None));
    assert_eq!(read(&["*"]), tags(&[]));
    assert_eq!(read(&["\"a\""]), tags(&["a"]));
    assert_eq!(
        read(&["\"a\" ,  \"b,c\"", "\"d\""]),
        tags(&["a", "b,c", "d"])
    );
    let beside_any = read(&["*", "\"a\""]);
    assert_eq!(beside_any, tags(&["a"]), "what is named counts");
}

#[test]
fn a_weak_tag_matches_nothing_and_is_not_any() {
    assert_eq!(read(&["W/\"a\""]), Ok(Some(IfMatch(vec![String::new()]))));
}

#[test]
fn what_is_no_list_of_tags_is_refused() {
    let many = vec!["\"a\""; MAX_TAGS + 1].join(",");
    let long = format!("\"{}\"", "x".repeat(MAX_TAG_BYTES + 1));
    for text in [
        "",
        "a",
        "\"a",
        "\"a\",",
        "\"a\" \"b\"",
        "*,\"a\"",
        "\u{e9}",
        &many,
        &long,
    ] {
        let problem = read(&[text]).unwrap_err();
        assert_eq!(problem.code, Code::InvalidParameter, "{text}");
    }
}

async fn send(pool: &Arc<TestPool>, (method, path): (&str, &str), tag: &str) -> Answer {
    let mut asked = request(method, path, "{}");
    let tag = HeaderValue::try_from(tag).unwrap();
    asked.headers_mut().insert(IF_MATCH, tag);
    ask(pool, asked).await
}

#[tokio::test]
async fn what_is_shown_has_a_tag_and_a_change_says_for_which_it_is_meant() {
    let pool = Arc::new(TestPool::default());
    let id = pool.tenants.put(tenant("acme")).id.uuid();
    let path = format!("/v1/tenants/{id}");
    let shown = ask(&pool, request("GET", &path, "")).await;
    let tag = shown.headers[ETAG].to_str().unwrap().to_owned();
    assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 2);

    assert_eq!(send(&pool, ("PATCH", &path), &tag).await.status, 200);
    assert_eq!(send(&pool, ("DELETE", &path), "*").await.status, 204);
    let callers = pool.callers.lock().unwrap();
    let [changed, deleted] = &callers[..] else {
        panic!("{callers:?}");
    };
    let tags = vec![tag.trim_matches('"').to_owned()];
    assert_eq!(changed.precondition, Some(Precondition { id, tags }));
    let tags = Vec::new();
    assert_eq!(deleted.precondition, Some(Precondition { id, tags }));
}

#[tokio::test]
async fn a_change_meant_for_a_version_of_what_is_not_there_is_refused() {
    let pool = Arc::default();
    let nothing = format!("/v1/tenants/{}", Uuid::now_v7());
    for method in ["PATCH", "DELETE"] {
        let refused = send(&pool, (method, &nothing), "*").await;
        assert_eq!(refused.status, 412);
        assert_eq!(refused.json["code"], "precondition_failed");
        assert_eq!(refused.headers[CONTENT_TYPE], "application/problem+json");
    }
}

#[tokio::test]
async fn where_no_version_is_looked_at_the_header_is_refused_not_passed_over() {
    let pool = Arc::default();
    let routes = [
        ("POST", "/v1/tenants"),
        ("PATCH", "/v1/topology"),
        ("POST", "/v1/seals"),
    ];
    for route in routes {
        let refused = send(&pool, route, "\"a\"").await;
        assert_eq!(refused.status, 400, "{route:?}: {}", refused.json);
        assert_eq!(refused.json["code"], "invalid_parameter");
    }
    assert!(pool.is_empty() && pool.callers.lock().unwrap().is_empty());
}
