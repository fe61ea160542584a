//! What a server of the REST API must be able to do. The controller does all of it, the collector's
//! own program what [`UsageBackend`] asks for; tests may stand in.

mod caps;
mod changes;
mod history;
mod migrations;
mod quotas;
mod tokens;
mod watching;

use std::future::Future;
use std::sync::Arc;

use model::billing::{
    Bill, BillSummary, LedgerRecord, RatePlan, RatePlanAssignment, RatePlanId, Seal, Verification,
};
use model::{
    AddressGroup, AddressGroupId, CollectorStatistics, Event, FabricCheck, FabricCheckId,
    FabricScope, FloatingIp, FloatingIpId, Gateway, GatewayId, HostId, InstanceId, Inventory,
    MeterFinding, Network, NetworkId, PhysicalNetwork, PhysicalNetworkId, PortForwarding,
    PortForwardingId, PortId, QuotaLimit, Reservation, ReservationId, Router, RouterId,
    SecurityGroup, SecurityGroupId, Subnet, SubnetId, Tenant, TenantId, Trace, Usage, UsagePart,
};
use uuid::Uuid;

use crate::access::{Identity, Sight};
use crate::problem::Problem;
use crate::request::{
    AddressGroupCreate, AddressGroupUpdate, BillsQuery, FloatingIpCreate, FloatingIpUpdate,
    GatewayCreate, HostUplinkSet, InstanceCreate, InstanceUpdate, NetworkCreate, NetworkUpdate,
    Paging, PhysicalNetworkCreate, Placement, PortAttach, PortCreate, PortForwardingCreate,
    PortUpdate, RatePlanCreate, RecordQuery, ReservationCreate, RouterCreate, RouterUpdate,
    SecurityGroupCreate, SecurityGroupUpdate, SplitQuery, SubPortCreate, SubnetCreate,
    SubnetUpdate, TenantCreate, TenantPeriod, TenantUpdate, TopologyChange, TraceRequest,
    UsageQuery,
};
use crate::resource::{
    Accepted, Health, HostView, InstanceView, PortView, RuleHitsView, SubPort, TopologyView,
    TunnelView,
};

pub use caps::CapBackend;
pub use changes::{ChangeBackend, Revised};
pub use history::{HistoryBackend, HistoryPart};
pub use migrations::MigrationBackend;
pub use quotas::{QuotaBackend, TenantBackend};
pub use tokens::TokenBackend;
pub use watching::{EventsAfter, WatchBackend};

/// The outcome of a change.
pub type Outcome<T> = Result<T, Problem>;

/// Who asks, and with what name for the request: goes into the audit log with the change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Who: the name of the token, such as `admin`.
    pub actor: String,
    /// The tenant whose objects alone the change may touch; any if absent.
    pub held_to: Option<TenantId>,
    /// Where the request came from: an IP address, or `uid:<number>` for a user of this machine;
    /// absent for what is asked by no client.
    pub source: Option<String>,
    /// The request's id, as in the log and in the `X-Request-Id` header.
    pub request_id: String,
    /// The client's own name for this creation, and what it asked for under it.
    pub idempotency: Option<Idempotency>,
    /// Where the number of the change is put once it is durable.
    pub revised: Revised,
    /// What the client has seen of what it changes, and means to change alone.
    pub precondition: Option<Precondition>,
}

/// That a change is meant for an object as its client saw it (`If-Match`, RFC 9110 §13.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Precondition {
    /// The object.
    pub id: Uuid,
    /// Its tags, one of which must be the object's when the change is decided on; any if empty.
    pub tags: Vec<String>,
}

/// A client's name for one creation (`Idempotency-Key`): done once, however often it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// The name: 1 to 128 visible ASCII characters.
    pub key: String,
    /// SHA-256 over method, path and body: another request under the same key is refused.
    pub fingerprint: [u8; 32],
}

