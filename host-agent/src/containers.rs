//! Plugs in containers that others run, and says when their VIFs are active.
//!
//! ```text
//!   Request --> make, plug in (dark) --> wait: bound, rules in place --> settle inside --> Attachment
//! ```
//!
//! Which port a container gets is for whoever asks to say, and only root can. The port's flows are there before
//! its end is inside, so a container's first frame meets its rules. What is plugged in is known by its rows in
//! OVSDB: see [`compute::container`].

mod attachment;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use compute::container::{self, CNI, LXC, Mark, Plugged};
use compute::libvirt::domain::{Domain, Interface};
use model::PortId;
use model::plan::HostPlan;
use ovsdb::{Client, Monitor, Uuid};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, watch};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

pub use attachment::Attachment;

use crate::hold::{Answer, Holds, SECONDS_MAX, kernel_index};
use crate::observe::INTEGRATION_BRIDGE;

/// How often is looked for what containers left behind, when nothing calls for it.
const AGAIN: Duration = Duration::from_secs(30);

/// How long changes are let gather.
const GATHER: Duration = Duration::from_millis(500);

/// The longest name of a container, in bytes.
const MOST_NAME_BYTES: usize = 256;

/// The longest name of a link, in bytes.
const MOST_LINK_BYTES: usize = 15;

/// An interface of a container, as CNI names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The container.
    pub container: String,
    /// The link's name inside.
    pub inside: String,
}

/// What may be asked about containers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// Whether anybody answers.
    Ready,
    /// Make a link, plug it in, and configure it inside: answered when its frames pass.
    Attach {
        /// What it is to be.
        place: Place,
        /// Where the container's network namespace is mounted.
        namespace: PathBuf,
        /// The name of the network configuration.
        list: String,
        /// The port that it plugs into.
        port: PortId,
        /// How long to wait for it to be active, at most 60.
        seconds: u64,
    },
    /// Whether it is still as it was made.
    Look {
        /// What.
        place: Place,
        /// Where the container's network namespace is mounted.
        namespace: PathBuf,
    },
    /// Remove the link, if it is there.
    Detach {
        /// What.
        place: Place,
    },
    /// Remove the links of a network configuration, but for these.
    Retain {
        /// The name of the network configuration.
        list: String,
        /// What stays.
        keep: Vec<Place>,
    },
    /// Plug in a link that LXC made: answered when its frames pass.
    Plug {
        /// The container.
        container: String,
        /// The link on the host.
        link: String,
        /// Where the container's network namespace is, with the other end in it.
        namespace: PathBuf,
        /// The port that it plugs into.
        port: PortId,
        /// How long to wait for it to be active, at most 60.
        seconds: u64,
    },
    /// Unplug such a link.
    Unplug {
        /// The link on the host.
        link: String,
    },
}

/// What plugs containers in. Clones share one turn.
#[derive(Clone)]
pub struct Containers {
    driver: container::Containers,
    plan: watch::Receiver<Option<Arc<HostPlan>>>,
    monitor: Monitor,
    /// Links are made and removed one at a time: what is found free stays free until it is taken.
    turn: Arc<Mutex<()>>,
}

impl Containers {
    /// By what is planned, and what the switch's database says.
    #[must_use]
    pub fn new(
        plan: watch::Receiver<Option<Arc<HostPlan>>>,
        monitor: Monitor,
        ovsdb: Client,
    ) -> Self {
        Self {
            driver: container::Containers::new(INTEGRATION_BRIDGE, ovsdb),
            plan,
            monitor,
            turn: Arc::default(),
        }
    }

    /// Does what is asked.
    pub(crate) async fn answer(&self, holds: &Holds, request: Request) -> Answer {
        let done = self.carry_out(holds, request).await;
        done.unwrap_or_else(|error| {
            let reason = format!("{error:#}");
            warn!("a container was refused: {reason}");
            Answer::Refused { reason }
        })
    }

    async fn carry_out(&self, holds: &Holds, request: Request) -> anyhow::Result<Answer> {
        let within = |seconds: u64| Duration::from_secs(seconds.min(SECONDS_MAX));
        let answer = |it| Answer::Attached(Box::new(it));
        match request {
            Request::Ready => Ok(Answer::Go),
            Request::Attach {
                place,
                namespace,
                list,
                port,
                seconds,
            } => {
                let mark = mark(CNI, place, list)?;
                let attached = self.attach(holds, (port, &mark), &namespace, within(seconds));
                attached.await.map(answer)
            }
            Request::Look { place, namespace } => self.look(&place, namespace).await.map(answer),
            Request::Detach { place } => self.detach(|it| of_place(it, &place)).await,
            Request::Retain { list, keep } => {
                let kept = |it: &Plugged| keep.iter().any(|place| of_place(it, place));
                let in_list = |it: &Plugged| it.mark.driver == CNI && it.mark.list == list;
                self.detach(|it| in_list(it) && !kept(it)).await
            }
            Request::Plug {
                container,
                link,
                namespace,
                port,
                seconds,
            } => {
                let inside = String::new();
                let mark = mark(LXC, Place { container, inside }, String::new())?;
                self.plug(holds, (port, &link, &mark), &namespace, within(seconds))
                    .await
            }
            Request::Unplug { link } => {
                self.detach(|it| it.mark.driver == LXC && it.link == link)
                    .await
            }
        }
    }

