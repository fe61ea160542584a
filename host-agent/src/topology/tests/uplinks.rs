//! What carries physical networks: shared NICs, bonds, NICs that cannot be had, and the way back.

use std::collections::BTreeMap;

use model::plan::{Generation, HostPlan, PlanItem, PlannedNetwork, PlannedPhysicalNetwork};
use proptest::prelude::*;

use super::*;
use crate::links::kernel::{Link, Presence};
use crate::wanted::PhysicalNetworks;

fn physical(n: u128, role: Role, uplink: &str) -> PlanItem {
    PlanItem::PhysicalNetwork(PlannedPhysicalNetwork {
        id: uuid(n).into(),
        name: format!("net{n}").parse().unwrap(),
        role,
        uplink: uplink.parse().unwrap(),
        address: None,
        vlans: None,
        mtu: 1500,
        endpoint: None,
    })
}

fn network(n: u128, on: u128, vlan: Option<u16>) -> PlanItem {
    let physical_network_id = uuid(on).into();
    PlanItem::Network(PlannedNetwork {
        id: uuid(n).into(),
        tenant_id: uuid(n).into(),
        number: u32::try_from(n).unwrap().try_into().unwrap(),
        segment: match vlan {
            Some(vlan) => Segment::Vlan {
                physical_network_id,
                vlan: vlan.try_into().unwrap(),
            },
            None => Segment::Flat {
                physical_network_id,
            },
        },
        mtu: 1500,
        subnets: Vec::new(),
        sharing: model::Sharing::default(),
    })
}

fn wanted(items: &[PlanItem]) -> Wanted {
    Wanted::new(&HostPlan {
        generation: Generation(1),
        items: items.iter().map(|it| (it.key(), it.clone())).collect(),
    })
}

/// A host whose integration bridge is there, and nothing else.
fn bare() -> Observed {
    Observed {
        root: Some(uuid(9)),
        bridges: [("br-int".to_owned(), bridge(10, "secure", &[]))].into(),
        vifs: Vec::new(),
    }
}

/// The VLANs that each port made by a plan passes, by its name; none said means all.
fn passed(topology: &Topology) -> BTreeMap<String, Vec<i64>> {
    let operations = operations(topology).into_iter();
    let ports = operations.filter(|it| it["op"] == "insert" && it["table"] == "Port");
    let passed = ports.map(|it| {
        let row = &it["row"];
        let mut vlans: Vec<i64> = match &row["trunks"] {
            Json::Array(set) => set[1].as_array().unwrap().iter().map(number).collect(),
            one @ Json::Number(_) => vec![number(one)],
            _ => Vec::new(),
        };
        vlans.extend(row["tag"].as_i64());
        (row["name"].as_str().unwrap().to_owned(), vlans)
    });
    passed.collect()
}

fn number(json: &Json) -> i64 {
    json.as_i64().unwrap()
}

#[test]
fn networks_on_one_nic_meet_in_an_uplink_bridge_each_with_its_own_vlans() {
    let wanted = wanted(&[
        physical(1, Role::Management, "eth0"),
        physical(2, Role::Private, "eth0"),
        physical(3, Role::Public, "eth0/vlan300"),
        network(20, 2, Some(100)),
        network(21, 2, Some(101)),
        network(30, 3, None),
    ]);
    assert_eq!(wanted.failures, []);
    let passed = passed(&plan(&bare(), &wanted, &surroundings("eth0")));
    assert_eq!(passed["dn-net1"], [0]);
    assert_eq!(passed["dn-net2"], [100, 101]);
    assert_eq!(passed["dn-net3"], [300]);
    assert_eq!(passed["up-eth0"], [4095], "its own port passes nothing");
    assert!(passed.contains_key("eth0"));
    assert!(
        !passed.contains_key("to-net1"),
        "management is joined to no VIF"
    );
}

#[test]
fn a_bond_is_one_port_of_several_interfaces_and_a_changed_one_is_made_anew() {
    let lacp = wanted(&[physical(1, Role::Private, "eth1+eth2/lacp")]);
    let made = operations(&plan(&bare(), &lacp, &surroundings("eth0")));
    let bond = made
        .iter()
        .find(|it| it["row"]["name"] == "bond-eth1")
        .unwrap();
    assert_eq!(bond["row"]["bond_mode"], "balance-tcp");
    assert_eq!(bond["row"]["lacp"], "active");
    assert_eq!(bond["row"]["interfaces"][1].as_array().unwrap().len(), 2);

    let there = |interfaces: &[&str], mode: &str, lacp: &str| {
        let port = BridgePort {
            interfaces: interfaces.iter().map(ToString::to_string).collect(),
            bond_mode: Some(mode.to_owned()),
            lacp: Some(lacp.to_owned()),
            ..port(22, true)
        };
        let mut observed = bare();
        let ports = [("bond-eth1", port), ("br-net1", untagged(23))];
        let bridge = bridge(20, "standalone", &ports);
        observed.bridges.insert("br-net1".to_owned(), bridge);
        observed
    };
    let right = there(&["eth1", "eth2"], "balance-tcp", "active");
    assert!(
        plan(&right, &lacp, &surroundings("eth0"))
            .operations
            .is_empty()
    );
    let mode = there(&["eth1", "eth2"], "active-backup", "off");
    let corrected = operations(&plan(&mode, &lacp, &surroundings("eth0")));
    assert_eq!(corrected.len(), 1, "{corrected:?}");
    assert_eq!(corrected[0]["row"]["lacp"], "active");
    let other = there(&["eth1", "eth3"], "balance-tcp", "active");
    let made = operations(&plan(&other, &lacp, &surroundings("eth0")));
    assert!(
        made.iter().any(|it| it["row"]["name"] == "eth2"),
        "{made:?}"
    );
}

