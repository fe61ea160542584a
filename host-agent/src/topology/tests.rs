mod uplinks;

mod public;
mod tunnel;

use model::plan::PlanKey;
use model::{Encapsulation, NetworkId, Role, Segment, VlanId};
use serde_json::Value as Json;
use uuid::Uuid;

use super::*;
use crate::observe::{BridgePort, Sflow, SflowSettings};
use crate::pipeline::{Outsiders, Reach};
use crate::wanted::{WantedNetwork, WantedPhysicalNetwork};

const PHYSICAL: u128 = 1;

fn uuid(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

fn port(row: u128, ours: bool) -> BridgePort {
    BridgePort {
        row: uuid(row),
        ours,
        ..BridgePort::default()
    }
}

/// The own port of a bridge of ours.
fn untagged(row: u128) -> BridgePort {
    BridgePort {
        vlan_mode: Some("access".to_owned()),
        tag: Some(0),
        ..port(row, true)
    }
}

fn patch(row: u128, peer: &str) -> BridgePort {
    BridgePort {
        kind: "patch".to_owned(),
        options: [("peer".to_owned(), peer.to_owned())].into(),
        ..port(row, true)
    }
}

fn bridge(row: u128, fail_mode: &str, ports: &[(&str, BridgePort)]) -> Bridge {
    let ports = ports.iter();
    Bridge {
        row: uuid(row),
        ours: true,
        fail_mode: Some(fail_mode.to_owned()),
        in_band_disabled: true,
        ports: ports
            .map(|(name, port)| {
                let interfaces = match port.interfaces.is_empty() {
                    true => [(*name).to_owned()].into(),
                    false => port.interfaces.clone(),
                };
                let name = (*name).to_owned();
                let port = BridgePort {
                    name: name.clone(),
                    interfaces,
                    ..port.clone()
                };
                (name, port)
            })
            .collect(),
        ..Bridge::default()
    }
}

/// A host on which all that `wanted` wants is there.
fn settled() -> Observed {
    let inward = BridgePort {
        vlan_mode: Some("trunk".to_owned()),
        trunks: [100].into(),
        ..patch(21, "to-vm")
    };
    let integration = bridge(10, "secure", &[("to-vm", patch(11, "in-vm"))]);
    let physical = bridge(
        20,
        "standalone",
        &[
            ("in-vm", inward),
            ("eth1", port(22, true)),
            ("br-vm", untagged(23)),
        ],
    );
    let bridges = [("br-int", integration), ("br-vm", physical)];
    Observed {
        root: Some(uuid(9)),
        bridges: bridges
            .map(|(name, bridge)| (name.to_owned(), bridge))
            .into(),
        vifs: Vec::new(),
    }
}

/// One network on VLAN 100 of the physical network `vm`, whose NIC is eth1.
fn wanted() -> Wanted {
    let physical = WantedPhysicalNetwork {
        name: "vm".to_owned(),
        role: Role::Private,
        uplink: "eth1".parse().unwrap(),
        mtu: 1500,
        endpoint: None,
        address: None,
    };
    let network = WantedNetwork {
        number: 1.try_into().unwrap(),
        segment: Segment::Vlan {
            physical_network_id: uuid(PHYSICAL).into(),
            vlan: VlanId::try_from(100).unwrap(),
        },
        remotes: [].into(),
        mtu: 1500,
        subnets: Vec::new(),
        gateways: [].into(),
        resolvers: [].into(),
        names: [].into(),
        outsiders: Outsiders::None,
        reach: Reach::Everybody,
        routing: None,
    };
    Wanted {
        physical_networks: [(uuid(PHYSICAL).into(), physical)].into(),
        networks: [(NetworkId::from(uuid(2)), network)].into(),
        ..Wanted::default()
    }
}

fn surroundings(management: &str) -> Surroundings {
    Surroundings {
        datapath_type: "netdev".to_owned(),
        management_interface: Some(management.to_owned()),
        ..Surroundings::default()
    }
}

fn operations(topology: &Topology) -> Vec<Json> {
    let operations = topology.operations.iter();
    operations
        .map(|operation| serde_json::to_value(operation).unwrap())
        .collect()
}

fn reason(topology: &Topology) -> &str {
    let [failure] = topology.failures.as_slice() else {
        panic!("{:?}", topology.failures);
    };
    assert_eq!(failure.key, PlanKey::PhysicalNetwork(uuid(PHYSICAL).into()));
    &failure.reason
}

#[test]
fn what_is_right_is_not_touched() {
    let topology = plan(&settled(), &wanted(), &surroundings("eth0"));
    assert_eq!(operations(&topology), Vec::<Json>::new());
    assert_eq!(topology.failures, []);
    assert_eq!(topology.exits[&Exit::Patch(uuid(PHYSICAL).into())], "to-vm");
}

#[test]
fn a_database_that_was_never_initialized_is_left_alone() {
    let topology = plan(&Observed::default(), &wanted(), &surroundings("eth0"));
    assert!(topology.operations.is_empty());
}

#[test]
fn a_missing_integration_bridge_is_made_secure_and_alone() {
    let empty = Observed {
        root: Some(uuid(9)),
        ..Observed::default()
    };
    for topology in [
        plan(&empty, &wanted(), &surroundings("eth0")),
        plan_safety(&empty, &surroundings("eth0")),
    ] {
        let operations = operations(&topology);
        let bridge = operations
            .iter()
            .find(|it| it["table"] == "Bridge")
            .unwrap();
        assert_eq!(bridge["row"]["name"], "br-int");
        assert_eq!(bridge["row"]["fail_mode"], "secure");
        let ports = operations.iter().filter(|it| it["table"] == "Port");
        assert_eq!(ports.count(), 1);
    }
}

#[test]
fn a_bridge_that_is_not_secure_becomes_so_before_anything_else_happens() {
    let mut observed = settled();
    observed.bridges.remove("br-vm");
    let integration = observed.bridges.get_mut("br-int").unwrap();
    integration.fail_mode = None;
    integration.ours = false;
    let topology = plan(&observed, &wanted(), &surroundings("eth0"));
    let operations = operations(&topology);
    assert_eq!(operations.len(), 1, "{operations:?}");
    assert_eq!(operations[0]["row"]["fail_mode"], "secure");
}

#[test]
fn a_bridge_that_speaks_too_old_a_protocol_learns_ours_and_keeps_the_others() {
    let mut observed = settled();
    let integration = observed.bridges.get_mut("br-int").unwrap();
    integration.protocols = vec!["OpenFlow10".to_owned()];
    let topology = plan(&observed, &wanted(), &surroundings("eth0"));
    let protocols = operations(&topology)[0]["row"]["protocols"].to_string();
    for version in ["OpenFlow10", "OpenFlow14", "OpenFlow15"] {
        assert!(protocols.contains(version), "{protocols}");
    }
}

#[test]
fn a_trunk_that_carries_more_or_less_is_made_exact() {
    for trunks in [[].into(), [100, 101].into(), [7].into()] {
        let mut observed = settled();
        let bridge = observed.bridges.get_mut("br-vm").unwrap();
        bridge.ports.get_mut("in-vm").unwrap().trunks = trunks;
        let topology = plan(&observed, &wanted(), &surroundings("eth0"));
        let operations = operations(&topology);
        assert_eq!(operations.len(), 1, "{operations:?}");
        assert_eq!(operations[0]["row"]["trunks"].to_string(), "100");
    }
}

#[test]
fn without_a_network_there_is_no_patch() {
    let nothing = Wanted {
        networks: [].into(),
        ..wanted()
    };
    let topology = plan(&settled(), &nothing, &surroundings("eth0"));
    assert!(topology.exits.is_empty());
    let operations = operations(&topology);
    assert_eq!(operations.len(), 2, "{operations:?}");
    assert!(
        operations
            .iter()
            .all(|it| it["mutations"][0][1] == "delete")
    );
}

#[test]
fn only_what_is_marked_as_ours_is_removed() {
    let mut observed = settled();
    let theirs = Bridge {
        ours: false,
        ..bridge(30, "standalone", &[("eth5", port(31, false))])
    };
    observed.bridges.insert("br-theirs".to_owned(), theirs);
    let integration = observed.bridges.get_mut("br-int").unwrap();
    integration.ports.insert("vif1".to_owned(), port(12, false));
    let topology = plan(&observed, &Wanted::default(), &surroundings("eth0"));
    let text = serde_json::to_string(&operations(&topology)).unwrap();
    for (row, gone) in [
        (20, true),
        (11, true),
        (30, false),
        (31, false),
        (12, false),
    ] {
        let unlisted = format!("[\"uuid\",\"{}\"]]]", uuid(row));
        assert_eq!(text.contains(&unlisted), gone, "{row} in {text}");
    }
}

#[test]
fn a_nic_that_leads_to_the_controller_or_belongs_to_another_bridge_is_left_alone() {
    let topology = plan(&settled(), &wanted(), &surroundings("eth1"));
    assert!(reason(&topology).contains("leads to the controller"));

    let mut observed = settled();
    observed.bridges.remove("br-vm");
    let theirs = bridge(30, "standalone", &[("eth1", port(31, false))]);
    observed.bridges.insert("br-theirs".to_owned(), theirs);
    let topology = plan(&observed, &wanted(), &surroundings("eth0"));
    assert!(reason(&topology).contains("br-theirs"));
}

#[test]
fn a_port_of_somebody_elses_with_the_name_of_a_patch_is_left_alone() {
    let mut observed = settled();
    let integration = observed.bridges.get_mut("br-int").unwrap();
    integration
        .ports
        .insert("to-vm".to_owned(), port(12, false));
    let topology = plan(&observed, &wanted(), &surroundings("eth0"));
    assert!(reason(&topology).contains("to-vm"));
}

#[test]
fn bridges_of_different_datapaths_cannot_be_joined() {
    let mut observed = settled();
    let bridge = observed.bridges.get_mut("br-vm").unwrap();
    bridge.datapath_type = "netdev".to_owned();
    let topology = plan(&observed, &wanted(), &surroundings("eth0"));
    assert!(reason(&topology).contains("datapath"));
}

fn sampling() -> model::plan::Sampling {
    model::plan::Sampling {
        collector: "10.0.0.9:6343".parse().unwrap(),
        rate: 64,
        header_bytes: 128,
        polling_seconds: 10,
        way: model::SampleWay::Datagrams,
    }
}

#[test]
fn sampling_that_is_right_is_not_touched_and_somebody_elses_never() {
    let right = SflowSettings {
        agent: Some("eth0".to_owned()),
        targets: ["10.0.0.9:6343".to_owned()].into(),
        sampling: Some(64),
        header: Some(128),
        polling: Some(10),
    };
    let with = |ours, settings: &SflowSettings| {
        let mut observed = settled();
        let integration = observed.bridges.get_mut("br-int").unwrap();
        integration.sflow = Some(Sflow {
            row: uuid(40),
            ours,
            settings: settings.clone(),
        });
        let wanted = Wanted {
            sampling: Some(sampling()),
            ..wanted()
        };
        plan(&observed, &wanted, &surroundings("eth0"))
    };
    assert!(with(true, &right).operations.is_empty());
    let stale = SflowSettings {
        sampling: Some(1),
        ..right
    };
    assert_eq!(operations(&with(true, &stale))[0]["row"]["sampling"], 64);
    let foreign = with(false, &stale);
    assert!(foreign.operations.is_empty());
    assert_eq!(foreign.failures[0].key, PlanKey::Sampling);
}

/// The same host with a VXLAN network beside, whose endpoint is 10.254.0.1.
fn with_overlay() -> Wanted {
    let mut wanted = wanted();
    let physical = wanted.physical_networks.get_mut(&uuid(PHYSICAL).into());
    physical.unwrap().endpoint = Some("10.254.0.1/16".parse().unwrap());
    let network = WantedNetwork {
        number: 2.try_into().unwrap(),
        segment: Segment::Vxlan {
            physical_network_id: uuid(PHYSICAL).into(),
            vni: 4096.try_into().unwrap(),
        },
        remotes: [].into(),
        mtu: 1450,
        subnets: Vec::new(),
        gateways: [].into(),
        resolvers: [].into(),
        names: [].into(),
        outsiders: Outsiders::None,
        reach: Reach::Everybody,
        routing: None,
    };
    wanted.networks.insert(uuid(3).into(), network);
    wanted
}

fn tunnel(row: u128, kind: &str, local: &str) -> BridgePort {
    let options = [("remote_ip", "flow"), ("key", "flow"), ("local_ip", local)];
    BridgePort {
        kind: kind.to_owned(),
        options: options
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        ..port(row, true)
    }
}

#[test]
fn each_encapsulation_in_use_has_one_tunnel_port_and_no_other_has_any() {
    let topology = plan(&settled(), &with_overlay(), &surroundings("eth0"));
    let operations = operations(&topology);
    let interface = operations.iter().find(|it| it["table"] == "Interface");
    let row = &interface.unwrap()["row"];
    assert_eq!(row["name"], "over-vxlan");
    assert_eq!(row["type"], "vxlan");
    let options = row["options"].to_string();
    for option in [
        r#"["remote_ip","flow"]"#,
        r#"["key","flow"]"#,
        r#"["local_ip","10.254.0.1"]"#,
    ] {
        assert!(options.contains(option), "{options}");
    }
    assert_eq!(topology.exits.len(), 2);

    let mut observed = settled();
    let integration = observed.bridges.get_mut("br-int").unwrap();
    let right = tunnel(12, "vxlan", "10.254.0.1");
    integration.ports.insert("over-vxlan".to_owned(), right);
    let topology = plan(&observed, &with_overlay(), &surroundings("eth0"));
    assert!(topology.operations.is_empty(), "{topology:?}");
    let exit = Exit::Tunnel(Encapsulation::Vxlan);
    assert_eq!(topology.exits[&exit], "over-vxlan");

    // Without the network, the port goes; and one that is not ours stays.
    let gone = plan(&observed, &wanted(), &surroundings("eth0"));
    assert_eq!(gone.operations.len(), 1);
    let integration = observed.bridges.get_mut("br-int").unwrap();
    integration.ports.get_mut("over-vxlan").unwrap().ours = false;
    let kept = plan(&observed, &wanted(), &surroundings("eth0"));
    assert!(kept.operations.is_empty());
    let refused = plan(&observed, &with_overlay(), &surroundings("eth0"));
    assert!(reason(&refused).contains("over-vxlan"));
}

#[test]
fn a_tunnel_port_with_another_endpoint_key_or_remote_is_made_anew() {
    for (option, value) in [
        ("local_ip", "10.254.0.9"),
        ("key", "4096"),
        ("remote_ip", "10.254.0.2"),
        ("dst_port", "9999"),
    ] {
        let mut port = tunnel(12, "vxlan", "10.254.0.1");
        port.options.insert(option.to_owned(), value.to_owned());
        let mut observed = settled();
        let integration = observed.bridges.get_mut("br-int").unwrap();
        integration.ports.insert("over-vxlan".to_owned(), port);
        let topology = plan(&observed, &with_overlay(), &surroundings("eth0"));
        assert_eq!(topology.operations.len(), 4, "{option}");
    }
}

#[test]
fn the_own_port_of_a_physical_bridge_carries_no_tag_of_a_tenant() {
    let with = |ours: bool, tag: Option<i64>, mode: Option<&str>, wanted: &Wanted| {
        let mut observed = settled();
        let bridge = observed.bridges.get_mut("br-vm").unwrap();
        bridge.ours = ours;
        let own = bridge.ports.get_mut("br-vm").unwrap();
        (own.tag, own.vlan_mode) = (tag, mode.map(str::to_owned));
        let topology = plan(&observed, wanted, &surroundings("eth0"));
        let operations = operations(&topology).into_iter();
        let shut =
            operations.filter(|it| it["row"]["vlan_mode"] == "access" && it["row"]["tag"] == 0);
        shut.count()
    };
    let overlay = with_overlay();
    assert_eq!(with(true, Some(0), Some("access"), &overlay), 0);
    for (tag, mode) in [
        (None, None),
        (Some(100), None),
        (Some(7), Some("access")),
        (Some(0), Some("native-untagged")),
        (None, Some("trunk")),
    ] {
        assert_eq!(with(true, tag, mode, &overlay), 1, "{tag:?} {mode:?}");
        assert_eq!(with(true, tag, mode, &wanted()), 1, "{tag:?} {mode:?}");
        // Whoever made the bridge decides, until an endpoint is there to be reached.
        assert_eq!(with(false, tag, mode, &wanted()), 0, "{tag:?} {mode:?}");
    }
    assert_eq!(with(false, None, None, &overlay), 1);
    assert_eq!(with(false, Some(100), None, &overlay), 1, "a tenant's VLAN");
    assert_eq!(
        with(false, Some(7), None, &overlay),
        0,
        "a VLAN of the host's"
    );
}
