//! Multipart messages: answers that may need more than one message (OpenFlow 1.5.1
//! section 7.3.5).
//!
//! ```text
//!  0    header     8         10        12                  16
//! +---------------+---------+---------+-------------------+------
//! |               |  type   |  flags  |      padding      | body
//! +---------------+---------+---------+-------------------+------
//!                             bit 0 of a reply: more parts follow
//! ```

use bytes::BufMut;

use super::{Aggregate, FlowUpdate, InstalledFlow, MeterConfig, MeterDrops, PortDescription};
use crate::port::PortNo;
use crate::wire::{DecodeError, Reader, Version};

/// Flow descriptions with their counts.
pub(super) const FLOWS: u16 = 1;
/// Sums of counts.
pub(super) const AGGREGATE: u16 = 2;
/// What meters dropped.
pub(super) const METER_DROPS: u16 = 9;
/// What meters there are.
pub(super) const METERS: u16 = 10;
/// Port descriptions.
const PORTS: u16 = 13;
/// Changes to flows.
pub(super) const FLOW_MONITOR: u16 = 16;

const MORE: u16 = 1;

/// One part of the answer to a multipart request.
#[derive(Debug, Clone, PartialEq)]
pub enum MultipartReply {
    /// Ports.
    Ports(Vec<PortDescription>),
    /// Meters.
    Meters(Vec<MeterConfig>),
    /// What they dropped.
    MeterDrops(Vec<MeterDrops>),
    /// Flows that are installed.
    Flows(Vec<InstalledFlow>),
    /// Their sums.
    Aggregate(Aggregate),
    /// Changes to flows, or flows there were when the watching began.
    FlowUpdates(Vec<FlowUpdate>),
    /// An answer of another type.
    Unknown {
        /// Its type.
        kind: u16,
        /// What follows the header of the multipart message.
        body: Vec<u8>,
    },
}

impl MultipartReply {
    pub(super) fn decode(version: Version, body: &[u8]) -> Result<MultipartReply, DecodeError> {
        let mut reader = Reader::new("multipart reply", body);
        let kind = reader.u16()?;
        reader.skip(6)?; // flags and padding
        Ok(match kind {
            PORTS => MultipartReply::Ports(all(reader, PortDescription::decode)?),
            FLOWS => {
                let flow = |reader: &mut Reader<'_>| InstalledFlow::decode(version, reader);
                MultipartReply::Flows(all(reader, flow)?)
            }
            METERS => MultipartReply::Meters(all(reader, MeterConfig::decode)?),
            METER_DROPS => MultipartReply::MeterDrops(all(reader, MeterDrops::decode)?),
            AGGREGATE => MultipartReply::Aggregate(Aggregate::decode(version, &mut reader)?),
            FLOW_MONITOR => {
                let update = |reader: &mut Reader<'_>| FlowUpdate::decode(version, reader);
                MultipartReply::FlowUpdates(all(reader, update)?)
            }
            kind => MultipartReply::Unknown {
                kind,
                body: reader.rest().to_vec(),
            },
        })
    }
}

/// Decodes items until nothing is left; each takes at least one byte or fails.
fn all<'a, T>(
    mut reader: Reader<'a>,
    mut item: impl FnMut(&mut Reader<'a>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let mut items = Vec::new();
    while !reader.is_empty() {
        items.push(item(&mut reader)?);
    }
    Ok(items)
}

/// Whether more parts follow this one, a whole message.
pub(crate) fn has_more(frame: &[u8]) -> bool {
    word(frame, 10).is_some_and(|flags| flags & MORE != 0)
}

/// Whether this whole message, a multipart reply, is about changes to flows.
pub(crate) fn is_flow_monitor(frame: &[u8]) -> bool {
    word(frame, 8) == Some(FLOW_MONITOR)
}

fn word(frame: &[u8], at: usize) -> Option<u16> {
    let bytes = frame.get(at..at + 2)?;
    Some(u16::from_be_bytes(bytes.try_into().ok()?))
}

/// Begins the body of a request.
pub(super) fn encode_header(kind: u16, out: &mut Vec<u8>) {
    out.put_u16(kind);
    out.put_bytes(0, 6); // flags, padding
}

pub(super) fn encode_ports_request(version: Version, out: &mut Vec<u8>) {
    encode_header(PORTS, out);
    if version >= Version::V1_5 {
        out.put_u32(PortNo::ANY.0);
        out.put_bytes(0, 4);
    }
}

/// About all meters.
pub(super) fn encode_meters_request(kind: u16, out: &mut Vec<u8>) {
    const ALL: u32 = 0xffff_ffff;
    encode_header(kind, out);
    out.put_u32(ALL);
    out.put_bytes(0, 4);
}
