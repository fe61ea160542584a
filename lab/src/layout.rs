//! Where everything of a lab is: names, addresses and paths, all derived from the [`Spec`].
//!
//! ```text
//!   <directory>/
//!     lab.json  lab.lock           the lab's state; its presence marks the directory as ours
//!     switch/                      the physical switch: conf.db db.sock *.ctl *.pid *.log
//!     controller/                  the controller's data: api.sock admin.token ca.pem ...
//!     controller.log
//!     h1/ovs/                      the host's switch, as above, and its bridges' sockets
//!     h1/certificate/  h1/agent/   the agent's identity and state
//!     h1/libvirt/                  where the agent looks for a libvirt
//!     h1/agent.log
//!     guests/<name>/               the switch of a guest that has one
//! ```

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;

use crate::{Prefix, Spec};

/// The controller's address in the management network, 10.255.0.0/16.
pub(crate) const CONTROLLER_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 255, 0, 1);
/// Where the controller serves the REST API in the management network.
pub(crate) const API: SocketAddrV4 = SocketAddrV4::new(CONTROLLER_ADDRESS, 6440);
/// Where the controller listens for agents.
pub(crate) const AGENTS: SocketAddrV4 = SocketAddrV4::new(CONTROLLER_ADDRESS, 6441);
/// Where the controller's collector listens for sFlow (the port IANA gave it).
pub(crate) const SFLOW: SocketAddrV4 = SocketAddrV4::new(CONTROLLER_ADDRESS, 6343);
/// The length of the management network's prefix.
pub(crate) const MANAGEMENT_BITS: u8 = 16;

/// The management NIC of a host, and of the controller.
pub(crate) const MANAGEMENT_NIC: &str = "eth0";
/// The private NIC of a host.
pub(crate) const PRIVATE_NIC: &str = "eth1";
/// The public NIC of a host, or the second of its bond.
pub(crate) const PUBLIC_NIC: &str = "eth2";
/// The physical switch's only bridge.
pub(crate) const BRIDGE: &str = "br-sw";
/// The addresses of the place outside, the router of the public network (RFC 5737, RFC 3849).
pub(crate) const OUTSIDE_ADDRESSES: (&str, &str) = ("203.0.113.1/24", "2001:db8:113::1/64");
/// The controller's port on the physical switch.
pub(crate) const CONTROLLER_PORT: &str = "ctl-mgmt";
/// The port of the place outside on the physical switch.
pub(crate) const OUTSIDE_PORT: &str = "out-public";

/// Room for 802.1Q tags and tunnel headers around the tenants' 1500 bytes: an underlay that is
/// too small drops silently.
pub(crate) const UNDERLAY_MTU: u16 = 1600;

/// A spec whose prefix is settled, and all that follows from it. Never changes while a lab lives.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) spec: Spec,
    pub(crate) prefix: Prefix,
}

impl Layout {
    pub(crate) fn switch_namespace(&self) -> String {
        format!("{}-sw", self.prefix)
    }

    pub(crate) fn controller_namespace(&self) -> String {
        format!("{}-ctl", self.prefix)
    }

    pub(crate) fn outside_namespace(&self) -> String {
        format!("{}-out", self.prefix)
    }

    pub(crate) fn host_namespace(&self, number: usize) -> String {
        format!("{}-{}", self.prefix, host_name(number))
    }

    /// How the names of the instances' namespaces start.
    pub(crate) fn instance_prefix(&self) -> String {
        format!("{}-i-", self.prefix)
    }

    pub(crate) fn switch_directory(&self) -> PathBuf {
        self.spec.directory.join("switch")
    }

    pub(crate) fn controller_directory(&self) -> PathBuf {
        self.spec.directory.join("controller")
    }

    pub(crate) fn controller_log(&self) -> PathBuf {
        self.spec.directory.join("controller.log")
    }

    pub(crate) fn host_directory(&self, number: usize) -> PathBuf {
        self.spec.directory.join(host_name(number))
    }
}

/// `h1` for 1.
pub(crate) fn host_name(number: usize) -> String {
    format!("h{number}")
}

/// 10.255.1.1 for host 1, and so on upward.
pub(crate) fn host_address(number: usize) -> Ipv4Addr {
    let first = Ipv4Addr::new(10, 255, 1, 0).to_bits();
    // A lab has at most `MOST_HOSTS` hosts, far from the end of the /16.
    Ipv4Addr::from_bits(first.saturating_add(u32::try_from(number).unwrap_or(u32::MAX)))
}

/// A host's port on the physical switch.
pub(crate) fn host_port(number: usize, suffix: &str) -> String {
    format!("h{number}-{suffix}")
}

/// The two ports of a host that are one bond.
pub(crate) fn host_bond(number: usize) -> String {
    host_port(number, "bond")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MOST_HOSTS;

    #[test]
    fn interface_names_fit_the_kernels_fifteen_characters() {
        for suffix in ["mgmt", "trunk", "public", "trunk2"] {
            assert!(host_port(MOST_HOSTS, suffix).len() <= 15);
        }
    }

    #[test]
    fn hosts_are_numbered_upward_inside_the_management_network() {
        assert_eq!(host_address(1), Ipv4Addr::new(10, 255, 1, 1));
        assert_eq!(host_address(256), Ipv4Addr::new(10, 255, 2, 0));
        assert_eq!(host_address(MOST_HOSTS), Ipv4Addr::new(10, 255, 4, 232));
    }
}
