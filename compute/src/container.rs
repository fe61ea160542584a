//! Containers that others run, plugged in when their runtime asks: by CNI, which wants the link made and
//! configured, or by a hook of LXC, which made one.
//!
//! ```text
//!   runtime -> bulkhead-cni -+                 +- veth pair, or LXC's
//!   lxc-start -> lxc-hook ---+-> agent -> here -+- a row of OVSDB that says whose it is
//! ```
//!
//! What is plugged in is known by what its interface's row says, so that neither a restart of the agent nor a
//! container that dies leaves anything behind that nobody finds.

use std::io;
use std::path::Path;

use ::ovsdb::{Client, Condition, Mutator, Operation, Replica, Value};
use model::plan::PlannedInterface;
use model::{PortId, Route};

pub use crate::netns::wiring::Inside;
use crate::netns::{namespace, wiring};
use crate::plug::{self, DATABASE};

/// The keys of what an interface's row says.
const DRIVER: &str = "container-driver";
const CONTAINER: &str = "container-id";
const INSIDE: &str = "container-interface";
const LIST: &str = "container-list";
const MADE: &str = "container-link-made";

/// The driver of what a container runtime asks for by CNI.
pub const CNI: &str = "cni";

/// The driver of what LXC asks for by its hook.
pub const LXC: &str = "lxc";

/// Whose interface it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// [`CNI`] or [`LXC`].
    pub driver: String,
    /// What the runtime calls the container.
    pub container: String,
    /// The link's name inside.
    pub inside: String,
    /// The name of the network configuration that asked for it; empty where there is none.
    pub list: String,
}

/// An interface of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plugged {
    /// The link on the host.
    pub link: String,
    /// The port that it names.
    pub port: Option<PortId>,
    /// Whose it is.
    pub mark: Mark,
}

