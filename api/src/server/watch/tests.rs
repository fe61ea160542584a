//! Streams through the router, with a clock that goes on when nothing else does.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, BodyDataStream};
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderValue, Request};
use axum::response::Response;
use futures::StreamExt;
use model::EventKind::{HostLost, PortActive, PortDark, Remark};
use serde_json::Value;
use tokio::time::{Instant, sleep};
use tower::ServiceExt;

use super::seats::{SEATS_MAX, SEATS_PER_BEARER_MAX};
use super::stream::{HEARTBEAT, STUCK};
use super::*;
use crate::client::{Frame, Frames};
use crate::server::router;
use crate::test_pool::{TOKEN, TestPool};

fn request(path: &str, last_seen: Option<u64>) -> Request<Body> {
    let request = Request::builder().uri(path).header(ACCEPT, EVENT_STREAM);
    let mut request = request
        .header(AUTHORIZATION, format!("Bearer {TOKEN}"))
        .body(Body::empty())
        .unwrap();
    if let Some(last_seen) = last_seen {
        let value = HeaderValue::from(last_seen);
        request.headers_mut().insert(LAST_EVENT_ID, value);
    }
    request
}

async fn answer(router: &Router, request: Request<Body>) -> Response {
    router.clone().oneshot(request).await.unwrap()
}

/// A stream that is read, without its greeting.
struct Reader {
    body: BodyDataStream,
    frames: Frames,
}

impl Reader {
    async fn of(router: &Router, path: &str, last_seen: Option<u64>) -> Self {
        let answer = answer(router, request(path, last_seen)).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()[CONTENT_TYPE], EVENT_STREAM);
        let body = answer.into_body().into_data_stream();
        let frames = Frames::default();
        let mut reader = Self { body, frames };
        let greeting = reader.next().await.unwrap();
        assert_eq!(greeting.data, "");
        assert!(greeting.id.is_some());
        reader
    }

    /// The next frame; none at the end.
    async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.frames.next() {
                return Some(frame);
            }
            let chunk = self.body.next().await?.unwrap();
            self.frames.push(&chunk).unwrap();
        }
    }

    /// The numbers of the next events.
    async fn ids<const N: usize>(&mut self) -> [u64; N] {
        let mut ids = [0; N];
        for id in &mut ids {
            let frame = self.next().await.unwrap();
            let data: Value = serde_json::from_str(&frame.data).unwrap();
            assert_eq!(data["id"].as_u64(), frame.id);
            *id = frame.id.unwrap();
        }
        ids
    }
}

