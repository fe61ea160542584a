//! What the REST API shows: the nouns of `model` with what is known of them at this moment.

mod change;
mod contents;
mod quota;

use model::plan::Generation;
use model::report::ManagementPath;
use model::{
    AccessRole, AccessTokenId, AccessVerb, AddressGroup, Cap, Event, FabricCheck, FabricScope,
    FloatingIp, Gateway, Host, HostId, HostStatus, HostUplink, Instance, InstanceStatus, Name,
    Network, NetworkId, PhysicalNetwork, Port, PortForwarding, PortId, PortMigration, PortStatus,
    Reservation, Router, RuleId, SecurityGroup, SecurityGroupId, Subnet, Tenant, TenantId,
    Timestamp, Traffic, Tunnel, VlanId,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use contents::{Listed, ListedObject, TenantContents};
pub use quota::{QuotaLine, QuotaView};

use crate::request::{
    AddressGroupCreate, AddressGroupUpdate, CapCreate, CapUpdate, FloatingIpCreate,
    FloatingIpUpdate, GatewayCreate, InstanceCreate, InstanceUpdate, MigrationCreate,
    NetworkCreate, NetworkUpdate, PhysicalNetworkCreate, PortCreate, PortForwardingCreate,
    PortUpdate, ReservationCreate, RouterCreate, RouterUpdate, SecurityGroupCreate,
    SecurityGroupUpdate, SubPortCreate, SubnetCreate, SubnetUpdate, TenantCreate, TenantUpdate,
    TokenCreate,
};

pub use change::{ChangeOnHost, ChangeState, ChangeView};

/// A noun with a collection of its own under `/v1`.
pub trait Resource: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// One of them, as in messages: `network`.
    const NOUN: &'static str;
    /// All of them, as in paths: `networks`.
    const COLLECTION: &'static str;
    /// Its identifier.
    fn id(&self) -> Uuid;
    /// Its name, where it has one.
    fn name(&self) -> Option<&str>;
}

/// A resource that clients may create.
pub trait Creatable: Resource {
    /// The body of the `POST`.
    type Create: Serialize + Send + Sync;
}

/// A resource that clients may change.
pub trait Changeable: Resource {
    /// The body of the `PATCH`: what is absent from it stays as it is.
    type Update: Serialize + Send + Sync;
}

/// A port and whether its frames flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortView {
    /// The port.
    #[serde(flatten)]
    pub port: Port,
    /// What its host says of it.
    pub status: PortStatus,
}

/// A token and when it was last used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenView {
    /// Its identifier.
    pub id: AccessTokenId,
    /// Its name.
    pub name: Name,
    /// What its bearer is.
    pub role: AccessRole,
    /// The tenant that its bearer is held to; the whole pool if absent.
    pub tenant_id: Option<TenantId>,
    /// What its bearer may do of what the role may.
    pub verbs: Vec<AccessVerb>,
    /// From when on it is no longer valid.
    pub expires_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used, as far as the controller knows since its start.
    pub last_used_at: Option<Timestamp>,
    /// The secret itself: only in the answer that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// A cap and what was moved of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapView {
    /// The cap.
    #[serde(flatten)]
    pub cap: Cap,
    /// What was moved in the present period.
    pub status: CapStatus,
}

/// What was moved of a cap, at the last look; nothing is known before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapStatus {
    /// How much, in bytes.
    pub used_bytes: Option<u64>,
    /// When it was looked at.
    pub checked_at: Option<Timestamp>,
}

/// A port that has no interface of its own, but a tag on that of another port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubPort {
    /// The port.
    pub id: PortId,
    /// Who owns it and its trunk.
    pub tenant_id: TenantId,
    /// The network it is on.
    pub network_id: NetworkId,
    /// The port's name.
    pub name: Option<Name>,
    /// The port whose interface carries it.
    pub trunk_id: PortId,
    /// The VLAN id that the instance has its frames under.
    pub vlan: VlanId,
}

