//! Every field of every creation, given every kind of wrong value; and lists against their JSON.

mod updates;

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{EventKind, Network, PhysicalNetwork, Reservation, Subnet, Tenant};
use serde_json::{Value, json};

use super::*;
use crate::resource::{HostView, InstanceView, PortView, SubPort};
use crate::server::tests::{ask, request};
use crate::test_pool::{self, TestPool};

const ID: &str = "01920f5e-7c1a-7000-8000-0123456789ab";
const OTHER_ID: &str = "01920f5e-7c1a-7000-8000-0123456789ac";

/// What a field is, and so what must be refused of it.
#[derive(Clone, Copy)]
enum Kind {
    Name,
    BridgedName,
    Uplink,
    Role,
    Vlans,
    Mtu,
    Id,
    Carriage,
    Vlan,
    Vni,
    Cidr,
    Address,
    Mac,
    Addresses,
    Ids,
    Flag,
    Domain,
    Routes,
    Range,
    Ranges,
    Pairs,
    Guard,
    Lease,
}

#[derive(Clone, Copy, PartialEq)]
enum Need {
    Required,
    Optional,
}

use Need::{Optional, Required};

struct Creation {
    path: &'static str,
    valid: Value,
    fields: &'static [(&'static str, Need, Kind)],
}

#[expect(clippy::too_many_lines, reason = "a table: one row per noun")]
fn creations() -> Vec<Creation> {
    vec![
        Creation {
            path: "/v1/tenants",
            valid: json!({ "name": "acme" }),
            fields: &[("name", Required, Kind::Name)],
        },
        Creation {
            path: "/v1/physical-networks",
            valid: json!({
                "name": "private", "role": "private", "uplink": "eth1", "vlans": "100-199",
                "native_vlan": 1, "mtu": 1500, "endpoints": "10.254.0.0/16",
            }),
            fields: &[
                ("name", Required, Kind::BridgedName),
                ("role", Required, Kind::Role),
                ("uplink", Required, Kind::Uplink),
                ("vlans", Optional, Kind::Vlans),
                ("native_vlan", Optional, Kind::Vlan),
                ("mtu", Optional, Kind::Mtu),
                ("endpoints", Optional, Kind::Cidr),
            ],
        },
        Creation {
            path: "/v1/networks",
            valid: json!({
                "tenant_id": ID, "name": "web", "kind": "vlan", "physical_network_id": ID,
                "vlan": 101, "vni": 4096, "mtu": 1500,
            }),
            fields: &[
                ("tenant_id", Required, Kind::Id),
                ("name", Required, Kind::Name),
                ("kind", Required, Kind::Carriage),
                ("physical_network_id", Optional, Kind::Id),
                ("vlan", Optional, Kind::Vlan),
                ("vni", Optional, Kind::Vni),
                ("mtu", Optional, Kind::Mtu),
            ],
        },
        Creation {
            path: "/v1/subnets",
            valid: json!({
                "network_id": ID, "name": "web", "cidr": "10.0.0.0/24", "gateway": "10.0.0.1",
                "pools": ["10.0.0.10-10.0.0.20", "10.0.0.30"], "dhcp": false,
                "lease_seconds": 600, "dns_names": true, "dns_forward": ["9.9.9.9"],
                "dns": ["10.0.0.2", "fd00::2"], "domain": "web.example",
                "routes": ["10.9.0.0/16 via 10.0.0.7"],
            }),
            fields: &[
                ("network_id", Required, Kind::Id),
                ("name", Optional, Kind::Name),
                ("cidr", Required, Kind::Cidr),
                ("gateway", Optional, Kind::Address),
                ("pools", Optional, Kind::Ranges),
                ("lease_seconds", Optional, Kind::Lease),
                ("dns_names", Optional, Kind::Flag),
                ("dns_forward", Optional, Kind::Addresses),
                ("dhcp", Optional, Kind::Flag),
                ("dns", Optional, Kind::Addresses),
                ("domain", Optional, Kind::Domain),
                ("routes", Optional, Kind::Routes),
            ],
        },
        Creation {
            path: "/v1/ports",
            valid: json!({
                "network_id": ID, "name": "web", "mac": "fa:16:3e:00:12:34",
                "addresses": ["10.0.0.5", "fd00::5"], "host_id": ID,
                "allowed": ["10.0.0.50@00:00:5e:00:01:32"], "spoof_guard": "off",
            }),
            fields: &[
                ("network_id", Required, Kind::Id),
                ("name", Optional, Kind::Name),
                ("mac", Optional, Kind::Mac),
                ("addresses", Optional, Kind::Addresses),
                ("allowed", Optional, Kind::Pairs),
                ("spoof_guard", Optional, Kind::Guard),
                ("host_id", Optional, Kind::Id),
            ],
        },
        Creation {
            path: "/v1/reservations",
            valid: json!({ "network_id": ID, "name": "kept", "addresses": "10.0.0.5-10.0.0.9" }),
            fields: &[
                ("network_id", Required, Kind::Id),
                ("name", Optional, Kind::Name),
                ("addresses", Required, Kind::Range),
            ],
        },
        Creation {
            path: "/v1/sub-ports",
            valid: json!({ "trunk_id": ID, "port_id": OTHER_ID, "vlan": 10 }),
            fields: &[
                ("trunk_id", Required, Kind::Id),
                ("port_id", Required, Kind::Id),
                ("vlan", Required, Kind::Vlan),
            ],
        },
        Creation {
            path: "/v1/instances",
            valid: json!({
                "tenant_id": ID, "name": "web1", "host_id": ID, "network_ids": [ID, OTHER_ID],
                "port_ids": [ID],
            }),
            fields: &[
                ("tenant_id", Required, Kind::Id),
                ("name", Required, Kind::Name),
                ("host_id", Optional, Kind::Id),
                ("network_ids", Optional, Kind::Ids),
                ("port_ids", Optional, Kind::Ids),
            ],
        },
    ]
}

