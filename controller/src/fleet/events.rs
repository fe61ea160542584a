//! What is told of hosts, and how much one host may cause.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use model::{Event, EventKind, HostId};
use tracing::{debug, info, warn};

use crate::journal::{Journal, Note};

/// How many events of one kind a host may cause in a minute: a host that says too much must not
/// push out what others said, nor what matters more.
const PER_MINUTE: u32 = 50;

/// The same of what goes on all day: enough to light every port of a large host at once.
const ROUTINE_PER_MINUTE: u32 = 2_000;

/// The longest message, in characters.
pub(super) const MESSAGE_CHARS_MAX: usize = 500;

/// Tells the journal, within bounds.
#[derive(Default)]
pub(crate) struct Events {
    journal: Arc<Journal>,
    said: Mutex<Said>,
}

/// By host and kind: the present minute, and the events caused in it.
type Said = HashMap<(Option<HostId>, EventKind), (i64, u32)>;

impl Events {
    /// Where everything is told.
    pub(crate) const fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }

    /// What operators are told, oldest first.
    pub(crate) fn all(&self) -> Vec<Event> {
        self.journal.told()
    }

    /// Something happened that an administrator did: not so often that it must be bounded.
    pub(crate) fn note(&self, kind: EventKind, message: String) {
        warn!(?kind, "{message}");
        self.journal.tell(Note::new(kind, shortened(message)));
    }

    /// Something happened, on a host or between several.
    pub(crate) fn add(
        &self,
        kind: EventKind,
        host: impl Into<Option<HostId>>,
        message: impl Into<String>,
    ) {
        self.tell(Note {
            host_id: host.into(),
            ..Note::new(kind, shortened(message.into()))
        });
    }

    /// The same, of an object.
    pub(crate) fn tell(&self, note: Note) {
        let said = self.said(&note);
        let most = match note.kind.is_routine() {
            true => ROUTINE_PER_MINUTE,
            false => PER_MINUTE,
        };
        if said > most {
            return;
        }
        let note = match said < most {
            true => note,
            false => last_of_many(&note),
        };
        log(&note);
        self.journal.tell(note);
    }

    /// How many of its kind its host has caused in this minute, with this one.
    fn said(&self, note: &Note) -> u32 {
        let mut all = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = note.at.unix_seconds() / 60;
        let said = all.entry((note.host_id, note.kind)).or_default();
        if said.0 != minute {
            *said = (minute, 0);
        }
        said.1 = said.1.saturating_add(1);
        said.1
    }
}

/// What stands for all that is left out.
fn last_of_many(note: &Note) -> Note {
    let (kind, message) = match note.kind.is_routine() {
        true => {
            let what = note.kind;
            let message = format!("more of {what:?} on this host is left out for a minute");
            (EventKind::Remark, message)
        }
        false => {
            let message = "and more of this kind on this host, left out for a minute";
            (note.kind, message.to_owned())
        }
    };
    Note {
        host_id: note.host_id,
        ..Note::new(kind, message)
    }
}

fn log(note: &Note) {
    let (kind, message) = (note.kind, &note.message);
    let id = note.host_id.map(tracing::field::display);
    match kind {
        _ if kind.is_routine() => debug!(host.id = id, ?kind, "{message}"),
        EventKind::HostConnected
        | EventKind::PortBound
        | EventKind::TopologyApplied
        | EventKind::TunnelUp
        | EventKind::FabricWell => info!(host.id = id, ?kind, "{message}"),
        _ => warn!(host.id = id, ?kind, "{message}"),
    }
}

/// What a host said, cut to a length that cannot hurt.
pub(super) fn shortened(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(MESSAGE_CHARS_MAX) {
        text.truncate(end);
    }
    text
}

#[cfg(test)]
mod tests {
    use model::Id;

    use super::*;

    #[test]
    fn a_host_that_says_too_much_does_not_push_out_the_others_or_what_matters() {
        let (quiet, noisy) = (Id::generate(), Id::generate());
        let events = Events::default();
        events.add(EventKind::Remark, quiet, "x".repeat(10_000));
        for _ in 0..10_000 {
            events.add(EventKind::Remark, noisy, "again");
            events.add(EventKind::PortDark, noisy, "again");
        }
        events.add(EventKind::HostLost, noisy, "at last");
        let all = events.journal().take();
        assert_eq!(all[0].host_id, Some(quiet));
        assert_eq!(all[0].message.len(), MESSAGE_CHARS_MAX);
        // Two minutes' worth, should one end in between.
        let remarks = all.iter().filter(|it| it.kind == EventKind::Remark);
        assert!(remarks.count() <= 1 + 2 * PER_MINUTE as usize);
        let routine = all.iter().filter(|it| it.kind == EventKind::PortDark);
        assert!(routine.count() <= 2 * ROUTINE_PER_MINUTE as usize);
        assert_eq!(all.last().unwrap().kind, EventKind::HostLost);
    }
}
