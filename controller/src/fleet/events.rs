//! The newest events, and how many one host may cause.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use model::{Event, EventKind, HostId, Timestamp};
use tracing::{info, warn};

/// How many events are kept.
const KEPT: usize = 1_000;

/// How many events of one kind a host may cause in a minute: a host that says too much must not
/// push out what others said, nor what matters more.
const PER_MINUTE: u32 = 50;

/// The longest message, in characters.
pub(super) const MESSAGE_CHARS_MAX: usize = 500;

/// A ring of events.
#[derive(Default)]
pub(crate) struct Events {
    ring: Mutex<Ring>,
}

#[derive(Default)]
struct Ring {
    events: VecDeque<Event>,
    last_id: u64,
    /// By host and kind: the present minute, and the events caused in it.
    said: HashMap<(HostId, EventKind), (i64, u32)>,
}

impl Events {
    /// All of them, oldest first.
    pub(crate) fn all(&self) -> Vec<Event> {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.events.iter().cloned().collect()
    }

    /// Something happened on a host.
    pub(crate) fn add(&self, kind: EventKind, host: HostId, message: impl Into<String>) {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let at = Timestamp::now();
        let minute = at.unix_seconds() / 60;
        let said = ring.said.entry((host, kind)).or_default();
        if said.0 != minute {
            *said = (minute, 0);
        }
        said.1 = said.1.saturating_add(1);
        let said = said.1;
        if said < PER_MINUTE {
            ring.push(at, kind, host, shortened(message.into()));
        } else if said == PER_MINUTE {
            let message = "and more of this kind on this host, left out for a minute";
            ring.push(at, kind, host, message.into());
        }
    }
}

impl Ring {
    fn push(&mut self, at: Timestamp, kind: EventKind, host: HostId, message: String) {
        match kind {
            EventKind::HostConnected | EventKind::PortBound | EventKind::TunnelUp => {
                info!(host.id = %host, ?kind, "{message}");
            }
            _ => warn!(host.id = %host, ?kind, "{message}"),
        }
        if self.events.len() == KEPT {
            self.events.pop_front();
        }
        self.last_id += 1;
        self.events.push_back(Event {
            id: self.last_id,
            at,
            kind,
            host_id: Some(host),
            message,
        });
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
    fn only_the_newest_events_are_kept_in_order() {
        let events = Events::default();
        for number in 0..KEPT + 5 {
            events.add(EventKind::Remark, Id::generate(), number.to_string());
        }
        let all = events.all();
        assert_eq!(all.len(), KEPT);
        assert_eq!(all[0].message, "5");
        assert!(all.windows(2).all(|pair| pair[0].id + 1 == pair[1].id));
    }

    #[test]
    fn a_host_that_says_too_much_does_not_push_out_the_others_or_what_matters() {
        let (quiet, noisy) = (Id::generate(), Id::generate());
        let events = Events::default();
        events.add(EventKind::Remark, quiet, "x".repeat(10_000));
        for _ in 0..10 * KEPT {
            events.add(EventKind::Remark, noisy, "again");
        }
        events.add(EventKind::HostLost, noisy, "at last");
        let all = events.all();
        assert_eq!(all[0].host_id, Some(quiet));
        assert_eq!(all[0].message.len(), MESSAGE_CHARS_MAX);
        // Two minutes' worth, should one end in between.
        assert!(all.len() <= 2 + 2 * PER_MINUTE as usize);
        assert_eq!(all.last().unwrap().kind, EventKind::HostLost);
    }
}
