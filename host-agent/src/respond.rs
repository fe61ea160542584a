//! What a port's DHCP and router solicitations are answered with. Pure: bytes in, bytes out.
//!
//! ```text
//!   request frame ---> respond(question, frame, &PortConfig) ---> reply frame, or nothing
//!                                |
//!      frame: headers   dhcpv4   dhcpv6   router_advert   dns: what is said
//! ```
//!
//! Whoever asks is known from the port that the switch saw the frame come in by, and so is every
//! address in an answer. The request's own claims choose at most between the port's own addresses
//! and silence. Requests are hostile: they are read by slices of what is there, in one pass, without
//! recursion and without memory of a claimed size.
//!
//! The network's gateway speaks, from [`MacAddr::gateway`]: the same on every host, so a guest that
//! moves to another host finds the same server there. Nothing is remembered between two requests.
//!
//! What does not live here: how frames come from the switch and go back (see [`crate::responder`]),
//! and answers that are flows (ARP and neighbour discovery, see [`crate::pipeline`]).

mod announce;
mod dhcpv4;
mod dhcpv6;
pub mod dns;
mod frame;
mod options;
mod router_advert;
#[cfg(test)]
pub(crate) mod tests;
mod undeliverable;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use model::plan::PlannedSubnet;
use model::{DomainName, MacAddr, NetworkNumber};

use crate::pipeline::Routing;

pub use announce::{Form, announce};
pub use dns::{NamedPort, Pending};
pub use router_advert::advertise;

/// What a frame asks for: the flow that sent it here knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Question {
    /// A DHCPv4 client's message to a server.
    Dhcpv4,
    /// A DHCPv6 client's message to a server.
    Dhcpv6,
    /// A router solicitation.
    RouterSolicit,
    /// What is asked of the gateway as a resolver.
    Dns,
    /// A packet that a router cannot pass on.
    Undeliverable,
}

impl Question {
    /// Every question.
    pub const ALL: [Self; 5] = [
        Self::Dhcpv4,
        Self::Dhcpv6,
        Self::RouterSolicit,
        Self::Dns,
        Self::Undeliverable,
    ];

    /// The byte that stands for it in the user data of a packet-in.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Dhcpv4 => 4,
            Self::Dhcpv6 => 6,
            Self::RouterSolicit => 133,
            Self::Dns => 53,
            Self::Undeliverable => 1,
        }
    }

    /// The question with this code.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.code() == code)
    }
}

/// How whoever is plugged into a port has to be configured.
#[derive(Clone, Copy, Debug)]
pub struct PortConfig<'a> {
    /// The port's Ethernet address.
    pub mac: MacAddr,
    /// The gateway's Ethernet address.
    pub gateway_mac: MacAddr,
    /// The largest IP packet it may send, in bytes.
    pub mtu: u16,
    /// What it is to be called.
    pub hostname: Option<&'a DomainName>,
    /// The port's addresses.
    pub addresses: &'a [IpAddr],
    /// The subnets of its network.
    pub subnets: &'a [PlannedSubnet],
    /// The ports of its network that have a name.
    pub names: &'a [NamedPort],
    /// The number of its network, and the router that joins it to others.
    pub routing: Option<(NetworkNumber, &'a Routing)>,
}

/// What comes of a question.
#[derive(Clone, Debug)]
pub enum Reply {
    /// This frame answers it.
    Frame(Vec<u8>),
    /// Somebody else must be asked first.
    Ask(Pending),
}

impl Reply {
    /// The answer, if it is there.
    #[must_use]
    pub fn into_frame(self) -> Option<Vec<u8>> {
        match self {
            Self::Frame(frame) => Some(frame),
            Self::Ask(_) => None,
        }
    }
}

/// The answer to a frame that this port sent, if it deserves one.
#[must_use]
pub fn respond(question: Question, frame: &[u8], port: &PortConfig<'_>) -> Option<Reply> {
    let answer = match question {
        Question::Dhcpv4 => dhcpv4::respond(frame, port),
        Question::Dhcpv6 => dhcpv6::respond(frame, port),
        Question::RouterSolicit => router_advert::respond(frame, port),
        Question::Undeliverable => undeliverable::respond(frame, port),
        Question::Dns => return dns::respond(frame, port),
    };
    answer.map(Reply::Frame)
}

