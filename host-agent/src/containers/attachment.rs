//! How a port looks to whoever is plugged into it. Pure.

use std::net::IpAddr;

use ipnet::IpNet;
use model::plan::{HostPlan, PlanItem, PlanKey, PlannedInterface, PlannedNetwork, PlannedPort};
use model::{DomainName, MacAddr, PortId, Route};
use serde::{Deserialize, Serialize};

use crate::respond::PortConfig;

/// How a container is plugged in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// The link on the host.
    pub link: String,
    /// Which port, with its addresses and gateways.
    #[serde(flatten)]
    pub interface: PlannedInterface,
    /// Routes besides those to the gateways.
    pub routes: Vec<Route>,
    /// Resolvers, in order of preference.
    pub resolvers: Vec<IpAddr>,
    /// The domain that short names are looked up in.
    pub domain: Option<DomainName>,
}

impl Attachment {
    /// The port as the plan has it; none, if it is not in the plan or comes with a trunk.
    #[must_use]
    pub fn of(plan: &HostPlan, id: PortId, link: &str) -> Option<Self> {
        let Some(PlanItem::Port(port)) = plan.items.get(&PlanKey::Port(id)) else {
            return None;
        };
        let network = plan.items.get(&PlanKey::Network(port.network_id));
        match network {
            Some(PlanItem::Network(network)) if port.on_trunk.is_none() => {
                Some(Self::made(port, network, link))
            }
            _ => None,
        }
    }

    fn made(port: &PlannedPort, network: &PlannedNetwork, link: &str) -> Self {
        let config = PortConfig {
            mac: port.mac,
            gateway_mac: MacAddr::gateway(network.number),
            mtu: network.mtu,
            hostname: port.hostname.as_ref(),
            addresses: &port.addresses,
            subnets: &network.subnets,
            names: &[],
            routing: None,
        };
        let routes = config.own_subnets().flat_map(|it| &it.handout.routes);
        Self {
            link: link.to_owned(),
            interface: interface(port, network),
            routes: routes.copied().collect(),
            resolvers: config.all_resolvers(),
            domain: config.domain().cloned(),
        }
    }
}

fn interface(port: &PlannedPort, network: &PlannedNetwork) -> PlannedInterface {
    let mut addresses = Vec::new();
    let mut gateways: Vec<IpAddr> = Vec::new();
    for address in &port.addresses {
        let mut subnets = network.subnets.iter();
        let Some(subnet) = subnets.find(|it| it.cidr.contains(address)) else {
            continue;
        };
        addresses.extend(IpNet::new(*address, subnet.cidr.prefix_len()));
        // The first subnet of a family gives its gateway.
        let gateway = subnet.gateway;
        let has_one = gateways.iter().any(|it| it.is_ipv4() == gateway.is_ipv4());
        if !has_one && gateway != *address {
            gateways.push(gateway);
        }
    }
    PlannedInterface {
        port_id: port.id,
        mac: port.mac,
        addresses,
        gateways,
        mtu: network.mtu,
    }
}
