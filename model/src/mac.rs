//! Ethernet addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{HostId, Invalid, NetworkNumber};

/// The Ethernet address of one VIF: unicast, never zero (IEEE 802-2014 §8.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacAddr([u8; 6]);

impl MacAddr {
    /// The six octets, in transmission order.
    #[must_use]
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }

    /// A locally administered unicast address made of 40 of the given bits.
    ///
    /// The first octet is `0xfa`, as hypervisors use for the addresses they make up themselves.
    #[must_use]
    pub const fn local(bits: u64) -> Self {
        let [_, _, _, a, b, c, d, e] = bits.to_be_bytes();
        Self([0xfa, a, b, c, d, e])
    }

    /// The address by which a network's gateway and its DHCP server are known to its ports: the
    /// same on every host, `0a:bd` and the network's number. No port may have it.
    #[must_use]
    pub const fn gateway(network: NetworkNumber) -> Self {
        let [a, b, c, d] = network.get().to_be_bytes();
        Self([0x0a, 0xbd, a, b, c, d])
    }

    /// What the addresses of [`router`](Self::router) begin with.
    pub const ROUTERS: [u8; 2] = [0x0a, 0xbe];

    /// The address by which a host sends what it routed to other hosts. Were it the gateway's,
    /// which is on every host, the switches between would find it at ever changing ports.
    #[must_use]
    pub const fn router(host: HostId) -> Self {
        let [.., a, b, c, d] = host.uuid().into_bytes();
        let [first, second] = Self::ROUTERS;
        Self([first, second, a, b, c, d])
    }

    /// Whether it could be a host's [`router`](Self::router).
    #[must_use]
    pub const fn is_a_routers(self) -> bool {
        let [first, second, ..] = self.0;
        first == Self::ROUTERS[0] && second == Self::ROUTERS[1]
    }

    /// What the addresses of [`public`](Self::public) begin with, for IPv4.
    pub const PUBLIC: [u8; 2] = [0x0a, 0xbf];

    /// The same for IPv6.
    pub const PUBLIC_V6: [u8; 2] = [0x0a, 0xb6];

    /// The Ethernet address behind which hosts have an address of an external network: it follows from
    /// that, so it moves with it, and who knows it already has nothing to learn. No port may have it.
    /// Of an IPv6 address it has the last four bytes: others that end alike are never lent beside it.
    #[must_use]
    pub fn public(address: impl Into<IpAddr>) -> Self {
        let ([first, second], [a, b, c, d]) = match address.into() {
            IpAddr::V4(address) => (Self::PUBLIC, address.octets()),
            IpAddr::V6(address) => {
                let [.., a, b, c, d] = address.octets();
                (Self::PUBLIC_V6, [a, b, c, d])
            }
        };
        Self([first, second, a, b, c, d])
    }

    /// The IPv4 address that it is behind, if it is the [`public`](Self::public) one of such.
    #[must_use]
    pub const fn public_v4(self) -> Option<Ipv4Addr> {
        let [first, second, a, b, c, d] = self.0;
        match first == Self::PUBLIC[0] && second == Self::PUBLIC[1] {
            true => Some(Ipv4Addr::new(a, b, c, d)),
            false => None,
        }
    }

    /// Whether it could be a [`public`](Self::public) one.
    #[must_use]
    pub fn is_public(self) -> bool {
        let [first, second, ..] = self.0;
        [Self::PUBLIC, Self::PUBLIC_V6].contains(&[first, second])
    }
}

impl TryFrom<[u8; 6]> for MacAddr {
    type Error = Invalid;

    fn try_from(octets: [u8; 6]) -> Result<Self, Invalid> {
        if octets[0] & 1 == 0 && octets != [0; 6] {
            return Ok(Self(octets));
        }
        Err(Invalid::new(
            "a unicast Ethernet address, not multicast and not all zero",
        ))
    }
}

impl FromStr for MacAddr {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        const ALLOWED: Invalid =
            Invalid::new("an Ethernet address such as fa:16:3e:00:12:34, unicast");
        let mut octets = [0; 6];
        let mut parts = text.split(':');
        for octet in &mut octets {
            let part = parts.next().filter(|part| part.len() == 2);
            *octet = part
                .filter(|part| part.bytes().all(|b| b.is_ascii_hexdigit()))
                .and_then(|part| u8::from_str_radix(part, 16).ok())
                .ok_or(ALLOWED)?;
        }
        if parts.next().is_some() {
            return Err(ALLOWED);
        }
        Self::try_from(octets)
    }
}

impl TryFrom<String> for MacAddr {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<MacAddr> for String {
    fn from(mac: MacAddr) -> Self {
        mac.to_string()
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_survives_text_and_back() {
        let mac: MacAddr = "FA:16:3e:00:12:34".parse().unwrap();
        assert_eq!(mac.to_string(), "fa:16:3e:00:12:34");
        assert_eq!(mac.to_string().parse(), Ok(mac));
    }

    #[test]
    fn multicast_zero_and_malformed_addresses_are_refused() {
        for bad in [
            "01:00:5e:00:00:01",
            "ff:ff:ff:ff:ff:ff",
            "00:00:00:00:00:00",
            "fa:16:3e:00:12",
            "fa:16:3e:00:12:34:56",
            "fa:16:3e:0:12:34",
            "fa:16:3e:+1:12:34",
            "",
        ] {
            assert!(bad.parse::<MacAddr>().is_err(), "{bad}");
        }
    }
}
