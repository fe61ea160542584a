//! The lab's state on disk, `lab.json`: what to build, how far it came, which processes run.
//!
//! It is written before anything is made and after each process is started, so that a lab can be
//! removed whole after a crash at any point. Several programs may work on one lab at a time:
//! nothing is kept in memory, and every change is made under a file lock.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::process::Identity;
use crate::{Error, Prefix, Spec};

const FILE: &str = "lab.json";
const NEW_FILE: &str = "lab.json.new";
const LOCK: &str = "lab.lock";

/// How far the building came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// It is being built, or its builder died.
    Building,
    /// All of it was started.
    Up,
}

/// The marker in each of our files: no other file is taken for a lab's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Format {
    #[serde(rename = "bulkhead-lab-1")]
    V1,
}

/// What `lab.json` holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) format: Format,
    pub(crate) phase: Phase,
    /// The process that builds it, or did.
    pub(crate) builder: Identity,
    pub(crate) prefix: Prefix,
    /// What was asked for, with as many hosts as there are now.
    pub(crate) spec: Spec,
    /// The last start of every process, by its name.
    pub(crate) processes: BTreeMap<String, Identity>,
}

/// The state file of the lab in one directory.
#[derive(Debug, Clone)]
pub(crate) struct StateFile {
    directory: PathBuf,
}

impl StateFile {
    pub(crate) fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_path_buf(),
        }
    }

    /// Takes an absent or empty directory for a new lab.
    pub(crate) fn claim(&self, state: &State) -> Result<(), Error> {
        fs::create_dir_all(&self.directory).map_err(Error::file("create", &self.directory))?;
        self.refuse_unless_empty()?;
        // Keys will lie here: nobody but root may look.
        fs::set_permissions(&self.directory, fs::Permissions::from_mode(0o700))
            .map_err(Error::file("protect", &self.directory))?;
        let _lock = self.lock()?;
        // Once more, because somebody else may have been as fast.
        self.refuse_unless_empty()?;
        self.save(state)
    }

    pub(crate) fn load(&self) -> Result<State, Error> {
        let absent = |source| Error::NoLab {
            directory: self.directory.clone(),
            source,
        };
        let text = fs::read(self.directory.join(FILE)).map_err(absent)?;
        serde_json::from_slice(&text)
            .map_err(io::Error::from)
            .map_err(absent)
    }

    /// Changes the state as one step that no other program can come between.
    pub(crate) fn update<T>(&self, change: impl FnOnce(&mut State) -> T) -> Result<T, Error> {
        let _lock = self.lock()?;
        let mut state = self.load()?;
        let outcome = change(&mut state);
        self.save(&state)?;
        Ok(outcome)
    }

    fn refuse_unless_empty(&self) -> Result<(), Error> {
        let entries =
            fs::read_dir(&self.directory).map_err(Error::file("list", &self.directory))?;
        // A lock file alone is what a builder leaves that died before it made anything.
        let occupied = entries
            .filter_map(Result::ok)
            .any(|entry| entry.file_name() != LOCK);
        if occupied {
            return Err(Error::Occupied {
                directory: self.directory.clone(),
            });
        }
        Ok(())
    }

    fn lock(&self) -> Result<File, Error> {
        let path = self.directory.join(LOCK);
        let file = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(Error::file("open", &path))?;
        file.lock().map_err(Error::file("lock", &path))?;
        Ok(file)
    }

    fn save(&self, state: &State) -> Result<(), Error> {
        let path = self.directory.join(FILE);
        let failed = Error::file("write", &path);
        let new = self.directory.join(NEW_FILE);
        serde_json::to_vec_pretty(state)
            .map_err(io::Error::from)
            .and_then(|text| fs::write(&new, text))
            .and_then(|()| fs::rename(&new, &path))
            .map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        State {
            format: Format::V1,
            phase: Phase::Building,
            builder: Identity::own().unwrap(),
            prefix: "bhtest".parse().unwrap(),
            spec: Spec::default(),
            processes: BTreeMap::new(),
        }
    }

    #[test]
    fn what_was_saved_is_what_is_loaded() {
        let directory = tempfile::tempdir().unwrap();
        let file = StateFile::new(directory.path());
        file.claim(&state()).unwrap();
        file.update(|state| state.phase = Phase::Up).unwrap();
        assert_eq!(file.load().unwrap().phase, Phase::Up);
    }

    #[test]
    fn a_directory_with_anything_in_it_is_not_taken() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("thesis.tex"), "").unwrap();
        let refused = StateFile::new(directory.path()).claim(&state());
        assert!(matches!(refused, Err(Error::Occupied { .. })));
        let left: Vec<_> = fs::read_dir(directory.path()).unwrap().collect();
        assert_eq!(left.len(), 1);
    }

    #[test]
    fn a_directory_is_taken_once() {
        let directory = tempfile::tempdir().unwrap();
        let file = StateFile::new(directory.path());
        file.claim(&state()).unwrap();
        assert!(matches!(file.claim(&state()), Err(Error::Occupied { .. })));
    }

    #[test]
    fn a_file_that_is_not_a_labs_state_is_no_lab() {
        let directory = tempfile::tempdir().unwrap();
        for text in ["", "{}", "{\"format\":\"other\"}", "[1,2"] {
            fs::write(directory.path().join(FILE), text).unwrap();
            let loaded = StateFile::new(directory.path()).load();
            assert!(matches!(loaded, Err(Error::NoLab { .. })), "{text}");
        }
    }

    #[test]
    fn changes_by_many_writers_are_all_kept() {
        let directory = tempfile::tempdir().unwrap();
        let file = StateFile::new(directory.path());
        file.claim(&state()).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        file.update(|state| state.spec.hosts += 1).unwrap();
                    }
                });
            }
        });
        let hosts = file.load().unwrap().spec.hosts;
        assert_eq!(hosts, Spec::default().hosts + 160);
    }
}
