//! The bearer token as its servers hold it: as a digest, so that no dump or log of a program can
//! hold the token itself.

use std::fmt;

use ring::digest::{SHA256, digest};

/// SHA-256 of the valid token.
#[derive(Clone)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// The digest of this token.
    #[must_use]
    pub fn of(token: &str) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        Self(bytes)
    }

    /// Whether this is the token. How long it takes says nothing of where they differ.
    #[must_use]
    pub fn matches(&self, token: &str) -> bool {
        let other = Self::of(token).0;
        let differences = self.0.iter().zip(other).map(|(one, other)| one ^ other);
        differences.fold(0, |all, one| all | one) == 0
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest")
    }
}
