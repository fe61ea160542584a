//! History of real changes: who, from where, what; and no secret in it.

use api::backend::Backend;
use api::backend::{Caller, HistoryBackend, TokenBackend};
use api::request::HistoryQuery;
use model::HistoryKind;
use rusqlite::Connection;
use serde_json::json;

use super::refused::{World, caller, request};

#[tokio::test]
async fn a_change_is_told_with_who_asked_from_where_and_what_was_before() {
    let world = World::new().await;
    let tenant = world.tenants[0];
    let by = Caller {
        actor: "ci@1".into(),
        held_to: Some(tenant),
        source: Some("192.0.2.9".into()),
        request_id: "request-1".into(),
        ..caller()
    };
    let made = json!({"tenant_id": tenant, "name": "web", "prefixes": ["192.0.2.0/24"]});
    let made = world.service.address_group_create(by, request(made)).await;
    let group = made.unwrap().id;
    let to = request(json!({"add_prefixes": ["198.51.100.0/24"]}));
    let changed = world.service.address_group_update(caller(), group, to);
    changed.await.unwrap();
    let query = HistoryQuery {
        object_id: Some(group.uuid()),
        ..HistoryQuery::default()
    };
    let records = world.service.history(query).await.unwrap().records;
    let [changed, made] = &records[..] else {
        panic!("{records:?}");
    };
    assert_eq!(made.actor, "ci@1");
    assert_eq!(made.tenant_id, Some(tenant));
    assert_eq!(made.source.as_deref(), Some("192.0.2.9"));
    assert_eq!(made.request_id, "request-1");
    assert_eq!(made.verb, "address_group_create");
    assert_eq!(changed.actor, "admin");
    let [change] = &changed.changes[..] else {
        panic!("{changed:?}");
    };
    assert_eq!(change.kind, HistoryKind::Changed);
    assert_eq!(change.name.as_deref(), Some("web"));
    let fields: Vec<&String> = change.fields.keys().collect();
    assert_eq!(fields, ["prefixes"]);
    let prefixes = &change.fields["prefixes"];
    assert_eq!(prefixes.before, Some(json!(["192.0.2.0/24"])));
    let both = json!(["192.0.2.0/24", "198.51.100.0/24"]);
    assert_eq!(prefixes.after, Some(both));
}

#[tokio::test]
async fn neither_a_tokens_secret_nor_its_digest_is_in_history() {
    let world = World::new().await;
    let asked = json!({"name": "ci", "role": "auditor"});
    let made = world.service.token_create(caller(), request(asked)).await;
    let made = made.unwrap();
    let digest = world.service.intent().tokens[&made.id].digest.clone();
    world.service.token_delete(caller(), made.id).await.unwrap();
    let store = Connection::open(world.folder.path().join("bulkhead.db")).unwrap();
    let sql = "SELECT count(*) FROM audit WHERE objects LIKE '%' || ?1 || '%'";
    let count = |text: &str| -> u32 { store.query_row(sql, [text], |row| row.get(0)).unwrap() };
    assert_eq!(count(&made.id.to_string()), 2);
    assert_eq!(count(&digest), 0);
    assert_eq!(count(&made.secret.unwrap()["bulkhead_".len()..]), 0);
}

#[tokio::test]
async fn a_controller_that_runs_sees_that_its_newest_records_were_cut_off() {
    let world = World::new().await;
    let whole = world.service.history_verify(None).await.unwrap();
    assert_eq!(whole.fault, None);
    assert_eq!(whole.records, world.service.intent().revision);
    let store = Connection::open(world.folder.path().join("bulkhead.db")).unwrap();
    let cut = "DELETE FROM audit WHERE revision = (SELECT max(revision) FROM audit)";
    store.execute(cut, []).unwrap();
    let verified = world.service.history_verify(None).await.unwrap();
    assert_eq!(verified.fault.unwrap().revision, whole.records);
    // What is written afterwards does not hide it.
    let asked = json!({"name": "ci", "role": "auditor"});
    let made = world.service.token_create(caller(), request(asked)).await;
    made.unwrap();
    let verified = world.service.history_verify(None).await.unwrap();
    assert_eq!(verified.fault.unwrap().revision, whole.records);
}
