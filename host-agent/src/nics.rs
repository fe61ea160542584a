//! What the host has to carry physical networks with, as the report has it. Pure.

use std::collections::BTreeMap;

use compute::SHIELDED_GROUP;
use model::{Nic, NicName, NicUse};

use crate::links::hardware::Hardware;
use crate::links::kernel::{Kernel, Link};
use crate::observe::{INTEGRATION_BRIDGE, Observed};
use crate::wanted::{PhysicalNetworks, WantedPhysicalNetwork};

/// The kinds of software links that can stand in for a NIC.
const SOFTWARE: &[&str] = &["veth", "vlan", "bond", "team", "dummy", "macvlan"];

/// Every NIC of the host, by name. Links of instances and of bridges are none.
#[must_use]
pub fn list(
    kernel: &Kernel,
    hardware: &BTreeMap<String, Hardware>,
    observed: &Observed,
    networks: &PhysicalNetworks,
) -> Vec<Nic> {
    let links = kernel.links.iter();
    let nics = links.filter_map(|(name, link)| {
        let carries: Vec<&WantedPhysicalNetwork> = networks
            .values()
            .filter(|network| network.stands_on(name))
            .collect();
        let holder = observed.holder(name);
        let of_instance = holder.is_some_and(|(bridge, _)| bridge == INTEGRATION_BRIDGE)
            || (link.group == SHIELDED_GROUP && holder.is_none() && carries.is_empty());
        let own_port = holder.is_some_and(|(_, port)| port.kind == "internal");
        if of_instance || own_port || !is_nic(name, link) {
            return None;
        }
        let hardware = hardware.get(name);
        let driver = hardware.and_then(|it| it.driver.clone());
        Some(Nic {
            name: NicName::try_from(name.clone()).ok()?,
            mac: link.mac?,
            carrier: link.carrier,
            speed_mbps: hardware.and_then(|it| it.speed_mbps),
            mtu: link.mtu,
            driver: driver.or_else(|| link.kind.clone()),
            addresses: link.addresses.clone(),
            default_route: link.has_default_route(),
            used_by: used_by(name, link, observed, &carries),
        })
    });
    nics.collect()
}

fn is_nic(name: &str, link: &Link) -> bool {
    let kind = link.kind.as_deref();
    name != "lo" && kind.is_none_or(|kind| SOFTWARE.contains(&kind))
}

fn used_by(
    name: &str,
    link: &Link,
    observed: &Observed,
    carries: &[&WantedPhysicalNetwork],
) -> Option<NicUse> {
    if let Some((bridge, port)) = observed.holder(name) {
        let names = carries.iter().filter_map(|it| it.name.parse().ok());
        let names: Vec<_> = names.collect();
        if names.is_empty() {
            let name = bridge.to_owned();
            return Some(NicUse::Other { name });
        }
        let bond = (port.interfaces.len() > 1).then(|| port.name.clone());
        return Some(NicUse::PhysicalNetworks { names, bond });
    }
    let name = link.master.clone()?;
    Some(NicUse::Other { name })
}
