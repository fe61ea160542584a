//! The whole intent in memory: every object, and what is needed to decide about one of them
//! without looking at the others.
//!
//! All maps are persistent: a clone is a copy of a few pointers, so every revision is a value of
//! its own that readers keep as long as they like. Nothing here checks anything: [`service`]
//! decides what may be written, this only keeps the indices true.
//!
//! [`service`]: crate::service

mod access;
mod addresses;
mod caps;
mod counts;
mod free;
mod instances;
mod kept;
mod moving;
mod objects;
mod outside;
mod policy;
#[cfg(test)]
mod tests;
mod walk;

pub(crate) use counts::counted;
pub(crate) use outside::Borrower;

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;

use imbl::{OrdMap, OrdSet};
use model::plan::Sampling;
use model::{
    AccessToken, AccessTokenId, AddressGroup, AddressGroupId, AddressRange, Cap, CapId,
    Encapsulation, FloatingIp, FloatingIpId, Gateway, GatewayId, Host, HostId, Id, InstanceId,
    MacAddr, Network, NetworkId, PhysicalNetwork, PhysicalNetworkId, Port, PortForwarding,
    PortForwardingId, PortId, Quota, Reservation, ReservationId, Router, RouterId, SecurityGroup,
    SecurityGroupId, Segment, Subnet, SubnetId, Tenant, TenantId, VlanId, Vni,
};
use uuid::Uuid;

use self::access::GivenOut;
use self::caps::Capped;
use self::counts::Counts;
use self::free::FreeAddresses;
use self::kept::Kept;
use self::outside::Lent;
use self::policy::Groups;
use self::walk::Walk;
use crate::object::{Key, Object, PluggedInstance, ScopedName, Write};

/// Everything that operators and hosts asked for, as of one revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Intent {
    /// Increases by one with every change, and with every start of the controller.
    pub revision: u64,
    /// How hosts sample their traffic: from the command line, the same for all.
    pub sampling: Option<Sampling>,
    /// How much of the pool a tenant may have of whom nothing else is said: from the command line, too.
    pub default_quota: Quota,
    /// The largest network number ever given: numbers are never used again.
    pub last_network_number: u32,
    /// The same of security groups.
    pub last_security_group_number: u32,

    pub(crate) tenants: OrdMap<TenantId, Arc<Tenant>>,
    pub(crate) physical_networks: OrdMap<PhysicalNetworkId, Arc<PhysicalNetwork>>,
    pub(crate) hosts: OrdMap<HostId, Arc<Host>>,
    pub(crate) networks: OrdMap<NetworkId, Arc<Network>>,
    pub(crate) subnets: OrdMap<SubnetId, Arc<Subnet>>,
    pub(crate) reservations: OrdMap<ReservationId, Arc<Reservation>>,
    pub(crate) address_groups: OrdMap<AddressGroupId, Arc<AddressGroup>>,
    pub(crate) security_groups: OrdMap<SecurityGroupId, Arc<SecurityGroup>>,
    pub(crate) routers: OrdMap<RouterId, Arc<Router>>,
    pub(crate) gateways: OrdMap<GatewayId, Arc<Gateway>>,
    pub(crate) floating_ips: OrdMap<FloatingIpId, Arc<FloatingIp>>,
    pub(crate) port_forwardings: OrdMap<PortForwardingId, Arc<PortForwarding>>,
    pub(crate) ports: OrdMap<PortId, Arc<Port>>,
    pub(crate) caps: OrdMap<CapId, Arc<Cap>>,
    pub(crate) instances: OrdMap<InstanceId, Arc<PluggedInstance>>,
    pub(crate) tokens: OrdMap<AccessTokenId, Arc<AccessToken>>,

    names: OrdMap<ScopedName, Uuid>,
    networks_by_tenant: OrdSet<(TenantId, NetworkId)>,
    routers_by_tenant: OrdSet<(TenantId, RouterId)>,
    routers_by_network: OrdMap<NetworkId, RouterId>,
    ports_by_tenant: OrdSet<(TenantId, PortId)>,
    instances_by_tenant: OrdSet<(TenantId, InstanceId)>,
    segments: OrdMap<Segment, NetworkId>,
    vnis: OrdMap<Vni, NetworkId>,
    endpoints: OrdMap<IpAddr, HostId>,
    free: FreeAddresses,
    walk: Walk,
    kept: Kept,
    lent: Lent,
    capped: Capped,
    counts: Counts,
    reservations_by_network: OrdSet<(NetworkId, ReservationId)>,
    macs: OrdMap<(NetworkId, MacAddr), PortId>,
    addresses: OrdMap<(NetworkId, IpAddr), PortId>,
    subnets_by_network: OrdSet<(NetworkId, SubnetId)>,
    ports_by_network: OrdSet<(NetworkId, PortId)>,
    /// Ports that migrate.
    migrating: OrdSet<PortId>,
    /// Each sub-port after its trunk.
    sub_ports: OrdSet<(PortId, PortId)>,
    ports_by_host: OrdSet<(HostId, NetworkId, PortId)>,
    /// How many ports of the network are bound to the host: there is no entry without one.
    hosts_by_network: OrdMap<(NetworkId, HostId), usize>,
    instances_by_host: OrdSet<(HostId, InstanceId)>,
    instances_by_port: OrdMap<PortId, InstanceId>,
    /// Instances that migrate.
    leaving: OrdSet<InstanceId>,
    groups: Groups,
    given_out: GivenOut,
}

