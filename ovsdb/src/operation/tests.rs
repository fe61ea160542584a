use std::time::Duration;

use serde_json::{Value as Json, json};

use super::*;
use crate::error::Error;
use crate::value::{NamedUuid, Value};

fn written(operation: impl Into<Operation>) -> Json {
    serde_json::to_value(operation.into()).unwrap()
}

#[test]
fn operations_on_rows_are_written_as_the_rfc_has_them() {
    let named = || Condition::equal("name", "br0");
    let insert = Operation::insert("Port")
        .with_uuid_name("p")
        .column("tag", 5);
    assert_eq!(
        written(insert),
        json!({"op": "insert", "table": "Port", "row": {"tag": 5}, "uuid-name": "p"})
    );
    assert_eq!(
        written(Operation::insert("Port")),
        json!({"op": "insert", "table": "Port", "row": {}})
    );
    assert_eq!(
        written(Operation::select("Port").where_(named()).columns(["tag"])),
        json!({"op": "select", "table": "Port", "where": [["name", "==", "br0"]], "columns": ["tag"]})
    );
    assert_eq!(
        written(Operation::update("Port").column("tag", Value::empty_set())),
        json!({"op": "update", "table": "Port", "where": [], "row": {"tag": ["set", []]}})
    );
    assert_eq!(
        written(Operation::delete("Port")),
        json!({"op": "delete", "table": "Port", "where": []})
    );
}

#[test]
fn a_mutation_names_column_mutator_and_value() {
    let mutate = Operation::mutate("Bridge")
        .where_(Condition::equal("name", "br0"))
        .where_(Condition::new("flood_vlans", Function::Excludes, 1))
        .mutation("ports", Mutator::Insert, NamedUuid::new("p"));
    assert_eq!(
        written(mutate),
        json!({"op": "mutate", "table": "Bridge",
               "where": [["name", "==", "br0"], ["flood_vlans", "excludes", 1]],
               "mutations": [["ports", "insert", ["named-uuid", "p"]]]})
    );
}

#[test]
fn the_operations_that_change_no_row_are_written_too() {
    let wait = Operation::wait("Port", Until::NotEqual)
        .timeout(Duration::from_millis(20))
        .columns(["name"])
        .row([("name", "x")]);
    assert_eq!(
        written(wait),
        json!({"op": "wait", "timeout": 20, "table": "Port", "where": [], "columns": ["name"],
               "until": "!=", "rows": [{"name": "x"}]})
    );
    let commit = Operation::commit(Durability::Durable);
    assert_eq!(written(commit), json!({"op": "commit", "durable": true}));
    assert_eq!(written(Operation::abort()), json!({"op": "abort"}));
    assert_eq!(
        written(Operation::comment("c")),
        json!({"op": "comment", "comment": "c"})
    );
    assert_eq!(
        written(Operation::assert("l")),
        json!({"op": "assert", "lock": "l"})
    );
}

#[test]
fn constant_conditions_are_bare_booleans() {
    let written = serde_json::to_value([Condition::always(), Condition::never()]).unwrap();
    assert_eq!(written, json!([true, false]));
}

fn outcomes(answer: Json, sent: usize) -> Result<Vec<OperationResult>, Error> {
    let raw = serde_json::value::to_raw_value(&answer).unwrap();
    decode_outcomes(&raw, sent)
}

#[test]
fn the_first_error_is_the_transactions() {
    let answer = json!([{"count": 1}, {"error": "e", "details": "d", "syntax": "s"}, null]);
    let Err(Error::Operation {
        index,
        error,
        details,
    }) = outcomes(answer, 3)
    else {
        panic!();
    };
    assert_eq!((index, error.as_str(), details.as_str()), (1, "e", "d"));
    let at_commit = json!([{}, {"error": "e"}]);
    assert!(matches!(
        outcomes(at_commit, 1),
        Err(Error::Operation { index: 1, .. })
    ));
}

#[test]
fn an_answer_must_cover_every_operation() {
    let done = json!([{}, {"count": 2}, {"rows": [{"a": 1}]}]);
    let results = outcomes(done.clone(), 3).unwrap();
    assert_eq!(results[1].count(), Some(2));
    assert_eq!(
        results[2].rows()[0].get("a").and_then(Value::as_i64),
        Some(1)
    );
    assert!(matches!(outcomes(done, 4), Err(Error::ResultCount { .. })));
    assert!(matches!(
        outcomes(json!([null]), 1),
        Err(Error::ResultCount { .. })
    ));
    assert!(outcomes(json!([]), 0).unwrap().is_empty());
}
