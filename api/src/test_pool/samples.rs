//! One object of each noun, for tests.

use model::billing::{Bill, RatePoint};
use model::plan::Generation;

use super::*;

/// The only valid token, and who bears it.
pub(crate) const TOKEN: &str = "token-of-the-tests";
pub(crate) const ACTOR: &str = "admin";

/// The answer to every change of the topology.
pub(crate) const ACCEPTED: Accepted = Accepted {
    generation: Generation(7),
    changed: true,
};

pub(crate) fn tenant(name: &str) -> Tenant {
    Tenant {
        id: TenantId::generate(),
        name: name.parse().unwrap(),
        standing: Standing::default(),
        quota: Quota::default(),
        limits: Limits::default(),
        created_at: Timestamp::from_unix_seconds(1_700_000_000),
    }
}

pub(crate) fn physical_network(name: &str) -> PhysicalNetwork {
    PhysicalNetwork {
        id: PhysicalNetworkId::generate(),
        name: name.parse().unwrap(),
        role: Role::Private,
        uplink: "eth1".parse().unwrap(),
        vlans: Some("100-199".parse().unwrap()),
        native_vlan: VlanId::DEFAULT_NATIVE,
        mtu: 1500,
        endpoints: None,
        trial: None,
        created_at: Timestamp::from_unix_seconds(1_700_000_000),
    }
}

pub(crate) fn network(name: &str, vlan: u16) -> Network {
    Network {
        id: NetworkId::generate(),
        tenant_id: TenantId::generate(),
        name: name.parse().unwrap(),
        number: NetworkNumber::try_from(u32::from(vlan)).unwrap(),
        segment: Segment::Vlan {
            physical_network_id: PhysicalNetworkId::generate(),
            vlan: vlan.try_into().unwrap(),
        },
        mtu: 1500,
        sharing: Sharing::default(),
        limits: Limits::default(),
        created_at: Timestamp::from_unix_seconds(1_700_000_000 + i64::from(vlan)),
    }
}

pub(crate) fn router(name: &str) -> Router {
    Router {
        id: RouterId::generate(),
        tenant_id: TenantId::generate(),
        name: name.parse().unwrap(),
        network_ids: vec![NetworkId::generate()],
        routes: Vec::new(),
        created_at: Timestamp::from_unix_seconds(1_700_000_000),
    }
}

pub(crate) fn subnet(cidr: &str) -> Subnet {
    let cidr: ipnet::IpNet = cidr.parse().unwrap();
    let pool = AddressRange::of_hosts(cidr);
    Subnet {
        id: SubnetId::generate(),
        tenant_id: TenantId::generate(),
        network_id: NetworkId::generate(),
        name: Some("subnet".parse().unwrap()),
        cidr,
        gateway: pool.first,
        pools: vec![pool],
        handout: model::Handout::default(),
        created_at: Timestamp::from_unix_seconds(1_700_000_000),
    }
}

pub(crate) fn reservation(addresses: AddressRange) -> Reservation {
    Reservation {
        id: ReservationId::generate(),
        tenant_id: TenantId::generate(),
        network_id: NetworkId::generate(),
        name: Some("kept".parse().unwrap()),
        addresses,
        quarantine: None,
        created_at: Timestamp::from_unix_seconds(1_700_000_000),
    }
}

pub(crate) fn gateway(router_id: RouterId, network_id: NetworkId) -> Gateway {
    Gateway {
        id: GatewayId::generate(),
        tenant_id: TenantId::generate(),
        router_id,
        network_id,
        snat: Snat::On,
        host_ids: Vec::new(),
        addresses: vec![SnatAddress {
            host_id: HostId::generate(),
            address: [203, 0, 113, 9].into(),
        }],
        created_at: Timestamp::from_unix_seconds(1_700_000_000),
    }
}

pub(crate) fn floating_ip(network_id: NetworkId) -> FloatingIp {
    FloatingIp {
        id: FloatingIpId::generate(),
        tenant_id: TenantId::generate(),
        network_id,
        address: [203, 0, 113, 7].into(),
        bound: Some(BoundTo {
            port_id: PortId::generate(),
            address: [10, 0, 0, 5].into(),
        }),
        created_at: Timestamp::from_unix_seconds(1_700_000_000),
    }
}

pub(crate) fn port_forwarding(floating: FloatingIpId, port: PortId) -> PortForwarding {
    PortForwarding {
        id: PortForwardingId::generate(),
        tenant_id: TenantId::generate(),
        floating_ip_id: floating,
        protocol: ForwardedProtocol::Tcp,
        external_port: 443.try_into().unwrap(),
        port_id: port,
        port_address: [10, 0, 0, 5].into(),
        internal_port: 8443.try_into().unwrap(),
        created_at: Timestamp::from_unix_seconds(1_700_000_000),
    }
}

