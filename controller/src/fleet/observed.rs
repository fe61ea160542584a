//! What the hosts last said: in memory only, for they say it again when they connect.

mod tunnels;

use std::net::IpAddr;
use std::sync::Arc;

use imbl::{OrdMap, OrdSet};
use model::plan::Generation;
use model::report::{HostReport, InstanceReport, ItemFailure, ManagementPath, RuleHits, Vif};
use model::{
    DriverFound, EventKind, Guest, HostId, HostStatus, InstanceId, InstanceStatus, Nic, NicUse,
};
use model::{Port, PortId, PortState, PortStatus, RuleId, Timestamp, Traffic, Tunnel};
use uuid::Uuid;

use self::tunnels::SeenTunnels;
use super::events::shortened;
use super::leaving;
use super::migrating::{Contact, Place};
use super::states::States;

/// The most interfaces, instances and failures of one host that are looked at.
const ENTRIES_MAX: usize = 10_000;

/// The most NICs of one host that are looked at, and the most that is listed of one.
const NICS_MAX: usize = 256;
const ENTRIES_PER_NIC_MAX: usize = 64;

/// The most drivers of one host that are listed.
const DRIVERS_MAX: usize = 16;

/// The longest name of an interface, in bytes: Linux has 15, others some more.
const INTERFACE_BYTES_MAX: usize = 64;

/// Everything that hosts said, as of one moment. A clone costs a few pointers.
#[derive(Clone)]
pub(crate) struct Observed {
    /// When this controller began to look.
    began_at: Timestamp,
    hosts: OrdMap<HostId, SeenHost>,
    sightings: OrdSet<(PortId, HostId, String)>,
}

impl Default for Observed {
    fn default() -> Self {
        Self {
            began_at: Timestamp::now(),
            hosts: OrdMap::new(),
            sightings: OrdSet::new(),
        }
    }
}

/// What one host said.
#[derive(Clone, Default)]
pub(crate) struct SeenHost {
    /// But for its NICs, which are beside it: a copy of a status is to cost little.
    pub(crate) status: HostStatus,
    /// Whether it said in its present session all that it has.
    told: bool,
    /// The newest plan that it holds.
    held: Generation,
    /// Through which revision its present session has sent all that the host is to know.
    considered: u64,
    /// Since when there is no session, after one.
    lost_at: Option<Timestamp>,
    pub(crate) nics: Arc<[Nic]>,
    /// By the interface's name.
    pub(crate) vifs: OrdMap<String, SeenVif>,
    instances: OrdMap<InstanceId, InstanceReport>,
    failures: Vec<ItemFailure>,
    pub(crate) tunnels: SeenTunnels,
    /// What logged rules let through there.
    pub(crate) rule_hits: OrdMap<RuleId, Traffic>,
}

/// An interface, and since when we know it so.
#[derive(Clone, Debug)]
pub(crate) struct SeenVif {
    pub(crate) vif: Vif,
    /// Since when this interface, with this number, carries this port.
    pub(crate) since: Timestamp,
    /// What operators were told of it, so that they are told once.
    told: Option<EventKind>,
}

/// A port's interface on a host.
#[derive(Clone, Debug)]
pub(crate) struct Sighting {
    pub(crate) host: HostId,
    pub(crate) interface: String,
    pub(crate) since: Timestamp,
    /// Whether there is a device behind the name; a name without one may be left from a crash.
    pub(crate) live: bool,
}

/// What a report changed.
#[derive(Default)]
pub(crate) struct News {
    /// Ports whose interface came, went or changed.
    pub(crate) ports: Vec<PortId>,
    /// Interfaces that name no port at all, met for the first time: with what they say instead.
    pub(crate) nameless: Vec<(String, String)>,
    /// How it stood with the way to the controller, and how it stands now.
    pub(crate) path: Option<(ManagementPath, ManagementPath)>,
    /// Failures that were not there before.
    pub(crate) failures: Vec<String>,
    /// Tunnels that went down or came up again.
    pub(crate) tunnels: Vec<Tunnel>,
    /// What watchers may want to know: how ports and the plan stand otherwise than before.
    pub(crate) states: States,
    /// Whether entries were left out because there are too many.
    pub(crate) truncated: bool,
}

/// How to read it.
impl Observed {
    pub(crate) fn host(&self, id: HostId) -> Option<&SeenHost> {
        self.hosts.get(&id)
    }

    pub(crate) fn hosts(&self) -> impl Iterator<Item = (&HostId, &SeenHost)> {
        self.hosts.iter()
    }

    /// The hosts with an open session.
    pub(crate) fn connected(&self) -> Vec<HostId> {
        let connected = self.hosts.iter().filter(|(_, host)| host.status.connected);
        connected.map(|(id, _)| *id).collect()
    }

