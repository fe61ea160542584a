//! What `ct` asks and tells: connections.

mod translation;

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::action::Nat;
use crate::matching::CtState;
use crate::protocol::{IP_ICMP, IP_ICMPV6};

/// One end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    /// Its address.
    pub address: IpAddr,
    /// Its TCP, UDP or SCTP port; for ICMP the identifier, the same at both ends.
    pub port: u16,
}

/// A connection in the direction of a packet at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Connection {
    /// The zone it is known in.
    pub zone: u16,
    /// The IP protocol.
    pub protocol: u8,
    /// For ICMP its type, by which a question and its answer differ; otherwise 0.
    pub icmp_type: u8,
    /// Where the packet comes from.
    pub source: Endpoint,
    /// Where it goes.
    pub destination: Endpoint,
}

/// Types of echo, of ICMP and of ICMPv6: the question, and its answer.
const ECHO: [(u8, u8, u8); 2] = [(IP_ICMP, 8, 0), (IP_ICMPV6, 128, 129)];

impl Connection {
    /// The direction of replies.
    #[must_use]
    pub fn reversed(self) -> Connection {
        let turned = ECHO.iter().find_map(|(protocol, asks, answers)| {
            match (*protocol == self.protocol, self.icmp_type) {
                (true, kind) if kind == *asks => Some(*answers),
                (true, kind) if kind == *answers => Some(*asks),
                _ => None,
            }
        });
        Connection {
            source: self.destination,
            destination: self.source,
            icmp_type: turned.unwrap_or(self.icmp_type),
            ..self
        }
    }

    /// Whether it goes the way of answers to echo, which begin nothing.
    pub(super) fn is_echo_reply(&self) -> bool {
        let mut all = ECHO.iter();
        all.any(|(protocol, _, answers)| (self.protocol, self.icmp_type) == (*protocol, *answers))
    }
}

/// What is known of a packet's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tracked {
    /// Bits of `ct_state`; [`CtState::TRK`] need not be among them.
    pub state: CtState,
    /// `ct_mark`.
    pub mark: u32,
    /// `ct_label`.
    pub label: u128,
    /// The connection in the direction of its first packet.
    pub original: Connection,
}

/// Knows connections.
pub trait ConnectionTracker {
    /// What is known of the connection of a packet that goes this way.
    fn look_up(&mut self, packet: Connection) -> Tracked;

    /// Remembers the connection of a packet that goes this way, with this mark and label.
    fn commit(&mut self, packet: Connection, mark: u32, label: u128);

    /// Remembers a new connection of which no packet was seen, and how `nat` has it translated;
    /// `false` when nothing is left that it could be translated to. It then stays unknown.
    fn translate(&mut self, packet: Connection, nat: &Nat) -> bool {
        let _ = (packet, nat);
        false
    }

    /// How a packet that goes this way leaves, by the translation of its connection.
    fn leaves(&mut self, packet: Connection) -> Connection {
        packet
    }
}

/// A simple tracker: a connection is new until it has been committed and a reply has come, and
/// established from then on. It does not look at TCP's own states, and never forgets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Connections {
    /// By the direction of the first packet.
    committed: BTreeMap<Connection, Committed>,
    /// The same, by the direction of replies.
    replies: BTreeMap<Connection, Connection>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Committed {
    mark: u32,
    label: u128,
    has_reply: bool,
    /// What the first packet became: replies come the other way.
    leaves: Connection,
}

impl Committed {
    fn as_it_is(packet: Connection) -> Committed {
        Committed {
            mark: 0,
            label: 0,
            has_reply: false,
            leaves: packet,
        }
    }
}

impl ConnectionTracker for Connections {
    fn look_up(&mut self, packet: Connection) -> Tracked {
        let tracked = |original, known: &Committed, state| Tracked {
            state,
            mark: known.mark,
            label: known.label,
            original,
        };
        if let Some(known) = self.committed.get(&packet) {
            let state = match known.has_reply {
                true => CtState::EST,
                false => CtState::NEW,
            };
            return tracked(packet, known, state);
        }
        if let Some(original) = self.replies.get(&packet)
            && let Some(known) = self.committed.get_mut(original)
        {
            known.has_reply = true;
            return tracked(*original, known, CtState::EST | CtState::RPL);
        }
        tracked(packet, &Committed::as_it_is(packet), CtState::NEW)
    }

    fn commit(&mut self, packet: Connection, mark: u32, label: u128) {
        let original = self.replies.get(&packet).copied().unwrap_or(packet);
        let known = self.committed.entry(original);
        let known = known.or_insert_with(|| Committed::as_it_is(packet));
        (known.mark, known.label) = (mark, label);
        self.replies.insert(known.leaves.reversed(), original);
    }

    fn translate(&mut self, packet: Connection, nat: &Nat) -> bool {
        if self.committed.contains_key(&packet) || self.replies.contains_key(&packet) {
            return true;
        }
        let is_free = |way: &Connection| {
            let reply = way.reversed();
            !self.replies.contains_key(&reply) && !self.committed.contains_key(&reply)
        };
        let Some(leaves) = translation::candidates(packet, nat).find(is_free) else {
            return false;
        };
        let known = Committed {
            leaves,
            ..Committed::as_it_is(packet)
        };
        self.committed.insert(packet, known);
        self.replies.insert(leaves.reversed(), packet);
        true
    }

    fn leaves(&mut self, packet: Connection) -> Connection {
        if let Some(known) = self.committed.get(&packet) {
            return known.leaves;
        }
        let original = self.replies.get(&packet);
        original.map_or(packet, |original| original.reversed())
    }
}
