//! What `ct` asks and tells: connections.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::matching::CtState;

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
    /// Where the packet comes from.
    pub source: Endpoint,
    /// Where it goes.
    pub destination: Endpoint,
}

impl Connection {
    /// The direction of replies.
    #[must_use]
    pub fn reversed(self) -> Connection {
        Connection {
            source: self.destination,
            destination: self.source,
            ..self
        }
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
}

/// A simple tracker: a connection is new until it has been committed and a reply has come, and
/// established from then on. It does not look at TCP's own states, and never forgets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Connections {
    /// By the direction of the first packet.
    committed: BTreeMap<Connection, Committed>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Committed {
    mark: u32,
    label: u128,
    has_reply: bool,
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
        if let Some(known) = self.committed.get_mut(&packet.reversed()) {
            known.has_reply = true;
            return tracked(packet.reversed(), known, CtState::EST | CtState::RPL);
        }
        tracked(packet, &Committed::default(), CtState::NEW)
    }

    fn commit(&mut self, packet: Connection, mark: u32, label: u128) {
        let reversed = packet.reversed();
        let original = match self.committed.contains_key(&reversed) {
            true => reversed,
            false => packet,
        };
        let known = self.committed.entry(original).or_default();
        (known.mark, known.label) = (mark, label);
    }
}
