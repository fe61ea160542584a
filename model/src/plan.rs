//! What the controller tells one host: everything the host must be, and nothing of how.
//!
//! A plan is a set of items, each under its own key. It travels whole once, then as
//! [`PlanChange`]s; that is transport only, the agent always works from the whole [`HostPlan`].

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU16;
use std::ops::RangeInclusive;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{
    AddressGroupId, AddressPair, Boot, DomainName, Driver, FloatingIpId, ForwardedProtocol,
    Handout, HostAddress, HostId, InstanceId, Limits, MacAddr, Motion, Name, NetworkId,
    NetworkNumber, OnTrunk, PhysicalNetworkId, PortForwardingId, PortId, Role, RouterId, Rule,
    SampleWay, SecurityGroupId, SecurityGroupNumber, Segment, Sharing, SpoofGuard, TenantId,
    Tracking, Uplink, VlanRanges,
};

/// The version of a plan. Larger is newer; equal means the same plan.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Generation(pub u64);

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// All that one host must carry out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "PlanOnDisk", into = "PlanOnDisk")]
pub struct HostPlan {
    /// Its version.
    pub generation: Generation,
    /// Its items by their keys.
    pub items: BTreeMap<PlanKey, PlanItem>,
}

/// A JSON object cannot have structured keys; an item knows its own.
#[derive(Clone, Serialize, Deserialize)]
struct PlanOnDisk {
    generation: Generation,
    items: Vec<PlanItem>,
}

impl From<PlanOnDisk> for HostPlan {
    fn from(plan: PlanOnDisk) -> Self {
        let items = plan.items.into_iter().map(|item| (item.key(), item));
        Self {
            generation: plan.generation,
            items: items.collect(),
        }
    }
}

impl From<HostPlan> for PlanOnDisk {
    fn from(plan: HostPlan) -> Self {
        Self {
            generation: plan.generation,
            items: plan.items.into_values().collect(),
        }
    }
}

/// What an item of a plan is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "id", rename_all = "snake_case")]
pub enum PlanKey {
    /// A physical network this host is on.
    PhysicalNetwork(PhysicalNetworkId),
    /// A tenant network that has a port on this host, or that a router joins to one that has.
    Network(NetworkId),
    /// An address group that rules of such a security group name.
    AddressGroup(AddressGroupId),
    /// A security group that has a port on this host.
    SecurityGroup(SecurityGroupId),
    /// A port bound to this host.
    Port(PortId),
    /// A port of such a network, bound to another host.
    RemotePort(PortId),
    /// A router that joins such networks.
    Router(RouterId),
    /// A floating IP of a port bound to this host.
    FloatingIp(FloatingIpId),
    /// A port of an address outside, of a port bound to this host or of an address that this host answers
    /// for.
    PortForwarding(PortForwardingId),
    /// An instance this host must run.
    Instance(InstanceId),
    /// How this host samples its traffic.
    Sampling,
    /// How long a change of the way to the controller is on trial.
    Trial,
}

impl fmt::Display for PlanKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PhysicalNetwork(id) => write!(f, "physical network {id}"),
            Self::Network(id) => write!(f, "network {id}"),
            Self::AddressGroup(id) => write!(f, "address group {id}"),
            Self::SecurityGroup(id) => write!(f, "security group {id}"),
            Self::Port(id) => write!(f, "port {id}"),
            Self::RemotePort(id) => write!(f, "remote port {id}"),
            Self::Router(id) => write!(f, "router {id}"),
            Self::FloatingIp(id) => write!(f, "floating IP {id}"),
            Self::PortForwarding(id) => write!(f, "port forwarding {id}"),
            Self::Instance(id) => write!(f, "instance {id}"),
            Self::Sampling => f.write_str("sampling"),
            Self::Trial => f.write_str("trial"),
        }
    }
}

