//! By which host a router's packets get out, where the router has gateway hosts. Pure.
//!
//! ```text
//!   signs of life (BFD) of other hosts --> turn: whose it is by the order --+--> outlet: what flows do
//!   answers on the external network ------> free: nobody has the address ---+
//! ```
//!
//! Every host decides for itself, from what its own switch hears. A host that sends goes by the order
//! alone: to the first gateway host that it hears. A gateway host may have the address while it hears none
//! of those before it. Before it takes the address it asks for it on the external network, over which it
//! hears who cannot be heard otherwise: one that has it answers by a flow, with or without an agent. So
//! two have it only where they can hear each other by neither way.
//!
//! A gateway host that hears nobody at all cannot tell whether others died or it was cut off. It keeps the
//! address until somebody asks for it: who asks lives, and may have it.

pub mod asking;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use model::plan::PlannedGatewayHost;
use model::{Encapsulation, NetworkNumber, RouterId, TunnelState};
use tokio::time::Instant;

use crate::pipeline::{Claim, Duty, WayExit};
use crate::tunnels::Tunnels;
use crate::wanted::{Wanted, WantedGateway, WantedRouter};

/// The tunnels whose signs of life count. Every host that has an endpoint may have them, whatever carries
/// its networks.
pub const WATCH: Encapsulation = Encapsulation::Vxlan;

/// How long who asked for an address is left to take it.
const YIELD: Duration = Duration::from_secs(3);

/// The endpoints of hosts that are heard.
pub type Heard = BTreeSet<IpAddr>;

/// An address of an external network.
pub type Key = (NetworkNumber, Ipv4Addr);

/// What was heard of addresses on external networks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// Those that nobody answered for, though they were asked for since then.
    pub free: BTreeMap<Key, Instant>,
    /// Those that another gateway host asked for, and when.
    pub asked_for: BTreeMap<Key, Instant>,
}

/// What a host does with packets of a router that are to get out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outlet {
    /// Where they go.
    pub exit: WayExit,
    /// What it has to do with the address.
    pub duty: Duty,
}

/// The outlets of routers that have gateway hosts.
pub type Outlets = BTreeMap<RouterId, Outlet>;

/// Which addresses this host has, as a gateway host.
#[derive(Debug, Default)]
pub struct Tenures(BTreeMap<RouterId, Hold>);

/// How a gateway host stands to the address of a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hold {
    /// It is another's turn.
    Waiting,
    /// It takes the address if nobody had it at this moment or later.
    Asking(Instant),
    /// It has the address.
    Held,
}

/// Whose turn it is to have an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// This host's.
    Own(Company),
    /// Another's.
    Of(PlannedGatewayHost),
}

/// Whether a gateway host hears anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Company {
    /// It does, or there is nobody to hear.
    Some,
    /// It hears none of the hosts that have the router.
    None,
}

/// The hosts that must be known soon to live or not.
#[must_use]
pub fn watched(wanted: &Wanted) -> BTreeSet<IpAddr> {
    let shared = wanted.routers.iter().filter_map(|router| {
        let hosts = &router.gateway.as_ref()?.hosts;
        (!hosts.is_empty()).then_some((router, hosts))
    });
    let watched = shared.flat_map(|(router, hosts)| {
        let others = hosts.iter().filter(|host| host.mac != router.mac);
        let is_one = hosts.iter().any(|host| host.mac == router.mac);
        let served = router.endpoints.iter().copied().filter(move |_| is_one);
        others.map(|host| host.endpoint).chain(served)
    });
    watched.collect()
}

/// The hosts that are heard.
#[must_use]
pub fn heard(tunnels: &Tunnels) -> Heard {
    let up = tunnels
        .iter()
        .filter(|((kind, _), tunnel)| *kind == WATCH && tunnel.state == TunnelState::Up);
    up.map(|((_, peer), _)| *peer).collect()
}

impl Tenures {
    /// Nothing is known of the switch any more.
    pub fn forget(&mut self) {
        self.0.clear();
    }

