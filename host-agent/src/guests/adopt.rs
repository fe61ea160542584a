//! Which port an interface of a guest is to carry, where its plugging does not say so. Pure.

use std::collections::BTreeSet;
use std::fmt;

use compute::libvirt::domain::{Domain, Interface};
use compute::ovsdb::ObservedVif;
use model::{MacAddr, NetworkId, PortId};
use ovsdb::Uuid;

use super::Planned;

/// A port for an interface that does not name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Adoption {
    /// The interface's row.
    pub(super) row: Uuid,
    /// Its name.
    pub(super) interface: String,
    /// The port.
    pub(super) port: PortId,
    /// The guest's Ethernet address there.
    pub(super) mac: MacAddr,
    /// The guest.
    pub(super) guest: Uuid,
    by: Evidence,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Evidence {
    Metadata,
    EthernetAddress,
}

impl fmt::Display for Adoption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let evidence = match self.by {
            Evidence::Metadata => "by its guest's metadata",
            Evidence::EthernetAddress => "by its Ethernet address",
        };
        let (interface, port) = (&self.interface, self.port);
        write!(f, "interface {interface} is port {port} {evidence}")
    }
}

/// The ports of all interfaces on the integration bridge that need one named.
///
/// Metadata goes before what an interface names, since libvirt makes up what nobody said. An Ethernet
/// address does not: another tenant's port may have the same, and the one that is named may just not be
/// known here yet. But for XenAPI: it makes up an identifier for every VIF, and where an operator said
/// which network the VIF is on, a port of that network with its Ethernet address is the one that is meant.
pub(super) fn adoptions<'a>(
    domains: impl Iterator<Item = &'a Domain>,
    vifs: &[ObservedVif],
    planned: &Planned,
) -> Vec<Adoption> {
    let ids = vifs.iter().filter_map(|vif| vif.iface_id.as_deref());
    let mut named: BTreeSet<PortId> = ids.filter_map(|id| id.parse().ok()).collect();
    let mut adoptions = Vec::new();
    for domain in domains {
        for interface in &domain.interfaces {
            let adoption = adoption(domain, interface, vifs, planned);
            // Whoever carries a port goes on carrying it.
            if let Some(adoption) = adoption.filter(|it| named.insert(it.port)) {
                adoptions.push(adoption);
            }
        }
    }
    adoptions
}

fn adoption(
    domain: &Domain,
    interface: &Interface,
    vifs: &[ObservedVif],
    planned: &Planned,
) -> Option<Adoption> {
    let (link, mac) = (interface.link.as_deref()?, interface.mac?);
    let vif = vifs.iter().find(|vif| vif.interface == link)?;
    let (port, by) = match (interface.port_id, &vif.iface_id) {
        (Some(port), _) => (port, Evidence::Metadata),
        (None, Some(named)) if !is_made_up(interface, named, planned.get(&mac)?) => return None,
        (None, _) => {
            let port = only_one(planned.get(&mac)?, interface.network_id)?;
            (port, Evidence::EthernetAddress)
        }
    };
    Some(Adoption {
        row: vif.row,
        interface: link.to_owned(),
        port,
        mac,
        guest: domain.uuid,
        by,
    })
}

/// Whether XenAPI gave the VIF this identifier, and no port has it.
fn is_made_up(interface: &Interface, named: &str, planned: &[(PortId, NetworkId)]) -> bool {
    let Ok(named) = named.parse() else {
        return false;
    };
    let is_planned = planned.iter().any(|(port, _)| port.uuid() == named);
    interface.network_id.is_some() && interface.interface_id == Some(named) && !is_planned
}

