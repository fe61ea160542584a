//! What a host's uplinks rest on, on disk.
//!
//! ```text
//!   <state-dir>/uplinks/uplinks.json         what is settled, and what was taken over from NICs
//!   <state-dir>/uplinks/trial-<id>.json      a change that is not confirmed: how all was before
//!   <state-dir>/uplinks/reverting-<id>.json  the same, being taken back
//!   <state-dir>/uplinks/refused.json         the last change that was taken back, and why
//!   <state-dir>/uplinks/lock                 held while something is taken back
//!   <state-dir>/uplinks/guard                held by a guard as long as it lives
//! ```
//!
//! A journal is written whole before anything is changed, so one that cannot be read was damaged, or
//! is of another version of the agent. Its guard knows what is in it, and needs its name only.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use model::plan::Trial;
use model::{MacAddr, Timestamp};
use nix::fcntl::{Flock, FlockArg};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::links::kernel::Presence;
use crate::path::Change;
use crate::topology::Snapshot;
use crate::wanted::PhysicalNetworks;

/// No file here is larger than this, in bytes; one that is was not written by us.
const MAX_BYTES: u64 = 16 << 20;

/// What a host's uplinks rest on when no change is tried.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// The physical networks as they were last carried out.
    pub networks: PhysicalNetworks,
    /// What bridges took over, by their names.
    pub taken: BTreeMap<String, Taken>,
    /// What we gave the links of bridges beyond that, and must take away again.
    pub given: BTreeMap<String, Presence>,
    /// NICs that are kept away from the host's own protocol stack.
    pub shielded: BTreeSet<String>,
}

/// What a bridge took over from links, to be given back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// What each link had.
    pub from: BTreeMap<String, Presence>,
    /// The Ethernet address that the bridge goes on speaking by.
    pub mac: Option<MacAddr>,
}

impl Taken {
    /// All that was taken over, as the bridge has it.
    #[must_use]
    pub fn presence(&self) -> Presence {
        let mut whole = Presence::default();
        for presence in self.from.values() {
            for address in &presence.addresses {
                if !whole.addresses.contains(address) {
                    whole.addresses.push(*address);
                }
            }
            for route in &presence.routes {
                if !whole.routes.contains(route) {
                    whole.routes.push(route.clone());
                }
            }
        }
        whole
    }
}

/// How everything was before a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journal {
    /// Which trial.
    pub id: Uuid,
    /// When it is over.
    pub until: Timestamp,
    /// How it is tried.
    pub trial: Trial,
    /// What is tried.
    pub change: Change,
    /// The bridges.
    pub bridges: Snapshot,
    /// The links concerned.
    pub links: BTreeMap<String, LinkThen>,
    /// What was settled.
    pub settled: Settled,
}

/// A link as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkThen {
    /// Whether it was switched on.
    pub up: bool,
    /// Its group.
    pub group: u32,
    /// Its addresses and routes.
    pub presence: Presence,
}

/// A change that was taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// When.
    pub at: Timestamp,
    /// What was tried, and why it was taken back, as a sentence.
    pub reason: String,
    /// What was wanted.
    pub after: PhysicalNetworks,
    /// Which try it was.
    pub attempt: u32,
}

impl Refusal {
    /// Whether it says that this change is not to be tried.
    #[must_use]
    pub fn holds(&self, change: &Change, trial: Trial) -> bool {
        self.attempt == trial.attempt && change.leads_where(&self.after)
    }
}

