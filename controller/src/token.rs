//! Secrets of tokens: the first operator's, in a file that only its owner reads, and those given out.

use std::fs;
use std::io;
use std::path::Path;

use api::token::TokenDigest;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

use crate::secret_file;

/// The random bytes of a token: 256 bits, written as 64 hexadecimal digits.
const TOKEN_BYTES: usize = 32;

/// The digest of the token in this file, which is made if it is not there.
///
/// # Errors
/// The file cannot be read or made, or is empty.
pub fn load_or_create(path: &Path) -> io::Result<TokenDigest> {
    if !path.exists() {
        secret_file::write(path, &(generate()? + "\n"))?;
    }
    let token = fs::read_to_string(path)?;
    match token.trim() {
        "" => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the token file is empty",
        )),
        token => Ok(TokenDigest::of(token)),
    }
}

/// A secret to give out: 256 random bits behind a prefix by which it is known wherever it gets lost.
pub(crate) struct Secret(String);

impl Secret {
    /// How every secret begins.
    const PREFIX: &str = "bulkhead_";

    /// A new one.
    pub(crate) fn generate() -> io::Result<Self> {
        Ok(Self(format!("{}{}", Self::PREFIX, generate()?)))
    }

    /// Itself, to be shown this once.
    pub(crate) fn reveal(self) -> String {
        self.0
    }

    /// What is kept of it.
    pub(crate) fn digest(&self) -> String {
        hexadecimal(digest(&SHA256, self.0.as_bytes()).as_ref())
    }

    /// What would be kept of this text, if it has the form of a secret.
    pub(crate) fn digest_of(text: &str) -> Option<String> {
        let digits = text.strip_prefix(Self::PREFIX)?;
        (digits.len() == 2 * TOKEN_BYTES).then(|| Self(text.to_owned()).digest())
    }
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn generate() -> io::Result<String> {
    let mut bytes = [0; TOKEN_BYTES];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| io::Error::other("the system gives no random bytes"))?;
    Ok(hexadecimal(&bytes))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_token_is_made_once_for_its_owner_alone_and_only_it_matches() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.token");
        let digest = load_or_create(&path).unwrap();
        let token = fs::read_to_string(&path).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(token.trim().len(), 2 * TOKEN_BYTES);
        assert!(digest.matches(token.trim()));
        assert!(!digest.matches(""));
        assert!(!digest.matches(&token.trim()[1..]));
        let again = load_or_create(&path).unwrap();
        assert!(again.matches(token.trim()));
    }

    #[test]
    fn an_empty_token_file_lets_nobody_in() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.token");
        fs::write(&path, "\n").unwrap();
        assert!(load_or_create(&path).is_err());
    }
}