#[test]
fn a_nic_that_is_absent_taken_or_speaks_itself_is_reported_and_not_touched() {
    let link = |master: Option<&str>, address: Option<&str>| Link {
        master: master.map(str::to_owned),
        presence: Presence {
            addresses: address.map(|it| it.parse().unwrap()).into_iter().collect(),
            routes: Vec::new(),
        },
        ..Link::default()
    };
    for (links, expected) in [
        (None, "no NIC eth1"),
        (Some(link(Some("bond0"), None)), "part of bond0"),
        (Some(link(None, Some("192.0.2.7/24"))), "has the address"),
    ] {
        let links = links.map(|it| ("eth1".to_owned(), it));
        let surroundings = Surroundings {
            kernel: Some(Kernel {
                links: links.into_iter().collect(),
            }),
            ..surroundings("eth0")
        };
        let wanted = wanted(&[physical(1, Role::Private, "eth1")]);
        let topology = plan(&bare(), &wanted, &surroundings);
        assert!(reason(&topology).contains(expected), "{topology:?}");
        assert!(topology.operations.is_empty(), "{topology:?}");
    }
}

#[test]
fn what_carries_something_goes_on_when_its_new_nic_cannot_be_had() {
    let surroundings = Surroundings {
        kernel: Some(Kernel::default()),
        ..surroundings("eth0")
    };
    let mut wanted = super::wanted();
    let networks: &mut PhysicalNetworks = &mut wanted.physical_networks;
    networks.get_mut(&uuid(PHYSICAL).into()).unwrap().uplink = "eth9".parse().unwrap();
    let topology = plan(&settled(), &wanted, &surroundings);
    assert!(reason(&topology).contains("no NIC eth9"));
    assert!(topology.operations.is_empty(), "{topology:?}");
}

#[test]
fn the_way_back_is_empty_where_nothing_changed_and_undoes_what_did() {
    let before = settled();
    let then = Snapshot::of(&before);
    assert!(restore(&before, &then).is_empty());
    let json = serde_json::to_string(&then).unwrap();
    assert_eq!(serde_json::from_str::<Snapshot>(&json).unwrap(), then);

    // The NIC moved to an uplink bridge, and its place was taken by a patch.
    let mut moved = settled();
    let bridge_vm = moved.bridges.get_mut("br-vm").unwrap();
    bridge_vm.ports.remove("eth1");
    bridge_vm
        .ports
        .insert("ex-vm".to_owned(), patch(24, "dn-vm"));
    let up = bridge(40, "standalone", &[("eth1", port(41, true))]);
    moved.bridges.insert("up-eth1".to_owned(), up);
    let back = serde_json::to_string(&restore(&moved, &then)).unwrap();
    for gone in [uuid(24), uuid(40)] {
        let unlisted = format!("[\"uuid\",\"{gone}\"]]]");
        assert!(back.contains(&unlisted), "{back}");
    }
    assert!(back.contains("\"name\":\"eth1\""), "{back}");
    // The patch to the integration bridge is the same before and after.
    assert!(!back.contains("in-vm"), "{back}");

    // All of it was removed: the bridge comes back with what it had.
    let back = serde_json::to_string(&restore(&bare(), &then)).unwrap();
    for name in ["br-vm", "eth1", "in-vm"] {
        assert!(back.contains(&format!("\"name\":\"{name}\"")), "{back}");
    }
}

proptest! {
    #[test]
    fn no_two_networks_on_one_nic_ever_pass_the_same_vlan(
        physicals in prop::collection::vec((0_usize..4, "eth[01](/vlan[1-4])?"), 1..5),
        networks in prop::collection::vec((1_u128..5, prop::option::of(1_u16..6)), 0..8),
    ) {
        let roles = [Role::Management, Role::Private, Role::Public, Role::Storage];
        let physicals = physicals.iter().zip(1..);
        let mut items: Vec<PlanItem> =
            physicals.map(|((role, uplink), n)| physical(n, roles[*role], uplink)).collect();
        let networks = networks.iter().zip(100..);
        items.extend(networks.map(|((on, vlan), n)| network(n, *on, *vlan)));
        let wanted = wanted(&items);
        let topology = plan(&bare(), &wanted, &surroundings("eth7"));
        let passed = passed(&topology);
        let mut seen = BTreeMap::new();
        for network in wanted.physical_networks.values() {
            let Some(vlans) = passed.get(&format!("dn-{}", network.name)) else { continue };
            prop_assert!(!vlans.is_empty(), "{} passes all", network.name);
            for vlan in vlans {
                let wire = (network.uplink.carrier().clone(), *vlan);
                let other = seen.insert(wire, &network.name);
                prop_assert_eq!(other, None, "{} and VLAN {}", &network.name, vlan);
            }
            if network.role == Role::Management {
                let joined = passed.contains_key(&format!("in-{}", network.name));
                prop_assert!(!joined, "management is joined to VIFs");
            }
        }
    }
}