/// What carries nothing.
const BAD_UPLINKS: &[&str] = &[
    "",
    "a/b",
    ".",
    "xxxxxxxxxxxxxxxx",
    "eth1+eth2",
    "eth1/lacp",
    "eth1+eth1/lacp",
    "eth1+eth2/random",
    "eth1/vlan0",
    "eth1/vlan4095",
    "eth1/lacp/vlan2",
];

impl Kind {
    /// Values of another type.
    fn of_wrong_type(self) -> Vec<Value> {
        match self {
            Self::Mtu | Self::Vlan | Self::Vni | Self::Lease => {
                vec![json!("101"), json!(true), json!([101]), json!({})]
            }
            Self::Flag => vec![json!(1), json!("true"), json!([true]), json!({})],
            Self::Addresses | Self::Ids | Self::Routes | Self::Ranges | Self::Pairs => {
                vec![
                    json!("x"),
                    json!(1),
                    json!({}),
                    json!([1]),
                    json!([null]),
                    json!([[]]),
                ]
            }
            _ => vec![json!(1), json!(true), json!(["x"]), json!({ "x": 1 })],
        }
    }

    /// Values of the right type that are not allowed, over-long ones included.
    fn out_of_range(self) -> Vec<Value> {
        let long = "x".repeat(5000);
        match self {
            Self::Name => {
                vec![
                    json!(""),
                    json!(" x"),
                    json!("x "),
                    json!("a\nb"),
                    json!("x".repeat(65)),
                ]
            }
            Self::BridgedName => vec![json!(""), json!("a b"), json!("ä"), json!("x".repeat(13))],
            Self::Uplink => BAD_UPLINKS.iter().copied().map(Value::from).collect(),
            Self::Role => vec![json!(""), json!("Private"), json!(long)],
            Self::Vlans => vec![
                json!(""),
                json!("0"),
                json!("4095"),
                json!("2-1"),
                json!(long),
            ],
            Self::Mtu => vec![json!(0), json!(1279), json!(9217), json!(-1), json!(1500.5)],
            Self::Vni => vec![json!(0), json!(16_777_216), json!(-1), json!(1.5)],
            Self::Vlan => {
                vec![
                    json!(0),
                    json!(4095),
                    json!(65_636),
                    json!(-1),
                    json!(1.5),
                    json!(u64::MAX),
                ]
            }
            Self::Id => vec![json!(""), json!("acme"), json!(&ID[1..]), json!(long)],
            Self::Carriage => vec![json!(""), json!("VLAN"), json!("gre"), json!(long)],
            Self::Cidr => vec![
                json!("10.0.0.1/24"),
                json!("10.0.0.0"),
                json!("::/129"),
                json!(long),
            ],
            Self::Address => vec![
                json!(""),
                json!("10.0.0.256"),
                json!("10.0.0.1/24"),
                json!(long),
            ],
            Self::Mac => vec![
                json!(""),
                json!("01:00:5e:00:00:01"),
                json!("00:00:00:00:00:00"),
            ],
            Self::Addresses => vec![json!(["10.0.0.256"]), json!(vec!["10.0.0.1"; 65])],
            Self::Ids => vec![json!(["acme"]), json!(vec![ID; 33])],
            Self::Flag => Vec::new(),
            Self::Domain => vec![json!(""), json!("a..b"), json!("-a"), json!(long)],
            Self::Routes => vec![
                json!(["10.9.0.0/16"]),
                json!(["10.9.0.1/16 via 10.0.0.7"]),
                json!(["fd00::/8 via fd00::1"]),
                json!(vec!["10.9.0.0/16 via 10.0.0.7"; 17]),
            ],
            _ => self.out_of_range_of_subnets(),
        }
    }

