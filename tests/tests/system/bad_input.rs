//! Bad input gets an error that names the field, and changes nothing.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tests::{LoneController, Rest};

/// A pool with one of each, so that every kind of fault can be provoked.
pub(super) struct Pool {
    pub(super) tenant: Value,
    pub(super) physical: Value,
    network: Value,
    subnet: Value,
    trunk: Value,
    sub_port: Value,
    router: Value,
    external: Value,
    floating: Value,
}

pub(super) async fn pool(rest: &Rest) -> Pool {
    let tenant = rest.create("tenants", json!({"name": "acme"})).await;
    let physical = json!({"name": "private", "role": "private", "uplink": "eth1", "vlans": "100-199",
        "endpoints": "10.254.0.0/16"});
    let physical = rest.create("physical-networks", physical).await;
    let network = json!({"tenant_id": tenant["id"], "name": "web", "kind": "vlan", "vlan": 100});
    let network = rest.create("networks", network).await;
    let subnet = json!({"network_id": network["id"], "cidr": "10.0.0.0/24", "name": "web-v4"});
    let subnet = rest.create("subnets", subnet).await;
    let port = json!({"network_id": network["id"], "name": "one", "mac": "fa:16:3e:00:00:01"});
    // It is given 10.0.0.2, the first address after the gateway's.
    let trunk = rest.create("ports", port).await;
    let other = json!({"tenant_id": tenant["id"], "name": "lan", "kind": "vlan", "vlan": 102});
    let other = rest.create("networks", other).await;
    let subnet_of_other = json!({"network_id": other["id"], "cidr": "10.9.0.0/24"});
    rest.create("subnets", subnet_of_other).await;
    let sub_port = json!({"network_id": other["id"]});
    let sub_port = rest.create("ports", sub_port).await;
    let router = json!({"tenant_id": tenant["id"], "name": "first"});
    let router = rest.create("routers", router).await;
    let external = json!({"tenant_id": tenant["id"], "name": "internet", "kind": "vlan", "vlan": 103,
        "external": true, "gateway_macs": ["00:00:5e:00:01:07"]});
    let external = rest.create("networks", external).await;
    let subnet_outside = json!({"network_id": external["id"], "cidr": "203.0.113.0/24"});
    rest.create("subnets", subnet_outside).await;
    let second = json!({"tenant_id": tenant["id"], "name": "second", "network_ids": [other["id"]]});
    let second = rest.create("routers", second).await;
    let gateway = json!({"router_id": second["id"], "network_id": external["id"]});
    rest.create("router-gateways", gateway).await;
    let floating = json!({"tenant_id": tenant["id"], "network_id": external["id"]});
    let floating = rest.create("floating-ips", floating).await;
    Pool {
        tenant,
        physical,
        network,
        subnet,
        trunk,
        sub_port,
        router,
        external,
        floating,
    }
}

/// One bad value: where it is sent, what is changed in an otherwise good body, what is expected.
struct Fault {
    collection: &'static str,
    field: &'static str,
    value: Value,
    code: &'static str,
}

fn fault(collection: &'static str, field: &'static str, value: Value, code: &'static str) -> Fault {
    Fault {
        collection,
        field,
        value,
        code,
    }
}

