//! Flows that install flows.

mod wire;

use super::Subfield;

/// Installs a flow made from the packet.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Learn {
    /// The new flow's table.
    pub table: u8,
    /// The new flow's priority.
    pub priority: u16,
    /// The new flow's cookie.
    pub cookie: u64,
    /// Seconds without a packet after which the new flow goes; 0: never.
    pub idle_timeout: u16,
    /// Seconds after which the new flow goes; 0: never.
    pub hard_timeout: u16,
    /// The idle timeout once a TCP connection ends; 0: unchanged.
    pub fin_idle_timeout: u16,
    /// The hard timeout once a TCP connection ends; 0: unchanged.
    pub fin_hard_timeout: u16,
    /// Whether the switch tells when the new flow goes.
    pub send_flow_removed: bool,
    /// Whether the new flow goes with the flow that made it.
    pub delete_learned: bool,
    /// How many flows may be made; 0: as many as it likes.
    pub limit: u32,
    /// A bit that says whether the flow is there now.
    pub result: Option<Subfield>,
    /// What the new flow matches on and does.
    pub specs: Vec<LearnSpec>,
}

impl Default for Learn {
    fn default() -> Self {
        Learn {
            table: 1,
            priority: 0x8000,
            cookie: 0,
            idle_timeout: 0,
            hard_timeout: 0,
            fin_idle_timeout: 0,
            fin_hard_timeout: 0,
            send_flow_removed: false,
            delete_learned: false,
            limit: 0,
            result: None,
            specs: Vec::new(),
        }
    }
}

/// One thing that the new flow matches on or does.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LearnSpec {
    /// Where the bits come from.
    pub source: LearnSource,
    /// Where they go.
    pub target: LearnTarget,
}

/// Where the bits of a [`LearnSpec`] come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LearnSource {
    /// The packet.
    Packet(Subfield),
    /// This number, as wide as the target.
    Number(u128),
}

/// Where the bits of a [`LearnSpec`] go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LearnTarget {
    /// The new flow matches on them.
    Match(Subfield),
    /// The new flow loads them.
    Load(Subfield),
    /// The new flow sends packets out of the port they name.
    Output,
}
