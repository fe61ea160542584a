//! The registers of the pipeline: what one table leaves for the next. All start as zero.

use openflow::action::Subfield;
use openflow::{Action, Field, Match};

/// Some bits of a register, with a name.
#[derive(Debug)]
pub struct Register {
    /// Its name, in code and documentation.
    pub name: &'static str,
    /// The register it lies in.
    pub field: Field,
    /// Its lowest bit.
    pub offset: u16,
    /// How many bits it has.
    pub bits: u16,
    /// What it says.
    pub why: &'static str,
}

/// Every register in use. No two share a bit.
pub const REGISTERS: &[Register] = &[
    NETWORK,
    OUT_PORT,
    FROM,
    CLASS,
    FLOOD_PART,
    GROUP,
    ZONE,
    TRACKED,
    ASKED,
    ALLOWED,
    FLOODS_PASSED,
    RATE_OUT_PASSED,
    COPIES,
    RATE_IN_PASSED,
    TOO_BIG,
];

/// The network of a frame, from classify on. 0: not known, and no flow matches that.
pub const NETWORK: Register = Register {
    name: "NETWORK",
    field: Field::Reg0,
    offset: 0,
    bits: 32,
    why: "the number of the network that the frame belongs to",
};

/// Where a frame goes, from forward on.
pub const OUT_PORT: Register = Register {
    name: "OUT_PORT",
    field: Field::Reg1,
    offset: 0,
    bits: 32,
    why: "the port that the frame is to leave by",
};

/// Where a frame came from: [`FROM_VIF`] or [`FROM_FABRIC`].
pub const FROM: Register = Register {
    name: "FROM",
    field: Field::Reg2,
    offset: 0,
    bits: 2,
    why: "who sent the frame: 1 a VIF or router of this host, 2 the fabric",
};

/// A VIF of this host sent the frame, or it is on its way by a router here that lets others out.
pub const FROM_VIF: u32 = 1;
/// The frame came from another host.
pub const FROM_FABRIC: u32 = 2;

/// What the bill calls a packet: 0 for what its network says, [`CLASS_OF_POOL`] or [`CLASS_PUBLIC`].
pub const CLASS: Register = Register {
    name: "CLASS",
    field: Field::Reg2,
    offset: 2,
    bits: 2,
    why: "what the bill calls the packet: 0 as its network says, 1 pool-internal, 2 public",
};

/// It is of or for another address that the pool gave out.
pub const CLASS_OF_POOL: u32 = 1;
/// It is of or for the outside.
pub const CLASS_PUBLIC: u32 = 2;

/// Which part of a network's ports a frame for all of them is being sent to.
pub const FLOOD_PART: Register = Register {
    name: "FLOOD_PART",
    field: Field::Reg2,
    offset: 16,
    bits: 16,
    why: "how many flows of a flood are done already",
};

/// Whether what a port sends to many is within its limit of that.
pub const FLOODS_PASSED: Register = Register {
    name: "FLOODS_PASSED",
    field: Field::Reg7,
    offset: 0,
    bits: 1,
    why: "1: the sender's limit of floods was asked",
};

/// Whether what a port sends is within its limit of bits.
pub const RATE_OUT_PASSED: Register = Register {
    name: "RATE_OUT_PASSED",
    field: Field::Reg7,
    offset: 1,
    bits: 1,
    why: "1: the sender's limit of bits was asked",
};

/// Whether a frame goes to several ports, from forward on.
pub const COPIES: Register = Register {
    name: "COPIES",
    field: Field::Reg7,
    offset: 2,
    bits: 1,
    why: "1: the frame goes to several ports",
};

/// Whether what a port is sent is within its limit of bits.
pub const RATE_IN_PASSED: Register = Register {
    name: "RATE_IN_PASSED",
    field: Field::Reg7,
    offset: 3,
    bits: 1,
    why: "1: the receiver's limit of bits was asked",
};

/// Whether a packet is larger than the network that it is routed to carries.
pub const TOO_BIG: Register = Register {
    name: "TOO_BIG",
    field: Field::Reg9,
    offset: 0,
    bits: 1,
    why: "whether a routed packet is larger than the network that it is for carries",
};

/// The security group whose rules are asked.
pub const GROUP: Register = Register {
    name: "GROUP",
    field: Field::Reg3,
    offset: 0,
    bits: 32,
    why: "the number of the security group whose rules are asked",
};

/// The connection-tracking zone of the port whose policy is asked: the sender's from classify on,
/// the receiver's from forward on. Each port of a host has one of its own.
pub const ZONE: Register = Register {
    name: "ZONE",
    field: Field::Reg4,
    offset: 0,
    bits: 16,
    why: "the zone of the port whose policy is asked: first the sender, then the receiver",
};

/// Whether that port's connections are tracked.
pub const TRACKED: Register = Register {
    name: "TRACKED",
    field: Field::Reg4,
    offset: 16,
    bits: 1,
    why: "1 if that port's groups are stateful",
};

/// Which rules are asked: [`ASKED_INGRESS`] or [`ASKED_EGRESS`].
pub const ASKED: Register = Register {
    name: "ASKED",
    field: Field::Reg4,
    offset: 17,
    bits: 2,
    why: "who began, and so which rules are asked: 1 the other end, 2 the port",
};

/// The other end began: what its rules let in is asked.
pub const ASKED_INGRESS: u32 = 1;
/// The port began: what its rules let out is asked.
pub const ASKED_EGRESS: u32 = 2;

/// Whether a rule lets the frame through.
pub const ALLOWED: Register = Register {
    name: "ALLOWED",
    field: Field::Reg4,
    offset: 19,
    bits: 1,
    why: "1 once a rule lets the frame through",
};

/// Writes registers that lie in one field, in one go.
pub(super) fn set_together(first: (&Register, u32), others: &[(&Register, u32)]) -> Action {
    let field = first.0.field;
    let all = std::iter::once(&first).chain(others);
    let (value, mask) = all.fold((0, 0), |(value, mask), (register, holds)| {
        (value | register.placed(*holds), mask | register.mask())
    });
    Action::SetField { field, value, mask }
}

impl Register {
    /// All of it, as an action names it.
    #[must_use]
    pub fn part(&self) -> Option<Subfield> {
        Subfield::new(self.field, self.offset, self.bits)
    }

    /// `matching`, and this register holds `value`. What is asked of other registers in the same
    /// field stays asked.
    pub(super) fn is(&self, value: u32, matching: Match) -> Match {
        let before = matching.get(self.field);
        let (others, mask) = before.map_or((0, 0), |it| (it.value & !self.mask(), it.mask));
        let value = others | self.placed(value);
        matching.masked(self.field, value, mask | self.mask())
    }

    /// Writes `value` into this register.
    pub(super) fn set(&self, value: u32) -> Action {
        Action::SetField {
            field: self.field,
            value: self.placed(value),
            mask: self.mask(),
        }
    }

    /// Which bits of the field are its own.
    pub(super) const fn mask(&self) -> u128 {
        ((1 << self.bits) - 1) << self.offset
    }

    fn placed(&self, value: u32) -> u128 {
        u128::from(value) << self.offset & self.mask()
    }
}
