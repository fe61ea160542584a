//! One stream: a task that writes events into a pipe, which the answer's body is read from.
//!
//! The pipe holds a few events. When it is full, the task waits for the reader, and cuts the
//! connection off if the reader does not come.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use model::Event;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWriteExt, DuplexStream, ReadBuf, duplex};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::io::ReaderStream;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::Instrument;

use super::filter::Filter;
use super::seats::Seat;
use crate::backend::{Backend, EventsAfter};
use crate::serve::Line;

/// How many bytes wait for a reader.
const PIPE_BYTES: usize = 64 << 10;

/// How many events are taken at a time.
const PAGE: usize = 100;

/// How often something is said when nothing happens: readers take longer silence for the end.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(15);

/// How long a reader may leave the pipe full.
pub(super) const STUCK: Duration = Duration::from_secs(10);

/// How soon clients are to come back, in milliseconds.
const RETRY_MILLISECONDS: u32 = 1_000;

/// What a stream is, before it begins.
pub(super) struct Stream<B> {
    pub(super) backend: Arc<B>,
    pub(super) token: String,
    pub(super) filter: Filter,
    pub(super) line: Line,
    pub(super) _seat: Seat,
}

/// Why a stream ends.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("the reader is gone")]
    Gone(#[from] io::Error),
    #[error("the reader does not read")]
    Stuck,
    #[error("the token is not valid any more")]
    Revoked,
    #[error("the events cannot be read")]
    Unreadable(#[from] crate::problem::Problem),
    #[error("the server is stopping")]
    Stopping,
}

/// A stream under way.
struct Flow<B> {
    stream: Stream<B>,
    pipe: DuplexStream,
    newest: watch::Receiver<u64>,
    /// The last event that was looked at, and the last number that was sent.
    after: u64,
    sent: u64,
}

impl<B: Backend> Stream<B> {
    /// Begins it, after this event, or else with what happens from now on.
    pub(super) fn begin(self, after: Option<u64>) -> ReaderStream<Body> {
        let (ours, theirs) = duplex(PIPE_BYTES);
        let left = CancellationToken::new();
        let newest = self.backend.newest_event();
        let after = after.unwrap_or_else(|| *newest.borrow());
        let flow = Flow {
            stream: self,
            pipe: ours,
            newest,
            after,
            sent: after,
        };
        tokio::spawn(flow.run_until(left.clone()).in_current_span());
        ReaderStream::new(Body {
            pipe: theirs,
            _left: left.drop_guard(),
        })
    }
}

impl<B: Backend> Flow<B> {
    async fn run_until(mut self, left: CancellationToken) {
        let ending = self.stream.line.ending.clone();
        let ended = tokio::select! {
            ended = self.run() => ended,
            () = ending.cancelled() => Ended::Stopping,
            () = left.cancelled() => return,
        };
        tracing::debug!("a stream of events ends: {ended}");
        if matches!(ended, Ended::Stuck) {
            self.stream.line.cut.cancel();
        }
    }

    async fn run(&mut self) -> Ended {
        let greeting = format!("retry: {RETRY_MILLISECONDS}\nid: {}\n:\n\n", self.after);
        if let Err(ended) = self.write(&greeting).await {
            return ended;
        }
        loop {
            if let Err(ended) = self.step().await {
                return ended;
            }
        }
    }

    /// Sends what there is, or waits until there is something.
    async fn step(&mut self) -> Result<(), Ended> {
        let backend = &self.stream.backend;
        // Revoked is revoked, for those as well who came in before.
        if backend.authenticate(&self.stream.token).is_none() {
            return Err(Ended::Revoked);
        }
        self.newest.mark_unchanged();
        let page = backend.events_after(self.after, PAGE).await?;
        if page.after == self.after && page.events.is_empty() {
            return self.wait().await;
        }
        self.send(page).await
    }

    async fn wait(&mut self) -> Result<(), Ended> {
        tokio::select! {
            changed = self.newest.changed() => changed.map_err(|_| Ended::Stopping),
            () = sleep(HEARTBEAT) => {
                self.sent = self.after;
                self.write(&format!("id: {}\n:\n\n", self.after)).await
            }
        }
    }

    async fn send(&mut self, page: EventsAfter) -> Result<(), Ended> {
        if page.after != self.after {
            let gap = json!({ "asked_after": self.after, "after": page.after });
            let frame = format!("id: {}\nevent: gap\ndata: {gap}\n\n", page.after);
            self.write(&frame).await?;
            (self.after, self.sent) = (page.after, page.after);
        }
        for event in page.events {
            self.after = event.id;
            if self.stream.filter.wants(&event) {
                self.write(&frame(&event)).await?;
                self.sent = event.id;
            }
        }
        // Who wants few events is told at times how far it has got, or it would resume too early.
        if self.after - self.sent >= PAGE as u64 {
            self.sent = self.after;
            self.write(&format!("id: {}\n:\n\n", self.after)).await?;
        }
        Ok(())
    }

    async fn write(&mut self, text: &str) -> Result<(), Ended> {
        let writing = self.pipe.write_all(text.as_bytes());
        Ok(timeout(STUCK, writing).await.map_err(|_| Ended::Stuck)??)
    }
}

/// An event as it is sent. JSON holds no line feed.
fn frame(event: &Event) -> String {
    let data = serde_json::to_string(event).unwrap_or_default();
    format!("id: {}\ndata: {data}\n\n", event.id)
}

/// The other end of the pipe; the stream ends when nobody wants it any more.
pub(super) struct Body {
    pipe: DuplexStream,
    _left: DropGuard,
}

impl AsyncRead for Body {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_read(context, buffer)
    }
}
