//! The same, of ways to external networks.

use std::num::NonZeroU16;

use api::backend::Outcome;
use api::request::{
    FloatingIpCreate, FloatingIpUpdate, GatewayCreate, NetworkCreate, NetworkKind,
    PortForwardingCreate, Setting, SubnetCreate,
};
use model::{FloatingIpId, ForwardedProtocol, Handout, Sharing, Snat};

use super::{Op, id, name};
use crate::fleet::Observed;
use crate::intent::Intent;
use crate::object::{Noun, Write};
use crate::service::{floating_ip, gateway, network, port_forwarding, subnet};

pub(super) fn decide(intent: &Intent, op: &Op) -> Outcome<Vec<Write>> {
    match *op {
        Op::External { tenant, name: it } => external(intent, tenant, it),
        Op::Gateway {
            router,
            network,
            snat,
        } => {
            let hosts = intent.hosts.keys().rev();
            let request = GatewayCreate {
                router_id: id(intent, Noun::Router, router),
                network_id: external_id(intent, network),
                snat: Some(snat.map_or(Snat::Off, |_| Snat::On)),
                host_ids: hosts.take(snat.unwrap_or(0).into()).copied().collect(),
            };
            gateway::create(intent, request, &Observed::default()).map(|draft| draft.writes)
        }
        Op::FloatingIp {
            tenant,
            network,
            port,
        } => {
            let request = FloatingIpCreate {
                tenant_id: id(intent, Noun::Tenant, tenant),
                network_id: external_id(intent, network),
                family: None,
                address: None,
                port_id: port.map(|port| id(intent, Noun::Port, port)),
                port_address: None,
            };
            floating_ip::create(intent, request).map(|draft| draft.writes)
        }
        Op::Float { floating, port } => {
            let floating: FloatingIpId = id(intent, Noun::FloatingIp, floating);
            let request = FloatingIpUpdate {
                port_id: port.map_or(Setting::Removed, |port| {
                    Setting::To(id(intent, Noun::Port, port))
                }),
                port_address: None,
            };
            floating_ip::update(intent, floating, request).map(|draft| draft.writes)
        }
        Op::Forward {
            floating,
            port,
            second,
        } => {
            let request = PortForwardingCreate {
                floating_ip_id: id(intent, Noun::FloatingIp, floating),
                protocol: ForwardedProtocol::Tcp,
                external_port: NonZeroU16::new(80 + u16::from(second)).unwrap(),
                port_id: id(intent, Noun::Port, port),
                port_address: None,
                internal_port: None,
            };
            port_forwarding::create(intent, &request).map(|draft| draft.writes)
        }
        _ => Ok(Vec::new()),
    }
}

/// An external network that has all that a way out needs, or the first network there is.
fn external_id(intent: &Intent, index: u8) -> model::NetworkId {
    let all = intent.networks.values();
    let external: Vec<_> = all.filter(|it| it.sharing.external).collect();
    let found = external.get(usize::from(index) % external.len().max(1));
    found.map_or_else(|| id(intent, Noun::Network, index), |it| it.id)
}

fn external(intent: &Intent, tenant: u8, number: u8) -> Outcome<Vec<Write>> {
    let request = NetworkCreate {
        tenant_id: id(intent, Noun::Tenant, tenant),
        name: name("x", number),
        kind: NetworkKind::Vlan,
        physical_network_id: Some(id(intent, Noun::PhysicalNetwork, 0)),
        vlan: None,
        vni: None,
        mtu: None,
        limits: model::Limits::default(),
        sharing: Sharing {
            external: true,
            shared: true,
            isolated: false,
            gateway_macs: vec!["00:00:5e:00:01:07".parse().unwrap()],
        },
    };
    let made = network::create(intent, request, &Observed::default())?;
    let mut after = intent.clone();
    after.apply(intent.revision, &made.writes);
    let request = SubnetCreate {
        network_id: made.answer.id,
        name: None,
        cidr: "203.0.113.0/28".parse().unwrap(),
        gateway: None,
        pools: None,
        handout: Handout::default(),
    };
    let mut writes = made.writes;
    writes.extend(subnet::create(&after, request)?.writes);
    Ok(writes)
}
