//! A process of the lab: started inside its namespace, recorded, killed by its recorded id only.

mod identity;
mod ready;

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::time::{Instant, sleep};

use crate::state::StateFile;
use crate::{Error, namespace};

pub(crate) use identity::Identity;
pub(crate) use ready::Ready;

/// How long a process may take to get ready on a busy machine.
const READY_LIMIT: Duration = Duration::from_secs(90);
/// How long a process that was told to end may tidy up before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// How long the kernel may take to end a killed process.
const KILL_LIMIT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(10);
const LOG_TAIL_BYTES: usize = 2000;

/// How a process is started.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    pub(crate) namespace: String,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    /// Open vSwitch's programs make and look for their sockets here.
    pub(crate) ovs_rundir: Option<PathBuf>,
    /// What else it finds in its environment.
    pub(crate) environment: Vec<(String, OsString)>,
    /// Gets what it prints on both outputs.
    pub(crate) log: PathBuf,
    pub(crate) ready: Ready,
}

/// One process of a lab, running or not.
#[derive(Debug, Clone)]
pub struct Process {
    state: StateFile,
    name: String,
    launch: Launch,
}

impl Process {
    pub(crate) fn new(state: StateFile, name: impl Into<String>, launch: Launch) -> Self {
        Self {
            state,
            name: name.into(),
            launch,
        }
    }

    /// The same process, started with this in its environment, too.
    pub fn with_environment(
        &self,
        variables: impl IntoIterator<Item = (String, OsString)>,
    ) -> Self {
        let mut process = self.clone();
        process.launch.environment.extend(variables);
        process
    }

    /// Its name within the lab, such as `h1.agent`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file that gets all it prints.
    pub fn log(&self) -> &Path {
        &self.launch.log
    }

    /// Its process id, while it runs.
    ///
    /// # Errors
    /// When the lab is gone.
    pub fn pid(&self) -> Result<Option<u32>, Error> {
        Ok(self.running()?.map(Identity::pid))
    }

    /// Starts it and waits until it answers. It outlives the caller.
    ///
    /// # Errors
    /// When it runs already, cannot be run, ends at once, or does not get ready.
    pub async fn start(&self) -> Result<(), Error> {
        if self.running()?.is_some() {
            return Err(Error::AlreadyRunning {
                process: self.name.clone(),
            });
        }
        let identity = self.spawn()?;
        self.wait_ready(identity).await
    }

    /// Sends it `signal`; after SIGKILL, waits until it is gone.
    ///
    /// # Errors
    /// When it does not run, or a killed process does not end.
    pub async fn kill(&self, signal: Signal) -> Result<(), Error> {
        let identity = self.running()?.ok_or_else(|| Error::NotRunning {
            process: self.name.clone(),
        })?;
        self.signal(identity, signal)?;
        if signal != Signal::SIGKILL || gone_within(&[identity], KILL_LIMIT).await {
            return Ok(());
        }
        Err(Error::WouldNotEnd {
            what: self.name.clone(),
        })
    }

    /// Asks it to end, and kills it when it does not. Fine when it does not run.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub async fn stop(&self) -> Result<(), Error> {
        let Some(identity) = self.running()? else {
            return Ok(());
        };
        self.signal(identity, Signal::SIGTERM)?;
        if gone_within(&[identity], STOP_LIMIT).await {
            return Ok(());
        }
        self.kill(Signal::SIGKILL).await
    }

    fn running(&self) -> Result<Option<Identity>, Error> {
        let recorded = self.state.load()?.processes.get(&self.name).copied();
        Ok(recorded.filter(|identity| identity.is_alive()))
    }

    fn signal(&self, identity: Identity, signal: Signal) -> Result<(), Error> {
        identity.signal(signal).map_err(|source| Error::Signal {
            process: self.name.clone(),
            source,
        })
    }

    fn spawn(&self) -> Result<Identity, Error> {
        let launch = &self.launch;
        let log = File::options()
            .create(true)
            .append(true)
            .open(&launch.log)
            .map_err(Error::file("open", &launch.log))?;
        let log_twin = log.try_clone().map_err(Error::file("open", &launch.log))?;
        let mut command = namespace::command(&launch.namespace, &launch.program);
        command
            .args(&launch.arguments)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(log_twin)
            // Ctrl-C at the builder's terminal is not meant for the lab.
            .process_group(0);
        if let Some(rundir) = &launch.ovs_rundir {
            command.env("OVS_RUNDIR", rundir);
        }
        command.envs(launch.environment.iter().map(|(name, value)| (name, value)));
        let child = command.spawn().map_err(|source| Error::Run {
            program: launch.program.display().to_string(),
            source,
        })?;
        let identity = child
            .id()
            .and_then(Identity::of)
            .ok_or_else(|| self.died())?;
        // A crash just before this line leaves a process that nobody recorded; it is inside one
        // of the lab's namespaces, and found there by `Lab::down`.
        self.state
            .update(|state| state.processes.insert(self.name.clone(), identity))?;
        Ok(identity)
    }

    async fn wait_ready(&self, identity: Identity) -> Result<(), Error> {
        let deadline = Instant::now() + READY_LIMIT;
        while !self.launch.ready.holds().await {
            if !identity.is_alive() {
                return Err(self.died());
            }
            if Instant::now() > deadline {
                return Err(self.not_ready());
            }
            sleep(POLL).await;
        }
        Ok(())
    }

    /// The error that says how it ended.
    pub(crate) fn died(&self) -> Error {
        Error::Died {
            process: self.name.clone(),
            log: self.launch.log.clone(),
            log_tail: log_tail(&self.launch.log),
        }
    }

    fn not_ready(&self) -> Error {
        Error::NotReady {
            process: self.name.clone(),
            limit_seconds: READY_LIMIT.as_secs(),
            log: self.launch.log.clone(),
            log_tail: log_tail(&self.launch.log),
        }
    }
}

/// Kills all of `victims` at once and waits until the last is gone.
pub(crate) async fn kill_all(victims: &[Identity]) -> Result<(), Error> {
    for identity in victims {
        // It may have ended by itself just now, which is as good.
        let _gone = identity.signal(Signal::SIGKILL);
    }
    if gone_within(victims, KILL_LIMIT).await {
        return Ok(());
    }
    let left = victims.iter().filter(|victim| victim.is_alive());
    let pids: Vec<String> = left.map(|victim| victim.pid().to_string()).collect();
    Err(Error::WouldNotEnd {
        what: format!("process {}", pids.join(", ")),
    })
}

async fn gone_within(victims: &[Identity], limit: Duration) -> bool {
    let deadline = Instant::now() + limit;
    while victims.iter().any(|victim| victim.is_alive()) {
        if Instant::now() > deadline {
            return false;
        }
        sleep(POLL).await;
    }
    true
}

fn log_tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let start = text.len().saturating_sub(LOG_TAIL_BYTES);
    let tail = text.get(start..).unwrap_or_default();
    String::from_utf8_lossy(tail).trim().to_owned()
}
