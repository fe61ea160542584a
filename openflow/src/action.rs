//! Actions: what a flow does with a packet.
//!
//! One form for every version; [`Action::encode_list`] knows what each version calls it.
//! Two of them mean the same on the wire of OpenFlow 1.5, which has no `load`: there
//! [`Action::Load`] comes back as [`Action::SetField`]. Who compares flows with what a
//! switch reports says [`Action::set_bits`] in the first place.

mod conntrack;
mod controller;
mod decode;
mod encode;
mod kind;
mod learn;
mod subfield;
#[cfg(test)]
mod tests;

use crate::PortNo;
use crate::field::Field;
use crate::matching::Value;

pub use conntrack::{Commit, Ct, Nat, NatTarget, PortChoice, Zone};
pub use controller::{Controller, Reason};
pub use learn::{Learn, LearnSource, LearnSpec, LearnTarget};
pub use subfield::Subfield;

/// What a flow does with a packet.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Sends it out of a port; never back out of the one it came in by, unless the port
    /// is [`PortNo::IN_PORT`]. To [`PortNo::CONTROLLER`] at most `max_len` bytes of it.
    Output {
        /// The port.
        port: PortNo,
        /// Bytes sent to a controller; 0 for every other port.
        max_len: u16,
    },
    /// Sends it out of the port whose number a field holds.
    OutputField {
        /// Where the port number stands.
        source: Subfield,
        /// Bytes sent to a controller.
        max_len: u16,
    },
    /// Sends its first `max_len` bytes out of a port.
    OutputTruncated {
        /// The port.
        port: PortNo,
        /// Bytes to send, at least 14.
        max_len: u32,
    },
    /// Hands it to a group.
    Group(u32),
    /// Chooses the queue of outputs that follow.
    SetQueue(u32),
    /// Back to the queue it came in with.
    PopQueue,
    /// Puts it through a meter. OpenFlow 1.4 has it only as an instruction: there it has
    /// to be the flow's first action.
    Meter(u32),
    /// Pushes a VLAN tag with this Ethernet type.
    PushVlan(u16),
    /// Pops the outermost VLAN tag.
    PopVlan,
    /// Pushes an MPLS label with this Ethernet type.
    PushMpls(u16),
    /// Pops the outermost MPLS label; the packet then has this Ethernet type.
    PopMpls(u16),
    /// Decrements the TTL of the outermost MPLS label.
    DecMplsTtl,
    /// Decrements the IP TTL, or sends the packet to the controllers when it runs out.
    DecTtl,
    /// The same, to these controllers.
    DecTtlFor(Vec<u16>),
    /// Sets the TTL of the IP header.
    SetTtl(u8),
    /// Sets those bits of a field that the mask has.
    SetField {
        /// The field.
        field: Field,
        /// The new bits.
        value: u128,
        /// Which bits are set.
        mask: u128,
    },
    /// Sets a part of a field. Nicira's, gone in OpenFlow 1.5: see the module's head.
    Load {
        /// The part.
        target: Subfield,
        /// The new bits.
        value: u64,
    },
    /// Copies bits from field to field; both parts are equally wide.
    Move {
        /// From here.
        source: Subfield,
        /// To here.
        target: Subfield,
    },
    /// Pushes a part of a field on the stack.
    Push(Subfield),
    /// Pops a part of a field off the stack.
    Pop(Subfield),
    /// Looks the packet up in a table, and then goes on here.
    Resubmit {
        /// As if it had come in by this port; `None`: as it did.
        port: Option<PortNo>,
        /// The table; `None`: this one.
        table: Option<u8>,
        /// Whether to look it up with the addresses of its connection's first packet.
        original: bool,
    },
    /// Puts it through connection tracking.
    Ct(Box<Ct>),
    /// Forgets what connection tracking found.
    CtClear,
    /// Installs a flow made from the packet.
    Learn(Box<Learn>),
    /// Does nothing but to be there. See [`Action::note`].
    Note(Vec<u8>),
    /// Sends it to controllers, with more detail than [`Action::Output`].
    Controller(Box<Controller>),
    /// One clause of a conjunctive match.
    Conjunction {
        /// Its `conj_id`.
        id: u32,
        /// Which clause, from 1.
        clause: u8,
        /// Of how many clauses, 2 to 64.
        clauses: u8,
    },
    /// Does these to a copy.
    Clone(Vec<Action>),
    /// Ends here: skips what is left in this table and those that resubmitted to it.
    Exit,
    /// Shortens the flow's timeouts when a TCP connection ends.
    FinTimeout {
        /// Seconds.
        idle: u16,
        /// Seconds.
        hard: u16,
    },
    /// Sets a bit: is the packet larger than this many bytes?
    CheckPacketLarger {
        /// Bytes.
        length: u16,
        /// The bit.
        target: Subfield,
    },
    /// An action we do not know: its bytes, with the header.
    Unknown(UnknownAction),
}

