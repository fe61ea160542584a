//! A change: what is written together, by whom, and what was answered.

use model::{TenantId, Timestamp};

use crate::object::{Object, Write};

/// All that one request changes. It is durable as a whole or not at all.
#[derive(Clone, Debug)]
pub struct Change {
    /// Its number: one more than the change before it.
    pub revision: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// Who asked: the name of a token, `host:<name>`, or `controller`.
    pub actor: String,
    /// The tenant that who asked is held to, if to one.
    pub held_to: Option<TenantId>,
    /// Where the request came from, as in [`api::backend::Caller::source`].
    pub source: Option<String>,
    /// The id of the request, as in the log.
    pub request_id: String,
    /// What was asked for, as in `port_create`.
    pub verb: &'static str,
    /// What it does, in order, each with the object as it was before.
    pub steps: Vec<Step>,
    /// The client's name for it, with the answer to give again.
    pub idempotency: Option<KeptAnswer>,
    /// Kept answers of this revision and before are forgotten.
    pub forget_answers_through: Option<u64>,
}

/// One write of a change.
#[derive(Clone, Debug)]
pub struct Step {
    /// The object before it, if there was one.
    pub before: Option<Object>,
    /// The write itself.
    pub write: Write,
}

/// What a client gets when it asks for the same creation again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The client's `Idempotency-Key`.
    pub key: String,
    /// SHA-256 of the request.
    pub fingerprint: [u8; 32],
    /// The created object as JSON.
    pub answer: String,
}
