//! What a server must be able to tell of what was changed.

use std::future::Future;

use model::{HistoryMark, HistoryRecord, HistoryVerification};

use super::Outcome;
use crate::request::HistoryQuery;

/// History: who changed what.
pub trait HistoryBackend {
    /// The newest records that fit the query, newest first.
    ///
    /// # Errors
    /// They cannot be read.
    fn history(&self, query: HistoryQuery) -> impl Future<Output = Outcome<HistoryPart>> + Send;

    /// Recomputes the chain of all records, and compares it with a record whose hash was kept.
    ///
    /// # Errors
    /// It cannot be read, or is being recomputed for others already.
    fn history_verify(
        &self,
        mark: Option<HistoryMark>,
    ) -> impl Future<Output = Outcome<HistoryVerification>> + Send;
}

/// Some of the records that fit a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryPart {
    /// The records, newest first.
    pub records: Vec<HistoryRecord>,
    /// The cursor to more of them; none if these are the last.
    pub next_cursor: Option<u64>,
}
