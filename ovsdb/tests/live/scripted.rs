//! Servers that follow a script: older dialects, a clustered server's memory, mistakes.

use std::sync::Arc;
use std::time::Duration;

use ovsdb::{Client, Condition, ConnectionState, Error, MonitorRequest, Replica, Uuid, Value};
use serde_json::{Value as Json, json};
use tokio::io::AsyncWriteExt;

use crate::server::quick;
use crate::stage::Stage;

const A: &str = "aaaaaaaa-0000-4000-8000-000000000000";
const B: &str = "bbbbbbbb-0000-4000-8000-000000000000";
const NEWER: &str = "11111111-0000-4000-8000-000000000000";
const NIL: &str = "00000000-0000-0000-0000-000000000000";

fn request() -> MonitorRequest {
    MonitorRequest::new().all_columns("T")
}

fn uuid(text: &str) -> Uuid {
    text.parse().unwrap()
}

fn get(replica: &Replica, row: &str, column: &str) -> Option<Value> {
    replica.table("T").get(uuid(row))?.get(column).cloned()
}

#[tokio::test]
async fn without_monitor_cond_since_the_client_falls_back_to_monitor_cond() {
    let stage = Stage::new();
    let endpoint = stage.endpoint();
    let script = tokio::spawn(async move {
        let mut peer = stage.accept().await;
        peer.know_not(&["monitor_cond_since"]).await;
        let asked = peer.expect("monitor_cond").await;
        assert_eq!(
            asked["params"][2]["T"][0]["where"],
            json!([["tag", "==", 5]])
        );
        let row = json!({"name": "a", "tags": ["set", [1, 2]], "ids": ["map", [["k", "v"]]]});
        peer.answer(&asked, json!({"T": {A: {"initial": row}}}))
            .await;
        let id = asked["params"][1].clone();
        let modify = json!({"tag": 7, "load": 2, "tags": ["set", [2, 3]],
                            "ids": ["map", [["k", "w"], ["l", "x"]]]});
        peer.notify("update2", json!([id, {"T": {A: {"modify": modify}}}]))
            .await;
        peer.notify(
            "update2",
            json!([id, {"T": {B: {"insert": {"name": "b"}}}}]),
        )
        .await;
        peer.notify("update2", json!([id, {"T": {B: {"delete": null}}}]))
            .await;
        let done = peer.expect("list_dbs").await;
        peer.answer(&done, json!(["db"])).await;
        peer.next().await;
    });
    let client = Client::connect(endpoint, quick()).await.unwrap();
    let columns = ["name", "tag", "load", "tags", "ids"];
    let request = MonitorRequest::new().table_where("T", columns, [Condition::equal("tag", 5)]);
    let monitor = client.monitor("db", request).await.unwrap();
    client.list_dbs().await.unwrap();
    let replica = monitor.snapshot();
    assert_eq!(replica.table("T").len(), 1);
    assert_eq!(get(&replica, A, "name"), Some("a".into()));
    assert_eq!(get(&replica, A, "tag"), Some(7.into()));
    assert_eq!(
        get(&replica, A, "load"),
        Some(2.0.into()),
        "reals are reals"
    );
    assert_eq!(get(&replica, A, "tags"), Some(Value::set([1, 3])));
    let ids = Value::map([("k", "w"), ("l", "x")]);
    assert_eq!(get(&replica, A, "ids"), Some(ids));
    drop((client, monitor));
    script.await.unwrap();
}

#[tokio::test]
async fn without_monitor_cond_the_client_falls_back_to_plain_monitor() {
    let stage = Stage::new();
    let endpoint = stage.endpoint();
    let script = tokio::spawn(async move {
        let mut peer = stage.accept().await;
        peer.know_not(&["monitor_cond_since", "monitor_cond"]).await;
        let asked = peer.expect("monitor").await;
        let row = |name: &str, tag: i64| json!({"name": name, "tag": tag, "load": 0, "tags": ["set", []], "ids": ["map", []]});
        let dump = json!({"T": {A: {"new": row("a", 1)}, B: {"new": row("b", 1)}}});
        peer.answer(&asked, dump).await;
        let id = &asked["params"][1];
        let modified = json!({"old": {"tag": 1}, "new": row("a", 2)});
        let deleted = json!({"old": row("b", 1)});
        peer.notify("update", json!([id, {"T": {A: modified, B: deleted}}]))
            .await;
        let done = peer.expect("list_dbs").await;
        peer.answer(&done, json!(["db"])).await;
        peer.next().await;
    });
    let client = Client::connect(endpoint, quick()).await.unwrap();
    let monitor = client.monitor("db", request()).await.unwrap();
    client.list_dbs().await.unwrap();
    let replica = monitor.snapshot();
    assert_eq!(replica.table("T").len(), 1);
    assert_eq!(get(&replica, A, "tag"), Some(2.into()));

    let conditional = MonitorRequest::new().table_where("T", ["tag"], [Condition::never()]);
    let refused = client.monitor("db", conditional).await;
    assert!(matches!(refused, Err(Error::NoConditions)), "{refused:?}");
    drop((client, monitor));
    script.await.unwrap();
}

