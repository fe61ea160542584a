//! What is seen of the guests of a toolstack, whichever it is, and how one that is away is dialled.

use std::collections::BTreeMap;
use std::time::Duration;

use model::GuestState;
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::warn;
use uuid::Uuid;

use crate::libvirt::domain::Domain;

/// What is known of a toolstack of the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// How it stands with its daemon.
    pub daemon: Daemon,
    /// What runs, as of when the daemon last answered.
    pub guests: BTreeMap<Uuid, SeenGuest>,
}

/// How it stands with a toolstack's daemon.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Daemon {
    /// It was never there.
    #[default]
    Absent,
    /// It answers.
    Here {
        /// Its version.
        version: String,
    },
    /// It did and does not now, or will not have us.
    Away {
        /// Why, as a sentence.
        reason: String,
    },
}

/// A guest that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenGuest {
    /// Whether its processors run.
    pub state: GuestState,
    /// The number of this run of it.
    pub run: i32,
    /// How it is described.
    pub domain: Domain,
}

/// Says that the daemon is away. What its guests were stays known.
pub(crate) fn lost(
    seen: &watch::Sender<Seen>,
    error: impl std::error::Error + Send + Sync + 'static,
) {
    let reason = format!("{:#}", anyhow::Error::from(error));
    seen.send_if_modified(|seen| {
        let away = Daemon::Away {
            reason: reason.clone(),
        };
        let changed = seen.daemon != away;
        if changed {
            warn!("{reason}; dialling");
        }
        seen.daemon = away;
        changed
    });
}

/// How long is waited between attempts: one that answered for a while is dialled at once, one that never
/// does less and less.
pub(crate) struct Redial {
    pause: Duration,
    latest: Duration,
}

impl Redial {
    const SOONEST: Duration = Duration::from_millis(500);

    pub(crate) const fn at_most_every(latest: Duration) -> Self {
        Self {
            pause: Self::SOONEST,
            latest,
        }
    }

    /// Waits, after an attempt that came to an end in this time.
    pub(crate) async fn pause(&mut self, lasted: Duration) {
        self.pause = match lasted > self.latest {
            true => Self::SOONEST,
            false => (self.pause * 2).min(self.latest),
        };
        sleep(self.pause).await;
    }
}
