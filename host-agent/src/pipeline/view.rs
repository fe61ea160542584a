//! What the flows of one network or security group are made of, and nothing else: equal views have
//! equal flows.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use model::{
    AddressGroupId, AddressPair, Limits, MacAddr, NetworkNumber, PortId, Rule, SecurityGroupId,
    SecurityGroupNumber, SpoofGuard, Tracking, TrafficClass, VlanId, Vni,
};
use openflow::{Flow, PortNo};

use super::cookie::Group;
use super::limits::{self, Meter};
use super::{Gate, Outside};
use crate::respond::Question;

/// What is compiled together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum View {
    /// A network.
    Network(Box<NetworkView>),
    /// A security group.
    SecurityGroup(Arc<GroupView>),
}

impl View {
    /// What its flows are known by.
    #[must_use]
    pub fn group(&self) -> Group {
        match self {
            Self::Network(view) => Group::of(view.number),
            Self::SecurityGroup(view) => Group::of_security_group(view.number),
        }
    }

    /// Its flows, sorted by their keys.
    #[must_use]
    pub fn compile(&self) -> Vec<Flow> {
        match self {
            Self::Network(view) => super::compile(view),
            Self::SecurityGroup(view) => super::compile_group(view),
        }
    }

    /// The limits that its flows use.
    #[must_use]
    pub fn meters(&self) -> Vec<Meter> {
        match self {
            Self::Network(view) => limits::meters(view).collect(),
            Self::SecurityGroup(_) => Vec::new(),
        }
    }
}

/// A security group as this host's switch must know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupView {
    /// Its number.
    pub number: SecurityGroupNumber,
    /// What becomes of replies.
    pub tracking: Tracking,
    /// What it lets through.
    pub rules: Vec<Rule>,
    /// Who is in the groups that its rules name, by network: of those networks where this host has a
    /// port of the group itself.
    pub members: BTreeMap<SecurityGroupId, Vec<(NetworkNumber, IpAddr)>>,
    /// What is in the address groups that its rules name.
    pub prefixes: BTreeMap<AddressGroupId, Vec<IpNet>>,
}

/// A network as this host's switch must know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkView {
    /// Its number.
    pub number: NetworkNumber,
    /// How its frames reach other hosts; absent while there is no way.
    pub uplink: Option<Uplink>,
    /// Its ports here, in order of their numbers in the switch.
    pub locals: Vec<LocalPort>,
    /// Its ports that wait here for their instance.
    pub gates: Vec<Gate>,
    /// Its ports on other hosts.
    pub remotes: Arc<[RemotePort]>,
    /// The addresses of its gateways, behind [`MacAddr::gateway`]; answered here for all of them.
    pub gateways: Arc<[IpAddr]>,
    /// Those of them that are resolvers.
    pub resolvers: Arc<[IpAddr]>,
    /// Who else is on its segment.
    pub outsiders: Outsiders,
    /// Whom its ports reach.
    pub reach: Reach,
    /// How its packets get to other networks, if a router joins it to some.
    pub routing: Option<Routing>,
    /// What it has to do with translated addresses.
    pub outside: Box<Outside>,
}

/// A router, as one of its networks has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routing {
    /// Where what this host routed comes from on its way to other hosts.
    pub mac: MacAddr,
    /// The router's addresses in all of its networks.
    pub addresses: Arc<[IpAddr]>,
    /// Which network each prefix is.
    pub routes: Arc<[(IpNet, NetworkNumber)]>,
    /// The prefixes behind machines on its networks.
    pub statics: Arc<[StaticHop]>,
    /// The largest IP packet that each of its networks carries, in bytes; one that is not here carries
    /// any.
    pub sizes: Arc<BTreeMap<NetworkNumber, u16>>,
    /// Where other hosts that route are reached.
    pub endpoints: Arc<[IpAddr]>,
}

/// A prefix behind a machine on one of a router's networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaticHop {
    /// The prefix.
    pub prefix: IpNet,
    /// The network of the router that the machine is on.
    pub network: NetworkNumber,
    /// The machine's Ethernet address; absent while nobody has that of the next hop.
    pub mac: Option<MacAddr>,
}

impl Routing {
    /// The largest packet that may go from one network to another where it has to be looked at: where
    /// the other takes smaller ones, in bytes.
    pub(super) fn limit(&self, from: NetworkNumber, to: NetworkNumber) -> Option<u16> {
        let size = |number| self.sizes.get(&number).copied().unwrap_or(u16::MAX);
        let limit = size(to);
        (limit < size(from)).then_some(limit)
    }

    /// The same, to wherever the longest prefix with this address leads.
    #[must_use]
    pub fn limit_towards(&self, from: NetworkNumber, address: IpAddr) -> Option<u16> {
        let direct = self
            .routes
            .iter()
            .map(|(prefix, network)| (*prefix, *network));
        let statics = self.statics.iter().map(|it| (it.prefix, it.network));
        let ways = direct.chain(statics);
        let way = ways
            .filter(|(prefix, _)| prefix.contains(&address))
            .max_by_key(|(prefix, _)| prefix.prefix_len());
        self.limit(from, way?.1)
    }
}

