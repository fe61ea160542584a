//! Which interface carries which port, and what each network therefore looks like. Pure.
//!
//! A port number is believed only when OVSDB and the switch itself agree on it: while Open vSwitch
//! restarts, the database still shows the numbers of before, and a number may by then be another
//! tenant's interface.

mod outside;

use std::collections::BTreeMap;
use std::sync::Arc;

use compute::ovsdb::ObservedVif;
use model::plan::PlanKey;
use model::{NetworkId, NetworkNumber, PortId, RouterId, SecurityGroupId, Segment, Tracking};
use openflow::PortNo;

use crate::gateways::Outlets;
use crate::observe::{INTEGRATION_BRIDGE, Observed};
use crate::pipeline::{Gate, GroupView, LocalPort, Mark, NetworkView, Policy, Uplink, View};
use crate::shield::Cover;
use crate::wanted::{Exit, Wanted, WantedNetwork, WantedPort, WantedRouter};
pub use outside::translating;

/// An interface's name as the switch gives it: cut after so many bytes.
const OPENFLOW_NAME_BYTES: usize = 15;

/// The ports of the integration bridge as the switch itself has them: names by number.
pub type SwitchPorts = BTreeMap<PortNo, String>;

/// What is plugged, and what stays dark.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Binding {
    /// The interface that carries each plugged port.
    pub carriers: BTreeMap<PortId, Carrier>,
    /// Why each other interface is dark, by its name.
    pub dark: BTreeMap<String, Dark>,
}

/// The interface that carries a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carrier {
    /// Its name.
    pub interface: String,
    /// Its number in the host's kernel.
    pub ifindex: Option<u32>,
    /// Its number in the switch.
    pub port: PortNo,
}

/// The interface that carries each port already, by the agent's own word: its name and its number in
/// the host's kernel, which is another one when it is made anew.
pub type Incumbents = BTreeMap<PortId, (String, Option<u32>)>;

/// What an interface is to be trusted for, beyond what it says of itself in OVSDB.
#[derive(Clone, Copy, Debug)]
pub struct Trust<'a> {
    /// What is kept from the host's own stack. Nothing else is let in anew.
    pub cover: &'a Cover,
    /// Who carries a port already goes on carrying it.
    pub incumbents: &'a Incumbents,
}

impl Trust<'_> {
    fn is_incumbent(&self, id: PortId, vif: &ObservedVif) -> bool {
        let incumbent = self.incumbents.get(&id);
        incumbent.is_some_and(|(name, ifindex)| *name == vif.interface && *ifindex == vif.ifindex)
    }
}

impl Binding {
    /// Who carries each port by this binding.
    #[must_use]
    pub fn incumbents(&self) -> Incumbents {
        let carriers = self.carriers.iter();
        carriers
            .map(|(id, it)| (*id, (it.interface.clone(), it.ifindex)))
            .collect()
    }
}

/// Who carries each port by the flows that an agent left in the switch. `plugged` says whether they
/// let a port send on a network.
#[must_use]
pub fn incumbents(
    observed: &Observed,
    wanted: &Wanted,
    plugged: impl Fn(NetworkNumber, PortNo) -> bool,
) -> Incumbents {
    let carried = foreign_vifs(observed).filter_map(|vif| {
        let id = port_id(vif)?;
        let network = wanted.networks.get(&wanted.ports.get(&id)?.network)?;
        let port = PortNo(vif.ofport?);
        let identity = (vif.interface.clone(), vif.ifindex);
        plugged(network.number, port).then_some((id, identity))
    });
    carried.collect()
}

/// The port that an interface names, if that is a UUID.
pub(crate) fn port_id(vif: &ObservedVif) -> Option<PortId> {
    vif.iface_id.as_deref()?.parse().ok()
}

/// Why an interface is dark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dark {
    /// It can never work as it is.
    Refused(String),
    /// It is on its way.
    NotYet(String),
}

/// Finds the interface that carries each port.
#[must_use]
pub fn bind(
    observed: &Observed,
    wanted: &Wanted,
    switch: &SwitchPorts,
    trust: &Trust<'_>,
) -> Binding {
    let mut binding = Binding::default();
    let mut candidates: Vec<&ObservedVif> = foreign_vifs(observed).collect();
    // Of two interfaces that name one port, the one that works goes on working.
    let is_newcomer =
        |vif: &ObservedVif| !port_id(vif).is_some_and(|id| trust.is_incumbent(id, vif));
    candidates.sort_by_key(|vif| (is_newcomer(vif), vif.interface.as_str()));
    for vif in candidates {
        let name = vif.interface.clone();
        let found = carried(vif, wanted, switch, &binding).and_then(|found| {
            if is_newcomer(vif) {
                trust.cover.check(vif).map_err(Dark::NotYet)?;
            }
            Ok(found)
        });
        match found {
            Ok((id, port)) => {
                let carrier = Carrier {
                    interface: name,
                    ifindex: vif.ifindex,
                    port,
                };
                binding.carriers.insert(id, carrier);
            }
            Err(reason) => {
                binding.dark.insert(name, reason);
            }
        }
    }
    plug_sub_ports(wanted, &mut binding);
    binding
}

