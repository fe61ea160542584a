//! What the controller and an agent say to each other, over mutually authenticated TLS.
//!
//! Frames of a four-byte big-endian length and that many bytes of JSON, at most
//! [`MAX_FRAME_BYTES`]. The agent connects and speaks first:
//!
//! ```text
//!   agent                                         controller
//!     | -- Hello {protocol, held generation} -------> |  host id: from the certificate
//!     | <-- Welcome {host_id, heartbeat} ------------ |
//!     | <-- Plan (whole, in parts) ------------------ |
//!     | -- Report (complete) -----------------------> |
//!     | <-- Plan (keyed difference) ----------------- |  whenever something changes
//!     | -- Report (what changed) -------------------> |
//!     | <-- Probe ---------------------------------- |  during a check of the fabric
//!     | -- Probe -----------------------------------> |
//!     | <-- Trace ---------------------------------- |  when somebody asks where packets go
//!     | -- Trace -----------------------------------> |
//!     | <-- Plug ----------------------------------- |  when a guest is to have a VIF, or no more
//!     | -- Plug ------------------------------------> |
//!     | -- Samples (of its switch) -----------------> |  where the plan says so
//!     | -- Usage (what ports moved) ----------------> |  again and again, until it is
//!     | <-- UsageTaken ------------------------------ |  durable in the ledger
//!     | <-- Ping / Ping ----------------------------> |  each side, when it has been silent
//! ```
//!
//! Either side closes a session that was silent for three heartbeats. The controller sends at most
//! one difference that the agent has not reported as held.

use std::num::NonZeroU32;

use bytes::{Bytes, BytesMut};
use model::plan::{Generation, PlanChange};
use model::report::HostReport;
use model::{
    HostId, HostTraceReply, HostTraceRequest, PlugReply, PlugRequest, ProbeReply, ProbeRequest,
    RelayedSamples, UsageBatch, UsageTaken,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio_util::codec::{Decoder, Encoder, LengthDelimitedCodec};

/// The version of this protocol.
pub const PROTOCOL: u32 = 1;

/// The largest frame, in bytes.
pub const MAX_FRAME_BYTES: usize = 4 << 20;

/// The most items in one [`PlanChange`]: keeps every frame far below [`MAX_FRAME_BYTES`].
pub const MAX_ITEMS_PER_CHANGE: usize = 2_000;

/// What an agent says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromAgent {
    /// The first message.
    Hello {
        /// The protocol it speaks: [`PROTOCOL`].
        protocol: u32,
        /// The version of the agent.
        agent_version: String,
        /// The plan it holds on disk, if any.
        held: Option<Generation>,
    },
    /// What it carries out, and what it could not.
    Report(HostReport),
    /// It will not carry out this plan, and keeps the one it has. The controller logs it, tells
    /// the operator and answers with a whole plan.
    Refuse {
        /// The refused plan's generation.
        generation: Generation,
        /// Why, as a sentence.
        reason: String,
    },
    /// What came of a probe of the fabric.
    Probe(ProbeReply),
    /// What becomes of a packet here.
    Trace(HostTraceReply),
    /// Whether a guest has, or has no more, the VIF it was about.
    Plug(PlugReply),
    /// What its ports moved. It is sent again in every session until it is taken.
    Usage(UsageBatch),
    /// What its switch sampled, where the plan says that it takes this way.
    Samples(RelayedSamples),
    /// Still here.
    Ping,
}

/// What the controller says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromController {
    /// The answer to `Hello`.
    Welcome {
        /// Who the agent is, by its certificate.
        host_id: HostId,
        /// Seconds of silence after which a side must say something.
        heartbeat_seconds: u64,
        /// Seconds of one interval of the usage ledger; none while this controller keeps none.
        #[serde(default)]
        usage_interval_seconds: Option<NonZeroU32>,
    },
    /// The session cannot be; it ends after this.
    Goodbye {
        /// Why, as a sentence.
        reason: String,
    },
    /// A plan, a difference, or a part of one.
    Plan(PlanChange),
    /// Take part in a check of the fabric. The answer is a [`FromAgent::Probe`]; none comes from an
    /// agent that is busy with another.
    Probe(ProbeRequest),
    /// Say what would become of a packet. The answer is a [`FromAgent::Trace`]; none comes from an agent
    /// that is busy with others.
    Trace(HostTraceRequest),
    /// Plug a VIF into a guest, or out of it. The answer is a [`FromAgent::Plug`]; none comes from an agent
    /// that is busy with others.
    Plug(PlugRequest),
    /// A batch of usage is durable.
    UsageTaken(UsageTaken),
    /// Still here.
    Ping,
}

/// Turns frames into messages `In` and messages `Out` into frames.
pub struct Codec<In, Out> {
    frames: LengthDelimitedCodec,
    kinds: std::marker::PhantomData<fn(Out) -> In>,
}

/// The codec of the agent's end.
pub type AgentCodec = Codec<FromController, FromAgent>;
/// The codec of the controller's end.
pub type ControllerCodec = Codec<FromAgent, FromController>;

/// Why a session's bytes could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The connection failed, or a frame was too large.
    #[error("could not exchange frames")]
    Frame(#[from] std::io::Error),
    /// A frame holds no message we know.
    #[error("could not understand a message")]
    Message(#[from] serde_json::Error),
}

impl<In, Out> Default for Codec<In, Out> {
    fn default() -> Self {
        let frames = LengthDelimitedCodec::builder()
            .max_frame_length(MAX_FRAME_BYTES)
            .new_codec();
        Self {
            frames,
            kinds: std::marker::PhantomData,
        }
    }
}

impl<In: DeserializeOwned, Out> Decoder for Codec<In, Out> {
    type Item = In;
    type Error = SessionError;

    fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<In>, SessionError> {
        let Some(frame) = self.frames.decode(buffer)? else {
            return Ok(None);
        };
        Ok(Some(serde_json::from_slice(&frame)?))
    }
}

impl<In, Out: Serialize> Encoder<Out> for Codec<In, Out> {
    type Error = SessionError;

    fn encode(&mut self, message: Out, buffer: &mut BytesMut) -> Result<(), SessionError> {
        let json = Bytes::from(serde_json::to_vec(&message)?);
        Ok(self.frames.encode(json, buffer)?)
    }
}
