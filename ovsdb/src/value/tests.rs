use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

use super::{Atom, Map, NamedUuid, Set, Value};

fn read(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(text)
}

fn written(value: impl Into<Value>) -> serde_json::Value {
    serde_json::to_value(value.into()).unwrap()
}

#[test]
fn every_form_is_written_as_the_rfc_has_it() {
    let uuid: Uuid = "550e8400-e29b-41d4-a716-446655440000".parse().unwrap();
    assert_eq!(written(5), json!(5));
    assert_eq!(written(1.5), json!(1.5));
    assert_eq!(written(true), json!(true));
    assert_eq!(written("x"), json!("x"));
    assert_eq!(written(uuid), json!(["uuid", uuid.to_string()]));
    assert_eq!(written(NamedUuid::new("row")), json!(["named-uuid", "row"]));
    assert_eq!(written(Value::empty_set()), json!(["set", []]));
    assert_eq!(written(Value::set([2, 1, 2])), json!(["set", [1, 2]]));
    assert_eq!(written(Value::set(["one"])), json!("one"));
    assert_eq!(
        written(Value::map([("b", "2"), ("a", "0"), ("a", "1")])),
        json!(["map", [["a", "1"], ["b", "2"]]]),
        "of two entries with one key the last counts"
    );
}

#[test]
fn a_scalar_and_a_set_of_one_are_the_same() {
    assert_eq!(read(r#"["set",[5]]"#).unwrap(), read("5").unwrap());
    assert_eq!(Value::from(5), Value::set([5]));
    assert_ne!(Value::empty_set(), Value::Map(Map::empty()));
}

#[test]
fn accessors_give_what_is_there_and_nothing_else() {
    let value = Value::set(["a", "b"]);
    assert_eq!(value.as_str(), None, "two are not one");
    assert_eq!(value.strings().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(value.uuids().count() + value.integers().count(), 0);
    assert_eq!(Value::from("a").as_str(), Some("a"));
    assert_eq!(Value::from(7).as_i64(), Some(7));
    assert_eq!(Value::from(7).as_f64(), Some(7.0));
    assert_eq!(Value::from(7).as_bool(), None);
    assert_eq!(Value::from(false).as_bool(), Some(false));
    let map = Value::map([("k", "v")]);
    assert_eq!(map.map_get("k"), Some("v"));
    assert_eq!(map.map_get("l"), None);
    assert_eq!(map.atoms(), []);
    let numbers = Value::map([("k", 5)]);
    assert_eq!(numbers.map_get("k"), None);
    let key = Atom::from("k");
    assert_eq!(numbers.as_map().unwrap().get(&key), Some(&Atom::Integer(5)));
}

#[test]
fn what_is_no_value_is_an_error() {
    for text in [
        "null",
        "{}",
        "[]",
        r#"["set"]"#,
        r#"["set",5]"#,
        r#"["set",[],[]]"#,
        r#"["set",[1,1]]"#,
        r#"["set",[["set",[]]]]"#,
        r#"["set",[["set",[1]]],2]"#,
        r#"["map",[["a"]]]"#,
        r#"["map",[["a",1,2]]]"#,
        r#"["map",[["a",1],["a",2]]]"#,
        r#"["map",[[["map",[]],1]]]"#,
        r#"["uuid","x"]"#,
        r#"["uuid",5]"#,
        r#"["other","x"]"#,
        r#"[5,"x"]"#,
        "9223372036854775808",
    ] {
        assert!(read(text).is_err(), "{text}");
    }
}

#[test]
fn reals_that_are_not_finite_are_not_written() {
    for real in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(serde_json::to_string(&Value::from(real)).is_err());
    }
}

fn atom() -> impl Strategy<Value = Atom> {
    prop_oneof![
        any::<i64>().prop_map(Atom::Integer),
        any::<f64>()
            .prop_filter("finite", |real| real.is_finite())
            .prop_map(Atom::Real),
        any::<bool>().prop_map(Atom::Boolean),
        any::<String>().prop_map(Atom::String),
        any::<u128>().prop_map(|bits| Atom::Uuid(Uuid::from_u128(bits))),
        "[a-z_]{1,8}".prop_map(Atom::NamedUuid),
    ]
}

/// Few enough to meet again.
fn small_set() -> impl Strategy<Value = Set> {
    prop::collection::vec(0..8_i64, 0..8).prop_map(|atoms| atoms.into_iter().collect())
}

fn small_map() -> impl Strategy<Value = Map> {
    prop::collection::vec((0..6_i64, 0..3_i64), 0..8)
        .prop_map(|entries| entries.into_iter().collect())
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        prop::collection::vec(atom(), 0..6).prop_map(Value::set),
        prop::collection::vec((atom(), atom()), 0..6).prop_map(Value::map),
    ]
}

proptest! {
    #[test]
    fn values_survive_the_round_trip(value in value()) {
        let text = serde_json::to_string(&value).unwrap();
        prop_assert_eq!(read(&text).unwrap(), value, "{}", text);
    }

    #[test]
    fn order_is_total(a in value(), b in value()) {
        prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
        prop_assert_eq!(a == b, a.cmp(&b).is_eq());
    }

    #[test]
    fn a_difference_of_sets_leads_there_and_back(a in small_set(), b in small_set()) {
        let difference = a.symmetric_difference(&b);
        prop_assert_eq!(a.symmetric_difference(&difference), b.clone());
        prop_assert_eq!(b.symmetric_difference(&difference), a);
    }

    #[test]
    fn a_difference_of_maps_as_the_server_makes_it_leads_there(a in small_map(), b in small_map()) {
        let gone = a.as_slice().iter().filter(|(key, _)| b.get(key).is_none());
        let came = b.as_slice().iter().filter(|(key, value)| a.get(key) != Some(value));
        let difference: Map = gone.chain(came).cloned().collect();
        prop_assert_eq!(a.apply_difference(&difference), b);
    }

    #[test]
    fn any_text_is_read_or_refused(text in r#"[\[\]{}",:0-9a-z \\.-]{0,40}"#) {
        let _ = read(&text);
    }
}
