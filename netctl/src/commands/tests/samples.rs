//! What a controller answers, one object of each noun.

use super::*;

pub(super) fn tenant(id: &str, name: &str) -> Value {
    json!({ "id": id, "name": name, "created_at": "2026-11-22T12:00:00Z" })
}

pub(super) fn network() -> Value {
    json!({
        "id": WEB, "tenant_id": ACME, "name": "web", "number": 1, "kind": "vlan",
        "physical_network_id": CARRIER, "vlan": 101, "mtu": 1500,
        "created_at": "2026-11-22T12:00:00Z",
    })
}

pub(super) fn carrier() -> Value {
    json!({
        "id": CARRIER, "name": "private", "role": "private", "uplink": "eth1", "vlans": "100-199", "native_vlan": 1,
        "mtu": 1500, "created_at": "2026-11-22T12:00:00Z",
    })
}

pub(super) fn host() -> Value {
    json!({
        "id": HOST, "name": "h1", "created_at": "2026-11-22T12:00:00Z",
        "status": {
            "connected": true, "address": "10.255.1.1", "agent_version": "0.1.0", "planned": 7,
            "realized": 6, "last_seen_at": "2026-11-22T12:00:00Z", "failures": ["x"],
            "nics": topology::nics(), "management_path": { "state": "settled" },
        },
    })
}

pub(super) fn port(state: &str) -> Value {
    json!({
        "id": PORT, "tenant_id": ACME, "network_id": WEB, "name": null,
        "mac": "fa:16:3e:00:12:34", "addresses": ["10.0.0.5", "fd00::5"], "host_id": HOST,
        "allowed": ["10.0.0.50"], "spoof_guard": "on",
        "instance_id": VM, "created_at": "2026-11-22T12:00:00Z",
        "status": { "state": state, "reason": null, "interface": "vif1.0", "generation": 6 },
    })
}

pub(super) fn sub_port() -> Value {
    json!({
        "id": LEG, "tenant_id": ACME, "network_id": WEB, "name": "leg", "trunk_id": PORT,
        "vlan": 10,
    })
}

pub(super) fn instance(running: bool) -> Value {
    json!({
        "id": VM, "tenant_id": ACME, "name": "web1", "host_id": HOST, "driver": "netns",
        "created_at": "2026-11-22T12:00:00Z", "port_ids": [PORT],
        "status": { "running": running, "handle": "bh-web1", "reason": null },
    })
}

pub(super) fn tunnel() -> Value {
    json!({
        "id": VM, "host_id": HOST, "peer_host_id": CARRIER, "kind": "vxlan", "peer": "10.254.0.2",
        "state": "down", "diagnostic": "Control Detection Time Expired",
        "since": "2026-11-22T12:00:00Z",
    })
}

pub(super) fn fabric_check(faulty: bool) -> Value {
    let finding = json!({
        "kind": "vlan", "host_ids": [HOST],
        "message": "VLAN 103 does not reach host h1 (NIC eth1): the switch port lacks it",
    });
    let findings: Vec<Value> = faulty.then_some(finding).into_iter().collect();
    json!({
        "id": VM, "vlan": null, "vlans": "in-use", "host_id": null, "physical_network_id": null,
        "state": "done", "created_at": "2026-11-22T12:00:00Z",
        "finished_at": "2026-11-22T12:00:01Z", "findings": findings, "losses": [],
        "paths": [{
            "physical_network_id": CARRIER, "path": "vlan", "vlan": 103, "pairs": 6,
            "small_passed": if faulty { 2 } else { 6 }, "full_passed": if faulty { 2 } else { 6 },
            "full_bytes": 1500,
        }],
    })
}

