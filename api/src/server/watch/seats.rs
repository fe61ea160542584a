//! How many streams there may be: in all, and of one bearer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ring::digest::{SHA256, digest};

use crate::backend::Outcome;
use crate::problem::{Code, Problem};

/// The most streams at a time: fewer than connections, so that others are still let in.
pub(super) const SEATS_MAX: usize = 256;

/// The most streams of one token's bearer at a time.
pub(super) const SEATS_PER_BEARER_MAX: usize = 64;

/// A token is known by this.
type Digest = [u8; 32];

/// Who watches.
#[derive(Default)]
pub(super) struct Seats {
    taken: Mutex<HashMap<Digest, usize>>,
}

/// A stream's leave to be; it ends when this is dropped.
pub(super) struct Seat {
    seats: Arc<Seats>,
    bearer: Digest,
}

impl Seats {
    /// A seat for the bearer of this token.
    ///
    /// # Errors
    /// There is none left, for anybody or for this one.
    pub(super) fn take(self: &Arc<Self>, token: &str) -> Outcome<Seat> {
        let mut bearer = Digest::default();
        bearer.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        let mut taken = self.taken();
        let own = taken.get(&bearer).copied().unwrap_or_default();
        if taken.values().sum::<usize>() >= SEATS_MAX || own >= SEATS_PER_BEARER_MAX {
            let detail = format!(
                "too many streams of events: at most {SEATS_PER_BEARER_MAX} with one token and \
                 {SEATS_MAX} in all; end one, or try again"
            );
            return Err(Problem::new(Code::Busy, detail));
        }
        taken.insert(bearer, own + 1);
        let seats = Arc::clone(self);
        Ok(Seat { seats, bearer })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<Digest, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken();
        match taken.get(&self.bearer).copied() {
            Some(own) if own > 1 => _ = taken.insert(self.bearer, own - 1),
            _ => _ = taken.remove(&self.bearer),
        }
    }
}
