//! From the intent to one plan per host: pure, and item by item.
//!
//! [`plan`] is the whole of a host's plan. [`touched`] says which items of which hosts one change
//! may have altered: it looks only at what was written and at the hosts that have its networks,
//! never at the pool.

mod instance;
mod limits;
mod outside;
mod policy;
mod static_route;

pub(crate) use outside::pool;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use model::plan::{
    Generation, HostPlan, PlanItem, PlanKey, PlannedNetwork, PlannedPhysicalNetwork, PlannedPort,
    PlannedRemotePort, PlannedRouter, PlannedSubnet, Trial,
};
use model::{
    DomainName, Host, HostId, HostUplink, MacAddr, Network, NetworkId, PhysicalNetwork,
    PhysicalNetworkId, Port, PortId, Role, RouterId, Subnet, SubnetId, TenantId,
};

use crate::intent::Intent;
use crate::object::Key;

/// Everything this host must be and know, as of the intent's revision.
#[must_use]
pub fn plan(intent: &Intent, host: HostId) -> HostPlan {
    let items = keys(intent, host).into_iter();
    HostPlan {
        generation: Generation(intent.revision),
        items: items
            .filter_map(|key| Some((key, item(intent, host, key)?)))
            .collect(),
    }
}

/// The keys of a host's plan.
#[must_use]
pub fn keys(intent: &Intent, host: HostId) -> BTreeSet<PlanKey> {
    let physical_networks = intent.physical_networks.keys();
    let mut keys: BTreeSet<PlanKey> = physical_networks
        .map(|id| PlanKey::PhysicalNetwork(*id))
        .collect();
    keys.extend(intent.sampling.iter().map(|_| PlanKey::Sampling));
    keys.extend(trial(intent, host).map(|_| PlanKey::Trial));
    let mut networks = BTreeSet::new();
    for port in intent.ports_on(host) {
        keys.insert(PlanKey::Port(port.id));
        let floating = intent.floating_ips_at(port.id).map(|it| it.id);
        let floating = floating.filter(|id| outside::floating_ip(intent, host, *id).is_some());
        keys.extend(floating.map(PlanKey::FloatingIp));
        keys.extend(outside::forwardings_with(intent, host, port.id));
        let groups = port.security_group_ids.iter();
        keys.extend(groups.flat_map(|group| policy::keys_of(intent, *group)));
        if !networks.contains(&port.network_id) {
            networks.extend(intent.joined_to(port.network_id));
        }
    }
    networks.extend(outside::networks_through(intent, host));
    for network in networks {
        keys.insert(PlanKey::Network(network));
        keys.extend(remote_ports(intent, network, host));
        let router = intent.router_of(network);
        keys.extend(router.map(|it| PlanKey::Router(it.id)));
        let external = outside::external_beyond(intent, network);
        keys.extend(external.map(PlanKey::Network));
    }
    let instances = intent.instances_on(host);
    keys.extend(instances.map(|it| PlanKey::Instance(it.instance.id)));
    keys
}

/// The ports of a network that are bound to hosts other than this, where they may meet those here.
fn remote_ports(
    intent: &Intent,
    network: NetworkId,
    host: HostId,
) -> impl Iterator<Item = PlanKey> {
    let meets = intent
        .networks
        .get(&network)
        .is_some_and(|it| they_meet(it));
    let ports = meets
        .then(|| intent.ports_of(network))
        .into_iter()
        .flatten();
    let elsewhere = ports.filter(move |port| is_elsewhere(port, host));
    elsewhere.map(|port| PlanKey::RemotePort(port.id))
}

/// Whether a port is bound to another host. One that migrates may be on standby here all the same.
fn is_elsewhere(port: &Port, host: HostId) -> bool {
    port.host_id.is_some_and(|it| it != host)
}