    async fn attach(
        &self,
        holds: &Holds,
        (port, mark): (PortId, &Mark),
        namespace: &Path,
        within: Duration,
    ) -> anyhow::Result<Attachment> {
        let link = self.make(port, mark, namespace).await?;
        let guest = guest(mark, &link, port);
        let active = holds.active(&guest, within).await;
        let settled = match active.map_err(anyhow::Error::msg) {
            Ok(()) => self.settle(port, &link, mark, namespace).await,
            Err(error) => Err(error),
        };
        if settled.is_err() {
            let _turn = self.turn.lock().await;
            self.driver.remove(&link).await?;
        }
        settled
    }

    /// Makes a link and plugs it in, dark.
    async fn make(&self, port: PortId, mark: &Mark, namespace: &Path) -> anyhow::Result<String> {
        container::require_namespace(namespace)?;
        let _turn = self.turn.lock().await;
        self.require_free(port, &container::Containers::link_of(port))?;
        let place =
            |it: &Plugged| it.mark.container == mark.container && it.mark.inside == mark.inside;
        if self
            .plugged()
            .iter()
            .any(|it| it.mark.driver == CNI && place(it))
        {
            bail!("{} of this container is plugged in already", mark.inside);
        }
        Ok(self.driver.make(port, mark).await?)
    }

    /// Refuses a port that a link on this host carries, whoever plugged that in.
    fn require_free(&self, port: PortId, link: &str) -> anyhow::Result<()> {
        let vifs = compute::ovsdb::vifs(&self.monitor.snapshot(), INTEGRATION_BRIDGE);
        let carries = vifs.iter().find(|vif| {
            let names = crate::binding::port_id(vif) == Some(port) || vif.interface == link;
            names && kernel_index(&vif.interface).is_some()
        });
        match carries {
            Some(vif) => bail!("{} already carries port {port}", vif.interface),
            None => Ok(()),
        }
    }

    async fn settle(
        &self,
        port: PortId,
        link: &str,
        mark: &Mark,
        namespace: &Path,
    ) -> anyhow::Result<Attachment> {
        let attachment = self.planned(port, link)?;
        let (interface, routes) = (&attachment.interface, &attachment.routes);
        let settled = self
            .driver
            .settle(namespace, &mark.inside, interface, routes);
        settled.await?;
        let (container, inside) = (&mark.container, &mark.inside);
        info!(port.id = %port, container, "{inside} of container {container} is port {port}");
        Ok(attachment)
    }

    fn planned(&self, port: PortId, link: &str) -> anyhow::Result<Attachment> {
        let plan = self.plan.borrow().clone();
        let attachment = plan.and_then(|plan| Attachment::of(&plan, port, link));
        attachment.with_context(|| format!("port {port} is not planned on this host any more"))
    }

    async fn plug(
        &self,
        holds: &Holds,
        (port, link, mark): (PortId, &str, &Mark),
        namespace: &Path,
        within: Duration,
    ) -> anyhow::Result<Answer> {
        check_link(link)?;
        container::require_namespace(namespace)?;
        let turn = self.turn.lock().await;
        self.require_free(port, link)?;
        self.driver.plug(link, port, mark).await?;
        drop(turn);
        let active = holds.active(&guest(mark, link, port), within).await;
        let dressed = match active.map_err(anyhow::Error::msg) {
            Ok(()) => self.dress(port, link, namespace).await,
            Err(error) => Err(error),
        };
        if dressed.is_err() {
            self.driver.unplug(link).await?;
        }
        dressed.map(|it| Answer::Attached(Box::new(it)))
    }

    async fn dress(
        &self,
        port: PortId,
        link: &str,
        namespace: &Path,
    ) -> anyhow::Result<Attachment> {
        let attachment = self.planned(port, link)?;
        let dressed = self.driver.dress(link, namespace, &attachment.interface);
        dressed.await?;
        Ok(attachment)
    }

