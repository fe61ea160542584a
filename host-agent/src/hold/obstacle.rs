//! What a guest's start still waits for. Pure.

use compute::libvirt::domain::{Domain, Interface};
use compute::ovsdb::ObservedVif;
use model::PortState;

use crate::binding::port_id;
use crate::observe::INTEGRATION_BRIDGE;
use crate::status::Status;

/// Why the guest's interfaces on the integration bridge cannot be used yet, one sentence each. None is
/// why it may start.
pub(super) fn obstacles(
    domain: &Domain,
    vifs: &[ObservedVif],
    status: Option<&Status>,
    index: impl Fn(&str) -> Option<u32>,
) -> Vec<String> {
    let ours = domain.interfaces.iter().filter(|it| is_ours(it, vifs));
    let obstacles = ours.filter_map(|interface| {
        let link = interface.link.as_deref();
        let link = link.or_else(|| plugged(interface, vifs, &index));
        let Some(link) = link else {
            return Some("an interface has no link on the host yet".to_owned());
        };
        let reported = status.and_then(|status| status.vifs.get(link));
        let index = index(link);
        // A status may be of an earlier link of this name.
        let reported = reported.filter(|vif| index.is_some() && vif.ifindex == index);
        let Some(vif) = reported else {
            return Some(format!("{link} is not in the switch yet"));
        };
        let expected = interface.port_id.map(|port| port.uuid());
        let expected = expected.or(interface.interface_id).map(Into::into);
        if expected.is_some_and(|port| vif.port_id != Some(port)) {
            return Some(format!("{link} does not name its port yet"));
        }
        match (vif.state, &vif.reason) {
            (PortState::Active, _) => None,
            (_, Some(reason)) => Some(format!("{link}: {reason}")),
            (_, None) => Some(format!("{link} is not active yet")),
        }
    });
    obstacles.collect()
}

/// The link that was plugged in by the interface's own id: of a container, libvirt tells that before it runs,
/// and what the link is called only after. One of an earlier run has no link any more.
fn plugged<'a>(
    interface: &Interface,
    vifs: &'a [ObservedVif],
    index: impl Fn(&str) -> Option<u32>,
) -> Option<&'a str> {
    let id = interface.interface_id?.into();
    let named = vifs.iter().filter(|vif| port_id(vif) == Some(id));
    let mut links = named.map(|vif| vif.interface.as_str());
    links.find(|link| index(link).is_some())
}

/// Whether an interface is on the integration bridge: by libvirt's doing, or somebody else's.
fn is_ours(interface: &Interface, vifs: &[ObservedVif]) -> bool {
    let link = interface.link.as_deref();
    interface.bridge.as_deref() == Some(INTEGRATION_BRIDGE)
        || vifs.iter().any(|vif| Some(vif.interface.as_str()) == link)
}

#[cfg(test)]
mod tests {
    use model::report::Vif;
    use ovsdb::Uuid;

    use super::*;

    const PORT: Uuid = Uuid::from_u128(5);

    fn guest(bridge: &str) -> Domain {
        Domain {
            uuid: Uuid::from_u128(9),
            name: "web".to_owned(),
            interfaces: vec![Interface {
                bridge: Some(bridge.to_owned()),
                link: Some("vnet0".to_owned()),
                interface_id: Some(PORT),
                ..Interface::default()
            }],
        }
    }

    fn status(state: PortState, port: Uuid) -> Status {
        let vif = Vif {
            interface: "vnet0".to_owned(),
            iface_id: port.to_string(),
            port_id: Some(port.into()),
            ifindex: Some(7),
            state,
            reason: None,
            generation: None,
            spoke: None,
            guest: None,
        };
        Status {
            vifs: [(vif.interface.clone(), vif)].into(),
            ..Status::default()
        }
    }

    #[test]
    fn a_guest_goes_when_the_very_link_that_it_has_now_is_active_as_its_port() {
        let (ours, active) = (guest("br-int"), status(PortState::Active, PORT));
        let held = |status: &Status, index: Option<u32>| {
            !obstacles(&ours, &[], Some(status), |_| index).is_empty()
        };
        assert!(!held(&active, Some(7)));
        assert!(held(&active, Some(8)), "a link of before");
        assert!(held(&active, None), "no link at all");
        assert!(held(&status(PortState::Building, PORT), Some(7)));
        let other = status(PortState::Active, Uuid::from_u128(6));
        assert!(held(&other, Some(7)), "a port of before");
        assert!(!obstacles(&ours, &[], None, |_| Some(7)).is_empty());
    }

    #[test]
    fn a_container_whose_link_nobody_names_is_found_by_its_interface_id() {
        let mut boxed = guest("br-int");
        boxed.interfaces[0].link = None;
        let vif = |interface: &str, id: Uuid| ObservedVif {
            interface: interface.to_owned(),
            iface_id: Some(id.to_string()),
            row: Uuid::nil(),
            ofport: Some(1),
            ifindex: Some(7),
            kind: String::new(),
            is_gone: false,
            error: None,
            active: None,
        };
        let active = status(PortState::Active, PORT);
        let index = |link: &str| (link != "vnet9").then_some(7);
        let held = |vifs: &[ObservedVif]| !obstacles(&boxed, vifs, Some(&active), index).is_empty();
        let (before, other) = (vif("vnet9", PORT), vif("vnet0", Uuid::from_u128(6)));
        assert!(
            held(&[before.clone(), other]),
            "one of before, and another's"
        );
        assert!(!held(&[before, vif("vnet0", PORT)]));
    }

    #[test]
    fn interfaces_of_other_bridges_hold_nothing_up() {
        assert!(obstacles(&guest("virbr0"), &[], None, |_| None).is_empty());
    }
}
