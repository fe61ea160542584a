//! Traces: a request to the session of a host, and its reply back to whoever asks.

use std::time::Duration;

use api::session::FromController;
use model::{
    HostId, HostTraceOutcome, HostTraceReply, HostTraceRequest, TraceEntry, TracedFrame,
    TracedState,
};
use uuid::Uuid;

use super::Fleet;

/// How long a host may take to reply.
const PATIENCE: Duration = Duration::from_secs(10);

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
        let request = FromController::Trace(request);
        self.ask(&self.traces, (host, id), request, PATIENCE).await
    }

    /// A host replied.
    pub(super) fn traced(&self, host: HostId, reply: HostTraceReply) {
        self.traces.replied((host, reply.id), reply.outcome);
    }
}
