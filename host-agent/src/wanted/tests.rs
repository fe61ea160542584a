mod forwarding;

use model::plan::{
    PlanKey, PlannedNetwork, PlannedPhysicalNetwork, PlannedPort, PlannedRemotePort,
};
use model::{HostId, Role, Segment, Sharing, TenantId};
use uuid::Uuid;

use super::*;

fn uuid(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

fn physical(id: u128, name: &str, role: Role) -> PlanItem {
    PlanItem::PhysicalNetwork(PlannedPhysicalNetwork {
        id: uuid(id).into(),
        name: name.parse().unwrap(),
        role,
        uplink: format!("eth{id}").parse().unwrap(),
        address: None,
        vlans: None,
        mtu: 1500,
        endpoint: (role == Role::Private).then(|| "10.254.0.1/16".parse().unwrap()),
    })
}

fn network(id: u128, number: u32, vlan: u16) -> PlanItem {
    PlanItem::Network(PlannedNetwork {
        id: uuid(id).into(),
        tenant_id: TenantId::from(uuid(id)),
        number: number.try_into().unwrap(),
        segment: Segment::Vlan {
            physical_network_id: uuid(1).into(),
            vlan: vlan.try_into().unwrap(),
        },
        mtu: 1500,
        sharing: Sharing::default(),
        subnets: Vec::new(),
    })
}

fn port(id: u128, network: u128, mac: u64, address: &str) -> PlanItem {
    PlanItem::Port(PlannedPort {
        id: uuid(id).into(),
        network_id: uuid(network).into(),
        mac: MacAddr::local(mac),
        addresses: vec![address.parse().unwrap()],
        allowed: Vec::new(),
        spoof_guard: model::SpoofGuard::On,
        limits: model::Limits::default(),
        hostname: None,
        security_group_ids: Vec::new(),
        on_trunk: None,
        standby: None,
    })
}

fn remote(id: u128, network: u128, mac: u64, address: &str) -> PlanItem {
    PlanItem::RemotePort(PlannedRemotePort {
        id: uuid(id).into(),
        network_id: uuid(network).into(),
        mac: MacAddr::local(mac),
        addresses: vec![address.parse().unwrap()],
        virtual_macs: Vec::new(),
        spoof_guard: model::SpoofGuard::On,
        hostname: None,
        security_group_ids: Vec::new(),
        host_id: HostId::from(uuid(99)),
        endpoint: None,
    })
}

fn wanted(items: &[PlanItem]) -> Wanted {
    Wanted::new(&HostPlan {
        generation: Generation(1),
        items: items.iter().map(|it| (it.key(), it.clone())).collect(),
    })
}

fn failed(wanted: &Wanted) -> Vec<PlanKey> {
    wanted.failures.iter().map(|failure| failure.key).collect()
}

#[test]
fn two_tenants_may_use_the_same_addresses() {
    let wanted = wanted(&[
        physical(1, "vm", Role::Private),
        network(2, 1, 100),
        network(3, 2, 101),
        port(10, 2, 7, "10.0.0.1"),
        port(11, 3, 7, "10.0.0.1"),
    ]);
    assert_eq!(wanted.failures, []);
    assert_eq!(wanted.ports.len(), 2);
}

#[test]
fn of_two_networks_that_share_a_number_or_a_vlan_only_the_first_is_carried_out() {
    let wanted = wanted(&[
        physical(1, "vm", Role::Private),
        network(2, 1, 100),
        network(3, 1, 101),
        network(4, 2, 100),
        port(10, 3, 7, "10.0.0.1"),
    ]);
    let network = |id| PlanKey::Network(uuid(id).into());
    let port = PlanKey::Port(uuid(10).into());
    assert_eq!(failed(&wanted), [network(3), network(4), port]);
    assert_eq!(wanted.networks.len(), 1);
    assert!(wanted.ports.is_empty());
}

#[test]
fn of_two_ports_of_a_network_that_share_an_address_only_the_first_is_carried_out() {
    let wanted = wanted(&[
        physical(1, "vm", Role::Private),
        network(2, 1, 100),
        port(10, 2, 7, "10.0.0.1"),
        port(11, 2, 7, "10.0.0.2"),
        remote(12, 2, 8, "10.0.0.1"),
        remote(13, 2, 9, "10.0.0.3"),
    ]);
    assert_eq!(
        failed(&wanted),
        [
            PlanKey::Port(uuid(11).into()),
            PlanKey::RemotePort(uuid(12).into())
        ]
    );
    let network = &wanted.networks[&NetworkId::from(uuid(2))];
    assert_eq!(network.remotes.len(), 1);
}

#[test]
fn management_carries_no_network_whatever_the_plan_says() {
    let wanted = wanted(&[physical(1, "mgmt", Role::Management), network(2, 1, 100)]);
    assert_eq!(failed(&wanted), [PlanKey::Network(uuid(2).into())]);
    assert!(wanted.networks.is_empty());
}

#[test]
fn a_name_that_makes_no_bridge_of_its_own_is_refused() {
    for bad in ["käse", "with space", "thirteenchars", "a/b", "int"] {
        let wanted = wanted(&[physical(1, bad, Role::Private)]);
        assert_eq!(wanted.failures.len(), 1, "{bad}");
    }
}

fn overlay(id: u128, number: u32, vni: u32) -> PlanItem {
    let PlanItem::Network(mut item) = network(id, number, 1) else {
        unreachable!()
    };
    item.segment = Segment::Vxlan {
        physical_network_id: uuid(1).into(),
        vni: vni.try_into().unwrap(),
    };
    PlanItem::Network(item)
}

fn remote_at(id: u128, network: u128, endpoint: Option<&str>) -> PlanItem {
    let n = u64::try_from(id).unwrap();
    let PlanItem::RemotePort(mut item) = remote(id, network, n, &format!("10.0.0.{n}")) else {
        unreachable!()
    };
    item.endpoint = endpoint.map(|it| it.parse().unwrap());
    PlanItem::RemotePort(item)
}

#[test]
fn an_overlay_reaches_a_port_only_at_an_endpoint_that_is_not_here() {
    let wanted = wanted(&[
        physical(1, "vm", Role::Private),
        overlay(2, 1, 4096),
        overlay(3, 2, 4096),
        remote_at(10, 2, Some("10.254.0.2")),
        remote_at(11, 2, None),
        remote_at(12, 2, Some("10.254.0.1")),
        remote_at(13, 2, Some("fd00::2")),
    ]);
    let remote = |id| PlanKey::RemotePort(uuid(id).into());
    let clash = PlanKey::Network(uuid(3).into());
    assert_eq!(
        failed(&wanted),
        [clash, remote(11), remote(12), remote(13)],
        "{:?}",
        wanted.failures
    );
    let network = &wanted.networks[&NetworkId::from(uuid(2))];
    assert_eq!(network.remotes.len(), 1);
}

#[test]
fn a_host_without_an_endpoint_carries_no_overlay() {
    let mut physical = physical(1, "vm", Role::Private);
    if let PlanItem::PhysicalNetwork(item) = &mut physical {
        item.endpoint = None;
    }
    let wanted = wanted(&[physical, overlay(2, 1, 4096), network(3, 2, 100)]);
    assert_eq!(failed(&wanted), [PlanKey::Network(uuid(2).into())]);
}

#[test]
fn a_port_goes_without_a_pair_that_would_let_it_speak_as_another_or_as_the_gateway() {
    let gateway = MacAddr::gateway(1.try_into().unwrap());
    let foreign = [
        "10.0.0.2".to_owned(),
        "10.0.0.3".to_owned(),
        "10.0.0.0/24".to_owned(),
        "10.0.0.254".to_owned(),
        format!("10.0.0.60@{gateway}"),
        format!("10.0.0.60@{}", MacAddr::local(3)),
    ];
    for pair in foreign {
        let PlanItem::Network(mut net) = network(10, 1, 100) else {
            unreachable!()
        };
        net.subnets.push(PlannedSubnet {
            cidr: "10.0.0.0/24".parse().unwrap(),
            gateway: "10.0.0.254".parse().unwrap(),
            handout: model::Handout::default(),
        });
        let PlanItem::Port(mut own) = port(20, 10, 1, "10.0.0.1") else {
            unreachable!()
        };
        own.allowed = vec![pair.parse().unwrap(), "10.0.0.50".parse().unwrap()];
        let wanted = wanted(&[
            physical(1, "private", Role::Private),
            PlanItem::Network(net),
            PlanItem::Port(own),
            port(21, 10, 2, "10.0.0.2"),
            remote(22, 10, 3, "10.0.0.3"),
        ]);
        let kept = &wanted.ports[&uuid(20).into()].allowed;
        assert_eq!(kept[..], ["10.0.0.50".parse().unwrap()], "{pair}");
        assert_eq!(wanted.failures.len(), 1, "{pair}");
        assert_eq!(wanted.failures[0].key, PlanKey::Port(uuid(20).into()));
    }
}

fn on(id: u128, role: Role, uplink: &str) -> PlanItem {
    let PlanItem::PhysicalNetwork(mut item) = physical(id, &format!("net{id}"), role) else {
        unreachable!()
    };
    item.uplink = uplink.parse().unwrap();
    PlanItem::PhysicalNetwork(item)
}

#[test]
fn physical_networks_share_a_nic_or_bond_by_different_vlans_only() {
    let management = on(9, Role::Management, "eth0");
    for (uplink, fits) in [
        ("eth1", true),
        ("eth0/vlan20", true),
        // The private one has endpoints, and so both speak untagged.
        ("eth0", false),
        ("eth0+eth1/lacp", false),
        ("eth0+eth1/lacp/vlan20", false),
    ] {
        let wanted = wanted(&[on(1, Role::Private, uplink), management.clone()]);
        // Management comes first, whatever its id.
        let kept = wanted.physical_networks.contains_key(&uuid(9).into());
        assert!(kept, "{uplink}");
        assert_eq!(wanted.physical_networks.len() == 2, fits, "{uplink}");
        assert_eq!(wanted.failures.is_empty(), fits, "{uplink}");
    }
}

#[test]
fn bridges_of_nics_that_end_alike_are_not_confused() {
    let wanted = wanted(&[
        on(1, Role::Private, "aaenp129s0f0np0/vlan5"),
        on(2, Role::Public, "bbenp129s0f0np0/vlan6"),
    ]);
    assert_eq!(wanted.physical_networks.len(), 1);
}

#[test]
fn two_physical_networks_on_one_nic_never_share_a_vlan_of_tenants() {
    let second = |it: PlanItem| match it {
        PlanItem::Network(mut item) => {
            item.segment = Segment::Vlan {
                physical_network_id: uuid(5).into(),
                vlan: item.segment.vlan().unwrap(),
            };
            PlanItem::Network(item)
        }
        other => other,
    };
    let wanted = wanted(&[
        on(1, Role::Private, "eth1"),
        on(5, Role::Public, "eth1"),
        network(2, 1, 100),
        second(network(3, 2, 100)),
        second(network(4, 3, 101)),
    ]);
    assert_eq!(failed(&wanted), [PlanKey::Network(uuid(3).into())]);
}

#[test]
fn no_tenant_has_the_vlan_that_another_physical_network_is_on_the_same_nic() {
    let management = on(9, Role::Management, "eth1/vlan100");
    let private = on(1, Role::Private, "eth1");
    let wanted = wanted(&[management, private, network(2, 1, 100), network(3, 2, 101)]);
    assert_eq!(failed(&wanted), [PlanKey::Network(uuid(2).into())]);
}

fn sub_port(id: u128, network: u128, trunk: u128, vlan: u16) -> PlanItem {
    let PlanItem::Port(mut item) = port(id, network, 7, "10.0.0.1") else {
        unreachable!()
    };
    item.on_trunk = Some(OnTrunk {
        trunk_id: uuid(trunk).into(),
        vlan: vlan.try_into().unwrap(),
    });
    PlanItem::Port(item)
}

#[test]
fn a_sub_port_that_its_trunk_cannot_carry_is_not_carried_out() {
    let networks = (2..9).map(|n| {
        network(
            n,
            u32::try_from(n).unwrap(),
            100 + u16::try_from(n).unwrap(),
        )
    });
    let mut items = vec![
        physical(1, "vm", Role::Private),
        port(10, 2, 7, "10.0.0.1"),
        sub_port(11, 3, 10, 5),
        // The tag of another, no trunk, a trunk that is a sub-port, and the trunk's own network.
        sub_port(12, 4, 10, 5),
        sub_port(13, 5, 99, 5),
        sub_port(14, 6, 11, 5),
        PlanItem::Port(PlannedPort {
            mac: MacAddr::local(8),
            addresses: Vec::new(),
            ..match sub_port(15, 2, 10, 6) {
                PlanItem::Port(item) => item,
                _ => unreachable!(),
            }
        }),
    ];
    items.extend(networks);
    let wanted = wanted(&items);
    let refused = [12, 13, 14, 15].map(|id| PlanKey::Port(uuid(id).into()));
    assert_eq!(failed(&wanted), refused);
    let trunk = PortId::from(uuid(10));
    assert_eq!(wanted.sub_ports[&trunk], [PortId::from(uuid(11))]);
}
