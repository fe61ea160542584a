//! Which creations were asked for under an `Idempotency-Key`, for a day.
//!
//! Only what tells requests apart is in memory; the answers themselves are in the store.

use imbl::OrdMap;
use model::Timestamp;
use ring::digest::{SHA256, digest};

use crate::store::KeptKey;

/// How long a key is known, in seconds: long enough for every retry.
const KEPT_SECONDS: i64 = 24 * 60 * 60;

/// The most keys known at a time; beyond that the oldest go early.
const KEPT_MAX: usize = 100_000;

/// SHA-256 over who asked and the key, so that a long key costs no more than a short one.
type Hash = [u8; 32];

/// The keys that are known, as of one revision.
#[derive(Clone, Default)]
pub(crate) struct KeptAnswers {
    by_key: OrdMap<Hash, Kept>,
    by_age: OrdMap<u64, (i64, Hash)>,
}

#[derive(Clone, Copy)]
struct Kept {
    revision: u64,
    fingerprint: [u8; 32],
}

/// What is known of a key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// Nothing.
    New,
    /// The same request was carried out as this revision.
    Done { revision: u64 },
    /// Another request was.
    Conflict,
}

impl KeptAnswers {
    /// Those of a store, oldest first.
    pub(crate) fn of(keys: &[KeptKey]) -> Self {
        let mut answers = Self::default();
        for kept in keys {
            answers.add(kept);
        }
        answers
    }

    /// Whether `actor` used the key before, and for what.
    pub(crate) fn find(&self, actor: &str, key: &str, fingerprint: &[u8; 32]) -> Known {
        match self.by_key.get(&hash(actor, key)) {
            None => Known::New,
            Some(kept) if kept.fingerprint == *fingerprint => Known::Done {
                revision: kept.revision,
            },
            Some(_) => Known::Conflict,
        }
    }

    /// Knows one more, newer than all others.
    pub(crate) fn add(&mut self, kept: &KeptKey) {
        let hash = hash(&kept.actor, &kept.key);
        self.by_age
            .insert(kept.revision, (kept.at.unix_seconds(), hash));
        let (revision, fingerprint) = (kept.revision, kept.fingerprint);
        self.by_key.insert(
            hash,
            Kept {
                revision,
                fingerprint,
            },
        );
    }

    /// Forgets what is too old or too many; gives the newest revision forgotten.
    pub(crate) fn expire(&mut self, now: Timestamp) -> Option<u64> {
        let oldest_kept = now.unix_seconds() - KEPT_SECONDS;
        let mut forgotten = None;
        while let Some((revision, (at, hash))) = self.by_age.get_min().copied() {
            if at >= oldest_kept && self.by_age.len() <= KEPT_MAX {
                break;
            }
            self.by_age.remove(&revision);
            self.by_key.remove(&hash);
            forgotten = Some(revision);
        }
        forgotten
    }
}

fn hash(actor: &str, key: &str) -> Hash {
    // No actor's name has a NUL in it, so no two pairs read the same.
    let text = [actor.as_bytes(), b"\0", key.as_bytes()].concat();
    let mut hash = Hash::default();
    hash.copy_from_slice(digest(&SHA256, &text).as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(revision: u64, at: i64, key: &str) -> KeptKey {
        KeptKey {
            revision,
            at: Timestamp::from_unix_seconds(at),
            actor: "admin".into(),
            key: key.into(),
            fingerprint: [1; 32],
        }
    }

    #[test]
    fn a_key_is_known_for_a_day_and_only_to_its_owner_and_request() {
        let mut answers = KeptAnswers::of(&[kept(1, 1_000, "a"), kept(2, 2_000, "b")]);
        assert_eq!(
            answers.find("admin", "a", &[1; 32]),
            Known::Done { revision: 1 }
        );
        assert_eq!(answers.find("admin", "a", &[2; 32]), Known::Conflict);
        assert_eq!(answers.find("other", "a", &[1; 32]), Known::New);
        let later = Timestamp::from_unix_seconds(1_500 + KEPT_SECONDS);
        assert_eq!(answers.expire(later), Some(1));
        assert_eq!(answers.find("admin", "a", &[1; 32]), Known::New);
        assert_eq!(
            answers.find("admin", "b", &[1; 32]),
            Known::Done { revision: 2 }
        );
        assert_eq!(answers.expire(later), None);
    }

    #[test]
    fn the_oldest_keys_go_when_there_are_too_many() {
        let mut answers = KeptAnswers::default();
        for revision in 0..KEPT_MAX as u64 + 3 {
            answers.add(&kept(revision, 1_000, &revision.to_string()));
        }
        assert_eq!(answers.expire(Timestamp::from_unix_seconds(1_000)), Some(2));
        assert_eq!(answers.by_key.len(), KEPT_MAX);
    }
}
