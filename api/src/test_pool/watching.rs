//! Events of the pool of the tests.

use std::sync::Arc;

use model::EventKind;
use tokio::sync::watch;

use super::{TestPool, event};
use crate::backend::{EventsAfter, Outcome, WatchBackend};

impl TestPool {
    /// Something happens. Gives its number.
    pub(crate) fn happen(&self, kind: EventKind) -> u64 {
        let mut events = self.events.lock().unwrap();
        let id = events.last().map_or(1, |last| last.id + 1);
        events.push(event(id, kind));
        drop(events);
        self.newest_event.send_replace(id);
        id
    }
}

impl WatchBackend for TestPool {
    fn newest_event(&self) -> watch::Receiver<u64> {
        self.newest_event.subscribe()
    }

    async fn events_after(&self, after: u64, limit: usize) -> Outcome<EventsAfter> {
        let newest = *self.newest_event.borrow();
        let after = after.max(*self.events_gone.lock().unwrap()).min(newest);
        let events = self.events.lock().unwrap();
        let following = events.iter().filter(|event| event.id > after).take(limit);
        let events = following.cloned().map(Arc::new).collect();
        Ok(EventsAfter { after, events })
    }
}
