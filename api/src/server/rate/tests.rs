use std::sync::Arc;

use axum::http::header::AUTHORIZATION;
use model::{AccessRole, AccessVerb, Id, Quantity};

use super::*;
use crate::access::Identity;
use crate::server::router;
use crate::server::tests::{Answer, answer, request};
use crate::test_pool::{TestPool, tenant};

const ONE: QuotaLimit = QuotaLimit::AtMost(1);

#[test]
fn a_bucket_gives_what_it_holds_and_then_what_it_regains() {
    let (buckets, tenant, start) = (Buckets::default(), Id::generate(), Instant::now());
    let at = |seconds| start + Duration::from_secs(seconds);
    for left in (0..10).rev() {
        let allowance = buckets.take(tenant, ONE, at(0)).unwrap();
        assert_eq!((allowance.remaining, allowance.wait), (left, None));
    }
    for _ in 0..100 {
        let allowance = buckets.take(tenant, ONE, at(0)).unwrap();
        assert_eq!(allowance.wait, Some(Duration::from_secs(1)));
        assert_eq!(allowance.reset, WINDOW);
    }
    // Who is refused loses nothing by having asked.
    assert_eq!(buckets.take(tenant, ONE, at(1)).unwrap().wait, None);
    assert!(buckets.take(tenant, ONE, at(1)).unwrap().wait.is_some());
    let rested = buckets.take(tenant, ONE, at(1_000)).unwrap();
    assert_eq!((rested.remaining, rested.limit), (9, 10));
}

#[test]
fn over_any_time_no_more_passes_than_the_window_and_the_rate_together() {
    let (buckets, tenant, start) = (Buckets::default(), Id::generate(), Instant::now());
    let limit = QuotaLimit::AtMost(7);
    let passed = (0..60_000).filter(|millisecond| {
        let now = start + Duration::from_millis(*millisecond);
        buckets.take(tenant, limit, now).unwrap().wait.is_none()
    });
    let passed = passed.count();
    assert!((7 * 69..=7 * 70).contains(&passed), "{passed}");
}

#[test]
fn one_tenants_calls_are_no_others_and_no_limit_is_none() {
    let (buckets, now) = (Buckets::default(), Instant::now());
    let (busy, quiet) = (Id::generate(), Id::generate());
    for _ in 0..50 {
        buckets.take(busy, ONE, now);
        assert_eq!(buckets.take(busy, QuotaLimit::Unlimited, now), None);
    }
    assert!(buckets.take(busy, ONE, now).unwrap().wait.is_some());
    assert_eq!(buckets.take(quiet, ONE, now).unwrap().remaining, 9);
    let none = buckets.take(quiet, QuotaLimit::AtMost(0), now).unwrap();
    assert_eq!((none.limit, none.wait), (0, Some(WINDOW)));
}

#[test]
fn what_is_full_again_takes_no_memory() {
    let (buckets, start) = (Buckets::default(), Instant::now());
    for second in 0..100 {
        let now = start + Duration::from_secs(second);
        for _ in 0..1_000 {
            buckets.take(Id::generate(), ONE, now);
        }
        assert!(buckets.0.lock().unwrap().full_at.len() <= 2 * SWEEP_AT);
    }
}

#[tokio::test]
async fn every_answer_to_a_limited_caller_says_what_is_left_and_no_other_does() {
    let pool = TestPool::default();
    let mut own = tenant("own");
    own.quota.say(Quantity::RequestsPerSecond, Some(ONE));
    let own = pool.tenants.put(own).id;
    let identity = Identity {
        actor: "ci".to_owned(),
        role: AccessRole::TenantAdmin,
        tenant_id: Some(own),
        verbs: AccessVerb::every(),
    };
    let bearers = || pool.bearers.lock().unwrap();
    bearers().insert("one".to_owned(), identity.clone());
    bearers().insert("two".to_owned(), identity);
    let pool = Arc::new(pool);
    let router = router(Arc::clone(&pool));
    let ask = async |path: &str, token: Option<&str>| -> Answer {
        let mut request = request("GET", path, "");
        if let Some(token) = token {
            let bearer = format!("Bearer {token}").parse().unwrap();
            request.headers_mut().insert(AUTHORIZATION, bearer);
        }
        answer(router.clone(), request).await
    };
    let mut statuses = Vec::new();
    let mut refused = None;
    while refused.is_none() && statuses.len() < 10_000 {
        let which = statuses.len() % 2;
        let path = ["/v1/networks", "/v1/nowhere"][which];
        let answer = ask(path, Some(["one", "two"][which])).await;
        assert_eq!(answer.headers["ratelimit-limit"], "10", "{path}");
        assert_eq!(answer.headers["ratelimit-policy"], "10;w=10");
        let left: u64 = answer.headers["ratelimit-remaining"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        assert!(left < 10);
        statuses.push(answer.status.as_u16());
        refused = Some(answer).filter(|it| it.status == 429);
    }
    assert_eq!(statuses[..10], [200, 404].repeat(5));
    let refused = refused.unwrap();
    assert_eq!(refused.json["code"], "too_many_requests");
    assert_eq!(refused.headers["retry-after"], "1");
    assert_eq!(refused.headers["ratelimit-remaining"], "0");
    let operators = ask("/v1/networks", None).await;
    assert_eq!(operators.status, 200);
    assert!(!operators.headers.contains_key("ratelimit-limit"));
}
