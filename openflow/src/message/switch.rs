//! What a switch is, and what it sends unasked.

use bytes::BufMut;

use crate::wire::{DecodeError, Reader};

/// What a switch says of itself (OpenFlow 1.5.1 section 7.3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Features {
    /// The bridge: its MAC address in the low 48 bits unless configured otherwise.
    pub datapath_id: u64,
    /// How many packets it can hold back for a controller; Open vSwitch: none.
    pub buffers: u32,
    /// Number of flow tables.
    pub tables: u8,
    /// Zero on a main connection.
    pub auxiliary_id: u8,
    /// `OFPC_*` bits.
    pub capabilities: u32,
}

impl Features {
    pub(super) fn decode(body: &[u8]) -> Result<Features, DecodeError> {
        let mut reader = Reader::new("features reply", body);
        let features = Features {
            datapath_id: reader.u64()?,
            buffers: reader.u32()?,
            tables: reader.u8()?,
            auxiliary_id: reader.u8()?,
            capabilities: {
                reader.skip(2)?;
                reader.u32()?
            },
        };
        reader.skip(4)?;
        Ok(features)
    }
}

/// How a switch treats fragments and packets for the controller (section 7.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwitchConfig {
    /// `OFPC_FRAG_*`: 0 handles fragments like any packet.
    pub flags: u16,
    /// Bytes of a packet that a packet-in carries, 0xffff for all. Open vSwitch sends nothing
    /// unasked to a connection on its management socket until this is not zero.
    pub miss_send_len: u16,
}

impl SwitchConfig {
    /// In [`SwitchConfig::flags`]: first fragments have the ports of their transport header, later
    /// ones none (an extension, `OFPC_FRAG_NX_MATCH`).
    pub const FRAGMENTS_NX_MATCH: u16 = 3;

    pub(super) fn decode(body: &[u8]) -> Result<SwitchConfig, DecodeError> {
        let mut reader = Reader::new("switch configuration", body);
        Ok(SwitchConfig {
            flags: reader.u16()?,
            miss_send_len: reader.u16()?,
        })
    }

    pub(super) fn encode(self, out: &mut Vec<u8>) {
        out.put_u16(self.flags);
        out.put_u16(self.miss_send_len);
    }
}

/// What a switch shall send unasked, as bit masks of reasons (section 7.3.10). Each mask is for
/// a controller that is no secondary, as all are that did not ask to be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AsyncConfig {
    /// Bit 0 table miss, 1 a `controller` action, 2 invalid TTL, 3 action set, 4 group,
    /// 5 packet-out.
    pub packet_in: u32,
    /// Bit 0 added, 1 deleted, 2 modified.
    pub port_status: u32,
    /// Bit 0 idle timeout, 1 hard timeout, 2 deleted, 3 group deleted, 4 meter deleted,
    /// 5 evicted.
    pub flow_removed: u32,
}

impl AsyncConfig {
    /// Every reason of all three.
    pub const ALL: AsyncConfig = AsyncConfig {
        packet_in: 0x3f,
        port_status: 0x7,
        flow_removed: 0x3f,
    };

    pub(super) fn encode(self, out: &mut Vec<u8>) {
        let properties = [
            (1, self.packet_in),
            (3, self.port_status),
            (5, self.flow_removed),
        ];
        for (kind, mask) in properties {
            out.put_u16(kind);
            out.put_u16(8);
            out.put_u32(mask);
        }
    }
}