pub(super) fn usage() -> Value {
    json!({
        "of": "tenant", "id": ACME, "from": "2026-11-22T11:00:00Z", "to": "2026-11-22T12:00:00Z",
        "sent": { "bytes": 52_428_800, "packets": 36_000 },
        "received": { "bytes": 1024, "packets": 10 },
        "classes": [{
            "class": "public",
            "sent": { "bytes": 52_428_800, "packets": 36_000 },
            "received": { "bytes": 1024, "packets": 10 },
        }],
        "interface_sent": { "bytes": 52_430_000, "packets": 36_001 },
        "interface_received": { "bytes": 1024, "packets": 10 },
        "sent_estimate": { "bytes": 52_000_000, "packets": 35_840 }, "samples": 560,
    })
}

pub(super) fn subnet() -> Value {
    json!({
        "id": VM, "tenant_id": ACME, "network_id": WEB, "name": null, "cidr": "10.0.0.0/24",
        "gateway": "10.0.0.1", "pools": ["10.0.0.10-10.0.0.99", "10.0.0.200"],
        "created_at": "2026-11-22T12:00:00Z",
    })
}

pub(super) fn reservation() -> Value {
    json!({
        "id": VM, "tenant_id": ACME, "network_id": WEB, "name": "vip",
        "addresses": "10.0.0.50-10.0.0.59", "created_at": "2026-11-22T12:00:00Z",
    })
}

/// A pool with one of everything.
pub(super) fn pool() -> Script {
    let event = json!({
        "id": 1, "at": "2026-11-22T12:00:00Z", "kind": "unknown-vif", "host_id": HOST,
        "message": "interface \u{1b}[2Jvif9 names no port",
    });
    BTreeMap::from([
        (
            "GET /v1/version",
            (200, json!({ "version": "0.1.0", "api": "v1" })),
        ),
        (
            "GET /v1/health",
            (
                200,
                json!({ "status": "ok", "hosts_connected": 1, "hosts": 1 }),
            ),
        ),
        ("GET /v1/tenants", items(json!([tenant(ACME, "acme")]))),
        ("POST /v1/tenants", (201, tenant(ACME, "acme"))),
        (
            "DELETE /v1/tenants/01920f5e-0000-7000-8000-00000000000a",
            (204, Value::Null),
        ),
        ("GET /v1/networks", items(json!([network()]))),
        ("POST /v1/networks", (201, network())),
        ("GET /v1/physical-networks", items(json!([carrier()]))),
        (
            "GET /v1/topology",
            (200, topology::topology(json!({ "state": "settled" }))),
        ),
        (
            "PATCH /v1/topology",
            (200, json!({ "generation": 7, "changed": true })),
        ),
        (
            "PUT /v1/hosts/01920f61-0000-7000-8000-00000000000e/uplink",
            (200, json!({ "generation": 7, "changed": true })),
        ),
        ("GET /v1/subnets", items(json!([subnet()]))),
        ("POST /v1/subnets", (201, subnet())),
        ("GET /v1/reservations", items(json!([reservation()]))),
        ("POST /v1/reservations", (201, reservation())),
        ("GET /v1/hosts", items(json!([host()]))),
        ("GET /v1/ports", items(json!([port("active")]))),
        (
            "GET /v1/ports/01920f62-0000-7000-8000-00000000000f",
            (200, port("active")),
        ),
        ("GET /v1/sub-ports", items(json!([sub_port()]))),
        ("POST /v1/sub-ports", (201, sub_port())),
        (
            "DELETE /v1/sub-ports/01920f64-0000-7000-8000-000000000011",
            (204, Value::Null),
        ),
        ("GET /v1/instances", items(json!([instance(true)]))),
        ("POST /v1/instances", (201, instance(false))),
        (
            "GET /v1/instances/01920f63-0000-7000-8000-000000000010",
            (200, instance(true)),
        ),
        ("GET /v1/fabric-checks", items(json!([fabric_check(false)]))),
        ("POST /v1/fabric-checks", (201, fabric_check(false))),
        ("GET /v1/tunnels", items(json!([tunnel()]))),
        ("GET /v1/events", items(json!([event]))),
        ("GET /v1/usage", items(json!([usage()]))),
    ])
}
