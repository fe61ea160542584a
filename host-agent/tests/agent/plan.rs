//! Plans for tests: two tenants with the same addresses on one physical network.

use model::plan::{
    Generation, HostPlan, PlanItem, PlannedNetwork, PlannedPhysicalNetwork, PlannedPort,
    PlannedRemotePort, PlannedSecurityGroup, Sampling,
};
use model::{
    Direction, HostId, MacAddr, Role, Rule, RuleForm, Segment, Sharing, TenantId, Tracking,
};
use uuid::Uuid;

/// The physical network, carried by a NIC that the dummy switch makes up.
pub(crate) const PHYSICAL: u128 = 1;
/// One tenant's network, on VLAN 100.
pub(crate) const RED: u128 = 0x10;
/// The other's, on VLAN 101.
pub(crate) const BLUE: u128 = 0x20;

/// A security group that lets everything through, each packet for itself.
pub(crate) const OPEN: u128 = 0x30;

pub(crate) fn uuid(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

pub(crate) fn physical() -> PlanItem {
    PlanItem::PhysicalNetwork(PlannedPhysicalNetwork {
        id: uuid(PHYSICAL).into(),
        name: "vm".parse().unwrap(),
        role: Role::Private,
        uplink: "nic1".parse().unwrap(),
        address: None,
        vlans: Some("100-199".parse().unwrap()),
        mtu: 1600,
        endpoint: None,
    })
}

pub(crate) fn network(id: u128, number: u32, vlan: u16) -> PlanItem {
    PlanItem::Network(PlannedNetwork {
        id: uuid(id).into(),
        tenant_id: TenantId::from(uuid(id)),
        number: number.try_into().unwrap(),
        segment: Segment::Vlan {
            physical_network_id: uuid(PHYSICAL).into(),
            vlan: vlan.try_into().unwrap(),
        },
        mtu: 1500,
        sharing: Sharing::default(),
        subnets: Vec::new(),
    })
}

pub(crate) fn open() -> PlanItem {
    let rule = |(direction, n)| Rule {
        id: uuid(n).into(),
        allows: RuleForm::new(direction).check().unwrap(),
    };
    let rules = [(Direction::Ingress, 1), (Direction::Egress, 2)].map(rule);
    PlanItem::SecurityGroup(PlannedSecurityGroup {
        id: uuid(OPEN).into(),
        number: 1.try_into().unwrap(),
        tracking: Tracking::Stateless,
        rules: rules.into(),
    })
}

/// The port `10.0.0.<n>` of a network; its id is the network's and `n`.
pub(crate) fn port(network: u128, n: u8) -> PlanItem {
    PlanItem::Port(PlannedPort {
        id: port_id(network, n).into(),
        network_id: uuid(network).into(),
        mac: MacAddr::local(n.into()),
        addresses: vec![[10, 0, 0, n].into()],
        allowed: Vec::new(),
        spoof_guard: model::SpoofGuard::On,
        limits: model::Limits::default(),
        hostname: None,
        security_group_ids: vec![uuid(OPEN).into()],
        on_trunk: None,
        standby: None,
    })
}

pub(crate) fn remote_port(network: u128, n: u8) -> PlanItem {
    PlanItem::RemotePort(PlannedRemotePort {
        id: port_id(network, n).into(),
        network_id: uuid(network).into(),
        mac: MacAddr::local(n.into()),
        addresses: vec![[10, 0, 0, n].into()],
        virtual_macs: Vec::new(),
        spoof_guard: model::SpoofGuard::On,
        hostname: None,
        security_group_ids: Vec::new(),
        host_id: HostId::from(uuid(0xff)),
        endpoint: None,
    })
}

pub(crate) fn port_id(network: u128, n: u8) -> Uuid {
    uuid(network << 8 | u128::from(n))
}

pub(crate) fn sampling(rate: u32) -> PlanItem {
    PlanItem::Sampling(Sampling {
        collector: "127.0.0.1:6343".parse().unwrap(),
        rate,
        header_bytes: 128,
        polling_seconds: 10,
        way: model::SampleWay::Datagrams,
    })
}

pub(crate) fn plan(generation: u64, items: &[PlanItem]) -> HostPlan {
    HostPlan {
        generation: Generation(generation),
        items: items.iter().map(|it| (it.key(), it.clone())).collect(),
    }
}

/// Two ports of red, one of blue with the same address as red's first, one remote port of red.
pub(crate) fn two_tenants(generation: u64) -> HostPlan {
    plan(
        generation,
        &[
            physical(),
            open(),
            network(RED, 1, 100),
            network(BLUE, 2, 101),
            port(RED, 1),
            port(RED, 2),
            remote_port(RED, 3),
            port(BLUE, 1),
            sampling(64),
        ],
    )
}