/// One thing that a host must be or know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PlanItem {
    /// See [`PlanKey::PhysicalNetwork`].
    PhysicalNetwork(PlannedPhysicalNetwork),
    /// See [`PlanKey::Network`].
    Network(PlannedNetwork),
    /// See [`PlanKey::AddressGroup`].
    AddressGroup(PlannedAddressGroup),
    /// See [`PlanKey::SecurityGroup`].
    SecurityGroup(PlannedSecurityGroup),
    /// See [`PlanKey::Port`].
    Port(PlannedPort),
    /// See [`PlanKey::RemotePort`].
    RemotePort(PlannedRemotePort),
    /// See [`PlanKey::Router`].
    Router(PlannedRouter),
    /// See [`PlanKey::FloatingIp`].
    FloatingIp(PlannedFloatingIp),
    /// See [`PlanKey::PortForwarding`].
    PortForwarding(PlannedPortForwarding),
    /// See [`PlanKey::Instance`].
    Instance(PlannedInstance),
    /// See [`PlanKey::Sampling`].
    Sampling(Sampling),
    /// See [`PlanKey::Trial`]; without it the default holds.
    Trial(Trial),
}

impl PlanItem {
    /// The key it stands under.
    #[must_use]
    pub const fn key(&self) -> PlanKey {
        match self {
            Self::PhysicalNetwork(item) => PlanKey::PhysicalNetwork(item.id),
            Self::Network(item) => PlanKey::Network(item.id),
            Self::AddressGroup(item) => PlanKey::AddressGroup(item.id),
            Self::SecurityGroup(item) => PlanKey::SecurityGroup(item.id),
            Self::Port(item) => PlanKey::Port(item.id),
            Self::RemotePort(item) => PlanKey::RemotePort(item.id),
            Self::Router(item) => PlanKey::Router(item.id),
            Self::FloatingIp(item) => PlanKey::FloatingIp(item.id),
            Self::PortForwarding(item) => PlanKey::PortForwarding(item.id),
            Self::Instance(item) => PlanKey::Instance(item.id),
            Self::Sampling(_) => PlanKey::Sampling,
            Self::Trial(_) => PlanKey::Trial,
        }
    }
}

/// A physical network as one host has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedPhysicalNetwork {
    /// Its identifier.
    pub id: PhysicalNetworkId,
    /// Its name; its bridge is `br-<name>`.
    pub name: Name,
    /// What it is for. The integration bridge is never joined to management.
    pub role: Role,
    /// What carries it on this host.
    #[serde(alias = "nic")]
    pub uplink: Uplink,
    /// The host's own address on management or storage. Absent: it keeps whatever addresses and
    /// routes the NIC has, and they move to the bridge. On other roles it has no meaning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<HostAddress>,
    /// The VLAN ids that its switches carry.
    pub vlans: Option<VlanRanges>,
    /// The largest IP packet it carries, in bytes.
    pub mtu: u16,
    /// This host's endpoint of overlays on it, with the prefix length of all endpoints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<IpNet>,
}

/// A tenant network as a host needs to know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedNetwork {
    /// Its identifier.
    pub id: NetworkId,
    /// Who owns it.
    pub tenant_id: TenantId,
    /// Its number in registers and cookies.
    pub number: NetworkNumber,
    /// How its frames travel between hosts.
    pub segment: Segment,
    /// The largest IP packet its instances may send, in bytes.
    pub mtu: u16,
    /// Who else may be on it.
    #[serde(flatten)]
    pub sharing: Sharing,
    /// Its subnets.
    #[serde(default)]
    pub subnets: Vec<PlannedSubnet>,
}

/// A subnet of a tenant network, as a host needs to know it to answer for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedSubnet {
    /// The prefix, with no host bits set.
    pub cidr: IpNet,
    /// The address kept for the network's gateway.
    pub gateway: IpAddr,
    /// What ports are told along with their addresses.
    #[serde(flatten)]
    pub handout: Handout,
}

/// An address group as a host needs to know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedAddressGroup {
    /// Its identifier.
    pub id: AddressGroupId,
    /// Its prefixes, with no host bits set.
    pub prefixes: Vec<IpNet>,
}

