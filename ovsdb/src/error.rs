//! What can go wrong, and whether a transaction may have been executed all the same.

use std::io;

use crate::message::{FrameError, Refusal};
use crate::replica::Inconsistent;

/// Why a call failed, or why a connection ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text names no endpoint.
    #[error("{0:?} is no endpoint of the form unix:PATH or tcp:HOST:PORT")]
    Endpoint(String),
    /// No connection could be made.
    #[error("could not connect to {endpoint}")]
    Connect {
        /// Where to.
        endpoint: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// There is no connection at the moment. The request was **not** sent.
    #[error("not connected to the database server")]
    NotConnected,
    /// The connection broke before the answer came. Whether the request was executed is
    /// unknown.
    #[error("the connection broke before {method} was answered")]
    ConnectionLost {
        /// The request.
        method: &'static str,
    },
    /// No answer came in time. Whether the request was executed is unknown.
    #[error("{method} was not answered in time")]
    Timeout {
        /// The request.
        method: &'static str,
    },
    /// The server refused the request as a whole.
    #[error("the server refused {method}: {error}: {details}")]
    Refused {
        /// The request.
        method: &'static str,
        /// The server's name for the error, such as `unknown database`.
        error: String,
        /// The server's explanation; may be empty.
        details: String,
    },
    /// An operation failed, and with it the whole transaction: nothing was changed.
    #[error("operation {index} of the transaction failed: {error}: {details}")]
    Operation {
        /// Which one, counted from zero; the number of operations if all went well but the
        /// commit failed.
        index: usize,
        /// The server's name for the error, such as `constraint violation`.
        error: String,
        /// The server's explanation; may be empty.
        details: String,
    },
    /// The server answered a transaction with too few or too many results.
    #[error("{received} results for {sent} operations")]
    ResultCount {
        /// Operations in the transaction.
        sent: usize,
        /// Results in the answer.
        received: usize,
    },
    /// A request could not be written as JSON.
    #[error("could not encode {method}")]
    Encode {
        /// The request.
        method: &'static str,
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
    /// The server sent something that is no such thing.
    #[error("could not decode {what}")]
    Decode {
        /// What it should have been.
        what: &'static str,
        /// Why it is not.
        #[source]
        source: serde_json::Error,
    },
    /// The server's bytes are no stream of messages, or exceed the limits.
    #[error("could not read messages from the server")]
    Frame(#[source] FrameError),
    /// An update does not fit the rows held.
    #[error("could not apply an update to the replica")]
    Inconsistent(#[source] Inconsistent),
    /// The schema has no such table.
    #[error("the database has no table {table}")]
    UnknownTable {
        /// The table asked for.
        table: String,
    },
    /// The schema has no such column.
    #[error("table {table} has no column {column}")]
    UnknownColumn {
        /// The table.
        table: String,
        /// The column asked for.
        column: String,
    },
    /// The server is too old to monitor a part of a table.
    #[error("the server cannot monitor with conditions")]
    NoConditions,
    /// Reading from or writing to the server failed.
    #[error("could not {doing}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// The server ended the connection.
    #[error("the server closed the connection")]
    Closed,
    /// The server was silent, and did not answer a probe either.
    #[error("the server fell silent")]
    Silent,
    /// The server asks faster than it reads answers, or answers not at all.
    #[error("the server does not read what it is sent")]
    NotReading,
    /// The server ended a monitor by itself.
    #[error("the server cancelled a monitor")]
    MonitorCancelled,
}

impl Error {
    pub(crate) fn decoding(what: &'static str) -> impl FnOnce(serde_json::Error) -> Self {
        move |source| Self::Decode { what, source }
    }

    pub(crate) fn io(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, source }
    }

    pub(crate) fn refused(method: &'static str) -> impl FnOnce(Refusal) -> Self {
        move |Refusal { error, details }| Self::Refused {
            method,
            error,
            details,
        }
    }

    /// Whether the server does not know the method at all.
    pub(crate) fn is_unknown_method(&self) -> bool {
        matches!(self, Self::Refused { error, .. } if error == "unknown method")
    }
}
