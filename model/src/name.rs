//! Names that people give to things.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Invalid;

/// A name: 1 to 64 characters, any script, no control characters, no space at either end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// The longest name, in characters.
    pub const MAX_CHARS: usize = 64;

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        let chars = text.chars().take(Self::MAX_CHARS + 1).count();
        let length_ok = (1..=Self::MAX_CHARS).contains(&chars);
        if length_ok && text.trim() == text && !text.chars().any(char::is_control) {
            return Ok(Self(text));
        }
        Err(Invalid::new(
            "1 to 64 characters, no control characters, no space at either end",
        ))
    }
}

impl FromStr for Name {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::try_from(text.to_owned())
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_be_in_any_script() {
        assert!("Käse & Brötchen <b>".parse::<Name>().is_ok());
    }

    #[test]
    fn a_name_is_refused_when_it_is_empty_long_padded_or_has_control_characters() {
        for bad in [
            "".to_owned(),
            "x".repeat(65),
            " x".into(),
            "x ".into(),
            "a\nb".into(),
            "a\0".into(),
        ] {
            assert!(Name::try_from(bad.clone()).is_err(), "{bad:?}");
        }
    }
}
