//! With whom a network is shared: physical machines, other tenants; and whether its ports are.

use serde::{Deserialize, Serialize};

use crate::MacAddr;

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
    /// The most Ethernet addresses of a gateway: flows grow with them.
    pub const GATEWAY_MACS_MAX: usize = 8;
}