/// Everything that can be looked up without a search.
impl Intent {
    /// Who has this name.
    pub(crate) fn named(&self, name: &ScopedName) -> Option<Uuid> {
        self.names.get(name).copied()
    }

    /// The networks of a tenant, by id.
    pub fn networks_of(&self, tenant: TenantId) -> impl Iterator<Item = NetworkId> + '_ {
        let pairs = self.networks_by_tenant.range(within(tenant));
        pairs.map(|(_, network)| *network)
    }

    /// The routers of a tenant, by id.
    pub fn routers_of(&self, tenant: TenantId) -> impl Iterator<Item = RouterId> + '_ {
        let pairs = self.routers_by_tenant.range(within(tenant));
        pairs.map(|(_, router)| *router)
    }

    /// The router that joins a network.
    #[must_use]
    pub fn router_of(&self, network: NetworkId) -> Option<&Arc<Router>> {
        self.routers.get(self.routers_by_network.get(&network)?)
    }

    /// The network and all that a router joins to it.
    #[must_use]
    pub fn joined_to(&self, network: NetworkId) -> Vec<NetworkId> {
        match self.router_of(network) {
            Some(router) => router.network_ids.clone(),
            None => vec![network],
        }
    }

    /// The ports of a tenant, by id, on whose networks ever.
    pub fn ports_of_tenant(&self, tenant: TenantId) -> impl Iterator<Item = PortId> + '_ {
        let pairs = self.ports_by_tenant.range(within(tenant));
        pairs.map(|(_, port)| *port)
    }

    /// The instances of a tenant, by id.
    pub fn instances_of(&self, tenant: TenantId) -> impl Iterator<Item = InstanceId> + '_ {
        let pairs = self.instances_by_tenant.range(within(tenant));
        pairs.map(|(_, instance)| *instance)
    }

    /// The network on this segment.
    #[must_use]
    pub fn network_on(&self, segment: &Segment) -> Option<NetworkId> {
        self.segments.get(segment).copied()
    }

    /// The network with this VNI, whatever encapsulates it.
    #[must_use]
    pub fn network_with_vni(&self, vni: Vni) -> Option<NetworkId> {
        self.vnis.get(&vni).copied()
    }

    /// The VLAN ids in use on a physical network, in order.
    pub fn vlans_on(
        &self,
        physical_network_id: PhysicalNetworkId,
    ) -> impl Iterator<Item = VlanId> + '_ {
        let vlan = |vlan| Segment::Vlan {
            physical_network_id,
            vlan,
        };
        let tagged = self.segments.range(vlan(VlanId::MIN)..=vlan(VlanId::MAX));
        tagged.filter_map(|(segment, _)| segment.vlan())
    }

    /// The networks that a physical network carries, flat, tagged or as overlays.
    pub fn networks_carried(
        &self,
        physical_network_id: PhysicalNetworkId,
    ) -> impl Iterator<Item = NetworkId> + '_ {
        let vlan = |vlan| Segment::Vlan {
            physical_network_id,
            vlan,
        };
        let overlay =
            move |encapsulation, vni| Segment::overlay(encapsulation, physical_network_id, vni);
        let overlays = Encapsulation::ALL
            .iter()
            .map(move |(it, _)| overlay(*it, Vni::MIN)..=overlay(*it, Vni::MAX));
        let flat = Segment::Flat {
            physical_network_id,
        };
        [flat..=flat, vlan(VlanId::MIN)..=vlan(VlanId::MAX)]
            .into_iter()
            .chain(overlays)
            .flat_map(|range| self.segments.range(range))
            .map(|(_, network)| *network)
    }

    /// The host that has this endpoint.
    pub fn host_with_endpoint(&self, endpoint: IpAddr) -> Option<&Arc<Host>> {
        self.hosts.get(self.endpoints.get(&endpoint)?)
    }

    /// The physical networks that carry a network without a tag.
    pub fn flat(&self) -> impl Iterator<Item = PhysicalNetworkId> + '_ {
        let all = self.physical_networks.keys().copied();
        all.filter(|id| {
            let physical_network_id = *id;
            let segment = Segment::Flat {
                physical_network_id,
            };
            self.network_on(&segment).is_some()
        })
    }

    /// The endpoints that hosts have, in order.
    pub fn endpoints(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.endpoints.keys().copied()
    }

    /// The subnets of a network, by id.
    pub fn subnets_of(&self, network: NetworkId) -> impl Iterator<Item = &Arc<Subnet>> {
        let pairs = self.subnets_by_network.range(within(network));
        pairs.filter_map(|(_, id)| self.subnets.get(id))
    }

    /// The subnet of a network that an address belongs to.
    #[must_use]
    pub fn subnet_with(&self, network: NetworkId, address: IpAddr) -> Option<&Arc<Subnet>> {
        let mut subnets = self.subnets_of(network);
        subnets.find(|subnet| subnet.cidr.contains(&address))
    }

    /// The port of a network that has this Ethernet address.
    #[must_use]
    pub fn port_with_mac(&self, network: NetworkId, mac: MacAddr) -> Option<PortId> {
        self.macs.get(&(network, mac)).copied()
    }

    /// The ports of a network, by id.
    pub fn ports_of(&self, network: NetworkId) -> impl Iterator<Item = &Arc<Port>> {
        let pairs = self.ports_by_network.range(within(network));
        pairs.filter_map(|(_, id)| self.ports.get(id))
    }

    /// The ports that a host has, by network: bound to it, or on standby there.
    pub fn ports_on(&self, host: HostId) -> impl Iterator<Item = &Arc<Port>> {
        let (first, last) = (lowest_id(), highest_id());
        let found = self
            .ports_by_host
            .range((host, first, lowest_id())..=(host, last, highest_id()));
        found.filter_map(|(_, _, id)| self.ports.get(id))
    }

    /// The hosts that have a port of the network.
    pub fn hosts_of(&self, network: NetworkId) -> impl Iterator<Item = HostId> + '_ {
        let pairs = self.hosts_by_network.range(within(network));
        pairs.map(|((_, host), _)| *host)
    }

    /// Whether the host has a port of the network.
    #[must_use]
    pub fn is_on(&self, network: NetworkId, host: HostId) -> bool {
        self.hosts_by_network.contains_key(&(network, host))
    }
}

