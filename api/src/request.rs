//! What clients may ask for. Fields are checked one by one before any of these exists, so a value
//! here is well-formed; whether it fits the pool is for the backend to say.

mod cap;
mod history;
mod limits;
mod migration;
mod outside;
mod plugging;
mod quota;
mod token;
mod topology;
mod usage;

use std::net::IpAddr;

use ipnet::IpNet;
use model::billing::RateTerms;
use model::{
    AddressPair, AddressRange, Allowance, BitRate, Boot, DomainName, Encapsulation, Handout,
    HostId, Limits, MacAddr, Name, NetworkId, PhysicalNetworkId, PortId, Power, Reason, Role,
    Route, RuleId, SecurityGroupId, Sharing, SpoofGuard, StaticRoute, TenantId, TenantState,
    TracedProtocol, TracedState, Tracking, Uplink, VlanId, VlanRanges, Vni,
};
use serde::{Deserialize, Serialize};

pub use cap::{CapCreate, CapUpdate, Lifted};
pub use history::HistoryQuery;
pub use limits::LimitsUpdate;
pub use migration::MigrationCreate;
pub use outside::{FloatingIpCreate, FloatingIpUpdate, GatewayCreate, PortForwardingCreate};
pub use plugging::PortAttach;
pub use quota::QuotaUpdate;
pub use token::TokenCreate;
pub use topology::{HostUplinkSet, RoleChange, Setting, TopologyChange};
pub use usage::{BillsQuery, Paging, RecordQuery, SplitQuery, TenantPeriod, UsageQuery};

/// `POST /v1/tenants`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantCreate {
    /// Its name, unique in the pool.
    pub name: Name,
    /// How much each of its ports may take at most.
    #[serde(default, flatten)]
    pub limits: Limits,
}

/// `PATCH /v1/tenants/{id}`: what is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantUpdate {
    /// How much each of its ports may take at most.
    #[serde(default, flatten)]
    pub limits: LimitsUpdate,
    /// Suspended, all of its ports are dark and its tokens only read; active, it may use the pool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<TenantState>,
    /// Why it is suspended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// `POST /v1/physical-networks`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhysicalNetworkCreate {
    /// Its name, unique in the pool, at most 12 ASCII letters, digits, `-` or `_`.
    pub name: Name,
    /// What it is for.
    pub role: Role,
    /// What carries it on every host that has no exception.
    pub uplink: Uplink,
    /// VLAN ids for tenant networks: none on management and storage, and on a public physical network
    /// only where it carries some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vlans: Option<VlanRanges>,
    /// What its switches take untagged frames to be in, which no tenant network may be: 1 if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub native_vlan: Option<VlanId>,
    /// The largest IP packet it carries, in bytes: 1280 to 9216, 1500 if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u16>,
    /// The prefix that every host is given an address of, for overlays to reach it; only on a
    /// private physical network, and on one of the pool at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<IpNet>,
}

/// `POST /v1/networks`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkCreate {
    /// Who will own it.
    pub tenant_id: TenantId,
    /// Its name, unique in the tenant.
    pub name: Name,
    /// How it is carried: `flat`, `vlan`, `vxlan` or `geneve`.
    pub kind: NetworkKind,
    /// The physical network; if absent, the pool's only private one, or for an overlay the one
    /// with endpoints.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub physical_network_id: Option<PhysicalNetworkId>,
    /// The VLAN id; if absent, the lowest free one of the physical network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vlan: Option<VlanId>,
    /// An overlay's VNI, unique in the pool; if absent, a free one from 4096 on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vni: Option<Vni>,
    /// The largest IP packet, in bytes: from 1280 to what the physical network leaves (an overlay's
    /// headers take 50 bytes over IPv4 and 70 over IPv6); if absent, that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u16>,
    /// Who else may be on it; by default nobody.
    #[serde(flatten)]
    pub sharing: Sharing,
    /// How much each of its ports may take that does not say otherwise itself.
    #[serde(default, flatten)]
    pub limits: Limits,
}

/// `PATCH /v1/networks/{id}`: what is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkUpdate {
    /// How much each of its ports may take that does not say otherwise itself.
    #[serde(default, flatten)]
    pub limits: LimitsUpdate,
}

/// How a network is carried between hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NetworkKind {
    /// What has no tag on a physical network: one network of each at most.
    Flat,
    /// An IEEE 802.1Q tag.
    Vlan,
    /// VXLAN (RFC 7348).
    Vxlan,
    /// Geneve (RFC 8926).
    Geneve,
}

impl NetworkKind {
    /// Every kind with its name.
    pub const ALL: &[(Self, &str)] = &[
        (Self::Flat, "flat"),
        (Self::Vlan, "vlan"),
        (Self::Vxlan, "vxlan"),
        (Self::Geneve, "geneve"),
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(kind, _)| *kind == self);
        found.map_or("", |(_, name)| name)
    }

    /// How it wraps frames, if it is an overlay.
    #[must_use]
    pub const fn encapsulation(self) -> Option<Encapsulation> {
        match self {
            Self::Flat | Self::Vlan => None,
            Self::Vxlan => Some(Encapsulation::Vxlan),
            Self::Geneve => Some(Encapsulation::Geneve),
        }
    }
}

