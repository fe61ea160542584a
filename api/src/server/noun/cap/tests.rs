use model::CapStanding;
use serde_json::json;

use super::*;
use crate::problem::Problem;

const ID: &str = "01920f5e-0000-7000-8000-00000000000a";

fn read(body: &Value) -> Result<CapCreate, Problem> {
    let mut fields = Fields::of_body(body.to_string().as_bytes())?;
    let request = CapView::read(&mut fields);
    fields.finish(request)
}

fn read_update(body: &Value) -> Result<CapUpdate, Problem> {
    let mut fields = Fields::of_body(body.to_string().as_bytes())?;
    let request = CapView::read_update(&mut fields);
    fields.finish(Some(request))
}

/// The fields that are wrong, each with its code.
fn wrong<T: std::fmt::Debug>(outcome: Result<T, Problem>) -> Vec<(String, FieldCode)> {
    let errors = outcome.unwrap_err().errors.into_iter();
    errors.map(|it| (it.field, it.code)).collect()
}

#[test]
fn what_is_not_said_of_a_cap_is_all_of_it_each_month_both_ways() {
    let least = read(&json!({"tenant_id": ID, "bytes": 1, "then": "suspend"})).unwrap();
    assert_eq!((least.class, least.way), (CapClass::All, Way::Both));
    assert_eq!((least.period, least.warn_at), (CapPeriod::Month, None));
    let most = json!({
        "port_id": ID, "class": "pool-internal", "way": "received", "period": "hour",
        "bytes": 1_000_000_000_000_000_000_u64, "warn_at": [100, 80, 80, 1], "then": "throttle",
        "rate": "64k",
    });
    let most = read(&most).unwrap();
    let shares: Vec<u8> = most
        .warn_at
        .iter()
        .flatten()
        .map(|it| it.percent())
        .collect();
    assert_eq!(shares, [1, 80, 100]);
    let rate = "64k".parse().unwrap();
    assert_eq!(most.action, CapAction::Throttle { rate });
    // What a client sends is what is read.
    let sent = serde_json::to_value(&most).unwrap();
    assert_eq!(read(&sent).unwrap(), most);
}

#[test]
fn everything_that_is_wrong_with_a_cap_is_told_at_once() {
    use FieldCode::{Inconsistent, OutOfRange, Required, Unknown, WrongType};
    let wrong_in = |body: Value| wrong(read(&body));
    let named = |list: &[(&str, FieldCode)]| -> Vec<(String, FieldCode)> {
        list.iter()
            .map(|(field, code)| ((*field).to_owned(), *code))
            .collect()
    };
    let nothing = [
        ("bytes", Required),
        ("then", Required),
        ("tenant_id", Required),
    ];
    assert_eq!(wrong_in(json!({})), named(&nothing));
    let everything = json!({
        "tenant_id": ID, "port_id": ID, "class": "private", "way": "up", "period": "week",
        "bytes": 0, "warn_at": [0, 80, 101], "then": "throttle", "amount": 7,
    });
    let all = [
        ("class", OutOfRange),
        ("way", OutOfRange),
        ("period", OutOfRange),
        ("bytes", OutOfRange),
        ("warn_at[0]", OutOfRange),
        ("warn_at[2]", OutOfRange),
        ("rate", Required),
        ("port_id", Inconsistent),
        ("amount", Unknown),
    ];
    assert_eq!(wrong_in(everything), named(&all));
    let slow = json!({"tenant_id": ID, "bytes": 1, "then": "throttle", "rate": "1k"});
    assert_eq!(wrong_in(slow), named(&[("rate", OutOfRange)]));
    let both = json!({"tenant_id": ID, "bytes": 1, "then": "suspend", "rate": "1M"});
    assert_eq!(wrong_in(both), named(&[("rate", Inconsistent)]));
    let text = json!({"tenant_id": ID, "bytes": "1T", "warn_at": "80", "then": 1});
    let types = [
        ("bytes", WrongType),
        ("warn_at", WrongType),
        ("then", WrongType),
    ];
    assert_eq!(wrong_in(text), named(&types));
    let shares: Vec<u8> = (1..=11).collect();
    let many = json!({"tenant_id": ID, "bytes": 1, "then": "suspend", "warn_at": shares});
    assert_eq!(wrong_in(many), named(&[("warn_at", OutOfRange)]));
}

#[test]
fn a_cap_is_changed_in_what_it_allows_and_only_ever_lifted() {
    let all = json!({"bytes": 7, "warn_at": [], "rate": "1M", "standing": "lifted"});
    let all = read_update(&all).unwrap();
    assert_eq!(all.standing, Some(Lifted::Lifted));
    assert_eq!(all.warn_at, Some(Vec::new()));
    assert_eq!(read_update(&json!({})).unwrap(), CapUpdate::default());
    for (standing, name) in CapStanding::ALL {
        let asked = read_update(&json!({"standing": name}));
        assert_eq!(asked.is_ok(), *standing == CapStanding::Lifted, "{name}");
    }
    for fixed in ["class", "way", "period", "then", "tenant_id", "port_id"] {
        let asked = wrong(read_update(&json!({fixed: "public"})));
        assert_eq!(asked, [(fixed.to_owned(), FieldCode::Unknown)]);
    }
}
