//! Flows as they are installed, with their counts (OpenFlow 1.5.1 sections 7.3.5.2 to 7.3.5.4;
//! OpenFlow 1.4 has other layouts for the replies).
//!
//! ```text
//!         0                                            24
//! 1.5:   +----------------------------------------------+-------+--------+--------------
//!        | length, table, priority, timeouts, ...cookie | match | counts | instructions
//!        +----------------------------------------------+-------+--------+--------------
//!         0                                                          48
//! 1.4:   +-----------------------------------------------------------+-------+----------
//!        | length, table, duration, priority, ...cookie, two counts  | match | instr...
//!        +-----------------------------------------------------------+-------+----------
//! ```

mod count;

use std::time::Duration;

use bytes::BufMut;

use crate::flow::{Flow, FlowFlags, Instructions};
use crate::matching::Match;
use crate::port::PortNo;
use crate::wire::{DecodeError, EncodeError, Reader, Version};
pub(super) use count::Counts;

/// "Any" of tables and groups in requests.
const ANY_TABLE: u8 = 0xff;
pub(super) const ANY_GROUP: u32 = 0xffff_ffff;

/// Which flows a request is about; by default all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowFilter {
    /// Only those in this table.
    pub table: Option<u8>,
    /// Only those with these bits in the cookie, where `cookie_mask` is one.
    pub cookie: u64,
    /// Which bits of the cookie count; 0: none.
    pub cookie_mask: u64,
    /// Only those that match at least this.
    pub matching: Match,
    /// Only those that output to this port; [`PortNo::ANY`]: all.
    pub out_port: PortNo,
    /// Only those that send to this group; `None`: all.
    pub out_group: Option<u32>,
}

impl Default for FlowFilter {
    fn default() -> FlowFilter {
        FlowFilter {
            table: None,
            cookie: 0,
            cookie_mask: 0,
            matching: Match::new(),
            out_port: PortNo::ANY,
            out_group: None,
        }
    }
}

impl FlowFilter {
    /// The flows with these bits in their cookie.
    #[must_use]
    pub fn cookie(cookie: u64, cookie_mask: u64) -> FlowFilter {
        FlowFilter {
            cookie,
            cookie_mask,
            ..FlowFilter::default()
        }
    }

    /// The table on the wire.
    pub(super) fn wire_table(&self) -> u8 {
        self.table.unwrap_or(ANY_TABLE)
    }

    /// The group on the wire.
    pub(super) fn wire_group(&self) -> u32 {
        self.out_group.unwrap_or(ANY_GROUP)
    }

    pub(super) fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        out.put_u8(self.wire_table());
        out.put_bytes(0, 3);
        out.put_u32(self.out_port.0);
        out.put_u32(self.wire_group());
        out.put_bytes(0, 4);
        out.put_u64(self.cookie);
        out.put_u64(self.cookie_mask);
        self.matching.encode(version, out)
    }
}

/// A flow in a switch.
#[derive(Debug, Clone, PartialEq)]
pub struct InstalledFlow {
    /// The flow.
    pub flow: Flow,
    /// Packets it was applied to.
    pub packets: u64,
    /// Their bytes, Ethernet headers included.
    pub bytes: u64,
    /// How long it has been installed.
    pub duration: Duration,
}

impl InstalledFlow {
    /// Takes one flow off the front of what `reader` has left.
    pub(super) fn decode(
        version: Version,
        reader: &mut Reader<'_>,
    ) -> Result<InstalledFlow, DecodeError> {
        let length = usize::from(reader.clone().u16()?);
        let mut entry = reader.part("flow statistics", length)?;
        entry.skip(2)?; // the length
        match version {
            Version::V1_4 => InstalledFlow::decode_1_4(&mut entry),
            Version::V1_5 => InstalledFlow::decode_1_5(&mut entry),
        }
    }

    fn decode_1_4(entry: &mut Reader<'_>) -> Result<InstalledFlow, DecodeError> {
        let table = entry.u8()?;
        entry.skip(1)?;
        let duration = decode_duration(entry)?;
        let mut flow = Flow {
            table,
            priority: entry.u16()?,
            idle_timeout: entry.u16()?,
            hard_timeout: entry.u16()?,
            flags: FlowFlags(entry.u16()?),
            importance: entry.u16()?,
            ..Flow::default()
        };
        entry.skip(2)?;
        flow.cookie = entry.u64()?;
        let (packets, bytes) = (entry.u64()?, entry.u64()?);
        flow.matching = Match::decode(entry)?;
        flow.instructions = Instructions::decode(Version::V1_4, entry.rest())?;
        Ok(InstalledFlow {
            flow,
            packets,
            bytes,
            duration,
        })
    }

    fn decode_1_5(entry: &mut Reader<'_>) -> Result<InstalledFlow, DecodeError> {
        entry.skip(2)?;
        let table = entry.u8()?;
        entry.skip(1)?;
        let mut flow = Flow {
            table,
            priority: entry.u16()?,
            idle_timeout: entry.u16()?,
            hard_timeout: entry.u16()?,
            flags: FlowFlags(entry.u16()?),
            importance: entry.u16()?,
            cookie: entry.u64()?,
            ..Flow::default()
        };
        flow.matching = Match::decode(entry)?;
        let counts = Counts::decode(entry)?;
        flow.instructions = Instructions::decode(Version::V1_5, entry.rest())?;
        Ok(InstalledFlow {
            flow,
            packets: counts.packets,
            bytes: counts.bytes,
            duration: counts.duration,
        })
    }
}

/// Seconds, and nanoseconds beyond them.
pub(super) fn decode_duration(reader: &mut Reader<'_>) -> Result<Duration, DecodeError> {
    let (seconds, nanoseconds) = (reader.u32()?, reader.u32()?);
    // Nanoseconds of more than a second would be the switch's mistake, not worth a refusal.
    Ok(Duration::from_secs(seconds.into()) + Duration::from_nanos(nanoseconds.into()))
}

/// Sums over flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Aggregate {
    /// Packets they were applied to.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many flows.
    pub flows: u32,
}

impl Aggregate {
    pub(super) fn decode(
        version: Version,
        reader: &mut Reader<'_>,
    ) -> Result<Aggregate, DecodeError> {
        if version >= Version::V1_5 {
            let counts = Counts::decode(reader)?;
            return Ok(Aggregate {
                packets: counts.packets,
                bytes: counts.bytes,
                flows: counts.flows,
            });
        }
        let sums = Aggregate {
            packets: reader.u64()?,
            bytes: reader.u64()?,
            flows: reader.u32()?,
        };
        reader.skip(4)?;
        Ok(sums)
    }
}
