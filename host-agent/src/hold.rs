//! Holds guests back until their VIFs are active: the agent's local socket, and the hooks that ask there.
//!
//! ```text
//!   libvirtd --XML--> bulkhead-agent qemu-hook --Question, a line of JSON--> agent.sock
//!            <-exit--                          <-Answer, a line------------
//!   libvirtd, for its containers: the same
//!   lxc-start ------> bulkhead-agent lxc-hook
//!   podman, … ------> bulkhead-cni
//!   xl ----------> bulkhead-agent vif-hotplug
//! ```
//!
//! That nothing flows before its rules are in is the switch's doing. This is for a guest that must not lose
//! its first frames: it starts when they pass.

pub mod asking;
pub mod hook;
pub mod lxc;
mod obstacle;

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use compute::libvirt::Kind;
use compute::libvirt::domain::Domain;
use model::PortId;
use ovsdb::{Monitor, Uuid};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{debug, info, warn};

use crate::containers::{Attachment, Containers, Request};
use crate::guests::{Beginning, Starting, XEN, libvirt};
use crate::observe::INTEGRATION_BRIDGE;
use crate::status::Status;

/// The longest that a start is held, in seconds, whatever is asked.
pub(crate) const SECONDS_MAX: u64 = 60;

/// The longest question, in bytes: a guest with hundreds of interfaces.
const MOST_BYTES: u64 = 256 << 10;

/// How long a question may take to arrive.
const QUESTION_PATIENCE: Duration = Duration::from_secs(5);

/// The most that are answered at once.
const MOST_AT_ONCE: usize = 64;

/// How long an announced guest may take to come.
const COMING: Duration = Duration::from_secs(120);

/// The most guests that are announced at once.
const MOST_COMING: usize = 1_024;

/// What may be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Question {
    /// This guest is about to run: answer when its VIFs on the integration bridge are active.
    Start {
        /// The guest.
        domain: Domain,
        /// Which driver of libvirt's runs it.
        #[serde(default)]
        kind: Kind,
        /// How long to wait for that, at most 60.
        seconds: u64,
    },
    /// Xen has plugged this VIF of a guest: answer when it is active.
    Plugged {
        /// The guest, with this VIF alone.
        domain: Domain,
        /// How long to wait for that, at most 60.
        seconds: u64,
    },
    /// This guest comes from another host; its VIFs are dark until it is here.
    Coming {
        /// The guest.
        domain: Uuid,
    },
    /// Something about a container.
    Container(Request),
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It may run; it is done.
    Go,
    /// The container is plugged in like this.
    Attached(Box<Attachment>),
    /// These ports are plugged in no more.
    Detached(Vec<PortId>),
    /// It may not.
    Refused {
        /// Why, as a sentence.
        reason: String,
    },
}

/// Where the agent with this state folder is asked.
#[must_use]
pub fn socket_path(state_directory: &Path) -> PathBuf {
    state_directory.join("agent.sock")
}

/// Answers questions.
pub struct Holds {
    /// What is active.
    pub status: watch::Receiver<Option<Arc<Status>>>,
    /// The switch's database.
    pub monitor: Monitor,
    /// What is held.
    pub starting: watch::Sender<Starting>,
    /// What was announced, and until when that counts.
    pub coming: Mutex<BTreeMap<Uuid, Instant>>,
    /// What plugs containers in.
    pub containers: Containers,
}

/// Opens the socket, for root alone.
///
/// # Errors
/// When it cannot be made there.
pub fn listen(state_directory: &Path) -> io::Result<UnixListener> {
    let path = socket_path(state_directory);
    // Nobody can connect between its making and its closing to others: it has its name only after.
    let unnamed = path.with_extension("new");
    match std::fs::remove_file(&unnamed) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&unnamed)?;
    std::fs::set_permissions(&unnamed, Permissions::from_mode(0o600))?;
    std::fs::rename(&unnamed, &path)?;
    Ok(listener)
}

/// Answers all who ask, for ever.
pub async fn serve(listener: UnixListener, holds: Holds) {
    let holds = Arc::new(holds);
    let places = Arc::new(Semaphore::new(MOST_AT_ONCE));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                warn!("could not take a local connection: {error}");
                sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        // Who finds no place hears nothing, and asks again.
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            continue;
        };
        let holds = Arc::clone(&holds);
        tokio::spawn(async move {
            if let Err(error) = holds.converse(stream).await {
                debug!("a local question was not answered: {error}");
            }
            drop(place);
        });
    }
}

