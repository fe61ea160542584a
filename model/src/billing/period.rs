//! Billing periods: calendar months in a time zone.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::{Invalid, Timestamp};

/// A calendar month. When it begins depends on the zone: see [`Period::start_in`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Period {
    year: i16,
    month: i8,
}

/// A time zone by its name in the IANA database, such as `Europe/Berlin`. The database is built in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone(String);

impl Period {
    /// The first moment of the month, by the clocks of the zone: across daylight saving months are
    /// an hour longer or shorter, and every moment is in just one of them.
    #[must_use]
    pub fn start_in(self, zone: &Zone) -> Timestamp {
        let first = Date::new(self.year, self.month, 1).unwrap_or(Date::MIN);
        let start = first.to_zoned(zone.rules());
        let seconds = start.map_or(0, |start| start.timestamp().as_second());
        Timestamp::from_unix_seconds(seconds)
    }

    /// The month that a moment is in, by the clocks of the zone.
    #[must_use]
    pub fn of(moment: Timestamp, zone: &Zone) -> Self {
        let moment = jiff::Timestamp::from_second(moment.unix_seconds());
        let local = moment.unwrap_or_default().to_zoned(zone.rules());
        Self {
            year: local.year(),
            month: local.month(),
        }
    }

    /// The month after it.
    #[must_use]
    pub const fn next(self) -> Self {
        match self.month {
            12 => Self {
                year: self.year + 1,
                month: 1,
            },
            month => Self {
                year: self.year,
                month: month + 1,
            },
        }
    }
}

impl Zone {
    /// Coordinated Universal Time.
    #[must_use]
    pub fn utc() -> Self {
        Self("UTC".to_owned())
    }

    fn rules(&self) -> TimeZone {
        TimeZone::get(&self.0).unwrap_or(TimeZone::UTC)
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self::utc()
    }
}

impl FromStr for Period {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let parsed = text.split_once('-').and_then(|(year, month)| {
            let digits = year.len() == 4 && month.len() == 2;
            let all = digits
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || byte == b'-');
            let (year, month) = (year.parse().ok()?, month.parse().ok()?);
            (all && (1970..=9000).contains(&year) && (1..=12).contains(&month))
                .then_some(Self { year, month })
        });
        parsed.ok_or(Invalid::new("a month such as 2026-11"))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl TryFrom<String> for Period {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<Period> for String {
    fn from(period: Period) -> Self {
        period.to_string()
    }
}

impl FromStr for Zone {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let known = TimeZone::get(text).is_ok();
        known
            .then(|| Self(text.to_owned()))
            .ok_or(Invalid::new("a time zone such as UTC or Europe/Berlin"))
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Zone {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(period: &str, zone: &str) -> i64 {
        let (period, zone): (Period, Zone) = (period.parse().unwrap(), zone.parse().unwrap());
        let (start, end) = (period.start_in(&zone), period.next().start_in(&zone));
        assert_eq!(Period::of(start, &zone), period);
        let last = Timestamp::from_unix_seconds(end.unix_seconds() - 1);
        assert_eq!(Period::of(last, &zone), period);
        (end.unix_seconds() - start.unix_seconds()) / 3600
    }

    #[test]
    fn months_adjoin_across_daylight_saving() {
        assert_eq!(hours("2026-10", "UTC"), 744);
        assert_eq!(hours("2026-10", "Europe/Berlin"), 745);
        assert_eq!(hours("2026-03", "Europe/Berlin"), 743);
        assert_eq!(hours("2026-12", "Asia/Kathmandu"), 744);
    }

    #[test]
    fn a_month_begins_by_the_clocks_of_its_zone() {
        let zone: Zone = "Europe/Berlin".parse().unwrap();
        let period: Period = "2026-11".parse().unwrap();
        assert_eq!(period.start_in(&zone).to_string(), "2026-10-31T23:00:00Z");
    }

    #[test]
    fn what_is_no_month_or_zone_is_refused() {
        for text in [
            "",
            "2026",
            "2026-13",
            "2026-00",
            "26-11",
            "2026-1",
            "+026-11",
            "2026-11-01",
        ] {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
        for text in ["", "Mars/Olympus", "../../etc/passwd"] {
            assert!(text.parse::<Zone>().is_err(), "{text}");
        }
    }
}