/// A host and how it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostView {
    /// The host.
    #[serde(flatten)]
    pub host: Host,
    /// How it is.
    pub status: HostStatus,
}

/// A tunnel of a host, and since when it is so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TunnelView {
    /// Its identifier: the same as long as it leads from this host to that one.
    pub id: Uuid,
    /// The host that says so.
    pub host_id: HostId,
    /// The host at the other end, as far as it is known.
    pub peer_host_id: Option<HostId>,
    /// What the host says.
    #[serde(flatten)]
    pub tunnel: Tunnel,
    /// Since when its state is what it is, as far as the controller knows.
    pub since: Timestamp,
}

/// What a logged rule let through on all hosts that have it, replies included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleHitsView {
    /// The rule.
    pub id: RuleId,
    /// Its group.
    pub security_group_id: SecurityGroupId,
    /// How much, since it is on each host; half a minute old at most.
    #[serde(flatten)]
    pub traffic: Traffic,
}

/// An instance, its ports and whether it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceView {
    /// The instance.
    #[serde(flatten)]
    pub instance: Instance,
    /// Its ports, in order.
    pub port_ids: Vec<PortId>,
    /// What its host says of it.
    pub status: InstanceStatus,
}

/// `GET /v1/topology`: what carries the physical networks of the pool, and how it stands with that
/// on every host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopologyView {
    /// Hosts that have realized this generation or a later one are as it says, but for what they
    /// complain of.
    pub generation: Generation,
    /// The physical networks, by role and name.
    pub physical_networks: Vec<PhysicalNetwork>,
    /// The hosts, by name.
    pub hosts: Vec<HostTopology>,
}

/// How one host stands with the topology.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostTopology {
    /// Which host.
    pub host_id: HostId,
    /// Its name.
    pub name: Name,
    /// Whether its agent's session is open.
    pub connected: bool,
    /// The newest plan its switch fully carries out.
    pub realized: Option<Generation>,
    /// How it differs from the pool.
    pub uplinks: Vec<HostUplink>,
    /// How it stands with the way its controller reaches it.
    pub management_path: ManagementPath,
    /// What of its plan it could not carry out, one sentence each.
    pub failures: Vec<String>,
}

/// The answer to a change of the topology: it is durable, and on its way to the hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// The generation of the plans that carry it out.
    pub generation: Generation,
    /// Whether it changed anything; if not, everything was so before.
    pub changed: bool,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The objects, in the order asked for.
    pub items: Vec<T>,
    /// What `cursor` to ask for the next page with; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// `GET /v1/health`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// `ok`, or what is wrong.
    pub status: String,
    /// Hosts with an open session.
    pub hosts_connected: usize,
    /// Hosts known.
    pub hosts: usize,
}

/// `GET /v1/version`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The version of the program that answers.
    pub version: String,
    /// The version of the API.
    pub api: String,
}

/// One row per noun: its type, its names, where its id and name are.
macro_rules! resources {
    ($($type:ty, $noun:literal, $collection:literal, $id:expr, $name:expr;)*) => {$(
        impl Resource for $type {
            const NOUN: &'static str = $noun;
            const COLLECTION: &'static str = $collection;
            fn id(&self) -> Uuid {
                let id: fn(&Self) -> Uuid = $id;
                id(self)
            }
            fn name(&self) -> Option<&str> {
                let name: fn(&Self) -> Option<&str> = $name;
                name(self)
            }
        }
    )*};
}

