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
        is_gone: false,
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
        resolvers: [].into(),
        names: [].into(),
        outsiders: Outsiders::None,
        reach: Reach::Everybody,
        routing: None,
    };
    let port = |n: &u128| {
        let port = WantedPort {
            network: uuid(NETWORK).into(),
            mac: MacAddr::local(u64::try_from(*n).unwrap()),
            addresses: Arc::default(),
            allowed: Arc::default(),
            spoof_guard: model::SpoofGuard::On,
            limits: model::Limits::default(),
            hostname: None,
            security_group_ids: Vec::new(),
            on_trunk: None,
            standby: None,
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

/// Without anything known from before.
fn bind_alone(observed: &Observed, wanted: &Wanted, switch: &SwitchPorts) -> Binding {
    let trust = Trust {
        cover: &Cover::default(),
        incumbents: &Incumbents::new(),
    };
    bind(observed, wanted, switch, &trust)
}

#[test]
fn an_interface_that_names_a_planned_port_carries_it() {
    let observed = observed(vec![vif("vif1", Some(&id(10)), Some(1))]);
    let binding = bind_alone(&observed, &wanted(&[10]), &switch(&[(1, "vif1")]));
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
    let binding = bind_alone(&observed, &wanted(&[10]), &names);
    assert!(binding.carriers.is_empty());
    let refused = |dark: &Dark| matches!(dark, Dark::Refused(_));
    assert_eq!(binding.dark.len(), 3);
    assert!(binding.dark.values().all(refused), "{:?}", binding.dark);
}

#[test]
fn an_interface_whose_link_is_gone_carries_nothing_though_it_has_its_number() {
    let gone = ObservedVif {
        is_gone: true,
        ..vif("vif1", Some(&id(10)), Some(1))
    };
    let names = switch(&[(1, "vif1")]);
    let binding = bind_alone(&observed(vec![gone]), &wanted(&[10]), &names);
    assert!(binding.carriers.is_empty());
    assert!(matches!(binding.dark["vif1"], Dark::Refused(_)));
}

#[test]
fn a_number_that_the_switch_has_given_to_another_interface_is_not_believed() {
    let observed = observed(vec![vif("vif1", Some(&id(10)), Some(1))]);
    for names in [switch(&[(1, "vif2")]), switch(&[])] {
        let binding = bind_alone(&observed, &wanted(&[10]), &names);
        assert!(binding.carriers.is_empty());
        assert!(matches!(binding.dark["vif1"], Dark::NotYet(_)));
    }
}

#[test]
fn of_two_interfaces_with_one_port_the_one_that_carried_it_last_keeps_it() {
    let port = PortId::from(uuid(10));
    // Whoever can write OVSDB can write the mark: it says nothing.
    let marked = ObservedVif {
        active: Some(3),
        ..vif("a", Some(&id(10)), Some(1))
    };
    let observed = observed(vec![marked, vif("b", Some(&id(10)), Some(2))]);
    let names = switch(&[(1, "a"), (2, "b")]);
    let carrier = |incumbents: &Incumbents| {
        let cover = &Cover::default();
        let trust = Trust { cover, incumbents };
        let binding = bind(&observed, &wanted(&[10]), &names, &trust);
        assert_eq!(binding.dark.len(), 1);
        binding.carriers[&port].interface.clone()
    };
    let held_by = |name: &str, ifindex| Incumbents::from([(port, (name.to_owned(), ifindex))]);
    assert_eq!(carrier(&held_by("b", None)), "b");
    assert_eq!(carrier(&held_by("a", None)), "a");
    assert_eq!(carrier(&Incumbents::new()), "a", "by name");
    assert_eq!(carrier(&held_by("b", Some(7))), "a", "b was made anew");
}

#[test]
fn who_carried_a_port_is_read_from_the_flows_of_the_agent_before() {
    let observed = observed(vec![
        vif("a", Some(&id(10)), Some(1)),
        vif("b", Some(&id(10)), Some(2)),
        vif("c", None, Some(2)),
    ]);
    let plugged = |network: NetworkNumber, port| network.get() == 7 && port == PortNo(2);
    let found = incumbents(&observed, &wanted(&[10]), plugged);
    let expected = (PortId::from(uuid(10)), ("b".to_owned(), None));
    assert_eq!(found, [expected].into());
}

#[test]
fn a_link_that_is_not_shielded_stays_dark_unless_it_carried_its_port_already() {
    let link = ObservedVif {
        ifindex: Some(7),
        ..vif("a", Some(&id(10)), Some(1))
    };
    let observed = observed(vec![link]);
    let names = switch(&[(1, "a")]);
    let bind = |incumbents: &Incumbents| {
        let cover = &Cover::default();
        let trust = Trust { cover, incumbents };
        bind(&observed, &wanted(&[10]), &names, &trust)
    };
    let binding = bind(&Incumbents::new());
    assert!(binding.carriers.is_empty());
    assert!(matches!(binding.dark["a"], Dark::NotYet(_)));
    let port = PortId::from(uuid(10));
    let incumbents = Incumbents::from([(port, ("a".to_owned(), Some(7)))]);
    assert_eq!(bind(&incumbents).incumbents(), incumbents);
    let anew = Incumbents::from([(port, ("a".to_owned(), Some(6)))]);
    assert!(bind(&anew).carriers.is_empty());
}

#[test]
fn our_own_ports_are_no_vifs() {
    let observed = observed(vec![
        vif("br-int", None, Some(65534)),
        vif("to-vm", None, Some(9)),
    ]);
    let binding = bind_alone(&observed, &wanted(&[]), &switch(&[]));
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
    let binding = bind_alone(&observed, &wanted, &names);
    let exits = [(Exit::Patch(uuid(PHYSICAL).into()), "to-vm".to_owned())].into();
    let zones = ZonesInUse {
        ports: &binding.carriers.keys().copied().zip(1..).collect(),
        routers: &BTreeMap::new(),
    };
    let found = uplinks(&observed, &exits, &names);
    let translators = Translators {
        zones,
        outlets: &Outlets::new(),
    };
    let views = views(&wanted, &binding, &found, translators);
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
    let binding = bind_alone(&alone, &wanted, &names);
    assert!(binding.carriers.is_empty());
    assert!(matches!(binding.dark["b"], Dark::Refused(_)));
    let both = observed(vec![
        vif("a", Some(&id(10)), Some(1)),
        vif("b", Some(&id(11)), Some(2)),
    ]);
    let binding = bind_alone(&both, &wanted, &names);
    assert_eq!(binding.carriers[&leg], binding.carriers[&trunk]);
    assert_eq!(binding.carriers[&leg].interface, "a");
    assert!(matches!(binding.dark["b"], Dark::Refused(_)));
}