/// Why a container is not plugged in as it should be.
#[derive(Debug, thiserror::Error)]
pub enum ContainerError {
    /// There is no namespace there.
    #[error("{0} is no network namespace")]
    NoNamespace(String, #[source] io::Error),
    /// A link could not be made.
    #[error("could not make the link {0}")]
    Make(String, #[source] io::Error),
    /// It could not be moved inside.
    #[error("could not move the link inside as {0}")]
    Move(String, #[source] io::Error),
    /// It could not be configured.
    #[error("could not configure {0}")]
    Configure(String, #[source] io::Error),
    /// It could not be plugged in.
    #[error("could not plug {0} into the switch")]
    Plug(String, #[source] ::ovsdb::Error),
    /// It could not be unplugged.
    #[error("could not unplug {0} from the switch")]
    Unplug(String, #[source] ::ovsdb::Error),
    /// It could not be removed.
    #[error("could not remove the link {0}")]
    Remove(String, #[source] io::Error),
    /// It could not be looked at.
    #[error("could not look at {0}")]
    Look(String, #[source] io::Error),
}

/// Every container's interface on the host, as OVSDB has it.
#[must_use]
pub fn plugged(replica: &Replica) -> Vec<Plugged> {
    let rows = replica.table("Interface").iter();
    let found = rows.filter_map(|(_, row)| {
        let ids = row.get("external_ids")?;
        let text = |key| ids.map_get(key).map(str::to_owned);
        Some(Plugged {
            link: row.get("name")?.as_str()?.to_owned(),
            port: ids.map_get("iface-id").and_then(|id| id.parse().ok()),
            mark: Mark {
                driver: text(DRIVER)?,
                container: text(CONTAINER)?,
                inside: text(INSIDE).unwrap_or_default(),
                list: text(LIST).unwrap_or_default(),
            },
        })
    });
    found.collect()
}

/// Plugs containers in.
#[derive(Clone)]
pub struct Containers {
    bridge: String,
    ovsdb: Client,
}

impl Containers {
    /// Plugs into `bridge`, by `ovsdb`.
    #[must_use]
    pub fn new(bridge: impl Into<String>, ovsdb: Client) -> Self {
        let bridge = bridge.into();
        Self { bridge, ovsdb }
    }

    /// The link on the host of a port that is plugged in by [`make`](Self::make).
    #[must_use]
    pub fn link_of(port: PortId) -> String {
        wiring::host_end(port)
    }

    /// Makes a pair for the port and plugs the host's end in; the other one waits on the host, switched off.
    ///
    /// The switch's row comes before its link, and goes after it: whoever dies in between leaves a row that
    /// says whose it was, and no link that nobody knows.
    ///
    /// # Errors
    /// When a step fails; what was done until then is found by [`remove`](Self::remove).
    pub async fn make(&self, port: PortId, mark: &Mark) -> Result<String, ContainerError> {
        let link = Self::link_of(port);
        self.plug(&link, port, mark).await?;
        let made = wiring::make_pair(port).await;
        made.map_err(|source| ContainerError::Make(link.clone(), source))?;
        self.tell_made(&link).await?;
        Ok(link)
    }

    /// Has the switch look for a link that it may have looked for before it was there: it does so again at every
    /// change of its database, and is not always woken by the kernel.
    async fn tell_made(&self, link: &str) -> Result<(), ContainerError> {
        let told = Operation::mutate("Interface")
            .where_(Condition::equal("name", link))
            .mutation(
                "external_ids",
                Mutator::Insert,
                Value::map([(MADE, "true")]),
            );
        let told = self.ovsdb.transact(DATABASE, vec![told.into()]).await;
        let told = told.map(drop);
        told.map_err(|source| ContainerError::Plug(link.to_owned(), source))
    }

    /// Plugs in a link that somebody else made.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn plug(&self, link: &str, port: PortId, mark: &Mark) -> Result<(), ContainerError> {
        let ids = Value::map([
            ("iface-id", port.to_string()),
            ("iface-status", "active".to_owned()),
            (DRIVER, mark.driver.clone()),
            (CONTAINER, mark.container.clone()),
            (INSIDE, mark.inside.clone()),
            (LIST, mark.list.clone()),
        ]);
        let plug = plug::Link {
            name: link.to_owned(),
            of_interface: ids,
            of_port: Value::map::<&str, &str>([]),
        };
        let plug = plug::operations(&self.bridge, [plug]);
        // A row of this name may be left of a link that is gone.
        self.unplug(link).await?;
        let plugged = self.ovsdb.transact(DATABASE, plug).await;
        let plugged = plugged.map(drop);
        plugged.map_err(|source| ContainerError::Plug(link.to_owned(), source))
    }

    /// Moves the container's end inside, gives it what it is to have and switches it on.
    ///
    /// # Errors
    /// When a step fails.
    pub async fn settle(
        &self,
        namespace: &Path,
        inside: &str,
        interface: &PlannedInterface,
        routes: &[Route],
    ) -> Result<(), ContainerError> {
        let moved = wiring::move_inside(namespace, interface, inside).await;
        moved.map_err(|source| ContainerError::Move(inside.to_owned(), source))?;
        let configured = wiring::configure(namespace, inside, interface, routes).await;
        configured.map_err(|source| ContainerError::Configure(inside.to_owned(), source))
    }

    /// Gives a pair that somebody else made the port's Ethernet address and MTU. Its other end is in the
    /// namespace already.
    ///
    /// # Errors
    /// When there is no such pair.
    pub async fn dress(
        &self,
        link: &str,
        namespace: &Path,
        interface: &PlannedInterface,
    ) -> Result<(), ContainerError> {
        let dressed = wiring::dress(link, namespace, interface.mac, interface.mtu).await;
        dressed.map_err(|source| ContainerError::Configure(link.to_owned(), source))
    }

    /// Unplugs a link, if it is plugged in.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn unplug(&self, link: &str) -> Result<(), ContainerError> {
        let refused = |source| ContainerError::Unplug(link.to_owned(), source);
        let named = Condition::equal("name", link);
        let ports = plug::ports_where(&self.ovsdb, Some(named)).await;
        let ports = ports.map_err(refused)?;
        if ports.is_empty() {
            return Ok(());
        }
        let unplug = plug::removal(&self.bridge, ports.iter().map(|port| port.uuid));
        let unplugged = self.ovsdb.transact(DATABASE, vec![unplug]).await;
        unplugged.map(drop).map_err(refused)
    }

    /// Unplugs a link and removes it, with its other end, wherever that is.
    ///
    /// # Errors
    /// When a step fails.
    pub async fn remove(&self, link: &str) -> Result<(), ContainerError> {
        let removed = wiring::remove_pair(link).await;
        removed.map_err(|source| ContainerError::Remove(link.to_owned(), source))?;
        self.unplug(link).await
    }

    /// Looks at a link inside a namespace; none, if it is not there.
    ///
    /// # Errors
    /// When the namespace cannot be looked into.
    pub async fn look(
        &self,
        namespace: &Path,
        inside: &str,
    ) -> Result<Option<Inside>, ContainerError> {
        let found = wiring::look(namespace, inside).await;
        found.map_err(|source| ContainerError::Look(inside.to_owned(), source))
    }
}

/// Refuses what is no network namespace, before anything is made for it.
///
/// # Errors
/// When it is none.
pub fn require_namespace(path: &Path) -> Result<(), ContainerError> {
    let none = |source| ContainerError::NoNamespace(path.display().to_string(), source);
    match namespace::is_namespace(path) {
        Ok(true) => Ok(()),
        Ok(false) => Err(none(io::ErrorKind::NotFound.into())),
        Err(error) => Err(none(error)),
    }
}
