//! What is told to whoever watches: the newest from memory, what is older from disk.

use std::sync::Arc;

use api::backend::{EventsAfter, Outcome, WatchBackend};
use api::problem::{Code, Problem};
use model::Event;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, watch};
use tracing::error;

use crate::journal::After;
use crate::service::Service;
use crate::store::StoreError;
use crate::store::events::Reader;

/// The most readers of the disk at a time: others wait, and nobody who changes something does.
const READERS_MAX: usize = 4;

/// Reads the store beside the writer.
pub(crate) struct Reading {
    reader: Reader,
    turns: Semaphore,
    verifying: Arc<Semaphore>,
}

impl Reading {
    pub(crate) fn of(reader: Reader) -> Self {
        Self {
            reader,
            turns: Semaphore::new(READERS_MAX),
            verifying: Arc::new(Semaphore::new(1)),
        }
    }

    /// The turn to recompute all of history, which one has at a time, until it is done.
    pub(super) fn verifying(&self) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.verifying.clone().try_acquire_owned()
    }

    /// Reads where waiting harms nobody.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Outcome<T> {
        let unavailable = || {
            let detail = "the store could not be read; see the controller's log";
            Problem::new(Code::StoreUnavailable, detail)
        };
        let _turn = self.turns.acquire().await.map_err(|_| unavailable())?;
        let reader = self.reader.clone();
        let done = tokio::task::spawn_blocking(move || read(&reader)).await;
        done.map_err(|_| unavailable())?.map_err(|error| {
            let error = &error as &dyn std::error::Error;
            error!(error, "the store could not be read");
            unavailable()
        })
    }
}

impl WatchBackend for Service {
    fn newest_event(&self) -> watch::Receiver<u64> {
        self.fleet.journal().newest()
    }

    async fn events_after(&self, after: u64, limit: usize) -> Outcome<EventsAfter> {
        let journal = self.fleet.journal();
        let found = journal.after(after, limit);
        let (after, found) = match found {
            After::Lost(through) => (through, journal.after(through, limit)),
            found => (after, found),
        };
        let events: Vec<Arc<Event>> = match found {
            After::Events(events) => events,
            After::Lost(_) => Vec::new(),
            After::OnDisk => {
                let newest = *journal.newest().borrow();
                let read = move |reader: &Reader| reader.events_after(after, limit);
                let mut events = self.reading.read(read).await?;
                // What is durable and not told yet comes with the next page.
                events.retain(|event| event.id <= newest);
                events
            }
        };
        Ok(EventsAfter { after, events })
    }
}