/// The item under this key in the host's plan, if its plan has one.
#[must_use]
pub fn item(intent: &Intent, host: HostId, key: PlanKey) -> Option<PlanItem> {
    Some(match key {
        PlanKey::PhysicalNetwork(id) => {
            let network = intent.physical_networks.get(&id)?;
            PlanItem::PhysicalNetwork(physical_network(intent, host, network))
        }
        PlanKey::Network(id) => PlanItem::Network(network(intent, host, id)?),
        PlanKey::AddressGroup(id) => {
            PlanItem::AddressGroup(policy::address_group(intent, host, id)?)
        }
        PlanKey::SecurityGroup(id) => {
            PlanItem::SecurityGroup(policy::security_group(intent, host, id)?)
        }
        PlanKey::Port(id) => PlanItem::Port(port(intent, host, id)?),
        PlanKey::RemotePort(id) => PlanItem::RemotePort(remote_port(intent, host, id)?),
        PlanKey::Router(id) => PlanItem::Router(router(intent, host, id)?),
        PlanKey::FloatingIp(id) => PlanItem::FloatingIp(outside::floating_ip(intent, host, id)?),
        PlanKey::PortForwarding(id) => {
            PlanItem::PortForwarding(outside::port_forwarding(intent, host, id)?)
        }
        PlanKey::Instance(id) => {
            let plugged = intent.instances.get(&id)?;
            let instance_of = &plugged.instance;
            // What is switched off is nothing to its host.
            let here =
                instance_of.power == model::Power::On && instance_of.hosts().any(|it| it == host);
            PlanItem::Instance(here.then(|| instance::instance(intent, plugged, host))?)
        }
        PlanKey::Sampling => PlanItem::Sampling(intent.sampling.clone()?),
        PlanKey::Trial => PlanItem::Trial(trial(intent, host)?),
    })
}

fn physical_network(
    intent: &Intent,
    host: HostId,
    network: &PhysicalNetwork,
) -> PlannedPhysicalNetwork {
    let host = intent.hosts.get(&host).map(Arc::as_ref);
    let endpoint = host.and_then(|host| host.endpoint);
    let own = host.and_then(|host| exception(host, network.id));
    let uplink = own.and_then(|it| it.uplink.as_ref());
    PlannedPhysicalNetwork {
        id: network.id,
        name: network.name.clone(),
        role: network.role,
        uplink: uplink.unwrap_or(&network.uplink).clone(),
        address: own.and_then(|it| it.address.clone()),
        vlans: network.vlans.clone(),
        mtu: network.mtu,
        endpoint: network
            .endpoints
            .zip(endpoint)
            .and_then(|(prefix, address)| IpNet::new(address, prefix.prefix_len()).ok()),
    }
}

/// How the host differs from the pool on a physical network.
fn exception(host: &Host, id: PhysicalNetworkId) -> Option<&HostUplink> {
    let mut exceptions = host.uplinks.iter();
    exceptions.find(|it| it.physical_network_id == id)
}

/// How the host tries a change of the way to its controller, if anything was said of that.
fn trial(intent: &Intent, host: HostId) -> Option<Trial> {
    let mut networks = intent.physical_networks.values();
    let management = networks.find(|it| it.role == Role::Management)?;
    let host = intent.hosts.get(&host)?;
    let own = exception(host, management.id).and_then(|it| it.trial);
    own.or(management.trial)
}

fn network(intent: &Intent, host: HostId, id: NetworkId) -> Option<PlannedNetwork> {
    if !has(intent, id, host) && !outside::leads_to(intent, id, host) {
        return None;
    }
    let network = intent.networks.get(&id)?;
    Some(PlannedNetwork {
        id,
        tenant_id: network.tenant_id,
        number: network.number,
        segment: network.segment,
        mtu: network.mtu,
        sharing: network.sharing.clone(),
        subnets: intent.subnets_of(id).map(|it| subnet(it)).collect(),
    })
}

fn subnet(subnet: &Subnet) -> PlannedSubnet {
    PlannedSubnet {
        cidr: subnet.cidr,
        gateway: subnet.gateway,
        handout: subnet.handout.clone(),
    }
}

fn port(intent: &Intent, host: HostId, id: PortId) -> Option<PlannedPort> {
    let port = intent.ports.get(&id)?;
    if !port.hosts().any(|it| it == host) {
        return None;
    }
    let migration = port.migration.filter(|it| it.lit() != Some(host));
    Some(PlannedPort {
        id,
        network_id: port.network_id,
        mac: port.mac,
        addresses: port.addresses.clone(),
        allowed: port.allowed.clone(),
        spoof_guard: port.spoof_guard,
        limits: limits::of(intent, port),
        hostname: hostname(intent, port),
        security_group_ids: port.security_group_ids.clone(),
        on_trunk: port.on_trunk,
        standby: migration.map(|it| it.since),
    })
}