/// An IPv4 address that DHCP gives out, and where it lies.
#[derive(Clone, Copy, Debug)]
struct Lease<'a> {
    address: Ipv4Addr,
    prefix: Ipv4Net,
    gateway: Ipv4Addr,
    subnet: &'a PlannedSubnet,
}

impl<'a> PortConfig<'a> {
    fn subnet_of(&self, address: IpAddr) -> Option<&'a PlannedSubnet> {
        let mut subnets = self.subnets.iter();
        subnets.find(|subnet| subnet.cidr.contains(&address))
    }

    /// The first IPv4 address of a subnet with DHCP: the protocol has no room for more.
    fn ipv4_lease(&self) -> Option<Lease<'a>> {
        self.addresses.iter().find_map(|address| {
            let subnet = self.subnet_of(*address).filter(|it| it.handout.dhcp)?;
            match (*address, subnet.cidr, subnet.gateway) {
                (IpAddr::V4(address), IpNet::V4(prefix), IpAddr::V4(gateway)) => Some(Lease {
                    address,
                    prefix,
                    gateway,
                    subnet,
                }),
                _ => None,
            }
        })
    }

    /// The IPv6 addresses of subnets with DHCP, and for how many seconds each is given out.
    fn ipv6_leases(&self) -> impl Iterator<Item = (Ipv6Addr, u32)> {
        self.addresses.iter().filter_map(|address| match address {
            IpAddr::V6(it) => {
                let handout = &self.subnet_of(*address)?.handout;
                handout.dhcp.then_some((*it, handout.lease_seconds))
            }
            IpAddr::V4(_) => None,
        })
    }

    /// The subnets that the port has an address of.
    pub(crate) fn own_subnets(&self) -> impl Iterator<Item = &'a PlannedSubnet> {
        self.subnets.iter().filter(|subnet| {
            let mut addresses = self.addresses.iter();
            addresses.any(|address| subnet.cidr.contains(address))
        })
    }

    /// The IPv6 prefixes that the port has an address of.
    fn ipv6_prefixes(&self) -> impl Iterator<Item = Ipv6Net> {
        self.own_subnets().filter_map(|subnet| match subnet.cidr {
            IpNet::V6(prefix) => Some(prefix),
            IpNet::V4(_) => None,
        })
    }

    /// Resolvers of all subnets of the port, each once: an IPv4 subnet may name an IPv6 one. A gateway
    /// that is one comes before the others of its subnet, which may not know the network's names.
    fn resolvers<T: PartialEq>(&self, family: impl Fn(IpAddr) -> Option<T>) -> Vec<T> {
        let mut found = Vec::new();
        let all = self.own_subnets().flat_map(|subnet| {
            let gateway = Some(subnet.gateway);
            let gateway = gateway.filter(|it| !self.addresses.contains(it));
            let gateway = gateway.filter(|_| subnet.handout.answers_dns());
            gateway
                .into_iter()
                .chain(subnet.handout.dns.iter().copied())
        });
        for resolver in all.filter_map(family) {
            if !found.contains(&resolver) {
                found.push(resolver);
            }
        }
        found
    }

    /// All resolvers, of either family.
    pub(crate) fn all_resolvers(&self) -> Vec<IpAddr> {
        self.resolvers(Some)
    }

    fn ipv4_resolvers(&self) -> Vec<Ipv4Addr> {
        self.resolvers(|resolver| match resolver {
            IpAddr::V4(resolver) => Some(resolver),
            IpAddr::V6(_) => None,
        })
    }

    fn ipv6_resolvers(&self) -> Vec<Ipv6Addr> {
        self.resolvers(|resolver| match resolver {
            IpAddr::V6(resolver) => Some(resolver),
            IpAddr::V4(_) => None,
        })
    }

    /// The domain of the first subnet of the port that has one.
    pub(crate) fn domain(&self) -> Option<&'a DomainName> {
        self.own_subnets()
            .find_map(|subnet| subnet.handout.domain.as_ref())
    }
}
