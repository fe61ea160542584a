//! What hosts are told of ways to external networks: each its own address there, and the floating IPs of
//! its own ports.

mod forwarding;

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::{IpNet, IpSubnets, Ipv4Subnets, Ipv6Subnets};
use model::plan::{PlanKey, PlannedFloatingIp, PlannedGateway, PlannedGatewayHost};
use model::{
    Family, FloatingIp, FloatingIpId, Gateway, GatewayId, HostId, MacAddr, NetworkId, PortId,
    Router, RouterId,
};

use super::Touched;
use crate::intent::Intent;
pub(super) use forwarding::{forwardings_with, port_forwarding};

/// The external network that a host needs because it has ports of this one.
pub(super) fn external_beyond(intent: &Intent, network: NetworkId) -> Option<NetworkId> {
    Some(intent.way_out_of(network)?.network_id)
}

/// Whether the host's ports have a way out by this network.
pub(super) fn leads_to(intent: &Intent, network: NetworkId, host: HostId) -> bool {
    if intent.gateways_to(network).next().is_none() {
        return false;
    }
    let networks = intent.ports_on(host).map(|it| it.network_id);
    let networks: BTreeSet<NetworkId> = networks.chain(networks_through(intent, host)).collect();
    let mut beyond = networks.into_iter();
    beyond.any(|it| external_beyond(intent, it) == Some(network))
}

pub(super) fn gateway(intent: &Intent, router: &Router, host: HostId) -> Option<PlannedGateway> {
    let gateway = intent.gateway_of(router.id)?;
    let network = intent.networks.get(&gateway.network_id)?;
    let hosts = gateway_hosts(intent, gateway);
    let snat = match hosts.iter().any(|it| it.mac == MacAddr::router(host)) {
        true => gateway.addresses.first(),
        false if gateway.host_ids.is_empty() => {
            gateway.addresses.iter().find(|it| it.host_id == host)
        }
        false => None,
    };
    Some(PlannedGateway {
        network_id: network.id,
        mac: network.sharing.gateway_mac(Family::Ipv4)?,
        mac_v6: network
            .sharing
            .gateway_mac(Family::Ipv6)
            .filter(|_| has_v6(intent, network.id)),
        snat: snat.map(|it| it.address),
        hosts,
        pool: pool(intent, network.id),
    })
}

fn has_v6(intent: &Intent, network: NetworkId) -> bool {
    let mut subnets = intent.subnets_of(network);
    subnets.any(|it| it.cidr.addr().is_ipv6())
}

/// Those that others can hear, in order.
fn gateway_hosts(intent: &Intent, gateway: &Gateway) -> Vec<PlannedGatewayHost> {
    let hosts = gateway.host_ids.iter();
    let hosts = hosts.filter_map(|id| {
        Some(PlannedGatewayHost {
            mac: MacAddr::router(*id),
            endpoint: intent.hosts.get(id)?.endpoint?,
        })
    });
    hosts.collect()
}

/// The networks that a host has only as a gateway host, or has anyway: those of such routers.
pub(super) fn networks_through(
    intent: &Intent,
    host: HostId,
) -> impl Iterator<Item = NetworkId> + '_ {
    let gateways = intent.gateways_through(host);
    let routers = gateways.filter_map(|it| intent.routers.get(&it.router_id));
    routers.flat_map(|router| router.network_ids.iter().copied())
}

/// The addresses that a network gives out, as prefixes.
pub(crate) fn pool(intent: &Intent, network: NetworkId) -> Vec<IpNet> {
    let subnets = intent.subnets_of(network);
    let ranges = subnets.flat_map(|subnet| &subnet.pools);
    let prefixes = ranges.filter_map(|range| match (range.first, range.last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => Some(Ipv4Subnets::new(first, last, 0).into()),
        (IpAddr::V6(first), IpAddr::V6(last)) => Some(Ipv6Subnets::new(first, last, 0).into()),
        _ => None,
    });
    prefixes.flat_map(|it: IpSubnets| it).collect()
}

pub(super) fn floating_ip(
    intent: &Intent,
    host: HostId,
    id: FloatingIpId,
) -> Option<PlannedFloatingIp> {
    let floating = intent.floating_ips.get(&id)?;
    let bound = floating.bound?;
    let port = intent.ports.get(&bound.port_id)?;
    if port.host_id != Some(host) {
        return None;
    }
    let leads = external_beyond(intent, port.network_id);
    (leads == Some(floating.network_id)).then_some(PlannedFloatingIp {
        id,
        network_id: floating.network_id,
        address: floating.address,
        port_id: port.id,
        inner: bound.address,
    })
}

