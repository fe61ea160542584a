//! The REST API's view of the controller: reads from memory, changes through the writer.

mod caps;
mod changes;
mod guard;
mod history;
mod migrations;
mod quotas;
mod tokens;
mod usage;
mod views;
mod watching;

pub(crate) use watching::Reading;

use std::sync::Arc;

use api::backend::{Backend, Caller, Outcome};
use api::request::{
    AddressGroupCreate, AddressGroupUpdate, FloatingIpCreate, FloatingIpUpdate, GatewayCreate,
    HostUplinkSet, InstanceCreate, InstanceUpdate, NetworkCreate, NetworkUpdate,
    PhysicalNetworkCreate, Placement, PortAttach, PortCreate, PortForwardingCreate, PortUpdate,
    ReservationCreate, RouterCreate, RouterUpdate, SecurityGroupCreate, SecurityGroupUpdate,
    SubPortCreate, SubnetCreate, SubnetUpdate, TenantCreate, TenantUpdate, TopologyChange,
    TraceRequest,
};
use api::resource::{
    Accepted, HostView, InstanceView, PortView, RuleHitsView, SubPort, TopologyView, TunnelView,
};
use model::{
    AddressGroup, AddressGroupId, Event, FabricCheck, FabricCheckId, FabricScope, FloatingIp,
    FloatingIpId, Gateway, GatewayId, HostId, InstanceId, Inventory, Network, NetworkId,
    PhysicalNetwork, PhysicalNetworkId, Port, PortForwarding, PortForwardingId, PortId,
    Reservation, ReservationId, Router, RouterId, SecurityGroup, SecurityGroupId, SpoofGuard,
    Subnet, SubnetId, Tenant, TenantId, Trace,
};
use uuid::Uuid;

pub(super) use self::tokens::LastUses;
use self::views::{group_hits, host_view, instance_view, port_view, tunnel_views};
use super::{
    Service, address_group, floating_ip, gateway, held, instance, network, physical_network,
    placement, port, port_forwarding, precondition, quarantine, reservation, router,
    security_group, subnet, tenant, topology, trunk, uplink,
};
use crate::intent::Intent;
use crate::object::PluggedInstance;

impl Backend for Service {
    fn tag(&self, id: Uuid) -> Option<String> {
        let object = self.writer.intent().object_with(id)?;
        precondition::tag(&object)
    }

    fn inventory(&self) -> Arc<Inventory> {
        self.fleet.inventory().borrow().clone()
    }

    fn events(&self) -> Vec<Event> {
        self.fleet.events()
    }

    fn tenants(&self) -> Vec<Arc<Tenant>> {
        self.writer.intent().tenants.values().cloned().collect()
    }

    fn tenant(&self, id: TenantId) -> Option<Arc<Tenant>> {
        self.writer.intent().tenants.get(&id).cloned()
    }

    async fn tenant_create(&self, caller: Caller, request: TenantCreate) -> Outcome<Tenant> {
        let observed = self.fleet.observed();
        let decide = |intent: &_| tenant::create(intent, request, &observed);
        self.writer.change(caller, "tenant_create", decide).await
    }

    async fn tenant_update(
        &self,
        caller: Caller,
        id: TenantId,
        request: TenantUpdate,
    ) -> Outcome<Tenant> {
        let observed = self.fleet.observed();
        let decide = |intent: &_| tenant::update(intent, id, request, &observed);
        self.writer.change(caller, "tenant_update", decide).await
    }

    async fn tenant_delete(&self, caller: Caller, id: TenantId) -> Outcome<()> {
        let decide = |intent: &_| tenant::delete(intent, id);
        self.writer.change(caller, "tenant_delete", decide).await
    }

    fn physical_networks(&self) -> Vec<Arc<PhysicalNetwork>> {
        let intent = self.writer.intent();
        intent.physical_networks.values().cloned().collect()
    }

    fn physical_network(&self, id: PhysicalNetworkId) -> Option<Arc<PhysicalNetwork>> {
        self.writer.intent().physical_networks.get(&id).cloned()
    }

    async fn physical_network_create(
        &self,
        caller: Caller,
        request: PhysicalNetworkCreate,
    ) -> Outcome<PhysicalNetwork> {
        let observed = self.fleet.observed();
        let decide = |intent: &_| physical_network::create(intent, request, &observed);
        let verb = "physical_network_create";
        self.writer.change(caller, verb, decide).await
    }