/// An instance is told its own name, anything else that of its port; names that cannot name a host
/// are not told.
fn hostname(intent: &Intent, port: &Port) -> Option<DomainName> {
    let instance = intent.instance_with(port.id);
    let name = instance.map(|plugged| &plugged.instance.name);
    let name: DomainName = name.or(port.name.as_ref())?.as_str().parse().ok()?;
    name.into_host_name()
}

fn remote_port(intent: &Intent, host: HostId, id: PortId) -> Option<PlannedRemotePort> {
    let port = intent.ports.get(&id)?;
    let host_id = port.host_id.filter(|_| is_elsewhere(port, host))?;
    if !has(intent, port.network_id, host) {
        return None;
    }
    let network = intent.networks.get(&port.network_id)?;
    if !they_meet(network) {
        return None;
    }
    let endpoint = intent.hosts.get(&host_id).and_then(|it| it.endpoint);
    Some(PlannedRemotePort {
        id,
        network_id: port.network_id,
        mac: port.mac,
        addresses: port.addresses.clone(),
        virtual_macs: virtual_macs(port),
        spoof_guard: port.spoof_guard,
        hostname: hostname(intent, port),
        security_group_ids: port.security_group_ids.clone(),
        host_id,
        endpoint: endpoint.filter(|_| network.segment.tunnel().is_some()),
    })
}

/// What other hosts must know of a port's address pairs: where to send frames for it. Each once.
fn virtual_macs(port: &Port) -> Vec<MacAddr> {
    let macs: BTreeSet<MacAddr> = port.allowed.iter().filter_map(|pair| pair.mac).collect();
    macs.into_iter().collect()
}

/// Whether a host needs a network: for a port of it, or of one that a router joins to it, because
/// routing is done where the sender is; or because the router's ports get out through this host.
fn has(intent: &Intent, network: NetworkId, host: HostId) -> bool {
    let networks = intent.joined_to(network);
    let mut gateway_hosts = intent.gateway_hosts(network);
    networks.into_iter().any(|it| intent.is_on(it, host)) || gateway_hosts.any(|it| it == host)
}

/// What hosts are told of ports whose limits are others now.
fn limited<'a>(ports: impl Iterator<Item = &'a Port>) -> impl Iterator<Item = (HostId, PlanKey)> {
    ports.flat_map(|port| port.hosts().map(|host| (host, PlanKey::Port(port.id))))
}

/// The hosts that need a network.
fn hosts_with(intent: &Intent, network: NetworkId) -> BTreeSet<HostId> {
    let networks = intent.joined_to(network);
    let hosts = networks.into_iter().flat_map(|it| intent.hosts_of(it));
    hosts.chain(intent.gateway_hosts(network)).collect()
}

fn router(intent: &Intent, host: HostId, id: RouterId) -> Option<PlannedRouter> {
    let router = intent.routers.get(&id)?;
    let hosts = hosts_with(intent, *router.network_ids.first()?);
    if !hosts.contains(&host) {
        return None;
    }
    let others = hosts.iter().filter(|it| **it != host);
    let endpoints = others.filter_map(|it| intent.hosts.get(it)?.endpoint);
    Some(PlannedRouter {
        id,
        network_ids: router.network_ids.clone(),
        mac: MacAddr::router(host),
        endpoints: endpoints.collect(),
        routes: static_route::planned(intent, router),
        gateway: outside::gateway(intent, router, host),
    })
}

/// Whether ports of the network on different hosts have anything to do with each other.
fn they_meet(network: &Network) -> bool {
    !network.sharing.isolated
}

/// The items that may differ between two revisions, given the objects written in between.
/// Whatever is not among them is the same in both.
#[must_use]
pub fn touched(before: &Intent, after: &Intent, written: &[Key]) -> BTreeSet<(HostId, PlanKey)> {
    let mut touched = Touched {
        before,
        after,
        items: BTreeSet::new(),
        moved: BTreeSet::new(),
    };
    for key in written {
        match *key {
            // Hosts see of these only what ports and instances say of them, and no token at all.
            Key::Reservation(_) | Key::AccessToken(_) => {}
            Key::Tenant(id) => touched.tenant(id),
            Key::Subnet(id) => touched.subnet(id),
            Key::Host(id) => touched.host(id),
            Key::PhysicalNetwork(id) => touched.physical_network(id),
            Key::Network(id) => touched.network(id),
            Key::AddressGroup(id) => touched.address_group(id),
            Key::SecurityGroup(id) => touched.security_group(id),
            Key::Router(id) => touched.router(id),
            Key::Gateway(id) => touched.gateway(id),
            Key::FloatingIp(id) => touched.floating_ip(id),
            Key::PortForwarding(id) => touched.port_forwarding(id),
            Key::Port(id) => touched.port(id),
            Key::Cap(id) => {
                let ports = limits::touched_by_cap(before, after, id);
                let ports = ports.iter().filter_map(|id| after.ports.get(id));
                touched.items.extend(limited(ports.map(Arc::as_ref)));
            }
            Key::Instance(id) => touched.instance(id),
        }
    }
    touched.items
}