#[tokio::test(start_paused = true)]
async fn events_are_told_as_they_happen_from_the_moment_on_that_somebody_asks() {
    let pool = Arc::<TestPool>::default();
    pool.happen(Remark);
    let mut reader = Reader::of(&router(pool.clone()), "/v1/events", None).await;
    pool.happen(PortActive);
    assert_eq!(reader.ids().await, [2]);
    pool.happen(PortDark);
    pool.happen(HostLost);
    assert_eq!(reader.ids().await, [3, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_list_is_still_a_list() {
    let pool = Arc::<TestPool>::default();
    pool.happen(Remark);
    let mut request = request("/v1/events", None);
    request.headers_mut().remove(ACCEPT);
    let answer = answer(&router(pool), request).await;
    assert_eq!(answer.headers()[CONTENT_TYPE], "application/json");
}

#[tokio::test(start_paused = true)]
async fn a_stream_goes_on_after_the_last_event_that_was_seen() {
    let pool = Arc::<TestPool>::default();
    for _ in 0..250 {
        pool.happen(Remark);
    }
    let router = router(pool);
    let mut by_header = Reader::of(&router, "/v1/events?after=1", Some(247)).await;
    assert_eq!(by_header.ids().await, [248, 249, 250]);
    let mut by_query = Reader::of(&router, "/v1/events?after=0", None).await;
    let all: [u64; 250] = by_query.ids().await;
    assert!(all.into_iter().eq(1..=250));
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_is_told_as_a_gap() {
    let pool = Arc::<TestPool>::default();
    for _ in 0..9 {
        pool.happen(Remark);
    }
    *pool.events_gone.lock().unwrap() = 6;
    let router = router(pool.clone());
    // Too far behind; and from a time that never was, as after an old copy of the store.
    for (last_seen, after) in [(2, 6), (4711, 10)] {
        let mut reader = Reader::of(&router, "/v1/events", Some(last_seen)).await;
        let gap = reader.next().await.unwrap();
        assert_eq!((gap.event.as_str(), gap.id), ("gap", Some(after)));
        let data: Value = serde_json::from_str(&gap.data).unwrap();
        assert_eq!(data["asked_after"], last_seen);
        assert_eq!(data["after"], after);
        let next = pool.happen(Remark);
        let mut seen = after;
        while seen != next {
            [seen] = reader.ids().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn filters_let_through_what_has_one_of_the_values_of_each_field() {
    let pool = Arc::<TestPool>::default();
    let router = router(pool.clone());
    for kind in [PortActive, PortDark, HostLost, PortActive] {
        pool.happen(kind);
    }
    let (host, tenant) = {
        let events = pool.events.lock().unwrap();
        (events[3].host_id.unwrap(), events[3].tenant_id.unwrap())
    };
    for (query, wanted) in [
        ("kind=port-active".to_owned(), vec![1, 4]),
        ("kind=port-dark,host-lost".to_owned(), vec![2, 3]),
        (format!("kind=port-active&host_id={host}"), vec![4]),
        (format!("tenant_id={tenant}"), vec![4]),
        (format!("kind=port-dark&tenant_id={tenant}"), vec![]),
        ("noun=port".to_owned(), vec![1, 2, 3, 4]),
        ("noun=network".to_owned(), vec![]),
    ] {
        let path = format!("/v1/events?after=0&{query}");
        let mut reader = Reader::of(&router, &path, None).await;
        let mut seen = Vec::new();
        // Up to the first heartbeat, which tells how far the stream has got.
        let heartbeat = loop {
            let frame = reader.next().await.unwrap();
            if frame.data.is_empty() {
                break frame;
            }
            seen.push(frame.id.unwrap());
        };
        assert_eq!(seen, wanted, "{query}");
        assert_eq!(heartbeat.id, Some(4), "{query}");
    }
}

#[tokio::test(start_paused = true)]
async fn wrong_filters_and_numbers_are_refused_by_name() {
    let router = router(Arc::<TestPool>::default());
    for (query, field) in [
        ("kind=port-activ", "kind"),
        ("kind=port-active,", "kind"),
        ("tenant_id=acme", "tenant_id"),
        ("after=-1", "after"),
        ("message=x", "message"),
    ] {
        let path = format!("/v1/events?{query}");
        let answer = answer(&router, request(&path, None)).await;
        // An empty value is one that an event may have: none.
        if query == "kind=port-active," {
            assert_eq!(answer.status(), 200);
            continue;
        }
        assert_eq!(answer.status(), 400, "{query}");
        let body = axum::body::to_bytes(answer.into_body(), 1 << 20)
            .await
            .unwrap();
        let problem: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(problem["errors"][0]["field"], field);
    }
    let mut bad = request("/v1/events", None);
    let name = HeaderValue::from_static("yesterday");
    bad.headers_mut().insert(LAST_EVENT_ID, name);
    assert_eq!(answer(&router, bad).await.status(), 400);
}

#[tokio::test(start_paused = true)]
async fn something_is_said_when_nothing_happens() {
    let router = router(Arc::<TestPool>::default());
    let mut reader = Reader::of(&router, "/v1/events", None).await;
    let began = Instant::now();
    for _ in 0..3 {
        assert_eq!(reader.next().await.unwrap().data, "");
    }
    assert_eq!(began.elapsed(), 3 * HEARTBEAT);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_is_cut_off_and_may_resume() {
    let pool = Arc::<TestPool>::default();
    let router = router(pool.clone());
    let mut stuck = Reader::of(&router, "/v1/events", None).await;
    let mut other = Reader::of(&router, "/v1/events", None).await;
    for _ in 0..2_000 {
        let id = pool.happen(Remark);
        // Whoever reads waits for nobody.
        assert_eq!(other.ids().await, [id]);
    }
    sleep(STUCK * 2).await;
    let mut last = 0;
    while let Some(frame) = stuck.next().await {
        last = frame.id.unwrap();
    }
    assert!((1..2_000).contains(&last), "{last}");
    let mut resumed = Reader::of(&router, "/v1/events", Some(last)).await;
    assert_eq!(resumed.ids().await, [last + 1]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_when_its_token_is_revoked() {
    let pool = Arc::<TestPool>::default();
    let mut reader = Reader::of(&router(pool.clone()), "/v1/events", None).await;
    *pool.revoked.lock().unwrap() = true;
    pool.happen(Remark);
    assert_eq!(reader.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_bearer_has_so_many_streams_and_room_again_when_one_goes() {
    let router = router(Arc::<TestPool>::default());
    let mut readers = Vec::new();
    for _ in 0..SEATS_PER_BEARER_MAX {
        readers.push(Reader::of(&router, "/v1/events", None).await);
    }
    let refused = answer(&router, request("/v1/events", None)).await;
    assert_eq!(refused.status(), 503);
    readers.pop();
    // The task of the one that went has to notice it.
    sleep(HEARTBEAT).await;
    Reader::of(&router, "/v1/events", None).await;
}

#[test]
fn there_are_so_many_streams_in_all() {
    let seats = Arc::<Seats>::default();
    let take = |number: usize| seats.take(&(number % 5).to_string());
    let taken: Vec<_> = (0..SEATS_MAX).map(|number| take(number).ok()).collect();
    assert!(taken.iter().all(Option::is_some));
    assert!(take(4).is_err());
    drop(taken);
    assert!(take(4).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_with_its_connection() {
    let router = router(Arc::<TestPool>::default());
    let line = Line::default();
    let mut asked = request("/v1/events", None);
    asked.extensions_mut().insert(line.clone());
    let mut body = answer(&router, asked).await.into_body().into_data_stream();
    assert!(body.next().await.is_some());
    line.ending.cancel();
    assert!(body.next().await.is_none());
}
