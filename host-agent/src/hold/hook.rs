//! libvirt's hook for QEMU (<https://libvirt.org/hooks.html>): asks the agent before a guest runs.
//!
//! A hook may not ask libvirt anything: libvirt waits for it.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use compute::libvirt::domain::{Domain, Interface};

use super::{Answer, Question, socket_path};
use crate::observe::INTEGRATION_BRIDGE;

/// The longest description that is read, in bytes.
const MOST_BYTES: u64 = 4 << 20;

/// The longest answer.
const MOST_ANSWER_BYTES: u64 = 64 << 10;

/// How much later than the agent the hook gives up.
const GRACE: Duration = Duration::from_secs(3);

/// How soon an agent that is not there, or ends, is asked again.
const RETRY: Duration = Duration::from_millis(200);

/// What libvirt calls the hook with.
#[derive(Debug, clap::Args)]
pub struct Call {
    /// The agent's state folder.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/bulkhead/agent")]
    state_dir: PathBuf,
    /// How long a guest's start is held at most, up to 60.
    #[arg(long, value_name = "N", default_value_t = 10)]
    seconds: u64,
    /// The guest's name.
    guest: String,
    /// What happens to it.
    operation: String,
    /// Which part of that.
    part: String,
    /// What libvirt may add some day.
    extra: Vec<String>,
}

impl Call {
    /// Reads the guest's description from standard input, and waits until it may run.
    ///
    /// # Errors
    /// When it may not, or nobody could say so: then it must not.
    pub fn run(&self) -> anyhow::Result<()> {
        let mut xml = String::new();
        let read = std::io::stdin().take(MOST_BYTES).read_to_string(&mut xml);
        let question = match (self.operation.as_str(), self.part.as_str()) {
            ("start", "begin") => {
                read.context("could not read the guest's description")?;
                let domain = Domain::parse(&xml)?;
                if !domain.interfaces.iter().any(may_be_ours) {
                    return Ok(());
                }
                let seconds = self.seconds;
                Question::Start { domain, seconds }
            }
            ("migrate", "begin") => {
                read.context("could not read the guest's description")?;
                let domain = Domain::parse(&xml)?.uuid;
                Question::Coming { domain }
            }
            _ => return Ok(()),
        };
        match self.ask(&question)? {
            Answer::Go => Ok(()),
            Answer::Refused { reason } => bail!("guest {} may not run: {reason}", self.guest),
        }
    }

    /// Asks until there is an answer: an agent may be starting just now.
    fn ask(&self, question: &Question) -> anyhow::Result<Answer> {
        let deadline = Instant::now() + Duration::from_secs(self.seconds) + GRACE;
        let socket = socket_path(&self.state_dir);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match ask_once(&socket, question, left.max(RETRY)) {
                Ok(answer) => return Ok(answer),
                Err(error) if left.is_zero() => {
                    let path = socket.display();
                    return Err(error.context(format!("no agent answers at {path}")));
                }
                Err(_) => sleep(RETRY),
            }
        }
    }
}

/// Of an interface that somebody else plugs in, only the agent can tell where.
fn may_be_ours(interface: &Interface) -> bool {
    interface.bridge.as_deref() == Some(INTEGRATION_BRIDGE) || interface.kind == "ethernet"
}

fn ask_once(socket: &Path, question: &Question, within: Duration) -> anyhow::Result<Answer> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(within))?;
    stream.set_write_timeout(Some(within))?;
    let mut line = serde_json::to_vec(question)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut answer = String::new();
    BufReader::new(stream.take(MOST_ANSWER_BYTES)).read_line(&mut answer)?;
    Ok(serde_json::from_str(&answer)?)
}