    async fn physical_network_delete(&self, caller: Caller, id: PhysicalNetworkId) -> Outcome<()> {
        let decide = |intent: &_| physical_network::delete(intent, id);
        let verb = "physical_network_delete";
        self.writer.change(caller, verb, decide).await
    }

    fn topology(&self) -> TopologyView {
        topology::view(&self.writer.intent(), &self.fleet.observed())
    }

    async fn topology_change(&self, caller: Caller, request: TopologyChange) -> Outcome<Accepted> {
        let observed = self.fleet.observed();
        let decide = |intent: &_| topology::change(intent, request, &observed);
        self.writer.change(caller, "topology_change", decide).await
    }

    async fn host_uplink_set(
        &self,
        caller: Caller,
        host: HostId,
        request: HostUplinkSet,
    ) -> Outcome<Accepted> {
        let observed = self.fleet.observed();
        let decide = |intent: &_| uplink::set(intent, host, request, &observed);
        self.writer.change(caller, "host_uplink_set", decide).await
    }

    fn networks(&self) -> Vec<Arc<Network>> {
        self.writer.intent().networks.values().cloned().collect()
    }

    fn network(&self, id: NetworkId) -> Option<Arc<Network>> {
        self.writer.intent().networks.get(&id).cloned()
    }

    async fn network_create(&self, caller: Caller, request: NetworkCreate) -> Outcome<Network> {
        held::check_network(&caller, &request)?;
        let observed = self.fleet.observed();
        let decide = |intent: &_| network::create(intent, request, &observed);
        self.writer.change(caller, "network_create", decide).await
    }

    async fn network_update(
        &self,
        caller: Caller,
        id: NetworkId,
        request: NetworkUpdate,
    ) -> Outcome<Network> {
        let observed = self.fleet.observed();
        let decide = |intent: &_| network::update(intent, id, request, &observed);
        self.writer.change(caller, "network_update", decide).await
    }

    async fn network_delete(&self, caller: Caller, id: NetworkId) -> Outcome<()> {
        let observed = self.fleet.observed();
        let decide = |intent: &_| {
            quarantine::require_none_out_of_reach(intent, &observed, id)?;
            network::delete(intent, id)
        };
        self.writer.change(caller, "network_delete", decide).await
    }

    fn subnets(&self) -> Vec<Arc<Subnet>> {
        self.writer.intent().subnets.values().cloned().collect()
    }

    fn subnet(&self, id: SubnetId) -> Option<Arc<Subnet>> {
        self.writer.intent().subnets.get(&id).cloned()
    }

    async fn subnet_create(&self, caller: Caller, request: SubnetCreate) -> Outcome<Subnet> {
        let decide = |intent: &_| subnet::create(intent, request);
        self.writer.change(caller, "subnet_create", decide).await
    }

    async fn subnet_update(
        &self,
        caller: Caller,
        id: SubnetId,
        request: SubnetUpdate,
    ) -> Outcome<Subnet> {
        let decide = |intent: &_| subnet::update(intent, id, request);
        self.writer.change(caller, "subnet_update", decide).await
    }

    async fn subnet_delete(&self, caller: Caller, id: SubnetId) -> Outcome<()> {
        let observed = self.fleet.observed();
        let decide = |intent: &Intent| {
            let network = intent.subnets.get(&id).map(|it| it.network_id);
            let settled =
                network.map(|it| quarantine::require_none_out_of_reach(intent, &observed, it));
            settled.transpose()?;
            subnet::delete(intent, id)
        };
        self.writer.change(caller, "subnet_delete", decide).await
    }

    fn reservations(&self) -> Vec<Arc<Reservation>> {
        let intent = self.writer.intent();
        intent.reservations.values().cloned().collect()
    }

    fn reservation(&self, id: ReservationId) -> Option<Arc<Reservation>> {
        self.writer.intent().reservations.get(&id).cloned()
    }

    async fn reservation_create(
        &self,
        caller: Caller,
        request: ReservationCreate,
    ) -> Outcome<Reservation> {
        let decide = |intent: &_| reservation::create(intent, request);
        let verb = "reservation_create";
        self.writer.change(caller, verb, decide).await
    }

    async fn reservation_delete(&self, caller: Caller, id: ReservationId) -> Outcome<()> {
        let decide = |intent: &_| reservation::delete(intent, id);
        let verb = "reservation_delete";
        self.writer.change(caller, verb, decide).await
    }

