//! The plan on disk: what the agent works from while no controller answers.
//!
//! ```text
//!   <state-dir>/lock           held while an agent runs: two would undo each other's work
//!   <state-dir>/plan.json      the newest plan that took effect, whole
//!   <state-dir>/usage.journal  the meters of this host, see [`crate::accounting`]
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use model::plan::HostPlan;
use nix::fcntl::{Flock, FlockArg};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Nothing of ours is larger than this, in bytes; a file that is was not written by us.
const MAX_BYTES: u64 = 512 << 20;

/// How long an agent that was killed may take to let go of the lock: it is gone only when the last of
/// its threads is.
const LOCK_PATIENCE: Duration = Duration::from_secs(3);

/// Where the plan is kept. Holds the lock of the folder.
#[derive(Debug)]
pub struct PlanStore {
    folder: PathBuf,
    _lock: Flock<File>,
}

/// Why the plan could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum PlanStoreError {
    /// The state folder cannot be used.
    #[error("could not use the state folder {folder}")]
    Folder {
        /// Which folder.
        folder: PathBuf,
        #[source]
        /// Why.
        source: io::Error,
    },
    /// Another agent runs from the same folder.
    #[error("another agent holds the lock of {folder}")]
    Locked {
        /// Which folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: nix::Error,
    },
    /// The stored plan cannot be read.
    #[error("could not read the stored plan {path}")]
    Load {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The plan cannot be stored.
    #[error("could not store the plan as {path}")]
    Save {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

fn locked(mut file: File) -> Result<Flock<File>, nix::Error> {
    let deadline = Instant::now() + LOCK_PATIENCE;
    loop {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Ok(lock),
            Err((_, source)) if Instant::now() >= deadline => return Err(source),
            Err((held, _)) => file = held,
        }
        thread::sleep(Duration::from_millis(20));
    }
}

impl PlanStore {
    /// Opens the folder, made if missing, and locks it. Waits for an agent that is just ending.
    ///
    /// # Errors
    /// When the folder cannot be used or another agent holds it.
    pub fn open(folder: &Path) -> Result<Self, PlanStoreError> {
        let unusable = |source| PlanStoreError::Folder {
            folder: folder.to_owned(),
            source,
        };
        fs::create_dir_all(folder).map_err(unusable)?;
        let lock = writable(&folder.join("lock")).map_err(unusable)?;
        let lock = locked(lock).map_err(|source| PlanStoreError::Locked {
            folder: folder.to_owned(),
            source,
        })?;
        Ok(Self {
            folder: folder.to_owned(),
            _lock: lock,
        })
    }

    /// The stored plan; none when there never was one.
    ///
    /// # Errors
    /// When there is one that cannot be read. Whoever starts without it starts knowing nothing.
    pub fn load(&self) -> Result<Option<HostPlan>, PlanStoreError> {
        let path = self.path();
        match read(&path) {
            Ok(plan) => Ok(Some(plan)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(PlanStoreError::Load { path, source }),
        }
    }

    /// Replaces the stored plan. Afterwards it survives a power cut; before, the old one does.
    ///
    /// # Errors
    /// When it cannot be written; the old one is still there.
    pub fn save(&self, plan: &HostPlan) -> Result<(), PlanStoreError> {
        let path = self.path();
        replace(&path, plan).map_err(|source| PlanStoreError::Save { path, source })
    }

    /// Puts an unreadable plan out of the way, for people to look at.
    ///
    /// # Errors
    /// When it cannot be renamed.
    pub fn set_aside(&self) -> Result<PathBuf, PlanStoreError> {
        let path = self.path();
        let aside = self.folder.join("plan.json.unreadable");
        match fs::rename(&path, &aside) {
            Ok(()) => Ok(aside),
            Err(source) => Err(PlanStoreError::Save { path, source }),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.join("plan.json")
    }
}

/// A value that [`replace`] wrote.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> io::Result<T> {
    let mut json = Vec::new();
    File::open(path)?.take(MAX_BYTES).read_to_end(&mut json)?;
    Ok(serde_json::from_slice(&json)?)
}

/// Replaces a file by a value as JSON. Afterwards it survives a power cut; before, the old one does.
pub(crate) fn replace(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let fresh = path.with_extension("json.new");
    let mut file = BufWriter::new(writable(&fresh)?);
    serde_json::to_writer(&mut file, value)?;
    file.flush()?;
    file.get_ref().sync_all()?;
    fs::rename(&fresh, path)?;
    // The rename itself is only durable once the folder is.
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

/// A file only we may read: a plan names every tenant's addresses.
pub(crate) fn writable(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use model::plan::Generation;

    use super::*;

    fn plan(generation: u64) -> HostPlan {
        HostPlan {
            generation: Generation(generation),
            ..HostPlan::default()
        }
    }

    #[test]
    fn a_saved_plan_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let store = PlanStore::open(folder.path()).unwrap();
        assert_eq!(store.load().unwrap(), None);
        store.save(&plan(4)).unwrap();
        store.save(&plan(5)).unwrap();
        drop(store);
        let store = PlanStore::open(folder.path()).unwrap();
        assert_eq!(store.load().unwrap(), Some(plan(5)));
    }

    #[test]
    fn two_agents_cannot_share_a_state_folder() {
        let folder = tempfile::tempdir().unwrap();
        let _first = PlanStore::open(folder.path()).unwrap();
        assert!(matches!(
            PlanStore::open(folder.path()),
            Err(PlanStoreError::Locked { .. })
        ));
    }

    #[test]
    fn an_agent_that_is_just_ending_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let first = PlanStore::open(folder.path()).unwrap();
        let ending = thread::spawn(move || {
            thread::sleep(Duration::from_millis(200));
            drop(first);
        });
        assert!(PlanStore::open(folder.path()).is_ok());
        ending.join().unwrap();
    }

    #[test]
    fn a_plan_cut_short_is_an_error_and_can_be_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let store = PlanStore::open(folder.path()).unwrap();
        store.save(&plan(4)).unwrap();
        let path = folder.path().join("plan.json");
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        assert!(matches!(store.load(), Err(PlanStoreError::Load { .. })));
        let aside = store.set_aside().unwrap();
        assert!(aside.exists());
        assert_eq!(store.load().unwrap(), None);
    }
}