/// `POST /v1/routers`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouterCreate {
    /// Who will own it.
    pub tenant_id: TenantId,
    /// Its name, unique in the tenant.
    pub name: Name,
    /// The tenant's networks that it joins, whose subnets do not overlap.
    #[serde(default)]
    pub network_ids: Vec<NetworkId>,
}

/// `PATCH /v1/routers/{id}`: what is absent stays as it is. A list is either given anew, or changed
/// by what is added and removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouterUpdate {
    /// The networks that it joins.
    #[serde(default, flatten)]
    pub networks: NetworksUpdate,
    /// Its static routes.
    #[serde(default, flatten)]
    pub routes: RoutesUpdate,
}

/// How the networks of a router change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworksUpdate {
    /// All of them.
    #[serde(rename = "network_ids", skip_serializing_if = "Option::is_none")]
    pub whole: Option<Vec<NetworkId>>,
    /// Those to add.
    #[serde(
        default,
        rename = "add_network_ids",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub add: Vec<NetworkId>,
    /// Those to take away.
    #[serde(
        default,
        rename = "remove_network_ids",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub remove: Vec<NetworkId>,
}

/// How the static routes of a router change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoutesUpdate {
    /// All of them.
    #[serde(rename = "routes", skip_serializing_if = "Option::is_none")]
    pub whole: Option<Vec<StaticRoute>>,
    /// Those to add.
    #[serde(default, rename = "add_routes", skip_serializing_if = "Vec::is_empty")]
    pub add: Vec<StaticRoute>,
    /// Those to take away.
    #[serde(
        default,
        rename = "remove_routes",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub remove: Vec<StaticRoute>,
}

/// `POST /v1/subnets`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubnetCreate {
    /// The network it belongs to.
    pub network_id: NetworkId,
    /// Its name, unique in the tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// The prefix, with no host bits set.
    pub cidr: IpNet,
    /// The gateway's address; if absent, the first host address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
    /// Where addresses are allocated from; if absent, all host addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pools: Option<Vec<AddressRange>>,
    /// What its ports are told along with their addresses.
    #[serde(flatten)]
    pub handout: Handout,
}

/// `PATCH /v1/subnets/{id}`: what is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubnetUpdate {
    /// The gateway's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
    /// Where addresses are allocated from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pools: Option<Vec<AddressRange>>,
    /// Whether DHCP hands out its addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dhcp: Option<bool>,
    /// Resolvers, in order of preference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns: Option<Vec<IpAddr>>,
    /// The domain that short names are looked up in; `null` takes it away.
    #[serde(default, skip_serializing_if = "Setting::is_kept")]
    pub domain: Setting<DomainName>,
    /// Routes besides the one to the gateway.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routes: Option<Vec<Route>>,
    /// How long an address is given out for, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease_seconds: Option<u32>,
    /// Whether the gateway answers for the names of ports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_names: Option<bool>,
    /// The resolvers that hosts ask about all other names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_forward: Option<Vec<IpAddr>>,
}

/// `POST /v1/security-groups`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityGroupCreate {
    /// Who will own it.
    pub tenant_id: TenantId,
    /// Its name, unique in the tenant.
    pub name: Name,
    /// What becomes of replies; if absent, it is stateful.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracking: Option<Tracking>,
    /// What it lets through; if absent, everything that its ports begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<Vec<Allowance>>,
}

/// `PATCH /v1/security-groups/{id}`: all of it happens at one instant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityGroupUpdate {
    /// Rules to add.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub add_rules: Vec<Allowance>,
    /// Rules to take away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remove_rules: Vec<RuleId>,
}

/// `POST /v1/address-groups`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressGroupCreate {
    /// Who will own it.
    pub tenant_id: TenantId,
    /// Its name, unique in the tenant.
    pub name: Name,
    /// Its prefixes, each once and with no host bits set.
    #[serde(default)]
    pub prefixes: Vec<IpNet>,
}

/// `PATCH /v1/address-groups/{id}`: all of it happens at one instant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressGroupUpdate {
    /// Prefixes to add.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub add_prefixes: Vec<IpNet>,
    /// Prefixes to take away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remove_prefixes: Vec<IpNet>,
}

/// `POST /v1/ports`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortCreate {
    /// The network it will be on.
    pub network_id: NetworkId,
    /// Who will own it; if absent, the network's tenant, and on a network that is not shared no
    /// other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<TenantId>,
    /// Its name, unique in the tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// Its Ethernet address; if absent, one is made up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac: Option<MacAddr>,
    /// Its addresses; if absent, one is allocated from every subnet of the network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub addresses: Option<Vec<IpAddr>>,
    /// What it may send from besides its addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<AddressPair>,
    /// Whether it may send from nothing else; if absent, so it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spoof_guard: Option<SpoofGuard>,
    /// How much it may take.
    #[serde(default, flatten)]
    pub limits: Limits,
    /// The security groups it is in; if absent, the one that was made with its tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security_group_ids: Option<Vec<SecurityGroupId>>,
    /// The host it will appear on, if known: its flows are prepared there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_id: Option<HostId>,
}

