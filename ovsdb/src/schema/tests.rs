use serde_json::json;

use super::*;

fn column_type(json: serde_json::Value) -> ColumnType {
    serde_json::from_value(json).unwrap()
}

#[test]
fn the_schema_of_open_vswitch_is_read_whole() {
    let text = std::fs::read_to_string("/usr/share/openvswitch/vswitch.ovsschema").unwrap();
    let schema: Schema = serde_json::from_str(&text).unwrap();
    assert_eq!(schema.name, "Open_vSwitch");
    assert_eq!(schema.tables["Open_vSwitch"].max_rows, Some(1));
    let port = &schema.tables["Port"];
    assert!(!port.is_root);
    assert_eq!(port.indexes, [["name"]]);
    assert!(!port.columns["name"].mutable);
    assert!(port.columns["statistics"].ephemeral);
    let tag = &port.columns["tag"].kind;
    assert_eq!((tag.min, tag.max), (0, Some(1)));
    assert_eq!(tag.key.max, Some(Atom::Integer(4095)));
    let mode = &port.columns["vlan_mode"].kind.key;
    assert!(mode.choices.as_ref().unwrap().contains(&"trunk".into()));
    let mirror = &schema.tables["Mirror"].columns["output_port"].kind.key;
    assert_eq!(mirror.referred_table.as_deref(), Some("Port"));
    assert_eq!(mirror.reference, Reference::Weak);
    assert_eq!(
        port.column_type("_version").unwrap().key.kind,
        AtomType::Uuid
    );
    assert!(port.column_type("nonsense").is_none());
}

#[test]
fn defaults_are_those_of_the_type() {
    let default = |json| column_type(json).default_value();
    assert_eq!(default(json!("integer")), 0.into());
    assert_eq!(default(json!({"key": "real"})), 0.0.into());
    assert_eq!(default(json!("boolean")), false.into());
    assert_eq!(default(json!("string")), "".into());
    assert_eq!(default(json!("uuid")), Uuid::nil().into());
    let optional = json!({"key": "string", "min": 0});
    assert_eq!(default(optional), Value::empty_set());
    let map = json!({"key": "string", "value": "string", "min": 0, "max": "unlimited"});
    assert_eq!(default(map), Value::Map(Map::empty()));
}

#[test]
fn a_value_must_have_the_form_of_its_column() {
    let reals = column_type(json!({"key": "string", "value": "real", "max": 9}));
    assert_eq!(
        reals.fit(Value::map([("a", 1)])),
        Some(Value::map([("a", 1.0)]))
    );
    assert_eq!(reals.fit(Value::empty_set()), None);
    let real = column_type(json!("real"));
    assert_eq!(real.fit(5.into()), Some(5.0.into()));
    assert_eq!(real.fit(Value::Map(Map::empty())), None);
}

#[test]
fn what_is_no_type_is_an_error() {
    for wrong in [
        json!("text"),
        json!({"key": "integer", "max": "infinite"}),
        json!({"key": {"type": "integer", "enum": ["map", []]}}),
        json!(5),
    ] {
        assert!(serde_json::from_value::<ColumnType>(wrong).is_err());
    }
}
