use model::{MacAddr, Segment, VlanId};
use uuid::Uuid;

use super::*;
use crate::observe::{Bridge, BridgePort};
use crate::pipeline::{Outsiders, Reach};
use crate::wanted::{WantedNetwork, WantedPort};

const NETWORK: u128 = 1;
const PHYSICAL: u128 = 2;

fn uuid(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

fn vif(interface: &str, iface_id: Option<&str>, ofport: Option<u32>) -> ObservedVif {
    ObservedVif {
        row: Uuid::nil(),
        interface: interface.to_owned(),
        iface_id: iface_id.map(str::to_owned),
        ofport,
        ifindex: None,
        kind: String::new(),
        error: None,
        active: None,
    }
}

/// A plan with these ports on one network.
fn wanted(ports: &[u128]) -> Wanted {
    let network = WantedNetwork {
        number: 7.try_into().unwrap(),
        segment: Segment::Vlan {
            physical_network_id: uuid(PHYSICAL).into(),
            vlan: VlanId::MIN,
        },
        remotes: Arc::default(),
        mtu: 1500,
        subnets: Vec::new(),
        gateways: [].into(),
        outsiders: Outsiders::None,
        reach: Reach::Everybody,
        routing: None,
    };
    let port = |n: &u128| {
        let port = WantedPort {
            network: uuid(NETWORK).into(),
            mac: MacAddr::local(u64::try_from(*n).unwrap()),
            addresses: Arc::default(),
            hostname: None,
            security_group_ids: Vec::new(),
            on_trunk: None,
        };
        (PortId::from(uuid(*n)), port)
    };
    Wanted {
        networks: [(uuid(NETWORK).into(), network)].into(),
        ports: ports.iter().map(port).collect(),
        ..Wanted::default()
    }
}

fn observed(vifs: Vec<ObservedVif>) -> Observed {
    let patch = BridgePort {
        ours: true,
        ofport: Some(9),
        ..BridgePort::default()
    };
    let bridge = Bridge {
        ports: [("to-vm".to_owned(), patch)].into(),
        ..Bridge::default()
    };
    Observed {
        root: None,
        bridges: [(INTEGRATION_BRIDGE.to_owned(), bridge)].into(),
        vifs,
    }
}

fn switch(ports: &[(u32, &str)]) -> SwitchPorts {
    let ports = ports.iter();
    ports
        .map(|(number, name)| (PortNo(*number), (*name).to_owned()))
        .collect()
}

fn id(n: u128) -> String {
    uuid(n).to_string()
}

#[test]
fn an_interface_that_names_a_planned_port_carries_it() {
    let observed = observed(vec![vif("vif1", Some(&id(10)), Some(1))]);
    let binding = bind(&observed, &wanted(&[10]), &switch(&[(1, "vif1")]));
    let carrier = &binding.carriers[&PortId::from(uuid(10))];
    assert_eq!(
        (carrier.interface.as_str(), carrier.port),
        ("vif1", PortNo(1))
    );
    assert!(binding.dark.is_empty());
}

#[test]
fn an_interface_with_no_or_a_wrong_or_an_unknown_port_is_dark() {
    let observed = observed(vec![
        vif("a", None, Some(1)),
        vif("b", Some("not a uuid"), Some(2)),
        vif("c", Some(&id(11)), Some(3)),
    ]);
    let names = switch(&[(1, "a"), (2, "b"), (3, "c")]);
    let binding = bind(&observed, &wanted(&[10]), &names);
    assert!(binding.carriers.is_empty());
    let refused = |dark: &Dark| matches!(dark, Dark::Refused(_));
    assert_eq!(binding.dark.len(), 3);
    assert!(binding.dark.values().all(refused), "{:?}", binding.dark);
}

#[test]
fn a_number_that_the_switch_has_given_to_another_interface_is_not_believed() {
    let observed = observed(vec![vif("vif1", Some(&id(10)), Some(1))]);
    for names in [switch(&[(1, "vif2")]), switch(&[])] {
        let binding = bind(&observed, &wanted(&[10]), &names);
        assert!(binding.carriers.is_empty());
        assert!(matches!(binding.dark["vif1"], Dark::NotYet(_)));
    }
}

#[test]
fn of_two_interfaces_with_one_port_the_active_one_keeps_it() {
    let newer = vif("a", Some(&id(10)), Some(1));
    let older = ObservedVif {
        active: Some(3),
        ..vif("b", Some(&id(10)), Some(2))
    };
    let names = switch(&[(1, "a"), (2, "b")]);
    let observed = observed(vec![newer, older]);
    let binding = bind(&observed, &wanted(&[10]), &names);
    assert_eq!(binding.carriers[&PortId::from(uuid(10))].interface, "b");
    assert!(matches!(&binding.dark["a"], Dark::Refused(reason) if reason.contains('b')));
}

#[test]
fn our_own_ports_are_no_vifs() {
    let observed = observed(vec![
        vif("br-int", None, Some(65534)),
        vif("to-vm", None, Some(9)),
    ]);
    let binding = bind(&observed, &wanted(&[]), &switch(&[]));
    assert_eq!(binding, Binding::default());
}

#[test]
fn a_view_has_the_plugged_ports_and_the_way_out() {
    let vifs = vec![
        vif("b", Some(&id(10)), Some(2)),
        vif("a", Some(&id(11)), Some(1)),
    ];
    let (observed, wanted) = (observed(vifs), wanted(&[10, 11, 12]));
    let names = switch(&[(1, "a"), (2, "b"), (9, "to-vm")]);
    let binding = bind(&observed, &wanted, &names);
    let exits = [(Exit::Patch(uuid(PHYSICAL).into()), "to-vm".to_owned())].into();
    let views = views(
        &wanted,
        &binding,
        &uplinks(&observed, &exits, &names),
        &binding.carriers.keys().copied().zip(1..).collect(),
    );
    let view = &views[&NetworkId::from(uuid(NETWORK))];
    let ports: Vec<_> = view.locals.iter().map(|local| local.port).collect();
    assert_eq!(ports, [PortNo(1), PortNo(2)]);
    assert_eq!(view.uplink.unwrap().port, PortNo(9));
}

#[test]
fn a_sub_port_is_where_its_trunk_is_and_no_interface_of_its_own_carries_it() {
    let mut wanted = wanted(&[10, 11]);
    let (trunk, leg) = (PortId::from(uuid(10)), PortId::from(uuid(11)));
    let port = wanted.ports.get_mut(&leg).unwrap();
    port.on_trunk = Some(model::OnTrunk {
        trunk_id: trunk,
        vlan: VlanId::MIN,
    });
    wanted.sub_ports = [(trunk, vec![leg])].into();
    let names = switch(&[(1, "a"), (2, "b")]);
    let alone = observed(vec![vif("b", Some(&id(11)), Some(2))]);
    let binding = bind(&alone, &wanted, &names);
    assert!(binding.carriers.is_empty());
    assert!(matches!(binding.dark["b"], Dark::Refused(_)));
    let both = observed(vec![
        vif("a", Some(&id(10)), Some(1)),
        vif("b", Some(&id(11)), Some(2)),
    ]);
    let binding = bind(&both, &wanted, &names);
    assert_eq!(binding.carriers[&leg], binding.carriers[&trunk]);
    assert_eq!(binding.carriers[&leg].interface, "a");
    assert!(matches!(binding.dark["b"], Dark::Refused(_)));
}