/// `GET /v1/hosts?fits=…`: only hosts where a VIF of this network would work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The network.
    pub network_id: NetworkId,
    /// What the VIF is to be able to move in either direction, besides what is promised already.
    pub bandwidth: Option<BitRate>,
}

/// `PATCH /v1/ports/{id}`: what is absent stays as it is. A list is either given anew, or changed by
/// what is added and removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortUpdate {
    /// Its addresses.
    #[serde(default, flatten)]
    pub addresses: AddressesUpdate,
    /// Its address pairs.
    #[serde(default, flatten)]
    pub allowed: AllowedUpdate,
    /// Whether it may send from nothing else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spoof_guard: Option<SpoofGuard>,
    /// How much it may take.
    #[serde(default, flatten)]
    pub limits: LimitsUpdate,
    /// The security groups it is in, all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security_group_ids: Option<Vec<SecurityGroupId>>,
}

/// How the addresses of a port change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressesUpdate {
    /// All of them.
    #[serde(rename = "addresses", skip_serializing_if = "Option::is_none")]
    pub whole: Option<Vec<IpAddr>>,
    /// Those to add.
    #[serde(
        default,
        rename = "add_addresses",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub add: Vec<IpAddr>,
    /// Those to take away.
    #[serde(
        default,
        rename = "remove_addresses",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub remove: Vec<IpAddr>,
}

/// How the address pairs of a port change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllowedUpdate {
    /// All of them.
    #[serde(rename = "allowed", skip_serializing_if = "Option::is_none")]
    pub whole: Option<Vec<AddressPair>>,
    /// Those to add.
    #[serde(default, rename = "add_allowed", skip_serializing_if = "Vec::is_empty")]
    pub add: Vec<AddressPair>,
    /// Those to take away.
    #[serde(
        default,
        rename = "remove_allowed",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub remove: Vec<AddressPair>,
}

/// `POST /v1/reservations`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservationCreate {
    /// The network whose addresses they are.
    pub network_id: NetworkId,
    /// Its name, unique in the tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// The addresses, all of one subnet.
    pub addresses: AddressRange,
}

/// `POST /v1/sub-ports`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubPortCreate {
    /// The port whose interface will carry it, which becomes a trunk by that.
    pub trunk_id: PortId,
    /// The port: of the trunk's tenant, on a network that no other port of the trunk is on.
    pub port_id: PortId,
    /// The VLAN id that the instance has its frames under: known on this trunk only.
    pub vlan: VlanId,
}

/// `POST /v1/instances`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceCreate {
    /// Who will own it.
    pub tenant_id: TenantId,
    /// Its name, unique in the tenant.
    pub name: Name,
    /// The host that runs it; if absent, the connected host with the fewest instances.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_id: Option<HostId>,
    /// A port is made on each of these networks, and deleted with the instance.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub network_ids: Vec<NetworkId>,
    /// The security groups of the ports that are made; if absent, the one of its tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security_group_ids: Option<Vec<SecurityGroupId>>,
    /// Ports that exist already and outlive the instance.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub port_ids: Vec<PortId>,
    /// What it boots: then it is a machine that libvirt runs. If absent, it is a network namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<Boot>,
    /// Whether it is to run at once; if absent, it is.
    #[serde(default)]
    pub power: Power,
}

/// `PATCH /v1/instances/{id}`: what is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceUpdate {
    /// Whether it is to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power: Option<Power>,
    /// The host that it is to be on: one that runs migrates there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_id: Option<HostId>,
}

/// `POST /v1/trace`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceRequest {
    /// The VIF that sends the packet. If absent, a machine beyond an external network, from
    /// `from_address`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_port_id: Option<PortId>,
    /// Who asks: a tenant, who may ask about its own VIFs and is told of nothing that is another's. If
    /// absent, an operator, who is told all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<TenantId>,
    /// The VIF that the packet is for: its first address of the sender's families.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_port_id: Option<PortId>,
    /// In place of that, the address that the packet is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_address: Option<IpAddr>,
    /// What it carries; an echo request if absent.
    #[serde(default)]
    pub protocol: TracedProtocol,
    /// The port it is sent to, of TCP and UDP only: 80 for TCP and 53 for UDP if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The port it is sent from, of TCP and UDP only: 40000 if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_port: Option<u16>,
    /// The address it is sent from; if absent, the VIF's first of the receiver's family.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_address: Option<IpAddr>,
    /// The Ethernet address it is sent from; if absent, the sender's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_mac: Option<MacAddr>,
    /// How large it is, its IP header included: 100 bytes if absent, up to 9216.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u16>,
    /// What conntrack is taken to know of its connection.
    #[serde(default)]
    pub state: TracedState,
}

/// `POST /v1/rate-plans`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RatePlanCreate {
    /// Its name, unique in the pool.
    pub name: Name,
    /// The prices.
    #[serde(flatten)]
    pub terms: RateTerms,
}
