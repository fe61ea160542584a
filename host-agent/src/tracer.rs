//! The task that says what would become of a packet on this host, when the controller asks.
//!
//! ```text
//!   request --> dump the flows that are installed --> evaluate -------+--> reply
//!                                                                     |
//!               the switch's own ofproto/trace of the same packet ----+ same way?
//!               again for each time that conntrack sends it on
//! ```
//!
//! Nothing is sent: neither the packet, nor anything to anybody. What is installed is looked at anew for
//! each request, also flows that are not ours: they take part in what becomes of packets.

mod confirm;
mod control;
mod entry;
pub mod text;
mod way;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use model::{
    HostTrace, HostTraceOutcome, HostTraceReply, HostTraceRequest, SwitchWord, TracedState,
};
use openflow::Flow;
use openflow::client::{Client, Options};
use openflow::message::FlowFilter;
use openflow::table::{Connections, Tables};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::observe::INTEGRATION_BRIDGE;
use crate::responder::Known;
use way::Replies;

/// How many requests and replies may wait.
const QUEUE: usize = 8;

/// How long a trace may take: a switch with very many flows takes a while to tell them.
const PATIENCE: Duration = Duration::from_secs(8);

/// The session's end: requests in, replies out.
pub struct Traces {
    /// What the controller asks.
    pub requests: mpsc::Sender<HostTraceRequest>,
    /// What to answer.
    pub replies: mpsc::Receiver<HostTraceReply>,
}

/// The task's end.
pub struct Tracer {
    run_directory: PathBuf,
    known: watch::Receiver<Arc<Known>>,
    requests: mpsc::Receiver<HostTraceRequest>,
    replies: mpsc::Sender<HostTraceReply>,
}

impl Tracer {
    /// A task for the switch with this run directory, and the session's end of it.
    #[must_use]
    pub fn new(run_directory: PathBuf, known: watch::Receiver<Arc<Known>>) -> (Self, Traces) {
        let (request_sender, requests) = mpsc::channel(QUEUE);
        let (replies, reply_receiver) = mpsc::channel(QUEUE);
        let tracer = Self {
            run_directory,
            known,
            requests,
            replies,
        };
        let traces = Traces {
            requests: request_sender,
            replies: reply_receiver,
        };
        (tracer, traces)
    }

    /// Answers one after the other, until nobody can ask any more.
    pub async fn run(mut self) {
        while let Some(request) = self.requests.recv().await {
            let known = Arc::clone(&self.known.borrow());
            let traced = timeout(PATIENCE, settled(&self.run_directory, &known, &request)).await;
            let traced = traced.unwrap_or_else(|_| Err("the switch is too busy to say".to_owned()));
            let reply = HostTraceReply {
                id: request.id,
                outcome: match traced {
                    Ok(trace) => HostTraceOutcome::Traced(trace),
                    Err(reason) => HostTraceOutcome::Refused { reason },
                },
            };
            // Who asked may be gone; then nobody needs the answer.
            let _told = self.replies.try_send(reply);
        }
    }
}

/// What becomes of the packet. Where the switch says otherwise, its flows may have changed in between: so
/// it is looked at once more.
async fn settled(
    run_directory: &Path,
    known: &Arc<Known>,
    request: &HostTraceRequest,
) -> Result<HostTrace, String> {
    let traced = trace(run_directory, known, request).await?;
    match traced.switch {
        SwitchWord::Other { .. } => trace(run_directory, known, request).await,
        _ => Ok(traced),
    }
}

/// What becomes of the packet, or why that cannot be said.
async fn trace(
    run_directory: &Path,
    known: &Arc<Known>,
    request: &HostTraceRequest,
) -> Result<HostTrace, String> {
    let entry = entry::of(known, &request.entry, request.frame.bytes())?;
    let flows = installed(run_directory).await;
    let flows = flows.map_err(|error| {
        let error = anyhow::Error::from(error);
        format!("the switch does not say what flows it has: {error:#}")
    })?;
    let (known, state) = (Arc::clone(known), request.state);
    let packet = entry.packet.clone();
    // Very many flows take a while, and others are waiting for this thread.
    let evaluating = tokio::task::spawn_blocking(move || {
        let tables = Tables::new(flows);
        let outcome = match state {
            TracedState::New => tables.evaluate(packet, &mut Connections::default()),
            TracedState::Established => tables.evaluate(packet, &mut Replies::default()),
        };
        (way::trace(&known, &outcome), confirm::passes(&outcome))
    });
    let (mut trace, passes) = evaluating.await.map_err(|error| error.to_string())?;
    trace.switch = match control::trace(run_directory, &entry, &passes).await {
        Ok(texts) => confirm::compare(&passes, &texts),
        Err(reason) => SwitchWord::Nothing { reason },
    };
    Ok(trace)
}

async fn installed(run_directory: &Path) -> Result<Vec<Flow>, openflow::client::Error> {
    let socket = run_directory.join(format!("{INTEGRATION_BRIDGE}.mgmt"));
    let client = Client::connect(socket, Options::default()).await?;
    let found = client.flows(FlowFilter::default()).await?;
    Ok(found.into_iter().map(|found| found.flow).collect())
}

#[cfg(test)]
mod tests;
