//! What a server must be able to tell whoever watches.

use std::future::Future;
use std::sync::Arc;

use model::Event;
use tokio::sync::watch;

use super::Outcome;

/// Events as they happen.
pub trait WatchBackend {
    /// The number of the newest event, and a word whenever there is a newer one.
    fn newest_event(&self) -> watch::Receiver<u64>;

    /// The events after this one, at most `limit`.
    ///
    /// # Errors
    /// They cannot be read.
    fn events_after(
        &self,
        after: u64,
        limit: usize,
    ) -> impl Future<Output = Outcome<EventsAfter>> + Send;
}

/// Some of the events after one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventsAfter {
    /// The event that they follow: another than the one asked for if events are gone since then, or
    /// if there never were as many.
    pub after: u64,
    /// The events, oldest first.
    pub events: Vec<Arc<Event>>,
}
