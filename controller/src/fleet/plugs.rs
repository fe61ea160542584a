//! Plugging VIFs into guests: a request to the session of a host, and its reply.

use std::time::Duration;

use api::session::FromController;
use model::{HostId, PlugOutcome, PlugReply, PlugRequest};

use super::Fleet;
use super::events::shortened;

/// How long a host may take to reply: less than a request may take, and more than the agent takes.
const PATIENCE: Duration = Duration::from_secs(27);

impl Fleet {
    /// What came of a request to a host; none if it does not reply in time.
    pub(crate) async fn plug(&self, host: HostId, request: PlugRequest) -> Option<PlugOutcome> {
        let id = request.id;
        let request = FromController::Plug(request);
        self.ask(&self.plugs, (host, id), request, PATIENCE).await
    }

    /// A host replied.
    pub(super) fn plugged(&self, host: HostId, reply: PlugReply) {
        let outcome = match reply.outcome {
            PlugOutcome::Done => PlugOutcome::Done,
            PlugOutcome::Refused { reason } => PlugOutcome::Refused {
                reason: shortened(reason),
            },
        };
        self.plugs.replied((host, reply.id), outcome);
    }
}