    /// What becomes of each router's packets now. What this host had before the agent is asked of the
    /// switch: a restart of the agent is no reason to let go of anything.
    pub fn settle(
        &mut self,
        wanted: &Wanted,
        heard: &Heard,
        word: &Word,
        has: impl Fn(NetworkNumber, Ipv4Addr) -> bool,
    ) -> Outlets {
        let now = Instant::now();
        let before = std::mem::take(&mut self.0);
        let mut outlets = Outlets::new();
        for (router, gateway) in with_gateway_hosts(wanted) {
            let turn = turn(router, gateway, heard);
            let key = key(wanted, gateway);
            let hold = key.map(|key| {
                let hold = before.get(&router.id).copied();
                let hold = hold.unwrap_or(match has(key.0, key.1) {
                    true => Hold::Held,
                    false => Hold::Waiting,
                });
                next(hold, turn, (word, key), now)
            });
            self.0.extend(hold.map(|hold| (router.id, hold)));
            outlets.insert(router.id, outlet(router, gateway, turn, hold));
        }
        outlets
    }

    /// The addresses that this host would take, each with the router it is of.
    pub fn asked<'a>(
        &'a self,
        wanted: &'a Wanted,
    ) -> impl Iterator<Item = (&'a WantedRouter, Key)> + 'a {
        with_gateway_hosts(wanted).filter_map(|(router, gateway)| {
            let hold = self.0.get(&router.id)?;
            matches!(hold, Hold::Asking(_)).then_some((router, key(wanted, gateway)?))
        })
    }
}

fn with_gateway_hosts(wanted: &Wanted) -> impl Iterator<Item = (&WantedRouter, &WantedGateway)> {
    let routers = wanted.routers.iter();
    let routers = routers.filter_map(|router| Some((router, router.gateway.as_ref()?)));
    routers.filter(|(_, gateway)| !gateway.hosts.is_empty())
}

/// The address that is this host's to have, if it is a gateway host.
fn key(wanted: &Wanted, gateway: &WantedGateway) -> Option<Key> {
    let network = wanted.networks.get(&gateway.network)?;
    Some((network.number, gateway.snat?))
}

/// The first that is heard, this host being heard by itself. Who hears none of them tries the first.
fn turn(router: &WantedRouter, gateway: &WantedGateway, heard: &Heard) -> Turn {
    let hosts = &gateway.hosts;
    let mut living = hosts
        .iter()
        .filter(|host| host.mac == router.mac || heard.contains(&host.endpoint));
    match living.next().or(hosts.first()) {
        Some(host) if host.mac != router.mac => Turn::Of(*host),
        _ => {
            let others = &router.endpoints;
            let in_company = others.is_empty() || others.iter().any(|it| heard.contains(it));
            Turn::Own(match in_company {
                true => Company::Some,
                false => Company::None,
            })
        }
    }
}

fn next(hold: Hold, turn: Turn, (word, key): (&Word, Key), now: Instant) -> Hold {
    let Turn::Own(company) = turn else {
        return Hold::Waiting;
    };
    let left_until = word.asked_for.get(&key).map(|at| *at + YIELD);
    match hold {
        Hold::Waiting => Hold::Asking(now),
        Hold::Asking(since) => match word.free.get(&key) {
            Some(at) if *at >= since => Hold::Held,
            _ => hold,
        },
        Hold::Held => match left_until.filter(|it| company == Company::None && now < *it) {
            Some(until) => Hold::Asking(until),
            None => Hold::Held,
        },
    }
}

fn outlet(
    router: &WantedRouter,
    gateway: &WantedGateway,
    turn: Turn,
    hold: Option<Hold>,
) -> Outlet {
    let exit = match turn {
        Turn::Own(_) if hold == Some(Hold::Held) => WayExit::ForAll(router.mac),
        Turn::Own(_) => WayExit::Nobody,
        Turn::Of(host) => WayExit::By(host),
    };
    let Some((hold, address)) = hold.zip(gateway.snat) else {
        return Outlet {
            exit,
            duty: Duty::None,
        };
    };
    let claim = Claim {
        address,
        mac: router.mac,
    };
    let duty = match (hold, turn) {
        (Hold::Held, Turn::Own(Company::None)) => Duty::HoldsAlone(claim),
        (Hold::Held, _) => Duty::Holds,
        _ => Duty::Asks(claim),
    };
    Outlet { exit, duty }
}
