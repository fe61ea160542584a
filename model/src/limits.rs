//! How much a port may take: bandwidth, packets, frames for everybody, connections.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Invalid, Suspended};

/// What bounds a port. Directions are as its instance sees them: `out` is what it sends. Whatever is
/// absent is not limited, but for floods and connections, which have a generous default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// The bits of the frames that it sends, a second, from the Ethernet header on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_out: Option<BitRate>,
    /// The bits of the frames that it is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_in: Option<BitRate>,
    /// The frames that it sends, a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packets_out: Option<PacketRate>,
    /// The frames that it is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packets_in: Option<PacketRate>,
    /// The frames that it sends to more than one receiver: broadcast and multicast.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floods_out: Option<PacketRate>,
    /// The connections that are tracked for it at any moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<Connections>,
    /// How long it may go beyond its rates after it was silent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst_milliseconds: Option<Burst>,
    /// What does not pass at all: by caps that are reached, and where a tenant is suspended.
    #[serde(default, skip_serializing_if = "Suspended::is_nothing")]
    pub suspended: Suspended,
}

impl Limits {
    /// The floods that a port may send where nothing is said of them. A machine asks for a handful of
    /// neighbours a second; only one that streams to a multicast group needs more.
    pub const FLOODS: PacketRate = PacketRate(1_000);

    /// The connections that are tracked for a port where nothing is said of them.
    pub const CONNECTIONS: Connections = Connections(100_000);

    /// What remains under both: of each limit the lower one, of two bursts the shorter, and nothing of
    /// what either suspends.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            rate_out: lower(self.rate_out, other.rate_out),
            rate_in: lower(self.rate_in, other.rate_in),
            packets_out: lower(self.packets_out, other.packets_out),
            packets_in: lower(self.packets_in, other.packets_in),
            floods_out: lower(self.floods_out, other.floods_out),
            connections: lower(self.connections, other.connections),
            burst_milliseconds: lower(self.burst_milliseconds, other.burst_milliseconds),
            suspended: self.suspended.and(other.suspended),
        }
    }

    /// These, and where they say nothing what `default` says.
    #[must_use]
    pub fn or(self, default: Self) -> Self {
        Self {
            rate_out: self.rate_out.or(default.rate_out),
            rate_in: self.rate_in.or(default.rate_in),
            packets_out: self.packets_out.or(default.packets_out),
            packets_in: self.packets_in.or(default.packets_in),
            floods_out: self.floods_out.or(default.floods_out),
            connections: self.connections.or(default.connections),
            burst_milliseconds: self.burst_milliseconds.or(default.burst_milliseconds),
            suspended: self.suspended.and(default.suspended),
        }
    }

    /// Whether any rate is limited, so that a burst means something.
    #[must_use]
    pub const fn has_rates(&self) -> bool {
        self.rate_out.is_some()
            || self.rate_in.is_some()
            || self.packets_out.is_some()
            || self.packets_in.is_some()
            || self.floods_out.is_some()
    }
}

fn lower<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// Bits per second: a whole number, or one of thousands, millions or thousands of millions, such as
/// `64k`, `100M`, `10G`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BitRate(u64);

impl BitRate {
    /// What it may be: switches count in thousands, in 32 bits, and below the least a single frame
    /// takes a good part of a second.
    pub const BITS: RangeInclusive<u64> = 64_000..=4_294_967_295_000;

    /// In bits per second.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// In thousands of bits per second, rounded up.
    #[must_use]
    pub fn kilobits(self) -> u32 {
        u32::try_from(self.0.div_ceil(1_000)).unwrap_or(u32::MAX)
    }
}

/// Packets per second: a whole number, or one of thousands or millions, such as `500`, `10k`, `2M`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PacketRate(u32);

impl PacketRate {
    /// What it may be.
    pub const PACKETS: RangeInclusive<u64> = 1..=4_000_000_000;

    /// In packets per second.
    #[must_use]
    pub const fn packets(self) -> u32 {
        self.0
    }
}

/// A number of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Connections(u32);

impl Connections {
    /// What it may be: what a switch tracks altogether.
    pub const COUNT: RangeInclusive<u32> = 1..=3_000_000;

    /// How many.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// Milliseconds for which a rate may be exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Burst(u32);

impl Burst {
    /// What it may be: longer, and it would be no limit for anything that is short.
    pub const MILLISECONDS: RangeInclusive<u32> = 10..=10_000;

    /// Where nothing is said: TCP fills its rate with it, and a neighbour hardly notices.
    pub const DEFAULT: Self = Self(200);

