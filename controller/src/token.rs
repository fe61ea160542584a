//! The administrator's bearer token: made at the first start, in a file only its owner reads.
//!
//! In memory is only its SHA-256, so that no dump or log of this program can hold the token.

use std::fs;
use std::io;
use std::path::Path;

use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

use crate::secret_file;

/// The random bytes of a token: 256 bits, written as 64 hexadecimal digits.
const TOKEN_BYTES: usize = 32;

/// SHA-256 of the valid token.
#[derive(Clone)]
pub struct TokenDigest([u8; TOKEN_BYTES]);

impl TokenDigest {
    /// The digest of the token in this file, which is made if it is not there.
    ///
    /// # Errors
    /// The file cannot be read or made, or is empty.
    pub fn load_or_create(path: &Path) -> io::Result<Self> {
        if !path.exists() {
            secret_file::write(path, &(generate()? + "\n"))?;
        }
        let token = fs::read_to_string(path)?;
        match token.trim() {
            "" => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the token file is empty",
            )),
            token => Ok(Self::of(token)),
        }
    }

    /// The digest of this token.
    #[must_use]
    pub fn of(token: &str) -> Self {
        let mut bytes = [0; TOKEN_BYTES];
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

fn generate() -> io::Result<String> {
    let mut bytes = [0; TOKEN_BYTES];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| io::Error::other("the system gives no random bytes"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_token_is_made_once_for_its_owner_alone_and_only_it_matches() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.token");
        let digest = TokenDigest::load_or_create(&path).unwrap();
        let token = fs::read_to_string(&path).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(token.trim().len(), 2 * TOKEN_BYTES);
        assert!(digest.matches(token.trim()));
        assert!(!digest.matches(""));
        assert!(!digest.matches(&token.trim()[1..]));
        let again = TokenDigest::load_or_create(&path).unwrap();
        assert!(again.matches(token.trim()));
    }

    #[test]
    fn an_empty_token_file_lets_nobody_in() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.token");
        fs::write(&path, "\n").unwrap();
        assert!(TokenDigest::load_or_create(&path).is_err());
    }
}
