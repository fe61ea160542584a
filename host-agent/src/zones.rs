//! Connection-tracking zones: one for each plugged port and one for each router that translates
//! addresses here, the same for as long as the plan has it.
//!
//! ```text
//!   <state-dir>/zones.json          which port has which zone
//!   <state-dir>/router-zones.json   the same for routers
//! ```
//!
//! A zone may hold connections of a port that had it before, so it is flushed before it is anybody's,
//! and only then written down: after a power cut it is flushed once more rather than not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use model::{PortId, RouterId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::warn;

use crate::plan_store;

/// The zones that ports may have: more than a host has ports, and so few that each has its own meters.
pub const OF_PORTS: RangeInclusive<u16> = 1..=0x5fff;

/// The zones that routers may have.
pub const OF_ROUTERS: RangeInclusive<u16> = 0xf000..=0xffff;

/// Which port, or which router, has which zone.
#[derive(Debug)]
pub struct Zones<K> {
    path: PathBuf,
    range: RangeInclusive<u16>,
    zones: BTreeMap<K, u16>,
    /// The zone given last: the next is one after it, so that one is used again late.
    last: u16,
    /// Zones that were given and not flushed yet.
    unflushed: BTreeSet<u16>,
}

impl Zones<PortId> {
    /// The zones of ports that were written down. What cannot be read is given anew.
    #[must_use]
    pub fn load(state_dir: &Path) -> Self {
        Self::read(state_dir.join("zones.json"), OF_PORTS)
    }
}

impl Zones<RouterId> {
    /// The same for routers.
    #[must_use]
    pub fn load_routers(state_dir: &Path) -> Self {
        Self::read(state_dir.join("router-zones.json"), OF_ROUTERS)
    }
}

impl<K: Copy + Ord + Serialize + DeserializeOwned> Zones<K> {
    fn read(path: PathBuf, range: RangeInclusive<u16>) -> Self {
        let zones: BTreeMap<K, u16> = match plan_store::read(&path) {
            Ok(zones) => zones,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => {
                warn!(
                    "could not read {}: {error}; giving zones anew",
                    path.display()
                );
                BTreeMap::new()
            }
        };
        let mut taken = BTreeSet::new();
        let zones: BTreeMap<K, u16> = zones
            .into_iter()
            .filter(|(_, zone)| range.contains(zone) && taken.insert(*zone))
            .collect();
        let last = zones.values().copied().max();
        Self {
            path,
            last: last.unwrap_or_else(|| range.start().saturating_sub(1)),
            range,
            zones,
            unflushed: BTreeSet::new(),
        }
    }

    /// Gives everyone who is plugged a zone, and takes those back of whom the plan has no more.
    pub fn settle(&mut self, plugged: impl Iterator<Item = K>, planned: impl Fn(K) -> bool) {
        let before = self.zones.len();
        self.zones.retain(|owner, _| planned(*owner));
        let gone = before != self.zones.len();
        let mut taken: BTreeSet<u16> = self.zones.values().copied().collect();
        for owner in plugged {
            if self.zones.contains_key(&owner) {
                continue;
            }
            let Some(zone) = self.free_after(&taken) else {
                return;
            };
            taken.insert(zone);
            self.last = zone;
            self.unflushed.insert(zone);
            self.zones.insert(owner, zone);
        }
        if gone && self.unflushed.is_empty() {
            self.save();
        }
    }

    /// The zones to flush before anybody uses them.
    #[must_use]
    pub fn unflushed(&self) -> Vec<u16> {
        self.unflushed.iter().copied().collect()
    }

    /// They are flushed.
    pub fn flushed(&mut self) {
        if !self.unflushed.is_empty() {
            self.unflushed.clear();
            self.save();
        }
    }

    /// The zones that may be used.
    #[must_use]
    pub const fn known(&self) -> &BTreeMap<K, u16> {
        &self.zones
    }

    /// Without the file a restart only makes connections begin anew.
    fn save(&self) {
        if let Err(error) = plan_store::replace(&self.path, &self.zones) {
            warn!("could not write {}: {error}", self.path.display());
        }
    }

    fn free_after(&self, taken: &BTreeSet<u16>) -> Option<u16> {
        let following = self.range.clone().filter(|zone| *zone > self.last);
        let mut candidates = following.chain(self.range.clone());
        candidates.find(|zone| !taken.contains(zone))
    }
}

#[cfg(test)]
mod tests {
    use model::Id;

    use super::*;

    fn settle(zones: &mut Zones<PortId>, ports: &[PortId]) {
        zones.settle(ports.iter().copied(), |port| ports.contains(&port));
    }

    #[test]
    fn a_port_keeps_its_zone_over_restarts_and_others_get_others() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two): (PortId, PortId) = (Id::generate(), Id::generate());
        let mut zones = Zones::load(folder.path());
        settle(&mut zones, &[one]);
        assert_eq!(zones.unflushed(), [1]);
        zones.flushed();
        let mut zones = Zones::load(folder.path());
        settle(&mut zones, &[one, two]);
        assert_eq!(zones.known(), &[(one, 1), (two, 2)].into());
        assert_eq!(zones.unflushed(), [2]);
    }

    #[test]
    fn a_zone_that_was_never_flushed_is_not_written_down() {
        let folder = tempfile::tempdir().unwrap();
        let mut zones = Zones::load(folder.path());
        settle(&mut zones, &[Id::generate()]);
        assert!(Zones::load(folder.path()).known().is_empty());
    }

    #[test]
    fn a_zone_is_used_again_late_and_flushed_before() {
        let folder = tempfile::tempdir().unwrap();
        let mut zones = Zones::load(folder.path());
        let (one, two, three): (PortId, PortId, PortId) =
            (Id::generate(), Id::generate(), Id::generate());
        settle(&mut zones, &[one, two]);
        zones.flushed();
        settle(&mut zones, &[two, three]);
        assert_eq!(zones.known()[&three], 3);
        zones.last = *OF_PORTS.end();
        settle(&mut zones, &[two, three, one]);
        assert_eq!(zones.known()[&one], 1);
        assert_eq!(zones.unflushed(), [1, 3]);
    }

    #[test]
    fn an_unreadable_file_and_zones_given_twice_are_given_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("zones.json");
        std::fs::write(&path, "{").unwrap();
        assert!(Zones::load(folder.path()).known().is_empty());
        let (one, two): (PortId, PortId) = (Id::generate(), Id::generate());
        let twice: BTreeMap<PortId, u16> = [(one, 7), (two, 7), (Id::generate(), 0)].into();
        std::fs::write(&path, serde_json::to_vec(&twice).unwrap()).unwrap();
        assert_eq!(Zones::load(folder.path()).known().len(), 1);
    }
}
