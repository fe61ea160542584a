//! Where a port belongs, given where its interfaces were seen: pure.
//!
//! A port follows its interface, but it is never in two places: while its host still has it, an
//! interface elsewhere that names it stays dark. Where a migration was asked for, [`migrating`] decides
//! which of its two hosts has it; no third one gets it meanwhile.
//!
//! [`migrating`]: super::migrating

#[cfg(test)]
mod tests;

use model::{HostId, Migration, Port, PortId, Timestamp};

use super::migrating::{self, Step};
use super::observed::{Observed, Sighting};
use crate::intent::Intent;

/// What to do about a port's interfaces.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// The host to bind it to, if that changes.
    pub(crate) bind: Option<HostId>,
    /// How its migration goes on, if that changes.
    pub(crate) step: Option<Step>,
    /// Interfaces that name a port that does not exist.
    pub(crate) unknown: Vec<(HostId, String)>,
    /// Interfaces that name the port on a host that it is not bound to.
    pub(crate) conflicts: Vec<(HostId, String)>,
}

/// Judges one port by everything that is known now.
pub(crate) fn judge(intent: &Intent, observed: &Observed, port: PortId) -> Verdict {
    let sightings = observed.sightings(port);
    let place = |sighting: &Sighting| (sighting.host, sighting.interface.clone());
    let Some(port) = intent.ports.get(&port) else {
        return Verdict {
            unknown: sightings.map(|sighting| place(&sighting)).collect(),
            ..Verdict::default()
        };
    };
    let connected = |id: HostId| observed.host(id).is_some_and(|host| host.status.connected);
    let sightings: Vec<Sighting> = sightings.filter(|it| connected(it.host)).collect();
    if let Some(migration) = &port.migration {
        let others = sightings.iter();
        let others = others.filter(|it| it.host != migration.from && it.host != migration.to);
        return Verdict {
            // A sub-port's migration is its trunk's.
            step: step(observed, port, migration).filter(|_| port.on_trunk.is_none()),
            conflicts: others.map(place).collect(),
            ..Verdict::default()
        };
    }
    let holder = holder(intent, port, &sightings);
    let elsewhere = sightings.iter().filter(|it| Some(it.host) != holder);
    Verdict {
        bind: holder.filter(|host| port.host_id != Some(*host)),
        conflicts: elsewhere.map(place).collect(),
        ..Verdict::default()
    }
}

fn step(observed: &Observed, port: &Port, migration: &Migration) -> Option<Step> {
    let now = Timestamp::now();
    let place = |host| observed.place(port.id, host, now);
    migrating::next(migration, &place(migration.from), &place(migration.to), now)
}

/// The host that a port belongs to: the one it is on now, if it is really there; otherwise the
/// first one that it really is on; otherwise the one that claims it.
fn holder(intent: &Intent, port: &Port, sightings: &[Sighting]) -> Option<HostId> {
    // Our own instances run where the intent says, whatever a host claims; and a sub-port is where
    // its trunk is.
    if intent.instance_with(port.id).is_some() || port.on_trunk.is_some() {
        return port.host_id;
    }
    let at_home = |it: &&Sighting| Some(it.host) == port.host_id;
    let live = || sightings.iter().filter(|it| it.live);
    let found = live()
        .find(at_home)
        .or_else(|| live().min_by_key(|it| (it.since, it.host)))
        .or_else(|| sightings.iter().find(at_home))
        .or_else(|| sightings.iter().min_by_key(|it| (it.since, it.host)));
    found.map(|it| it.host).or(port.host_id)
}