/// The folder of it all.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The folder below an agent's state folder; made if missing.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn below(state: &Path) -> io::Result<Self> {
        let path = state.join("uplinks");
        fs::create_dir_all(&path)?;
        Ok(Self { path })
    }

    /// What is settled; nothing before anything ever was.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn settled(&self) -> io::Result<Settled> {
        Ok(self.read("uplinks.json")?.unwrap_or_default())
    }

    /// Replaces what is settled.
    ///
    /// # Errors
    /// When it cannot be written; the old one is still there.
    pub fn save_settled(&self, settled: &Settled) -> io::Result<()> {
        self.write("uplinks.json", settled)
    }

    /// The change that is on trial.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn trial(&self) -> io::Result<Option<Journal>> {
        self.journal(ON_TRIAL)
    }

    /// The change that is being taken back.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn reverting(&self) -> io::Result<Option<Journal>> {
        self.journal(REVERTING)
    }

    /// The name of a journal that is there and cannot be read, and why.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn unreadable(&self) -> io::Result<Option<(String, io::Error)>> {
        for name in self.journals()? {
            if let Err(error) = self.read::<Journal>(&name) {
                return Ok(Some((name, error)));
            }
        }
        Ok(None)
    }

    /// Puts a journal that nobody can read out of the way, and remembers what it told of as refused.
    ///
    /// # Errors
    /// When the folder fails.
    pub fn set_aside(&self, name: &str, refusal: Option<&Refusal>) -> io::Result<()> {
        if let Some(refusal) = refusal {
            self.write("refused.json", refusal)?;
        }
        let aside = self.path.join(format!("unreadable-{name}"));
        fs::rename(self.path.join(name), aside)?;
        self.sync()
    }

    /// Begins a trial: from here on a crash ends in the state that the journal tells of.
    ///
    /// # Errors
    /// When it cannot be written; then nothing has begun.
    pub fn begin(&self, journal: &Journal) -> io::Result<()> {
        self.write(&name(ON_TRIAL, journal.id), journal)
    }

    /// Whether a trial goes on.
    #[must_use]
    pub fn is_on_trial(&self, id: Uuid) -> bool {
        self.path.join(name(ON_TRIAL, id)).exists()
    }

    /// Whether a change is being taken back.
    #[must_use]
    pub fn is_reverting(&self, id: Uuid) -> bool {
        self.path.join(name(REVERTING, id)).exists()
    }

    /// Ends a trial well, unless it is being taken back already.
    ///
    /// # Errors
    /// When it is too late, or the folder fails.
    pub fn confirm(&self, id: Uuid) -> io::Result<()> {
        fs::remove_file(self.path.join(name(ON_TRIAL, id)))?;
        self.sync()
    }

    /// Takes the right to take a change back, unless it was confirmed or another has it.
    ///
    /// # Errors
    /// When it was, or the folder fails.
    pub fn claim(&self, id: Uuid) -> io::Result<()> {
        let (from, to) = (name(ON_TRIAL, id), name(REVERTING, id));
        fs::rename(self.path.join(from), self.path.join(to))?;
        self.sync()
    }

    /// Ends what was taken back: it is remembered, and what was settled holds again.
    ///
    /// # Errors
    /// When the folder fails; then it is taken back once more.
    pub fn refuse(&self, journal: &Journal, refusal: &Refusal) -> io::Result<()> {
        self.save_settled(&journal.settled)?;
        self.write("refused.json", refusal)?;
        fs::remove_file(self.path.join(name(REVERTING, journal.id)))?;
        self.sync()
    }

    /// The last change that was taken back.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn refused(&self) -> io::Result<Option<Refusal>> {
        self.read("refused.json")
    }

    /// Forgets the last change that was taken back.
    ///
    /// # Errors
    /// When the folder fails.
    pub fn forget_refused(&self) -> io::Result<()> {
        match fs::remove_file(self.path.join("refused.json")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            outcome => outcome,
        }
    }

    /// The right to touch links and bridges for a way back; none while another has it.
    ///
    /// # Errors
    /// When the folder fails.
    pub fn lock(&self) -> io::Result<Option<Flock<File>>> {
        let file = private(&self.path.join("lock"))?;
        Ok(Flock::lock(file, FlockArg::LockExclusiveNonblock).ok())
    }

    /// What a guard holds as long as it lives. Several may: one has yet to see that its trial is over.
    ///
    /// # Errors
    /// When the folder fails, or an agent is just looking whether there is one.
    pub fn watch(&self) -> io::Result<Flock<File>> {
        let file = private(&self.path.join("guard"))?;
        Flock::lock(file, FlockArg::LockShared).map_err(|(_, error)| error.into())
    }

    /// Whether a guard lives.
    ///
    /// # Errors
    /// When the folder fails.
    pub fn is_guarded(&self) -> io::Result<bool> {
        let file = private(&self.path.join("guard"))?;
        Ok(Flock::lock(file, FlockArg::LockExclusiveNonblock).is_err())
    }

    fn journal(&self, state: &str) -> io::Result<Option<Journal>> {
        let names = self.journals()?;
        let name = names.iter().find(|name| name.starts_with(state));
        name.map_or(Ok(None), |name| self.read(name))
    }

    /// The names of all journals.
    fn journals(&self) -> io::Result<Vec<String>> {
        let mut journals = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let begins = [ON_TRIAL, REVERTING].iter().any(|it| name.starts_with(it));
            if begins && name.ends_with(".json") {
                journals.push(name);
            }
        }
        Ok(journals)
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> io::Result<Option<T>> {
        let mut json = Vec::new();
        match File::open(self.path.join(name)) {
            Ok(file) => file.take(MAX_BYTES).read_to_end(&mut json)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(Some(serde_json::from_slice(&json)?))
    }

    /// Afterwards it survives a power cut; before, what was there does.
    fn write<T: Serialize>(&self, name: &str, value: &T) -> io::Result<()> {
        let path = self.path.join(name);
        let fresh = path.with_extension("new");
        let mut file = private(&fresh)?;
        file.write_all(&serde_json::to_vec(value)?)?;
        file.sync_all()?;
        fs::rename(&fresh, &path)?;
        self.sync()
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

const ON_TRIAL: &str = "trial-";
const REVERTING: &str = "reverting-";

fn name(state: &str, id: Uuid) -> String {
    format!("{state}{id}.json")
}

fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal() -> Journal {
        Journal {
            id: Uuid::new_v4(),
            until: Timestamp::from_unix_seconds(0),
            trial: Trial::default(),
            change: Change::default(),
            bridges: Snapshot::default(),
            links: BTreeMap::new(),
            settled: Settled::default(),
        }
    }

    fn refusal() -> Refusal {
        Refusal {
            at: Timestamp::from_unix_seconds(0),
            reason: "no answer".to_owned(),
            after: PhysicalNetworks::new(),
            attempt: 0,
        }
    }

    #[test]
    fn a_trial_is_confirmed_or_taken_back_and_never_both() {
        let state = tempfile::tempdir().unwrap();
        let folder = Folder::below(state.path()).unwrap();
        let journal = journal();
        folder.begin(&journal).unwrap();
        assert_eq!(folder.trial().unwrap().as_ref(), Some(&journal));
        folder.confirm(journal.id).unwrap();
        assert!(folder.claim(journal.id).is_err());
        assert_eq!(folder.trial().unwrap(), None);

        folder.begin(&journal).unwrap();
        folder.claim(journal.id).unwrap();
        assert!(folder.confirm(journal.id).is_err());
        assert!(!folder.is_on_trial(journal.id));
        assert_eq!(folder.reverting().unwrap().as_ref(), Some(&journal));
        folder.refuse(&journal, &refusal()).unwrap();
        assert_eq!(folder.reverting().unwrap(), None);
        assert_eq!(folder.refused().unwrap(), Some(refusal()));
    }

    #[test]
    fn a_journal_cut_short_is_an_error_and_no_journal() {
        let state = tempfile::tempdir().unwrap();
        let folder = Folder::below(state.path()).unwrap();
        let journal = journal();
        let whole = serde_json::to_vec(&journal).unwrap();
        let path = state
            .path()
            .join("uplinks")
            .join(name(ON_TRIAL, journal.id));
        for end in [0, 1, whole.len() / 2, whole.len() - 1] {
            fs::write(&path, &whole[..end]).unwrap();
            assert!(folder.trial().is_err(), "cut at {end}");
            let (unreadable, _) = folder.unreadable().unwrap().unwrap();
            assert_eq!(unreadable, name(ON_TRIAL, journal.id));
        }
        fs::write(&path, &whole).unwrap();
        assert!(folder.unreadable().unwrap().is_none());
    }

    #[test]
    fn a_journal_that_is_set_aside_is_none_any_more_and_what_it_tried_is_refused() {
        let state = tempfile::tempdir().unwrap();
        let folder = Folder::below(state.path()).unwrap();
        let name = name(ON_TRIAL, Uuid::new_v4());
        fs::write(state.path().join("uplinks").join(&name), "{").unwrap();
        folder.set_aside(&name, Some(&refusal())).unwrap();
        assert_eq!(folder.trial().unwrap(), None);
        assert!(folder.unreadable().unwrap().is_none());
        assert_eq!(folder.refused().unwrap(), Some(refusal()));
    }

    #[test]
    fn a_folder_is_guarded_as_long_as_a_guard_lives() {
        let state = tempfile::tempdir().unwrap();
        let folder = Folder::below(state.path()).unwrap();
        assert!(!folder.is_guarded().unwrap());
        let guards = [folder.watch().unwrap(), folder.watch().unwrap()];
        assert!(folder.is_guarded().unwrap());
        drop(guards);
        assert!(!folder.is_guarded().unwrap());
    }

    #[test]
    fn a_refusal_holds_for_the_same_change_and_the_same_attempt_only() {
        let refusal = refusal();
        let same = Change::default();
        assert!(refusal.holds(&same, Trial::default()));
        let again = Trial {
            attempt: 1,
            ..Trial::default()
        };
        assert!(!refusal.holds(&same, again));
    }
}