    /// Where a port's interfaces are, by host.
    pub(crate) fn sightings(&self, port: PortId) -> impl Iterator<Item = Sighting> + '_ {
        let lowest = (port, HostId::from(Uuid::nil()), String::new());
        let from_there = self.sightings.range(lowest..);
        let of_port = from_there.take_while(move |(id, _, _)| *id == port);
        of_port.filter_map(|(_, host, interface)| {
            let seen = self.hosts.get(host)?.vifs.get(interface)?;
            Some(Sighting {
                host: *host,
                interface: interface.clone(),
                since: seen.since,
                live: seen.vif.ifindex.is_some() || seen.vif.state != PortState::Down,
            })
        })
    }

    /// How it stands with a host's session.
    fn contact(&self, host: HostId, now: Timestamp) -> Contact {
        let Some(seen) = self.hosts.get(&host) else {
            return Contact::of_absent(self.began_at, now);
        };
        match (seen.status.connected, seen.told, seen.lost_at) {
            (true, true, _) => Contact::Open,
            (true, false, _) => Contact::Away,
            (false, _, lost_at) => Contact::of_absent(lost_at.unwrap_or(self.began_at), now),
        }
    }

    /// What is known of an instance on a host, for its migration.
    pub(crate) fn seen_of(&self, id: InstanceId, host: HostId, now: Timestamp) -> leaving::Seen {
        let seen = self.hosts.get(&host);
        leaving::Seen {
            contact: self.contact(host, now),
            report: seen.and_then(|it| it.instances.get(&id).cloned()),
        }
    }

    /// What is known of a port's interface on a host, for its migration.
    pub(crate) fn place(&self, port: PortId, host: HostId, now: Timestamp) -> Place {
        let contact = self.contact(host, now);
        let Some(seen) = self.hosts.get(&host) else {
            return Place {
                contact,
                held: Generation::default(),
                vif: None,
            };
        };
        let here = self.sightings(port).filter(|it| it.host == host && it.live);
        let vifs = here.filter_map(|it| seen.vifs.get(&it.interface));
        // Of several that name it, one carries it; the others are down.
        let vif = vifs.max_by_key(|seen| seen.vif.state != PortState::Down);
        Place {
            contact,
            held: seen.held,
            vif: vif.map(|seen| seen.vif.clone()),
        }
    }

    /// What the host that a port is bound to says of it.
    pub(crate) fn port_status(&self, port: &Port) -> PortStatus {
        let Some(host) = port.host_id else {
            return PortStatus::default();
        };
        let lowest = (port.id, host, String::new());
        let mut sightings = self.sightings.range(lowest..);
        let found = sightings
            .next()
            .filter(|it| it.0 == port.id && it.1 == host);
        let vif = found.and_then(|(_, host, name)| self.hosts.get(host)?.vifs.get(name));
        vif.map_or_else(PortStatus::default, |SeenVif { vif, .. }| PortStatus {
            state: vif.state,
            reason: vif.reason.clone(),
            guest: vif.guest.clone(),
            interface: Some(vif.interface.clone()),
            generation: vif.generation,
        })
    }

    /// What an instance's host says of it.
    pub(crate) fn instance_status(&self, host: HostId, id: InstanceId) -> Option<InstanceStatus> {
        let report = self.hosts.get(&host)?.instances.get(&id)?;
        Some(InstanceStatus {
            running: report.running,
            handle: report.handle.clone(),
            reason: report.reason.clone(),
        })
    }
}

/// How it changes.
impl Observed {
    /// A session opened.
    pub(crate) fn connected_from(&mut self, host: HostId, address: IpAddr, agent_version: String) {
        let status = &mut self.hosts.entry(host).or_default().status;
        status.connected = true;
        status.address = Some(address);
        status.agent_version = Some(shortened(agent_version));
        status.last_seen_at = Some(Timestamp::now());
        let seen = self.hosts.entry(host).or_default();
        seen.told = false;
        seen.considered = 0;
        seen.lost_at = None;
    }

    /// The session ended: everything else stays as last known. Gives the ports it had.
    pub(super) fn lost(&mut self, host: HostId) -> Vec<PortId> {
        let Some(seen) = self.hosts.get_mut(&host) else {
            return Vec::new();
        };
        seen.status.connected = false;
        seen.lost_at = Some(Timestamp::now());
        let ports = seen.vifs.values().filter_map(|seen| seen.vif.port_id);
        ports.collect()
    }

    /// The host spoke.
    pub(super) fn heard(&mut self, host: HostId) {
        if let Some(seen) = self.hosts.get_mut(&host) {
            seen.status.last_seen_at = Some(Timestamp::now());
        }
    }

    /// A plan was sent.
    pub(super) fn planned(&mut self, host: HostId, generation: Generation) {
        if let Some(seen) = self.hosts.get_mut(&host) {
            seen.status.planned = Some(generation);
            seen.considered = generation.0;
        }
    }

