//! Caps: what is refused, what comes of a change, and what hosts are told of it.

use api::request::{CapCreate, CapUpdate};
use model::plan::{PlanItem, PlanKey};
use model::{Cap, CapId, CapSpan, CapStanding, HostId, Limits, PortId, Timestamp};
use serde_json::{Value, json};

use super::{Op, pool, refused::request, run};
use crate::caps::decide::{News, Why, span};
use crate::compile;
use crate::intent::Intent;
use crate::object::{Key, Write};
use crate::service::{cap, consequences};

fn now() -> Timestamp {
    "2026-11-22T23:10:00Z".parse().unwrap()
}

fn carry_out(intent: &mut Intent, writes: Vec<Write>) -> Vec<Key> {
    let writes = consequences::with(intent, writes);
    intent.apply(intent.revision + 1, &writes);
    writes.iter().map(Write::key).collect()
}

fn create(intent: &Intent, json: &Value) -> api::backend::Outcome<crate::writer::Draft<Cap>> {
    let asked: CapCreate = request(json.clone());
    cap::create(intent, asked, (300, now()))
}

fn make(intent: &mut Intent, json: &Value) -> CapId {
    let made = create(intent, json).unwrap();
    carry_out(intent, made.writes);
    made.answer.id
}

/// Two tenants with a network and two ports each, all on one host.
fn two_tenants() -> (Intent, HostId) {
    let (mut intent, .., host) = pool();
    let port = |network| Op::Port {
        network,
        name: None,
        mac: None,
        last: None,
        host: Some(0),
        group: None,
    };
    let network = |tenant| Op::Network {
        tenant,
        name: 0,
        carrier: 0,
        vlan: None,
    };
    let steps = [Op::Tenant { name: 1 }, network(0), network(1)];
    let ports = [port(0), port(0), port(1), port(1)];
    for op in steps.iter().chain(&ports) {
        assert!(!run(&mut intent, op).is_empty());
    }
    (intent, host)
}

/// A tenant with a cap, with ports on a host.
pub(crate) fn capped() -> (Intent, HostId, CapId) {
    let (mut intent, host) = two_tenants();
    let tenant = intent.tenants.get_min().unwrap().0;
    let cap = json!({"tenant_id": tenant, "bytes": 1000, "then": "throttle", "rate": "1M"});
    let id = make(&mut intent, &cap);
    (intent, host, id)
}

fn used(intent: &Intent, id: CapId, used: u64) -> (CapId, CapSpan, u64) {
    (id, span(&intent.caps[&id], now()), used)
}

/// Looks, and gives what happened and which items of plans may be others.
fn look(intent: &mut Intent, id: CapId, bytes: u64) -> (Vec<News>, Vec<(HostId, PlanKey)>) {
    let before = intent.clone();
    let draft = cap::look(intent, &[used(intent, id, bytes)], now());
    let written = carry_out(intent, draft.writes);
    let touched = compile::touched(&before, intent, &written);
    let news = draft.answer.into_iter().map(|(_, news)| news);
    (news.collect(), touched.into_iter().collect())
}

fn limits(intent: &Intent, host: HostId, port: PortId) -> Limits {
    match compile::item(intent, host, PlanKey::Port(port)) {
        Some(PlanItem::Port(port)) => port.limits,
        other => panic!("{other:?}"),
    }
}

fn of(text: &str) -> Limits {
    serde_json::from_str(text).unwrap()
}

fn ports(intent: &Intent, tenant: u8) -> Vec<PortId> {
    let tenant = intent.tenants.keys().nth(tenant.into()).unwrap();
    intent.ports_of_tenant(*tenant).collect()
}

