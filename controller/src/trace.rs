//! Traces: what becomes of a packet, table by table and host by host.
//!
//! ```text
//!   request -> packet (pure) -> the sender's host -> ends -> the hosts they lead to -> ... -> words
//! ```
//!
//! The agents work it out with the flows that are installed; here is only known which packet is meant,
//! which host is next, and what things are called. An agent that does not answer is named, and what the
//! others say is told all the same.

mod guards;
mod names;
mod next;
mod outside;
mod packet;
mod policy;
#[cfg(test)]
mod tests;
mod words;

use std::collections::{BTreeSet, VecDeque};

use api::backend::Outcome;
use api::problem::{Code, Problem};
use api::request::TraceRequest;
use model::{
    HostId, HostTraceOutcome, PortId, Trace, TraceEnd, TraceEntry, TracedFrame, TracedState,
    Verdict,
};
use tokio::sync::Semaphore;

use crate::fleet::Fleet;
use crate::intent::Intent;
use names::Names;
use packet::Packet;
use words::Seen;

/// The most hosts that one packet is followed to.
const HOSTS_MAX: usize = 64;

/// How many traces may be under way: agents look at all of their flows for each.
const AT_ONCE: usize = 4;

/// Lets so many traces run at once, and no more.
pub(crate) struct Tracing(Semaphore);

impl Default for Tracing {
    fn default() -> Self {
        Self(Semaphore::new(AT_ONCE))
    }
}

/// A frame that comes to a host.
struct Arrival {
    host: HostId,
    entry: TraceEntry,
    frame: TracedFrame,
    /// How it comes there, as a phrase.
    how: String,
}

/// What is known so far.
#[derive(Default)]
struct Found {
    seen: Vec<Seen>,
    ports: BTreeSet<PortId>,
    /// It left for machines that are not ours.
    left: bool,
    /// It left for a network where no host has its receiver.
    lost: Option<String>,
    /// Who did not say, and why.
    silent: Vec<String>,
}

impl Tracing {
    /// What would become of a packet.
    pub(crate) async fn run(
        &self,
        fleet: &Fleet,
        intent: &Intent,
        request: &TraceRequest,
    ) -> Outcome<Trace> {
        let names = Names {
            intent,
            viewer: request.tenant_id,
        };
        let packet = match request.from_port_id {
            Some(_) => packet::of(&names, request)?,
            None => outside::packet(&names, request)?,
        };
        let first = match packet {
            Packet::Sent(arrival) => *arrival,
            Packet::Unsent { message, advice } => return Ok(words::unsent(message, advice)),
        };
        let Ok(_turn) = self.0.try_acquire() else {
            let detail = format!("{AT_ONCE} traces are under way; try again in a moment");
            return Err(Problem::new(Code::Busy, detail));
        };
        let found = follow(fleet, &names, first, request.state).await;
        Ok(words::verdict(&names, request, found))
    }
}

/// Follows a frame from host to host.
async fn follow(fleet: &Fleet, names: &Names<'_>, first: Arrival, state: TracedState) -> Found {
    let mut found = Found::default();
    let mut visited = BTreeSet::from([(first.host, first.entry.clone())]);
    let mut arrivals = VecDeque::from([first]);
    while let Some(arrival) = arrivals.pop_front() {
        let Arrival {
            host,
            entry,
            frame,
            how,
        } = arrival;
        let outcome = fleet.trace(host, (entry, frame.clone()), state).await;
        let trace = match outcome {
            Some(HostTraceOutcome::Traced(trace)) => trace,
            Some(HostTraceOutcome::Refused { reason }) => {
                let host = names.host(host);
                found.silent.push(format!("{host} cannot say: {reason}"));
                continue;
            }
            None => {
                let host = names.host(host);
                found
                    .silent
                    .push(format!("the agent of {host} does not answer"));
                continue;
            }
        };
        for end in &trace.ends {
            let next = match end {
                TraceEnd::Port { port_id } => {
                    found.ports.insert(*port_id);
                    continue;
                }
                end => next::of(names, host, end),
            };
            found.left |= next.left;
            found.lost = next.lost.or(found.lost.take());
            for arrival in next.arrivals {
                let place = (arrival.host, arrival.entry.clone());
                if visited.len() < HOSTS_MAX && visited.insert(place) {
                    arrivals.push_back(arrival);
                }
            }
        }
        found.silent.extend(trace.failure.as_ref().map(|failure| {
            let host = names.host(host);
            format!("on {host} it could not be worked out: {failure}")
        }));
        found.seen.push(Seen {
            host,
            how,
            frame,
            trace,
        });
    }
    found
}

impl Found {
    /// What of it is a verdict already.
    fn verdict(&self, sender: Option<PortId>) -> Verdict {
        let is_sender = |port: &PortId| Some(*port) == sender;
        let others = self.ports.iter().any(|port| !is_sender(port));
        if others {
            Verdict::Delivered
        } else if !self.silent.is_empty() {
            Verdict::Unknown
        } else if self.ports.iter().any(is_sender) || self.is_asked() {
            Verdict::Answered
        } else if self.left {
            Verdict::Left
        } else {
            Verdict::Dropped
        }
    }

    /// Whether an agent answers it, with something other than that it goes no further.
    fn is_asked(&self) -> bool {
        let mut asked = self.seen.iter().flat_map(|seen| {
            let agent = |end: &TraceEnd| matches!(end, TraceEnd::Agent { .. });
            let goes_on = !seen.passed("undeliverable");
            seen.trace
                .ends
                .iter()
                .filter(move |end| goes_on && agent(end))
        });
        asked.next().is_some()
    }
}