/// The usage ledger: what was moved, and what is to be paid for it.
pub trait Ledger: Send + Sync + 'static {
    /// What was moved.
    fn usage(&self, query: UsageQuery) -> impl Future<Output = Outcome<Vec<Usage>>> + Send;
    /// What was sent, split, the largest parts of each class first.
    fn split(&self, query: SplitQuery) -> impl Future<Output = Outcome<Vec<UsagePart>>> + Send;
    /// The records that a bill rests on, oldest first.
    fn records(
        &self,
        query: RecordQuery,
    ) -> impl Future<Output = Outcome<Vec<LedgerRecord>>> + Send;
    /// What a tenant owes for a period.
    fn bill(&self, query: TenantPeriod) -> impl Future<Output = Outcome<Bill>> + Send;
    /// What each tenant owes for a period: of all that ever had a port on a host, or a rate plan.
    fn bills(&self, query: BillsQuery) -> impl Future<Output = Outcome<Vec<BillSummary>>> + Send;
    /// Seals a period that is over; again gives the seal that there is.
    fn seal(
        &self,
        caller: Caller,
        request: TenantPeriod,
    ) -> impl Future<Output = Outcome<Seal>> + Send;
    /// Seals, by tenant and number.
    fn seals(&self, page: Paging) -> impl Future<Output = Outcome<Vec<Seal>>> + Send;
    /// Recomputes everything that is sealed.
    fn verify(&self) -> impl Future<Output = Outcome<Verification>> + Send;
    /// Where the meters disagreed, the newest first.
    fn findings(&self, page: Paging) -> impl Future<Output = Outcome<Vec<MeterFinding>>> + Send;
    /// What the collector heard and what it could not use.
    fn statistics(&self) -> CollectorStatistics;
    /// Rate plans, by name.
    fn rate_plans(&self, page: Paging) -> impl Future<Output = Outcome<Vec<RatePlan>>> + Send;
    /// Makes a rate plan; the same again gives the one that there is.
    fn rate_plan_create(
        &self,
        caller: Caller,
        request: RatePlanCreate,
    ) -> impl Future<Output = Outcome<RatePlan>> + Send;
    /// Deletes a rate plan that was never a tenant's.
    fn rate_plan_delete(
        &self,
        caller: Caller,
        id: RatePlanId,
    ) -> impl Future<Output = Outcome<()>> + Send;
    /// Whose plan is which, from when on.
    fn rate_plan_assignments(
        &self,
        page: Paging,
    ) -> impl Future<Output = Outcome<Vec<RatePlanAssignment>>> + Send;
    /// Makes a plan a tenant's from a period on.
    fn rate_plan_assign(
        &self,
        caller: Caller,
        request: RatePlanAssignment,
    ) -> impl Future<Output = Outcome<()>> + Send;
}

/// What every server answers, the controller and the collector's own program alike.
pub trait UsageBackend: Send + Sync + 'static {
    /// The ledger it asks.
    type Ledger: Ledger;

    /// The bearer of this token, if it is valid. How long it takes says nothing of any secret.
    fn authenticate(&self, token: &str) -> Option<Identity>;

    /// Whether the object with this id is there for a tenant.
    fn sight(&self, tenant: TenantId, id: Uuid) -> Sight;

    /// How many calls a second the tokens of a tenant may make together. Who keeps no quotas limits nobody.
    fn requests_per_second(&self, _tenant: TenantId) -> QuotaLimit {
        QuotaLimit::Unlimited
    }

    /// Whether what it serves is well.
    fn health(&self) -> Health;
    /// The ledger, if it is kept here.
    fn ledger(&self) -> Outcome<&Self::Ledger>;

    /// What a tenant, network, port or host is called, if that is known here.
    fn name_of(&self, id: Uuid) -> Option<String>;
}

