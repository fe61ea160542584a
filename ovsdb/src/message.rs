//! JSON-RPC 1.0 messages as OVSDB speaks them (RFC 7047 §4): requests and notifications
//! both ways, and responses. [`FrameReader`] cuts them out of a stream of bytes.

mod frame;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub use frame::{FrameError, FrameReader, Limits};

/// One message, borrowed from the frame that carried it.
#[derive(Debug)]
pub enum Message<'a> {
    /// Wants an answer with the same id.
    Request {
        /// The identity chosen by the peer, to be given back as it is.
        id: &'a RawValue,
        /// What is asked.
        method: Cow<'a, str>,
        /// The arguments.
        params: &'a RawValue,
    },
    /// Wants no answer.
    Notification {
        /// What is told.
        method: Cow<'a, str>,
        /// The arguments.
        params: &'a RawValue,
    },
    /// Answers a request.
    Response {
        /// The identity of the request.
        id: &'a RawValue,
        /// The answer, or why there is none.
        outcome: Result<&'a RawValue, Refusal>,
    },
}

/// Why a peer refused a request (`<error>` in RFC 7047 §3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// A short, fixed name such as `unknown database`.
    pub error: String,
    /// An explanation for people; empty if the peer gave none.
    pub details: String,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

impl<'a> Message<'a> {
    /// Takes one whole frame apart.
    ///
    /// # Errors
    /// When the frame is no JSON object with the members of a message.
    pub fn decode(frame: &'a [u8]) -> Result<Self, serde_json::Error> {
        let envelope: Envelope<'a> = serde_json::from_slice(frame)?;
        let params = envelope.params.unwrap_or(RawValue::NULL);
        Ok(match (envelope.method, envelope.id) {
            (Some(method), Some(id)) => Self::Request { id, method, params },
            (Some(method), None) => Self::Notification { method, params },
            (None, id) => Self::Response {
                id: id.unwrap_or(RawValue::NULL),
                outcome: match envelope.error {
                    None => Ok(envelope.result.unwrap_or(RawValue::NULL)),
                    Some(error) => Err(Refusal::decode(error)),
                },
            },
        })
    }
}

impl Refusal {
    /// Reads whatever stands in an `error` member: the object of the RFC, an array of one
    /// (`convert`), the bare string of an unknown method, or something unheard of.
    fn decode(raw: &RawValue) -> Self {
        #[derive(Deserialize)]
        struct Object {
            error: String,
            #[serde(default)]
            details: String,
        }
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Object(Object),
            List((Object,)),
            Text(String),
        }
        match serde_json::from_str(raw.get()) {
            Ok(
                Form::Object(Object { error, details }) | Form::List((Object { error, details },)),
            ) => Self { error, details },
            Ok(Form::Text(error)) => Self {
                error,
                details: String::new(),
            },
            Err(_) => Self {
                error: "unknown error".to_owned(),
                details: raw.get().to_owned(),
            },
        }
    }
}

/// A request with this id.
///
/// # Errors
/// When a parameter has no JSON form, such as a real that is not finite.
pub fn encode_request(
    id: u64,
    method: &str,
    params: &impl Serialize,
) -> Result<Bytes, serde_json::Error> {
    encode(&Call {
        method,
        params,
        id: Some(id),
    })
}

/// A notification: a request that wants no answer.
///
/// # Errors
/// When a parameter has no JSON form.
pub fn encode_notification(
    method: &str,
    params: &impl Serialize,
) -> Result<Bytes, serde_json::Error> {
    encode(&Call {
        method,
        params,
        id: None,
    })
}

/// The answer to a peer's request with this id.
///
/// # Errors
/// Never in practice: both parts are JSON already.
pub fn encode_response(id: &RawValue, result: &RawValue) -> Result<Bytes, serde_json::Error> {
    #[derive(Serialize)]
    struct Answer<'a> {
        id: &'a RawValue,
        result: &'a RawValue,
        error: Option<()>,
    }
    encode(&Answer {
        id,
        result,
        error: None,
    })
}

#[derive(Serialize)]
struct Call<'a, P> {
    method: &'a str,
    params: &'a P,
    id: Option<u64>,
}

fn encode(message: &impl Serialize) -> Result<Bytes, serde_json::Error> {
    serde_json::to_vec(message).map(Bytes::from)
}
