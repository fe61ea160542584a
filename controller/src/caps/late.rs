//! Whether caps are looked at in time, and if not, why: a controller that was away, a ledger that does
//! not answer, a host that tells nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use model::{HostId, Timestamp};
use tracing::warn;

use super::LookError;
use crate::intent::Intent;

/// Caps are enforced within this time of being reached; when that cannot be promised, it is said.
const PROMISE: Duration = Duration::from_secs(60);

/// How often it is noted on disk that somebody looks.
const NOTED_EVERY: Duration = Duration::from_secs(20);

/// Something that operators must know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Late {
    /// Where, if on one host.
    pub(crate) host: Option<HostId>,
    /// What, as a sentence.
    pub(crate) message: String,
}

/// Since when what is missing.
pub(super) struct Lateness {
    /// Holds the time of the last look that is noted.
    file: PathBuf,
    noted: Option<Timestamp>,
    /// Whether somebody looked in this run.
    begun: bool,
    failing: Since,
    away: BTreeMap<HostId, Since>,
}

/// Something that lasts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Since {
    /// It does not.
    #[default]
    Never,
    /// So long already.
    At(Timestamp),
    /// And operators know of it.
    Told,
}

impl Since {
    /// It lasts; whether that is to be said now, and since when.
    fn lasts(&mut self, now: Timestamp) -> Option<Timestamp> {
        match *self {
            Self::Never => *self = Self::At(now),
            Self::At(since) if is_late(since, now) => {
                *self = Self::Told;
                return Some(since);
            }
            Self::At(_) | Self::Told => {}
        }
        None
    }
}

fn is_late(since: Timestamp, now: Timestamp) -> bool {
    since.after(PROMISE) <= now
}

impl Lateness {
    /// As it was noted in this folder.
    pub(super) fn resume(folder: PathBuf) -> Self {
        let file = folder.join("caps.seen");
        Self {
            noted: read(&file),
            file,
            begun: false,
            failing: Since::Never,
            away: BTreeMap::new(),
        }
    }

    /// After a look, or without one if there are no caps: what is late.
    pub(super) fn judge(
        &mut self,
        (intent, connected): (&Intent, &[HostId]),
        now: Timestamp,
        outcome: &Result<(), LookError>,
    ) -> Vec<Late> {
        let mut late = Vec::new();
        if intent.caps.is_empty() {
            self.failing = Since::Never;
            self.away.clear();
        } else {
            late.extend(self.after_look(now, outcome));
            late.extend(self.hosts_away(intent, connected, now));
        }
        if outcome.is_ok() {
            self.note(now);
        }
        late
    }

    fn after_look(&mut self, now: Timestamp, outcome: &Result<(), LookError>) -> Option<Late> {
        if let Err(error) = outcome {
            let since = self.failing.lasts(now)?;
            let message =
                format!("caps are not enforced since {since}: {error}; hosts keep what they have");
            return Some(Late {
                host: None,
                message,
            });
        }
        self.failing = Since::Never;
        if self.begun {
            return None;
        }
        self.begun = true;
        let since = self.noted.filter(|since| is_late(*since, now))?;
        let message = format!(
            "nobody looked at caps from {since} to {now}: what was reached or over in between is \
             enforced or lifted only now"
        );
        Some(Late {
            host: None,
            message,
        })
    }

    /// Hosts with ports under caps that tell nothing.
    fn hosts_away(&mut self, intent: &Intent, connected: &[HostId], now: Timestamp) -> Vec<Late> {
        let away = intent.hosts.keys().filter(|id| !connected.contains(id));
        let away = away.filter(|id| {
            let mut ports = intent.ports_on(**id);
            ports.any(|port| intent.caps_on(port).next().is_some())
        });
        let away: BTreeSet<HostId> = away.copied().collect();
        self.away.retain(|host, _| away.contains(host));
        let late = away.into_iter().filter_map(|host| {
            let since = self.away.entry(host).or_default().lasts(now)?;
            let name = intent.hosts.get(&host).map(|it| it.name.as_str());
            let message = format!(
                "host {} tells nothing since {since}: what its VIFs move counts for caps, and what \
                 caps say of them holds, only when it is back",
                name.unwrap_or_default()
            );
            Some(Late {
                host: Some(host),
                message,
            })
        });
        late.collect()
    }

    fn note(&mut self, now: Timestamp) {
        let is_fresh = |noted: Timestamp| noted <= now && now < noted.after(NOTED_EVERY);
        if self.noted.is_some_and(is_fresh) {
            return;
        }
        self.noted = Some(now);
        if let Err(error) = fs::write(&self.file, now.to_string()) {
            warn!(%error, "could not note in {} that caps are looked at", self.file.display());
        }
    }
}

fn read(file: &Path) -> Option<Timestamp> {
    fs::read_to_string(file).ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
