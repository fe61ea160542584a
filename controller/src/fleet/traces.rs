//! Traces: a request to the session of a host, and its reply back to whoever asks.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use api::session::FromController;
use model::{
    HostId, HostTraceOutcome, HostTraceReply, HostTraceRequest, TraceEntry, TracedFrame,
    TracedState,
};
use tokio::sync::oneshot;
use tokio::time::timeout;
use uuid::Uuid;

use super::Fleet;

/// How long a host may take to reply.
const PATIENCE: Duration = Duration::from_secs(10);

/// Replies that are waited for, by the id of their request.
#[derive(Default)]
pub(super) struct Traces {
    waiting: Mutex<HashMap<Uuid, Waiting>>,
}

/// Who has to reply, and where the reply goes.
struct Waiting {
    host: HostId,
    reply: oneshot::Sender<HostTraceOutcome>,
}

impl Fleet {
    /// What becomes of a frame on a host; none if it does not reply in time.
    pub(crate) async fn trace(
        &self,
        host: HostId,
        (entry, frame): (TraceEntry, TracedFrame),
        state: TracedState,
    ) -> Option<HostTraceOutcome> {
        let id = Uuid::new_v4();
        let request = HostTraceRequest {
            id,
            entry,
            frame,
            state,
        };
        let (reply, replied) = oneshot::channel();
        self.traces.lock().insert(id, Waiting { host, reply });
        // Also when whoever asks is gone before there is a reply.
        let _waiting = Forget(&self.traces, id);
        let sent = {
            let outboxes = self.outboxes();
            let session = outboxes.open.get(&host);
            let request = FromController::Trace(request);
            session.is_some_and(|session| session.requests.try_send(request).is_ok())
        };
        match sent {
            true => timeout(PATIENCE, replied).await.ok()?.ok(),
            false => None,
        }
    }

    /// A host replied. Nobody waits for what is late, or for what was asked of another host.
    pub(super) fn traced(&self, host: HostId, reply: HostTraceReply) {
        let mut waiting = self.traces.lock();
        let asked = waiting.get(&reply.id).is_some_and(|it| it.host == host);
        if asked && let Some(waiting) = waiting.remove(&reply.id) {
            let _taken = waiting.reply.send(reply.outcome);
        }
    }
}

/// Waits for a reply no more when it is dropped.
struct Forget<'a>(&'a Traces, Uuid);

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.0.lock().remove(&self.1);
    }
}

impl Traces {
    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
