//! The task that sends and hears probes of the fabric when the controller asks for it.
//!
//! ```text
//!              a check is under way                     at any other time
//!   br-<name>  probes --packet-in--> this task          forwarded like any frame
//!   br-int     probes from tunnels --packet-in--> this task, or else nobody
//! ```
//!
//! Probes leave by the physical network's bridge like any frame of a host, or by the tunnel port; they
//! are caught on the physical network's bridge before they are forwarded, by a flow that goes by itself
//! when the check is over.

mod bridge;
mod listening;

use std::path::PathBuf;
use std::sync::Arc;

use model::plan::HostPlan;
use model::{ProbeOrder, ProbeOutcome, ProbeReply, ProbeRequest};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep_until;

use listening::Listening;

/// How many requests and replies may wait.
const QUEUE: usize = 8;

/// The session's end: requests in, replies out.
pub struct Probes {
    /// What the controller asks for.
    pub requests: mpsc::Sender<ProbeRequest>,
    /// What to answer.
    pub replies: mpsc::Receiver<ProbeReply>,
}

/// The task's end.
pub struct Prober {
    run_directory: PathBuf,
    plan: watch::Receiver<Option<Arc<HostPlan>>>,
    requests: mpsc::Receiver<ProbeRequest>,
    replies: mpsc::Sender<ProbeReply>,
}

impl Prober {
    /// A task for the switch with this run directory, and the session's end of it.
    #[must_use]
    pub fn new(
        run_directory: PathBuf,
        plan: watch::Receiver<Option<Arc<HostPlan>>>,
    ) -> (Self, Probes) {
        let (request_sender, requests) = mpsc::channel(QUEUE);
        let (replies, reply_receiver) = mpsc::channel(QUEUE);
        let prober = Self {
            run_directory,
            plan,
            requests,
            replies,
        };
        let probes = Probes {
            requests: request_sender,
            replies: reply_receiver,
        };
        (prober, probes)
    }

    /// Does what it is asked, until nobody can ask any more.
    pub async fn run(mut self) {
        let mut listening: Option<Listening> = None;
        loop {
            let over = listening.as_ref().map(Listening::until);
            let over = async {
                match over {
                    Some(until) => sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                request = self.requests.recv() => match request {
                    Some(request) => self.answer(request, &mut listening).await,
                    None => return,
                },
                () = over => listening = None,
            }
        }
    }

    async fn answer(&self, request: ProbeRequest, listening: &mut Option<Listening>) {
        let ProbeRequest { check, step, order } = request;
        if let ProbeOrder::Listen { host, seconds, .. } = order {
            let plan = self.plan.borrow().clone();
            let fresh = Listening::begin(&self.run_directory, plan.as_deref(), (check, host));
            // The old ears go with this: the new ones may be on the same bridges.
            *listening = Some(fresh.lasting(seconds));
        }
        let outcome = match (order, listening.as_mut().filter(|it| it.check() == check)) {
            (ProbeOrder::Listen { lanes, .. }, Some(listening)) => listening.listen(&lanes).await,
            (ProbeOrder::Send { probes, per_second }, Some(listening)) => {
                listening.send(&probes, per_second).await
            }
            (ProbeOrder::Collect, Some(listening)) => listening.collect(),
            (_, None) => ProbeOutcome::Refused,
        };
        let reply = ProbeReply {
            check,
            step,
            outcome,
        };
        // Who asked may be gone; then nobody needs the answer.
        let _told = self.replies.try_send(reply);
    }
}