    /// The same, for what only subnets, ports and reservations have.
    fn out_of_range_of_subnets(self) -> Vec<Value> {
        let long = "x".repeat(5000);
        match self {
            Self::Range => vec![json!(""), json!("10.0.0.9-10.0.0.1"), json!(long)],
            Self::Ranges => vec![
                json!(["10.0.0.9-10.0.0.1"]),
                json!(["10.0.0.1-fd00::1"]),
                json!(vec!["10.0.0.1"; 17]),
            ],
            Self::Pairs => vec![
                json!(["10.0.0.1/24"]),
                json!(["10.0.0.1@ff:ff:ff:ff:ff:ff"]),
                json!(vec!["10.0.0.1"; 17]),
            ],
            Self::Guard => vec![json!(""), json!("On"), json!(long)],
            Self::Lease => vec![json!(0), json!(59), json!(2_592_001), json!(60.5)],
            _ => unreachable!(),
        }
    }
}

/// Sends `body`, which must be refused for `field` alone with `code`, and change nothing.
async fn refused(path: &str, body: &Value, field: &str, code: &str) {
    refused_by(("POST", path), body, field, code).await;
}

/// The same for any method.
async fn refused_by((method, path): (&str, &str), body: &Value, field: &str, code: &str) {
    let pool: Arc<TestPool> = Arc::default();
    let answer = ask(&pool, request(method, path, body.to_string())).await;
    let shown = format!("{path} {body}: {}", answer.json);
    assert_eq!(answer.status, 422, "{shown}");
    assert_eq!(answer.json["code"], "invalid_fields", "{shown}");
    let errors = answer.json["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 1, "{shown}");
    let named = errors[0]["field"].as_str().unwrap();
    assert!(
        named == field || named.starts_with(&format!("{field}[")),
        "{shown}"
    );
    assert_eq!(errors[0]["code"], code, "{shown}");
    let message = errors[0]["message"].as_str().unwrap();
    assert!(message.contains("expected") || code == "unknown", "{shown}");
    assert!(message.len() < 400, "{shown}");
    assert!(pool.is_empty(), "{shown}");
    assert!(pool.callers.lock().unwrap().is_empty(), "{shown}");
}

#[tokio::test]
async fn valid_creations_are_taken_with_and_without_what_is_optional() {
    for Creation {
        path,
        valid,
        fields,
    } in creations()
    {
        let mut least = valid.clone();
        let mut nulls = valid.clone();
        for (field, _, _) in fields.iter().filter(|(_, need, _)| *need == Optional) {
            least.as_object_mut().unwrap().remove(*field);
            nulls[*field] = Value::Null;
        }
        for body in [valid, least, nulls] {
            let pool: Arc<TestPool> = Arc::default();
            let answer = ask(&pool, request("POST", path, body.to_string())).await;
            assert_eq!(answer.status, 201, "{path} {body}: {}", answer.json);
            assert!(!pool.is_empty());
        }
    }
}

#[tokio::test]
async fn a_field_of_the_wrong_type_is_refused_by_name() {
    for Creation {
        path,
        valid,
        fields,
    } in creations()
    {
        for (field, _, kind) in fields {
            for wrong in kind.of_wrong_type() {
                let mut body = valid.clone();
                body[*field] = wrong;
                refused(path, &body, field, "wrong_type").await;
            }
        }
    }
}

#[tokio::test]
async fn a_value_out_of_range_or_too_long_is_refused_by_name() {
    for Creation {
        path,
        valid,
        fields,
    } in creations()
    {
        for (field, _, kind) in fields {
            for wrong in kind.out_of_range() {
                let mut body = valid.clone();
                body[*field] = wrong;
                refused(path, &body, field, "out_of_range").await;
            }
        }
    }
}

#[tokio::test]
async fn a_missing_field_is_refused_by_name() {
    for Creation {
        path,
        valid,
        fields,
    } in creations()
    {
        for (field, _, _) in fields.iter().filter(|(_, need, _)| *need == Required) {
            let mut body = valid.clone();
            body.as_object_mut().unwrap().remove(*field);
            refused(path, &body, field, "required").await;
            body[*field] = Value::Null;
            refused(path, &body, field, "required").await;
        }
    }
}

#[tokio::test]
async fn an_unknown_field_is_refused_with_those_that_are_known() {
    for Creation {
        path,
        valid,
        fields,
    } in creations()
    {
        let mut body = valid.clone();
        body["colour"] = json!("red");
        refused(path, &body, "colour", "unknown").await;
        let answer = ask(&Arc::default(), request("POST", path, body.to_string())).await;
        let message = answer.json["errors"][0]["message"].as_str().unwrap();
        assert!(
            fields.iter().all(|(field, _, _)| message.contains(field)),
            "{message}"
        );
    }
}

#[tokio::test]
async fn every_fault_of_a_request_is_told_at_once() {
    for Creation {
        path,
        valid,
        fields,
    } in creations()
    {
        let mut body = valid.clone();
        for (field, _, kind) in fields {
            let wrong = [kind.out_of_range(), kind.of_wrong_type()].concat();
            body[*field] = wrong[0].clone();
        }
        body["colour"] = json!("red");
        let answer = ask(&Arc::default(), request("POST", path, body.to_string())).await;
        let errors = answer.json["errors"].as_array().unwrap();
        assert_eq!(errors.len(), fields.len() + 1, "{}", answer.json);
    }
}

/// The names under which an object's JSON has scalars, and their values as a query spells them.
fn scalars(prefix: &str, value: &Value) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for (name, value) in value.as_object().unwrap() {
        let name = format!("{prefix}{name}");
        match value {
            Value::Array(_) | Value::Object(_) => {}
            Value::Null => drop(found.insert((name, String::new()))),
            Value::String(text) => drop(found.insert((name, text.clone()))),
            other => drop(found.insert((name, other.to_string()))),
        }
    }
    found
}