/// A body that would be accepted.
pub(super) fn good(pool: &Pool, collection: &str) -> Value {
    match collection {
        "tenants" => json!({"name": "globex", "rate_out": "1G"}),
        "physical-networks" => {
            json!({"name": "other", "role": "private", "uplink": "eth2", "vlans": "300-310", "mtu": 1500,
                "native_vlan": 1})
        }
        "networks" => json!({"tenant_id": pool.tenant["id"], "name": "db", "kind": "vlan",
            "physical_network_id": pool.physical["id"], "vlan": 101, "mtu": 1500, "external": false,
            "shared": false, "isolated": false, "gateway_macs": []}),
        "subnets" => {
            json!({"network_id": pool.network["id"], "name": "more", "cidr": "10.1.0.0/24",
            "gateway": "10.1.0.1", "pools": ["10.1.0.10-10.1.0.20"], "lease_seconds": 600,
            "domain": "web.example", "dns_names": true, "dns_forward": ["9.9.9.9"]})
        }
        "ports" => json!({"network_id": pool.network["id"], "name": "two",
            "mac": "fa:16:3e:00:00:02", "addresses": ["10.0.0.9"], "allowed": ["10.0.0.50"],
            "spoof_guard": "on", "rate_out": "100M", "rate_in": "1G", "packets_out": "10k",
            "packets_in": "20k", "floods_out": "500", "connections": 1000, "burst_milliseconds": 100}),
        "reservations" => json!({"network_id": pool.network["id"], "name": "kept",
            "addresses": "10.0.0.60-10.0.0.69"}),
        "sub-ports" => {
            json!({"trunk_id": pool.trunk["id"], "port_id": pool.sub_port["id"], "vlan": 7})
        }
        "security-groups" => json!({"tenant_id": pool.tenant["id"], "name": "g",
            "rules": [{"direction": "ingress", "protocol": "tcp", "ports": "80"}]}),
        "address-groups" => json!({"tenant_id": pool.tenant["id"], "name": "a",
            "prefixes": ["192.0.2.0/24"]}),
        "router-gateways" => json!({"router_id": pool.router["id"],
            "network_id": pool.external["id"], "snat": "on"}),
        "floating-ips" => json!({"tenant_id": pool.tenant["id"],
            "network_id": pool.external["id"], "address": "203.0.113.7"}),
        "port-forwardings" => json!({"floating_ip_id": pool.floating["id"], "protocol": "tcp",
            "external_port": 443, "port_id": pool.sub_port["id"],
            "port_address": pool.sub_port["addresses"][0], "internal_port": 8443}),
        "caps" => json!({"tenant_id": pool.tenant["id"], "class": "public", "way": "sent",
            "period": "day", "bytes": 1000, "warn_at": [80], "then": "throttle", "rate": "1M"}),
        "routers" => json!({"tenant_id": pool.tenant["id"], "name": "r",
            "network_ids": [pool.network["id"]]}),
        _ => {
            json!({"tenant_id": pool.tenant["id"], "name": "vm", "network_ids": [pool.network["id"]]})
        }
    }
}

