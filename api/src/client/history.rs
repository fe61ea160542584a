//! History.

use model::{HistoryMark, HistoryRecord, HistoryVerification};

use super::{Client, ClientError};
use crate::request::HistoryQuery;
use crate::resource::Page;

/// # Errors
/// All of these: when the server cannot be reached, or refuses.
impl Client {
    /// The newest `count` records that fit the query, newest first, from as many pages as it takes.
    pub async fn history(
        &self,
        query: &HistoryQuery,
        count: usize,
    ) -> Result<Vec<HistoryRecord>, ClientError> {
        let mut query = query.clone();
        let mut found = Vec::new();
        loop {
            let left = u32::try_from(count - found.len()).unwrap_or(u32::MAX);
            query.limit = left.clamp(1, HistoryQuery::MAX_LIMIT);
            let page: Page<HistoryRecord> = self.read("/v1/history", &query).await?;
            found.extend(page.items);
            let next = page.next_cursor.and_then(|it| it.parse().ok());
            // A cursor that does not lead on would be followed for ever.
            let next = next.filter(|next| query.cursor.is_none_or(|cursor| *next < cursor));
            if next.is_none() || found.len() >= count {
                found.truncate(count);
                return Ok(found);
            }
            query.cursor = next;
        }
    }

    /// Has the chain of history recomputed, and compared with a record whose hash was kept.
    pub async fn history_verify(
        &self,
        mark: Option<&HistoryMark>,
    ) -> Result<HistoryVerification, ClientError> {
        let query: Vec<_> = mark
            .map(|it| ("mark", it.to_string()))
            .into_iter()
            .collect();
        self.read("/v1/history-verification", &query).await
    }
}