    /// Nothing of the intent up to this revision is still to be sent.
    pub(super) fn considered(&mut self, host: HostId, revision: u64) {
        if let Some(seen) = self.hosts.get_mut(&host) {
            seen.considered = revision;
        }
    }

    /// A port is bound to the host from now on: what its interface there moves is its own.
    /// Gives whether it has one there.
    pub(super) fn bound(&mut self, port: PortId, host: HostId) -> bool {
        let here: Vec<Sighting> = self.sightings(port).filter(|it| it.host == host).collect();
        let Some(seen) = self.hosts.get_mut(&host) else {
            return false;
        };
        for sighting in &here {
            if let Some(vif) = seen.vifs.get_mut(&sighting.interface) {
                vif.since = Timestamp::now();
                vif.told = None;
            }
        }
        !here.is_empty()
    }

    /// Whether operators were not told this of the interface yet; they are now.
    pub(super) fn tell(&mut self, host: HostId, interface: &str, kind: EventKind) -> bool {
        let seen = self.hosts.get_mut(&host);
        let vif = seen.and_then(|seen| seen.vifs.get_mut(interface));
        vif.is_some_and(|vif| vif.told.replace(kind) != Some(kind))
    }

    /// Takes in what a host reports of itself.
    pub(crate) fn absorb(&mut self, host: HostId, report: HostReport) -> News {
        let mut news = News::default();
        let mut seen = self.hosts.get(&host).cloned().unwrap_or_default();
        news.states = States::after(seen.status.realized, report.realized);
        seen.status.last_seen_at = Some(Timestamp::now());
        seen.status.realized = Some(report.realized);
        seen.told |= report.complete;
        seen.held = report.held;
        seen.absorb_drivers(report.drivers);
        seen.absorb_nics(report.nics, &mut news);
        // In a complete report, what is not said is as it is by itself.
        let untold = report.complete.then(ManagementPath::default);
        seen.absorb_path(report.management_path.or(untold), &mut news);
        seen.absorb_failures(report.failures, &mut news);
        seen.absorb_instances(report.complete, report.instances, &report.instances_gone);
        let said = tunnels::Said {
            complete: report.complete,
            tunnels: report.tunnels,
            gone: &report.tunnels_gone,
        };
        tunnels::absorb(&mut seen.tunnels, said, &mut news);
        seen.absorb_rule_hits(report.rule_hits);
        let gone = match report.complete {
            true => seen.vifs_not_in(&report.vifs),
            false => report.vifs_gone,
        };
        for name in gone {
            self.vif_gone(&mut seen, host, &name, &mut news);
        }
        for vif in report.vifs {
            self.vif_seen(&mut seen, host, vif, &mut news);
        }
        self.hosts.insert(host, seen);
        news
    }

    fn vif_gone(&mut self, seen: &mut SeenHost, host: HostId, name: &str, news: &mut News) {
        let Some(gone) = seen.vifs.remove(name) else {
            return;
        };
        if let Some(port) = gone.vif.port_id {
            news.states.port(port, Some(gone.vif.state), None);
            self.sightings.remove(&(port, host, gone.vif.interface));
            news.ports.push(port);
        }
    }

    fn vif_seen(&mut self, seen: &mut SeenHost, host: HostId, vif: Vif, news: &mut News) {
        let vif = sanitized(vif);
        let before = seen.vifs.get(&vif.interface).cloned();
        if vif.interface.len() > INTERFACE_BYTES_MAX
            || (before.is_none() && seen.vifs.len() >= ENTRIES_MAX)
        {
            news.truncated = true;
            return;
        }
        let same_port = before.as_ref().is_some_and(|before| {
            before.vif.port_id == vif.port_id && before.vif.iface_id == vif.iface_id
        });
        let same_number = before
            .as_ref()
            .is_some_and(|it| it.vif.ifindex == vif.ifindex);
        if !same_port {
            self.vif_gone(seen, host, &vif.interface, news);
        }
        match vif.port_id {
            Some(port) => {
                let was = before.as_ref().filter(|_| same_port);
                let was = was.map(|before| before.vif.state);
                news.states.port(port, was, Some(&vif));
                self.sightings.insert((port, host, vif.interface.clone()));
                news.ports.push(port);
            }
            None if !same_port => {
                let names = (vif.interface.clone(), vif.iface_id.clone());
                news.nameless.push(names);
            }
            None => {}
        }
        let kept = before.filter(|_| same_port);
        let since = kept.as_ref().filter(|_| same_number).map(|kept| kept.since);
        let next = SeenVif {
            since: since.unwrap_or_else(Timestamp::now),
            told: kept.and_then(|kept| kept.told),
            vif,
        };
        seen.vifs.insert(next.vif.interface.clone(), next);
    }
}

