//! Events: what happened, in one order, numbered for good.
//!
//! ```text
//!   what hosts report --tell--> notes that wait (bounded) --.
//!                                                           v
//!   changes of the intent -----------> the writer's thread: numbered, durable in one transaction
//!                                                           |
//!   streams <-- the newest in memory, older ones on disk <--+--> what operators are told: lists
//! ```
//!
//! An event is seen only when it is durable, so that its number is never given to another one, and
//! whoever resumes after a restart misses nothing of what changed.

mod of_change;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use model::{Event, EventKind, HostId, TenantId, Timestamp};
use tokio::sync::watch;
use uuid::Uuid;

pub(crate) use of_change::notes_of;

use crate::store::events::{KEPT_TOLD, forgotten_through};

/// How many of the newest events are in memory; who is further behind is served from disk.
const IN_MEMORY: usize = 4_096;

/// The most notes that wait for the writer's thread.
const WAITING_MAX: usize = 8_192;

/// Something that happened and has no number yet.
#[derive(Clone, Debug)]
pub(crate) struct Note {
    pub(crate) at: Timestamp,
    pub(crate) kind: EventKind,
    pub(crate) host_id: Option<HostId>,
    pub(crate) tenant_id: Option<TenantId>,
    pub(crate) noun: Option<&'static str>,
    pub(crate) object_id: Option<Uuid>,
    pub(crate) revision: Option<u64>,
    pub(crate) message: String,
}

impl Note {
    /// One of now, about nothing in particular.
    pub(crate) fn new(kind: EventKind, message: impl Into<String>) -> Self {
        Self {
            at: Timestamp::now(),
            kind,
            host_id: None,
            tenant_id: None,
            noun: None,
            object_id: None,
            revision: None,
            message: message.into(),
        }
    }

    fn numbered(self, id: u64) -> Event {
        Event {
            id,
            at: self.at,
            kind: self.kind,
            host_id: self.host_id,
            tenant_id: self.tenant_id,
            noun: self.noun.map(str::to_owned),
            object_id: self.object_id,
            revision: self.revision,
            message: self.message,
        }
    }
}

/// Gives these the numbers after `last`.
pub(crate) fn numbered(last: u64, notes: Vec<Note>) -> Vec<Arc<Event>> {
    let numbers = last.saturating_add(1)..;
    let numbered = numbers.zip(notes).map(|(id, note)| note.numbered(id));
    numbered.map(Arc::new).collect()
}

/// Wakes who writes.
type Waker = Box<dyn Fn() + Send + Sync>;

/// What happened, and what is not written of it yet.
pub(crate) struct Journal {
    waiting: Mutex<Waiting>,
    kept: Mutex<Kept>,
    newest: watch::Sender<u64>,
    writer: OnceLock<Waker>,
}

#[derive(Default)]
struct Waiting {
    notes: VecDeque<Note>,
    left_out: u64,
}

#[derive(Default)]
struct Kept {
    newest: VecDeque<Arc<Event>>,
    /// Everything after this number, up to the newest, is in `newest`.
    complete_after: u64,
    told: VecDeque<Arc<Event>>,
}

/// What there is after some event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// These, as far as the limit goes.
    Events(Vec<Arc<Event>>),
    /// They are on disk only.
    OnDisk,
    /// Events through this number are gone, or there never were as many: go on after it.
    Lost(u64),
}

impl Default for Journal {
    fn default() -> Self {
        Self {
            waiting: Mutex::default(),
            kept: Mutex::default(),
            newest: watch::Sender::new(0),
            writer: OnceLock::new(),
        }
    }
}

/// For whoever has something to tell.
impl Journal {
    /// Tells of something. It is seen when it is durable.
    pub(crate) fn tell(&self, note: Note) {
        let mut waiting = lock(&self.waiting);
        match waiting.notes.len() < WAITING_MAX {
            true => waiting.notes.push_back(note),
            false => waiting.left_out = waiting.left_out.saturating_add(1),
        }
        drop(waiting);
        if let Some(wake) = self.writer.get() {
            wake();
        }
    }
}

/// For the writer's thread.
impl Journal {
    /// Begins with what the store has; `wake` is called whenever there is something to write.
    pub(crate) fn begin(&self, last: u64, told: Vec<Arc<Event>>, wake: Waker) {
        let mut kept = lock(&self.kept);
        kept.complete_after = last;
        kept.told = told.into();
        drop(kept);
        self.newest.send_replace(last);
        // A journal has one writer; a second one would be woken by nobody.
        let _first = self.writer.set(wake);
    }

    /// Everything that waits to be written, oldest first.
    pub(crate) fn take(&self) -> Vec<Note> {
        let waiting = std::mem::take(&mut *lock(&self.waiting));
        let mut notes = Vec::from(waiting.notes);
        if waiting.left_out > 0 {
            let left_out = waiting.left_out;
            let message = format!("{left_out} events are left out: too many at the same time");
            notes.push(Note::new(EventKind::Remark, message));
        }
        notes
    }

    /// These could not be written; they wait for the next time.
    pub(crate) fn put_back(&self, notes: Vec<Note>) {
        let mut waiting = lock(&self.waiting);
        for note in notes.into_iter().rev() {
            match waiting.notes.len() < WAITING_MAX {
                true => waiting.notes.push_front(note),
                false => waiting.left_out = waiting.left_out.saturating_add(1),
            }
        }
    }

    /// These are durable: everybody may see them.
    pub(crate) fn publish(&self, events: Vec<Arc<Event>>) {
        let Some(last) = events.last().map(|event| event.id) else {
            return;
        };
        let mut kept = lock(&self.kept);
        for event in events {
            kept.add(event);
        }
        drop(kept);
        self.newest.send_replace(last);
    }
}

/// For whoever reads.
impl Journal {
    /// What operators are told, oldest first.
    pub(crate) fn told(&self) -> Vec<Event> {
        let kept = lock(&self.kept);
        kept.told.iter().map(|event| (**event).clone()).collect()
    }

    /// The number of the newest event, and a word whenever there is a newer one.
    pub(crate) fn newest(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// The events after this one, at most `limit`, oldest first.
    pub(crate) fn after(&self, after: u64, limit: usize) -> After {
        let newest = *self.newest.borrow();
        let forgotten = forgotten_through(newest);
        if after > newest {
            return After::Lost(newest);
        }
        if after < forgotten {
            return After::Lost(forgotten);
        }
        let kept = lock(&self.kept);
        if after < kept.complete_after {
            return After::OnDisk;
        }
        let first = kept.newest.partition_point(|event| event.id <= after);
        let events = kept.newest.iter().skip(first).take(limit);
        After::Events(events.cloned().collect())
    }
}

impl Kept {
    fn add(&mut self, event: Arc<Event>) {
        if !event.kind.is_routine() {
            push(&mut self.told, event.clone(), KEPT_TOLD);
        }
        if let Some(oldest) = push(&mut self.newest, event, IN_MEMORY) {
            self.complete_after = oldest.id;
        }
    }
}

/// Gives what had to go for it.
fn push(ring: &mut VecDeque<Arc<Event>>, event: Arc<Event>, most: usize) -> Option<Arc<Event>> {
    ring.push_back(event);
    match ring.len() > most {
        true => ring.pop_front(),
        false => None,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
