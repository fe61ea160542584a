//! Caps: how much may be moved in a period, and what comes of it when that much was.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::billing::{Period, Way, Zone};
use crate::{
    BitRate, Classes, Id, Invalid, Limits, PortId, Suspended, TenantId, Timestamp, TrafficClass,
};

/// The identifier of a [`Cap`].
pub type CapId = Id<Cap>;

/// How much a tenant, or one port of it, may move in each period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cap {
    /// Its identifier.
    pub id: CapId,
    /// Whose traffic counts.
    pub tenant_id: TenantId,
    /// The one port whose traffic counts; all of the tenant's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port_id: Option<PortId>,
    /// What of it counts: of which class.
    pub class: CapClass,
    /// And which way, as the instance sees it.
    pub way: Way,
    /// How long each period is.
    pub period: CapPeriod,
    /// How much may be moved in a period.
    pub bytes: CapBytes,
    /// At which shares of it operators are warned, each once a period, in order.
    pub warn_at: Vec<Share>,
    /// What comes of it when that much was moved.
    #[serde(flatten)]
    pub action: CapAction,
    /// How it stands.
    #[serde(flatten)]
    pub state: CapState,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What comes of a cap that is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "then", rename_all = "lowercase")]
pub enum CapAction {
    /// Each port that the cap is about is held to this rate, the capped way, whatever the class.
    Throttle {
        /// Bits per second.
        rate: BitRate,
    },
    /// Nothing of what the cap counts passes.
    Suspend,
}

/// What a cap counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CapClass {
    /// Everything.
    #[default]
    All,
    /// See [`TrafficClass::TenantInternal`].
    TenantInternal,
    /// See [`TrafficClass::PoolInternal`].
    PoolInternal,
    /// See [`TrafficClass::Public`].
    Public,
}

/// How long the periods of a cap are. They are those of UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CapPeriod {
    /// From one full hour to the next.
    Hour,
    /// From midnight to midnight.
    Day,
    /// A calendar month.
    #[default]
    Month,
}

/// One period: its start is in it, its end is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CapSpan {
    /// When it begins.
    pub from: Timestamp,
    /// When the next one begins.
    pub to: Timestamp,
}

/// How a cap stood when that last changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapState {
    /// Which period the rest is about: when it began. In any other the cap begins anew.
    pub period_start: Timestamp,
    /// Whether it is reached.
    pub standing: CapStanding,
    /// The highest share that operators were warned at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warned_at: Option<Share>,
    /// What had been moved then, in bytes: within a period that never becomes less.
    pub noted_bytes: u64,
}

/// Whether a cap is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CapStanding {
    /// Less was moved.
    #[default]
    Below,
    /// So much was moved, and what the cap says of that holds.
    Reached,
    /// So much was moved, and an operator lifted the cap for the rest of the period.
    Lifted,
}

impl Cap {
    /// The most shares that one cap warns at.
    pub const WARNINGS_MAX: usize = 10;
    /// The shares that a cap warns at where nothing is said of them.
    pub const WARN_AT: [Share; 2] = [Share(80), Share(90)];

    /// What it bounds of each port that it is about, as it stands.
    #[must_use]
    pub fn bounds(&self) -> Limits {
        if self.state.standing != CapStanding::Reached {
            return Limits::default();
        }
        let (sent, received) = (self.way != Way::Received, self.way != Way::Sent);
        match self.action {
            CapAction::Throttle { rate } => Limits {
                rate_out: sent.then_some(rate),
                rate_in: received.then_some(rate),
                ..Limits::default()
            },
            CapAction::Suspend => {
                let classes = |counts| match counts {
                    true => self.class.classes(),
                    false => Classes::default(),
                };
                Limits {
                    suspended: Suspended {
                        sent: classes(sent),
                        received: classes(received),
                    },
                    ..Limits::default()
                }
            }
        }
    }

    /// The highest share it warns at that so many bytes are.
    #[must_use]
    pub fn passed(&self, bytes: u64) -> Option<Share> {
        let mut passed = self.warn_at.iter().rev();
        passed.find(|it| it.is_passed(bytes, self.bytes)).copied()
    }
}

impl CapAction {
    /// Its name, as in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Throttle { .. } => "throttle",
            Self::Suspend => "suspend",
        }
    }
}

impl CapClass {
    /// Every choice, with its name.
    pub const ALL: &[(Self, &str)] = &[
        (Self::All, "all"),
        (Self::TenantInternal, "tenant-internal"),
        (Self::PoolInternal, "pool-internal"),
        (Self::Public, "public"),
    ];

    /// Its name, as in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::TenantInternal => TrafficClass::TenantInternal.name(),
            Self::PoolInternal => TrafficClass::PoolInternal.name(),
            Self::Public => TrafficClass::Public.name(),
        }
    }

    /// Whether traffic of this class counts.
    #[must_use]
    pub fn counts(self, class: TrafficClass) -> bool {
        match self {
            Self::All => true,
            Self::TenantInternal => class == TrafficClass::TenantInternal,
            Self::PoolInternal => class == TrafficClass::PoolInternal,
            Self::Public => class == TrafficClass::Public,
        }
    }

    fn classes(self) -> Classes {
        let all = TrafficClass::ALL.iter().map(|(class, _)| *class);
        all.filter(|class| self.counts(*class)).collect()
    }
}

