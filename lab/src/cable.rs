//! The cables between a host and the physical switch: where each leads and what passes on it.

use crate::layout::{self, Layout};
use crate::{Nics, Spec};

/// A veth pair from the physical switch to a NIC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cable {
    pub(crate) port: String,
    pub(crate) namespace: String,
    pub(crate) nic: &'static str,
    pub(crate) passes: Passes,
}

/// What the switch lets through a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Passes {
    /// One VLAN, untagged on the cable.
    One(u16),
    /// These VLANs with their tags; and frames without one, as the VLAN `untagged`.
    Many { untagged: u16, tagged: Vec<u16> },
}

/// What Open vSwitch calls frames without a tag: hosts speak to each other by them.
const UNTAGGED: u16 = 0;

impl Cable {
    /// A line for `ip` inside the switch's namespace.
    pub(crate) fn add(&self) -> String {
        let Self {
            port,
            namespace,
            nic,
            ..
        } = self;
        let mtu = layout::UNDERLAY_MTU;
        format!(
            "link add {port} mtu {mtu} \
             type veth peer name {nic} mtu {mtu} netns {namespace}\n"
        )
    }

    /// A switch's port needs no address of its own, so the kernel is kept from speaking on it.
    pub(crate) fn port_up(&self) -> String {
        let port = &self.port;
        format!("link set {port} addrgenmode none\nlink set {port} up\n")
    }
}

impl Passes {
    /// The columns of its port, as `ovs-vsctl` takes them.
    pub(crate) fn columns(&self) -> Vec<String> {
        match self {
            Self::One(vlan) => vec![format!("tag={vlan}")],
            Self::Many {
                untagged: UNTAGGED,
                tagged,
            } => vec![
                "vlan_mode=trunk".to_owned(),
                format!("trunks={UNTAGGED},{}", listed(tagged)),
            ],
            Self::Many { untagged, tagged } => vec![
                "vlan_mode=native-untagged".to_owned(),
                format!("tag={untagged}"),
                format!("trunks={untagged},{}", listed(tagged)),
            ],
        }
    }
}

fn listed(vlans: &[u16]) -> String {
    let vlans: Vec<String> = vlans.iter().map(u16::to_string).collect();
    vlans.join(",")
}

/// The controller's cable.
pub(crate) fn of_controller(layout: &Layout) -> Cable {
    Cable {
        port: layout::CONTROLLER_PORT.to_owned(),
        namespace: layout.controller_namespace(),
        nic: layout::MANAGEMENT_NIC,
        passes: Passes::One(layout.spec.management_vlan),
    }
}

/// The cable to the place outside, on the public network.
pub(crate) fn of_outside(layout: &Layout) -> Cable {
    Cable {
        port: layout::OUTSIDE_PORT.to_owned(),
        namespace: layout.outside_namespace(),
        nic: layout::MANAGEMENT_NIC,
        passes: Passes::One(layout.spec.public_vlan),
    }
}

/// The cables of one host, in the order of its NICs.
pub(crate) fn of_host(layout: &Layout, number: usize) -> Vec<Cable> {
    let namespace = layout.host_namespace(number);
    let spec = &layout.spec;
    let plugs = plugs(spec);
    plugs
        .into_iter()
        .map(|(nic, suffix, passes)| Cable {
            port: layout::host_port(number, suffix),
            namespace: namespace.clone(),
            nic,
            passes,
        })
        .collect()
}

/// The NICs of a host: each with what its port's name ends in, and what passes.
fn plugs(spec: &Spec) -> Vec<(&'static str, &'static str, Passes)> {
    let management = (
        layout::MANAGEMENT_NIC,
        "mgmt",
        Passes::One(spec.management_vlan),
    );
    let tenants = spec.trunks.vlans();
    let shared = [spec.public_vlan, spec.underlay_vlan];
    match spec.nics {
        Nics::Separate => {
            let trunk = Passes::Many {
                untagged: UNTAGGED,
                tagged: tenants.collect(),
            };
            let public = Passes::One(spec.public_vlan);
            vec![
                management,
                (layout::PRIVATE_NIC, "trunk", trunk),
                (layout::PUBLIC_NIC, "public", public),
            ]
        }
        Nics::Shared => {
            let all = Passes::Many {
                untagged: spec.management_vlan,
                tagged: tenants.chain(shared).collect(),
            };
            vec![(layout::MANAGEMENT_NIC, "trunk", all)]
        }
        Nics::Bonded | Nics::Lacp => {
            let all = Passes::Many {
                untagged: UNTAGGED,
                tagged: tenants
                    .chain(shared)
                    .chain([spec.management_vlan])
                    .collect(),
            };
            vec![
                management,
                (layout::PRIVATE_NIC, "trunk", all.clone()),
                (layout::PUBLIC_NIC, "trunk2", all),
            ]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(nics: Nics) -> Vec<Vec<String>> {
        let spec = Spec {
            nics,
            trunks: "100-101".parse().unwrap(),
            ..Spec::default()
        };
        let plugs = plugs(&spec).into_iter();
        plugs.map(|(_, _, passes)| passes.columns()).collect()
    }

    #[test]
    fn separate_nics_carry_one_network_each() {
        let [management, private, public] = columns(Nics::Separate).try_into().unwrap();
        assert_eq!(management, ["tag=4000"]);
        assert_eq!(private, ["vlan_mode=trunk", "trunks=0,100,101"]);
        assert_eq!(public, ["tag=4001"]);
    }

    #[test]
    fn the_one_nic_for_all_carries_management_untagged() {
        let [all] = columns(Nics::Shared).try_into().unwrap();
        assert_eq!(all[0], "vlan_mode=native-untagged");
        assert_eq!(all[1], "tag=4000");
        assert_eq!(all[2], "trunks=4000,100,101,4001,4002");
    }

    #[test]
    fn the_two_ports_of_a_bond_are_equal() {
        for nics in [Nics::Bonded, Nics::Lacp] {
            let columns = columns(nics);
            assert_eq!(columns[1], columns[2]);
            assert!(columns[1][1].contains("4000"));
        }
    }
}
