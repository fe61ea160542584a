use serde_json::{Value, json};

use super::*;

const HOST: Uuid = Uuid::from_u128(1);
const PORT: &str = "00000000-0000-0000-0000-0000000000aa";
const NETWORK: &str = "00000000-0000-0000-0000-0000000000bb";

fn uuid(n: u128) -> String {
    Uuid::from_u128(n).to_string()
}

fn event(class: &str, reference: &str, snapshot: Value) -> Value {
    json!({"id": 1, "timestamp": 0.0, "class": class, "operation": "add", "ref": reference,
        "obj_uuid": "", "snapshot": snapshot})
}

fn vm(state: &str, resident_on: &str) -> Value {
    event(
        "vm",
        "vm1",
        json!({"uuid": uuid(9), "name_label": "web", "power_state": state, "domid": 7,
            "resident_on": resident_on, "is_control_domain": false, "VCPUs_max": 4}),
    )
}

fn vif(other_config: Value) -> Value {
    event(
        "vif",
        "vif1",
        json!({"uuid": uuid(5), "device": "0", "network": "net1", "VM": "vm1",
            "MAC": "00:16:3e:00:00:01", "currently_attached": true, "other_config": other_config}),
    )
}

fn pool() -> Vec<Value> {
    vec![
        event(
            "host",
            "host1",
            json!({"uuid": HOST, "software_version":
                {"product_brand": "XCP-ng", "product_version": "8.3.0"}}),
        ),
        event("host", "host2", json!({"uuid": uuid(2)})),
        vm("Running", "host1"),
        vif(json!({"bulkhead-port": PORT})),
        event(
            "network",
            "net1",
            json!({"uuid": uuid(6), "name_label": "web", "bridge": "br-int",
                "other_config": {"bulkhead-network": NETWORK}}),
        ),
    ]
}

fn records(events: &[Value]) -> Records {
    let mut records = Records::default();
    apply(&mut records, events);
    records
}

fn apply(records: &mut Records, events: &[Value]) {
    let text = json!({"events": events, "valid_ref_counts": {}, "token": "1"}).to_string();
    let raw: Box<RawValue> = serde_json::from_str(&text).unwrap();
    records.apply(&decode_batch(&raw).unwrap());
}

#[test]
fn a_guest_is_on_its_host_with_its_vifs_ports_and_networks() {
    let records = records(&pool());
    assert_eq!(records.version(HOST).as_deref(), Some("XCP-ng 8.3.0"));
    let guests = records.guests(HOST);
    let guest = &guests[&Uuid::from_u128(9)];
    assert_eq!(guest.state, GuestState::Running);
    assert_eq!(guest.domain.name, "web");
    let [interface] = guest.domain.interfaces.as_slice() else {
        panic!("{:?}", guest.domain.interfaces);
    };
    assert_eq!(interface.link.as_deref(), Some("vif7.0"));
    assert_eq!(interface.bridge.as_deref(), Some("br-int"));
    assert_eq!(interface.interface_id, Some(Uuid::from_u128(5)));
    assert_eq!(interface.port_id, PORT.parse().ok());
    assert_eq!(interface.network_id, NETWORK.parse().ok());
    assert!(records.guests(Uuid::from_u128(2)).is_empty());
    assert!(records.complaints(HOST, "br-int").is_empty());
}

#[test]
fn what_happens_later_counts_and_what_goes_is_gone() {
    let mut records = records(&pool());
    let state = |records: &Records| records.guests(HOST).values().next().map(|it| it.state);
    apply(&mut records, &[vm("Paused", "host1")]);
    assert_eq!(state(&records), Some(GuestState::Paused));
    apply(&mut records, &[vm("Running", "host2")]);
    assert_eq!(state(&records), None);
    assert_eq!(records.guests(Uuid::from_u128(2)).len(), 1);
    let gone = json!({"class": "VM", "operation": "del", "ref": "vm1"});
    apply(&mut records, &[gone]);
    assert!(records.guests(Uuid::from_u128(2)).is_empty());
}

#[test]
fn a_vif_that_is_unplugged_or_unreadable_names_no_port() {
    let mut records = records(&pool());
    let interfaces = |records: &Records| {
        records.guests(HOST)[&Uuid::from_u128(9)]
            .domain
            .interfaces
            .clone()
    };
    apply(&mut records, &[vif(json!({"bulkhead-port": "not a port"}))]);
    assert_eq!(interfaces(&records)[0].port_id, None);
    for (field, wrong) in [
        ("currently_attached", json!(false)),
        ("MAC", json!("nonsense")),
        ("MAC", json!(7)),
        ("uuid", json!(null)),
        ("device", json!("x".repeat(2_000))),
        ("other_config", json!("all of it")),
    ] {
        let mut changed = vif(json!({}));
        changed["snapshot"][field] = wrong.clone();
        apply(&mut records, &[vif(json!({})), changed]);
        assert_eq!(interfaces(&records), [], "{field}: {wrong}");
    }
}

#[test]
fn numbers_may_be_texts_and_texts_that_are_no_numbers_are_nothing() {
    let mut guest = vm("Running", "host1");
    guest["snapshot"]["domid"] = json!("7");
    let mut events = pool();
    events.push(guest.clone());
    assert_eq!(records(&events).guests(HOST).len(), 1);
    guest["snapshot"]["domid"] = json!({"7": 7});
    events.push(guest);
    assert!(records(&events).guests(HOST).is_empty());
}

#[test]
fn a_network_of_a_tenant_that_a_nic_carries_as_well_is_complained_of() {
    let mut events = pool();
    let pif = |host: &str| {
        let record = json!({"device": "eth1", "network": "net1", "host": host, "VLAN": -1});
        event("pif", &format!("pif-{host}"), record)
    };
    events.push(pif("host2"));
    assert!(records(&events).complaints(HOST, "br-int").is_empty());
    events.push(pif("host1"));
    let complaints = records(&events).complaints(HOST, "br-int");
    assert_eq!(complaints.len(), 1, "{complaints:?}");
    assert_eq!(records(&events).complaints(HOST, "br-x").len(), 2);
}

#[test]
fn a_refusal_is_known_by_its_code_and_shows_nothing_that_was_sent() {
    let text = json!({"jsonrpc": "2.0", "id": 1, "error": {"code": 1,
        "message": "SESSION_AUTHENTICATION_FAILED\nroot", "data": ["geheim", "no"]}});
    let text = text.to_string();
    let fault = decode_reply(text.as_bytes()).unwrap().unwrap_err();
    assert_eq!(fault.to_string(), "SESSION_AUTHENTICATION_FAILEDroot");
    assert_eq!(fault.about.as_deref(), Some("geheim"));
    let odd = br#"{"error": {"message": "X", "data": {"a": 1}}}"#;
    let fault = decode_reply(odd).unwrap().unwrap_err();
    assert_eq!(fault.about, None);
}

#[test]
fn an_answer_cut_anywhere_is_an_error_not_a_panic() {
    let whole = json!({"jsonrpc": "2.0", "id": 1, "result": {"events": pool(), "token": "7"}});
    let whole = whole.to_string();
    let read = |text: &str| {
        let result = decode_reply(text.as_bytes()).ok()?.ok()?;
        decode_batch(result).ok().map(|batch| batch.token)
    };
    assert!(read(&whole).is_some());
    for end in 0..whole.len() {
        assert_eq!(read(&whole[..end]), None, "cut at {end}");
    }
    assert!(read(&"[".repeat(100_000)).is_none());
}
