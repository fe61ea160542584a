//! How frames of a network are wrapped into packets between hosts, and what that costs.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// A way to carry Ethernet frames in UDP datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encapsulation {
    /// VXLAN (RFC 7348), UDP port 4789.
    Vxlan,
    /// Geneve (RFC 8926), UDP port 6081, without options.
    Geneve,
}

impl Encapsulation {
    /// Every encapsulation with its name, which is also what Open vSwitch calls it.
    pub const ALL: &[(Self, &str)] = &[(Self::Vxlan, "vxlan"), (Self::Geneve, "geneve")];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vxlan => "vxlan",
            Self::Geneve => "geneve",
        }
    }

    /// How many bytes of every underlay IP packet are not the instance's IP packet.
    ///
    /// ```text
    ///   | IPv4 20, IPv6 40 | UDP 8 | VXLAN 8 or Geneve 8 | Ethernet 14 | the instance's IP packet |
    ///   '------------------------- the underlay's IP packet -----------------------------------'
    /// ```
    ///
    /// The inner frame carries no VLAN tag: VIFs send none. 50 over IPv4, 70 over IPv6.
    #[must_use]
    pub const fn overhead_bytes(self, underlay: IpAddr) -> u16 {
        const UDP: u16 = 8;
        const ETHERNET: u16 = 14;
        let ip = match underlay {
            IpAddr::V4(_) => 20,
            IpAddr::V6(_) => 40,
        };
        let header = match self {
            // Flags, VNI and reserved bits: RFC 7348 §5.
            Self::Vxlan => 8,
            // Its fixed part: RFC 8926 §3.1. We send no options.
            Self::Geneve => 8,
        };
        ip + UDP + header + ETHERNET
    }
}

impl fmt::Display for Encapsulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    #[test]
    fn an_overlay_costs_50_bytes_over_ipv4_and_70_over_ipv6() {
        for (encapsulation, _) in Encapsulation::ALL {
            let over = |underlay| encapsulation.overhead_bytes(underlay);
            assert_eq!(over(Ipv4Addr::UNSPECIFIED.into()), 50);
            assert_eq!(over(Ipv6Addr::UNSPECIFIED.into()), 70);
        }
    }
}
