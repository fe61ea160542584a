//! Connection tracking (`ct`) and address translation.

mod wire;

use std::net::IpAddr;
use std::ops::RangeInclusive;

use super::{Action, Subfield};

/// Puts a packet through connection tracking.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ct {
    /// Whether the connection is remembered.
    pub commit: Commit,
    /// The zone to look in.
    pub zone: Zone,
    /// The table the packet goes on in, with `ct_state` and the like set; `None`: it does
    /// not wait for them.
    pub table: Option<u8>,
    /// How addresses are translated.
    pub nat: Option<Nat>,
    /// What is written into the connection: `ct_mark` and `ct_label`.
    pub exec: Vec<Action>,
    /// The port of the protocol whose further connections are to be expected, such as 21
    /// for FTP; 0: none.
    pub alg: u16,
}

/// Whether `ct` remembers a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Commit {
    /// It does not.
    #[default]
    No,
    /// It does.
    Yes,
    /// It does, in place of one in the other direction.
    Force,
}

/// The zone that `ct` looks in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Zone {
    /// This one.
    Fixed(u16),
    /// The one whose number these 16 bits hold.
    From(Subfield),
}

impl Default for Zone {
    fn default() -> Self {
        Zone::Fixed(0)
    }
}

/// How `ct` translates addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Nat {
    /// Which address.
    pub target: NatTarget,
    /// To which addresses: the first and, if there are several, the last.
    pub addresses: Option<(IpAddr, Option<IpAddr>)>,
    /// To which ports: the first and, if there are several, the last.
    pub ports: Option<(u16, Option<u16>)>,
    /// Whether the same source gets the same address again after a restart.
    pub persistent: bool,
    /// How a port is chosen.
    pub choice: PortChoice,
}

/// Which address `nat` translates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NatTarget {
    /// That which the connection says.
    #[default]
    Known,
    /// The source.
    Source,
    /// The destination.
    Destination,
}

/// How `nat` chooses a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PortChoice {
    /// As the datapath likes.
    #[default]
    Default,
    /// By a hash.
    Hash,
    /// At random.
    Random,
}

impl Ct {
    /// Tracks a connection in a zone and goes on in a table.
    pub fn lookup(zone: u16, table: u8) -> Ct {
        Ct {
            zone: Zone::Fixed(zone),
            table: Some(table),
            ..Ct::default()
        }
    }

    /// Remembers a connection in a zone.
    pub fn commit(zone: u16) -> Ct {
        Ct {
            zone: Zone::Fixed(zone),
            commit: Commit::Yes,
            ..Ct::default()
        }
    }
}

impl Nat {
    /// Translates the source to one of these addresses.
    pub fn source(addresses: RangeInclusive<IpAddr>) -> Nat {
        Nat::to(NatTarget::Source, addresses)
    }

    /// Translates the destination to one of these addresses.
    pub fn destination(addresses: RangeInclusive<IpAddr>) -> Nat {
        Nat::to(NatTarget::Destination, addresses)
    }

    fn to(target: NatTarget, addresses: RangeInclusive<IpAddr>) -> Nat {
        let (first, last) = addresses.into_inner();
        Nat {
            target,
            addresses: Some((first, Some(last).filter(|last| *last != first))),
            ..Nat::default()
        }
    }
}
