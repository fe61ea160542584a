//! History is read from disk, beside the writer.

use api::backend::{HistoryBackend, HistoryPart, Outcome};
use api::problem::{Code, Problem};
use api::request::HistoryQuery;
use model::{HistoryMark, HistoryVerification};

use crate::service::Service;
use crate::store::chain::Expected;
use crate::store::events::Reader;

impl HistoryBackend for Service {
    async fn history(&self, query: HistoryQuery) -> Outcome<HistoryPart> {
        let read = move |reader: &Reader| reader.history(&query);
        let (records, next_cursor) = self.reading.read(read).await?;
        Ok(HistoryPart {
            records,
            next_cursor,
        })
    }

    async fn history_verify(&self, mark: Option<HistoryMark>) -> Outcome<HistoryVerification> {
        let Ok(turn) = self.reading.verifying() else {
            let detail = "history is being recomputed for somebody else; try again";
            return Err(Problem::new(Code::Busy, detail));
        };
        let expected = Expected {
            newest: self.writer.intent().revision,
            mark,
        };
        let verify = move |reader: &Reader| {
            let _turn = turn;
            reader.history_verify(&expected)
        };
        self.reading.read(verify).await
    }
}