#[test]
fn a_reached_cap_of_a_tenant_bounds_each_of_its_ports_and_no_other_tenants() {
    let (mut intent, host, id) = capped();
    let (mine, theirs) = (ports(&intent, 0), ports(&intent, 1));
    let (news, touched) = look(&mut intent, id, 999);
    assert_eq!(news.len(), 1, "a warning at 90%");
    assert_eq!(touched, [], "no host hears of it");
    let (news, mut touched) = look(&mut intent, id, 1_000);
    assert_eq!(news, [News::Reached]);
    let mut expected: Vec<_> = mine.iter().map(|it| (host, PlanKey::Port(*it))).collect();
    touched.sort();
    expected.sort();
    assert_eq!(touched, expected);
    for port in &mine {
        let both = of(r#"{"rate_in":"1M","rate_out":"1M"}"#);
        assert_eq!(limits(&intent, host, *port), both);
    }
    for port in &theirs {
        assert_eq!(limits(&intent, host, *port), Limits::default());
    }
}

#[test]
fn the_lower_of_several_caps_and_limits_holds_and_what_one_suspends_is_suspended() {
    let (mut intent, host, throttle) = capped();
    let port = ports(&intent, 0)[0];
    let of_port =
        json!({"port_id": port, "bytes": 10, "then": "suspend", "class": "public", "way": "sent"});
    let suspend = make(&mut intent, &of_port);
    let slower =
        json!({"port_id": port, "bytes": 10, "then": "throttle", "rate": "64k", "way": "sent"});
    let slower = make(&mut intent, &slower);
    for id in [throttle, suspend, slower] {
        look(&mut intent, id, 5_000);
    }
    let all = r#"{"rate_in":"1M","rate_out":"64k","suspended":{"sent":["public"]}}"#;
    assert_eq!(limits(&intent, host, port), of(all));
    let other = ports(&intent, 0)[1];
    let both = of(r#"{"rate_in":"1M","rate_out":"1M"}"#);
    assert_eq!(limits(&intent, host, other), both);
}

fn update(intent: &mut Intent, id: CapId, json: Value) -> Result<Cap, Value> {
    let asked: CapUpdate = request(json);
    let draft = cap::update(intent, id, (asked, now()));
    let draft = draft.map_err(|problem| serde_json::to_value(problem.errors).unwrap())?;
    carry_out(intent, draft.writes);
    Ok(draft.answer)
}

#[test]
fn an_operator_lifts_a_cap_for_the_rest_of_its_period_and_only_one_that_is_reached() {
    let (mut intent, host, id) = capped();
    let port = ports(&intent, 0)[0];
    let lift = || json!({"standing": "lifted"});
    let refused = update(&mut intent, id, lift()).unwrap_err();
    assert_eq!(refused[0]["field"], "standing");
    look(&mut intent, id, 1_000);
    let lifted = update(&mut intent, id, lift()).unwrap();
    assert_eq!(lifted.state.standing, CapStanding::Lifted);
    assert_eq!(limits(&intent, host, port), Limits::default());
    assert_eq!(look(&mut intent, id, 9_000).0, []);
    assert!(update(&mut intent, id, lift()).is_ok(), "twice is once");
    // Another amount is another cap: it holds at once.
    update(&mut intent, id, json!({"bytes": 8_000})).unwrap();
    assert_eq!(
        look(&mut intent, id, 9_000).0,
        [News::Warned(90.try_into().unwrap()), News::Reached]
    );
}

#[test]
fn a_raised_cap_is_lifted_at_the_next_look_and_warns_anew() {
    let (mut intent, host, id) = capped();
    let port = ports(&intent, 0)[0];
    look(&mut intent, id, 1_100);
    update(&mut intent, id, json!({"bytes": 1_100})).unwrap();
    assert_eq!(look(&mut intent, id, 1_100).0, []);
    let raised = update(&mut intent, id, json!({"bytes": 2_000})).unwrap();
    assert_eq!(raised.state.warned_at, None);
    assert_ne!(limits(&intent, host, port), Limits::default());
    assert_eq!(look(&mut intent, id, 1_100).0, [News::Lifted(Why::Raised)]);
    assert_eq!(limits(&intent, host, port), Limits::default());
    let warned = News::Warned(80.try_into().unwrap());
    assert_eq!(look(&mut intent, id, 1_700).0, [warned]);
}

#[test]
fn what_was_decided_of_a_cap_that_changed_meanwhile_is_decided_again() {
    let (mut intent, _, id) = capped();
    let seen = used(&intent, id, 1_000);
    update(&mut intent, id, json!({"bytes": 5_000})).unwrap();
    assert_eq!(cap::look(&intent, &[seen], now()).answer, []);
    let gone = cap::delete(&intent, id).unwrap();
    carry_out(&mut intent, gone.writes);
    assert_eq!(cap::look(&intent, &[seen], now()).answer, []);
}

#[test]
fn caps_go_with_their_port_and_with_their_tenant() {
    let (mut intent, ..) = capped();
    let port = ports(&intent, 0)[0];
    let of_port = make(
        &mut intent,
        &json!({"port_id": port, "bytes": 10, "then": "suspend"}),
    );
    let gone = carry_out(&mut intent, vec![Write::Delete(Key::Port(port))]);
    assert!(gone.contains(&Key::Cap(of_port)));
    assert_eq!(intent.caps.len(), 1);
}

fn faults(intent: &Intent, json: &Value) -> Vec<(String, String)> {
    let problem = create(intent, json).map(|draft| draft.answer).unwrap_err();
    let errors = problem.errors.into_iter();
    errors.map(|it| (it.field, it.message)).collect()
}

#[test]
fn caps_that_cannot_be_are_refused_with_all_faults() {
    let (intent, _, twin) = capped();
    let nobody = "00000000-0000-4000-8000-000000000000";
    let tenant = intent.tenants.get_min().unwrap().0;
    for owner in ["tenant_id", "port_id"] {
        let unknown = json!({owner: nobody, "bytes": 1, "then": "suspend"});
        assert_eq!(faults(&intent, &unknown)[0].0, owner);
    }
    let again = json!({"tenant_id": tenant, "bytes": 7, "then": "throttle", "rate": "5M"});
    let found = faults(&intent, &again);
    assert_eq!(found[0].0, "then");
    assert!(found[0].1.contains(&twin.to_string()), "{found:?}");
    let asked =
        request(json!({"port_id": nobody, "bytes": 7, "then": "suspend", "period": "hour"}));
    let both = cap::create(&intent, asked, (420, now()))
        .map(|_| ())
        .unwrap_err();
    let both: Vec<_> = both.errors.iter().map(|it| it.field.as_str()).collect();
    assert_eq!(both, ["port_id", "period"]);
}