/// Reads never wait: they are answered from memory. A change is answered when it is durable.
///
/// With an [`Idempotency`] whose key is known: the same fingerprint gives the object as it was
/// created, another one gives [`Code::IdempotencyConflict`](crate::problem::Code).
pub trait Backend:
    UsageBackend
    + CapBackend
    + ChangeBackend
    + HistoryBackend
    + MigrationBackend
    + QuotaBackend
    + TenantBackend
    + TokenBackend
    + WatchBackend
{
    /// The tag of an object as it is now, if clients can change objects of its kind: another whenever
    /// what was asked for is another. What hosts say of the object is not in it.
    fn tag(&self, id: Uuid) -> Option<String>;

    /// What attributes samples to ports.
    fn inventory(&self) -> Arc<Inventory>;
    /// The newest events, oldest first.
    fn events(&self) -> Vec<Event>;

    /// All tenants, by id.
    fn tenants(&self) -> Vec<Arc<Tenant>>;
    /// One tenant.
    fn tenant(&self, id: TenantId) -> Option<Arc<Tenant>>;
    /// Makes a tenant.
    fn tenant_create(
        &self,
        caller: Caller,
        request: TenantCreate,
    ) -> impl Future<Output = Outcome<Tenant>> + Send;
    /// Changes what bounds a tenant's ports.
    fn tenant_update(
        &self,
        caller: Caller,
        id: TenantId,
        request: TenantUpdate,
    ) -> impl Future<Output = Outcome<Tenant>> + Send;
    /// Deletes a tenant that owns nothing.
    fn tenant_delete(
        &self,
        caller: Caller,
        id: TenantId,
    ) -> impl Future<Output = Outcome<()>> + Send;

    /// All physical networks, by id.
    fn physical_networks(&self) -> Vec<Arc<PhysicalNetwork>>;
    /// One physical network.
    fn physical_network(&self, id: PhysicalNetworkId) -> Option<Arc<PhysicalNetwork>>;
    /// Makes a physical network.
    fn physical_network_create(
        &self,
        caller: Caller,
        request: PhysicalNetworkCreate,
    ) -> impl Future<Output = Outcome<PhysicalNetwork>> + Send;
    /// Deletes a physical network that carries no network.
    fn physical_network_delete(
        &self,
        caller: Caller,
        id: PhysicalNetworkId,
    ) -> impl Future<Output = Outcome<()>> + Send;

    /// What carries the physical networks, and how it stands on every host.
    fn topology(&self) -> TopologyView;
    /// Changes what carries the physical networks of the pool's roles.
    fn topology_change(
        &self,
        caller: Caller,
        request: TopologyChange,
    ) -> impl Future<Output = Outcome<Accepted>> + Send;
    /// Says how a host differs from the pool on one physical network.
    fn host_uplink_set(
        &self,
        caller: Caller,
        host: HostId,
        request: HostUplinkSet,
    ) -> impl Future<Output = Outcome<Accepted>> + Send;

    /// All networks, by id.
    fn networks(&self) -> Vec<Arc<Network>>;
    /// One network.
    fn network(&self, id: NetworkId) -> Option<Arc<Network>>;
    /// Makes a network, with a VLAN id given or allocated.
    fn network_create(
        &self,
        caller: Caller,
        request: NetworkCreate,
    ) -> impl Future<Output = Outcome<Network>> + Send;
    /// Changes what bounds a network's ports.
    fn network_update(
        &self,
        caller: Caller,
        id: NetworkId,
        request: NetworkUpdate,
    ) -> impl Future<Output = Outcome<Network>> + Send;
    /// Deletes a network that has no port; its subnets go with it.
    fn network_delete(
        &self,
        caller: Caller,
        id: NetworkId,
    ) -> impl Future<Output = Outcome<()>> + Send;

    /// All subnets, by id.
    fn subnets(&self) -> Vec<Arc<Subnet>>;
    /// One subnet.
    fn subnet(&self, id: SubnetId) -> Option<Arc<Subnet>>;
    /// Makes a subnet that overlaps no other of its network.
    fn subnet_create(
        &self,
        caller: Caller,
        request: SubnetCreate,
    ) -> impl Future<Output = Outcome<Subnet>> + Send;
    /// Changes a subnet; its ports are told at their next renewal.
    fn subnet_update(
        &self,
        caller: Caller,
        id: SubnetId,
        request: SubnetUpdate,
    ) -> impl Future<Output = Outcome<Subnet>> + Send;
    /// Deletes a subnet that no port has an address of.
    fn subnet_delete(
        &self,
        caller: Caller,
        id: SubnetId,
    ) -> impl Future<Output = Outcome<()>> + Send;

    /// All reservations, by id.
    fn reservations(&self) -> Vec<Arc<Reservation>>;
    /// One reservation.
    fn reservation(&self, id: ReservationId) -> Option<Arc<Reservation>>;
    /// Keeps addresses of a network from being allocated.
    fn reservation_create(
        &self,
        caller: Caller,
        request: ReservationCreate,
    ) -> impl Future<Output = Outcome<Reservation>> + Send;
    /// Lets them be allocated again.
    fn reservation_delete(
        &self,
        caller: Caller,
        id: ReservationId,
    ) -> impl Future<Output = Outcome<()>> + Send;

    /// All address groups, by id.
    fn address_groups(&self) -> Vec<Arc<AddressGroup>>;
    /// One address group.
    fn address_group(&self, id: AddressGroupId) -> Option<Arc<AddressGroup>>;
    /// Makes an address group.
    fn address_group_create(
        &self,
        caller: Caller,
        request: AddressGroupCreate,
    ) -> impl Future<Output = Outcome<AddressGroup>> + Send;
    /// Changes the prefixes of an address group.
    fn address_group_update(
        &self,
        caller: Caller,
        id: AddressGroupId,
        request: AddressGroupUpdate,
    ) -> impl Future<Output = Outcome<AddressGroup>> + Send;
    /// Deletes an address group that no rule names.
    fn address_group_delete(
        &self,
        caller: Caller,
        id: AddressGroupId,
    ) -> impl Future<Output = Outcome<()>> + Send;

    /// All security groups, by id.
    fn security_groups(&self) -> Vec<Arc<SecurityGroup>>;
    /// One security group.
    fn security_group(&self, id: SecurityGroupId) -> Option<Arc<SecurityGroup>>;
    /// Makes a security group.
    fn security_group_create(
        &self,
        caller: Caller,
        request: SecurityGroupCreate,
    ) -> impl Future<Output = Outcome<SecurityGroup>> + Send;
    /// Changes the rules of a security group.
    fn security_group_update(
        &self,
        caller: Caller,
        id: SecurityGroupId,
        request: SecurityGroupUpdate,
    ) -> impl Future<Output = Outcome<SecurityGroup>> + Send;
    /// Deletes a security group that no port is in and no rule names.
    fn security_group_delete(
        &self,
        caller: Caller,
        id: SecurityGroupId,
    ) -> impl Future<Output = Outcome<()>> + Send;

    /// All routers, by id.
    fn routers(&self) -> Vec<Arc<Router>>;
    /// One router.
    fn router(&self, id: RouterId) -> Option<Arc<Router>>;
    /// Makes a router between networks of a tenant.
    fn router_create(
        &self,
        caller: Caller,
        request: RouterCreate,
    ) -> impl Future<Output = Outcome<Router>> + Send;
    /// Changes what a router joins, and its static routes.
    fn router_update(
        &self,
        caller: Caller,
        id: RouterId,
        request: RouterUpdate,
    ) -> impl Future<Output = Outcome<Router>> + Send;
    /// Deletes a router; its networks stay.
    fn router_delete(
        &self,
        caller: Caller,
        id: RouterId,
    ) -> impl Future<Output = Outcome<()>> + Send;

    /// What would become of a packet.
    fn trace(&self, request: TraceRequest) -> impl Future<Output = Outcome<Trace>> + Send;

    /// All gateways of routers, by id.
    fn gateways(&self) -> Vec<Arc<Gateway>>;
    /// One gateway of a router.
    fn gateway(&self, id: GatewayId) -> Option<Arc<Gateway>>;
    /// Leads a router to an external network.
    fn gateway_create(
        &self,
        caller: Caller,
        request: GatewayCreate,
    ) -> impl Future<Output = Outcome<Gateway>> + Send;
    /// Takes the way away, once no floating IP needs it.
    fn gateway_delete(
        &self,
        caller: Caller,
        id: GatewayId,
    ) -> impl Future<Output = Outcome<()>> + Send;

    /// All floating IPs, by id.
    fn floating_ips(&self) -> Vec<Arc<FloatingIp>>;
    /// One floating IP.
    fn floating_ip(&self, id: FloatingIpId) -> Option<Arc<FloatingIp>>;
    /// Takes an address of an external network for a tenant.
    fn floating_ip_create(
        &self,
        caller: Caller,
        request: FloatingIpCreate,
    ) -> impl Future<Output = Outcome<FloatingIp>> + Send;
    /// Binds it to a port, or unbinds it.
    fn floating_ip_update(
        &self,
        caller: Caller,
        id: FloatingIpId,
        request: FloatingIpUpdate,
    ) -> impl Future<Output = Outcome<FloatingIp>> + Send;
    /// Gives it back.
    fn floating_ip_delete(
        &self,
        caller: Caller,
        id: FloatingIpId,
    ) -> impl Future<Output = Outcome<()>> + Send;

    /// All port forwardings, by id.
    fn port_forwardings(&self) -> Vec<Arc<PortForwarding>>;
    /// One port forwarding.
    fn port_forwarding(&self, id: PortForwardingId) -> Option<Arc<PortForwarding>>;
    /// Lets a port of a floating IP stand for a port of a VIF.
    fn port_forwarding_create(
        &self,
        caller: Caller,
        request: PortForwardingCreate,
    ) -> impl Future<Output = Outcome<PortForwarding>> + Send;
    /// Lets it stand for nothing.
    fn port_forwarding_delete(
        &self,
        caller: Caller,
        id: PortForwardingId,
    ) -> impl Future<Output = Outcome<()>> + Send;

    /// All ports, by id.
    fn ports(&self) -> Vec<PortView>;
    /// One port.
    fn port(&self, id: PortId) -> Option<PortView>;
    /// Makes a port.
    fn port_create(
        &self,
        caller: Caller,
        request: PortCreate,
    ) -> impl Future<Output = Outcome<PortView>> + Send;
    /// Changes a port's addresses, address pairs or spoof guard, while it is in use.
    fn port_update(
        &self,
        caller: Caller,
        id: PortId,
        request: PortUpdate,
    ) -> impl Future<Output = Outcome<PortView>> + Send;
    /// Deletes a port that no instance uses and that has no sub-ports.
    fn port_delete(&self, caller: Caller, id: PortId) -> impl Future<Output = Outcome<()>> + Send;
    /// Plugs a port's VIF into a guest that a host's hypervisor runs.
    fn port_attach(
        &self,
        caller: Caller,
        id: PortId,
        request: PortAttach,
    ) -> impl Future<Output = Outcome<PortView>> + Send;
    /// Plugs a port's VIF out of the guest that has it.
    fn port_detach(
        &self,
        caller: Caller,
        id: PortId,
    ) -> impl Future<Output = Outcome<PortView>> + Send;

    /// All sub-ports, by their trunks' ids.
    fn sub_ports(&self) -> Vec<SubPort>;
    /// One sub-port, by its port's id.
    fn sub_port(&self, id: PortId) -> Option<SubPort>;
    /// Makes a port a sub-port of another.
    fn sub_port_create(
        &self,
        caller: Caller,
        request: SubPortCreate,
    ) -> impl Future<Output = Outcome<SubPort>> + Send;
    /// Takes a sub-port off its trunk. The port itself stays.
    fn sub_port_delete(
        &self,
        caller: Caller,
        id: PortId,
    ) -> impl Future<Output = Outcome<()>> + Send;

    /// All instances, by id.
    fn instances(&self) -> Vec<InstanceView>;
    /// One instance.
    fn instance(&self, id: InstanceId) -> Option<InstanceView>;
    /// Makes an instance with its ports; its host starts it.
    fn instance_create(
        &self,
        caller: Caller,
        request: InstanceCreate,
    ) -> impl Future<Output = Outcome<InstanceView>> + Send;
    /// Starts an instance, or stops it.
    fn instance_update(
        &self,
        caller: Caller,
        id: InstanceId,
        request: InstanceUpdate,
    ) -> impl Future<Output = Outcome<InstanceView>> + Send;
    /// Deletes an instance and the ports that were made with it; its host stops it.
    fn instance_delete(
        &self,
        caller: Caller,
        id: InstanceId,
    ) -> impl Future<Output = Outcome<()>> + Send;

    /// All hosts, by id.
    fn hosts(&self) -> Vec<HostView>;
    /// One host.
    fn host(&self, id: HostId) -> Option<HostView>;
    /// The hosts where such a VIF would work, by id.
    fn hosts_fitting(&self, placement: Placement) -> Outcome<Vec<HostView>>;

    /// The newest checks of the fabric, oldest first.
    fn fabric_checks(&self) -> Vec<Arc<FabricCheck>>;
    /// One check of the fabric.
    fn fabric_check(&self, id: FabricCheckId) -> Option<Arc<FabricCheck>>;
    /// Begins a check of the fabric.
    fn fabric_check_create(
        &self,
        caller: Caller,
        request: FabricScope,
    ) -> impl Future<Output = Outcome<FabricCheck>> + Send;
    /// Forgets a check of the fabric, and ends it if it is under way.
    fn fabric_check_delete(
        &self,
        caller: Caller,
        id: FabricCheckId,
    ) -> impl Future<Output = Outcome<()>> + Send;

    /// What logged rules let through, by group.
    fn rule_hits(&self) -> Vec<RuleHitsView>;

    /// Every tunnel that a host has, by host.
    fn tunnels(&self) -> Vec<TunnelView>;
}
