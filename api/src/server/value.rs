//! How one value of a request is read, and what is said when it cannot be.

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU16;

use ipnet::IpNet;
use model::billing::{Currency, PercentilePrice, Period, TransferPrice, Zone};
use model::plan::Trial;
use model::{
    Acceleration, AddressPair, AddressRange, BitRate, Boot, CommandLine, Direction, DomainName,
    Family, ForwardedProtocol, GuestName, Handout, HistoryMark, Id, ImageName, MacAddr, Name,
    PacketRate, PhysicalNetwork, PortRange, Power, ProtocolName, Reason, Role, Route, Snat,
    SplitBy, SpoofGuard, StaticRoute, TenantState, Timestamp, TracedProtocol, TracedState,
    Tracking, TrafficClass, Uplink, UsageOf, UsageSort, UsageStep, VlanChoice, VlanId, VlanRanges,
    Vni,
};
use serde_json::Value;

use crate::problem::FieldCode;
use crate::request::NetworkKind;

/// A type that fields may have.
pub(super) trait FieldValue: Sized {
    /// What is allowed, as a phrase that follows "expected".
    const EXPECTED: &'static str;

    /// Reads it, or says what is wrong with it.
    fn read(value: &Value) -> Result<Self, FieldCode>;
}

/// Types that are read from a JSON string by `FromStr`, and what each allows.
macro_rules! text_values {
    ($($type:ty: $expected:literal,)*) => {$(
        impl FieldValue for $type {
            const EXPECTED: &'static str = $expected;

            fn read(value: &Value) -> Result<Self, FieldCode> {
                parse(value)
            }
        }
    )*};
}

text_values! {
    Name: "a text of 1 to 64 characters, no control characters, no space at either end",
    Reason: "a text of 1 to 200 characters, no control characters, no space at either end",
    ImageName: "the name of a file in the hosts' folder of images: 1 to 255 letters, digits, \".\", \"_\", \"-\" or \"+\", no \".\" in front",
    CommandLine: "at most 2047 printable ASCII characters",
    GuestName: "a guest's name or UUID: a text of 1 to 255 bytes, no control characters",
    HistoryMark: "the number of a record, a colon and its hash of 64 hexadecimal digits",
    Uplink: "a NIC, a bond of NICs, or a VLAN of one, such as \"eth0\", \"eth0/vlan20\", \"eth1+eth2/lacp\" or \"eth1+eth2/active-backup/vlan20\"",
    MacAddr: "a unicast Ethernet address such as \"fa:16:3e:00:12:34\"",
    VlanRanges: "VLAN ids and ranges from 1 to 4094, in order, such as \"100-199,300\"",
    Role: "one of \"management\", \"private\", \"public\", \"storage\"",
    Timestamp: "a time as in RFC 3339, such as \"2026-11-22T12:30:00Z\"",
    DomainName: "a domain name such as \"example.net\"",
    Route: "an IPv4 route such as \"10.9.0.0/16 via 10.0.0.7\"",
    StaticRoute: "a route such as \"10.9.0.0/16 via 10.0.0.7\": a prefix with no host bits set, and a next hop of its family",
    AddressRange: "an address or a range such as \"10.0.0.10-10.0.0.99\"",
    AddressPair: "an address or prefix such as \"10.0.0.50\", or with an Ethernet address \"10.0.0.50@00:00:5e:00:01:32\"",
    PortRange: "a port or a range of ports, such as \"80\" or \"8000-8100\"",
    ProtocolName: "one of \"any\", \"tcp\", \"udp\", \"icmp\", \"icmpv6\", or a number such as \"47\"",
    Period: "a month such as \"2026-11\"",
    Zone: "a time zone such as \"UTC\" or \"Europe/Berlin\"",
    Currency: "a currency of three capital letters such as \"EUR\"",
    BitRate: "bits per second from 64k to 4294967295k, such as \"100M\" or \"1G\"",
    PacketRate: "packets per second from 1 to 4000M, such as \"500\" or \"10k\"",
    Ipv4Addr: "an IPv4 address such as \"203.0.113.7\"",
    IpAddr: "an IP address such as \"10.0.0.5\" or \"fd00::5\"",
}