/// Sub-ports are where their trunk is.
fn plug_sub_ports(wanted: &Wanted, binding: &mut Binding) {
    for (trunk, sub_ports) in &wanted.sub_ports {
        let Some(carrier) = binding.carriers.get(trunk).cloned() else {
            continue;
        };
        let carried = sub_ports.iter().map(|id| (*id, carrier.clone()));
        binding.carriers.extend(carried);
    }
}

/// The interfaces on the integration bridge that are neither its own nor our patches.
pub fn foreign_vifs(observed: &Observed) -> impl Iterator<Item = &ObservedVif> {
    let ports = observed.integration().map(|bridge| &bridge.ports);
    observed.vifs.iter().filter(move |vif| {
        let port = ports.and_then(|ports| ports.get(&vif.interface));
        vif.interface != INTEGRATION_BRIDGE && !port.is_some_and(|port| port.ours)
    })
}

fn carried(
    vif: &ObservedVif,
    wanted: &Wanted,
    switch: &SwitchPorts,
    binding: &Binding,
) -> Result<(PortId, PortNo), Dark> {
    let refused = |reason: &str| Dark::Refused(reason.to_owned());
    let iface_id = vif.iface_id.as_deref();
    let iface_id = iface_id.ok_or_else(|| refused("it names no port: it has no iface-id"))?;
    let id: PortId = iface_id
        .parse()
        .map_err(|_| refused("its iface-id is no UUID"))?;
    match wanted.ports.get(&id) {
        None => return Err(refused("the port it names is not planned on this host")),
        Some(port) if port.on_trunk.is_some() => {
            return Err(refused(
                "the port it names is a sub-port: its trunk carries it",
            ));
        }
        Some(_) => {}
    }
    if let Some(carrier) = binding.carriers.get(&id) {
        let reason = format!("{} already carries the port it names", carrier.interface);
        return Err(Dark::Refused(reason));
    }
    if vif.is_gone {
        return Err(refused("its link is gone"));
    }
    if let Some(error) = &vif.error {
        return Err(Dark::Refused(error.clone()));
    }
    let port = vif.ofport.map(PortNo);
    let port = port.filter(|port| agrees(switch, *port, &vif.interface));
    let port = port.ok_or_else(|| Dark::NotYet("the switch has not taken it yet".to_owned()))?;
    Ok((id, port))
}

/// Whether the switch, too, says that this is the number of that interface.
fn agrees(switch: &SwitchPorts, port: PortNo, interface: &str) -> bool {
    let end = interface.len().min(OPENFLOW_NAME_BYTES);
    let name = switch.get(&port).map(String::as_bytes);
    name == Some(&interface.as_bytes()[..end])
}

/// The numbers of the ports that lead to other hosts.
#[must_use]
pub fn uplinks(
    observed: &Observed,
    exits: &BTreeMap<Exit, String>,
    switch: &SwitchPorts,
) -> BTreeMap<Exit, PortNo> {
    let ports = observed.integration().map(|bridge| &bridge.ports);
    let number = |name: &String| {
        let port = PortNo(ports?.get(name)?.ofport?);
        agrees(switch, port, name).then_some(port)
    };
    let found = exits
        .iter()
        .filter_map(|(exit, name)| Some((*exit, number(name)?)));
    found.collect()
}

/// What each network with a plugged port, and each security group that one is in, looks like on this
/// host.
#[must_use]
pub fn all_views(
    wanted: &Wanted,
    binding: &Binding,
    uplinks: &BTreeMap<Exit, PortNo>,
    translators: Translators<'_>,
) -> BTreeMap<PlanKey, View> {
    let networks = views(wanted, binding, uplinks, translators).into_iter();
    let networks = networks.map(|(id, view)| (PlanKey::Network(id), View::Network(Box::new(view))));
    let groups = groups(wanted, binding).into_iter();
    let groups = groups.map(|(id, view)| (PlanKey::SecurityGroup(id), View::SecurityGroup(view)));
    networks.chain(groups).collect()
}

/// Which connection-tracking zone everybody has.
#[derive(Clone, Copy, Debug)]
pub struct ZonesInUse<'a> {
    /// Ports.
    pub ports: &'a BTreeMap<PortId, u16>,
    /// Routers that translate addresses.
    pub routers: &'a BTreeMap<RouterId, u16>,
}

/// What the pass knows besides the plan of ports and of routers that translate addresses.
#[derive(Clone, Copy, Debug)]
pub struct Translators<'a> {
    /// Everybody's zone.
    pub zones: ZonesInUse<'a>,
    /// By which hosts packets get out, of routers that have gateway hosts.
    pub outlets: &'a Outlets,
}

