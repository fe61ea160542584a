//! Ways to external networks: whose they are, and which addresses there are lent.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use imbl::{OrdMap, OrdSet};
use model::{
    AddressRange, FloatingIp, FloatingIpId, Gateway, GatewayId, HostId, MacAddr, NetworkId,
    PortForwarding, PortForwardingId, PortId, RouterId, TenantId,
};

use super::{Intent, within};

/// What is needed to find gateways and floating IPs without looking at all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lent {
    gateways: OrdMap<RouterId, GatewayId>,
    gateways_by_network: OrdSet<(NetworkId, GatewayId)>,
    gateways_by_host: OrdSet<(HostId, GatewayId)>,
    floating_ips_by_tenant: OrdSet<(TenantId, FloatingIpId)>,
    floating_ips_by_port: OrdSet<(PortId, FloatingIpId)>,
    port_forwardings_by_floating_ip: OrdSet<(FloatingIpId, PortForwardingId)>,
    port_forwardings_by_port: OrdSet<(PortId, PortForwardingId)>,
    addresses: OrdMap<(NetworkId, IpAddr), Borrower>,
}

/// Who has an address of a network, other than a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Borrower {
    /// A router, as whom ports without a floating IP speak.
    Gateway(GatewayId),
    /// A floating IP.
    FloatingIp(FloatingIpId),
}

impl std::fmt::Display for Borrower {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Gateway(id) => write!(f, "the router gateway {id}"),
            Self::FloatingIp(id) => write!(f, "the floating IP {id}"),
        }
    }
}

/// Everything that can be looked up without a search.
impl Intent {
    /// The way of a router to an external network.
    #[must_use]
    pub fn gateway_of(&self, router: RouterId) -> Option<&Arc<Gateway>> {
        self.gateways.get(self.lent.gateways.get(&router)?)
    }

    /// The way to an external network that ports of this network have.
    #[must_use]
    pub fn way_out_of(&self, network: NetworkId) -> Option<&Arc<Gateway>> {
        self.gateway_of(self.router_of(network)?.id)
    }

    /// The gateways that lead to a network, by id.
    pub fn gateways_to(&self, network: NetworkId) -> impl Iterator<Item = &Arc<Gateway>> + '_ {
        let pairs = self.lent.gateways_by_network.range(within(network));
        pairs.filter_map(|(_, id)| self.gateways.get(id))
    }

    /// The gateways that have this host among their gateway hosts, by id.
    pub fn gateways_through(&self, host: HostId) -> impl Iterator<Item = &Arc<Gateway>> + '_ {
        let pairs = self.lent.gateways_by_host.range(within(host));
        pairs.filter_map(|(_, id)| self.gateways.get(id))
    }

    /// The gateway hosts of the router that this network has.
    pub fn gateway_hosts(&self, network: NetworkId) -> impl Iterator<Item = HostId> + '_ {
        let way = self.way_out_of(network).into_iter();
        way.flat_map(|gateway| gateway.host_ids.iter().copied())
    }

    /// The floating IPs of a tenant, by id.
    pub fn floating_ips_of(&self, tenant: TenantId) -> impl Iterator<Item = &Arc<FloatingIp>> + '_ {
        let pairs = self.lent.floating_ips_by_tenant.range(within(tenant));
        pairs.filter_map(|(_, id)| self.floating_ips.get(id))
    }

    /// The floating IPs that stand for addresses of a port, by id.
    pub fn floating_ips_at(&self, port: PortId) -> impl Iterator<Item = &Arc<FloatingIp>> + '_ {
        let pairs = self.lent.floating_ips_by_port.range(within(port));
        pairs.filter_map(|(_, id)| self.floating_ips.get(id))
    }

    /// What the ports of a floating IP stand for, the oldest first.
    pub fn port_forwardings_of(
        &self,
        floating: FloatingIpId,
    ) -> impl Iterator<Item = &Arc<PortForwarding>> + '_ {
        let pairs = self
            .lent
            .port_forwardings_by_floating_ip
            .range(within(floating));
        pairs.filter_map(|(_, id)| self.port_forwardings.get(id))
    }

    /// The port forwardings that lead to a port, by id.
    pub fn port_forwardings_at(
        &self,
        port: PortId,
    ) -> impl Iterator<Item = &Arc<PortForwarding>> + '_ {
        let pairs = self.lent.port_forwardings_by_port.range(within(port));
        pairs.filter_map(|(_, id)| self.port_forwardings.get(id))
    }

    /// The addresses of a network in this range that are no port's, with who has them.
    pub fn lent_in(
        &self,
        network: NetworkId,
        range: AddressRange,
    ) -> impl Iterator<Item = (IpAddr, Borrower)> + '_ {
        let within = (network, range.first)..=(network, range.last);
        let lent = self.lent.addresses.range(within);
        lent.map(|((_, address), borrower)| (*address, *borrower))
    }
}

