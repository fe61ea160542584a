//! What can go wrong with a lab.

use std::io;
use std::path::PathBuf;

use crate::requirements::Missing;

/// Why a lab could not be built, found, changed or removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The machine lacks something; all of it is named.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// The spec, or a part of it, makes no sense.
    #[error("{0}")]
    BadSpec(String),
    /// Something is in the directory already.
    #[error(
        "{} is not empty: remove the lab that is there (`netctl lab-down --lab` and that directory), or \
         use another directory",
        directory.display()
    )]
    Occupied {
        /// The directory asked for.
        directory: PathBuf,
    },
    /// Another lab has the prefix.
    #[error("the prefix {prefix} is taken: network namespaces of that name exist")]
    PrefixTaken {
        /// The prefix asked for.
        prefix: String,
    },
    /// No lab was built in the directory.
    #[error("there is no lab in {}", directory.display())]
    NoLab {
        /// The directory asked for.
        directory: PathBuf,
        /// Why its state could not be read.
        #[source]
        source: io::Error,
    },
    /// A file or directory could not be read or written.
    #[error("could not {action} {}", path.display())]
    File {
        /// What was being done, such as `read`.
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// A program could not be run at all.
    #[error("could not run {program}")]
    Run {
        /// Its name.
        program: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A command ended in failure.
    #[error("`{command}` failed ({status}): {output}")]
    Command {
        /// The command line.
        command: String,
        /// Its exit status.
        status: String,
        /// What it had to say.
        output: String,
    },
    /// A command took too long and was killed.
    #[error("`{command}` did not end within {limit_seconds} seconds")]
    Slow {
        /// The command line.
        command: String,
        /// How long it was given.
        limit_seconds: u64,
    },
    /// A process ended while it was starting.
    #[error("{process} ended while starting; its log {} ends with:\n{log_tail}", log.display())]
    Died {
        /// Which process, such as `h1.agent`.
        process: String,
        /// Its log file.
        log: PathBuf,
        /// The last lines of the log.
        log_tail: String,
    },
    /// A process runs but does not answer.
    #[error(
        "{process} did not get ready within {limit_seconds} seconds; its log {} ends with:\n{log_tail}",
        log.display()
    )]
    NotReady {
        /// Which process.
        process: String,
        /// How long it was given.
        limit_seconds: u64,
        /// Its log file.
        log: PathBuf,
        /// The last lines of the log.
        log_tail: String,
    },
    /// A process was to be started that runs.
    #[error("{process} runs already")]
    AlreadyRunning {
        /// Which process.
        process: String,
    },
    /// A process was to be signalled that does not run.
    #[error("{process} does not run")]
    NotRunning {
        /// Which process.
        process: String,
    },
    /// The lab is to be removed while another program builds it.
    #[error("process {builder} is still building the lab: wait for it, or stop it first")]
    StillBuilding {
        /// The builder's process id.
        builder: u32,
    },
    /// A killed process is still there.
    #[error("{what} would not end")]
    WouldNotEnd {
        /// Which processes.
        what: String,
    },
    /// A signal could not be sent.
    #[error("could not send a signal to {process}")]
    Signal {
        /// Which process.
        process: String,
        /// Why.
        #[source]
        source: nix::Error,
    },
    /// There is no host of that number.
    #[error("there is no host {number}: the lab has hosts 1 to {hosts}")]
    NoSuchHost {
        /// The number asked for.
        number: usize,
        /// How many hosts there are.
        hosts: usize,
    },
    /// The lab was built without controller and agents.
    #[error("this lab has switches only: it was built without Bulkhead's programs")]
    SwitchesOnly,
}

impl Error {
    /// For `map_err` on file operations: `action` and `path` are what was tried.
    pub(crate) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File {
            action,
            path,
            source,
        }
    }
}