impl SeenHost {
    /// Whether the host is as a change of this revision wants it, as far as it is not at fault itself.
    pub(super) fn carried_out(&self, revision: u64) -> bool {
        let Some(realized) = self.status.realized else {
            return false;
        };
        // A plan is sent only if it differs: where it does not, the one before carries the change out.
        let stands = self.status.connected
            && self.considered >= revision
            && self.status.planned <= Some(realized);
        realized.0 >= revision || stands
    }

    /// The items that it could not carry out.
    pub(super) fn failures(&self) -> &[ItemFailure] {
        &self.failures
    }

    fn absorb_drivers(&mut self, drivers: Option<Vec<DriverFound>>) {
        if let Some(drivers) = drivers {
            let drivers = drivers.into_iter().take(DRIVERS_MAX);
            self.status.drivers = drivers.map(sanitized_driver).collect();
        }
    }

    fn absorb_nics(&mut self, nics: Option<Vec<Nic>>, news: &mut News) {
        let Some(mut nics) = nics else {
            return;
        };
        news.truncated |= nics.len() > NICS_MAX;
        nics.truncate(NICS_MAX);
        self.nics = nics.into_iter().map(sanitized_nic).collect();
    }

    fn absorb_rule_hits(&mut self, hits: Option<Vec<RuleHits>>) {
        if let Some(hits) = hits {
            let hits = hits.into_iter().take(ENTRIES_MAX);
            self.rule_hits = hits.map(|it| (it.rule_id, it.traffic)).collect();
        }
    }

    fn absorb_path(&mut self, path: Option<ManagementPath>, news: &mut News) {
        let Some(path) = path.map(sanitized_path) else {
            return;
        };
        if path != self.status.management_path {
            let before = std::mem::replace(&mut self.status.management_path, path.clone());
            news.path = Some((before, path));
        }
    }

    fn absorb_failures(&mut self, mut failures: Vec<ItemFailure>, news: &mut News) {
        news.truncated |= failures.len() > ENTRIES_MAX;
        failures.truncate(ENTRIES_MAX);
        let sentence = |it: &ItemFailure| shortened(format!("{}: {}", it.key, it.reason));
        let fresh = failures.iter().filter(|it| !self.failures.contains(it));
        news.failures = fresh.map(sentence).collect();
        self.status.failures = failures.iter().map(sentence).collect();
        self.failures = failures;
    }

    fn absorb_instances(
        &mut self,
        complete: bool,
        instances: Vec<InstanceReport>,
        gone: &[InstanceId],
    ) {
        if complete {
            self.instances.clear();
        }
        for id in gone {
            self.instances.remove(id);
        }
        for mut report in instances {
            report.handle = report.handle.map(shortened);
            report.reason = report.reason.map(shortened);
            if self.instances.len() < ENTRIES_MAX || self.instances.contains_key(&report.id) {
                self.instances.insert(report.id, report);
            }
        }
    }

    fn vifs_not_in(&self, vifs: &[Vif]) -> Vec<String> {
        let listed: std::collections::BTreeSet<&str> =
            vifs.iter().map(|vif| vif.interface.as_str()).collect();
        let unlisted = self
            .vifs
            .keys()
            .filter(|name| !listed.contains(name.as_str()));
        unlisted.cloned().collect()
    }
}

/// What a host says is only text until it was cut to size.
fn sanitized(vif: Vif) -> Vif {
    Vif {
        iface_id: shortened(vif.iface_id),
        reason: vif.reason.map(shortened),
        guest: vif.guest.map(sanitized_guest),
        ..vif
    }
}

fn sanitized_guest(guest: Guest) -> Guest {
    Guest {
        driver: shortened(guest.driver),
        name: shortened(guest.name),
        ..guest
    }
}

fn sanitized_driver(driver: DriverFound) -> DriverFound {
    DriverFound {
        name: shortened(driver.name),
        version: driver.version.map(shortened),
        reason: driver.reason.map(shortened),
        ..driver
    }
}

fn sanitized_nic(mut nic: Nic) -> Nic {
    nic.driver = nic.driver.map(shortened);
    nic.addresses.truncate(ENTRIES_PER_NIC_MAX);
    match &mut nic.used_by {
        Some(NicUse::PhysicalNetworks { names, bond }) => {
            names.truncate(ENTRIES_PER_NIC_MAX);
            *bond = bond.take().map(shortened);
        }
        Some(NicUse::Other { name }) => *name = shortened(std::mem::take(name)),
        None => {}
    }
    nic
}

fn sanitized_path(path: ManagementPath) -> ManagementPath {
    match path {
        ManagementPath::Reverted { at, reason } => ManagementPath::Reverted {
            at,
            reason: shortened(reason),
        },
        path => path,
    }
}