/// Who is on a network's segment besides the ports of the plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outsiders {
    /// Nobody.
    #[default]
    None,
    /// Physical machines, the gateway among them.
    Machines,
    /// The same, and one of them is the DHCPv4 server.
    DhcpServer,
}

/// Whom the ports of a network reach.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Each other, and whoever else is on its segment.
    #[default]
    Everybody,
    /// The gateway alone. Where it is a physical machine, it speaks from these addresses.
    Gateway(Arc<[MacAddr]>),
}

/// The way from the integration bridge to other hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uplink {
    /// The patch port to the physical network's bridge, or the tunnel port.
    pub port: PortNo,
    /// What tells the network's frames from others there.
    pub mark: Mark,
}

/// What tells frames of one network from those of others between hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// None: it is what the physical network carries without a tag.
    Untagged,
    /// A tag; the physical switches bring the frame to every host that may need it.
    Vlan(VlanId),
    /// A tunnel's key; every frame is sent to the endpoint of each host that is to have it.
    Vni(Vni),
}

/// A port of the network whose interface is in this host's switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalPort {
    /// Which port it is.
    pub id: PortId,
    /// The number of its interface in the switch. No other port of the network has it, but a trunk's
    /// ports share theirs.
    pub port: PortNo,
    /// The tag that tells its frames from others on its interface, if it is a sub-port of a trunk.
    pub tag: Option<VlanId>,
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
    /// Who may speak with it.
    pub policy: Policy,
}

/// Who may speak with a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Where its connections are tracked, and what tells its policy from others': unique on the host
    /// and never 0.
    pub zone: u16,
    /// Whether they are.
    pub tracking: Tracking,
    /// The groups it is in.
    pub groups: Arc<[SecurityGroupNumber]>,
}

/// A port of the network on another host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemotePort {
    /// Its Ethernet address.
    pub mac: MacAddr,
    /// Its IP addresses.
    pub addresses: Arc<[IpAddr]>,
    /// Ethernet addresses that it may share with other ports.
    pub virtual_macs: Arc<[MacAddr]>,
    /// Whether it sends from nothing but these and its own.
    pub spoof_guard: SpoofGuard,
    /// Where its host is reached, if the network is an overlay.
    pub endpoint: Option<IpAddr>,
}

impl NetworkView {
    /// What the bill calls its frames: where physical machines are on the segment, it is the outside.
    pub(super) fn class(&self) -> TrafficClass {
        match self.outsiders {
            Outsiders::None => TrafficClass::TenantInternal,
            Outsiders::Machines | Outsiders::DhcpServer => TrafficClass::Public,
        }
    }

    /// Every endpoint of another host that has the network, once.
    pub(super) fn endpoints(&self) -> BTreeSet<IpAddr> {
        let remotes = self.remotes.iter();
        remotes.filter_map(|remote| remote.endpoint).collect()
    }

    /// Every endpoint that frames of the network may come from: those, and hosts that route to it.
    pub(super) fn senders(&self) -> BTreeSet<IpAddr> {
        let routing = self.routing.iter();
        let routers = routing.flat_map(|it| it.endpoints.iter().copied());
        self.endpoints().into_iter().chain(routers).collect()
    }

    /// Every IPv4 address that its ports may ask for, with the Ethernet address that answers for it.
    pub(super) fn ipv4_owners(&self) -> impl Iterator<Item = (Ipv4Addr, MacAddr, Place)> {
        let owners = self.owners();
        let owners = owners
            .flat_map(|(addresses, mac, place)| ipv4(addresses).map(move |ip| (ip, mac, place)));
        let public = self.outside.addresses().filter_map(|it| match it {
            IpAddr::V4(ip) => Some((ip, MacAddr::public(it), Place::Elsewhere)),
            IpAddr::V6(_) => None,
        });
        owners.chain(public)
    }

    /// The same for IPv6, link-local addresses included.
    pub(super) fn ipv6_owners(&self) -> impl Iterator<Item = (Ipv6Addr, MacAddr)> {
        let owners = self.owners();
        let owners =
            owners.flat_map(|(addresses, mac, _)| ipv6(addresses, mac).map(move |ip| (ip, mac)));
        let public = self.outside.addresses().filter_map(|it| match it {
            IpAddr::V4(_) => None,
            IpAddr::V6(ip) => Some((ip, MacAddr::public(it))),
        });
        owners.chain(public)
    }