/// Bad values, as JSON, and what is said of them.
#[rustfmt::skip]
const FAULTS: &[(&str, &str, &str, &str)] = &[
    ("tenants", "name", r#""acme""#, "duplicate"),
    ("physical-networks", "name", r#""private""#, "duplicate"),
    ("physical-networks", "name", r#""much-too-long-for-a-bridge""#, "out_of_range"),
    ("physical-networks", "name", r#""a b""#, "out_of_range"),
    ("physical-networks", "role", r#""tenant""#, "out_of_range"),
    ("physical-networks", "uplink", r#""eth1/vlan150""#, "inconsistent"),
    ("physical-networks", "uplink", r#""eth1/vlan1""#, "inconsistent"),
    ("physical-networks", "uplink", r#""eth2/vlan305""#, "inconsistent"),
    ("physical-networks", "uplink", r#""eth1+eth2/lacp""#, "inconsistent"),
    ("physical-networks", "uplink", r#""eth2/lacp""#, "out_of_range"),
    ("physical-networks", "uplink", r#""eth2+eth3""#, "out_of_range"),
    ("physical-networks", "uplink", r#""eth2+eth2/lacp""#, "out_of_range"),
    ("physical-networks", "uplink", r#""eth2+eth3/fast""#, "out_of_range"),
    ("physical-networks", "uplink", r#""eth2/vlan0""#, "out_of_range"),
    ("physical-networks", "uplink", r#""eth2/vlan4095""#, "out_of_range"),
    ("physical-networks", "uplink", r#""a/b""#, "out_of_range"),
    ("physical-networks", "uplink", r#""xxxxxxxxxxxxxxxx""#, "out_of_range"),
    ("physical-networks", "native_vlan", "100", "inconsistent"),
    ("physical-networks", "native_vlan", "0", "out_of_range"),
    ("physical-networks", "native_vlan", "4095", "out_of_range"),
    ("physical-networks", "vlans", r#""0-5""#, "out_of_range"),
    ("physical-networks", "vlans", r#""5-4""#, "out_of_range"),
    ("physical-networks", "vlans", r#""1-4095""#, "out_of_range"),
    ("physical-networks", "mtu", "1279", "out_of_range"),
    ("physical-networks", "mtu", "9217", "out_of_range"),
    ("physical-networks", "mtu", "70000", "out_of_range"),
    ("networks", "tenant_id", r#""00000000-0000-4000-8000-000000000000""#, "unknown_reference"),
    ("networks", "tenant_id", r#""acme""#, "out_of_range"),
    ("networks", "name", r#""web""#, "duplicate"),
    ("networks", "kind", r#""token-ring""#, "out_of_range"),
    ("networks", "physical_network_id", r#""00000000-0000-4000-8000-000000000000""#, "unknown_reference"),
    ("networks", "vlan", "100", "duplicate"),
    ("networks", "vlan", "99", "out_of_range"),
    ("networks", "vlan", "0", "out_of_range"),
    ("networks", "vlan", "4095", "out_of_range"),
    ("networks", "vlan", "-1", "out_of_range"),
    ("networks", "mtu", "1279", "out_of_range"),
    ("networks", "mtu", "1501", "out_of_range"),
    ("subnets", "network_id", r#""00000000-0000-4000-8000-000000000000""#, "unknown_reference"),
    ("subnets", "name", r#""web-v4""#, "duplicate"),
    ("subnets", "cidr", r#""10.0.0.0/25""#, "duplicate"),
    ("subnets", "cidr", r#""10.1.0.1/24""#, "out_of_range"),
    ("subnets", "cidr", r#""10.1.0.0/33""#, "out_of_range"),
    ("subnets", "gateway", r#""10.2.0.1""#, "out_of_range"),
    ("subnets", "gateway", r#""fd00::1""#, "out_of_range"),
    ("subnets", "pools", r#"["10.2.0.1"]"#, "out_of_range"),
    ("subnets", "pools", r#"["10.1.0.9-10.1.0.1"]"#, "out_of_range"),
    ("subnets", "pools", r#"["10.1.0.5-10.1.0.9", "10.1.0.9"]"#, "duplicate"),
    ("subnets", "lease_seconds", "59", "out_of_range"),
    ("subnets", "dns_forward", r#"["127.0.0.1"]"#, "out_of_range"),
    ("subnets", "dns_forward", r#"["169.254.169.254"]"#, "out_of_range"),
    ("networks", "gateway_macs", r#"["ff:ff:ff:ff:ff:ff"]"#, "out_of_range"),
    ("routers", "tenant_id", r#""00000000-0000-4000-8000-000000000000""#, "unknown_reference"),
    ("routers", "name", r#""first""#, "duplicate"),
    ("routers", "network_ids", r#"["00000000-0000-4000-8000-000000000000"]"#, "unknown_reference"),
    ("router-gateways", "router_id", r#""00000000-0000-4000-8000-000000000000""#, "unknown_reference"),
    ("router-gateways", "network_id", r#""00000000-0000-4000-8000-000000000000""#, "unknown_reference"),
    ("router-gateways", "snat", r#""maybe""#, "out_of_range"),
    ("floating-ips", "tenant_id", r#""00000000-0000-4000-8000-000000000000""#, "unknown_reference"),
    ("floating-ips", "network_id", r#""00000000-0000-4000-8000-000000000000""#, "unknown_reference"),
    ("floating-ips", "address", r#""203.0.113.1""#, "inconsistent"),
    ("floating-ips", "address", r#""fd00::1""#, "inconsistent"),
    ("floating-ips", "address", r#""203.0.113""#, "out_of_range"),
    ("floating-ips", "family", r#""ipv5""#, "out_of_range"),
    ("floating-ips", "port_id", r#""00000000-0000-4000-8000-000000000000""#, "unknown_reference"),
    ("floating-ips", "port_address", r#""10.0.0.2""#, "inconsistent"),
    ("port-forwardings", "floating_ip_id", r#""00000000-0000-4000-8000-000000000000""#, "unknown_reference"),
    ("port-forwardings", "protocol", r#""icmp""#, "out_of_range"),
    ("port-forwardings", "external_port", "0", "out_of_range"),
    ("port-forwardings", "external_port", "65536", "out_of_range"),
    ("port-forwardings", "port_id", r#""00000000-0000-4000-8000-000000000000""#, "unknown_reference"),
    ("port-forwardings", "port_address", r#""10.9.0.77""#, "inconsistent"),
    ("port-forwardings", "port_address", r#""fd00::1""#, "out_of_range"),
    ("port-forwardings", "internal_port", "0", "out_of_range"),
    ("port-forwardings", "internal_port", "65536", "out_of_range"),
    ("caps", "tenant_id", r#""00000000-0000-4000-8000-000000000000""#, "unknown_reference"),
    ("caps", "port_id", r#""00000000-0000-4000-8000-000000000000""#, "inconsistent"),
    ("caps", "class", r#""private""#, "out_of_range"),
    ("caps", "bytes", "0", "out_of_range"),
    ("caps", "warn_at", "[0, 101]", "out_of_range"),
    ("caps", "rate", r#""1""#, "out_of_range"),
    ("ports", "tenant_id", r#""00000000-0000-4000-8000-000000000000""#, "unknown_reference"),
    ("security-groups", "tracking", r#""sometimes""#, "out_of_range"),
    ("security-groups", "name", r#""default""#, "duplicate"),
    ("address-groups", "prefixes", r#"["192.0.2.1/24"]"#, "out_of_range"),
    ("address-groups", "prefixes", r#"["192.0.2.0/24", "192.0.2.0/24"]"#, "duplicate"),
    ("ports", "security_group_ids", r#"["00000000-0000-4000-8000-000000000000"]"#, "unknown_reference"),
    ("sub-ports", "vlan", "4095", "out_of_range"),
    ("ports", "network_id", r#""00000000-0000-4000-8000-000000000000""#, "unknown_reference"),
    ("ports", "name", r#""one""#, "duplicate"),
    ("ports", "mac", r#""fa:16:3e:00:00:01""#, "duplicate"),
    ("ports", "mac", r#""ff:ff:ff:ff:ff:ff""#, "out_of_range"),
    ("ports", "mac", r#""01:00:5e:00:00:01""#, "out_of_range"),
    ("ports", "addresses", r#"["10.0.0.2"]"#, "duplicate"),
    ("ports", "addresses", r#"["10.9.0.1"]"#, "inconsistent"),
    ("ports", "addresses", r#"["10.0.0.9", "10.0.0.9"]"#, "duplicate"),
    ("ports", "allowed", r#"["10.0.0.1"]"#, "inconsistent"),
    ("ports", "allowed", r#"["10.0.0.0/24"]"#, "inconsistent"),
    ("ports", "allowed", r#"["10.0.0.2"]"#, "duplicate"),
    ("ports", "allowed", r#"["10.0.0.50@fa:16:3e:00:00:01"]"#, "duplicate"),
    ("ports", "allowed", r#"["224.0.0.18"]"#, "out_of_range"),
    ("ports", "allowed", r#"["10.0.0.50", "10.0.0.50"]"#, "duplicate"),
    ("ports", "spoof_guard", r#""maybe""#, "out_of_range"),
    ("ports", "rate_out", r#""0""#, "out_of_range"),
    ("ports", "rate_out", r#""63k""#, "out_of_range"),
    ("ports", "rate_out", r#""100MB""#, "out_of_range"),
    ("ports", "rate_out", r#""1.5G""#, "out_of_range"),
    ("ports", "rate_in", r#""4294967296k""#, "out_of_range"),
    ("ports", "rate_in", r#""-1M""#, "out_of_range"),
    ("ports", "packets_out", r#""0""#, "out_of_range"),
    ("ports", "packets_out", r#""10kpps""#, "out_of_range"),
    ("ports", "packets_in", r#""5G""#, "out_of_range"),
    ("ports", "floods_out", r#""0""#, "out_of_range"),
    ("ports", "connections", "0", "out_of_range"),
    ("ports", "connections", "3000001", "out_of_range"),
    ("ports", "burst_milliseconds", "0", "out_of_range"),
    ("ports", "burst_milliseconds", "9", "out_of_range"),
    ("ports", "burst_milliseconds", "10001", "out_of_range"),
    ("tenants", "rate_out", r#""0""#, "out_of_range"),
    ("tenants", "burst_milliseconds", "100000", "out_of_range"),
    ("sub-ports", "trunk_id", r#""00000000-0000-4000-8000-000000000000""#, "unknown_reference"),
    ("sub-ports", "port_id", r#""00000000-0000-4000-8000-000000000000""#, "unknown_reference"),
    ("sub-ports", "vlan", "4095", "out_of_range"),
    ("reservations", "network_id", r#""00000000-0000-4000-8000-000000000000""#, "unknown_reference"),
    ("reservations", "addresses", r#""10.0.0.2""#, "duplicate"),
    ("reservations", "addresses", r#""10.0.0.250-10.0.1.3""#, "inconsistent"),
    ("reservations", "addresses", r#""10.0.0.9-10.0.0.3""#, "out_of_range"),
    ("ports", "host_id", r#""00000000-0000-4000-8000-000000000000""#, "unknown_reference"),
    ("instances", "tenant_id", r#""00000000-0000-4000-8000-000000000000""#, "unknown_reference"),
    ("instances", "host_id", r#""00000000-0000-4000-8000-000000000000""#, "unknown_reference"),
    ("instances", "network_ids", r#"["00000000-0000-4000-8000-000000000000"]"#, "unknown_reference"),
    ("instances", "port_ids", r#"["00000000-0000-4000-8000-000000000000"]"#, "unknown_reference"),
];

fn faults(pool: &Pool) -> Vec<Fault> {
    let known = FAULTS.iter().map(|(collection, field, value, code)| {
        fault(collection, field, value.parse().unwrap(), code)
    });
    let mut all: Vec<Fault> = known.collect();
    for collection in tests::COLLECTIONS {
        let body = good(pool, collection);
        for (field, value) in body.as_object().unwrap() {
            let field: &'static str = String::leak(field.clone());
            all.extend(faults_of_any(collection, field, value.is_number()));
        }
        all.push(fault(collection, "colour", json!("blue"), "unknown"));
    }
    all
}

/// What is wrong with any field, whatever it means.
fn faults_of_any(collection: &'static str, field: &'static str, is_number: bool) -> Vec<Fault> {
    let of_another_type = if is_number { json!("x") } else { json!(17) };
    let mut all = vec![
        fault(collection, field, of_another_type, "wrong_type"),
        fault(collection, field, json!({}), "wrong_type"),
    ];
    if field == "name" {
        for bad in ["", " x", "a\u{7}b", &"x".repeat(65)] {
            all.push(fault(collection, field, json!(bad), "out_of_range"));
        }
    }
    all
}

/// What the message must show of a bad value: of a list its last item, of a long text the start.
fn shown_of(value: &Value, code: &str) -> String {
    let item = value.as_array().and_then(|items| items.last());
    let text = item.unwrap_or(value).to_string();
    match code {
        // It has no known field to be a value of; its name is shown.
        "unknown" => String::new(),
        _ => text.trim_matches('"').chars().take(40).collect(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_bad_value_of_every_field_is_named_and_shown_and_changes_nothing() {
    let controller = LoneController::start();
    let rest = controller.rest();
    let pool = pool(&rest).await;
    let before = rest.everything().await;
    let mut wrong = Vec::new();
    for Fault {
        collection,
        field,
        value,
        code,
    } in faults(&pool)
    {
        let mut body = good(&pool, collection);
        let shown = shown_of(&value, code);
        body[field] = value;
        let (status, problem) = rest.post(collection, &body).await;
        let named = problem["errors"].as_array().is_some_and(|errors| {
            errors.iter().any(|error| {
                error["field"]
                    .as_str()
                    .is_some_and(|it| it.starts_with(field))
                    && error["code"] == code
                    && error["message"]
                        .as_str()
                        .is_some_and(|message| message.contains(&shown))
            })
        });
        if status != 422 || !named {
            wrong.push(format!(
                "{collection} {body}: expected {field} {code}, got {status} {problem}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(
        rest.everything().await,
        before,
        "a refused request changed something"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_required_field_that_is_missing_is_named_at_once() {
    let controller = LoneController::start();
    let rest = controller.rest();
    for (collection, required) in [
        ("tenants", &["name"][..]),
        ("physical-networks", &["name", "role", "uplink"]),
        ("networks", &["tenant_id", "name", "kind"]),
        ("subnets", &["network_id", "cidr"]),
        ("ports", &["network_id"]),
        ("reservations", &["network_id", "addresses"]),
        ("router-gateways", &["router_id", "network_id"]),
        ("floating-ips", &["tenant_id", "network_id"]),
        (
            "port-forwardings",
            &["floating_ip_id", "protocol", "external_port", "port_id"],
        ),
        ("instances", &["tenant_id", "name"]),
        ("caps", &["tenant_id", "bytes", "then"]),
    ] {
        let (status, problem) = rest.post(collection, &json!({})).await;
        let errors = problem["errors"].as_array().cloned().unwrap_or_default();
        let mut named: Vec<_> = errors
            .iter()
            .filter_map(|error| error["field"].as_str())
            .collect();
        named.sort_unstable();
        let mut required = required.to_vec();
        required.sort_unstable();
        assert_eq!((status, named), (422, required), "{collection}: {problem}");
        assert!(
            errors.iter().all(|error| error["code"] == "required"),
            "{problem}"
        );
    }
}

/// Changes of the topology that cannot be, and the faults of each.
const TOPOLOGIES: &[(&str, &[&str])] = &[
    (
        r#"{"private": {"uplink": "eth1/vlan0", "vlans": "0-5", "mtu": 1, "native_vlan": 4095},
            "public": {"uplink": "eth2/lacp", "colour": 1}, "storage": 7, "confirm_within_seconds": 4}"#,
        &[
            "confirm_within_seconds out_of_range",
            "private.mtu out_of_range",
            "private.native_vlan out_of_range",
            "private.uplink out_of_range",
            "private.vlans out_of_range",
            "public.colour unknown",
            "public.uplink out_of_range",
            "storage wrong_type",
        ],
    ),
    (
        r#"{"private": {"vlans": "101-199", "mtu": 1500, "endpoints": null, "native_vlan": 100}}"#,
        &[
            "private.native_vlan inconsistent",
            "private.vlans inconsistent",
        ],
    ),
    (
        r#"{"private": {"mtu": 1499}}"#,
        &["private.mtu inconsistent"],
    ),
    (
        r#"{"private": null, "management": {"uplink": "eth0", "vlans": "5"}}"#,
        &["management.vlans inconsistent", "private inconsistent"],
    ),
    (
        r#"{"management": {"uplink": "eth1"}, "public": {"uplink": "eth1/vlan150"},
            "storage": {"mtu": 9000}}"#,
        &[
            "management.uplink duplicate",
            "public.uplink inconsistent",
            "storage.uplink required",
        ],
    ),
    (
        r#"{"management": {"uplink": "eth0/vlan7"}, "public": {"uplink": "eth0/vlan7"},
            "confirm_within_seconds": 601}"#,
        &["confirm_within_seconds out_of_range"],
    ),
    (
        r#"{"management": {"uplink": "eth0/vlan7"}, "public": {"uplink": "eth0+eth3/lacp"}}"#,
        &[
            "management.uplink inconsistent",
            "public.uplink inconsistent",
        ],
    ),
    (
        r#"{"confirm_within_seconds": 60}"#,
        &["confirm_within_seconds inconsistent"],
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topology_that_cannot_be_is_refused_with_every_fault_and_changes_nothing() {
    let controller = LoneController::start();
    let rest = controller.rest();
    pool(&rest).await;
    let before = (rest.everything().await, rest.get("topology").await);
    for (change, expected) in TOPOLOGIES {
        let change: Value = change.parse().unwrap();
        let (status, problem) = rest.patch("topology", &change).await;
        let errors = problem["errors"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let fault = |it: &Value| format!("{} {}", text(&it["field"]), text(&it["code"]));
        let faults: BTreeSet<String> = errors.iter().map(fault).collect();
        let expected: BTreeSet<String> = expected.iter().map(|it| (*it).to_owned()).collect();
        assert_eq!((status, faults), (422, expected), "{change}: {problem:#}");
    }
    let nobody = "hosts/00000000-0000-4000-8000-000000000000/uplink";
    let (status, problem) = rest.put(nobody, &json!({"uplink": "eth1"})).await;
    assert_eq!(
        (status, &problem["errors"][0]["field"]),
        (422, &json!("physical_network_id"))
    );
    assert_eq!(
        (rest.everything().await, rest.get("topology").await),
        before
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_still_used_is_not_deleted_and_malformed_bodies_are_refused() {
    let controller = LoneController::start();
    let rest = controller.rest();
    let pool = pool(&rest).await;
    let before = rest.everything().await;
    for (collection, object) in [
        ("tenants", &pool.tenant),
        ("physical-networks", &pool.physical),
        ("networks", &pool.network),
        ("subnets", &pool.subnet),
    ] {
        let id = object["id"].as_str().unwrap_or_default();
        let (status, problem) = rest.delete(&format!("{collection}/{id}")).await;
        assert_eq!(
            (status, problem["code"].as_str()),
            (409, Some("in_use")),
            "{collection}: {problem}"
        );
    }
    for body in [
        "",
        "{",
        "[]",
        "null",
        "\"x\"",
        "{\"name\": \"a\"} trailing",
        "\u{0}",
    ] {
        let (status, problem) = rest.post_text("tenants", body.to_owned()).await;
        assert_eq!(
            (status, problem["code"].as_str()),
            (400, Some("malformed_body")),
            "{body:?}: {problem}"
        );
    }
    let deep = format!(
        "{{\"name\": {}1{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let (status, _) = rest.post_text("tenants", deep).await;
    assert!((400..=422).contains(&status), "{status}");
    let (status, problem) = rest.post_text("tenants", " ".repeat(2 << 20)).await;
    assert_eq!(
        (status, problem["code"].as_str()),
        (413, Some("too_large")),
        "{problem}"
    );
    assert_eq!(rest.everything().await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_crash() {
    let mut controller = LoneController::start();
    for round in 0..3 {
        let rest = controller.rest();
        for number in 0..20 {
            rest.create("tenants", json!({"name": format!("t{round}-{number}")}))
                .await;
        }
        let before = rest.everything().await;
        controller.crash_and_restart();
        assert_eq!(controller.rest().everything().await, before);
    }
}

/// Every fault of every rule is named at once, whatever else is wrong with the request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_of_every_rule_is_named_and_nothing_is_changed() {
    let controller = LoneController::start();
    let rest = controller.rest();
    let pool = pool(&rest).await;
    let stranger = rest.create("tenants", json!({"name": "stranger"})).await;
    let group = json!({"tenant_id": stranger["id"], "name": "theirs"});
    let theirs = rest.create("security-groups", group).await;
    let before = rest.everything().await;
    let rules = json!([
        {"direction": "ingress", "ports": "80"},
        {"direction": "ingress", "protocol": "icmp", "icmp_type": 256},
        {"direction": "ingress", "family": "ipv6", "protocol": "tcp", "remote_cidr": "10.0.0.0/8"},
        {"direction": "ingress", "remote_cidr": "10.0.0.1/8"},
        {"direction": "up", "protocol": "carrier pigeon", "ports": "90-80", "colour": "blue"},
        {"direction": "egress", "protocol": "tcp", "icmp_type": 8, "icmp_code": 1},
    ]);
    let request = json!({"tenant_id": pool.tenant["id"], "name": "", "rules": rules});
    let (status, answer) = rest.post("security-groups", &request).await;
    assert_eq!(status, 422, "{answer}");
    for (field, code) in [
        ("name", "out_of_range"),
        ("rules[0].ports", "inconsistent"),
        ("rules[1].icmp_type", "out_of_range"),
        ("rules[2].remote_cidr", "inconsistent"),
        ("rules[3].remote_cidr", "out_of_range"),
        ("rules[4].direction", "out_of_range"),
        ("rules[4].protocol", "out_of_range"),
        ("rules[4].ports", "out_of_range"),
        ("rules[4].colour", "unknown"),
        ("rules[5].icmp_type", "inconsistent"),
    ] {
        let errors = answer["errors"].as_array().cloned().unwrap_or_default();
        let named = |it: &Value| it["field"] == field && it["code"] == code;
        assert!(errors.iter().any(named), "{field} {code}: {answer}");
    }

    // What only the pool can tell: another tenant's group, the same rule twice, too many rules.
    let mut rules = vec![
        json!({"direction": "ingress", "remote_group_id": theirs["id"]}),
        json!({"direction": "egress"}),
        json!({"direction": "egress"}),
    ];
    let more = (1..=200)
        .map(|port| json!({"direction": "ingress", "protocol": "udp", "ports": port.to_string()}));
    rules.extend(more);
    let request = json!({"tenant_id": pool.tenant["id"], "name": "g", "rules": rules});
    let (status, answer) = rest.post("security-groups", &request).await;
    assert_eq!(status, 422, "{answer}");
    for (field, code) in [
        ("rules", "out_of_range"),
        ("rules[0].remote_group_id", "inconsistent"),
        ("rules[2]", "duplicate"),
    ] {
        let errors = answer["errors"].as_array().cloned().unwrap_or_default();
        let named = |it: &Value| it["field"] == field && it["code"] == code;
        assert!(errors.iter().any(named), "{field} {code}: {answer}");
    }
    assert_eq!(rest.everything().await, before);
}
