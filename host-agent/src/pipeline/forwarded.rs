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
//! Fragments but the first do not show their port, so all of a packet's are put together first (`ct` does
//! that), and known by their connection. An ICMP error does not show it either, and whose it is only the
//! host knows that has the connection: it is sent to each.

use std::collections::BTreeSet;
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
            ..source(forwarded.address)
        };
        let matching = forwarded.spoken(from, inside.port);
        flows.push(translated(PORT, matching, committed(way.zone, nat)));
        names.insert(forwarded.address);
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
        flows.extend(grouped(network, router, address));
    }
    let once = untracked(network).eth_dst(router.mac.octets());
    let again = tracked(network, NONE).eth_dst(router.mac.octets());
    flows.extend([once, again].map(|matching| TABLE.flow(ONCE, matching)));
    for (forwarded, inside) in here(&router.forwarded) {
        flows.extend(for_here(network, router, (forwarded, inside)));
    }
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
            flows.extend(for_others(network, router, (forwarded, host), uplink));
        }
    }
    flows.extend(errors(network, router, uplink));
}

fn here(all: &[Forwarded]) -> impl Iterator<Item = (&Forwarded, &Inside)> {
    all.iter().filter_map(|it| match &it.target {
        ForwardedTo::Here(inside) => Some((it, inside)),
        ForwardedTo::Elsewhere(_) => None,
    })
}

/// What does not show its port: known by its connection, if it is of one.
fn grouped(network: &NetworkView, router: &Presence, address: Ipv4Addr) -> [Flow; 2] {
    let here = untracked(network).ipv4_dst(address, 32);
    let fragments = here.clone().masked(Field::IpFrag, FRAGMENT, FRAGMENT);
    [fragments, here.icmp()].map(|matching| translated(GROUPED, matching, known(router)))
}

fn known(router: &Presence) -> Ct {
    Ct {
        commit: Commit::No,
        ..committed(router.zone, Nat::default())
    }
}

/// A packet whose fragments were put together, by the connection that it would begin.
fn whole(network: &NetworkView, router: &Presence, forwarded: &Forwarded) -> Match {
    tracked(network, CtState::NEW)
        .exact(Field::CtZone, router.zone)
        .ipv4_dst(forwarded.address, 32)
        .exact(Field::CtNwProto, forwarded.protocol())
        .exact(Field::CtTpDst, forwarded.port.get())
}

fn for_here(
    network: &NetworkView,
    router: &Presence,
    (forwarded, inside): (&Forwarded, &Inside),
) -> [Flow; 2] {
    let nat = Nat {
        ports: Some((inside.port.get(), None)),
        ..destination(inside.address)
    };
    let ct = committed(router.zone, nat);
    let to = untracked(network).ipv4_dst(forwarded.address, 32);
    let sent = forwarded.spoken_to(to, forwarded.port);
    let whole = TABLE.flow(PORT, whole(network, router, forwarded));
    [translated(PORT, sent, ct.clone()), whole.action(ct)]
}

fn for_others(
    network: &NetworkView,
    router: &Presence,
    (forwarded, host): (&Forwarded, MacAddr),
    uplink: Uplink,
) -> [Flow; 2] {
    let to = untracked(network).ipv4_dst(forwarded.address, 32);
    let sent = forwarded.spoken_to(to, forwarded.port);
    let whole = whole(network, router, forwarded);
    [sent, whole].map(|matching| {
        let flow = TABLE.flow(ELSEWHERE, matching);
        sent_on(flow, (router.mac, host), uplink).goto(count_and_output::TABLE.id)
    })
}

/// To another host on the external network, from this one. It may be where the frame came from.
fn sent_on(flow: Flow, (from, to): (MacAddr, MacAddr), uplink: Uplink) -> Flow {
    forgotten(flow)
        .action(Action::set_field(Field::EthSrc, from.octets()))
        .action(Action::set_field(Field::EthDst, to.octets()))
        .action(OUT_PORT.set(uplink.port.0))
}

/// To whom it may concern, once.
fn errors(network: &NetworkView, router: &Presence, uplink: Uplink) -> Vec<Flow> {
    let mut hosts = BTreeSet::<(Ipv4Addr, MacAddr)>::new();
    hosts.extend(router.forwarded.iter().filter_map(|it| match it.target {
        ForwardedTo::Elsewhere(host) => Some((it.address, host)),
        ForwardedTo::Here(_) => None,
    }));
    let addresses: BTreeSet<Ipv4Addr> = hosts.iter().map(|(address, _)| *address).collect();
    let flows = addresses.into_iter().flat_map(|address| {
        let hosts = hosts.iter().filter(move |(of, _)| *of == address);
        let hosts: Vec<MacAddr> = hosts.map(|(_, host)| *host).collect();
        let here = untracked(network).ipv4_dst(address, 32);
        let here = here.eth_dst(MacAddr::public(address).octets());
        ERRORS.map(|kind| {
            let matching = here.clone().icmp().exact(Field::Icmpv4Type, kind);
            let flow = translated(GROUPED + 1, matching, known(router));
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
