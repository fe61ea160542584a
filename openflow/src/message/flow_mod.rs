//! Changes to flows (OpenFlow 1.5.1 section 7.3.4.2).

use bytes::BufMut;

use super::FlowFilter;
use super::stats::ANY_GROUP;
use crate::flow::{Flow, FlowFlags, Instructions};
use crate::matching::Match;
use crate::port::PortNo;
use crate::wire::{DecodeError, EncodeError, Reader, Version};

/// "No packet waits for this flow in a buffer of the switch."
const NO_BUFFER: u32 = u32::MAX;

/// What to do to flows. "Strict" is the one flow with that match and priority, otherwise it is
/// all flows that match at least as much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FlowCommand {
    /// Add it, in place of the flow with the same match and priority if there is one.
    Add = 0,
    /// Change what all flows do.
    Modify = 1,
    /// Change what one flow does.
    ModifyStrict = 2,
    /// Delete all flows.
    Delete = 3,
    /// Delete one flow.
    DeleteStrict = 4,
}

impl FlowCommand {
    const ALL: [FlowCommand; 5] = [
        FlowCommand::Add,
        FlowCommand::Modify,
        FlowCommand::ModifyStrict,
        FlowCommand::Delete,
        FlowCommand::DeleteStrict,
    ];
}

/// A change to the flows of a switch.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FlowMod {
    /// What to do.
    pub command: FlowCommand,
    /// The flow. When deleting, only its table, match and priority (strictly) count, and the
    /// table may be 0xff for all.
    pub flow: Flow,
    /// When modifying and deleting: which bits of the flow's cookie an old flow has to have to
    /// be concerned; 0: none.
    pub cookie_mask: u64,
    /// When deleting: only flows that output here; [`PortNo::ANY`]: all.
    pub out_port: PortNo,
    /// When deleting: only flows that send to this group; `None`: all.
    pub out_group: Option<u32>,
}

impl FlowMod {
    /// Adds a flow, in place of the one with the same table, match and priority.
    #[must_use]
    pub fn add(flow: Flow) -> FlowMod {
        FlowMod::new(FlowCommand::Add, flow)
    }

    /// Changes what the flow with this table, match and priority does; it keeps its counts,
    /// cookie and timeouts. Without such a flow nothing happens.
    #[must_use]
    pub fn modify_strict(flow: Flow) -> FlowMod {
        FlowMod::new(FlowCommand::ModifyStrict, flow)
    }

    /// Deletes the flow with this table, match and priority, whatever else it is.
    #[must_use]
    pub fn delete_strict(flow: &Flow) -> FlowMod {
        let key = Flow::new(flow.table, flow.priority, flow.matching.clone());
        FlowMod::new(FlowCommand::DeleteStrict, key)
    }

    /// Deletes every flow the filter lets through.
    #[must_use]
    pub fn delete(filter: FlowFilter) -> FlowMod {
        let table = filter.wire_table();
        let flow = Flow::new(table, 0, filter.matching).cookie(filter.cookie);
        FlowMod {
            cookie_mask: filter.cookie_mask,
            out_port: filter.out_port,
            out_group: filter.out_group,
            ..FlowMod::new(FlowCommand::Delete, flow)
        }
    }

    fn new(command: FlowCommand, flow: Flow) -> FlowMod {
        FlowMod {
            command,
            flow,
            cookie_mask: 0,
            out_port: PortNo::ANY,
            out_group: None,
        }
    }

    /// Appends what follows the message's header.
    ///
    /// # Errors
    /// When the version cannot express the flow.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let flow = &self.flow;
        out.put_u64(flow.cookie);
        out.put_u64(self.cookie_mask);
        out.put_u8(flow.table);
        out.put_u8(self.command as u8);
        out.put_u16(flow.idle_timeout);
        out.put_u16(flow.hard_timeout);
        out.put_u16(flow.priority);
        out.put_u32(NO_BUFFER);
        out.put_u32(self.out_port.0);
        out.put_u32(self.out_group.unwrap_or(ANY_GROUP));
        out.put_u16(flow.flags.0);
        out.put_u16(flow.importance);
        flow.matching.encode(version, out)?;
        flow.instructions.encode(version, out)
    }

    /// Decodes what follows the message's header.
    ///
    /// # Errors
    /// When it is malformed.
    pub fn decode(version: Version, body: &[u8]) -> Result<FlowMod, DecodeError> {
        let mut reader = Reader::new("flow mod", body);
        let (cookie, cookie_mask) = (reader.u64()?, reader.u64()?);
        let (table, command) = (reader.u8()?, reader.u8()?);
        let known = FlowCommand::ALL.get(usize::from(command));
        let command = known.ok_or(DecodeError::BadValue {
            what: "the command of a flow mod",
            value: command.into(),
        })?;
        let (idle_timeout, hard_timeout) = (reader.u16()?, reader.u16()?);
        let priority = reader.u16()?;
        reader.skip(4)?; // buffer
        let out_port = PortNo(reader.u32()?);
        let out_group = Some(reader.u32()?).filter(|group| *group != ANY_GROUP);
        let (flags, importance) = (FlowFlags(reader.u16()?), reader.u16()?);
        let matching = Match::decode(&mut reader)?;
        let flow = Flow {
            table,
            priority,
            cookie,
            idle_timeout,
            hard_timeout,
            importance,
            flags,
            matching,
            instructions: Instructions::decode(version, reader.rest())?,
        };
        Ok(FlowMod {
            command: *command,
            flow,
            cookie_mask,
            out_port,
            out_group,
        })
    }
}