impl FieldValue for TenantState {
    const EXPECTED: &'static str = "one of \"active\", \"suspended\"";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        word(value, Self::ALL)
    }
}

impl FieldValue for Power {
    const EXPECTED: &'static str = "one of \"on\", \"off\"";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        word(value, Self::ALL)
    }
}

impl FieldValue for Acceleration {
    const EXPECTED: &'static str = "one of \"auto\", \"emulated\"";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        word(value, Self::ALL)
    }
}

/// The memory of a machine.
pub(super) struct MemoryMib(pub(super) u32);

impl FieldValue for MemoryMib {
    const EXPECTED: &'static str = "a number of MiB from 16 to 1048576";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        let memory = number(value)?;
        let allowed = Boot::MEMORY_MIB.contains(&memory);
        allowed.then_some(Self(memory)).ok_or(FieldCode::OutOfRange)
    }
}

/// The processors of a machine.
pub(super) struct Processors(pub(super) u16);

impl FieldValue for Processors {
    const EXPECTED: &'static str = "a number from 1 to 256";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        let processors = number(value)?;
        let allowed = Boot::PROCESSORS.contains(&processors);
        allowed
            .then_some(Self(processors))
            .ok_or(FieldCode::OutOfRange)
    }
}

impl FieldValue for Direction {
    const EXPECTED: &'static str = "one of \"ingress\", \"egress\"";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        word(value, Self::ALL)
    }
}

impl FieldValue for Family {
    const EXPECTED: &'static str = "one of \"ipv4\", \"ipv6\"";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        word(value, Self::ALL)
    }
}

impl FieldValue for Tracking {
    const EXPECTED: &'static str = "one of \"stateful\", \"stateless\"";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        word(value, Self::ALL)
    }
}

impl FieldValue for ForwardedProtocol {
    const EXPECTED: &'static str = "one of \"tcp\", \"udp\"";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        word(value, Self::ALL)
    }
}

impl FieldValue for NonZeroU16 {
    const EXPECTED: &'static str = "a port: a number from 1 to 65535";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        Self::new(number(value)?).ok_or(FieldCode::OutOfRange)
    }
}

impl FieldValue for bool {
    const EXPECTED: &'static str = "true or false";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        value.as_bool().ok_or(FieldCode::WrongType)
    }
}

impl<T> FieldValue for Id<T> {
    const EXPECTED: &'static str = "an id: a UUID such as \"01920f5e-7c1a-7000-8000-0123456789ab\"";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        parse(value)
    }
}

impl FieldValue for IpNet {
    const EXPECTED: &'static str =
        "a prefix with no host bits set, such as \"10.0.0.0/24\" or \"fd00::/64\"";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        let prefix: Self = parse(value)?;
        let has_host_bits = prefix.addr() != prefix.network();
        (!has_host_bits)
            .then_some(prefix)
            .ok_or(FieldCode::OutOfRange)
    }
}

impl FieldValue for VlanId {
    const EXPECTED: &'static str = "a VLAN id: a number from 1 to 4094";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        Self::try_from(number::<u16>(value)?).map_err(|_| FieldCode::OutOfRange)
    }
}

impl FieldValue for Vni {
    const EXPECTED: &'static str = "a VNI: a number from 1 to 16777215";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        Self::try_from(number::<u32>(value)?).map_err(|_| FieldCode::OutOfRange)
    }
}

impl FieldValue for NetworkKind {
    const EXPECTED: &'static str = "one of \"flat\", \"vlan\", \"vxlan\", \"geneve\"";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        let name = text(value)?;
        let found = Self::ALL.iter().find(|(_, known)| *known == name);
        found.map(|(kind, _)| *kind).ok_or(FieldCode::OutOfRange)
    }
}

