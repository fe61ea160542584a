//! Why there is no usable answer.

use super::MAX_ANSWER_BYTES;
use crate::problem::Problem;

/// Why there is no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server and token make no client.
    #[error("could not prepare to speak to the server at {server}: {reason}")]
    Setup {
        /// Where the server would be.
        server: String,
        /// What is wrong with it.
        reason: &'static str,
        /// Why, where there is more to say.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// No connection, or it failed before the answer was there.
    #[error("could not reach the server at {server}")]
    Unreachable {
        /// Where the server should be.
        server: String,
        /// Why not.
        #[source]
        source: reqwest::Error,
    },
    /// There is a connection, and nothing is said.
    #[error("the server at {server} says nothing any more")]
    Silent {
        /// Who should say something.
        server: String,
    },
    /// The server answered and said no.
    #[error(transparent)]
    Refused(#[from] Problem),
    /// The answer is larger than any of ours.
    #[error("the answer of the server at {server} is larger than {MAX_ANSWER_BYTES} bytes")]
    TooLarge {
        /// Who answered.
        server: String,
    },
    /// The answer is none of this API.
    #[error("could not understand the answer of the server at {server} (HTTP status {status})")]
    Answer {
        /// Who answered.
        server: String,
        /// With what status.
        status: u16,
        /// What was wrong with it.
        #[source]
        source: serde_json::Error,
    },
}