pub(crate) fn port(name: Option<&str>) -> PortView {
    let port = Port {
        id: PortId::generate(),
        tenant_id: TenantId::generate(),
        network_id: NetworkId::generate(),
        name: name.map(|name| name.parse().unwrap()),
        mac: MacAddr::local(7),
        addresses: vec!["10.0.0.5".parse().unwrap()],
        security_group_ids: Vec::new(),
        allowed: Vec::new(),
        spoof_guard: SpoofGuard::On,
        limits: Limits::default(),
        host_id: Some(HostId::generate()),
        on_trunk: None,
        migration: None,
        instance_id: Some(InstanceId::generate()),
        created_at: Timestamp::from_unix_seconds(1_700_000_000),
    };
    let status = PortStatus::default();
    PortView { port, status }
}

pub(crate) fn sub_port(id: PortId, trunk_id: PortId, vlan: VlanId) -> SubPort {
    SubPort {
        id,
        tenant_id: TenantId::generate(),
        network_id: NetworkId::generate(),
        name: None,
        trunk_id,
        vlan,
    }
}

pub(crate) fn instance(name: &str) -> InstanceView {
    InstanceView {
        instance: Instance {
            id: InstanceId::generate(),
            tenant_id: TenantId::generate(),
            name: name.parse().unwrap(),
            host_id: HostId::generate(),
            driver: Driver::Netns,
            boot: None,
            power: Power::On,
            migration: None,
            stayed: None,
            created_at: Timestamp::from_unix_seconds(1_700_000_000),
        },
        port_ids: vec![PortId::generate()],
        status: InstanceStatus {
            running: true,
            handle: None,
            reason: None,
        },
    }
}

pub(crate) fn host(name: &str) -> HostView {
    HostView {
        host: Host {
            id: HostId::generate(),
            name: name.parse().unwrap(),
            endpoint: None,
            uplinks: Vec::new(),
            created_at: Timestamp::from_unix_seconds(1_700_000_000),
        },
        status: HostStatus::default(),
    }
}

pub(crate) fn fabric_check() -> FabricCheck {
    FabricCheck {
        id: FabricCheckId::generate(),
        scope: FabricScope {
            vlan: Some(103.try_into().unwrap()),
            vlans: VlanChoice::InUse,
            host_id: Some(HostId::generate()),
            physical_network_id: Some(PhysicalNetworkId::generate()),
        },
        state: FabricState::Done,
        created_at: Timestamp::from_unix_seconds(1_700_000_000),
        finished_at: Some(Timestamp::from_unix_seconds(1_700_000_001)),
        findings: Vec::new(),
        paths: Vec::new(),
        losses: Vec::new(),
    }
}

pub(crate) fn tunnel(state: TunnelState) -> TunnelView {
    TunnelView {
        id: Uuid::from_u128(1),
        host_id: HostId::generate(),
        peer_host_id: Some(HostId::generate()),
        tunnel: Tunnel {
            kind: Encapsulation::Vxlan,
            peer: [10, 254, 0, 2].into(),
            state,
            diagnostic: Some("Control Detection Time Expired".to_owned()),
        },
        since: Timestamp::from_unix_seconds(1_700_000_000),
    }
}

pub(crate) fn event(id: u64, kind: EventKind) -> Event {
    Event {
        id,
        at: Timestamp::from_unix_seconds(1_700_000_000),
        kind,
        host_id: Some(HostId::generate()),
        tenant_id: Some(TenantId::generate()),
        noun: Some("port".to_owned()),
        object_id: Some(Uuid::now_v7()),
        revision: Some(7),
        message: "something happened".to_owned(),
    }
}

pub(crate) fn trace() -> Trace {
    Trace {
        verdict: Verdict::Dropped,
        message: "nobody gets it".to_owned(),
        advice: None,
        rules: Vec::new(),
        port_ids: Vec::new(),
        hosts: Vec::new(),
    }
}

/// A bill of November 2026 with one line for this, and this course.
pub(crate) fn november(what: &str, course: Vec<RatePoint>) -> Bill {
    let json = serde_json::json!({
        "tenant_id": Uuid::nil(), "period": "2026-11", "timezone": "UTC",
        "from": "2026-11-01T00:00:00Z", "to": "2026-12-01T00:00:00Z",
        "as_of": "2026-11-22T12:00:00Z", "seal": null, "rate_plan": "standard",
        "currency": "EUR", "lines": [{
            "what": what, "quantity": "1.5", "unit": "GB", "price": "2", "amount": "3.00",
        }],
        "total": "3.00", "classes": [], "adjustments": [], "rates": [], "ports": [],
        "slots": 3, "slots_silent": 1, "unread_seconds": 0, "course": course,
    });
    serde_json::from_value(json).unwrap()
}