    fn address_groups(&self) -> Vec<Arc<AddressGroup>> {
        let intent = self.writer.intent();
        intent.address_groups.values().cloned().collect()
    }

    fn address_group(&self, id: AddressGroupId) -> Option<Arc<AddressGroup>> {
        self.writer.intent().address_groups.get(&id).cloned()
    }

    async fn address_group_create(
        &self,
        caller: Caller,
        request: AddressGroupCreate,
    ) -> Outcome<AddressGroup> {
        let decide = |intent: &_| address_group::create(intent, request);
        let verb = "address_group_create";
        self.writer.change(caller, verb, decide).await
    }

    async fn address_group_update(
        &self,
        caller: Caller,
        id: AddressGroupId,
        request: AddressGroupUpdate,
    ) -> Outcome<AddressGroup> {
        let decide = |intent: &_| address_group::update(intent, id, &request);
        let verb = "address_group_update";
        self.writer.change(caller, verb, decide).await
    }

    async fn address_group_delete(&self, caller: Caller, id: AddressGroupId) -> Outcome<()> {
        let decide = |intent: &_| address_group::delete(intent, id);
        let verb = "address_group_delete";
        self.writer.change(caller, verb, decide).await
    }

    fn security_groups(&self) -> Vec<Arc<SecurityGroup>> {
        let intent = self.writer.intent();
        intent.security_groups.values().cloned().collect()
    }

    fn security_group(&self, id: SecurityGroupId) -> Option<Arc<SecurityGroup>> {
        self.writer.intent().security_groups.get(&id).cloned()
    }

    async fn security_group_create(
        &self,
        caller: Caller,
        request: SecurityGroupCreate,
    ) -> Outcome<SecurityGroup> {
        let decide = |intent: &_| security_group::create(intent, request);
        let verb = "security_group_create";
        self.writer.change(caller, verb, decide).await
    }

    async fn security_group_update(
        &self,
        caller: Caller,
        id: SecurityGroupId,
        request: SecurityGroupUpdate,
    ) -> Outcome<SecurityGroup> {
        let decide = |intent: &_| security_group::update(intent, id, request);
        let verb = "security_group_update";
        self.writer.change(caller, verb, decide).await
    }

    async fn security_group_delete(&self, caller: Caller, id: SecurityGroupId) -> Outcome<()> {
        let decide = |intent: &_| security_group::delete(intent, id);
        let verb = "security_group_delete";
        self.writer.change(caller, verb, decide).await
    }

    fn routers(&self) -> Vec<Arc<Router>> {
        self.writer.intent().routers.values().cloned().collect()
    }

    fn router(&self, id: RouterId) -> Option<Arc<Router>> {
        self.writer.intent().routers.get(&id).cloned()
    }

    async fn router_create(&self, caller: Caller, request: RouterCreate) -> Outcome<Router> {
        let decide = |intent: &_| router::create(intent, request);
        self.writer.change(caller, "router_create", decide).await
    }

    async fn router_update(
        &self,
        caller: Caller,
        id: RouterId,
        request: RouterUpdate,
    ) -> Outcome<Router> {
        let decide = |intent: &_| router::update(intent, id, request);
        self.writer.change(caller, "router_update", decide).await
    }

    async fn router_delete(&self, caller: Caller, id: RouterId) -> Outcome<()> {
        let decide = |intent: &_| router::delete(intent, id);
        self.writer.change(caller, "router_delete", decide).await
    }

    async fn trace(&self, request: TraceRequest) -> Outcome<Trace> {
        let intent = self.intent();
        self.tracing.run(&self.fleet, &intent, &request).await
    }

    fn gateways(&self) -> Vec<Arc<Gateway>> {
        self.writer.intent().gateways.values().cloned().collect()
    }

    fn gateway(&self, id: GatewayId) -> Option<Arc<Gateway>> {
        self.writer.intent().gateways.get(&id).cloned()
    }

    async fn gateway_create(&self, caller: Caller, request: GatewayCreate) -> Outcome<Gateway> {
        let observed = self.fleet.observed();
        let decide = |intent: &_| gateway::create(intent, request, &observed);
        self.writer.change(caller, "gateway_create", decide).await
    }

    async fn gateway_delete(&self, caller: Caller, id: GatewayId) -> Outcome<()> {
        let decide = |intent: &_| gateway::delete(intent, id);
        self.writer.change(caller, "gateway_delete", decide).await
    }

