//! Streams of events on real sockets.

use model::EventKind;

use super::*;
use crate::client::{WatchQuery, Watched};

/// A served pool where things happen.
fn serve(path: PathBuf, limits: Limits) -> (Arc<TestPool>, CancellationToken, JoinHandle<()>) {
    let pool = Arc::<TestPool>::default();
    let listener = bind_unix(&path).unwrap();
    let stop = CancellationToken::new();
    let serving = unix_within(limits, listener, router(pool.clone()), stop.clone());
    (pool, stop, tokio::spawn(serving))
}

#[tokio::test]
async fn a_stop_ends_streams_and_waits_for_none() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("api.sock");
    let patient = Limits {
        grace: Duration::from_secs(600),
        ..LIMITS
    };
    let (pool, stop, task) = serve(path.clone(), patient);
    let client = Client::new(At::Unix(path), Some(TOKEN)).unwrap();
    let mut stream = client.watch(&WatchQuery::default()).await.unwrap();
    pool.happen(EventKind::Remark);
    assert!(matches!(
        stream.next().await.unwrap(),
        Some(Watched::Event(event)) if event.id == 1
    ));
    stop.cancel();
    assert_eq!(stream.next().await.unwrap(), None);
    assert_eq!(stream.last_id(), Some(1));
    timeout(Duration::from_secs(60), task)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_stream_that_outlives_its_connection_is_resumed_without_a_loss() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("api.sock");
    let short = Limits {
        lifetime: Duration::from_millis(100),
        ..LIMITS
    };
    let (pool, stop, _task) = serve(path.clone(), short);
    let client = Client::new(At::Unix(path), Some(TOKEN)).unwrap();
    let happening = tokio::spawn(async move {
        for _ in 0..100 {
            pool.happen(EventKind::Remark);
            sleep(Duration::from_millis(10)).await;
        }
    });
    let mut query = WatchQuery {
        after: Some(0),
        ..WatchQuery::default()
    };
    let (mut seen, mut streams) = (Vec::new(), 0);
    while seen.len() < 100 {
        let mut stream = client.watch(&query).await.unwrap();
        streams += 1;
        while let Ok(Some(Watched::Event(event))) = stream.next().await {
            seen.push(event.id);
        }
        query.after = stream.last_id();
    }
    assert!(seen.into_iter().eq(1..=100));
    assert!(streams > 1);
    happening.await.unwrap();
    stop.cancel();
}

#[tokio::test]
async fn who_asks_for_a_stream_and_does_not_read_loses_the_connection() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("api.sock");
    let (pool, stop, _task) = serve(path.clone(), LIMITS);
    let mut stuck = UnixStream::connect(&path).await.unwrap();
    let asked = format!(
        "GET /v1/events?after=0 HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {TOKEN}\r\n\
         accept: text/event-stream\r\n\r\n"
    );
    stuck.write_all(asked.as_bytes()).await.unwrap();
    for _ in 0..20_000 {
        pool.happen(EventKind::Remark);
    }
    // Long before the connection's time is over, nobody holds its other end any more.
    let cut = timeout(Duration::from_secs(120), async {
        while stuck.write_all(b"\r\n").await.is_ok() {
            sleep(Duration::from_millis(100)).await;
        }
    });
    assert!(cut.await.is_ok());
    let client = Client::new(At::Unix(path), Some(TOKEN)).unwrap();
    assert_eq!(client.health().await.unwrap().status, "ok");
    stop.cancel();
}
