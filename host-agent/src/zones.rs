//! Connection-tracking zones: one for each plugged port, the same for as long as the plan has it.
//!
//! ```text
//!   <state-dir>/zones.json   which port has which zone
//! ```
//!
//! A zone may hold connections of a port that had it before, so it is flushed before it is anybody's,
//! and only then written down: after a power cut it is flushed once more rather than not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use model::PortId;
use tracing::warn;

use crate::plan_store;

/// The zones that ports may have. Those above are left for others, such as routers.
pub const LAST: u16 = 0xefff;

/// Which port has which zone.
#[derive(Debug, Default)]
pub struct Zones {
    path: PathBuf,
    by_port: BTreeMap<PortId, u16>,
    /// The zone given last: the next is one after it, so that one is used again late.
    last: u16,
    /// Zones that were given to ports and not flushed yet.
    unflushed: BTreeSet<u16>,
}

impl Zones {
    /// The zones that were written down. What cannot be read is given anew.
    #[must_use]
    pub fn load(state_dir: &Path) -> Self {
        let path = state_dir.join("zones.json");
        let by_port: BTreeMap<PortId, u16> = match plan_store::read(&path) {
            Ok(by_port) => by_port,
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
        let by_port: BTreeMap<PortId, u16> = by_port
            .into_iter()
            .filter(|(_, zone)| (1..=LAST).contains(zone) && taken.insert(*zone))
            .collect();
        Self {
            path,
            last: by_port.values().copied().max().unwrap_or(0),
            by_port,
            unflushed: BTreeSet::new(),
        }
    }

    /// Gives every plugged port a zone, and takes those back of ports that the plan has no more.
    pub fn settle(
        &mut self,
        plugged: impl Iterator<Item = PortId>,
        planned: impl Fn(PortId) -> bool,
    ) {
        let before = self.by_port.len();
        self.by_port.retain(|port, _| planned(*port));
        let gone = before != self.by_port.len();
        let mut taken: BTreeSet<u16> = self.by_port.values().copied().collect();
        for port in plugged {
            if self.by_port.contains_key(&port) {
                continue;
            }
            let Some(zone) = free_after(self.last, &taken) else {
                return;
            };
            taken.insert(zone);
            self.last = zone;
            self.unflushed.insert(zone);
            self.by_port.insert(port, zone);
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
    pub const fn by_port(&self) -> &BTreeMap<PortId, u16> {
        &self.by_port
    }

    /// Without the file a restart only makes connections begin anew.
    fn save(&self) {
        if let Err(error) = plan_store::replace(&self.path, &self.by_port) {
            warn!("could not write {}: {error}", self.path.display());
        }
    }
}

fn free_after(last: u16, taken: &BTreeSet<u16>) -> Option<u16> {
    let following = last.saturating_add(1).max(1)..=LAST;
    let mut candidates = following.chain(1..=last.min(LAST));
    candidates.find(|zone| !taken.contains(zone))
}

#[cfg(test)]
mod tests {
    use model::Id;

    use super::*;

    fn settle(zones: &mut Zones, ports: &[PortId]) {
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
        assert_eq!(zones.by_port(), &[(one, 1), (two, 2)].into());
        assert_eq!(zones.unflushed(), [2]);
    }

    #[test]
    fn a_zone_that_was_never_flushed_is_not_written_down() {
        let folder = tempfile::tempdir().unwrap();
        let mut zones = Zones::load(folder.path());
        settle(&mut zones, &[Id::generate()]);
        assert!(Zones::load(folder.path()).by_port().is_empty());
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
        assert_eq!(zones.by_port()[&three], 3);
        zones.last = LAST;
        settle(&mut zones, &[two, three, one]);
        assert_eq!(zones.by_port()[&one], 1);
        assert_eq!(zones.unflushed(), [1, 3]);
    }

    #[test]
    fn an_unreadable_file_and_zones_given_twice_are_given_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("zones.json");
        std::fs::write(&path, "{").unwrap();
        assert!(Zones::load(folder.path()).by_port().is_empty());
        let (one, two): (PortId, PortId) = (Id::generate(), Id::generate());
        let twice: BTreeMap<PortId, u16> = [(one, 7), (two, 7), (Id::generate(), 0)].into();
        std::fs::write(&path, serde_json::to_vec(&twice).unwrap()).unwrap();
        assert_eq!(Zones::load(folder.path()).by_port().len(), 1);
    }
}
