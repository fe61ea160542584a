//! The values of fields.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::PortNo;

/// The value of a field: its bytes as one big-endian number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Value(pub u128);

impl From<u8> for Value {
    fn from(value: u8) -> Self {
        Value(value.into())
    }
}

impl From<u16> for Value {
    fn from(value: u16) -> Self {
        Value(value.into())
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Value(value.into())
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Value(value.into())
    }
}

impl From<u128> for Value {
    fn from(value: u128) -> Self {
        Value(value)
    }
}

impl From<PortNo> for Value {
    fn from(port: PortNo) -> Self {
        Value(port.0.into())
    }
}

/// An Ethernet address.
impl From<[u8; 6]> for Value {
    fn from(address: [u8; 6]) -> Self {
        Value(
            address
                .iter()
                .fold(0, |sum, &byte| sum << 8 | u128::from(byte)),
        )
    }
}

impl From<Ipv4Addr> for Value {
    fn from(address: Ipv4Addr) -> Self {
        Value(u32::from(address).into())
    }
}

impl From<Ipv6Addr> for Value {
    fn from(address: Ipv6Addr) -> Self {
        Value(address.into())
    }
}

impl From<IpAddr> for Value {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) => address.into(),
        }
    }
}
