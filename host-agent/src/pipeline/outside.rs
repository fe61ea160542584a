//! What views know of external networks by which routers lead to the outside.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};
use model::plan::PlannedGatewayHost;
use model::{Family, MacAddr, NetworkNumber};

use super::{Forwarded, ForwardedTo};

/// What a network has to do with translated addresses: as one behind a router with a way out, or as the
/// external network that such a way leads by. Never both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outside {
    /// How its packets get out.
    pub way: Option<WayOut>,
    /// The routers that have their way out by it.
    pub routers: Vec<Presence>,
}

/// How packets of a router's network get to an external network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WayOut {
    /// The external network.
    pub network: NetworkNumber,
    /// The Ethernet address of its gateway.
    pub mac: MacAddr,
    /// The one that it has for IPv6; absent: IPv6 does not get out.
    pub mac_v6: Option<MacAddr>,
    /// The router's zone: no other's connections are known in it.
    pub zone: u16,
    /// As whom ports without a floating IP speak; absent: they do not, from here.
    pub snat: Option<Ipv4Addr>,
    /// By which host they get out.
    pub exit: WayExit,
    /// The floating IPs of this network's ports on this host.
    pub floating: Vec<Floating>,
    /// What is forwarded to this network's ports on this host.
    pub forwarded: Vec<Forwarded>,
    /// The addresses with forwarded ports that this host answers for.
    pub answered: Vec<Ipv4Addr>,
    /// The addresses of the external network that the pool gives out.
    pub pool: Vec<IpNet>,
}

/// By which host packets of ports without a floating IP get out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WayExit {
    /// By this one, which sees to its own ports alone.
    #[default]
    Own,
    /// By this one, for those of other hosts as well, which send them to this address of it.
    ForAll(MacAddr),
    /// By this other host.
    By(PlannedGatewayHost),
    /// By none yet.
    Nobody,
}

/// What a host has to do with the one address of a router that has gateway hosts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Duty {
    /// The router has none, or this is none of them.
    #[default]
    None,
    /// It does not have the address, and may ask who has.
    Asks(Claim),
    /// It has the address.
    Holds,
    /// It has, but hears nobody: who asks for it lives, and may have it.
    HoldsAlone(Claim),
}

/// An address that gateway hosts ask each other for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claim {
    /// The address.
    pub address: Ipv4Addr,
    /// From where this host asks.
    pub mac: MacAddr,
}

/// A router on an external network, as it is on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    /// The router's zone.
    pub zone: u16,
    /// As whom ports without a floating IP speak.
    pub snat: Option<Ipv4Addr>,
    /// What this host has to do with an address that it shares with others.
    pub duty: Duty,
    /// The floating IPs of its ports on this host.
    pub floating: Vec<Floating>,
    /// What is forwarded to its ports on this host, and by this host to those of others.
    pub forwarded: Vec<Forwarded>,
    /// The addresses with forwarded ports that this host answers for.
    pub answered: Vec<Ipv4Addr>,
    /// Where other hosts send what they answer for, and ports here are for.
    pub mac: MacAddr,
    /// Which network each prefix behind it is.
    pub routes: Vec<(IpNet, NetworkNumber)>,
    /// The addresses of the external network that the pool gives out.
    pub pool: Vec<IpNet>,
}

/// A floating IP of a port of this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Floating {
    /// The address on the external network.
    pub address: IpAddr,
    /// The port's own, of the same family.
    pub inner: IpAddr,
    /// The port's network.
    pub network: NetworkNumber,
}

