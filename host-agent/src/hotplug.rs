//! What Xen's toolstack runs for each VIF of a guest that comes or goes.
//!
//! ```text
//!   xl --XENBUS_PATH, vif--> vif-bulkhead --> bulkhead-agent vif-hotplug --Question--> agent.sock
//!      <-hotplug-status-- xenstore <----------       |             <-Answer--
//!                                                    +--> OVSDB: the interface, whose it is
//! ```
//!
//! A VIF is plugged dark, and the toolstack is told that it is connected when its rules are in place. It is
//! told of an error, and the VIF is out of the switch again, when nobody vouches for it in time.

mod tools;
mod vif;

use std::path::PathBuf;

use anyhow::{Context, bail};
use compute::SHIELDED_GROUP;
use tracing::info;

use crate::hold::asking::ask;
use crate::hold::{Answer, Question};
use crate::observe::INTEGRATION_BRIDGE;
use tools::{read, run, write};
use vif::Vif;

/// The longest reason that is written into xenstore, in characters.
const MOST_REASON: usize = 512;

/// What the toolstack calls the script with; `XENBUS_PATH`, `vif` and `INTERFACE` say the rest.
#[derive(Debug, clap::Args)]
pub struct Call {
    /// The agent's state folder.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/bulkhead/agent")]
    state_dir: PathBuf,
    /// Where ovsdb-server listens.
    #[arg(
        long,
        value_name = "unix:PATH",
        default_value = "unix:/run/openvswitch/db.sock"
    )]
    ovsdb: String,
    /// How long a guest's start is held at most, up to 60.
    #[arg(long, value_name = "N", default_value_t = 10)]
    seconds: u64,
    /// What happens to the VIF.
    action: Action,
    /// `type_if=vif` or `type_if=tap`, and what Xen may add some day.
    words: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Action {
    /// The backend of a VIF is there
    Online,
    /// The backend of a VIF goes
    Offline,
    /// An emulated NIC is there
    Add,
    /// An emulated NIC goes
    Remove,
}

/// Whose link it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The backend of a VIF.
    Backend,
    /// What a device model emulates until its guest has a driver for the VIF.
    Emulated,
}

impl Call {
    /// Does what is asked.
    ///
    /// # Errors
    /// When the guest must not run with this VIF. xenstore says why.
    pub async fn run(&self) -> anyhow::Result<()> {
        let kind = match self.words.iter().any(|word| word == "type_if=tap") {
            true => Kind::Emulated,
            false => Kind::Backend,
        };
        match (self.action, kind) {
            (Action::Online, Kind::Backend) | (Action::Add, Kind::Emulated) => {
                let place = Place::find(kind).await?;
                let plugged = self.plug(kind, &place).await;
                if let Err(error) = &plugged {
                    self.refuse(&place, error).await;
                }
                plugged
            }
            (Action::Offline, Kind::Backend) | (Action::Remove, Kind::Emulated) => {
                self.unplug(&Place::find(kind).await?.link).await
            }
            // Each event is told of to both, and is the other's.
            _ => Ok(()),
        }
    }

    async fn plug(&self, kind: Kind, place: &Place) -> anyhow::Result<()> {
        let vif = Vif::read(&place.backend).await?;
        place.rename().await?;
        let link = place.link.as_str();
        // Not heard by the host's own stack from the beginning.
        let group = SHIELDED_GROUP.to_string();
        run("ip", &["link", "set", "dev", link, "group", &group]).await?;
        let ids = vif.external_ids();
        let mut line = vec!["--if-exists", "del-port", link];
        line.extend(["--", "add-port", INTEGRATION_BRIDGE, link]);
        line.extend(["--", "set", "Interface", link]);
        line.extend(ids.iter().map(String::as_str));
        self.vsctl(&line).await?;
        run("ip", &["link", "set", "dev", link, "up"]).await?;
        // The emulated NIC stays dark while the backend carries the port.
        if kind == Kind::Emulated {
            return Ok(());
        }
        let question = Question::Plugged {
            domain: vif.domain(link),
            seconds: self.seconds,
        };
        match ask(&self.state_dir, &question, self.seconds)? {
            Answer::Go => {}
            Answer::Refused { reason } => bail!("{reason}"),
            other => bail!("an answer to another question: {other:?}"),
        }
        let status = format!("{}/hotplug-status", place.backend);
        write(&[(&status, "connected")]).await?;
        info!(link, "{link} is connected, for guest {}", vif.guest_name);
        Ok(())
    }

    /// Takes everything back, and says why where the toolstack looks for it.
    async fn refuse(&self, place: &Place, error: &anyhow::Error) {
        let reason: String = format!("{error:#}").chars().take(MOST_REASON).collect();
        if let Err(error) = self.unplug(&place.link).await {
            tracing::warn!("could not unplug {}: {error:#}", place.link);
        }
        let (told, status) = (
            format!("{}/hotplug-error", place.backend),
            format!("{}/hotplug-status", place.backend),
        );
        if let Err(error) = write(&[(&told, &reason), (&status, "error")]).await {
            tracing::warn!("could not tell xenstore: {error:#}");
        }
    }

    async fn unplug(&self, link: &str) -> anyhow::Result<()> {
        self.vsctl(&["--if-exists", "del-port", link]).await?;
        // The backend may have taken its link along.
        let _ = run("ip", &["link", "set", "dev", link, "down"]).await;
        Ok(())
    }

    /// Nobody waits here for the switch: it may be down, and the agent knows when it is done.
    async fn vsctl(&self, line: &[&str]) -> anyhow::Result<()> {
        let database = format!("--db={}", self.ovsdb);
        let options = [database.as_str(), "--timeout=5", "--no-wait", "--"];
        let done = run("ovs-vsctl", &[&options, line].concat()).await;
        done.context("could not change the switch").map(drop)
    }
}

/// Where the VIF is in xenstore, and which link it has.
struct Place {
    backend: String,
    /// What the link is called as the toolstack made it.
    made: String,
    /// What it is to be called.
    link: String,
}

impl Place {
    async fn find(kind: Kind) -> anyhow::Result<Self> {
        let said = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let (variable, suffix) = match kind {
            Kind::Backend => ("vif", ""),
            Kind::Emulated => ("INTERFACE", "-emu"),
        };
        let made = said(variable).with_context(|| format!("{variable} is not set"))?;
        let backend = match (said("XENBUS_PATH"), kind) {
            (Some(path), _) => path,
            (None, Kind::Emulated) => vif::backend_of_emulated(&made)?,
            (None, Kind::Backend) => bail!("XENBUS_PATH is not set"),
        };
        let name = read(&format!("{backend}/vifname")).await?;
        let name = name.filter(|name| !name.is_empty());
        let link = name.map_or_else(|| made.clone(), |name| format!("{name}{suffix}"));
        Ok(Self {
            backend,
            made,
            link,
        })
    }

    async fn rename(&self) -> anyhow::Result<()> {
        if self.made == self.link {
            return Ok(());
        }
        let line = ["link", "set", "dev", &self.made, "name", &self.link];
        run("ip", &line).await.map(drop)
    }
}
