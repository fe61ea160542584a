//! What commands of the topology ask for, and what they say of it.

use super::*;

/// A topology of which the host has realized generation 7, and differs on management.
pub(super) fn topology(path: Value) -> Value {
    let uplink = json!({
        "physical_network_id": MANAGEMENT, "uplink": "eth4/vlan10",
        "address": { "address": "192.0.2.13/24", "gateway": "192.0.2.1" },
    });
    let management = json!({
        "id": MANAGEMENT, "name": "management", "role": "management", "uplink": "eth0",
        "vlans": null, "native_vlan": 1, "mtu": 1500, "endpoints": null,
        "created_at": "2026-11-22T12:00:00Z",
    });
    json!({
        "generation": 7, "physical_networks": [management, carrier()],
        "hosts": [{
            "host_id": HOST, "name": "h1", "connected": true, "realized": 7,
            "uplinks": [uplink], "management_path": path, "failures": [],
        }],
    })
}

pub(super) fn nics() -> Value {
    json!([
        {
            "name": "eth0", "mac": "fa:16:3e:00:00:01", "carrier": true, "speed_mbps": 10000,
            "mtu": 1500, "driver": "ixgbe", "addresses": ["192.0.2.7/24", "fd00::7/64"],
            "default_route": true, "used_by": null,
        },
        {
            "name": "eth1", "mac": "fa:16:3e:00:00:02", "carrier": false, "speed_mbps": null,
            "mtu": 1600, "driver": null, "addresses": [], "default_route": false,
            "used_by": { "kind": "physical-networks", "names": ["private"], "bond": "bond-eth1" },
        },
        {
            "name": "eth2", "mac": "fa:16:3e:00:00:03", "carrier": true, "speed_mbps": null,
            "mtu": 1500, "driver": "veth", "addresses": [], "default_route": false,
            "used_by": { "kind": "other", "name": "docker0" },
        },
    ])
}

/// The last body that was sent there.
fn body(server: &Scripted, path: &str) -> Value {
    let asked = server.asked();
    let mut bodies = asked.iter().filter_map(|line| line.strip_prefix(path));
    serde_json::from_str(bodies.next_back().unwrap()).unwrap()
}

#[tokio::test]
async fn what_is_said_of_the_topology_reaches_the_server() {
    let server = serve(pool());
    let setup = "PATCH /v1/topology ";
    server
        .run(
            "netctl pool-setup management=eth0/vlan10 private=eth1+eth2/lacp \
             private-vlans=100-199 private-endpoints=none storage=none confirm-within=30s",
        )
        .await;
    let expected = json!({
        "management": { "uplink": "eth0/vlan10" },
        "private": { "uplink": "eth1+eth2/lacp", "vlans": "100-199", "endpoints": null },
        "storage": null, "confirm_within_seconds": 30,
    });
    assert_eq!(body(&server, setup), expected);
    let own = "PUT /v1/hosts/01920f61-0000-7000-8000-00000000000e/uplink ";
    let (carrier, management) = (json!(CARRIER), json!(MANAGEMENT));
    let address = json!("192.0.2.13/24");
    let cases = [
        (
            "nic-assign host=h1 nic=eth5 role=private",
            json!({ "physical_network_id": carrier, "uplink": "eth5" }),
        ),
        (
            "bond-create host=h1 nics=eth5,eth6 mode=active-backup vlan=7 role=private",
            json!({ "physical_network_id": carrier, "uplink": "eth5+eth6/active-backup/vlan7" }),
        ),
        (
            // The address stays as it is unless another is given.
            "management-move host=h1 nic=eth5 confirm-within=5",
            json!({
                "physical_network_id": management, "uplink": "eth5", "address": address,
                "gateway": "192.0.2.1", "confirm_within_seconds": 5,
            }),
        ),
        (
            "management-move host=h1 nic=eth5 vlan=9 address=198.51.100.7/24",
            json!({
                "physical_network_id": management, "uplink": "eth5/vlan9",
                "address": "198.51.100.7/24",
            }),
        ),
    ];
    for (line, expected) in cases {
        let (text, exit) = server.run(&format!("netctl {line}")).await;
        assert_eq!(exit, Exit::Done, "{line}: {text}");
        assert_eq!(body(&server, own), expected, "{line}");
    }
    server
        .run("netctl management-move host=all nic=eth3 confirm-within=600s")
        .await;
    let expected = json!({ "management": { "uplink": "eth3" }, "confirm_within_seconds": 600 });
    assert_eq!(body(&server, setup), expected);
}

#[tokio::test]
async fn what_cannot_be_meant_of_the_topology_is_refused_before_it_is_asked_for() {
    let server = serve(pool());
    for (line, exit) in [
        ("pool-setup", Exit::Usage),
        ("pool-setup private=none private-mtu=1600", Exit::Usage),
        (
            "bond-create host=h1 nics=eth5 mode=lacp role=private",
            Exit::Usage,
        ),
        (
            "bond-create host=h1 nics=eth5,eth5 mode=lacp role=private",
            Exit::Usage,
        ),
        ("bond-delete host=h1 role=private", Exit::NotFound),
        ("nic-assign host=h1 nic=eth5 role=storage", Exit::NotFound),
        ("management-move host=h1 nic=eth5/vlan7 vlan=8", Exit::Usage),
        (
            "management-move host=all nic=eth5 address=192.0.2.1/24",
            Exit::Usage,
        ),
    ] {
        let (text, found) = server.run(&format!("netctl {line}")).await;
        assert_eq!(found, exit, "{line}: {text}");
    }
    let asked = server.asked();
    assert!(
        asked.iter().all(|line| line.starts_with("GET")),
        "{asked:?}"
    );
}

#[tokio::test]
async fn a_move_that_was_taken_back_is_told_with_the_reason() {
    let mut script = pool();
    let server = serve(script.clone());
    let line = "netctl management-move host=h1 nic=eth9 vlan=10";
    assert_eq!(server.run(line).await.1, Exit::Done);
    // As it would be once the host is back: what it says now is not what it said before.
    let reverted = json!({
        "state": "reverted", "at": "2026-11-22T12:01:00Z", "reason": "no session over eth9 in 60 s",
    });
    script.insert("GET /v1/topology", (200, topology(reverted)));
    let after = serve(script);
    let client = connected(&after).client().unwrap();
    let before = topology(json!({ "state": "settled" }));
    let before: api::resource::TopologyView = serde_json::from_value(before).unwrap();
    let asked = carried_out::Asked {
        accepted: api::resource::Accepted {
            generation: model::plan::Generation(7),
            changed: true,
        },
        hosts: before.hosts,
    };
    let failure = carried_out::wait(&client, asked, &carried_out::Patience::default()).await;
    let failure = failure.unwrap_err();
    assert_eq!(failure.exit, Exit::NotSo);
    assert_golden("management-move-reverted.txt", &format!("{failure}\n"));
}

#[test]
fn help_of_the_topology_shows_examples() {
    use clap::CommandFactory;
    let mut command = crate::args::Cli::command();
    for name in [
        "pool-setup",
        "pool-show",
        "nic-list",
        "nic-assign",
        "bond-create",
        "bond-delete",
        "management-move",
    ] {
        let found = command.find_subcommand_mut(name).unwrap();
        let help = found.render_long_help().to_string();
        assert_golden(&format!("help-{name}.txt"), &help);
    }
}