/// What is found by a search.
impl Intent {
    /// The addresses of a network that are no port's, and are behind this Ethernet address: one of IPv4,
    /// or those of IPv6 that end alike.
    pub fn lent_behind(
        &self,
        network: NetworkId,
        mac: MacAddr,
    ) -> impl Iterator<Item = IpAddr> + '_ {
        let (first, last) = match mac.public_v4() {
            Some(address) => (address.into(), address.into()),
            None => (
                Ipv6Addr::UNSPECIFIED.into(),
                Ipv6Addr::from(u128::MAX).into(),
            ),
        };
        let lent = self.lent_in(network, AddressRange { first, last });
        let lent = lent.map(|(address, _)| address);
        lent.filter(move |it| MacAddr::public(*it) == mac)
    }
}

/// How it changes.
impl Intent {
    pub(super) fn put_gateway(&mut self, it: Arc<Gateway>) {
        self.lent.gateways.insert(it.router_id, it.id);
        self.lent.gateways_by_network.insert((it.network_id, it.id));
        for host in &it.host_ids {
            self.lent.gateways_by_host.insert((*host, it.id));
        }
        for lent in &it.addresses {
            let address = lent.address.into();
            self.lend(it.network_id, address, Borrower::Gateway(it.id));
        }
        self.gateways.insert(it.id, it);
    }

    pub(super) fn delete_gateway(&mut self, it: &Gateway) {
        self.lent.gateways.remove(&it.router_id);
        let pair = (it.network_id, it.id);
        self.lent.gateways_by_network.remove(&pair);
        for host in &it.host_ids {
            self.lent.gateways_by_host.remove(&(*host, it.id));
        }
        for lent in &it.addresses {
            self.take_back(it.network_id, lent.address.into());
        }
        self.gateways.remove(&it.id);
    }

    pub(super) fn put_floating_ip(&mut self, it: Arc<FloatingIp>) {
        let lent = &mut self.lent;
        lent.floating_ips_by_tenant.insert((it.tenant_id, it.id));
        if let Some(bound) = it.bound {
            lent.floating_ips_by_port.insert((bound.port_id, it.id));
        }
        let borrower = Borrower::FloatingIp(it.id);
        self.lend(it.network_id, it.address, borrower);
        self.floating_ips.insert(it.id, it);
    }

    pub(super) fn delete_floating_ip(&mut self, it: &FloatingIp) {
        let lent = &mut self.lent;
        lent.floating_ips_by_tenant.remove(&(it.tenant_id, it.id));
        if let Some(bound) = it.bound {
            lent.floating_ips_by_port.remove(&(bound.port_id, it.id));
        }
        self.take_back(it.network_id, it.address);
        self.floating_ips.remove(&it.id);
    }

    pub(super) fn put_port_forwarding(&mut self, it: Arc<PortForwarding>) {
        let lent = &mut self.lent;
        let of = (it.floating_ip_id, it.id);
        lent.port_forwardings_by_floating_ip.insert(of);
        lent.port_forwardings_by_port.insert((it.port_id, it.id));
        self.port_forwardings.insert(it.id, it);
    }

    pub(super) fn delete_port_forwarding(&mut self, it: &PortForwarding) {
        let lent = &mut self.lent;
        let of = (it.floating_ip_id, it.id);
        lent.port_forwardings_by_floating_ip.remove(&of);
        lent.port_forwardings_by_port.remove(&(it.port_id, it.id));
        self.port_forwardings.remove(&it.id);
    }

    fn lend(&mut self, network: NetworkId, address: IpAddr, borrower: Borrower) {
        self.lent.addresses.insert((network, address), borrower);
        if let Some(subnet) = self.subnet_with(network, address).cloned() {
            self.free.take(&subnet, address);
        }
    }

    fn take_back(&mut self, network: NetworkId, address: IpAddr) {
        self.lent.addresses.remove(&(network, address));
        if let Some(subnet) = self.subnet_with(network, address).cloned() {
            self.free.give_back(&subnet, address);
        }
    }
}
