//! A flow's last words (OpenFlow 1.5.1 section 7.4.2; 1.4 has another layout).

use std::time::Duration;

use super::stats::{Counts, decode_duration};
use crate::matching::Match;
use crate::wire::{DecodeError, Reader, Version};

/// Why a flow is no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemovedReason {
    /// No packet came for `idle_timeout` seconds.
    IdleTimeout,
    /// Its `hard_timeout` is over.
    HardTimeout,
    /// Somebody deleted it.
    Deleted,
    /// Its group was deleted.
    GroupDeleted,
    /// Its meter was deleted.
    MeterDeleted,
    /// The switch needed the room.
    Evicted,
    /// A reason this crate does not know.
    Other(u8),
}

impl From<u8> for RemovedReason {
    fn from(number: u8) -> RemovedReason {
        match number {
            0 => RemovedReason::IdleTimeout,
            1 => RemovedReason::HardTimeout,
            2 => RemovedReason::Deleted,
            3 => RemovedReason::GroupDeleted,
            4 => RemovedReason::MeterDeleted,
            5 => RemovedReason::Evicted,
            other => RemovedReason::Other(other),
        }
    }
}

/// A flow that asked for this notice is gone. What it did is not said.
#[derive(Debug, Clone, PartialEq)]
pub struct FlowRemoved {
    /// Why.
    pub reason: RemovedReason,
    /// Its table.
    pub table: u8,
    /// Its priority.
    pub priority: u16,
    /// Its cookie.
    pub cookie: u64,
    /// Its idle timeout in seconds.
    pub idle_timeout: u16,
    /// Its hard timeout in seconds.
    pub hard_timeout: u16,
    /// What it matched.
    pub matching: Match,
    /// Packets it was applied to in its life.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How long it was installed.
    pub duration: Duration,
}

impl FlowRemoved {
    pub(super) fn decode(version: Version, body: &[u8]) -> Result<FlowRemoved, DecodeError> {
        let mut reader = Reader::new("flow removed", body);
        match version {
            Version::V1_4 => FlowRemoved::decode_1_4(&mut reader),
            Version::V1_5 => FlowRemoved::decode_1_5(&mut reader),
        }
    }

    fn decode_1_4(reader: &mut Reader<'_>) -> Result<FlowRemoved, DecodeError> {
        let cookie = reader.u64()?;
        let priority = reader.u16()?;
        Ok(FlowRemoved {
            cookie,
            priority,
            reason: reader.u8()?.into(),
            table: reader.u8()?,
            duration: decode_duration(reader)?,
            idle_timeout: reader.u16()?,
            hard_timeout: reader.u16()?,
            packets: reader.u64()?,
            bytes: reader.u64()?,
            matching: Match::decode(reader)?,
        })
    }

    fn decode_1_5(reader: &mut Reader<'_>) -> Result<FlowRemoved, DecodeError> {
        let (table, reason) = (reader.u8()?, reader.u8()?.into());
        let priority = reader.u16()?;
        let (idle_timeout, hard_timeout) = (reader.u16()?, reader.u16()?);
        let cookie = reader.u64()?;
        let matching = Match::decode(reader)?;
        let counts = Counts::decode(reader)?;
        Ok(FlowRemoved {
            reason,
            table,
            priority,
            cookie,
            idle_timeout,
            hard_timeout,
            matching,
            packets: counts.packets,
            bytes: counts.bytes,
            duration: counts.duration,
        })
    }
}
