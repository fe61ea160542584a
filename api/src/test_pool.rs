//! A backend for the tests of this crate: objects in memory, nothing checked against the pool.
//!
//! A tenant called `panic` panics, one called `hang` never comes to be, and one called `slow`
//! takes a moment.

mod caps;
mod changes;
mod groups;
mod history;
mod kept;
mod ledger;
mod migrations;
mod quotas;
pub(crate) mod samples;
mod shelf;
mod tokens;
mod watching;

use std::sync::Arc;
use std::time::Duration;

use model::*;
use uuid::Uuid;

use crate::backend::{Backend, Caller, Outcome};
use crate::problem::{Code, Problem};
use crate::request::*;
use crate::resource::*;
pub(crate) use caps::cap;
pub(crate) use changes::CHANGE;
pub(crate) use groups::rule_hits;
use groups::{address_group, numbered, security_group};
pub(crate) use kept::TestPool;
pub(crate) use migrations::migration;
pub(crate) use samples::*;

impl Backend for TestPool {
    fn tag(&self, id: Uuid) -> Option<String> {
        let tenant = self.tenants.one(id)?;
        Some(format!("version-of-{}", tenant.name))
    }

    fn inventory(&self) -> Arc<Inventory> {
        Arc::default()
    }

    fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }

    fn tenants(&self) -> Vec<Arc<Tenant>> {
        self.tenants.all_shared()
    }

    fn tenant(&self, id: TenantId) -> Option<Arc<Tenant>> {
        self.tenants.one(id.uuid()).map(Arc::new)
    }

    async fn tenant_create(&self, caller: Caller, request: TenantCreate) -> Outcome<Tenant> {
        self.note(caller);
        match request.name.as_str() {
            "panic" => panic!("asked to"),
            "hang" => std::future::pending().await,
            "slow" => tokio::time::sleep(Duration::from_millis(300)).await,
            _ => {}
        }
        Ok(self.tenants.put(tenant(request.name.as_str())))
    }

    async fn tenant_update(
        &self,
        caller: Caller,
        id: TenantId,
        request: TenantUpdate,
    ) -> Outcome<Tenant> {
        self.note(caller);
        let held = self.tenants.one(id.uuid());
        let mut tenant = held.ok_or_else(|| Problem::not_found("tenant", id))?;
        tenant.limits = request.limits.of(tenant.limits);
        Ok(self.tenants.put(tenant))
    }

    async fn tenant_delete(&self, caller: Caller, id: TenantId) -> Outcome<()> {
        self.note(caller);
        let owns = |network: &Network| network.tenant_id == id;
        if self.networks.all().iter().any(owns) {
            return Err(Problem::new(
                Code::InUse,
                "the tenant owns networks; delete them first",
            ));
        }
        self.tenants.take(id.uuid())
    }

    fn physical_networks(&self) -> Vec<Arc<PhysicalNetwork>> {
        self.physical_networks.all_shared()
    }

    fn physical_network(&self, id: PhysicalNetworkId) -> Option<Arc<PhysicalNetwork>> {
        self.physical_networks.one(id.uuid()).map(Arc::new)
    }

    async fn physical_network_create(
        &self,
        caller: Caller,
        request: PhysicalNetworkCreate,
    ) -> Outcome<PhysicalNetwork> {
        self.note(caller);
        let made = PhysicalNetwork {
            role: request.role,
            uplink: request.uplink,
            vlans: request.vlans,
            native_vlan: request.native_vlan.unwrap_or(VlanId::DEFAULT_NATIVE),
            mtu: request.mtu.unwrap_or(1500),
            endpoints: request.endpoints,
            ..physical_network(request.name.as_str())
        };
        Ok(self.physical_networks.put(made))
    }

    async fn physical_network_delete(&self, caller: Caller, id: PhysicalNetworkId) -> Outcome<()> {
        self.note(caller);
        self.physical_networks.take(id.uuid())
    }

    fn topology(&self) -> TopologyView {
        TopologyView {
            generation: ACCEPTED.generation,
            physical_networks: self.physical_networks.all(),
            hosts: Vec::new(),
        }
    }

    async fn topology_change(&self, caller: Caller, request: TopologyChange) -> Outcome<Accepted> {
        self.note(caller);
        self.topology_changes.lock().unwrap().push(request);
        Ok(ACCEPTED)
    }

    async fn host_uplink_set(
        &self,
        caller: Caller,
        host: HostId,
        request: HostUplinkSet,
    ) -> Outcome<Accepted> {
        self.note(caller);
        self.uplinks_set.lock().unwrap().push((host, request));
        Ok(ACCEPTED)
    }

    fn networks(&self) -> Vec<Arc<Network>> {
        self.networks.all_shared()
    }

    fn network(&self, id: NetworkId) -> Option<Arc<Network>> {
        self.networks.one(id.uuid()).map(Arc::new)
    }

    async fn network_create(&self, caller: Caller, request: NetworkCreate) -> Outcome<Network> {
        self.note(caller);
        let vlan = request.vlan.map_or(100, VlanId::get);
        let made = Network {
            tenant_id: request.tenant_id,
            ..network(request.name.as_str(), vlan)
        };
        Ok(self.networks.put(made))
    }

    async fn network_update(
        &self,
        caller: Caller,
        id: NetworkId,
        request: NetworkUpdate,
    ) -> Outcome<Network> {
        self.note(caller);
        let held = self.networks.one(id.uuid());
        let mut network = held.ok_or_else(|| Problem::not_found("network", id))?;
        network.limits = request.limits.of(network.limits);
        Ok(self.networks.put(network))
    }

    async fn network_delete(&self, caller: Caller, id: NetworkId) -> Outcome<()> {
        self.note(caller);
        self.networks.take(id.uuid())
    }

    fn subnets(&self) -> Vec<Arc<Subnet>> {
        self.subnets.all_shared()
    }

    fn subnet(&self, id: SubnetId) -> Option<Arc<Subnet>> {
        self.subnets.one(id.uuid()).map(Arc::new)
    }

    async fn subnet_create(&self, caller: Caller, request: SubnetCreate) -> Outcome<Subnet> {
        self.note(caller);
        Ok(self.subnets.put(subnet(&request.cidr.to_string())))
    }

    async fn subnet_update(
        &self,
        caller: Caller,
        id: SubnetId,
        request: SubnetUpdate,
    ) -> Outcome<Subnet> {
        self.note(caller);
        let held = self.subnets.one(id.uuid());
        let mut subnet = held.ok_or_else(|| Problem::not_found("subnet", id))?;
        subnet.gateway = request.gateway.unwrap_or(subnet.gateway);
        subnet.handout.domain = request.domain.after(subnet.handout.domain);
        Ok(self.subnets.put(subnet))
    }

    async fn subnet_delete(&self, caller: Caller, id: SubnetId) -> Outcome<()> {
        self.note(caller);
        self.subnets.take(id.uuid())
    }

    fn reservations(&self) -> Vec<Arc<Reservation>> {
        self.reservations.all_shared()
    }

    fn reservation(&self, id: ReservationId) -> Option<Arc<Reservation>> {
        self.reservations.one(id.uuid()).map(Arc::new)
    }

    async fn reservation_create(
        &self,
        caller: Caller,
        request: ReservationCreate,
    ) -> Outcome<Reservation> {
        self.note(caller);
        Ok(self.reservations.put(reservation(request.addresses)))
    }

    async fn reservation_delete(&self, caller: Caller, id: ReservationId) -> Outcome<()> {
        self.note(caller);
        self.reservations.take(id.uuid())
    }

    fn address_groups(&self) -> Vec<Arc<AddressGroup>> {
        self.address_groups.all_shared()
    }

    fn address_group(&self, id: AddressGroupId) -> Option<Arc<AddressGroup>> {
        self.address_groups.one(id.uuid()).map(Arc::new)
    }

    async fn address_group_create(
        &self,
        caller: Caller,
        request: AddressGroupCreate,
    ) -> Outcome<AddressGroup> {
        self.note(caller);
        let made = AddressGroup {
            prefixes: request.prefixes,
            ..address_group(request.name.as_str())
        };
        Ok(self.address_groups.put(made))
    }

    async fn address_group_update(
        &self,
        caller: Caller,
        id: AddressGroupId,
        request: AddressGroupUpdate,
    ) -> Outcome<AddressGroup> {
        self.note(caller);
        let group = self.address_groups.one(id.uuid());
        let mut group = group.ok_or_else(|| Problem::not_found("address group", id))?;
        group.prefixes.extend(request.add_prefixes);
        Ok(self.address_groups.put(group))
    }

    async fn address_group_delete(&self, caller: Caller, id: AddressGroupId) -> Outcome<()> {
        self.note(caller);
        self.address_groups.take(id.uuid())
    }

    fn security_groups(&self) -> Vec<Arc<SecurityGroup>> {
        self.security_groups.all_shared()
    }

    fn security_group(&self, id: SecurityGroupId) -> Option<Arc<SecurityGroup>> {
        self.security_groups.one(id.uuid()).map(Arc::new)
    }

    async fn security_group_create(
        &self,
        caller: Caller,
        request: SecurityGroupCreate,
    ) -> Outcome<SecurityGroup> {
        self.note(caller);
        let made = SecurityGroup {
            rules: numbered(request.rules.unwrap_or_default()),
            ..security_group(request.name.as_str())
        };
        Ok(self.security_groups.put(made))
    }

    async fn security_group_update(
        &self,
        caller: Caller,
        id: SecurityGroupId,
        request: SecurityGroupUpdate,
    ) -> Outcome<SecurityGroup> {
        self.note(caller);
        let group = self.security_groups.one(id.uuid());
        let mut group = group.ok_or_else(|| Problem::not_found("security group", id))?;
        group.rules.extend(numbered(request.add_rules));
        Ok(self.security_groups.put(group))
    }

    async fn security_group_delete(&self, caller: Caller, id: SecurityGroupId) -> Outcome<()> {
        self.note(caller);
        self.security_groups.take(id.uuid())
    }

    fn routers(&self) -> Vec<Arc<Router>> {
        self.routers.all_shared()
    }

    fn router(&self, id: RouterId) -> Option<Arc<Router>> {
        self.routers.one(id.uuid()).map(Arc::new)
    }

    async fn router_create(&self, caller: Caller, request: RouterCreate) -> Outcome<Router> {
        self.note(caller);
        Ok(self.routers.put(Router {
            tenant_id: request.tenant_id,
            network_ids: request.network_ids,
            ..router(request.name.as_str())
        }))
    }

    async fn router_update(
        &self,
        caller: Caller,
        id: RouterId,
        request: RouterUpdate,
    ) -> Outcome<Router> {
        self.note(caller);
        let held = self.routers.one(id.uuid());
        let mut router = held.ok_or_else(|| Problem::not_found("router", id))?;
        router.network_ids.extend(request.networks.add);
        router.routes.extend(request.routes.add);
        Ok(self.routers.put(router))
    }

    async fn router_delete(&self, caller: Caller, id: RouterId) -> Outcome<()> {
        self.note(caller);
        self.routers.take(id.uuid())
    }

    async fn trace(&self, request: TraceRequest) -> Outcome<Trace> {
        self.traces.lock().unwrap().push(request);
        Ok(trace())
    }

    fn gateways(&self) -> Vec<Arc<Gateway>> {
        self.gateways.all_shared()
    }

    fn gateway(&self, id: GatewayId) -> Option<Arc<Gateway>> {
        self.gateways.one(id.uuid()).map(Arc::new)
    }

    async fn gateway_create(&self, caller: Caller, request: GatewayCreate) -> Outcome<Gateway> {
        self.note(caller);
        Ok(self
            .gateways
            .put(gateway(request.router_id, request.network_id)))
    }

    async fn gateway_delete(&self, caller: Caller, id: GatewayId) -> Outcome<()> {
        self.note(caller);
        self.gateways.take(id.uuid())
    }

    fn floating_ips(&self) -> Vec<Arc<FloatingIp>> {
        self.floating_ips.all_shared()
    }

    fn floating_ip(&self, id: FloatingIpId) -> Option<Arc<FloatingIp>> {
        self.floating_ips.one(id.uuid()).map(Arc::new)
    }

    async fn floating_ip_create(
        &self,
        caller: Caller,
        request: FloatingIpCreate,
    ) -> Outcome<FloatingIp> {
        self.note(caller);
        Ok(self.floating_ips.put(floating_ip(request.network_id)))
    }

    async fn floating_ip_update(
        &self,
        caller: Caller,
        id: FloatingIpId,
        request: FloatingIpUpdate,
    ) -> Outcome<FloatingIp> {
        self.note(caller);
        let held = self.floating_ips.one(id.uuid());
        let mut held = held.ok_or_else(|| Problem::not_found("floating ip", id))?;
        let port = request.port_id.after(held.bound.map(|it| it.port_id));
        held.bound = port.map(|port_id| BoundTo {
            port_id,
            address: [10, 0, 0, 5].into(),
        });
        Ok(self.floating_ips.put(held))
    }

    async fn floating_ip_delete(&self, caller: Caller, id: FloatingIpId) -> Outcome<()> {
        self.note(caller);
        self.floating_ips.take(id.uuid())
    }

    fn port_forwardings(&self) -> Vec<Arc<PortForwarding>> {
        self.port_forwardings.all_shared()
    }

    fn port_forwarding(&self, id: PortForwardingId) -> Option<Arc<PortForwarding>> {
        self.port_forwardings.one(id.uuid()).map(Arc::new)
    }

    async fn port_forwarding_create(
        &self,
        caller: Caller,
        request: PortForwardingCreate,
    ) -> Outcome<PortForwarding> {
        self.note(caller);
        let forwarding = port_forwarding(request.floating_ip_id, request.port_id);
        Ok(self.port_forwardings.put(forwarding))
    }

    async fn port_forwarding_delete(&self, caller: Caller, id: PortForwardingId) -> Outcome<()> {
        self.note(caller);
        self.port_forwardings.take(id.uuid())
    }

    fn ports(&self) -> Vec<PortView> {
        self.ports.all()
    }

    fn port(&self, id: PortId) -> Option<PortView> {
        self.ports.one(id.uuid())
    }

    async fn port_create(&self, caller: Caller, request: PortCreate) -> Outcome<PortView> {
        self.note(caller);
        Ok(self
            .ports
            .put(port(request.name.as_ref().map(Name::as_str))))
    }

    async fn port_update(
        &self,
        caller: Caller,
        id: PortId,
        request: PortUpdate,
    ) -> Outcome<PortView> {
        self.note(caller);
        let held = self.ports.one(id.uuid());
        let mut view = held.ok_or_else(|| Problem::not_found("port", id))?;
        view.port.spoof_guard = request.spoof_guard.unwrap_or(view.port.spoof_guard);
        view.port.limits = request.limits.of(view.port.limits);
        Ok(self.ports.put(view))
    }

    async fn port_delete(&self, caller: Caller, id: PortId) -> Outcome<()> {
        self.note(caller);
        self.ports.take(id.uuid())
    }

    async fn port_attach(&self, caller: Caller, id: PortId, _: PortAttach) -> Outcome<PortView> {
        self.note(caller);
        let held = self.ports.one(id.uuid());
        held.ok_or_else(|| Problem::not_found("port", id))
    }

    async fn port_detach(&self, caller: Caller, id: PortId) -> Outcome<PortView> {
        self.note(caller);
        let held = self.ports.one(id.uuid());
        held.ok_or_else(|| Problem::not_found("port", id))
    }

    fn sub_ports(&self) -> Vec<SubPort> {
        self.sub_ports.all()
    }

    fn sub_port(&self, id: PortId) -> Option<SubPort> {
        self.sub_ports.one(id.uuid())
    }

    async fn sub_port_create(&self, caller: Caller, request: SubPortCreate) -> Outcome<SubPort> {
        self.note(caller);
        let made = sub_port(request.port_id, request.trunk_id, request.vlan);
        Ok(self.sub_ports.put(made))
    }

    async fn sub_port_delete(&self, caller: Caller, id: PortId) -> Outcome<()> {
        self.note(caller);
        self.sub_ports.take(id.uuid())
    }

    fn instances(&self) -> Vec<InstanceView> {
        self.instances.all()
    }

    fn instance(&self, id: InstanceId) -> Option<InstanceView> {
        self.instances.one(id.uuid())
    }

    async fn instance_create(
        &self,
        caller: Caller,
        request: InstanceCreate,
    ) -> Outcome<InstanceView> {
        self.note(caller);
        Ok(self.instances.put(instance(request.name.as_str())))
    }

    async fn instance_update(
        &self,
        caller: Caller,
        id: InstanceId,
        request: InstanceUpdate,
    ) -> Outcome<InstanceView> {
        self.note(caller);
        let held = self.instances.one(id.uuid());
        let mut held = held.ok_or_else(|| Problem::not_found("instance", id))?;
        held.instance.power = request.power.unwrap_or(held.instance.power);
        Ok(self.instances.put(held))
    }

    async fn instance_delete(&self, caller: Caller, id: InstanceId) -> Outcome<()> {
        self.note(caller);
        self.instances.take(id.uuid())
    }

    fn hosts(&self) -> Vec<HostView> {
        self.hosts.all()
    }

    fn host(&self, id: HostId) -> Option<HostView> {
        self.hosts.one(id.uuid())
    }

    fn hosts_fitting(&self, placement: Placement) -> Outcome<Vec<HostView>> {
        let network = placement.network_id;
        let found = self.network(network);
        found.ok_or_else(|| Problem::not_found("network", network))?;
        Ok(self.hosts())
    }

    fn fabric_checks(&self) -> Vec<Arc<FabricCheck>> {
        self.fabric_checks.all_shared()
    }

    fn fabric_check(&self, id: FabricCheckId) -> Option<Arc<FabricCheck>> {
        self.fabric_checks.one(id.uuid()).map(Arc::new)
    }

    async fn fabric_check_create(
        &self,
        caller: Caller,
        request: FabricScope,
    ) -> Outcome<FabricCheck> {
        self.note(caller);
        let check = FabricCheck {
            scope: request,
            ..fabric_check()
        };
        Ok(self.fabric_checks.put(check))
    }

    async fn fabric_check_delete(&self, caller: Caller, id: FabricCheckId) -> Outcome<()> {
        self.note(caller);
        self.fabric_checks.take(id.uuid())
    }

    fn rule_hits(&self) -> Vec<RuleHitsView> {
        vec![rule_hits()]
    }

    fn tunnels(&self) -> Vec<TunnelView> {
        self.tunnels.lock().unwrap().clone()
    }
}