/// A security group as a host needs to know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedSecurityGroup {
    /// Its identifier.
    pub id: SecurityGroupId,
    /// Its number in registers and cookies.
    pub number: SecurityGroupNumber,
    /// What becomes of replies.
    pub tracking: Tracking,
    /// What it lets through.
    pub rules: Vec<Rule>,
}

/// A port bound to this host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedPort {
    /// Its identifier; the interface with this `iface-id` carries it.
    pub id: PortId,
    /// The network it is on.
    pub network_id: NetworkId,
    /// Its Ethernet address.
    pub mac: MacAddr,
    /// Its IP addresses.
    pub addresses: Vec<IpAddr>,
    /// What it may send from besides these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<AddressPair>,
    /// Whether it may send from nothing else.
    #[serde(default)]
    pub spoof_guard: SpoofGuard,
    /// How much it may take.
    #[serde(default, flatten)]
    pub limits: Limits,
    /// What whoever plugs in is told to be called: one label.
    #[serde(default)]
    pub hostname: Option<DomainName>,
    /// The security groups it is in, each of them in the plan. In none, it hears and is heard by
    /// nobody.
    #[serde(default)]
    pub security_group_ids: Vec<SecurityGroupId>,
    /// The trunk whose interface carries it, in place of one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_trunk: Option<OnTrunk>,
    /// Since which plan it is to have its rules in place and be dark: it migrates, and is not lit here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standby: Option<Generation>,
}

/// A port of a network that this host has, bound to another host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedRemotePort {
    /// Its identifier.
    pub id: PortId,
    /// The network it is on.
    pub network_id: NetworkId,
    /// Its Ethernet address.
    pub mac: MacAddr,
    /// Its IP addresses.
    pub addresses: Vec<IpAddr>,
    /// Ethernet addresses that it may share with others, of its address pairs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub virtual_macs: Vec<MacAddr>,
    /// Whether it sends from nothing but these and its own.
    #[serde(default)]
    pub spoof_guard: SpoofGuard,
    /// What it is called: one label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<DomainName>,
    /// The security groups it is in; rules may name them as the remote end.
    #[serde(default)]
    pub security_group_ids: Vec<SecurityGroupId>,
    /// Where it is.
    pub host_id: HostId,
    /// Where that host is reached, when the network is an overlay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<IpAddr>,
}

/// A router as one host has it: the gateway of each of its networks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedRouter {
    /// Its identifier.
    pub id: RouterId,
    /// The networks it joins.
    pub network_ids: Vec<NetworkId>,
    /// Where what this host routed comes from on its way to other hosts.
    pub mac: MacAddr,
    /// Where the other hosts that have it are reached, when they have an endpoint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<IpAddr>,
    /// Where it sends packets for other prefixes than its networks'.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<PlannedRoute>,
    /// Where it sends what is for none of its networks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<PlannedGateway>,
}

/// A static route, resolved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedRoute {
    /// Where it leads.
    pub prefix: IpNet,
    /// The network of the router that its next hop is on.
    pub network_id: NetworkId,
    /// The next hop's Ethernet address; absent while nobody has its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<MacAddr>,
}

/// The default route of a router, as one host has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedGateway {
    /// The external network, which is in the plan.
    pub network_id: NetworkId,
    /// The Ethernet address of that network's gateway.
    pub mac: MacAddr,
    /// The one that it has for IPv6, where that network has a subnet of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac_v6: Option<MacAddr>,
    /// As whom ports without a floating IP speak from this host, where it is a gateway host while it is
    /// the first that lives; absent: they do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snat: Option<Ipv4Addr>,
    /// The hosts through which they get out, in order; none: this host by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<PlannedGatewayHost>,
    /// The addresses of that network that the pool gives out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pool: Vec<IpNet>,
}

/// A host through which a router's ports get out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedGatewayHost {
    /// Where it takes packets that are to get out, on the router's networks; the host whose own it is
    /// knows itself by it.
    pub mac: MacAddr,
    /// Where it is heard.
    pub endpoint: IpAddr,
}

