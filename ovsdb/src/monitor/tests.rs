use serde_json::json;

use super::*;
use crate::schema::Schema;

fn schema() -> Schema {
    let columns = json!({"b": {"type": "integer"}, "a": {"type": "string"}});
    serde_json::from_value(json!({"name": "db", "tables": {"T": {"columns": columns}}})).unwrap()
}

fn written(request: &MonitorRequest, dialect: Dialect) -> serde_json::Value {
    let coverage = request.coverage(&schema()).unwrap();
    serde_json::to_value(request.encode(&coverage, dialect).unwrap()).unwrap()
}

#[test]
fn requests_name_their_columns_and_conditions() {
    let all = MonitorRequest::new().all_columns("T");
    let wanted = json!({"T": [{"columns": ["a", "b"]}]});
    assert_eq!(written(&all, Dialect::Plain), wanted);
    assert_eq!(written(&all, Dialect::CondSince), wanted);
    let some = MonitorRequest::new().table_where("T", ["b"], [Condition::equal("b", 1)]);
    let wanted = json!({"T": [{"columns": ["b"], "where": [["b", "==", 1]]}]});
    assert_eq!(written(&some, Dialect::Cond), wanted);
    let coverage = some.coverage(&schema()).unwrap();
    let refused = some.encode(&coverage, Dialect::Plain);
    assert!(matches!(refused.err(), Some(Error::NoConditions)));
}

#[test]
fn updates_of_the_wrong_form_are_errors() {
    for (method, params) in [
        ("update3", json!([1, {}])),
        (
            "update3",
            json!(["x", "00000000-0000-0000-0000-000000000000", {}]),
        ),
        ("update2", json!([1, {"T": {"no uuid": {"delete": null}}}])),
        (
            "update2",
            json!([1, {"T": {"00000000-0000-0000-0000-000000000000": {}}}]),
        ),
        ("update2", json!([1, {"T": []}])),
        (
            "update",
            json!([1, {"T": {"00000000-0000-0000-0000-000000000000": 5}}]),
        ),
        ("update", json!({})),
    ] {
        let raw = serde_json::value::to_raw_value(&params).unwrap();
        assert!(Update::decode(method, &raw).is_err(), "{method} {params}");
    }
    let raw = serde_json::value::to_raw_value(&json!([])).unwrap();
    assert!(Update::decode("locked", &raw).unwrap().is_none());
}
