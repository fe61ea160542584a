//! Watches the domains of the host's libvirt.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use model::GuestState;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{info, warn};
use uuid::Uuid;

use super::Kind;
use super::client::{Changed, Connection, Error};
use super::domain::Domain;
use super::protocol::{Described, DomainRef, Listed, Procedure};
use crate::seen::{self, Daemon, Redial, Seen, SeenGuest};

/// How often everything is looked at again when nothing calls for it.
const RESYNC: Duration = Duration::from_secs(60);

/// How long a burst of events is let gather.
const GATHER: Duration = Duration::from_millis(50);

/// How late a daemon is dialled again at last.
const LATEST: Duration = Duration::from_secs(10);

/// The most guests that are looked at.
const MOST_GUESTS: usize = 4_096;

/// The task that watches.
pub struct Watcher {
    /// The folder of the daemons' sockets: `/run/libvirt`.
    folder: PathBuf,
    /// Which guests are watched.
    kind: Kind,
    /// What is seen.
    seen: watch::Sender<Seen>,
}

impl Watcher {
    /// One for guests of this kind, by the folder of the daemons' sockets; and what it will see.
    #[must_use]
    pub fn new(folder: PathBuf, kind: Kind) -> (Self, watch::Receiver<Seen>) {
        let (seen, receiver) = watch::channel(Seen::default());
        (Self { folder, kind, seen }, receiver)
    }

    /// Watches for ever: through daemons that end, start, or never come.
    pub async fn run(self) {
        let mut redial = Redial::at_most_every(LATEST);
        loop {
            let began = Instant::now();
            if let Some(socket) = self.kind.socket(&self.folder) {
                let Err(error) = self.follow(&socket).await;
                if !self.is_not_there(&error) {
                    seen::lost(&self.seen, error);
                }
            }
            redial.pause(began.elapsed()).await;
        }
    }

    /// A daemon of everything need not have what makes containers: that is no daemon that is away.
    fn is_not_there(&self, error: &Error) -> bool {
        let refused = matches!(error, Error::Refused(Procedure::Open, _));
        refused && self.kind == Kind::Lxc && self.seen.borrow().daemon == Daemon::Absent
    }

    async fn follow(&self, socket: &std::path::Path) -> Result<std::convert::Infallible, Error> {
        let mut connection = Connection::open(socket, self.kind).await?;
        connection.subscribe().await?;
        let version = connection.version().await?;
        info!(version, uri = self.kind.uri(), "libvirt answers");
        let daemon = Daemon::Here { version };
        let mut changed = Changed::All;
        let mut known = BTreeMap::new();
        let mut resync_at = Instant::now() + RESYNC;
        loop {
            known = look(&mut connection, &changed, known).await?;
            self.publish(&daemon, &known);
            changed = tokio::select! {
                happened = connection.changed() => {
                    happened?;
                    sleep(GATHER).await;
                    connection.take_changed()
                }
                () = sleep_until(resync_at) => {
                    resync_at = Instant::now() + RESYNC;
                    Changed::All
                }
            };
        }
    }

    fn publish(&self, daemon: &Daemon, guests: &BTreeMap<Uuid, SeenGuest>) {
        self.seen.send_if_modified(|seen| {
            let same = seen.daemon == *daemon && seen.guests == *guests;
            if !same {
                seen.daemon.clone_from(daemon);
                seen.guests.clone_from(guests);
            }
            !same
        });
    }
}

/// Everything that runs. Descriptions are asked for where something changed; what an event says is no
/// more than that.
async fn look(
    connection: &mut Connection,
    changed: &Changed,
    mut known: BTreeMap<Uuid, SeenGuest>,
) -> Result<BTreeMap<Uuid, SeenGuest>, Error> {
    let running = uuids(connection.domains(Listed::Running).await?);
    let paused = uuids(connection.domains(Listed::Paused).await?);
    let mut found = BTreeMap::new();
    for domain in connection
        .domains(Listed::Active)
        .await?
        .into_iter()
        .take(MOST_GUESTS)
    {
        let before = known.remove(&domain.uuid);
        let before = before.filter(|it| it.run == domain.run && !changed.has(domain.uuid));
        let description = match before {
            Some(before) => Some(before.domain),
            None => describe(connection, &domain).await?,
        };
        let state = match domain.uuid {
            uuid if running.contains(&uuid) => GuestState::Running,
            uuid if paused.contains(&uuid) => GuestState::Paused,
            _ => GuestState::Other,
        };
        found.extend(description.map(|described| {
            let guest = SeenGuest {
                state,
                run: domain.run,
                domain: described,
            };
            (domain.uuid, guest)
        }));
    }
    Ok(found)
}

async fn describe(
    connection: &mut Connection,
    domain: &DomainRef,
) -> Result<Option<Domain>, Error> {
    let Some(xml) = connection.xml(domain, Described::Live).await? else {
        return Ok(None);
    };
    let described = Domain::parse(&xml).inspect_err(|error| {
        warn!(
            domain.name,
            "could not read the description of {}: {error}", domain.name
        );
    });
    Ok(described.ok())
}

fn uuids(domains: Vec<DomainRef>) -> BTreeSet<Uuid> {
    domains.into_iter().map(|domain| domain.uuid).collect()
}