#[tokio::test]
async fn a_server_that_remembers_is_asked_only_for_what_came_since() {
    let stage = Stage::new();
    let endpoint = stage.endpoint();
    let script = tokio::spawn(async move {
        let mut peer = stage.accept().await;
        peer.give_schema().await;
        let asked = peer.expect("monitor_cond_since").await;
        assert_eq!(asked["params"][3], NIL);
        let dump = json!({"T": {A: {"initial": {"name": "a"}}}});
        peer.answer(&asked, json!([false, B, dump])).await;
        let id = &asked["params"][1];
        let modify = json!({"T": {A: {"modify": {"tags": ["set", [1, 2]]}}}});
        peer.notify("update3", json!([id, A, modify])).await;
        drop(peer);

        let mut peer = stage.accept().await;
        peer.give_schema().await;
        let asked = peer.expect("monitor_cond_since").await;
        assert_eq!(
            asked["params"][3], A,
            "resumed from the last transaction seen"
        );
        let since = json!({"T": {A: {"modify": {"tags": ["set", [2, 3]]}}}});
        peer.answer(&asked, json!([true, NEWER, since])).await;
        peer.next().await;
    });
    let client = Client::connect(endpoint, quick()).await.unwrap();
    let mut monitor = client.monitor("db", request()).await.unwrap();
    while monitor.snapshot().last_transaction() != uuid(NEWER) {
        monitor.changed().await.unwrap();
    }
    let replica = monitor.snapshot();
    assert_eq!(get(&replica, A, "tags"), Some(Value::set([1, 3])));
    drop((client, monitor));
    script.await.unwrap();
}

#[tokio::test]
async fn an_update_that_does_not_fit_leads_to_a_fresh_dump() {
    for misfit in [
        json!({"T": {B: {"modify": {"name": "b"}}}}),
        json!({"T": {A: {"modify": {"nonsense": 1}}}}),
        json!({"T": {A: {"modify": {"tags": ["map", []]}}}}),
        json!({"U": {A: {"delete": null}}}),
        json!({"T": {A: {"vanish": null}}}),
    ] {
        recovers_from(misfit).await;
    }
}

async fn recovers_from(misfit: Json) {
    let stage = Stage::new();
    let endpoint = stage.endpoint();
    let script = tokio::spawn(async move {
        let mut peer = stage.accept().await;
        peer.give_schema().await;
        let asked = peer.expect("monitor_cond_since").await;
        let dump = json!({"T": {A: {"initial": {"name": "a"}}}});
        peer.answer(&asked, json!([false, NIL, dump])).await;
        peer.notify("update3", json!([asked["params"][1], NEWER, misfit]))
            .await;
        assert!(peer.next().await.is_none(), "the client hangs up");

        let mut peer = stage.accept().await;
        peer.give_schema().await;
        let asked = peer.expect("monitor_cond_since").await;
        assert_eq!(asked["params"][3], NIL, "from the beginning");
        let dump = json!({"T": {B: {"initial": {"name": "b"}}}});
        peer.answer(&asked, json!([false, NIL, dump])).await;
        peer.next().await;
    });
    let client = Client::connect(endpoint, quick()).await.unwrap();
    let mut monitor = client.monitor("db", request()).await.unwrap();
    assert_eq!(get(&monitor.snapshot(), A, "name"), Some("a".into()));
    monitor.changed().await.unwrap();
    let replica = monitor.snapshot();
    assert_eq!(replica.table("T").len(), 1);
    assert_eq!(get(&replica, B, "name"), Some("b".into()));
    drop((client, monitor));
    script.await.unwrap();
}

