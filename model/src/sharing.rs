//! With whom a network is shared: physical machines, other tenants; and whether its ports are.

use serde::{Deserialize, Serialize};

use crate::{Family, MacAddr};

/// Who may be on a network besides ports of its owner, and whom its ports reach. By default nobody,
/// and each other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sharing {
    /// Whether physical machines are on its segment, its gateway among them. Then nobody answers for
    /// the gateway in its place, and frames for addresses that are not known go out to the segment.
    #[serde(default)]
    pub external: bool,
    /// Whether tenants other than its owner may have ports on it. They do not see each other's.
    #[serde(default)]
    pub shared: bool,
    /// Whether its ports reach the gateway and nobody else on it.
    #[serde(default)]
    pub isolated: bool,
    /// The Ethernet addresses that the gateway of an external, isolated network speaks from: a
    /// redundant pair of routers has several. Empty for any other network.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gateway_macs: Vec<MacAddr>,
}

impl Sharing {
    /// Where packets of this version of IP go to get out: the first of the gateway's Ethernet addresses.
    /// A redundant pair has two virtual ones, and that of IPv6 is known by how it begins
    /// (RFC 9568 §7.3).
    #[must_use]
    pub fn gateway_mac(&self, family: Family) -> Option<MacAddr> {
        const VIRTUAL_V6: [u8; 5] = [0x00, 0x00, 0x5e, 0x00, 0x02];
        let mut all = self.gateway_macs.iter();
        let is_virtual = |it: &&MacAddr| it.octets().starts_with(&VIRTUAL_V6);
        let own = all.find(is_virtual).filter(|_| family == Family::Ipv6);
        own.or(self.gateway_macs.first()).copied()
    }

    /// The most Ethernet addresses of a gateway: flows grow with them.
    pub const GATEWAY_MACS_MAX: usize = 8;
}