    fn floating_ips(&self) -> Vec<Arc<FloatingIp>> {
        let intent = self.writer.intent();
        intent.floating_ips.values().cloned().collect()
    }

    fn floating_ip(&self, id: FloatingIpId) -> Option<Arc<FloatingIp>> {
        self.writer.intent().floating_ips.get(&id).cloned()
    }

    async fn floating_ip_create(
        &self,
        caller: Caller,
        request: FloatingIpCreate,
    ) -> Outcome<FloatingIp> {
        let decide = |intent: &_| floating_ip::create(intent, request);
        let verb = "floating_ip_create";
        self.writer.change(caller, verb, decide).await
    }

    async fn floating_ip_update(
        &self,
        caller: Caller,
        id: FloatingIpId,
        request: FloatingIpUpdate,
    ) -> Outcome<FloatingIp> {
        let decide = |intent: &_| floating_ip::update(intent, id, request);
        let verb = "floating_ip_update";
        self.writer.change(caller, verb, decide).await
    }

    async fn floating_ip_delete(&self, caller: Caller, id: FloatingIpId) -> Outcome<()> {
        let decide = |intent: &_| floating_ip::delete(intent, id);
        let verb = "floating_ip_delete";
        self.writer.change(caller, verb, decide).await
    }

    fn port_forwardings(&self) -> Vec<Arc<PortForwarding>> {
        let intent = self.writer.intent();
        intent.port_forwardings.values().cloned().collect()
    }

    fn port_forwarding(&self, id: PortForwardingId) -> Option<Arc<PortForwarding>> {
        self.writer.intent().port_forwardings.get(&id).cloned()
    }

    async fn port_forwarding_create(
        &self,
        caller: Caller,
        request: PortForwardingCreate,
    ) -> Outcome<PortForwarding> {
        let decide = |intent: &_| port_forwarding::create(intent, &request);
        let verb = "port_forwarding_create";
        self.writer.change(caller, verb, decide).await
    }

    async fn port_forwarding_delete(&self, caller: Caller, id: PortForwardingId) -> Outcome<()> {
        let decide = |intent: &_| port_forwarding::delete(intent, id);
        let verb = "port_forwarding_delete";
        self.writer.change(caller, verb, decide).await
    }

    fn ports(&self) -> Vec<PortView> {
        let (intent, observed) = (self.writer.intent(), self.fleet.observed());
        let ports = intent.ports.values();
        ports
            .map(|port| port_view(&intent, port, &observed))
            .collect()
    }

    fn port(&self, id: PortId) -> Option<PortView> {
        let intent = self.writer.intent();
        let port = intent.ports.get(&id)?;
        Some(port_view(&intent, port, &self.fleet.observed()))
    }

    async fn port_create(&self, caller: Caller, request: PortCreate) -> Outcome<PortView> {
        let actor = caller.actor.clone();
        let observed = self.fleet.observed();
        let decide = |intent: &_| port::create(intent, request, &observed);
        let port: Port = self.writer.change(caller, "port_create", decide).await?;
        self.tell_guard(SpoofGuard::On, &port, &actor);
        Ok(port_view(&self.intent(), &port, &self.fleet.observed()))
    }

    async fn port_update(
        &self,
        caller: Caller,
        id: PortId,
        request: PortUpdate,
    ) -> Outcome<PortView> {
        let actor = caller.actor.clone();
        let mut guard = SpoofGuard::On;
        let observed = self.fleet.observed();
        let decide = |intent: &Intent| {
            let held = intent.ports.get(&id);
            guard = held.map_or(guard, |port| port.spoof_guard);
            port::update(intent, id, request, &observed)
        };
        let port: Port = self.writer.change(caller, "port_update", decide).await?;
        self.tell_guard(guard, &port, &actor);
        Ok(port_view(&self.intent(), &port, &self.fleet.observed()))
    }

    async fn port_delete(&self, caller: Caller, id: PortId) -> Outcome<()> {
        let decide = |intent: &_| port::delete(intent, id);
        self.writer.change(caller, "port_delete", decide).await
    }

    async fn port_attach(&self, caller: Caller, id: PortId, to: PortAttach) -> Outcome<PortView> {
        let port = self.attach(caller, id, to).await?;
        Ok(port_view(&self.intent(), &port, &self.fleet.observed()))
    }

    async fn port_detach(&self, caller: Caller, id: PortId) -> Outcome<PortView> {
        let port = self.detach(caller, id).await?;
        Ok(port_view(&self.intent(), &port, &self.fleet.observed()))
    }

