//! Numbers of actions on the wire.

/// OpenFlow's own (`OFPAT_*`, OpenFlow 1.5 section 7.2.6).
pub(super) mod standard {
    pub(in crate::action) const OUTPUT: u16 = 0;
    pub(in crate::action) const DEC_MPLS_TTL: u16 = 16;
    pub(in crate::action) const PUSH_VLAN: u16 = 17;
    pub(in crate::action) const POP_VLAN: u16 = 18;
    pub(in crate::action) const PUSH_MPLS: u16 = 19;
    pub(in crate::action) const POP_MPLS: u16 = 20;
    pub(in crate::action) const SET_QUEUE: u16 = 21;
    pub(in crate::action) const GROUP: u16 = 22;
    pub(in crate::action) const SET_TTL: u16 = 23;
    pub(in crate::action) const DEC_TTL: u16 = 24;
    pub(in crate::action) const SET_FIELD: u16 = 25;
    pub(in crate::action) const COPY_FIELD: u16 = 28;
    pub(in crate::action) const METER: u16 = 29;
    pub(in crate::action) const EXPERIMENTER: u16 = 0xffff;
}

/// Nicira's, after [`standard::EXPERIMENTER`] and [`nicira::VENDOR`] (`NXAST_*`).
pub(super) mod nicira {
    pub(in crate::action) const VENDOR: u32 = 0x2320;
    pub(in crate::action) const RESUBMIT: u16 = 1;
    pub(in crate::action) const SET_TUNNEL: u16 = 2;
    pub(in crate::action) const POP_QUEUE: u16 = 5;
    pub(in crate::action) const MOVE: u16 = 6;
    pub(in crate::action) const LOAD: u16 = 7;
    pub(in crate::action) const NOTE: u16 = 8;
    pub(in crate::action) const SET_TUNNEL64: u16 = 9;
    pub(in crate::action) const RESUBMIT_TABLE: u16 = 14;
    pub(in crate::action) const OUTPUT_FIELD: u16 = 15;
    pub(in crate::action) const LEARN: u16 = 16;
    pub(in crate::action) const EXIT: u16 = 17;
    pub(in crate::action) const DEC_TTL: u16 = 18;
    pub(in crate::action) const FIN_TIMEOUT: u16 = 19;
    pub(in crate::action) const CONTROLLER: u16 = 20;
    pub(in crate::action) const DEC_TTL_FOR: u16 = 21;
    pub(in crate::action) const PUSH: u16 = 27;
    pub(in crate::action) const POP: u16 = 28;
    pub(in crate::action) const OUTPUT_FIELD2: u16 = 32;
    pub(in crate::action) const LOAD2: u16 = 33;
    pub(in crate::action) const CONJUNCTION: u16 = 34;
    pub(in crate::action) const CT: u16 = 35;
    pub(in crate::action) const NAT: u16 = 36;
    pub(in crate::action) const CONTROLLER2: u16 = 37;
    pub(in crate::action) const OUTPUT_TRUNCATED: u16 = 39;
    pub(in crate::action) const GROUP: u16 = 40;
    pub(in crate::action) const CLONE: u16 = 42;
    pub(in crate::action) const CT_CLEAR: u16 = 43;
    pub(in crate::action) const RESUBMIT_TABLE_CT: u16 = 44;
    pub(in crate::action) const LEARN2: u16 = 45;
    pub(in crate::action) const CHECK_PACKET_LARGER: u16 = 49;
}

/// Properties of `controller`.
pub(super) mod property {
    pub(in crate::action) const MAX_LEN: u16 = 0;
    pub(in crate::action) const CONTROLLER_ID: u16 = 1;
    pub(in crate::action) const REASON: u16 = 2;
    pub(in crate::action) const USERDATA: u16 = 3;
    pub(in crate::action) const PAUSE: u16 = 4;
    pub(in crate::action) const METER: u16 = 5;
}

/// Flags of `ct`.
pub(super) mod ct {
    pub(in crate::action) const COMMIT: u16 = 1;
    pub(in crate::action) const FORCE: u16 = 2;
    /// The table number that says "none".
    pub(in crate::action) const NO_TABLE: u8 = 255;
}

/// Flags of `nat`, and which parts of its range are there.
pub(super) mod nat {
    pub(in crate::action) const SOURCE: u16 = 1;
    pub(in crate::action) const DESTINATION: u16 = 2;
    pub(in crate::action) const PERSISTENT: u16 = 4;
    pub(in crate::action) const HASH: u16 = 8;
    pub(in crate::action) const RANDOM: u16 = 16;
    pub(in crate::action) const IPV4_FIRST: u16 = 1;
    pub(in crate::action) const IPV4_LAST: u16 = 2;
    pub(in crate::action) const IPV6_FIRST: u16 = 4;
    pub(in crate::action) const IPV6_LAST: u16 = 8;
    pub(in crate::action) const PORT_FIRST: u16 = 16;
    pub(in crate::action) const PORT_LAST: u16 = 32;
}

/// Flags of `learn`, and the bits of the header of one of its specs.
pub(super) mod learn {
    pub(in crate::action) const SEND_FLOW_REMOVED: u16 = 1;
    pub(in crate::action) const DELETE_LEARNED: u16 = 2;
    pub(in crate::action) const WRITE_RESULT: u16 = 4;
    pub(in crate::action) const FROM_NUMBER: u16 = 1 << 13;
    pub(in crate::action) const TO_LOAD: u16 = 1 << 11;
    pub(in crate::action) const TO_OUTPUT: u16 = 2 << 11;
    pub(in crate::action) const BITS: u16 = (1 << 11) - 1;
}