/// Where the port of a floating IP is.
fn place(intent: &Intent, floating: &FloatingIp) -> Option<HostId> {
    intent.ports.get(&floating.bound?.port_id)?.host_id
}

impl Touched<'_> {
    /// On the hosts of its router everything of it, if it is new or gone; otherwise only addresses are
    /// others.
    pub(super) fn gateway(&mut self, id: GatewayId) {
        let versions = [self.before, self.after].map(|it| it.gateways.get(&id).cloned());
        let leads = |it: &Gateway| (it.router_id, it.network_id, it.snat);
        let [before, after] = &versions;
        let same = before.as_deref().map(leads) == after.as_deref().map(leads);
        for gateway in versions.iter().flatten() {
            self.gateway_hosts(gateway);
            self.way_out(gateway.router_id);
            if !same {
                self.floating_ips_of(gateway);
            }
        }
    }

    /// Gateway hosts need all that their router joins, and other hosts hear of them.
    fn gateway_hosts(&mut self, gateway: &Gateway) {
        let routers = [self.before, self.after].map(|it| it.routers.get(&gateway.router_id));
        for router in routers.into_iter().flatten() {
            for network in &router.network_ids {
                for host in &gateway.host_ids {
                    self.whole(*network, *host);
                }
            }
        }
    }

    /// What hosts know of a router's way out.
    pub(super) fn way_out(&mut self, id: RouterId) {
        for intent in [self.before, self.after] {
            let Some(router) = intent.routers.get(&id) else {
                continue;
            };
            let networks = router.network_ids.iter();
            let hosts = networks.flat_map(|network| self.hosts(*network));
            let hosts: BTreeSet<HostId> = hosts.collect();
            let external = [self.before, self.after].map(|it| it.gateway_of(id));
            let external = external.into_iter().flatten();
            let keys = external.map(|it| PlanKey::Network(it.network_id));
            let keys: Vec<PlanKey> = keys.chain([PlanKey::Router(id)]).collect();
            for host in hosts {
                self.items.extend(keys.iter().map(|key| (host, *key)));
            }
        }
    }

    fn floating_ips_of(&mut self, gateway: &Gateway) {
        for intent in [self.before, self.after] {
            let all = intent.floating_ips_of(gateway.tenant_id);
            let placed = all.filter_map(|it| Some((place(intent, it)?, it.id)));
            let items = placed.map(|(host, id)| (host, PlanKey::FloatingIp(id)));
            self.items.extend(items);
            let all = intent.floating_ips_of(gateway.tenant_id);
            let ids: Vec<FloatingIpId> = all.map(|it| it.id).collect();
            for id in ids {
                self.forwardings_of(id);
            }
        }
    }

    /// The floating IPs of all ports behind a router.
    pub(super) fn floating_ips_behind(&mut self, id: RouterId) {
        let gateways = [self.before, self.after].map(|it| it.gateway_of(id).cloned());
        for gateway in gateways.iter().flatten() {
            self.floating_ips_of(gateway);
        }
    }

    pub(super) fn floating_ip(&mut self, id: FloatingIpId) {
        for intent in [self.before, self.after] {
            let floating = intent.floating_ips.get(&id);
            let host = floating.and_then(|it| place(intent, it));
            self.items
                .extend(host.map(|it| (it, PlanKey::FloatingIp(id))));
        }
    }

    pub(super) fn floating_ips_at(&mut self, port: PortId) {
        for intent in [self.before, self.after] {
            let ids: Vec<FloatingIpId> = intent.floating_ips_at(port).map(|it| it.id).collect();
            for id in ids {
                self.floating_ip(id);
            }
        }
    }

    /// What is said of an external network to hosts that have nothing but a way out by it.
    pub(super) fn external(&mut self, id: NetworkId) {
        let mut routers = BTreeSet::new();
        for intent in [self.before, self.after] {
            routers.extend(intent.gateways_to(id).map(|it| it.router_id));
        }
        for router in routers {
            self.way_out(router);
        }
    }

    /// The first port behind a router brings the external network to a host, the last one takes it away.
    pub(super) fn external_of(&mut self, network: NetworkId, host: HostId) {
        let beyond = [self.before, self.after].map(|it| external_beyond(it, network));
        let keys = beyond.into_iter().flatten().map(PlanKey::Network);
        self.items.extend(keys.map(|key| (host, key)));
    }
}
