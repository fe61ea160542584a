//! libvirt's hook for QEMU and for its containers (<https://libvirt.org/hooks.html>): asks the agent before a guest runs.
//!
//! A hook may not ask libvirt anything: libvirt waits for it.

use std::io::Read;
use std::path::PathBuf;

use anyhow::{Context, bail};
use compute::libvirt::domain::{self, Domain, Interface};

use super::asking::ask;
use super::{Answer, Question};
use crate::observe::INTEGRATION_BRIDGE;

/// The longest description that is read, in bytes.
const MOST_BYTES: u64 = 4 << 20;

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
                let (domain, kind) = (Domain::parse(&xml)?, domain::kind(&xml)?);
                if !domain.interfaces.iter().any(may_be_ours) {
                    return Ok(());
                }
                let seconds = self.seconds;
                Question::Start {
                    domain,
                    kind,
                    seconds,
                }
            }
            ("migrate", "begin") => {
                read.context("could not read the guest's description")?;
                let domain = Domain::parse(&xml)?.uuid;
                Question::Coming { domain }
            }
            _ => return Ok(()),
        };
        match ask(&self.state_dir, &question, self.seconds)? {
            Answer::Go => Ok(()),
            Answer::Refused { reason } => bail!("guest {} may not run: {reason}", self.guest),
            other => bail!("an answer to another question: {other:?}"),
        }
    }
}

/// Of an interface that somebody else plugs in, only the agent can tell where.
fn may_be_ours(interface: &Interface) -> bool {
    interface.bridge.as_deref() == Some(INTEGRATION_BRIDGE) || interface.kind == "ethernet"
}
