//! What a plan asks for, checked and sorted by network. Pure, once per plan.
//!
//! The controller allocates numbers, tags and addresses without clashes. Should a plan hold a clash
//! all the same, two tenants must not meet because of it: whoever comes first by id is carried out,
//! the other stays dark and is reported.

mod check;
mod names;
mod outside;
mod policy;
mod router;
#[cfg(test)]
mod tests;
mod trunk;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU16;
use std::sync::Arc;

use ipnet::IpNet;
use model::plan::{
    Answered, Generation, HostPlan, PlanItem, PlanKey, PlannedGatewayHost, PlannedInstance,
    PlannedSubnet, Sampling, Trial,
};
use model::report::ItemFailure;
use model::{
    AddressPair, DomainName, Encapsulation, ForwardedProtocol, HostAddress, Limits, MacAddr,
    NetworkId, NetworkNumber, OnTrunk, PhysicalNetworkId, PortId, Role, RouterId, SecurityGroupId,
    Segment, SpoofGuard,
};
use serde::{Deserialize, Serialize};

use crate::gateways;
use crate::pipeline::{GroupView, Outsiders, Reach, RemotePort, Routing, StaticHop};
use crate::respond::NamedPort;

/// A plan as the agent carries it out.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The plan's version.
    pub generation: Generation,
    /// Physical networks, none of which stands in the way of another.
    pub physical_networks: PhysicalNetworks,
    /// The other ends of tunnels: endpoints of the hosts that share an overlay with this one.
    pub peers: BTreeMap<Encapsulation, BTreeSet<IpAddr>>,
    /// Those of them that must be known soon to live or not: gateway hosts, and whom they serve.
    pub watched: BTreeSet<IpAddr>,
    /// Networks, none of which clashes with another.
    pub networks: BTreeMap<NetworkId, WantedNetwork>,
    /// Ports that may be plugged here, none of which clashes with another of its network.
    pub ports: BTreeMap<PortId, WantedPort>,
    /// Security groups, none of which clashes with another.
    pub security_groups: BTreeMap<SecurityGroupId, Arc<GroupView>>,
    /// Routers: the networks that each joins, which are in no other.
    pub routers: Vec<WantedRouter>,
    /// Floating IPs, none of which anybody else has here.
    pub floating_ips: Vec<WantedFloatingIp>,
    /// Forwarded ports of addresses outside, none of which anybody else has here.
    pub forwardings: Vec<WantedForwarding>,
    /// The sub-ports of each trunk among them.
    pub sub_ports: BTreeMap<PortId, Vec<PortId>>,
    /// Instances to run.
    pub instances: Vec<PlannedInstance>,
    /// How to sample.
    pub sampling: Option<Sampling>,
    /// How long a change of the way to the controller is on trial.
    pub trial: Trial,
    /// What cannot be carried out, whatever the switch looks like.
    pub failures: Vec<ItemFailure>,
}

/// A physical network as this host is to have it: a bridge of its own, `br-<name>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WantedPhysicalNetwork {
    /// Its name: at most 12 characters that an interface name may have.
    pub name: String,
    /// What it is for. Management carries no tenant network and has no patch to br-int.
    pub role: Role,
    /// What carries it on this host.
    pub uplink: model::Uplink,
    /// The largest IP packet it carries, in bytes.
    pub mtu: u16,
    /// This host's endpoint of overlays on it.
    pub endpoint: Option<IpNet>,
    /// The host's own address on it; absent for whatever the NIC has.
    pub address: Option<HostAddress>,
}

/// Physical networks of one host.
pub type PhysicalNetworks = BTreeMap<PhysicalNetworkId, WantedPhysicalNetwork>;

/// The name of the bridge of a physical network.
#[must_use]
pub fn bridge_name(network: &str) -> String {
    format!("br-{network}")
}

impl WantedPhysicalNetwork {
    /// The name of its bridge, and of the link by which the host itself speaks on it.
    #[must_use]
    pub fn bridge(&self) -> String {
        bridge_name(&self.name)
    }

    /// Whether the host itself has addresses on it, which the bridge takes over from the NIC.
    #[must_use]
    pub const fn is_of_hosts(&self) -> bool {
        is_of_hosts(self.role)
    }

    /// Whether it stands on a NIC or bond that others may stand on too.
    #[must_use]
    pub fn shares(&self, all: &PhysicalNetworks) -> bool {
        let carrier = self.uplink.carrier();
        let on_it = all.values().filter(|it| it.uplink.carrier() == carrier);
        self.uplink.vlan().is_some() || on_it.count() > 1
    }

