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

/// The simplest tracker: a connection is new until it is committed, and then established in
/// both directions. It neither looks at TCP's own states nor ever forgets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Connections {
    /// Mark and label of each connection, in the direction of its first packet.
    committed: BTreeMap<Connection, (u32, u128)>,
}

impl ConnectionTracker for Connections {
    fn look_up(&mut self, packet: Connection) -> Tracked {
        let reversed = packet.reversed();
        let known = |original: Connection, state: CtState| {
            let (mark, label) = self.committed.get(&original)?;
            Some(Tracked {
                state,
                mark: *mark,
                label: *label,
                original,
            })
        };
        known(packet, CtState::EST)
            .or_else(|| known(reversed, CtState::EST | CtState::RPL))
            .unwrap_or(Tracked {
                state: CtState::NEW,
                mark: 0,
                label: 0,
                original: packet,
            })
    }

    fn commit(&mut self, packet: Connection, mark: u32, label: u128) {
        let original = self.look_up(packet).original;
        self.committed.insert(original, (mark, label));
    }
}