impl FieldValue for TrafficClass {
    const EXPECTED: &'static str = "one of \"tenant-internal\", \"pool-internal\", \"public\"";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        let name = text(value)?;
        let found = Self::ALL.iter().find(|(class, _)| class.name() == name);
        found.map(|(class, _)| *class).ok_or(FieldCode::OutOfRange)
    }
}

impl FieldValue for SplitBy {
    const EXPECTED: &'static str = "one of \"peer\", \"protocol\", \"address\"";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        word(value, Self::ALL)
    }
}

impl FieldValue for UsageOf {
    const EXPECTED: &'static str = "one of \"tenant\", \"network\", \"port\"";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        match text(value)? {
            "tenant" => Ok(Self::Tenant),
            "network" => Ok(Self::Network),
            "port" => Ok(Self::Port),
            _ => Err(FieldCode::OutOfRange),
        }
    }
}

impl FieldValue for UsageStep {
    const EXPECTED: &'static str = "one of \"hour\", \"day\"";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        match text(value)? {
            "hour" => Ok(Self::Hour),
            "day" => Ok(Self::Day),
            _ => Err(FieldCode::OutOfRange),
        }
    }
}

impl FieldValue for UsageSort {
    const EXPECTED: &'static str = "one of \"id\", \"-bytes\"";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        match text(value)? {
            "id" => Ok(Self::Id),
            "-bytes" => Ok(Self::MostBytesFirst),
            _ => Err(FieldCode::OutOfRange),
        }
    }
}

impl FieldValue for Snat {
    const EXPECTED: &'static str = "one of \"on\", \"off\"";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        match text(value)? {
            "on" => Ok(Self::On),
            "off" => Ok(Self::Off),
            _ => Err(FieldCode::OutOfRange),
        }
    }
}

impl FieldValue for SpoofGuard {
    const EXPECTED: &'static str = "one of \"on\", \"off\"";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        match text(value)? {
            "on" => Ok(Self::On),
            "off" => Ok(Self::Off),
            _ => Err(FieldCode::OutOfRange),
        }
    }
}

/// How long an address is given out for, in seconds.
pub(super) struct Lease(pub(super) u32);

impl FieldValue for Lease {
    const EXPECTED: &'static str = "a number of seconds from 60 to 2592000";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        let seconds: u32 = number(value)?;
        let allowed = Handout::LEASES.contains(&seconds);
        allowed
            .then_some(Self(seconds))
            .ok_or(FieldCode::OutOfRange)
    }
}

impl FieldValue for VlanChoice {
    const EXPECTED: &'static str = "one of \"in-use\", \"all\"";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        let name = text(value)?;
        let found = Self::ALL.iter().find(|(_, known)| *known == name);
        found
            .map(|(choice, _)| *choice)
            .ok_or(FieldCode::OutOfRange)
    }
}

/// The size of a packet that is traced.
pub(super) struct PacketBytes(pub(super) u16);

impl FieldValue for PacketBytes {
    const EXPECTED: &'static str = "a number of bytes from 64 to 9216";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        let bytes: u16 = number(value)?;
        let allowed = (64..=9216).contains(&bytes);
        allowed.then_some(Self(bytes)).ok_or(FieldCode::OutOfRange)
    }
}

impl FieldValue for TracedProtocol {
    const EXPECTED: &'static str = "one of \"icmp\", \"tcp\", \"udp\"";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        let name = text(value)?;
        let found = Self::ALL.iter().find(|(_, known)| *known == name);
        found.map(|(it, _)| *it).ok_or(FieldCode::OutOfRange)
    }
}

impl FieldValue for TracedState {
    const EXPECTED: &'static str = "one of \"new\", \"established\"";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        let name = text(value)?;
        let found = Self::ALL.iter().find(|(_, known)| *known == name);
        found.map(|(it, _)| *it).ok_or(FieldCode::OutOfRange)
    }
}

