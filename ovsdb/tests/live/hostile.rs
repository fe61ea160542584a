//! Peers that want to hurt: each is cut off, and the client is there for the next one.

use std::time::Duration;

use ovsdb::message::Limits;
use ovsdb::{Client, ConnectionState, Error, Options};
use serde_json::json;
use tokio::io::AsyncWriteExt;

use crate::server::quick;
use crate::stage::{Peer, Stage};

fn strict() -> Options {
    Options {
        limits: Limits {
            frame_bytes: 100_000,
            depth: 30,
        },
        ..quick()
    }
}

/// Sends a pattern without end, until the client hangs up.
async fn flood(peer: &mut Peer, start: &str, pattern: &str) {
    let _ = peer.stream.write_all(start.as_bytes()).await;
    let chunk = pattern.repeat(1 + 10_000 / pattern.len());
    while peer.stream.write_all(chunk.as_bytes()).await.is_ok() {}
}

#[tokio::test]
async fn endless_nesting_size_and_garbage_are_cut_off() {
    let stage = Stage::new();
    let endpoint = stage.endpoint();
    let script = tokio::spawn(async move {
        for (start, pattern) in [
            ("", r#"{"a":"#),
            (r#"{"id":"#, "["),
            (r#"{"id":""#, "x"),
            (r#"{"id":1"#, " "),
            ("", "x"),
            ("", "]"),
            ("{\"id\":1}", "}"),
            ("{[}]", "{}"),
            (
                r#"{"method":"echo","id":1,"params":[]}"#,
                r#"{"method":"echo","id":1,"params":[]}"#,
            ),
        ] {
            flood(&mut stage.accept().await, start, pattern).await;
        }
        let mut peer = stage.accept().await;
        let request = peer.expect("list_dbs").await;
        peer.answer(&request, json!([])).await;
        peer.next().await;
    });
    let client = Client::connect(endpoint, strict()).await.unwrap();
    while client.list_dbs().await.is_err() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(client);
    script.await.unwrap();
}

#[tokio::test]
async fn a_silent_peer_is_probed_and_given_up() {
    let stage = Stage::new();
    let endpoint = stage.endpoint();
    let script = tokio::spawn(async move {
        let mut peer = stage.accept().await;
        let probe = peer.expect("echo").await;
        peer.answer(&probe, json!([])).await;
        peer.expect("echo").await;
        assert!(
            peer.next().await.is_none(),
            "given up after one unanswered probe"
        );
        stage.accept().await
    });
    let mut options = quick();
    options.probe_interval = Duration::from_millis(50);
    let client = Client::connect(endpoint, options).await.unwrap();
    let mut connection = client.connection();
    let lost = |state: &ConnectionState| *state == ConnectionState::Disconnected;
    connection.wait_for(lost).await.unwrap();
    let _peer = script.await.unwrap();
}

#[tokio::test]
async fn a_peer_that_never_reads_makes_calls_time_out_not_hang() {
    let stage = Stage::new();
    let endpoint = stage.endpoint();
    let script = tokio::spawn(async move {
        let peer = stage.accept().await;
        (stage, peer)
    });
    let mut options = quick();
    options.request_timeout = Duration::from_millis(300);
    let client = Client::connect(endpoint, options).await.unwrap();
    let big = "x".repeat(100_000);
    let calls = (0..100).map(|_| client.call("anything", &big));
    for outcome in futures::future::join_all(calls).await {
        let refused = outcome.unwrap_err();
        assert!(
            matches!(
                refused,
                Error::Timeout { .. } | Error::ConnectionLost { .. } | Error::NotConnected
            ),
            "{refused}"
        );
    }
    drop(script.await.unwrap());
}

#[tokio::test]
async fn answers_of_the_wrong_form_are_errors_and_the_connection_stays() {
    let stage = Stage::new();
    let endpoint = stage.endpoint();
    let script = tokio::spawn(async move {
        let mut peer = stage.accept().await;
        for wrong in [json!(null), json!("x"), json!({"a": 1}), json!([1, 2])] {
            let request = peer.expect("list_dbs").await;
            peer.answer(&request, wrong).await;
        }
        for wrong in [
            json!([]),
            json!([{}, {}]),
            json!([{"count": -1}]),
            json!([null]),
        ] {
            let request = peer.expect("transact").await;
            peer.answer(&request, wrong).await;
        }
        peer.next().await;
    });
    let client = Client::connect(endpoint, quick()).await.unwrap();
    for _ in 0..4 {
        let wrong = client.list_dbs().await;
        assert!(matches!(wrong, Err(Error::Decode { .. })), "{wrong:?}");
    }
    for _ in 0..4 {
        let operations = vec![ovsdb::Operation::comment("one")];
        let wrong = client.transact("db", operations).await;
        let expected = matches!(wrong, Err(Error::Decode { .. } | Error::ResultCount { .. }));
        assert!(expected, "{wrong:?}");
    }
    drop(client);
    script.await.unwrap();
}

#[tokio::test]
async fn odd_refusals_and_answers_nobody_waits_for_do_no_harm() {
    let stage = Stage::new();
    let endpoint = stage.endpoint();
    let script = tokio::spawn(async move {
        let mut peer = stage.accept().await;
        for error in [json!(5), json!([]), json!({"no": 1})] {
            let request = peer.expect("list_dbs").await;
            peer.refuse(&request, error).await;
        }
        for id in [json!(null), json!(999), json!("x"), json!([1])] {
            peer.send(json!({"id": id, "result": [], "error": null}))
                .await;
        }
        let request = peer.expect("list_dbs").await;
        peer.answer(&request, json!(["db"])).await;
        peer.next().await;
    });
    let client = Client::connect(endpoint, quick()).await.unwrap();
    for _ in 0..3 {
        let refused = client.list_dbs().await;
        assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
    }
    assert_eq!(client.list_dbs().await.unwrap(), ["db"]);
    drop(client);
    script.await.unwrap();
}