/// The only port, of this network if one is said.
fn only_one(planned: &[(PortId, NetworkId)], network: Option<NetworkId>) -> Option<PortId> {
    let mut fitting = planned
        .iter()
        .filter(|(_, of)| network.is_none_or(|network| network == *of));
    match (fitting.next(), fitting.next()) {
        (Some((port, _)), None) => Some(*port),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: &str = "52:54:00:00:00:01";
    const NETWORK: Uuid = Uuid::from_u128(0x10);

    fn port(number: u128) -> PortId {
        Uuid::from_u128(number).into()
    }

    fn vif(name: &str, iface_id: Option<PortId>) -> ObservedVif {
        ObservedVif {
            row: Uuid::from_u128(77),
            interface: name.to_owned(),
            iface_id: iface_id.map(|id| id.to_string()),
            ofport: Some(1),
            ifindex: Some(1),
            is_gone: false,
            kind: String::new(),
            error: None,
            active: None,
        }
    }

    fn guest(link: &str, port_id: Option<PortId>) -> Domain {
        Domain {
            uuid: Uuid::from_u128(9),
            name: "web".to_owned(),
            interfaces: vec![Interface {
                mac: Some(MAC.parse().unwrap()),
                link: Some(link.to_owned()),
                port_id,
                ..Interface::default()
            }],
        }
    }

    fn adopted(guest: &Domain, vifs: &[ObservedVif], planned: &[u128]) -> Vec<PortId> {
        let ports = planned
            .iter()
            .map(|id| (port(*id), NETWORK.into()))
            .collect();
        let planned = Planned::from([(MAC.parse().unwrap(), ports)]);
        let adoptions = adoptions([guest].into_iter(), vifs, &planned);
        adoptions.iter().map(|it| it.port).collect()
    }

    #[test]
    fn an_interface_without_an_identifier_is_the_planned_port_with_its_ethernet_address() {
        let vifs = [vif("tap1", None)];
        assert_eq!(adopted(&guest("tap1", None), &vifs, &[1]), [port(1)]);
        assert_eq!(adopted(&guest("tap2", None), &vifs, &[1]), []);
        assert_eq!(adopted(&guest("tap1", None), &vifs, &[]), []);
    }

    #[test]
    fn of_two_ports_with_one_ethernet_address_neither_is_taken() {
        let vifs = [vif("tap1", None)];
        assert_eq!(adopted(&guest("tap1", None), &vifs, &[1, 2]), []);
    }

    #[test]
    fn an_ethernet_address_never_goes_before_an_identifier_known_or_not() {
        let vifs = [vif("tap1", Some(port(5)))];
        assert_eq!(adopted(&guest("tap1", None), &vifs, &[1]), []);
    }

    #[test]
    fn metadata_goes_before_an_identifier_and_is_written_once() {
        let guest = guest("tap1", Some(port(3)));
        let made_up = [vif("tap1", Some(port(5)))];
        assert_eq!(adopted(&guest, &made_up, &[1]), [port(3)]);
        let written = [vif("tap1", Some(port(3)))];
        assert_eq!(adopted(&guest, &written, &[1]), []);
    }

    #[test]
    fn a_port_that_another_interface_carries_is_not_taken_from_it() {
        let vifs = [vif("tap0", Some(port(1))), vif("tap1", None)];
        assert_eq!(adopted(&guest("tap1", None), &vifs, &[1]), []);
        assert_eq!(adopted(&guest("tap1", Some(port(1))), &vifs, &[]), []);
    }

    /// A VIF of XenAPI, to which it gave an identifier, on a network that is said to be `network`.
    fn xenapi(made_up: u128, network: Option<Uuid>) -> Domain {
        let mut guest = guest("vif1.0", None);
        let interface = &mut guest.interfaces[0];
        interface.interface_id = Some(Uuid::from_u128(made_up));
        interface.network_id = network.map(Into::into);
        guest
    }

    #[test]
    fn an_identifier_that_xenapi_made_up_gives_way_only_where_the_network_is_said() {
        let vifs = [vif("vif1.0", Some(port(5)))];
        let on = |network| xenapi(5, Some(network));
        assert_eq!(adopted(&on(NETWORK), &vifs, &[1]), [port(1)]);
        assert_eq!(adopted(&on(Uuid::from_u128(0x20)), &vifs, &[1]), []);
        assert_eq!(adopted(&xenapi(5, None), &vifs, &[1]), []);
        // Somebody named another than the one that was made up.
        assert_eq!(adopted(&xenapi(6, Some(NETWORK)), &vifs, &[1]), []);
        // A port was made with just that identifier.
        assert_eq!(adopted(&on(NETWORK), &vifs, &[1, 5]), []);
    }

    #[test]
    fn of_two_tenants_ports_with_one_ethernet_address_the_one_of_the_said_network_is_taken() {
        let other = Uuid::from_u128(0x20);
        let ports = vec![(port(1), NETWORK.into()), (port(2), other.into())];
        let planned = Planned::from([(MAC.parse().unwrap(), ports)]);
        let vifs = [vif("vif1.0", Some(port(5)))];
        for (network, expected) in [(NETWORK, port(1)), (other, port(2))] {
            let guest = xenapi(5, Some(network));
            let found = adoptions([&guest].into_iter(), &vifs, &planned);
            assert_eq!(found.len(), 1);
            assert_eq!(found[0].port, expected);
        }
    }
}
