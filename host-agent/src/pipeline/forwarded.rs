//! Ports of addresses outside, of which each stands for a port of its own: where a packet goes and what it
//! becomes. The rows of table `translate` that this takes.
//!
//! ```text
//!   outside --> the host that answers for the address --its port is here--> ct(router's zone, nat) --> port
//!                     |
//!                     +--its port is elsewhere: to that host, as it is--> ct(router's zone, nat) --> port
//!   outside <------------------------ straight from the port's own host <-- ct(router's zone, nat) <--+
//! ```
//!
//! Only the port's own host translates, so the connection's state is where the port is, as a floating IP's
//! is, and no answer makes a detour. The host that answers for the address keeps nothing in mind: it sends
//! a frame on by the port that it is for. What has been sent on once is not sent on again.
//!
//! Fragments but the first do not show their port, and ICMP errors another one's. Whose they are only the
//! host knows that has the connection, so they are sent on to each. There a packet is put together, and goes
//! by its connection; one that would begin a connection comes to nothing, since it cannot be told for whom.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::num::NonZeroU16;

use model::{ForwardedProtocol, MacAddr, NetworkNumber};
use openflow::action::{Commit, Ct, Nat};
use openflow::matching::CtState;
use openflow::protocol::{IP_TCP, IP_UDP};
use openflow::{Action, Field, Flow, Match};

use super::outside::{Presence, WayOut};
use super::registers::OUT_PORT;
use super::respond::forgotten;
use super::translate::{
    TABLE, becomes, committed, delivered, destination, source, tracked, translated, untracked,
};
use super::{Mark, NetworkView, Uplink, count_and_output};

/// A port of an address outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Forwarded {
    /// The address on the external network.
    pub address: Ipv4Addr,
    /// What is spoken.
    pub protocol: ForwardedProtocol,
    /// The port there.
    pub port: NonZeroU16,
    /// Where what is for it goes.
    pub target: ForwardedTo,
}

/// What a port of an address outside stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ForwardedTo {
    /// A port of this host.
    Here(Inside),
    /// One of the host that is reached at this Ethernet address, which this one sends it on to.
    Elsewhere(MacAddr),
}

/// A port of a VIF.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Inside {
    /// The address of the VIF.
    pub address: Ipv4Addr,
    /// The port of it.
    pub port: NonZeroU16,
    /// The network.
    pub network: NetworkNumber,
}

/// Above floating IPs and what is for a router's other address.
const GROUPED: u16 = 260;
const PORT: u16 = 250;
const ONCE: u16 = 240;
const ELSEWHERE: u16 = 230;

/// How `IpFrag` reads for any fragment.
const FRAGMENT: u8 = 1;
const NONE: CtState = CtState(0);

/// The types of ICMP errors: unreachable, time exceeded, parameter problem (RFC 792).
const ERRORS: [u8; 3] = [3, 11, 12];

impl Forwarded {
    /// Whether it is for a port of this host on this network.
    #[must_use]
    pub fn is_behind(&self, network: NetworkNumber) -> bool {
        match self.target {
            ForwardedTo::Here(inside) => inside.network == network,
            ForwardedTo::Elsewhere(_) => false,
        }
    }

    const fn protocol(&self) -> u8 {
        match self.protocol {
            ForwardedProtocol::Tcp => IP_TCP,
            ForwardedProtocol::Udp => IP_UDP,
        }
    }

    fn spoken(&self, matching: Match, source: NonZeroU16) -> Match {
        let matching = matching.ip_proto(self.protocol());
        let field = match self.protocol {
            ForwardedProtocol::Tcp => Field::TcpSrc,
            ForwardedProtocol::Udp => Field::UdpSrc,
        };
        matching.exact(field, source.get())
    }

    fn spoken_to(&self, matching: Match, port: NonZeroU16) -> Match {
        let matching = matching.ip_proto(self.protocol());
        let field = match self.protocol {
            ForwardedProtocol::Tcp => Field::TcpDst,
            ForwardedProtocol::Udp => Field::UdpDst,
        };
        matching.exact(field, port.get())
    }
}

/// What ports that are forwarded to here send outside.
pub(super) fn outward(network: &NetworkView, way: &WayOut, flows: &mut Vec<Flow>) {
    let Some(routing) = &network.routing else {
        return;
    };
    let mut names = BTreeSet::new();
    for (forwarded, inside) in here(&way.forwarded) {
        let from = untracked(network).ipv4_src(inside.address, 32);
        let nat = Nat {
            ports: Some((forwarded.port.get(), None)),
            ..source(forwarded.address.into())
        };
        let matching = forwarded.spoken(from, inside.port);
        flows.push(translated(PORT, matching, committed(way.zone, nat)));
        names.insert(forwarded.address);
    }
    if way.snat.is_none() {
        let from: BTreeSet<Ipv4Addr> = here(&way.forwarded).map(|(_, it)| it.address).collect();
        flows.extend(from.into_iter().map(|address| {
            let matching = fragments(untracked(network).ipv4_src(address, 32));
            translated(GROUPED, matching, known(way.zone))
        }));
    }
    flows.extend(names.into_iter().map(|address| {
        // Switches look for the address where it is answered for.
        let mac = match way.answered.contains(&address) {
            true => MacAddr::public(address),
            false => routing.mac,
        };
        let matching = tracked(network, NONE).ipv4_src(address, 32);
        let gateway = Action::set_field(Field::EthDst, way.mac.octets());
        let flow = forgotten(TABLE.flow(PORT, matching)).action(gateway);
        becomes(flow, way.network, mac)
    }));
}