    /// Whether this NIC is all that it stands on, untagged: the NIC's addresses would be its own.
    #[must_use]
    pub fn is_alone_on(&self, nic: &str) -> bool {
        self.stands_on(nic) && self.uplink.vlan().is_none()
    }

    /// Whether it stands on this NIC.
    #[must_use]
    pub fn stands_on(&self, nic: &str) -> bool {
        self.uplink.nics().iter().any(|it| it.as_str() == nic)
    }
}

/// A network that flows are compiled for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedNetwork {
    /// Its number.
    pub number: NetworkNumber,
    /// How its frames travel between hosts. An overlay's physical network has an endpoint.
    pub segment: Segment,
    /// Its ports on other hosts.
    pub remotes: Arc<[RemotePort]>,
    /// The largest IP packet its instances may send, in bytes.
    pub mtu: u16,
    /// Its subnets.
    pub subnets: Vec<PlannedSubnet>,
    /// The gateways of its subnets, but for those that are a port's own address or a physical
    /// machine.
    pub gateways: Arc<[IpAddr]>,
    /// Those of them that are resolvers.
    pub resolvers: Arc<[IpAddr]>,
    /// Its ports that have a name, if a resolver is to know them.
    pub names: Arc<[NamedPort]>,
    /// Who else is on its segment.
    pub outsiders: Outsiders,
    /// Whom its ports reach.
    pub reach: Reach,
    /// How its packets get to other networks, if a router joins it to some.
    pub routing: Option<Routing>,
}

/// A router, whose networks are all carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedRouter {
    /// Its identifier.
    pub id: RouterId,
    /// The networks it joins.
    pub networks: Vec<NetworkId>,
    /// Where what this host routed comes from on its way to other hosts.
    pub mac: MacAddr,
    /// Where other hosts that have it are reached.
    pub endpoints: Arc<[IpAddr]>,
    /// Its static routes.
    pub routes: Vec<StaticHop>,
    /// Where it sends what is for none of its networks.
    pub gateway: Option<WantedGateway>,
}

/// The default route of a router.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedGateway {
    /// The external network.
    pub network: NetworkId,
    /// The Ethernet address of its gateway.
    pub mac: MacAddr,
    /// The one that it has for IPv6.
    pub mac_v6: Option<MacAddr>,
    /// As whom ports without a floating IP speak from this host.
    pub snat: Option<Ipv4Addr>,
    /// By which hosts they get out, in order; none: by this one.
    pub hosts: Vec<PlannedGatewayHost>,
    /// The addresses of that network that the pool gives out.
    pub pool: Vec<IpNet>,
}

/// An address of an external network that stands for one of a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedFloatingIp {
    /// The external network.
    pub network: NetworkId,
    /// The address there.
    pub address: IpAddr,
    /// The port, which is one of [`Wanted::ports`].
    pub port: PortId,
    /// The port's address.
    pub inner: IpAddr,
}

/// A port of an address of an external network that stands for one of a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedForwarding {
    /// The router that the port is behind.
    pub router: RouterId,
    /// The external network.
    pub network: NetworkId,
    /// The address there.
    pub address: Ipv4Addr,
    /// Who answers for it.
    pub answered: Answered,
    /// What is spoken.
    pub protocol: ForwardedProtocol,
    /// The port of the address.
    pub external_port: NonZeroU16,
    /// The port of a network. Where it is none of [`Wanted::ports`], its host is reached at `host_mac`.
    pub port: PortId,
    /// The port's address.
    pub inner: Ipv4Addr,
    /// The port of it.
    pub internal_port: NonZeroU16,
    /// Where the port's host is reached on the external network.
    pub host_mac: MacAddr,
}

/// A way out of the integration bridge, towards other hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// The patch to the bridge of a physical network.
    Patch(PhysicalNetworkId),
    /// The tunnel port of an encapsulation.
    Tunnel(Encapsulation),
}

impl Exit {
    /// The way out for a network on this segment.
    #[must_use]
    pub fn of(segment: &Segment) -> Self {
        match segment.tunnel() {
            Some((encapsulation, _)) => Self::Tunnel(encapsulation),
            None => Self::Patch(segment.physical_network_id()),
        }
    }
}