    fn owners(&self) -> impl Iterator<Item = (&[IpAddr], MacAddr, Place)> {
        let (locals, remotes) = match self.reach {
            Reach::Everybody => (&*self.locals, &*self.remotes),
            Reach::Gateway(_) => Default::default(),
        };
        let locals = locals.iter();
        let locals = locals.map(|port| (&*port.addresses, port.mac, Place::Here));
        let remotes = remotes.iter();
        let remotes = remotes.map(|port| (&*port.addresses, port.mac, Place::Elsewhere));
        let gateway = (
            &*self.gateways,
            MacAddr::gateway(self.number),
            Place::Elsewhere,
        );
        locals.chain(remotes).chain([gateway])
    }

    /// The Ethernet addresses that are one port's each.
    pub(super) fn macs(&self) -> impl Iterator<Item = MacAddr> {
        let remotes = self.remotes.iter().map(|remote| remote.mac);
        let locals = self.locals.iter().map(|local| local.mac);
        locals.chain(remotes)
    }

    /// The Ethernet addresses that several ports may have.
    pub(super) fn virtual_macs(&self) -> BTreeSet<MacAddr> {
        let remotes = self.remotes.iter().flat_map(|it| it.virtual_macs.iter());
        let locals = self.locals.iter().flat_map(LocalPort::virtual_macs);
        locals.chain(remotes.copied()).collect()
    }

    /// About how many flows it takes, to save growing the list step by step.
    pub(super) fn flow_estimate(&self) -> usize {
        8 + self.locals.len() * 17 + self.remotes.len() * 3
    }
}

impl Outsiders {
    /// Whether the agent answers this, and none of the machines. A router advertises itself, and
    /// says where IPv6 addresses come from.
    #[must_use]
    pub const fn leave_to_agent(self, question: Question) -> bool {
        match (self, question) {
            (Self::None, _) | (Self::Machines, Question::Dhcpv4) => true,
            (Self::Machines | Self::DhcpServer, _) => false,
        }
    }
}

/// Where a port is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// On this host.
    Here,
    /// On another host.
    Elsewhere,
}

impl LocalPort {
    /// Its IPv4 addresses.
    pub(super) fn ipv4(&self) -> impl Iterator<Item = Ipv4Addr> {
        ipv4(&self.addresses)
    }

    /// Its IPv6 addresses with the link-local one that follows from its Ethernet address; none
    /// when it was given no IPv6 address.
    pub(super) fn ipv6(&self) -> impl Iterator<Item = Ipv6Addr> {
        ipv6(&self.addresses, self.mac)
    }

    /// The IPv4 prefixes of its pairs, each with the Ethernet address to send from.
    pub(super) fn ipv4_pairs(&self) -> impl Iterator<Item = (Ipv4Net, MacAddr)> {
        self.allowed.iter().filter_map(|pair| match pair.prefix {
            IpNet::V4(prefix) => Some((prefix, pair.mac.unwrap_or(self.mac))),
            IpNet::V6(_) => None,
        })
    }

    /// The same for IPv6.
    pub(super) fn ipv6_pairs(&self) -> impl Iterator<Item = (Ipv6Net, MacAddr)> {
        self.allowed.iter().filter_map(|pair| match pair.prefix {
            IpNet::V6(prefix) => Some((prefix, pair.mac.unwrap_or(self.mac))),
            IpNet::V4(_) => None,
        })
    }

    /// The Ethernet addresses of its pairs that are not its own.
    pub(super) fn virtual_macs(&self) -> impl Iterator<Item = MacAddr> {
        let macs = self.allowed.iter().filter_map(|pair| pair.mac);
        macs.filter(|mac| *mac != self.mac)
    }
}

fn ipv6(addresses: &[IpAddr], mac: MacAddr) -> impl Iterator<Item = Ipv6Addr> {
    let given = addresses.iter().filter_map(|address| match address {
        IpAddr::V6(address) => Some(*address),
        IpAddr::V4(_) => None,
    });
    let link_local = link_local(mac);
    let implied = given.clone().next().map(|_| link_local);
    implied
        .into_iter()
        .chain(given.filter(move |address| *address != link_local))
}

fn ipv4(addresses: &[IpAddr]) -> impl Iterator<Item = Ipv4Addr> {
    addresses.iter().filter_map(|address| match address {
        IpAddr::V4(address) => Some(*address),
        IpAddr::V6(_) => None,
    })
}

/// Every address that a port may send from: those it was given, and in IPv6 the link-local one that
/// follows from its Ethernet address.
pub fn speaks_as(addresses: &[IpAddr], mac: MacAddr) -> impl Iterator<Item = IpAddr> {
    let v6 = ipv6(addresses, mac).map(IpAddr::V6);
    ipv4(addresses).map(IpAddr::V4).chain(v6)
}

/// The link-local address made of a modified EUI-64 (RFC 4291 appendix A).
#[must_use]
pub fn link_local(mac: MacAddr) -> Ipv6Addr {
    let [a, b, c, d, e, f] = mac.octets();
    Ipv6Addr::from([
        0xfe,
        0x80,
        0,
        0,
        0,
        0,
        0,
        0,
        a ^ 2,
        b,
        c,
        0xff,
        0xfe,
        d,
        e,
        f,
    ])
}