/// What is for ports of addresses outside.
pub(super) fn inward(network: &NetworkView, router: &Presence, flows: &mut Vec<Flow>) {
    if router.forwarded.is_empty() && router.answered.is_empty() {
        return;
    }
    let addresses = router.forwarded.iter().map(|it| it.address);
    let addresses: BTreeSet<Ipv4Addr> = addresses.chain(router.answered.clone()).collect();
    for address in addresses {
        let to = untracked(network).ipv4_dst(address, 32);
        let shown_by_none = [fragments(to.clone()), to.icmp()];
        let known = shown_by_none.map(|it| translated(GROUPED, it, known(router.zone)));
        flows.extend(known);
    }
    flows.extend(here(&router.forwarded).map(|(forwarded, inside)| {
        let nat = Nat {
            ports: Some((inside.port.get(), None)),
            ..destination(inside.address.into())
        };
        translated(
            PORT,
            sent_to(network, forwarded),
            committed(router.zone, nat),
        )
    }));
    let inner = here(&router.forwarded).map(|(_, inside)| (inside.address, inside.network));
    let inner: BTreeSet<(Ipv4Addr, NetworkNumber)> = inner.collect();
    flows.extend(inner.into_iter().map(|(address, behind)| {
        let found = tracked(network, NONE).exact(Field::CtZone, router.zone);
        delivered(PORT, found.ipv4_dst(address, 32), behind)
    }));
    let Some(uplink) = network.uplink else {
        return;
    };
    for forwarded in &router.forwarded {
        if let ForwardedTo::Elsewhere(host) = forwarded.target {
            let flow = TABLE.flow(ELSEWHERE, sent_to(network, forwarded));
            let flow = sent_on(flow, (router.mac, host), uplink);
            flows.push(flow.goto(count_and_output::TABLE.id));
        }
    }
    flows.extend(to_everybody(network, router, uplink));
}

/// What other hosts sent on to this one is for ports here, or for nobody.
pub(super) fn once(network: &NetworkView) -> impl Iterator<Item = Flow> {
    let routers = network.outside.routers.iter();
    let forwarding = routers.filter(|it| !it.forwarded.is_empty() || !it.answered.is_empty());
    let macs: BTreeSet<MacAddr> = forwarding.map(|it| it.mac).collect();
    macs.into_iter().flat_map(|mac| {
        let found = [untracked(network), tracked(network, NONE)];
        found.map(|matching| TABLE.flow(ONCE, matching.eth_dst(mac.octets())))
    })
}

fn here(all: &[Forwarded]) -> impl Iterator<Item = (&Forwarded, &Inside)> {
    all.iter().filter_map(|it| match &it.target {
        ForwardedTo::Here(inside) => Some((it, inside)),
        ForwardedTo::Elsewhere(_) => None,
    })
}

fn fragments(matching: Match) -> Match {
    matching.masked(Field::IpFrag, FRAGMENT, FRAGMENT)
}

/// What belongs to a connection is translated like it; anything else stays what it is.
fn known(zone: u16) -> Ct {
    Ct {
        commit: Commit::No,
        ..committed(zone, Nat::default())
    }
}

fn sent_to(network: &NetworkView, forwarded: &Forwarded) -> Match {
    let to = untracked(network).ipv4_dst(forwarded.address, 32);
    forwarded.spoken_to(to, forwarded.port)
}

/// To another host on the external network, from this one. It may be where the frame came from.
fn sent_on(flow: Flow, (from, to): (MacAddr, MacAddr), uplink: Uplink) -> Flow {
    forgotten(flow)
        .action(Action::set_field(Field::EthSrc, from.octets()))
        .action(Action::set_field(Field::EthDst, to.octets()))
        .action(OUT_PORT.set(uplink.port.0))
}

/// What does not show its port, to all other hosts that it may concern, once.
fn to_everybody(network: &NetworkView, router: &Presence, uplink: Uplink) -> Vec<Flow> {
    let mut hosts = BTreeMap::<Ipv4Addr, BTreeSet<MacAddr>>::new();
    for forwarded in &router.forwarded {
        if let ForwardedTo::Elsewhere(host) = forwarded.target {
            hosts.entry(forwarded.address).or_default().insert(host);
        }
    }
    let flows = hosts.into_iter().flat_map(|(address, hosts)| {
        let to = untracked(network).ipv4_dst(address, 32);
        let to = to.eth_dst(MacAddr::public(address).octets());
        let errors = ERRORS.map(|kind| to.clone().icmp().exact(Field::Icmpv4Type, kind));
        let all = errors.into_iter().chain([fragments(to)]);
        all.map(move |matching| {
            let flow = translated(GROUPED + 1, matching, known(router.zone));
            hosts.iter().fold(flow, |flow, host| {
                let out = Action::resubmit(count_and_output::TABLE.id);
                let flow = sent_on(flow, (router.mac, *host), uplink).action(out);
                // The network's tag stays on the frame.
                match uplink.mark {
                    Mark::Vlan(_) => flow.action(Action::PopVlan),
                    Mark::Untagged | Mark::Vni(_) => flow,
                }
            })
        })
    });
    flows.collect()
}
