//! The task that plugs VIFs into guests, and out of them, when the controller asks.

use std::path::PathBuf;
use std::time::Duration;

use compute::libvirt::plugging::{self, PlugError, Vif};
use futures::StreamExt;
use futures::stream;
use model::{PlugChange, PlugOutcome, PlugReply, PlugRequest};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::observe::INTEGRATION_BRIDGE;

/// How many requests and replies may wait.
const QUEUE: usize = 8;

/// How many are carried out at once: a guest that does not let go holds up no other.
const AT_ONCE: usize = 4;

/// How long one may take.
const PATIENCE: Duration = Duration::from_secs(25);

/// The session's end: requests in, replies out.
pub struct Plugs {
    /// What the controller asks.
    pub requests: mpsc::Sender<PlugRequest>,
    /// What to answer.
    pub replies: mpsc::Receiver<PlugReply>,
}

/// The task's end.
pub struct Plugger {
    libvirt: PathBuf,
    requests: mpsc::Receiver<PlugRequest>,
    replies: mpsc::Sender<PlugReply>,
}

impl Plugger {
    /// A task for the libvirt whose sockets are in this folder, and the session's end of it.
    #[must_use]
    pub fn new(libvirt: PathBuf) -> (Self, Plugs) {
        let (request_sender, requests) = mpsc::channel(QUEUE);
        let (replies, reply_receiver) = mpsc::channel(QUEUE);
        let plugger = Self {
            libvirt,
            requests,
            replies,
        };
        let plugs = Plugs {
            requests: request_sender,
            replies: reply_receiver,
        };
        (plugger, plugs)
    }

    /// Carries requests out until nobody can ask any more.
    pub async fn run(mut self) {
        let requests = stream::poll_fn(|context| self.requests.poll_recv(context));
        let (libvirt, replies) = (&self.libvirt, &self.replies);
        let answering = requests.for_each_concurrent(AT_ONCE, |request| async move {
            let id = request.id;
            let outcome = match timeout(PATIENCE, plug(libvirt, &request)).await {
                Ok(Ok(())) => PlugOutcome::Done,
                Ok(Err(error)) => refused(format!("{:#}", anyhow::Error::from(error))),
                Err(_) => refused("libvirt is too busy with the guest".to_owned()),
            };
            tell(&request, &outcome);
            // Who asked may be gone; then nobody needs the answer.
            let _told = replies.try_send(PlugReply { id, outcome });
        });
        answering.await;
    }
}

fn refused(reason: String) -> PlugOutcome {
    PlugOutcome::Refused { reason }
}

fn tell(request: &PlugRequest, outcome: &PlugOutcome) {
    let (guest, port) = (&request.guest, request.port_id);
    match outcome {
        PlugOutcome::Done => info!(port.id = %port, "guest {guest}: {:?} done", request.change),
        PlugOutcome::Refused { reason } => {
            warn!(port.id = %port, "guest {guest}: {:?} refused: {reason}", request.change);
        }
    }
}

async fn plug(libvirt: &std::path::Path, request: &PlugRequest) -> Result<(), PlugError> {
    let (guest, port, mac) = (request.guest.as_str(), request.port_id, request.mac);
    match request.change {
        PlugChange::Attach { mtu } => {
            let vif = Vif { port, mac, mtu };
            match plugging::attach(libvirt, INTEGRATION_BRIDGE, guest, &vif).await {
                // It may have been asked for twice.
                Err(PlugError::Already { .. }) => Ok(()),
                attached => attached,
            }
        }
        PlugChange::Detach => plugging::detach(libvirt, guest, port, mac).await,
    }
}