/// A port that may be plugged here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedPort {
    /// Its network, which is one of [`Wanted::networks`].
    pub network: NetworkId,
    /// Its Ethernet address.
    pub mac: MacAddr,
    /// Its IP addresses.
    pub addresses: Arc<[IpAddr]>,
    /// What it may send from besides these.
    pub allowed: Arc<[AddressPair]>,
    /// Whether it may send from nothing else.
    pub spoof_guard: SpoofGuard,
    /// How much it may take.
    pub limits: Limits,
    /// What whoever plugs in is told to be called.
    pub hostname: Option<DomainName>,
    /// The security groups it is in.
    pub security_group_ids: Vec<SecurityGroupId>,
    /// The trunk whose interface carries it, which is one of [`Wanted::ports`].
    pub on_trunk: Option<OnTrunk>,
    /// Since which plan it waits here for its instance, dark.
    pub standby: Option<Generation>,
}

impl Wanted {
    /// Checks and sorts a plan.
    #[must_use]
    pub fn new(plan: &HostPlan) -> Self {
        let mut wanted = Self {
            generation: plan.generation,
            ..Self::default()
        };
        // In the order of kinds of keys: what an item refers to comes before it.
        let mut claims = check::Claims::default();
        let mut remotes = BTreeMap::<NetworkId, Vec<RemotePort>>::new();
        let mut groups = policy::Groups::default();
        for (key, item) in management_first(plan) {
            let outcome = match item {
                PlanItem::PhysicalNetwork(item) => wanted.physical_network(item),
                PlanItem::Network(item) => wanted.network(item, &mut claims),
                PlanItem::AddressGroup(item) => {
                    groups.addresses(item);
                    Ok(())
                }
                PlanItem::SecurityGroup(item) => groups.group(item),
                PlanItem::Port(item) => {
                    let checked = wanted.port(item, &mut claims);
                    checked.map(|()| groups.local(item))
                }
                PlanItem::RemotePort(item) => {
                    let checked = wanted.remote_port(item, &mut claims);
                    checked.map(|port| {
                        groups.remote(item);
                        remotes.entry(item.network_id).or_default().push(port);
                    })
                }
                PlanItem::Router(item) => wanted.router(item, &mut claims),
                PlanItem::FloatingIp(item) => wanted.floating_ip(item, &mut claims),
                PlanItem::PortForwarding(item) => wanted.forwarding(item, &mut claims),
                PlanItem::Instance(item) => {
                    wanted.instances.push(item.clone());
                    Ok(())
                }
                PlanItem::Sampling(item) => {
                    wanted.sampling = Some(item.clone());
                    Ok(())
                }
                PlanItem::Trial(item) => {
                    wanted.trial = *item;
                    Ok(())
                }
            };
            let failure = outcome
                .err()
                .map(|reason| ItemFailure { key: *key, reason });
            wanted.failures.extend(failure);
        }
        wanted.drop_foreign_pairs(&claims);
        wanted.put_sub_ports_on_trunks();
        for (id, network) in &mut wanted.networks {
            if network.outsiders == Outsiders::None {
                network.gateways = claims.unclaimed_gateways(*id, &network.subnets);
            }
        }
        wanted.know_names(plan);
        wanted.security_groups = groups.views(&wanted);
        wanted.join();
        for (network, remotes) in remotes {
            if let Some(network) = wanted.networks.get_mut(&network) {
                network.remotes = remotes.into();
            }
        }
        wanted.watched = gateways::watched(&wanted);
        wanted.peers = wanted.peers();
        wanted
    }

    /// The other ends of tunnels.
    fn peers(&self) -> BTreeMap<Encapsulation, BTreeSet<IpAddr>> {
        let mut peers = BTreeMap::<_, BTreeSet<IpAddr>>::new();
        for network in self.networks.values() {
            if let Some((encapsulation, _)) = network.segment.tunnel() {
                let endpoints = network.remotes.iter().filter_map(|remote| remote.endpoint);
                peers.entry(encapsulation).or_default().extend(endpoints);
            }
        }
        if !self.watched.is_empty() {
            let watched = self.watched.iter().copied();
            peers.entry(gateways::WATCH).or_default().extend(watched);
        }
        peers
    }
}

const fn is_of_hosts(role: Role) -> bool {
    matches!(role, Role::Management | Role::Storage)
}

/// Of two physical networks in each other's way, management is carried out.
fn management_first(plan: &HostPlan) -> impl Iterator<Item = (&PlanKey, &PlanItem)> {
    let is_management = |item: &PlanItem| match item {
        PlanItem::PhysicalNetwork(item) => item.role == Role::Management,
        _ => false,
    };
    let items = plan.items.iter();
    let first = items.clone().filter(move |(_, item)| is_management(item));
    first.chain(items.filter(move |(_, item)| !is_management(item)))
}