/// A floating IP of a port of this host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedFloatingIp {
    /// Its identifier.
    pub id: FloatingIpId,
    /// The external network, to which the router of the port's network has its gateway.
    pub network_id: NetworkId,
    /// The address there.
    pub address: IpAddr,
    /// The port it stands for.
    pub port_id: PortId,
    /// The address of the port.
    pub inner: IpAddr,
}

/// A port of an address outside that stands for a port of one address of a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedPortForwarding {
    /// Its identifier.
    pub id: PortForwardingId,
    /// The router behind which the port is, the same for all of the address.
    pub router_id: RouterId,
    /// The external network, to which the router has its gateway.
    pub network_id: NetworkId,
    /// The address there.
    pub address: Ipv4Addr,
    /// Who answers for the address.
    pub answered: Answered,
    /// What is spoken.
    pub protocol: ForwardedProtocol,
    /// The port of the address, in the transport protocol.
    pub external_port: NonZeroU16,
    /// The port it stands for. If it is bound to another host, this one answers for the address.
    pub port_id: PortId,
    /// The address of the port.
    pub inner: Ipv4Addr,
    /// The port of that address, in the transport protocol.
    pub internal_port: NonZeroU16,
    /// Where the port's host is reached on the external network.
    pub host_mac: MacAddr,
}

/// Which host answers for an address outside whose ports are forwarded: one of those that have any of the
/// ports behind it. It sends on to the others what is theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answered {
    /// This one.
    Here,
    /// Another one.
    Elsewhere,
}

/// An instance that this host must run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedInstance {
    /// Its identifier.
    pub id: InstanceId,
    /// Its name.
    pub name: Name,
    /// What runs it.
    pub driver: Driver,
    /// What it boots, if it is a machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<Boot>,
    /// Where it is on its way to or from; none if it just runs here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub motion: Option<Motion>,
    /// Its VIFs, in order: the first is `eth0` inside.
    pub interfaces: Vec<PlannedInterface>,
}

/// One VIF of an instance, as the instance sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedInterface {
    /// The port it plugs into.
    pub port_id: PortId,
    /// Its Ethernet address.
    pub mac: MacAddr,
    /// Its addresses with their prefix lengths.
    pub addresses: Vec<IpNet>,
    /// Its gateways, at most one of each family.
    pub gateways: Vec<IpAddr>,
    /// The largest IP packet it may send, in bytes.
    pub mtu: u16,
}

/// How a host samples its traffic (sFlow version 5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sampling {
    /// Where datagrams go.
    pub collector: SocketAddr,
    /// One packet in so many is sampled.
    pub rate: u32,
    /// Bytes of each sampled packet that are sent.
    pub header_bytes: u32,
    /// Seconds between two counter samples of one port.
    pub polling_seconds: u32,
    /// Which way datagrams take there.
    #[serde(default)]
    pub way: SampleWay,
}

/// How a change of the way to the controller is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// Within so many seconds the agent must have a session with the controller over the new way;
    /// otherwise it takes the change back by itself.
    pub confirm_within_seconds: u32,
    /// Counts how often the same change was asked for again after it was taken back: a change of
    /// this alone makes the agent try it again.
    #[serde(default)]
    pub attempt: u32,
}

impl Trial {
    /// The seconds that a change may be given.
    pub const CONFIRM_WITHIN_SECONDS: RangeInclusive<u32> = 5..=600;
}

impl Default for Trial {
    fn default() -> Self {
        Self {
            confirm_within_seconds: 60,
            attempt: 0,
        }
    }
}

/// A plan, or the difference from one to the next, as it travels.
///
/// A large plan travels as several of these with the same generation: all but the last say
/// [`PlanChange::more`], and none takes effect before the last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanChange {
    /// The generation it leads to.
    pub generation: Generation,
    /// The generation it starts from; absent when it is a whole plan.
    pub base: Option<Generation>,
    /// Items that are new or changed.
    pub upsert: Vec<PlanItem>,
    /// Items that are gone.
    pub remove: Vec<PlanKey>,
    /// Whether another part follows.
    pub more: bool,
}