impl Holds {
    async fn converse(&self, mut stream: UnixStream) -> io::Result<()> {
        let mut line = Vec::new();
        let (read, mut write) = stream.split();
        let mut read = BufReader::new(read).take(MOST_BYTES);
        timeout(QUESTION_PATIENCE, read.read_until(b'\n', &mut line)).await??;
        let answer = match serde_json::from_slice(&line) {
            Ok(question) => {
                let mut rest = [0];
                tokio::select! {
                    answer = self.answer(question) => answer,
                    // Who asked is gone: libvirt gave up.
                    _ = read.read(&mut rest) => return Ok(()),
                }
            }
            Err(error) => Answer::Refused {
                reason: format!("the question is not understood: {error}"),
            },
        };
        let mut line = serde_json::to_vec(&answer)?;
        line.push(b'\n');
        timeout(QUESTION_PATIENCE, write.write_all(&line)).await?
    }

    async fn answer(&self, question: Question) -> Answer {
        match question {
            Question::Start {
                domain,
                kind,
                seconds,
            } => {
                let within = Duration::from_secs(seconds.min(SECONDS_MAX));
                // While libvirt waits for us it says of this guest what was, so this takes its place.
                let held = Held::new(&self.starting, domain.uuid, (libvirt(kind), domain));
                self.hold(held, within).await
            }
            Question::Plugged { domain, seconds } => {
                let within = Duration::from_secs(seconds.min(SECONDS_MAX));
                // The VIFs of a guest are plugged one by one, or at once, each by a question of its own.
                let held = Held::new(&self.starting, Uuid::new_v4(), (XEN, domain));
                self.hold(held, within).await
            }
            Question::Coming { domain } => {
                let mut coming = self.coming.lock().unwrap_or_else(PoisonError::into_inner);
                let now = Instant::now();
                coming.retain(|_, until| *until > now);
                if coming.len() < MOST_COMING {
                    coming.insert(domain, now + COMING);
                }
                Answer::Go
            }
            Question::Container(request) => self.containers.answer(self, request).await,
        }
    }

    async fn hold(&self, held: Held<'_>, within: Duration) -> Answer {
        let domain = &held.domain;
        if self.is_coming(domain.uuid) {
            return Answer::Go;
        }
        let began = Instant::now();
        let name = domain.name.clone();
        let waited = self.active(domain, within).await;
        match waited {
            Ok(()) => {
                drop(held);
                let took = began.elapsed();
                info!(guest = name, ?took, "guest {name} may start");
                Answer::Go
            }
            Err(reason) => {
                warn!(guest = name, "guest {name} may not start: {reason}");
                Answer::Refused { reason }
            }
        }
    }

    /// Waits until the guest's interfaces on the integration bridge are active; or says what is in the way.
    pub(crate) async fn active(&self, domain: &Domain, within: Duration) -> Result<(), String> {
        let deadline = Instant::now() + within;
        let mut status = self.status.clone();
        let mut monitor = self.monitor.clone();
        loop {
            let seen = status.borrow_and_update().clone();
            let vifs = compute::ovsdb::vifs(&monitor.snapshot(), INTEGRATION_BRIDGE);
            let obstacles = obstacle::obstacles(domain, &vifs, seen.as_deref(), kernel_index);
            if obstacles.is_empty() {
                return Ok(());
            }
            tokio::select! {
                Ok(()) = status.changed() => {}
                Ok(()) = monitor.changed() => {}
                () = sleep_until(deadline) => return Err(obstacles.join("; ")),
            }
        }
    }

    fn is_coming(&self, domain: Uuid) -> bool {
        let coming = self.coming.lock().unwrap_or_else(PoisonError::into_inner);
        let until = coming.get(&domain);
        until.is_some_and(|until| *until > Instant::now())
    }
}

/// The number that a link of this name has now. What is told of one with another number is of another.
pub(crate) fn kernel_index(link: &str) -> Option<u32> {
    nix::net::if_::if_nametoindex(link).ok()
}

/// A guest is among those that are held while this is kept.
struct Held<'a> {
    starting: &'a watch::Sender<Starting>,
    key: Uuid,
    domain: Domain,
}

impl<'a> Held<'a> {
    fn new(
        starting: &'a watch::Sender<Starting>,
        key: Uuid,
        (driver, domain): (&'static str, Domain),
    ) -> Self {
        let beginning = Beginning {
            driver,
            domain: domain.clone(),
        };
        starting.send_modify(|starting| {
            starting.insert(key, beginning);
        });
        Self {
            starting,
            key,
            domain,
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.starting.send_modify(|starting| {
            starting.remove(&self.key);
        });
    }
}