impl<'a> Translators<'a> {
    /// These zones and outlets.
    #[must_use]
    pub const fn new(zones: ZonesInUse<'a>, outlets: &'a Outlets) -> Self {
        Self { zones, outlets }
    }
}

/// What each network looks like on this host, with the zone of each port. A network without a plugged
/// port looks like nothing, since none of its frames has anywhere to go, unless packets are routed to it,
/// or out by it.
fn views(
    wanted: &Wanted,
    binding: &Binding,
    uplinks: &BTreeMap<Exit, PortNo>,
    translators: Translators<'_>,
) -> BTreeMap<NetworkId, NetworkView> {
    let zones = translators.zones;
    let mut views = BTreeMap::<NetworkId, NetworkView>::new();
    for (id, carrier) in &binding.carriers {
        let Some(port) = wanted.ports.get(id) else {
            continue;
        };
        let Some(network) = wanted.networks.get(&port.network) else {
            continue;
        };
        let Some(policy) = zones.ports.get(id).map(|zone| policy(wanted, port, *zone)) else {
            continue;
        };
        let view = views.entry(port.network);
        let view = view.or_insert_with(|| without_ports(network, uplinks));
        if let Some(since) = port.standby {
            view.gates.push(Gate {
                id: *id,
                port: carrier.port,
                mac: port.mac,
                since,
            });
            continue;
        }
        view.locals.push(LocalPort {
            id: *id,
            port: carrier.port,
            tag: port.on_trunk.map(|it| it.vlan),
            mac: port.mac,
            addresses: Arc::clone(&port.addresses),
            allowed: Arc::clone(&port.allowed),
            spoof_guard: port.spoof_guard,
            limits: port.limits,
            policy,
        });
    }
    for router in &wanted.routers {
        add_joined(router, wanted, uplinks, &mut views);
    }
    for router in &wanted.routers {
        let here = (wanted, binding);
        outside::add(router, here, translators, uplinks, &mut views);
    }
    for view in views.values_mut() {
        view.locals.sort_unstable_by_key(|local| local.port);
    }
    views
}

/// The security groups that plugged ports are in.
fn groups(wanted: &Wanted, binding: &Binding) -> BTreeMap<SecurityGroupId, Arc<GroupView>> {
    let ports = binding
        .carriers
        .keys()
        .filter_map(|id| wanted.ports.get(id));
    let ids = ports.flat_map(|port| &port.security_group_ids);
    let groups = ids.filter_map(|id| Some((*id, Arc::clone(wanted.security_groups.get(id)?))));
    groups.collect()
}

/// Who may speak with a port. A group that the plan lacks lets nothing through.
fn policy(wanted: &Wanted, port: &WantedPort, zone: u16) -> Policy {
    let ids = port.security_group_ids.iter();
    let groups = ids.filter_map(|id| wanted.security_groups.get(id));
    let stateful = |group: &&Arc<GroupView>| group.tracking == Tracking::Stateful;
    let tracking = match groups.clone().any(|group| stateful(&group)) {
        true => Tracking::Stateful,
        false => Tracking::Stateless,
    };
    Policy {
        zone,
        tracking,
        groups: groups.map(|group| group.number).collect(),
    }
}

/// A router that any of these networks has here needs all that it joins.
fn add_joined(
    router: &WantedRouter,
    wanted: &Wanted,
    uplinks: &BTreeMap<Exit, PortNo>,
    views: &mut BTreeMap<NetworkId, NetworkView>,
) {
    if !router.is_needed(views) {
        return;
    }
    for id in &router.networks {
        if let Some(network) = wanted.networks.get(id) {
            let view = views.entry(*id);
            view.or_insert_with(|| without_ports(network, uplinks));
        }
    }
}

fn without_ports(network: &WantedNetwork, uplinks: &BTreeMap<Exit, PortNo>) -> NetworkView {
    NetworkView {
        number: network.number,
        uplink: uplink(network, uplinks),
        locals: Vec::new(),
        gates: Vec::new(),
        remotes: Arc::clone(&network.remotes),
        gateways: Arc::clone(&network.gateways),
        resolvers: Arc::clone(&network.resolvers),
        outsiders: network.outsiders,
        reach: network.reach.clone(),
        routing: network.routing.clone(),
        outside: Box::default(),
    }
}

fn uplink(network: &WantedNetwork, uplinks: &BTreeMap<Exit, PortNo>) -> Option<Uplink> {
    let port = *uplinks.get(&Exit::of(&network.segment))?;
    let mark = match network.segment {
        Segment::Flat { .. } => Mark::Untagged,
        Segment::Vlan { vlan, .. } => Mark::Vlan(vlan),
        Segment::Vxlan { vni, .. } | Segment::Geneve { vni, .. } => Mark::Vni(vni),
    };
    Some(Uplink { port, mark })
}

#[cfg(test)]
mod tests;