struct Touched<'a> {
    before: &'a Intent,
    after: &'a Intent,
    items: BTreeSet<(HostId, PlanKey)>,
    /// Networks that came to a host or left it, dealt with already.
    moved: BTreeSet<(HostId, NetworkId)>,
}

impl Touched<'_> {
    fn on_every_host(&mut self, key: PlanKey) {
        let hosts = self.after.hosts.keys();
        self.items.extend(hosts.map(|host| (*host, key)));
    }

    fn physical_network(&mut self, id: PhysicalNetworkId) {
        self.on_every_host(PlanKey::PhysicalNetwork(id));
        let trial = |intent: &Intent| intent.physical_networks.get(&id).and_then(|it| it.trial);
        if trial(self.before) != trial(self.after) {
            self.on_every_host(PlanKey::Trial);
        }
    }

    /// Others see of a host only its endpoint, and that only where they share an overlay with it.
    fn host(&mut self, id: HostId) {
        let endpoint = |intent: &Intent| intent.hosts.get(&id).and_then(|it| it.endpoint);
        let uplinks = |intent: &Intent| intent.hosts.get(&id).map(|it| it.uplinks.clone());
        let moved = endpoint(self.before) != endpoint(self.after);
        if !moved && uplinks(self.before) == uplinks(self.after) {
            return;
        }
        let physical_networks = self.after.physical_networks.keys();
        let items = physical_networks.map(|it| (id, PlanKey::PhysicalNetwork(*it)));
        self.items.extend(items.chain([(id, PlanKey::Trial)]));
        if !moved {
            return;
        }
        for port in self.after.ports_on(id) {
            let router = self.after.router_of(port.network_id);
            let router = router.map(|it| PlanKey::Router(it.id));
            for host in hosts_with(self.after, port.network_id) {
                self.items.insert((host, PlanKey::RemotePort(port.id)));
                self.items.extend(router.map(|key| (host, key)));
            }
        }
        let routers = self.after.gateways_through(id).map(|it| it.router_id);
        let routers: BTreeSet<RouterId> = routers.collect();
        routers.into_iter().for_each(|it| self.way_out(it));
    }

    /// The hosts that need the network, or needed it.
    fn hosts(&self, network: NetworkId) -> BTreeSet<HostId> {
        let mut hosts = hosts_with(self.before, network);
        hosts.extend(hosts_with(self.after, network));
        hosts
    }

    /// What it joins comes to every host that has any of it, or goes; its routes are its own.
    fn router(&mut self, id: RouterId) {
        let versions = [self.before.routers.get(&id), self.after.routers.get(&id)];
        let networks: BTreeSet<NetworkId> = versions
            .into_iter()
            .flatten()
            .flat_map(|router| &router.network_ids)
            .copied()
            .collect();
        let hosts = networks.iter().flat_map(|network| self.hosts(*network));
        let hosts: BTreeSet<HostId> = hosts.collect();
        let joined = versions.map(|it| it.map(|router| &router.network_ids));
        let joins_others = joined[0] != joined[1];
        for host in hosts {
            self.items.insert((host, PlanKey::Router(id)));
            for network in networks.iter().filter(|_| joins_others) {
                self.whole(*network, host);
            }
        }
        self.way_out(id);
        self.floating_ips_behind(id);
    }

    /// All that a host is told of a network.
    fn whole(&mut self, network: NetworkId, host: HostId) {
        self.items.insert((host, PlanKey::Network(network)));
        for intent in [self.before, self.after] {
            let remote = remote_ports(intent, network, host);
            self.items.extend(remote.map(|key| (host, key)));
        }
    }

    fn network(&mut self, id: NetworkId) {
        for host in self.hosts(id) {
            self.items.insert((host, PlanKey::Network(id)));
        }
        self.external(id);
        let limits = |intent: &Intent| intent.networks.get(&id).map(|it| it.limits);
        if limits(self.before) != limits(self.after) {
            let ports = self.after.ports_of(id);
            self.items.extend(limited(ports.map(Arc::as_ref)));
        }
    }

    /// No port has an address of a subnet that comes or goes, but its network tells of it.
    fn subnet(&mut self, id: SubnetId) {
        let versions = [self.before.subnets.get(&id), self.after.subnets.get(&id)];
        let networks: BTreeSet<NetworkId> = versions
            .into_iter()
            .flatten()
            .map(|it| it.network_id)
            .collect();
        for network in networks {
            self.network(network);
            self.instances_beside(network);
            self.static_routes(network, |_| true);
        }
    }

    /// The router of a network, if it has a route by a next hop that this is about.
    fn static_routes(&mut self, network: NetworkId, concerns: impl Fn(IpAddr) -> bool) {
        let Some(router) = self.after.router_of(network) else {
            return;
        };
        if router.routes.iter().any(|route| concerns(route.via)) {
            let key = PlanKey::Router(router.id);
            let items = self.hosts(network).into_iter().map(|host| (host, key));
            self.items.extend(items);
        }
    }

    /// Instances are told the gateways of their networks.
    fn instances_beside(&mut self, network: NetworkId) {
        let ports = self.after.ports_of(network);
        let users = ports.filter_map(|port| self.after.instance_with(port.id));
        let items = users.flat_map(|it| {
            let key = PlanKey::Instance(it.instance.id);
            it.instance.hosts().map(move |host| (host, key))
        });
        let items: Vec<_> = items.collect();
        self.items.extend(items);
    }

    /// Its ports are under its limits, and dark while it is suspended.
    fn tenant(&mut self, id: TenantId) {
        let bounds = |intent: &Intent| {
            let tenant = intent.tenants.get(&id);
            tenant.map(|it| it.limits.and(it.standing.bounds()))
        };
        if bounds(self.before) == bounds(self.after) {
            return;
        }
        let ports = self.after.ports_of_tenant(id);
        let ports = ports.filter_map(|id| self.after.ports.get(&id));
        self.items.extend(limited(ports.map(Arc::as_ref)));
    }

    fn port(&mut self, id: PortId) {
        let versions = [self.before.ports.get(&id), self.after.ports.get(&id)];
        for port in versions.into_iter().flatten() {
            let network = port.network_id;
            for host in self.hosts(network) {
                self.items.insert((host, PlanKey::Port(id)));
                self.items.insert((host, PlanKey::RemotePort(id)));
            }
            for host in port.hosts() {
                self.arrival_or_departure(network, host);
            }
            self.static_routes(network, |via| static_route::has(port, via));
            self.groups_of(port);
            self.floating_ips_at(id);
            self.port_forwardings_at(id);
            if let Some(user) = self.after.instance_with(id) {
                self.instance(user.instance.id);
            }
        }
    }

    /// With its first port of a network a host needs all of the network; without one, nothing.
    fn arrival_or_departure(&mut self, network: NetworkId, host: HostId) {
        let (was, is) = (
            has(self.before, network, host),
            has(self.after, network, host),
        );
        if was == is || !self.moved.insert((host, network)) {
            return;
        }
        self.external_of(network, host);
        for intent in [self.before, self.after] {
            for joined in intent.joined_to(network) {
                self.whole(joined, host);
            }
            // Other hosts know of a router where it is.
            if let Some(router) = intent.router_of(network) {
                let hosts = self.hosts(network).into_iter();
                let items = hosts.map(|it| (it, PlanKey::Router(router.id)));
                self.items.extend(items);
            }
        }
    }

    fn instance(&mut self, id: model::InstanceId) {
        let versions = [
            self.before.instances.get(&id),
            self.after.instances.get(&id),
        ];
        for plugged in versions.into_iter().flatten() {
            let own = plugged.instance.hosts();
            self.items
                .extend(own.map(|host| (host, PlanKey::Instance(id))));
            // A port is called what the instance that uses it is called, on every host.
            for id in &plugged.port_ids {
                let own = plugged.instance.hosts();
                self.items
                    .extend(own.map(|host| (host, PlanKey::Port(*id))));
                let network = self.after.ports.get(id).map(|port| port.network_id);
                let hosts = network.map(|network| self.hosts(network));
                let items = hosts.into_iter().flatten();
                self.items
                    .extend(items.map(|host| (host, PlanKey::RemotePort(*id))));
            }
        }
    }
}
