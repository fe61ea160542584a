//! Why somebody did something, in their own words.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Invalid;

/// A reason: 1 to 200 characters, any script, no control characters, no space at either end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reason(String);

impl Reason {
    /// The longest reason, in characters.
    pub const MAX_CHARS: usize = 200;

    /// The reason as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Reason {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        let chars = text.chars().take(Self::MAX_CHARS + 1).count();
        let length_ok = (1..=Self::MAX_CHARS).contains(&chars);
        if length_ok && text.trim() == text && !text.chars().any(char::is_control) {
            return Ok(Self(text));
        }
        Err(Invalid::new(
            "1 to 200 characters, no control characters, no space at either end",
        ))
    }
}

impl FromStr for Reason {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::try_from(text.to_owned())
    }
}

impl From<Reason> for String {
    fn from(reason: Reason) -> Self {
        reason.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line_of_bounded_length() {
        assert!("paid nothing since May".parse::<Reason>().is_ok());
        assert!("x".repeat(200).parse::<Reason>().is_ok());
        for wrong in ["", " x", "x\ny", &"x".repeat(201)] {
            assert!(wrong.parse::<Reason>().is_err(), "{wrong:?}");
        }
    }
}
