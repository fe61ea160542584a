//! The meters as they are on disk, see [`super::journal`].
//!
//! They are written before anything of them is offered to the controller, so whatever the ledger was told
//! is found again after a crash, and told again.

use std::num::NonZeroU32;

use model::{BothWays, PortId, Traffic, TrafficClass};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::drops::DropState;
use super::intervals::Kept;
use super::journal::Row;
use super::series::{FlowName, Live};
use crate::pipeline::counting::{Counted, Direction};

/// All of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    /// This run of the meters.
    pub(super) epoch: Uuid,
    /// The number of the last batch.
    pub(super) batch: u64,
    pub(super) interval_seconds: NonZeroU32,
    /// When the flows were last read; none: never.
    pub(super) read: Option<ReadAt>,
    pub(super) flows: Vec<FlowState>,
    /// What limits dropped, as it was last read.
    #[serde(default)]
    pub(super) drops: Vec<DropState>,
    pub(super) meters: Vec<MeterState>,
    pub(super) kept: Vec<Kept>,
}

/// When the flows were last read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ReadAt {
    /// Milliseconds since 1970.
    pub(super) calendar: i64,
    /// Milliseconds since the host started.
    pub(super) uptime: u64,
    /// Which run of the host it was.
    pub(super) boot: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct FlowState {
    name: FlowName,
    port: PortId,
    sent: bool,
    class: TrafficClass,
    born: Option<u64>,
    counts: Traffic,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct MeterState {
    pub(super) port: PortId,
    pub(super) class: TrafficClass,
    pub(super) total: BothWays,
}

impl State {
    /// Meters that begin now.
    pub(super) fn fresh(interval_seconds: NonZeroU32) -> Self {
        Self {
            epoch: Uuid::new_v4(),
            batch: 0,
            interval_seconds,
            read: None,
            flows: Vec::new(),
            drops: Vec::new(),
            meters: Vec::new(),
            kept: Vec::new(),
        }
    }
}

impl Row for FlowState {
    type Key = FlowName;

    fn key(&self) -> FlowName {
        self.name.clone()
    }
}

impl Row for MeterState {
    type Key = (PortId, TrafficClass);

    fn key(&self) -> Self::Key {
        (self.port, self.class)
    }
}

impl FlowState {
    pub(super) fn new(name: &FlowName, live: &Live) -> Self {
        Self {
            name: name.clone(),
            port: live.counted.port,
            sent: live.counted.direction == Direction::Sent,
            class: live.counted.class,
            born: live.born,
            counts: live.counts,
        }
    }

    pub(super) fn into_live(self) -> (FlowName, Live) {
        let direction = match self.sent {
            true => Direction::Sent,
            false => Direction::Received,
        };
        let counted = Counted {
            port: self.port,
            direction,
            class: self.class,
        };
        let live = Live {
            counted,
            born: self.born,
            counts: self.counts,
        };
        (self.name, live)
    }
}