fn assert_fields_match_json<T: Listed>(object: &T) {
    let json = serde_json::to_value(object).unwrap();
    let mut in_json = scalars("", &json);
    if let Some(status) = json.get("status") {
        in_json.extend(scalars("status.", status));
    }
    let fields = T::FIELDS.iter().map(|field| {
        let text = (field.get)(object).to_string();
        assert_eq!(
            field.kind.parse(&text),
            Ok((field.get)(object)),
            "{}",
            field.name
        );
        (field.name.to_owned(), text)
    });
    let fields: BTreeSet<_> = fields.collect();
    // What this kind of network lacks is not in its JSON, and empty in a list.
    let mut unknown = fields.difference(&in_json);
    assert!(
        unknown.all(|(_, text)| text.is_empty()),
        "{:?}",
        fields.difference(&in_json)
    );
    // What is inside the status is offered where it is worth a list; the rest always is.
    let missing: Vec<_> = in_json.difference(&fields).collect();
    assert!(
        missing.iter().all(|(name, _)| name.starts_with("status.")),
        "{missing:?}"
    );
}

/// Every kind of event.
const EVENT_KINDS: &[EventKind] = &[
    EventKind::HostConnected,
    EventKind::HostLost,
    EventKind::UnknownVif,
    EventKind::PortConflict,
    EventKind::PortBound,
    EventKind::PortMigration,
    EventKind::ItemFailed,
    EventKind::TopologyOnTrial,
    EventKind::TopologyApplied,
    EventKind::TopologyReverted,
    EventKind::TunnelDown,
    EventKind::TunnelUp,
    EventKind::FabricFault,
    EventKind::FabricWell,
    EventKind::Remark,
    EventKind::SpoofGuard,
    EventKind::MetersDisagree,
    EventKind::CapWarned,
    EventKind::CapReached,
    EventKind::CapLifted,
    EventKind::CapLate,
    EventKind::TenantSuspended,
    EventKind::TenantResumed,
    EventKind::InstanceMigration,
    EventKind::ControllerStarted,
    EventKind::ObjectCreated,
    EventKind::ObjectChanged,
    EventKind::ObjectDeleted,
    EventKind::PortActive,
    EventKind::PortDark,
    EventKind::PlanRealized,
];