    fn sub_ports(&self) -> Vec<SubPort> {
        let intent = self.writer.intent();
        let sub_ports = intent.sub_ports();
        sub_ports.filter_map(|port| trunk::view(port)).collect()
    }

    fn sub_port(&self, id: PortId) -> Option<SubPort> {
        trunk::view(self.writer.intent().ports.get(&id)?)
    }

    async fn sub_port_create(&self, caller: Caller, request: SubPortCreate) -> Outcome<SubPort> {
        let decide = |intent: &_| trunk::add(intent, request);
        self.writer.change(caller, "sub_port_create", decide).await
    }

    async fn sub_port_delete(&self, caller: Caller, id: PortId) -> Outcome<()> {
        let decide = |intent: &_| trunk::remove(intent, id);
        self.writer.change(caller, "sub_port_delete", decide).await
    }

    fn instances(&self) -> Vec<InstanceView> {
        let (intent, observed) = (self.writer.intent(), self.fleet.observed());
        let instances = intent.instances.values();
        instances.map(|it| instance_view(it, &observed)).collect()
    }

    fn instance(&self, id: InstanceId) -> Option<InstanceView> {
        let intent = self.writer.intent();
        let plugged = intent.instances.get(&id)?;
        Some(instance_view(plugged, &self.fleet.observed()))
    }

    async fn instance_create(
        &self,
        caller: Caller,
        request: InstanceCreate,
    ) -> Outcome<InstanceView> {
        held::check_instance(&caller, &request)?;
        let connected = self.fleet.observed().connected();
        let decide = |intent: &_| instance::create(intent, request, &connected);
        self.writer.change(caller, "instance_create", decide).await
    }

    async fn instance_update(
        &self,
        caller: Caller,
        id: InstanceId,
        to: InstanceUpdate,
    ) -> Outcome<InstanceView> {
        let decide = |intent: &_| instance::update(intent, id, to, &self.fleet.observed());
        let changed = self.writer.change(caller, "instance_update", decide).await;
        changed.map(|it: PluggedInstance| instance_view(&it, &self.fleet.observed()))
    }

    async fn instance_delete(&self, caller: Caller, id: InstanceId) -> Outcome<()> {
        let decide = |intent: &_| instance::delete(intent, id);
        self.writer.change(caller, "instance_delete", decide).await
    }

    fn hosts(&self) -> Vec<HostView> {
        let (intent, observed) = (self.writer.intent(), self.fleet.observed());
        let hosts = intent.hosts.values();
        hosts.map(|host| host_view(host, &observed)).collect()
    }

    fn host(&self, id: HostId) -> Option<HostView> {
        let intent = self.writer.intent();
        Some(host_view(intent.hosts.get(&id)?, &self.fleet.observed()))
    }

    fn hosts_fitting(&self, request: Placement) -> Outcome<Vec<HostView>> {
        let (intent, observed) = (self.writer.intent(), self.fleet.observed());
        let fitting = placement::fitting(&intent, &observed, &self.checks.all(), request)?;
        let hosts = fitting.into_iter();
        Ok(hosts.map(|host| host_view(host, &observed)).collect())
    }

    fn fabric_checks(&self) -> Vec<Arc<FabricCheck>> {
        self.checks.all()
    }

    fn fabric_check(&self, id: FabricCheckId) -> Option<Arc<FabricCheck>> {
        self.checks.one(id)
    }

    async fn fabric_check_create(
        &self,
        caller: Caller,
        request: FabricScope,
    ) -> Outcome<FabricCheck> {
        self.fabric_check_start(caller, request)
    }

    async fn fabric_check_delete(&self, _: Caller, id: FabricCheckId) -> Outcome<()> {
        self.checks.delete(id)
    }

    fn rule_hits(&self) -> Vec<RuleHitsView> {
        let (intent, observed) = (self.writer.intent(), self.fleet.observed());
        let groups = intent.security_groups.values();
        groups
            .flat_map(|group| group_hits(group, &observed))
            .collect()
    }

    fn tunnels(&self) -> Vec<TunnelView> {
        let (intent, observed) = (self.writer.intent(), self.fleet.observed());
        let hosts = observed.hosts();
        let known = hosts.filter(|(host, _)| intent.hosts.contains_key(*host));
        known
            .flat_map(|(host, seen)| tunnel_views(&intent, *host, seen))
            .collect()
    }
}
