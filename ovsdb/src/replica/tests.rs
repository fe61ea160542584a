use std::borrow::Cow;

use serde_json::json;

use super::*;
use crate::monitor::{Dialect, Dump, MonitorRequest, TableUpdates};
use crate::schema::Schema;

const ROW: &str = "aaaaaaaa-0000-4000-8000-000000000000";

fn coverage() -> Coverage {
    let schema: Schema = serde_json::from_value(json!({"name": "db", "tables": {"T": {"columns": {
        "n": {"type": "integer"},
        "set": {"type": {"key": "integer", "min": 0, "max": "unlimited"}},
    }}}}))
    .unwrap();
    MonitorRequest::new()
        .all_columns("T")
        .coverage(&schema)
        .unwrap()
}

fn updated(
    replica: &Replica,
    updates: serde_json::Value,
) -> Result<(Replica, Changed), Inconsistent> {
    let raw = serde_json::value::to_raw_value(&json!([true, Uuid::nil(), updates])).unwrap();
    let dump = Dump::decode(Dialect::CondSince, &raw).unwrap();
    replica.updated(dump.updates, dump.last_transaction)
}

fn with_row() -> Replica {
    let empty = Replica::covering(&coverage());
    let insert = json!({"T": {ROW: {"insert": {"set": ["set", [1, 2]]}}}});
    updated(&empty, insert).unwrap().0
}

#[test]
fn an_update_that_changes_nothing_says_so() {
    let replica = with_row();
    for nothing in [
        json!({}),
        json!({"T": {}}),
        json!({"T": {ROW: {"modify": {}}}}),
        json!({"T": {ROW: {"insert": {"set": ["set", [1, 2]], "n": 0}}}}),
        json!({"T": {Uuid::nil().to_string(): {"delete": null}}}),
    ] {
        let (next, changed) = updated(&replica, nothing.clone()).unwrap();
        assert_eq!((&next, changed), (&replica, Changed::No), "{nothing}");
        let uuid = ROW.parse().unwrap();
        let (before, after) = (replica.table("T").get(uuid), next.table("T").get(uuid));
        assert!(Arc::ptr_eq(before.unwrap(), after.unwrap()));
    }
}

#[test]
fn an_update_is_all_or_nothing() {
    let replica = with_row();
    let half =
        json!({"T": {ROW: {"modify": {"n": 5}}, Uuid::nil().to_string(): {"modify": {"n": 5}}}});
    assert_eq!(updated(&replica, half), Err(Inconsistent::Row(Uuid::nil())));
    assert_eq!(replica, with_row());
}

#[test]
fn a_table_that_is_not_monitored_is_empty_and_its_updates_are_refused() {
    let replica = with_row();
    assert!(replica.table("U").is_empty());
    let updates = TableUpdates {
        tables: vec![(Cow::Borrowed("U"), Vec::new())],
    };
    let refused = replica.updated(updates, Uuid::nil());
    assert_eq!(refused, Err(Inconsistent::Table("U".to_owned())));
}

#[test]
fn a_dump_replaces_what_is_gone_and_keeps_what_is_not() {
    let replica = with_row();
    let dump = |updates: serde_json::Value| {
        let raw = serde_json::value::to_raw_value(&updates).unwrap();
        let dump = Dump::decode(Dialect::Cond, &raw).unwrap();
        replica
            .replaced(&coverage(), dump.updates, Uuid::nil())
            .unwrap()
    };
    let (same, changed) = dump(json!({"T": {ROW: {"initial": {"set": ["set", [2, 1]]}}}}));
    assert_eq!((&same, changed), (&replica, Changed::No));
    let (empty, changed) = dump(json!({}));
    assert!(empty.table("T").is_empty());
    assert_eq!(changed, Changed::Yes);
}