#[tokio::test]
async fn a_monitor_that_the_server_refuses_to_resume_is_tried_again() {
    let stage = Stage::new();
    let endpoint = stage.endpoint();
    let script = tokio::spawn(async move {
        let mut peer = stage.accept().await;
        peer.give_schema().await;
        let asked = peer.expect("monitor_cond_since").await;
        peer.answer(&asked, json!([false, NIL, {}])).await;
        peer.notify("monitor_canceled", json!([asked["params"][1]]))
            .await;
        assert!(peer.next().await.is_none(), "the client hangs up");

        let mut peer = stage.accept().await;
        for _ in 0..2 {
            let request = peer.expect("get_schema").await;
            let error = json!({"error": "unknown database", "details": "not loaded yet"});
            peer.refuse(&request, error).await;
        }
        peer.give_schema().await;
        let asked = peer.expect("monitor_cond_since").await;
        let dump = json!({"T": {A: {"initial": {"name": "a"}}}});
        peer.answer(&asked, json!([false, NIL, dump])).await;
        peer.next().await;
    });
    let client = Client::connect(endpoint, quick()).await.unwrap();
    let mut monitor = client.monitor("db", request()).await.unwrap();
    monitor.changed().await.unwrap();
    assert_eq!(*monitor.connection().borrow(), ConnectionState::Connected);
    assert_eq!(get(&monitor.snapshot(), A, "name"), Some("a".into()));
    drop((client, monitor));
    script.await.unwrap();
}

#[tokio::test]
async fn an_echo_is_answered_with_the_very_same_id_and_params() {
    let stage = Stage::new();
    let endpoint = stage.endpoint();
    let script = tokio::spawn(async move {
        let mut peer = stage.accept().await;
        for id in [json!("echo"), json!(17), json!({"odd": [1.5, null]})] {
            let params = json!(["a\u{e9}\"\\", {"k": [true]}]);
            peer.send(json!({"method": "echo", "id": id, "params": params}))
                .await;
            let wanted = json!({"id": id, "result": params, "error": null});
            assert_eq!(peer.next().await, Some(wanted));
        }
    });
    let _client = Client::connect(endpoint, quick()).await.unwrap();
    script.await.unwrap();
}

#[tokio::test]
async fn answers_split_at_every_byte_are_whole_again() {
    let stage = Stage::new();
    let endpoint = stage.endpoint();
    let script = tokio::spawn(async move {
        let mut peer = stage.accept().await;
        let request = peer.expect("list_dbs").await;
        let names = json!(["}{", "\"]", "\\", "\u{1F980}"]);
        let answer = json!({"id": request["id"], "error": null, "result": names});
        for byte in format!(" \n{{\"id\":null,\"method\":\"x\"}}\t{answer}").bytes() {
            peer.stream.write_all(&[byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
        peer.next().await;
    });
    let client = Client::connect(endpoint, quick()).await.unwrap();
    let names = client.list_dbs().await.unwrap();
    assert_eq!(names, ["}{", "\"]", "\\", "\u{1F980}"]);
    drop(client);
    script.await.unwrap();
}

#[tokio::test]
async fn a_call_never_answered_times_out_and_a_transaction_is_cancelled() {
    let stage = Stage::new();
    let endpoint = stage.endpoint();
    let script = tokio::spawn(async move {
        let mut peer = stage.accept().await;
        let ignored = peer.expect("transact").await;
        let cancel = peer.expect("cancel").await;
        assert_eq!(cancel["params"][0], ignored["id"]);
        // Late, and for nobody: passed over.
        peer.answer(&ignored, json!([])).await;
        let request = peer.expect("list_dbs").await;
        peer.answer(&request, json!(["db"])).await;
        peer.next().await;
    });
    let mut options = quick();
    options.request_timeout = Duration::from_millis(200);
    let client = Client::connect(endpoint, options).await.unwrap();
    let outcome = client.transact("db", Vec::new()).await;
    assert!(
        matches!(outcome, Err(Error::Timeout { method: "transact" })),
        "{outcome:?}"
    );
    assert_eq!(client.list_dbs().await.unwrap(), ["db"]);
    drop(client);
    script.await.unwrap();
}

#[tokio::test]
async fn unchanged_rows_stay_the_same_through_a_fresh_dump() {
    let stage = Stage::new();
    let endpoint = stage.endpoint();
    let script = tokio::spawn(async move {
        for name in ["b", "changed"] {
            let mut peer = stage.accept().await;
            peer.give_schema().await;
            let asked = peer.expect("monitor_cond_since").await;
            let dump = json!({"T": {A: {"initial": {"name": "a"}},
                                    B: {"initial": {"name": name}}}});
            peer.answer(&asked, json!([false, NIL, dump])).await;
            if name == "changed" {
                peer.next().await;
            }
        }
    });
    let client = Client::connect(endpoint, quick()).await.unwrap();
    let mut monitor = client.monitor("db", request()).await.unwrap();
    let before = monitor.snapshot();
    monitor.changed().await.unwrap();
    let after = monitor.snapshot();
    let same = |row: &str| {
        let (before, after) = (before.table("T"), after.table("T"));
        Arc::ptr_eq(
            before.get(uuid(row)).unwrap(),
            after.get(uuid(row)).unwrap(),
        )
    };
    assert!(same(A) && !same(B));
    drop((client, monitor));
    script.await.unwrap();
}
