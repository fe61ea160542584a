//! Packets for controllers.

/// Sends a packet to controllers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Controller {
    /// Bytes of the packet to send.
    pub max_len: u16,
    /// Which controllers: those with this id.
    pub id: u16,
    /// What the packet-in gives as its reason.
    pub reason: Reason,
    /// What the packet-in carries for the controller itself.
    pub userdata: Vec<u8>,
    /// Whether the packet waits for the controller to let it go on.
    pub pause: bool,
    /// The meter that limits the packets.
    pub meter: Option<u32>,
}

impl Default for Controller {
    fn default() -> Self {
        Controller {
            max_len: u16::MAX,
            id: 0,
            reason: Reason::Action,
            userdata: Vec::new(),
            pause: false,
            meter: None,
        }
    }
}

/// Why a packet was sent to the controller (`OFPR_*`, OpenFlow 1.5 section 7.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// No flow matched.
    NoMatch,
    /// An action of a flow said so.
    #[default]
    Action,
    /// Its TTL ran out.
    InvalidTtl,
    /// The action set said so.
    ActionSet,
    /// A bucket of a group said so.
    Group,
    /// A packet-out said so.
    PacketOut,
    /// Another one.
    Other(u8),
}

/// The reasons by number, with their names in text.
const REASONS: [(Reason, &str); 6] = [
    (Reason::NoMatch, "no_match"),
    (Reason::Action, "action"),
    (Reason::InvalidTtl, "invalid_ttl"),
    (Reason::ActionSet, "action_set"),
    (Reason::Group, "group"),
    (Reason::PacketOut, "packet_out"),
];

impl Reason {
    /// The reason with this number on the wire.
    pub fn from_wire(number: u8) -> Reason {
        let known = REASONS.get(usize::from(number));
        known.map_or(Reason::Other(number), |(reason, _)| *reason)
    }

    /// Its number on the wire.
    pub fn wire(self) -> u8 {
        match self {
            Reason::NoMatch => 0,
            Reason::Action => 1,
            Reason::InvalidTtl => 2,
            Reason::ActionSet => 3,
            Reason::Group => 4,
            Reason::PacketOut => 5,
            Reason::Other(number) => number,
        }
    }

    /// The reason of this name.
    pub fn from_name(name: &str) -> Option<Reason> {
        let found = REASONS.iter().find(|(_, known)| *known == name);
        found.map(|(reason, _)| *reason)
    }

    /// Its name, if it has one.
    pub fn name(self) -> Option<&'static str> {
        let found = REASONS.iter().find(|(reason, _)| *reason == self);
        found.map(|(_, name)| *name)
    }
}
