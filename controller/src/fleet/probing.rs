//! Probes of the fabric: requests to the sessions of hosts, and their replies back to the check that
//! is under way.

use std::sync::{Mutex, MutexGuard, PoisonError};

use api::session::FromController;
use model::{HostId, ProbeReply, ProbeRequest};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::Fleet;

/// How many replies may wait for a check; from one that asks every host once, there are no more.
const REPLIES: usize = 4_096;

/// How many requests may wait for a session to send them.
pub(super) const REQUESTS: usize = 4;

/// A check, and where replies to it go.
type Waiting = Option<(Uuid, mpsc::Sender<(HostId, ProbeReply)>)>;

/// The check that waits for replies.
#[derive(Default)]
pub(super) struct Probing {
    waiting: Mutex<Waiting>,
}

impl Fleet {
    /// The replies of all hosts to this check from now on, and to no other any more.
    pub(crate) fn probe_replies(&self, check: Uuid) -> mpsc::Receiver<(HostId, ProbeReply)> {
        let (sender, receiver) = mpsc::channel(REPLIES);
        *self.probing.lock() = Some((check, sender));
        receiver
    }

    /// Asks a host; gives whether its session will.
    pub(crate) fn probe(&self, host: HostId, request: ProbeRequest) -> bool {
        let outboxes = self.outboxes();
        let session = outboxes.open.get(&host);
        let request = FromController::Probe(request);
        session.is_some_and(|session| session.requests.try_send(request).is_ok())
    }

    /// A host replied. Nobody waits for what is late.
    pub(super) fn probed(&self, host: HostId, reply: ProbeReply) {
        let waiting = self.probing.lock();
        if let Some((_, sender)) = waiting.as_ref().filter(|(check, _)| *check == reply.check) {
            let _taken = sender.try_send((host, reply));
        }
    }
}

impl Probing {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