#[test]
fn lists_are_filtered_by_the_scalars_of_the_json_and_by_nothing_else() {
    assert_fields_match_json::<Tenant>(&test_pool::tenant("a"));
    let suspended = Tenant {
        standing: model::Standing::Suspended {
            reason: Some("not paid".parse().unwrap()),
            since: model::Timestamp::from_unix_seconds(1_700_000_000),
        },
        ..test_pool::tenant("a")
    };
    assert_fields_match_json(&suspended);
    assert_fields_match_json::<PhysicalNetwork>(&test_pool::physical_network("a"));
    assert_fields_match_json::<Network>(&test_pool::network("a", 7));
    assert_fields_match_json::<model::Router>(&test_pool::router("a"));
    assert_fields_match_json::<Subnet>(&test_pool::subnet("10.0.0.0/24"));
    let kept = "10.0.0.5-10.0.0.9".parse().unwrap();
    assert_fields_match_json::<Reservation>(&test_pool::reservation(kept));
    let (router, network) = (model::Id::generate(), model::Id::generate());
    assert_fields_match_json::<model::Gateway>(&test_pool::gateway(router, network));
    assert_fields_match_json::<model::FloatingIp>(&test_pool::floating_ip(network));
    let forwarding = test_pool::port_forwarding(model::Id::generate(), model::Id::generate());
    assert_fields_match_json::<model::PortForwarding>(&forwarding);
    for action in [
        model::CapAction::Suspend,
        serde_json::from_str(r#"{"then":"throttle","rate":"1M"}"#).unwrap(),
    ] {
        let port = model::Id::generate();
        assert_fields_match_json(&test_pool::cap(Some(port), action));
    }
    assert_fields_match_json::<PortView>(&test_pool::port(Some("a")));
    assert_fields_match_json::<PortView>(&test_pool::port(None));
    let ids = [model::Id::generate(), model::Id::generate()];
    let sub_port = test_pool::sub_port(ids[0], ids[1], model::VlanId::MIN);
    assert_fields_match_json::<SubPort>(&sub_port);
    let to = model::Id::generate();
    for stage in [
        model::MigrationStage::Prepared,
        model::MigrationStage::Switching,
        model::MigrationStage::Switched,
        model::MigrationStage::Returning,
        model::MigrationStage::CallingOff,
    ] {
        assert_fields_match_json(&test_pool::migration(ids[0], to, stage));
    }
    assert_fields_match_json::<InstanceView>(&test_pool::instance("a"));
    assert_fields_match_json::<HostView>(&test_pool::host("a"));
    assert_fields_match_json::<model::FabricCheck>(&test_pool::fabric_check());
    assert_fields_match_json(&test_pool::rule_hits());
    for (state, _) in model::TunnelState::ALL {
        assert_fields_match_json(&test_pool::tunnel(*state));
    }
    for kind in EVENT_KINDS.iter().copied() {
        assert_fields_match_json(&test_pool::event(3, kind));
    }
}
