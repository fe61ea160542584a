//! Why a request failed, and why a connection closed.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::Target;
use crate::message::OpenFlowError;
use crate::wire::{DecodeError, EncodeError};

/// Why something asked of a switch was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no connection.
    #[error("could not connect to the switch at {target}")]
    Connect {
        /// Where it should be.
        target: Target,
        /// What went wrong.
        source: Box<Error>,
    },
    /// The socket failed while connecting.
    #[error("the socket failed")]
    Io(#[from] io::Error),
    /// The two sides have no version in common.
    #[error("the switch speaks none of our OpenFlow versions (it offers bits {offered:#x})")]
    NoCommonVersion {
        /// What the switch offers: bit n is wire version n.
        offered: u32,
    },
    /// The connection closed before the answer came, or earlier.
    #[error("the connection to the switch is closed")]
    Closed(#[source] CloseCause),
    /// The answer did not come in time.
    #[error("the switch did not answer within {limit:?}")]
    Timeout {
        /// How long we waited.
        limit: Duration,
    },
    /// The switch refused the request.
    #[error("the switch refused the request")]
    Refused(#[source] OpenFlowError),
    /// The switch refused a bundle; nothing of it was applied.
    #[error("the switch refused the bundle{}", index.map_or(String::new(), |index| format!(" because of change {index}")))]
    Bundle {
        /// Which change it refused, counted from 0; `None` when it refused the bundle as such.
        index: Option<usize>,
        /// Why.
        #[source]
        error: OpenFlowError,
    },
    /// Something to be sent cannot be put into bytes.
    #[error("could not encode the request")]
    Encode(#[source] EncodeError),
    /// What the switch sent is malformed.
    #[error("could not decode the switch's answer")]
    Decode(#[source] DecodeError),
    /// The switch answered with a message of another kind.
    #[error("the switch's answer does not fit the request")]
    WrongAnswer,
    /// The answer has more bytes than we are willing to hold.
    #[error("the switch's answer is longer than {limit} bytes")]
    AnswerTooLong {
        /// [`super::Options::max_answer_bytes`].
        limit: usize,
    },
    /// More messages at once than there are transaction ids.
    #[error("too many messages in one request")]
    TooManyMessages,
}

/// Why a connection closed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CloseCause {
    /// The switch closed it.
    #[error("the switch closed it")]
    BySwitch,
    /// We did.
    #[error("we closed it")]
    ByUs,
    /// The socket failed.
    #[error("the socket failed")]
    Io(#[source] Arc<io::Error>),
    /// The switch sent nothing, or took nothing, for too long.
    #[error("the switch was silent for {0:?}")]
    Silence(Duration),
    /// The switch sent bytes that are no messages.
    #[error("the switch sent bytes that are no messages")]
    Decode(#[source] DecodeError),
    /// The switch went over to another version than the one agreed on.
    #[error("the switch sent a message in wire version {0}")]
    WrongVersion(u8),
    /// A message of our own could not be put into bytes.
    #[error("could not encode an echo")]
    Encode(#[source] EncodeError),
}
