//! Moments in time, UTC.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::Invalid;

/// A moment in UTC, to the millisecond; RFC 3339 as text and in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp {
    milliseconds: i64,
}

impl Timestamp {
    /// The present moment by this machine's clock.
    #[must_use]
    pub fn now() -> Self {
        let now = OffsetDateTime::now_utc();
        Self {
            milliseconds: now.unix_timestamp() * 1000 + i64::from(now.millisecond()),
        }
    }

    /// The moment that many seconds after 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_unix_seconds(seconds: i64) -> Self {
        Self {
            milliseconds: seconds.saturating_mul(1000),
        }
    }

    /// Whole seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn unix_seconds(self) -> i64 {
        self.milliseconds.div_euclid(1000)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn unix_milliseconds(self) -> i64 {
        self.milliseconds
    }

    /// The moment that much later.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        let more = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self {
            milliseconds: self.milliseconds.saturating_add(more),
        }
    }

    fn to_datetime(self) -> OffsetDateTime {
        let nanoseconds = i128::from(self.milliseconds) * 1_000_000;
        OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

impl FromStr for Timestamp {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let moment = OffsetDateTime::parse(text, &Rfc3339)
            .map_err(|_| Invalid::new("a time as in RFC 3339, such as 2026-11-22T12:30:00Z"))?;
        Ok(Self {
            milliseconds: moment.unix_timestamp() * 1000 + i64::from(moment.millisecond()),
        })
    }
}

impl TryFrom<String> for Timestamp {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<Timestamp> for String {
    fn from(timestamp: Timestamp) -> Self {
        timestamp.to_string()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self
            .to_datetime()
            .format(&Rfc3339)
            .map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_survives_text_and_back_to_the_millisecond() {
        let moment: Timestamp = "2026-11-22T12:30:00.125Z".parse().unwrap();
        assert_eq!(moment.to_string(), "2026-11-22T12:30:00.125Z");
        assert_eq!(moment.unix_seconds(), 1_795_350_600);
        let elsewhere: Timestamp = "2026-11-22T13:30:00.125+01:00".parse().unwrap();
        assert_eq!(elsewhere, moment);
    }
}