/// An action we do not know: its bytes, with the header.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnknownAction(Box<[u8]>);

impl UnknownAction {
    /// Its bytes, with the header.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Action {
    /// Sends the packet out of a port.
    pub fn output(port: impl Into<PortNo>) -> Action {
        Action::Output {
            port: port.into(),
            max_len: 0,
        }
    }

    /// Sends the packet out of the port it came in by.
    pub fn in_port() -> Action {
        Action::output(PortNo::IN_PORT)
    }

    /// Sets a whole field.
    pub fn set_field(field: Field, value: impl Into<Value>) -> Action {
        Action::SetField {
            field,
            value: value.into().0 & field.full_mask(),
            mask: field.full_mask(),
        }
    }

    /// Sets a part of a field.
    pub fn set_bits(target: Subfield, value: impl Into<Value>) -> Action {
        Action::SetField {
            field: target.field,
            value: value.into().0 << target.offset & target.mask(),
            mask: target.mask(),
        }
    }

    /// Copies a whole field to another of the same width, or the lower bits if one of
    /// them is wider.
    pub fn copy(source: Field, target: Field) -> Action {
        Self::copy_lowest(u16::MAX, source, target)
    }

    /// Copies so many of the lowest bits of a field, or as many as both have.
    pub fn copy_lowest(bits: u16, source: Field, target: Field) -> Action {
        let (source, target) = (Subfield::whole(source), Subfield::whole(target));
        let bits = source.bits.min(target.bits).min(bits);
        Action::Move {
            source: Subfield { bits, ..source },
            target: Subfield { bits, ..target },
        }
    }

    /// A note, which on the wire is as long as fills the action: zeros are added here.
    pub fn note(bytes: impl Into<Vec<u8>>) -> Action {
        let mut bytes = bytes.into();
        // The header before it has ten bytes.
        let length = (bytes.len() + 10).next_multiple_of(8) - 10;
        bytes.resize(length, 0);
        Action::Note(bytes)
    }

    /// Looks the packet up in a table, and then goes on here.
    pub fn resubmit(table: u8) -> Action {
        Action::Resubmit {
            port: None,
            table: Some(table),
            original: false,
        }
    }
}

impl From<Ct> for Action {
    fn from(ct: Ct) -> Self {
        Action::Ct(Box::new(ct))
    }
}

impl From<Learn> for Action {
    fn from(learn: Learn) -> Self {
        Action::Learn(Box::new(learn))
    }
}

/// With nothing but a length it is a plain output to [`PortNo::CONTROLLER`].
impl From<Controller> for Action {
    fn from(controller: Controller) -> Self {
        let plain = Controller {
            max_len: controller.max_len,
            ..Controller::default()
        };
        if controller == plain {
            return Action::Output {
                port: PortNo::CONTROLLER,
                max_len: plain.max_len,
            };
        }
        Action::Controller(Box::new(controller))
    }
}