impl Outside {
    /// The addresses of the external network that this host has, for all routers.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.routers.iter().flat_map(Presence::addresses)
    }

    /// The Ethernet addresses of the external network that this host has, for all routers, each with
    /// the version of IP that is spoken to it.
    pub(super) fn macs(&self) -> BTreeSet<(Family, MacAddr)> {
        let public = self
            .addresses()
            .map(|it| (Family::of(it), MacAddr::public(it)));
        let own = self.routers.iter().filter_map(Presence::sent_to);
        public.chain(own.map(|mac| (Family::Ipv4, mac))).collect()
    }

    /// Whether an IPv6 address of the external network is this host's.
    pub(super) fn has_v6(&self) -> bool {
        self.addresses().any(|it| it.is_ipv6())
    }

    /// The versions of IP that come in and go out there.
    pub(super) fn families(&self) -> impl Iterator<Item = Family> + use<> {
        let v6 = self.has_v6().then_some(Family::Ipv6);
        [Family::Ipv4].into_iter().chain(v6)
    }

    /// The host's own Ethernet address there, if it sends on or is sent what other hosts answer for.
    #[must_use]
    pub fn own_mac(&self) -> Option<MacAddr> {
        let elsewhere = |it: &Forwarded| matches!(it.target, ForwardedTo::Elsewhere(_));
        let mut routers = self.routers.iter();
        routers.find_map(|it| {
            let sends = it.forwarded.iter().any(elsewhere).then_some(it.mac);
            it.sent_to().or(sends)
        })
    }

    /// The addresses that the pool gives out, of all routers' words the same.
    pub(super) fn pool(&self, family: Family) -> BTreeSet<IpNet> {
        let routers = self.routers.iter().flat_map(|it| &it.pool);
        let way = self.way.iter().flat_map(|it| &it.pool);
        let all = routers.chain(way).copied();
        all.filter(|it| Family::of(it.addr()) == family).collect()
    }
}

impl Duty {
    /// Whether packets for ports of other hosts come in here.
    #[must_use]
    pub const fn is_for_all(self) -> bool {
        matches!(self, Self::Holds | Self::HoldsAlone(_))
    }
}

impl WayOut {
    /// Whether packets from outside may come to this network's ports from other hosts.
    pub(super) fn is_shared(&self) -> bool {
        self.exit != WayExit::Own
    }

    /// As whom packets leave, and to which gateway.
    pub(super) fn names(&self) -> impl Iterator<Item = (IpAddr, MacAddr)> + '_ {
        let floating = self.floating.iter().map(|it| it.address);
        let all = floating.chain(self.snat.map(IpAddr::from));
        all.filter_map(|it| Some((it, self.gateway(Family::of(it))?)))
    }

    /// The Ethernet address of the external network's gateway.
    const fn gateway(&self, family: Family) -> Option<MacAddr> {
        match family {
            Family::Ipv4 => Some(self.mac),
            Family::Ipv6 => self.mac_v6,
        }
    }

    /// Whether a port here has a floating IP of IPv6.
    pub(super) fn has_v6(&self) -> bool {
        self.mac_v6.is_some() && self.floating.iter().any(|it| it.inner.is_ipv6())
    }

    /// The versions of IP that get out.
    pub(super) fn families(&self) -> impl Iterator<Item = Family> + use<> {
        let v6 = self.has_v6().then_some(Family::Ipv6);
        [Family::Ipv4].into_iter().chain(v6)
    }
}

impl Presence {
    fn addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        let floating = self.floating.iter().map(|it| it.address);
        let answered = self.answered.iter().copied();
        floating.chain(self.snat.into_iter().chain(answered).map(IpAddr::from))
    }

    /// The host's own Ethernet address, if another host answers for what is forwarded to here.
    fn sent_to(&self) -> Option<MacAddr> {
        let mut forwarded = self.forwarded.iter();
        let elsewhere = forwarded.any(|it| !self.answered.contains(&it.address));
        elsewhere.then_some(self.mac)
    }

    /// Its IPv4 prefixes.
    pub(super) fn routes_v4(&self) -> impl Iterator<Item = (Ipv4Net, NetworkNumber)> + '_ {
        self.routes
            .iter()
            .filter_map(|(prefix, network)| match prefix {
                IpNet::V4(prefix) => Some((*prefix, *network)),
                IpNet::V6(_) => None,
            })
    }
}