impl CapPeriod {
    /// Every choice, with its name.
    pub const ALL: &[(Self, &str)] = &[
        (Self::Hour, "hour"),
        (Self::Day, "day"),
        (Self::Month, "month"),
    ];

    /// Its name, as in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// The period that a moment is in.
    #[must_use]
    pub fn span(self, moment: Timestamp) -> CapSpan {
        let of = |length: i64| {
            let from = moment.unix_seconds().div_euclid(length) * length;
            CapSpan {
                from: Timestamp::from_unix_seconds(from),
                to: Timestamp::from_unix_seconds(from + length),
            }
        };
        match self {
            Self::Hour => of(3_600),
            Self::Day => of(86_400),
            Self::Month => {
                let utc = Zone::utc();
                let month = Period::of(moment, &utc);
                CapSpan {
                    from: month.start_in(&utc),
                    to: month.next().start_in(&utc),
                }
            }
        }
    }
}

impl CapStanding {
    /// Every standing, with its name.
    pub const ALL: &[(Self, &str)] = &[
        (Self::Below, "below"),
        (Self::Reached, "reached"),
        (Self::Lifted, "lifted"),
    ];

    /// Its name, as in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Below => "below",
            Self::Reached => "reached",
            Self::Lifted => "lifted",
        }
    }
}

impl CapState {
    /// Of a period in which nothing happened yet.
    #[must_use]
    pub const fn fresh(period_start: Timestamp) -> Self {
        Self {
            period_start,
            standing: CapStanding::Below,
            warned_at: None,
            noted_bytes: 0,
        }
    }
}

/// A number of bytes: a whole number, or one of thousands, millions and so on, such as `500G` or `2T`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct CapBytes(u64);

/// A share in percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Share(u8);

const BYTES: Invalid =
    Invalid::new("a number of bytes from 1 to 1000000000000000000, such as \"500G\" or \"2T\"");
const SHARE: Invalid = Invalid::new("a whole number of percent from 1 to 100");

/// What may follow a number of bytes.
const UNITS: [(char, u64); 6] = [
    ('P', 1_000_000_000_000_000),
    ('T', 1_000_000_000_000),
    ('G', 1_000_000_000),
    ('M', 1_000_000),
    ('k', 1_000),
    ('K', 1_000),
];

impl CapBytes {
    /// What it may be.
    pub const BYTES: RangeInclusive<u64> = 1..=1_000_000_000_000_000_000;

    /// How many.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl Share {
    /// What it may be.
    pub const PERCENT: RangeInclusive<u8> = 1..=100;

    /// How many hundredths.
    #[must_use]
    pub const fn percent(self) -> u8 {
        self.0
    }

    /// Whether so many bytes are this share of a cap, or more.
    #[must_use]
    pub fn is_passed(self, bytes: u64, cap: CapBytes) -> bool {
        u128::from(bytes) * 100 >= u128::from(cap.0) * u128::from(self.0)
    }
}

impl TryFrom<u64> for CapBytes {
    type Error = Invalid;

    fn try_from(bytes: u64) -> Result<Self, Invalid> {
        let allowed = Self::BYTES.contains(&bytes);
        allowed.then_some(Self(bytes)).ok_or(BYTES)
    }
}

impl From<CapBytes> for u64 {
    fn from(bytes: CapBytes) -> Self {
        bytes.0
    }
}

impl FromStr for CapBytes {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let unit = UNITS.iter().find(|(unit, _)| text.ends_with(*unit));
        let (digits, scale) = match unit {
            Some((unit, scale)) => (text.strip_suffix(*unit).unwrap_or_default(), *scale),
            None => (text, 1),
        };
        let only_digits = digits.bytes().all(|it| it.is_ascii_digit());
        let number: Option<u64> = digits.parse().ok().filter(|_| only_digits);
        let bytes = number.and_then(|it| it.checked_mul(scale));
        bytes.ok_or(BYTES)?.try_into()
    }
}

impl fmt::Display for CapBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, scale): &&(char, u64)| self.0.is_multiple_of(*scale);
        match UNITS.iter().find(fits) {
            Some((unit, scale)) => write!(f, "{}{unit}", self.0 / scale),
            None => write!(f, "{}", self.0),
        }
    }
}

impl TryFrom<u8> for Share {
    type Error = Invalid;

    fn try_from(percent: u8) -> Result<Self, Invalid> {
        let allowed = Self::PERCENT.contains(&percent);
        allowed.then_some(Self(percent)).ok_or(SHARE)
    }
}

impl From<Share> for u8 {
    fn from(share: Share) -> Self {
        share.0
    }
}

impl FromStr for Share {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        text.parse::<u8>().map_err(|_| SHARE)?.try_into()
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

/// Words of the command line.
macro_rules! words {
    ($($type:ty: $allowed:literal,)*) => {$(
        impl FromStr for $type {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                let found = Self::ALL.iter().find(|(_, name)| *name == text);
                found.map(|(it, _)| *it).ok_or(Invalid::new($allowed))
            }
        }
    )*};
}

