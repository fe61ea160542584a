//! Being told of changes to flows at once (OpenFlow 1.5.1 section 7.3.5.18). Open vSwitch has
//! it in OpenFlow 1.4 and 1.5 alike.

use bytes::BufMut;

use super::RemovedReason;
use super::stats::ANY_GROUP;
use crate::flow::{Flow, Instructions};
use crate::matching::Match;
use crate::port::PortNo;
use crate::wire::{DecodeError, Reader, Version};

/// Flags of a request: tell of added, removed and modified flows, with their instructions.
/// Own changes are abbreviated unless a further flag is set, which Open vSwitch refuses.
const ADDED_REMOVED_MODIFIED: u16 = 0b0_1110;
const WITH_INSTRUCTIONS: u16 = 0b1_0000;

/// A change to a switch's flows.
#[derive(Debug, Clone, PartialEq)]
pub enum FlowUpdate {
    /// A flow there was when the watching began.
    Initial(Flow),
    /// Somebody added a flow.
    Added(Flow),
    /// Somebody changed what a flow does; this is how it is now.
    Modified(Flow),
    /// A flow is gone. What it did is said by Open vSwitch, but need not be.
    Removed(Flow, RemovedReason),
    /// A message of this connection changed flows.
    Own {
        /// That message's transaction id.
        xid: u32,
    },
    /// Changes come faster than we take them, so the switch stops telling of all but removals.
    Paused,
    /// The switch tells again, and has told what it had kept back.
    Resumed,
}

impl FlowUpdate {
    /// Takes one update off the front of what `reader` has left.
    pub(super) fn decode(
        version: Version,
        reader: &mut Reader<'_>,
    ) -> Result<FlowUpdate, DecodeError> {
        let length = usize::from(reader.clone().u16()?);
        let mut entry = reader.part("flow update", length)?;
        entry.skip(2)?; // the length
        match entry.u16()? {
            0 => Ok(FlowUpdate::Initial(decode_flow(version, entry)?.0)),
            1 => Ok(FlowUpdate::Added(decode_flow(version, entry)?.0)),
            2 => {
                let (flow, reason) = decode_flow(version, entry)?;
                Ok(FlowUpdate::Removed(flow, reason))
            }
            3 => Ok(FlowUpdate::Modified(decode_flow(version, entry)?.0)),
            4 => Ok(FlowUpdate::Own { xid: entry.u32()? }),
            5 => Ok(FlowUpdate::Paused),
            6 => Ok(FlowUpdate::Resumed),
            other => Err(DecodeError::BadValue {
                what: "the event of a flow update",
                value: other.into(),
            }),
        }
    }
}

fn decode_flow(
    version: Version,
    mut entry: Reader<'_>,
) -> Result<(Flow, RemovedReason), DecodeError> {
    let (table, reason) = (entry.u8()?, entry.u8()?);
    let mut flow = Flow {
        table,
        idle_timeout: entry.u16()?,
        hard_timeout: entry.u16()?,
        priority: entry.u16()?,
        ..Flow::default()
    };
    entry.skip(4)?;
    flow.cookie = entry.u64()?;
    flow.matching = Match::decode(&mut entry)?;
    flow.instructions = Instructions::decode(version, entry.rest())?;
    Ok((flow, reason.into()))
}

/// The body of a request to be told of all changes in all tables.
pub(super) fn encode_request(monitor: u32, out: &mut Vec<u8>) {
    out.put_u32(monitor);
    out.put_u32(PortNo::ANY.0);
    out.put_u32(ANY_GROUP);
    out.put_u16(ADDED_REMOVED_MODIFIED | WITH_INSTRUCTIONS);
    out.put_u8(0xff); // all tables
    out.put_u8(0); // add this monitor
    out.put_slice(&[0, 1, 0, 4, 0, 0, 0, 0]); // the empty match
}