resources! {
    TokenView, "token", "tokens", |it| it.id.uuid(), |it| Some(it.name.as_str());
    Tenant, "tenant", "tenants", |it| it.id.uuid(), |it| Some(it.name.as_str());
    PhysicalNetwork, "physical network", "physical-networks", |it| it.id.uuid(), |it| Some(it.name.as_str());
    Network, "network", "networks", |it| it.id.uuid(), |it| Some(it.name.as_str());
    Router, "router", "routers", |it| it.id.uuid(), |it| Some(it.name.as_str());
    Subnet, "subnet", "subnets", |it| it.id.uuid(), |it| it.name.as_ref().map(model::Name::as_str);
    Reservation, "reservation", "reservations", |it| it.id.uuid(), |it| it.name.as_ref().map(model::Name::as_str);
    Gateway, "router gateway", "router-gateways", |it| it.id.uuid(), |_| None;
    FloatingIp, "floating ip", "floating-ips", |it| it.id.uuid(), |_| None;
    PortForwarding, "port forwarding", "port-forwardings", |it| it.id.uuid(), |_| None;
    CapView, "cap", "caps", |it| it.cap.id.uuid(), |_| None;
    AddressGroup, "address group", "address-groups", |it| it.id.uuid(), |it| Some(it.name.as_str());
    SecurityGroup, "security group", "security-groups", |it| it.id.uuid(), |it| Some(it.name.as_str());
    PortView, "port", "ports", |it| it.port.id.uuid(), |it| it.port.name.as_ref().map(model::Name::as_str);
    SubPort, "sub-port", "sub-ports", |it| it.id.uuid(), |it| it.name.as_ref().map(model::Name::as_str);
    PortMigration, "migration", "migrations", |it| it.id.uuid(), |it| it.name.as_ref().map(model::Name::as_str);
    InstanceView, "instance", "instances", |it| it.instance.id.uuid(), |it| Some(it.instance.name.as_str());
    HostView, "host", "hosts", |it| it.host.id.uuid(), |it| Some(it.host.name.as_str());
    FabricCheck, "fabric check", "fabric-checks", |it| it.id.uuid(), |_| None;
    RuleHitsView, "rule", "rule-hits", |it| it.id.uuid(), |_| None;
    TunnelView, "tunnel", "tunnels", |it| it.id, |_| None;
    Event, "event", "events", |it| Uuid::from_u128(it.id.into()), |_| None;
}

impl Creatable for FabricCheck {
    type Create = FabricScope;
}
impl Changeable for Tenant {
    type Update = TenantUpdate;
}
impl Creatable for TokenView {
    type Create = TokenCreate;
}
impl Creatable for Tenant {
    type Create = TenantCreate;
}
impl Creatable for PhysicalNetwork {
    type Create = PhysicalNetworkCreate;
}
impl Creatable for Network {
    type Create = NetworkCreate;
}
impl Changeable for Network {
    type Update = NetworkUpdate;
}
impl Creatable for Router {
    type Create = RouterCreate;
}
impl Changeable for Router {
    type Update = RouterUpdate;
}
impl Creatable for Subnet {
    type Create = SubnetCreate;
}
impl Changeable for Subnet {
    type Update = SubnetUpdate;
}
impl Creatable for Reservation {
    type Create = ReservationCreate;
}
impl Creatable for Gateway {
    type Create = GatewayCreate;
}
impl Creatable for FloatingIp {
    type Create = FloatingIpCreate;
}
impl Changeable for FloatingIp {
    type Update = FloatingIpUpdate;
}
impl Creatable for PortForwarding {
    type Create = PortForwardingCreate;
}
impl Creatable for CapView {
    type Create = CapCreate;
}
impl Changeable for CapView {
    type Update = CapUpdate;
}
impl Changeable for PortView {
    type Update = PortUpdate;
}
impl Creatable for AddressGroup {
    type Create = AddressGroupCreate;
}
impl Changeable for AddressGroup {
    type Update = AddressGroupUpdate;
}
impl Creatable for SecurityGroup {
    type Create = SecurityGroupCreate;
}
impl Changeable for SecurityGroup {
    type Update = SecurityGroupUpdate;
}
impl Creatable for PortView {
    type Create = PortCreate;
}
impl Creatable for PortMigration {
    type Create = MigrationCreate;
}
impl Creatable for SubPort {
    type Create = SubPortCreate;
}
impl Creatable for InstanceView {
    type Create = InstanceCreate;
}
impl Changeable for InstanceView {
    type Update = InstanceUpdate;
}