    async fn look(&self, place: &Place, namespace: PathBuf) -> anyhow::Result<Attachment> {
        container::require_namespace(&namespace)?;
        let plugged = self.plugged();
        let found = plugged.iter().find(|it| of_place(it, place));
        let found = found.context("it is not plugged in")?;
        let port = found.port.context("it names no port")?;
        if kernel_index(&found.link).is_none() {
            bail!("its link {} is gone", found.link);
        }
        let attachment = self.planned(port, &found.link)?;
        let inside = self.driver.look(&namespace, &place.inside).await?;
        let inside = inside.with_context(|| format!("there is no {} inside", place.inside))?;
        let interface = &attachment.interface;
        if !inside.is_up {
            bail!("{} is switched off inside", place.inside);
        }
        if inside.mac != Some(interface.mac) {
            bail!(
                "{} has another Ethernet address than its port",
                place.inside
            );
        }
        let lost = interface.addresses.iter();
        let mut lost = lost.filter(|it| !inside.addresses.contains(&it.addr()));
        match lost.next() {
            Some(address) => bail!("{} does not have {address} inside", place.inside),
            None => Ok(attachment),
        }
    }

    async fn detach(&self, which: impl Fn(&Plugged) -> bool) -> anyhow::Result<Answer> {
        let _turn = self.turn.lock().await;
        let mut ports = Vec::new();
        for found in self.plugged().into_iter().filter(which) {
            match found.mark.driver.as_str() {
                // LXC's link is LXC's to remove.
                LXC => self.driver.unplug(&found.link).await?,
                _ => self.driver.remove(&found.link).await?,
            }
            ports.extend(found.port);
        }
        Ok(Answer::Detached(ports))
    }

    fn plugged(&self) -> Vec<Plugged> {
        container::plugged(&self.monitor.snapshot())
    }

    /// Unplugs what containers left that ended without a word, for ever; ends when the database client does.
    pub async fn sweep(mut self) {
        loop {
            for found in self.plugged() {
                if let Err(error) = self.sweep_one(&found.link).await {
                    warn!("could not unplug what a container left: {error:#}");
                }
            }
            if let Ok(Err(_)) = timeout(AGAIN, self.monitor.changed()).await {
                return;
            }
            sleep(GATHER).await;
        }
    }

    async fn sweep_one(&self, link: &str) -> anyhow::Result<()> {
        if kernel_index(link).is_some() {
            return Ok(());
        }
        let _turn = self.turn.lock().await;
        // Whoever was in turn may have made it anew.
        if kernel_index(link).is_none() {
            self.driver.unplug(link).await?;
            info!(link, "{link} was left by a container that is gone");
        }
        Ok(())
    }
}

fn of_place(plugged: &Plugged, place: &Place) -> bool {
    let mark = &plugged.mark;
    mark.driver == CNI && mark.container == place.container && mark.inside == place.inside
}

fn mark(driver: &str, place: Place, list: String) -> anyhow::Result<Mark> {
    if driver == CNI {
        check_link(&place.inside)?;
    }
    for name in [&place.container, &list] {
        if name.len() > MOST_NAME_BYTES || name.chars().any(char::is_control) {
            bail!("a name is longer than {MOST_NAME_BYTES} bytes, or no line of text");
        }
    }
    Ok(Mark {
        driver: driver.to_owned(),
        container: place.container,
        inside: place.inside,
        list,
    })
}

/// What Linux takes as the name of a link (`dev_valid_name`).
fn check_link(name: &str) -> anyhow::Result<()> {
    let fits = (1..=MOST_LINK_BYTES).contains(&name.len()) && name != "." && name != "..";
    let bad = |it: char| it == '/' || it == ':' || it.is_whitespace() || it.is_control();
    if !fits || name.chars().any(bad) {
        bail!("{name:?} is no name of a link; expected 1 to {MOST_LINK_BYTES} bytes");
    }
    Ok(())
}

/// The container as one that has to wait for its only interface.
fn guest(mark: &Mark, link: &str, port: PortId) -> Domain {
    Domain {
        uuid: identifier(mark),
        name: mark.container.clone(),
        interfaces: vec![Interface {
            bridge: Some(INTEGRATION_BRIDGE.to_owned()),
            link: Some(link.to_owned()),
            port_id: Some(port),
            ..Interface::default()
        }],
    }
}

/// Containers have names only: the same name is always the same identifier (RFC 9562 §5.8).
pub(crate) fn identifier(mark: &Mark) -> Uuid {
    let named = format!("{}\0{}", mark.driver, mark.container);
    let hash = digest(&SHA256, named.as_bytes());
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(hash.as_ref()) {
        *to = *from;
    }
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}
