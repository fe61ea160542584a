//! What is asked of a host in its session, and its reply back to whoever asks.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use api::session::FromController;
use model::HostId;
use tokio::sync::oneshot;
use tokio::time::timeout;
use uuid::Uuid;

use super::Fleet;

/// Replies that are waited for, by the id of their request.
pub(super) struct Asked<T> {
    waiting: Mutex<HashMap<Uuid, Waiting<T>>>,
}

/// Who has to reply, and where the reply goes.
struct Waiting<T> {
    host: HostId,
    reply: oneshot::Sender<T>,
}

impl<T> Default for Asked<T> {
    fn default() -> Self {
        Self {
            waiting: Mutex::default(),
        }
    }
}

impl Fleet {
    /// What a host replies to the request with this id; none if it does not in time.
    pub(super) async fn ask<T>(
        &self,
        asked: &Asked<T>,
        (host, id): (HostId, Uuid),
        request: FromController,
        patience: Duration,
    ) -> Option<T> {
        let (reply, replied) = oneshot::channel();
        asked.lock().insert(id, Waiting { host, reply });
        // Also when whoever asks is gone before there is a reply.
        let _waiting = Forget(asked, id);
        let sent = {
            let outboxes = self.outboxes();
            let session = outboxes.open.get(&host);
            session.is_some_and(|session| session.requests.try_send(request).is_ok())
        };
        match sent {
            true => timeout(patience, replied).await.ok()?.ok(),
            false => None,
        }
    }
}

impl<T> Asked<T> {
    /// A host replied. Nobody waits for what is late, or for what was asked of another host.
    pub(super) fn replied(&self, (host, id): (HostId, Uuid), outcome: T) {
        let mut waiting = self.lock();
        let asked = waiting.get(&id).is_some_and(|it| it.host == host);
        if asked && let Some(waiting) = waiting.remove(&id) {
            let _taken = waiting.reply.send(outcome);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Waiting<T>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for a reply no more when it is dropped.
struct Forget<'a, T>(&'a Asked<T>, Uuid);

impl<T> Drop for Forget<'_, T> {
    fn drop(&mut self) {
        self.0.lock().remove(&self.1);
    }
}