impl FieldValue for u8 {
    const EXPECTED: &'static str = "a number from 0 to 255";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        number(value)
    }
}

impl FieldValue for TransferPrice {
    const EXPECTED: &'static str =
        "a price such as \"public:both:1000:0=0.05,10000=0.03\", or the same as an object";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        text_or_object(value)
    }
}

impl FieldValue for PercentilePrice {
    const EXPECTED: &'static str =
        "a price such as \"public:max:100:50.00:0.80\", or the same as an object";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        text_or_object(value)
    }
}

/// A value that may be written down as a text or as its parts.
fn text_or_object<T>(value: &Value) -> Result<T, FieldCode>
where
    T: std::str::FromStr + serde::de::DeserializeOwned,
{
    match value {
        Value::String(_) => parse(value),
        Value::Object(_) => T::deserialize(value).map_err(|_| FieldCode::OutOfRange),
        _ => Err(FieldCode::WrongType),
    }
}

/// The largest IP packet of a network, in bytes. Below 1280 IPv6 does not work (RFC 8200 §5).
pub(super) struct Mtu(pub(super) u16);

impl FieldValue for Mtu {
    const EXPECTED: &'static str = "a number of bytes from 1280 to 9216";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        let bytes: u16 = number(value)?;
        let allowed = (1280..=9216).contains(&bytes);
        allowed.then_some(Self(bytes)).ok_or(FieldCode::OutOfRange)
    }
}

/// An address of a host with the length of its prefix.
pub(super) struct HostPrefix(pub(super) IpNet);

impl FieldValue for HostPrefix {
    const EXPECTED: &'static str =
        "an address with the length of its prefix, such as \"192.0.2.7/24\"";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        parse(value).map(Self)
    }
}

/// How long a change of the management path may wait for its confirmation.
pub(super) struct ConfirmWithin(pub(super) u32);

impl FieldValue for ConfirmWithin {
    const EXPECTED: &'static str = "a number of seconds from 5 to 600";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        let seconds: u32 = number(value)?;
        let allowed = Trial::CONFIRM_WITHIN_SECONDS.contains(&seconds);
        allowed
            .then_some(Self(seconds))
            .ok_or(FieldCode::OutOfRange)
    }
}

/// The name of a physical network: its bridge on every host is called `br-<name>`.
pub(super) struct BridgedName(pub(super) Name);

impl FieldValue for BridgedName {
    const EXPECTED: &'static str = "a text of 1 to 12 ASCII letters, digits, \"-\" or \"_\"";

    fn read(value: &Value) -> Result<Self, FieldCode> {
        let name: Name = parse(value)?;
        let text = name.as_str();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let fits = text.len() <= PhysicalNetwork::NAME_MAX_CHARS && text.bytes().all(allowed);
        fits.then_some(Self(name)).ok_or(FieldCode::OutOfRange)
    }
}

fn text(value: &Value) -> Result<&str, FieldCode> {
    value.as_str().ok_or(FieldCode::WrongType)
}

/// One of a few words.
pub(super) fn word<T: Copy>(value: &Value, all: &[(T, &str)]) -> Result<T, FieldCode> {
    let name = text(value)?;
    let found = all.iter().find(|(_, known)| *known == name);
    found.map(|(it, _)| *it).ok_or(FieldCode::OutOfRange)
}

fn parse<T: std::str::FromStr>(value: &Value) -> Result<T, FieldCode> {
    text(value)?.parse().map_err(|_| FieldCode::OutOfRange)
}

/// A whole number; one beyond the bits it is read into is beyond the field's range.
pub(super) fn number<N: TryFrom<u64>>(value: &Value) -> Result<N, FieldCode> {
    let Value::Number(number) = value else {
        return Err(FieldCode::WrongType);
    };
    let number = number.as_u64().and_then(|number| N::try_from(number).ok());
    number.ok_or(FieldCode::OutOfRange)
}