    /// What a rate per second makes in this time.
    #[must_use]
    pub fn of(self, per_second: u32) -> u32 {
        let amount = u64::from(per_second) * u64::from(self.0) / 1_000;
        u32::try_from(amount).unwrap_or(u32::MAX)
    }
}

const BIT_RATE: Invalid =
    Invalid::new("bits per second from 64k to 4294967295k, such as \"100M\" or \"1G\"");
const PACKET_RATE: Invalid =
    Invalid::new("packets per second from 1 to 4000M, such as \"500\" or \"10k\"");
const CONNECTIONS: Invalid = Invalid::new("a number of connections from 1 to 3000000");
const BURST: Invalid = Invalid::new("a number of milliseconds from 10 to 10000");

/// What may follow a number, the largest first.
const UNITS: [(char, u64); 4] = [
    ('G', 1_000_000_000),
    ('M', 1_000_000),
    ('k', 1_000),
    ('K', 1_000),
];

fn parse_scaled(text: &str) -> Option<u64> {
    let unit = UNITS.iter().find(|(unit, _)| text.ends_with(*unit));
    let (digits, scale) = match unit {
        Some((unit, scale)) => (text.strip_suffix(*unit)?, *scale),
        None => (text, 1),
    };
    let only_digits = digits.bytes().all(|it| it.is_ascii_digit());
    let number: u64 = digits.parse().ok().filter(|_| only_digits)?;
    number.checked_mul(scale)
}

fn print_scaled(number: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let fits = |(_, scale): &&(char, u64)| number > 0 && number.is_multiple_of(*scale);
    match UNITS.iter().find(fits) {
        Some((unit, scale)) => write!(f, "{}{unit}", number / scale),
        None => write!(f, "{number}"),
    }
}

impl FromStr for BitRate {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let bits = parse_scaled(text).filter(|it| Self::BITS.contains(it));
        bits.map(Self).ok_or(BIT_RATE)
    }
}

impl FromStr for PacketRate {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let packets = parse_scaled(text).filter(|it| Self::PACKETS.contains(it));
        let packets = packets.and_then(|it| u32::try_from(it).ok());
        packets.map(Self).ok_or(PACKET_RATE)
    }
}

impl fmt::Display for BitRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print_scaled(self.0, f)
    }
}

impl fmt::Display for PacketRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print_scaled(self.0.into(), f)
    }
}

/// Types that are text outside.
macro_rules! texts {
    ($($type:ty,)*) => {$(
        impl TryFrom<String> for $type {
            type Error = Invalid;

            fn try_from(text: String) -> Result<Self, Invalid> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.to_string()
            }
        }
    )*};
}

texts! {
    BitRate,
    PacketRate,
}

/// Types that are a number outside, the numbers that are allowed, and what is said of others.
macro_rules! numbers {
    ($($type:ident: $range:ident, $invalid:expr,)*) => {$(
        impl TryFrom<u32> for $type {
            type Error = Invalid;

            fn try_from(number: u32) -> Result<Self, Invalid> {
                let allowed = Self::$range.contains(&number);
                allowed.then_some(Self(number)).ok_or($invalid)
            }
        }

        impl FromStr for $type {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                text.parse::<u32>().map_err(|_| $invalid)?.try_into()
            }
        }

        impl From<$type> for u32 {
            fn from(value: $type) -> Self {
                value.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    )*};
}

numbers! {
    Connections: COUNT, CONNECTIONS,
    Burst: MILLISECONDS, BURST,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_and_written_with_their_units() {
        for (text, bits) in [
            ("64k", 64_000),
            ("100M", 100_000_000),
            ("1500k", 1_500_000),
            ("64001", 64_001),
            ("10G", 10_000_000_000),
        ] {
            let rate: BitRate = text.parse().unwrap();
            assert_eq!((rate.0, rate.to_string().as_str()), (bits, text));
        }
        assert_eq!("1000K".parse::<PacketRate>().unwrap().to_string(), "1M");
        assert_eq!("64001".parse::<BitRate>().unwrap().kilobits(), 65);
    }

    #[test]
    fn zero_units_that_nobody_knows_and_rates_beyond_a_switch_are_refused() {
        for text in [
            "",
            "0",
            "0M",
            "k",
            "-1M",
            "+1M",
            "1.5G",
            "1 M",
            "1Mbit",
            "100m",
            "1T",
            "63999",
            "4294967296k",
            "99999999999999999999",
            "18446744073709551615G",
        ] {
            assert_eq!(text.parse::<BitRate>(), Err(BIT_RATE), "{text:?}");
        }
        for text in ["", "0", "0k", "5G", "4001M", "ten", "1pps"] {
            assert_eq!(text.parse::<PacketRate>(), Err(PACKET_RATE), "{text:?}");
        }
        for number in [0, 9, 10_001, u32::MAX] {
            assert_eq!(Burst::try_from(number), Err(BURST), "{number}");
        }
        assert_eq!(Connections::try_from(0), Err(CONNECTIONS));
        assert!(serde_json::from_str::<Limits>(r#"{"rate_out":"0"}"#).is_err());
        assert!(serde_json::from_str::<Limits>(r#"{"burst_milliseconds":1}"#).is_err());
    }

    #[test]
    fn of_two_limits_the_lower_one_holds() {
        let limits = |text| serde_json::from_str::<Limits>(text).unwrap();
        let own = limits(r#"{"rate_out":"100M","packets_in":"5k","connections":10}"#);
        let cap = limits(r#"{"rate_out":"10M","rate_in":"1G","connections":20}"#);
        let both =
            limits(r#"{"rate_out":"10M","rate_in":"1G","packets_in":"5k","connections":10}"#);
        assert_eq!(own.and(cap), both);
        assert_eq!(cap.and(own), both);
        assert_eq!(own.and(Limits::default()), own);
    }

    #[test]
    fn nothing_is_said_of_what_is_not_limited() {
        assert_eq!(serde_json::to_string(&Limits::default()).unwrap(), "{}");
    }

    #[test]
    fn a_burst_is_a_part_of_a_second() {
        assert_eq!(Burst::DEFAULT.of(10_000), 2_000);
        assert_eq!(Burst::try_from(10_000).unwrap().of(u32::MAX), u32::MAX);
    }
}