/// How it changes.
impl Intent {
    /// Carries out a change.
    pub fn apply<'a>(&mut self, revision: u64, writes: impl IntoIterator<Item = &'a Write>) {
        self.revision = revision;
        for write in writes {
            match write {
                Write::Put(object) => self.put(object),
                Write::Delete(key) => {
                    self.delete(*key);
                    if let Key::Subnet(id) = key {
                        self.walk.forget(*id);
                    }
                }
            }
        }
    }

    /// Adds an object, or replaces the one under its key.
    pub fn put(&mut self, object: &Object) {
        if let Object::Port(it) = object {
            self.step(it);
        }
        self.delete(object.key());
        self.counts.add(object);
        if let Some(name) = object.name() {
            self.names.insert(name, object.key().uuid());
        }
        match object.clone() {
            Object::Tenant(it) => _ = self.tenants.insert(it.id, it),
            Object::PhysicalNetwork(it) => _ = self.physical_networks.insert(it.id, it),
            Object::Host(it) => {
                self.endpoints
                    .extend(it.endpoint.map(|address| (address, it.id)));
                self.hosts.insert(it.id, it);
            }
            Object::Network(it) => {
                self.last_network_number = self.last_network_number.max(it.number.get());
                self.networks_by_tenant.insert((it.tenant_id, it.id));
                self.segments.insert(it.segment, it.id);
                self.vnis
                    .extend(it.segment.tunnel().map(|(_, vni)| (vni, it.id)));
                self.networks.insert(it.id, it);
            }
            Object::Subnet(it) => {
                self.free.add_subnet(&it);
                let whole = AddressRange::of_prefix(it.cidr);
                let used = self.addresses_in(it.network_id, whole).map(|(it, _)| it);
                let lent = self.lent_in(it.network_id, whole).map(|(it, _)| it);
                let used: Vec<IpAddr> = used.chain(lent).collect();
                for address in used {
                    self.free.take(&it, address);
                }
                self.subnets_by_network.insert((it.network_id, it.id));
                self.subnets.insert(it.id, it);
            }
            Object::Reservation(it) => {
                self.kept.add_reservation(&it);
                self.reservations_by_network.insert((it.network_id, it.id));
                self.reservations.insert(it.id, it);
            }
            Object::AddressGroup(it) => self.put_address_group(it),
            Object::SecurityGroup(it) => self.put_security_group(it),
            Object::Router(it) => self.put_router(it),
            Object::Gateway(it) => self.put_gateway(it),
            Object::FloatingIp(it) => self.put_floating_ip(it),
            Object::PortForwarding(it) => self.put_port_forwarding(it),
            Object::Port(it) => self.put_port(it),
            Object::Cap(it) => self.put_cap(it),
            Object::Instance(it) => self.put_instance(it),
            Object::AccessToken(it) => self.put_token(it),
        }
    }

    /// Removes the object under the key, if there is one.
    fn delete(&mut self, key: Key) {
        let Some(object) = self.get(key) else {
            return;
        };
        self.counts.remove(&object);
        if let Some(name) = object.name() {
            self.names.remove(&name);
        }
        match &object {
            Object::Tenant(it) => _ = self.tenants.remove(&it.id),
            Object::PhysicalNetwork(it) => _ = self.physical_networks.remove(&it.id),
            Object::Host(it) => {
                if let Some(endpoint) = it.endpoint {
                    self.endpoints.remove(&endpoint);
                }
                self.hosts.remove(&it.id);
            }
            Object::Network(it) => {
                self.networks_by_tenant.remove(&(it.tenant_id, it.id));
                self.segments.remove(&it.segment);
                if let Some((_, vni)) = it.segment.tunnel() {
                    self.vnis.remove(&vni);
                }
                self.networks.remove(&it.id);
            }
            Object::Subnet(it) => {
                self.free.remove_subnet(it);
                self.subnets_by_network.remove(&(it.network_id, it.id));
                self.subnets.remove(&it.id);
            }
            Object::Reservation(it) => {
                self.kept.remove_reservation(it);
                self.reservations_by_network.remove(&(it.network_id, it.id));
                self.reservations.remove(&it.id);
            }
            Object::AddressGroup(it) => self.delete_address_group(it),
            Object::SecurityGroup(it) => self.delete_security_group(it),
            Object::Router(it) => self.delete_router(it),
            Object::Gateway(it) => self.delete_gateway(it),
            Object::FloatingIp(it) => self.delete_floating_ip(it),
            Object::PortForwarding(it) => self.delete_port_forwarding(it),
            Object::Port(it) => self.delete_port(it),
            Object::Cap(it) => self.delete_cap(it),
            Object::Instance(it) => self.delete_instance(it),
            Object::AccessToken(it) => self.delete_token(it),
        }
    }

    fn put_router(&mut self, it: Arc<Router>) {
        self.routers_by_tenant.insert((it.tenant_id, it.id));
        for network in &it.network_ids {
            self.routers_by_network.insert(*network, it.id);
        }
        self.routers.insert(it.id, it);
    }

    fn delete_router(&mut self, it: &Router) {
        self.routers_by_tenant.remove(&(it.tenant_id, it.id));
        for network in &it.network_ids {
            self.routers_by_network.remove(network);
        }
        self.routers.remove(&it.id);
    }

    fn put_port(&mut self, port: Arc<Port>) {
        let network = port.network_id;
        self.kept.add_port(&port);
        self.macs.insert((network, port.mac), port.id);
        for address in &port.addresses {
            self.addresses.insert((network, *address), port.id);
            if let Some(subnet) = self.subnet_with(network, *address).cloned() {
                self.free.take(&subnet, *address);
            }
        }
        self.ports_by_network.insert((network, port.id));
        if let Some(on_trunk) = port.on_trunk {
            self.sub_ports.insert((on_trunk.trunk_id, port.id));
        }
        self.ports_by_tenant.insert((port.tenant_id, port.id));
        for host in port.hosts() {
            self.ports_by_host.insert((host, network, port.id));
            *self.hosts_by_network.entry((network, host)).or_default() += 1;
        }
        if port.migration.is_some() {
            self.migrating.insert(port.id);
        }
        self.groups.join(&port);
        self.ports.insert(port.id, port);
    }

    fn delete_port(&mut self, port: &Port) {
        let network = port.network_id;
        self.kept.remove_port(port);
        self.macs.remove(&(network, port.mac));
        for address in &port.addresses {
            self.addresses.remove(&(network, *address));
            if let Some(subnet) = self.subnet_with(network, *address).cloned() {
                self.free.give_back(&subnet, *address);
            }
        }
        self.ports_by_network.remove(&(network, port.id));
        if let Some(on_trunk) = port.on_trunk {
            self.sub_ports.remove(&(on_trunk.trunk_id, port.id));
        }
        self.ports_by_tenant.remove(&(port.tenant_id, port.id));
        self.migrating.remove(&port.id);
        for host in port.hosts() {
            self.ports_by_host.remove(&(host, network, port.id));
            let others = self.hosts_by_network.get(&(network, host)).copied();
            match others {
                Some(count) if count > 1 => {
                    self.hosts_by_network.insert((network, host), count - 1);
                }
                _ => _ = self.hosts_by_network.remove(&(network, host)),
            }
        }
        self.groups.leave(port);
        self.ports.remove(&port.id);
    }
}

/// Every pair that starts with this id.
fn within<A, B>(first: Id<A>) -> RangeInclusive<(Id<A>, Id<B>)> {
    (first, lowest_id())..=(first, highest_id())
}

fn lowest_id<T>() -> Id<T> {
    Id::from(Uuid::nil())
}

fn highest_id<T>() -> Id<T> {
    Id::from(Uuid::max())
}
