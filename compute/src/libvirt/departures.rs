//! Machines that are sent to another host: libvirt's daemon here hands each over to the one there.
//!
//! ```text
//!   the plan says that it leaves ---> libvirt is asked, once ---> it is there, or why it is still here
//! ```
//!
//! Asking takes as long as the migration, so each has a task of its own; what came of it stays known until
//! the plan says something else. An agent that is started anew asks again: libvirt tells that it is at work
//! on it already, or that it is gone.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{Departure, InstanceId, Timestamp};
use tokio::sync::Notify;

use super::Kind;
use super::client::{Connection, Error};
use super::machines::whole;
use super::protocol::DomainRef;

/// What stands in the address of a daemon for the host's own.
pub const HOST: &str = "{host}";

/// The migrations from this host.
#[derive(Default)]
pub struct Departures {
    begun: Arc<Mutex<BTreeMap<InstanceId, Begun>>>,
    /// One is over.
    over: Arc<Notify>,
}

/// A migration that libvirt was asked for.
#[derive(Clone, Debug)]
struct Begun {
    at: Timestamp,
    /// What came of it, when it is over.
    outcome: Option<Departure>,
}

impl Departures {
    /// Waits until one is over.
    pub(super) async fn over(&self) {
        self.over.notified().await;
    }

    /// What came of this one, if that is known.
    pub(super) fn outcome(&self, id: InstanceId, began_at: Timestamp) -> Option<Departure> {
        let begun = self.lock().get(&id).cloned();
        begun.filter(|it| it.at == began_at)?.outcome
    }

    /// Forgets all but these.
    pub(super) fn keep(&self, those: impl Fn(InstanceId) -> bool) {
        self.lock().retain(|id, _| those(*id));
    }

    /// Has libvirt send a machine to the daemon at `uri`, unless it was asked before.
    pub(super) fn begin(
        &self,
        (id, began_at): (InstanceId, Timestamp),
        domain: DomainRef,
        (socket, uri): (&Path, String),
    ) {
        let mut begun = self.lock();
        if begun.get(&id).is_some_and(|it| it.at == began_at) {
            return;
        }
        let at = began_at;
        begun.insert(id, Begun { at, outcome: None });
        let (begun, over) = (Arc::clone(&self.begun), Arc::clone(&self.over));
        let socket = socket.to_owned();
        tokio::spawn(async move {
            let sent = send(&socket, &domain, &uri).await;
            note(&begun, (id, began_at), sent);
            over.notify_one();
        });
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<InstanceId, Begun>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes note of what came of a migration, unless another was begun since.
fn note(
    begun: &Mutex<BTreeMap<InstanceId, Begun>>,
    (id, began_at): (InstanceId, Timestamp),
    sent: Result<(), Error>,
) {
    let mut begun = begun.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(entry) = begun.get_mut(&id).filter(|it| it.at == began_at) else {
        return;
    };
    let failure = match sent {
        Ok(()) => None,
        // Nobody knows yet: libvirt is at work on it, or the machine is gone, to there or altogether.
        Err(Error::Refused(_, fault)) if fault.is_busy() || fault.is_gone() => {
            begun.remove(&id);
            return;
        }
        Err(error) => Some(whole(error)),
    };
    entry.outcome = Some(Departure { began_at, failure });
}

async fn send(socket: &Path, domain: &DomainRef, uri: &str) -> Result<(), Error> {
    let mut connection = Connection::open(socket, Kind::Qemu).await?;
    connection.migrate(domain, uri).await
}

/// Where libvirt's daemon on another host is reached, by what the operator says of all of them.
pub(super) fn uri(pattern: &str, host: IpAddr) -> String {
    let host = match host {
        IpAddr::V4(host) => host.to_string(),
        IpAddr::V6(host) => format!("[{host}]"),
    };
    pattern.replace(HOST, &host)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::libvirt::protocol::{Fault, Procedure};

    fn refused(code: i32) -> Result<(), Error> {
        let message = "no".to_owned();
        Err(Error::Refused(Procedure::Migrate, Fault { code, message }))
    }

    fn begun() -> (Departures, InstanceId, Timestamp) {
        let (id, at) = (Uuid::from_u128(1).into(), Timestamp::now());
        let departures = Departures::default();
        let entry = Begun { at, outcome: None };
        departures.lock().insert(id, entry);
        (departures, id, at)
    }

    #[test]
    fn a_daemon_is_reached_by_either_family() {
        let pattern = "qemu+tls://{host}/system";
        let v4 = uri(pattern, "192.0.2.1".parse().unwrap());
        assert_eq!(v4, "qemu+tls://192.0.2.1/system");
        let v6 = uri(pattern, "2001:db8::1".parse().unwrap());
        assert_eq!(v6, "qemu+tls://[2001:db8::1]/system");
    }

    #[test]
    fn what_came_of_a_migration_is_of_that_one_alone() {
        let (departures, id, at) = begun();
        note(&departures.begun, (id, at), refused(1));
        let outcome = departures.outcome(id, at).unwrap();
        assert!(outcome.failure.unwrap().contains("no"));
        let other = at.after(std::time::Duration::from_millis(1));
        assert_eq!(departures.outcome(id, other), None);
        departures.keep(|_| false);
        assert_eq!(departures.outcome(id, at), None);
    }

    #[test]
    fn of_a_machine_that_is_busy_or_gone_nothing_is_known_and_it_may_be_asked_for_again() {
        for code in [42, 68] {
            let (departures, id, at) = begun();
            note(&departures.begun, (id, at), refused(code));
            assert_eq!(departures.outcome(id, at), None);
            assert!(departures.lock().is_empty());
        }
    }
}