words! {
    CapClass: "one of \"all\", \"tenant-internal\", \"pool-internal\", \"public\"",
    CapPeriod: "one of \"hour\", \"day\", \"month\"",
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn span(period: CapPeriod, moment: &str) -> [String; 2] {
        let CapSpan { from, to } = period.span(at(moment));
        [from, to].map(|it| it.to_string())
    }

    #[test]
    fn every_moment_is_in_one_period_of_utc_and_its_end_is_in_the_next() {
        let moments = [
            (
                "2026-11-30T23:59:59.999Z",
                ["2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"],
                ["2026-11-30T00:00:00Z", "2026-12-01T00:00:00Z"],
                ["2026-11-30T23:00:00Z", "2026-12-01T00:00:00Z"],
            ),
            (
                "2027-01-01T00:00:00Z",
                ["2027-01-01T00:00:00Z", "2027-02-01T00:00:00Z"],
                ["2027-01-01T00:00:00Z", "2027-01-02T00:00:00Z"],
                ["2027-01-01T00:00:00Z", "2027-01-01T01:00:00Z"],
            ),
            (
                "2028-02-29T12:30:00Z",
                ["2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"],
                ["2028-02-29T00:00:00Z", "2028-03-01T00:00:00Z"],
                ["2028-02-29T12:00:00Z", "2028-02-29T13:00:00Z"],
            ),
        ];
        for (moment, month, day, hour) in moments {
            assert_eq!(span(CapPeriod::Month, moment), month);
            assert_eq!(span(CapPeriod::Day, moment), day);
            assert_eq!(span(CapPeriod::Hour, moment), hour);
        }
        for (period, _) in CapPeriod::ALL {
            let CapSpan { from, to } = period.span(at("2026-11-22T23:10:00Z"));
            assert_eq!(period.span(from).from, from);
            assert_eq!(period.span(to).from, to);
        }
    }

    #[test]
    fn bytes_have_units_of_thousands_and_nothing_else_is_a_number_of_them() {
        for (text, bytes) in [
            ("1", 1),
            ("500G", 500_000_000_000),
            ("2T", 2_000_000_000_000),
            ("1500k", 1_500_000),
            ("1000P", 1_000_000_000_000_000_000),
        ] {
            assert_eq!(text.parse::<CapBytes>().unwrap().get(), bytes, "{text}");
        }
        assert_eq!("1500k".parse::<CapBytes>().unwrap().to_string(), "1500k");
        assert_eq!("3000G".parse::<CapBytes>().unwrap().to_string(), "3T");
        for text in [
            "", "0", "0G", "G", "-1", "+1", "1.5T", "1 G", "1GB", "1001P", "1E",
        ] {
            assert_eq!(text.parse::<CapBytes>(), Err(BYTES), "{text:?}");
        }
        for text in ["0", "101", "-1", "80%", ""] {
            assert_eq!(text.parse::<Share>(), Err(SHARE), "{text:?}");
        }
    }

    #[test]
    fn a_share_is_passed_at_the_byte_that_makes_it_full_however_large_the_cap_is() {
        let share = Share(80);
        let cap = CapBytes(101);
        assert!(!share.is_passed(80, cap));
        assert!(share.is_passed(81, cap));
        let most = CapBytes(*CapBytes::BYTES.end());
        assert!(!share.is_passed(799_999_999_999_999_999, most));
        assert!(share.is_passed(u64::MAX, most));
    }

    #[test]
    fn only_a_cap_that_is_reached_bounds_anything_and_just_what_it_counts() {
        let mut cap: Cap = serde_json::from_str(
            r#"{"id":"01920f5e-0000-7000-8000-00000000000a",
                "tenant_id":"01920f5e-0000-7000-8000-00000000000b",
                "class":"public","way":"sent","period":"month","bytes":1000,"warn_at":[80],
                "then":"throttle","rate":"10M","period_start":"2026-11-01T00:00:00Z",
                "standing":"below","noted_bytes":0,"created_at":"2026-11-01T00:00:00Z"}"#,
        )
        .unwrap();
        for standing in [CapStanding::Below, CapStanding::Lifted] {
            cap.state.standing = standing;
            assert_eq!(cap.bounds(), Limits::default());
        }
        cap.state.standing = CapStanding::Reached;
        let limits = |text| serde_json::from_str::<Limits>(text).unwrap();
        assert_eq!(cap.bounds(), limits(r#"{"rate_out":"10M"}"#));
        cap.way = Way::Both;
        let both = r#"{"rate_out":"10M","rate_in":"10M"}"#;
        assert_eq!(cap.bounds(), limits(both));
        cap.action = CapAction::Suspend;
        let both = r#"{"suspended":{"sent":["public"],"received":["public"]}}"#;
        assert_eq!(cap.bounds(), limits(both));
        (cap.way, cap.class) = (Way::Received, CapClass::All);
        let received = r#"{"suspended":{"received":["tenant-internal","pool-internal","public"]}}"#;
        assert_eq!(cap.bounds(), limits(received));
    }
}
