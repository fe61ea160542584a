//! History of the pool of the tests.

use model::{HistoryMark, HistoryVerification};

use super::TestPool;
use crate::backend::{HistoryBackend, HistoryPart, Outcome};
use crate::request::HistoryQuery;

impl HistoryBackend for TestPool {
    async fn history(&self, query: HistoryQuery) -> Outcome<HistoryPart> {
        let before = query.cursor.unwrap_or(u64::MAX);
        let limit = query.limit as usize;
        self.history_queries.lock().unwrap().push(query);
        let history = self.history.lock().unwrap();
        let older = history.iter().filter(|it| it.revision < before);
        let records: Vec<_> = older.clone().take(limit).cloned().collect();
        let has_more = older.count() > limit;
        let next_cursor = records.last().map(|it| it.revision).filter(|_| has_more);
        Ok(HistoryPart {
            records,
            next_cursor,
        })
    }

    async fn history_verify(&self, mark: Option<HistoryMark>) -> Outcome<HistoryVerification> {
        Ok(HistoryVerification {
            records: 1,
            newest: mark,
            fault: None,
        })
    }
}
