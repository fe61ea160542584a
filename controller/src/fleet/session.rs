//! One host's session: see [`api::session`] for what is said when.
//!
//! Two loops run side by side, so that a host that does not read cannot keep us from hearing it:
//! one reads what the host says, one sends plans, at most one that the host does not hold yet.

mod listener;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use api::session::{ControllerCodec, FromAgent, FromController, PROTOCOL, SessionError};
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use model::plan::{Generation, PlanChange};
use model::{EventKind, UsageTaken};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::codec::Framed;
use tracing::{debug, info};

pub use self::listener::serve;
use super::identity::Identity;
use super::outbox::{self, Dirty, Sent};
use super::{Fleet, Opened};
use crate::service::Service;

/// How long a session waits for what.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// A side that has been silent for so long says something; in whole seconds.
    pub heartbeat: Duration,
    /// A new connection must have said who it is by then.
    pub hello: Duration,
    /// A message must have left by then.
    pub write: Duration,
    /// A host must hold the plan it was sent by then.
    pub hold: Duration,
    /// How long the first refused plan waits for its answer; then twice as long each time.
    pub refused: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(5),
            hello: Duration::from_secs(10),
            write: Duration::from_secs(30),
            hold: Duration::from_secs(60),
            refused: Duration::from_secs(1),
        }
    }
}

/// A host is silent when it has said nothing for so many heartbeats.
const SILENT_HEARTBEATS: u32 = 3;

/// The longest that a refused plan waits for its answer.
const REFUSED_MAX: Duration = Duration::from_secs(30);

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("the host closed the session")]
    Closed,
    #[error("the host said nothing for too long")]
    Silent,
    #[error("the host does not read")]
    NotReading,
    #[error("the host did not take its plan in time")]
    NotHeld,
    #[error("the host did not begin with a hello")]
    NoHello,
    #[error("the session was refused: {0}")]
    Refused(String),
    #[error("the host said hello twice")]
    HelloAgain,
    #[error("a newer session of the host took its place")]
    Replaced,
    #[error("the connection failed")]
    Failed(#[from] SessionError),
}

type Sink<S> = SplitSink<Framed<S, ControllerCodec>, FromController>;
type Stream<S> = SplitStream<Framed<S, ControllerCodec>>;

/// One host's session, once its certificate is known to be genuine.
struct Session {
    service: Arc<Service>,
    timing: Timing,
    host: Identity,
    address: IpAddr,
}

/// What the reading loop tells the sending loop.
#[derive(Clone, Copy, Default)]
struct Heard {
    /// The newest plan that the host holds.
    held: Generation,
    /// How many plans it refused.
    refusals: u32,
}

/// The reading loop's end of it, and what became of the host's usage.
struct Hearing {
    heard: watch::Sender<Heard>,
    usage: watch::Sender<Option<UsageTaken>>,
}

/// The sending loop's end.
struct News {
    heard: watch::Receiver<Heard>,
    usage: watch::Receiver<Option<UsageTaken>>,
}

impl Session {
    /// Speaks with the host until the session ends. It is a stranger no more once it is welcome.
    async fn run<S: AsyncRead + AsyncWrite + Unpin, T>(self, stream: S, stranger: T) {
        let (mut sink, mut stream) = Framed::new(stream, ControllerCodec::default()).split();
        let name = &self.host.name;
        let agent_version = match self.greet(&mut sink, &mut stream).await {
            Ok(agent_version) => agent_version,
            Err(reason) => {
                let reason = &reason as &dyn std::error::Error;
                return info!(host.id = %self.host.id, reason, "no session with host {name}");
            }
        };
        drop(stranger);
        let opened = self.fleet().open(self.host.id, self.address, agent_version);
        let message = format!("host {name} connected from {}", self.address);
        self.event(EventKind::HostConnected, message);
        let (heard, news) = watch::channel(Heard::default());
        let (usage, answers) = watch::channel(None);
        let heard = Hearing { heard, usage };
        let news = News {
            heard: news,
            usage: answers,
        };
        let reason = tokio::select! {
            ended = self.listen(&mut stream, &opened, heard) => ended,
            ended = self.speak(&mut sink, &opened, news) => ended,
            () = opened.replaced.cancelled() => Err(Ended::Replaced),
        };
        let Err(reason) = reason;
        debug!(host.id = %self.host.id, ?reason, "the session of host {name} ended");
        if self.fleet().close(self.host.id, &opened) {
            let message = format!("host {name} was lost: {reason}");
            self.event(EventKind::HostLost, message);
        }
    }

    /// The first two messages. Gives the agent's version.
    async fn greet<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        sink: &mut Sink<S>,
        stream: &mut Stream<S>,
    ) -> Result<String, Ended> {
        let first = timeout(self.timing.hello, stream.next()).await;
        let first = first.map_err(|_| Ended::Silent)?.ok_or(Ended::Closed)??;
        let FromAgent::Hello {
            protocol,
            agent_version,
            held,
        } = first
        else {
            return Err(Ended::NoHello);
        };
        if let Err(reason) = self.admit(protocol).await {
            let goodbye = FromController::Goodbye {
                reason: reason.clone(),
            };
            self.send(sink, goodbye).await?;
            return Err(Ended::Refused(reason));
        }
        let newest = Generation(self.fleet().intent().revision);
        if let Some(held) = held.filter(|held| *held > newest) {
            let message = format!(
                "the host holds plan {held}, but the newest ever made here is {newest}: \
                 was the store restored from an old copy?"
            );
            self.event(EventKind::Remark, message);
        }
        let welcome = FromController::Welcome {
            host_id: self.host.id,
            heartbeat_seconds: self.timing.heartbeat.as_secs(),
            usage_interval_seconds: self.service.usage_interval_seconds(),
        };
        self.send(sink, welcome).await?;
        Ok(agent_version)
    }

    /// Whether the host may have a session; a host that was never here is registered.
    async fn admit(&self, protocol: u32) -> Result<(), String> {
        if protocol != PROTOCOL {
            return Err(format!(
                "this controller speaks protocol {PROTOCOL}, the agent {protocol}: upgrade the older"
            ));
        }
        let registered = self.service.host_register(&self.host).await;
        registered.map_err(|problem| problem.detail)
    }

    /// Reads what the host says.
    async fn listen<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut Stream<S>,
        opened: &Opened,
        hearing: Hearing,
    ) -> Result<std::convert::Infallible, Ended> {
        let host = self.host.id;
        let heard = hearing.heard;
        let silence = self.timing.heartbeat * SILENT_HEARTBEATS;
        loop {
            let message = timeout(silence, stream.next()).await;
            match message.map_err(|_| Ended::Silent)?.ok_or(Ended::Closed)?? {
                FromAgent::Hello { .. } => return Err(Ended::HelloAgain),
                FromAgent::Ping => self.fleet().heard(host),
                FromAgent::Probe(reply) => self.fleet().probed(host, reply),
                FromAgent::Samples(samples) => {
                    self.fleet().heard(host);
                    self.service.samples_take(host, &samples);
                }
                FromAgent::Trace(reply) => self.fleet().traced(host, reply),
                FromAgent::Plug(reply) => self.fleet().plugged(host, reply),
                FromAgent::Usage(batch) => {
                    self.fleet().heard(host);
                    // Not taken is not answered: the host offers it again.
                    if let Some(taken) = self.service.usage_take(host, batch).await {
                        hearing.usage.send_replace(Some(taken));
                    }
                }
                FromAgent::Report(report) => {
                    let held = report.held;
                    self.fleet().report(host, report);
                    heard.send_modify(|heard| heard.held = held);
                }
                FromAgent::Refuse { generation, reason } => {
                    let message = format!("the host refuses plan {generation}: {reason}");
                    self.event(EventKind::Remark, message);
                    // Not reading on is what keeps a host that refuses everything from being sent
                    // whole plans in a circle.
                    let refusals = heard.borrow().refusals;
                    sleep(self.pause_after_refusal(refusals)).await;
                    self.fleet().start_over(host, opened);
                    heard.send_modify(|heard| heard.refusals += 1);
                }
            }
        }
    }

    fn pause_after_refusal(&self, refusals: u32) -> Duration {
        let pause = self.timing.refused.saturating_mul(1 << refusals.min(10));
        pause.min(REFUSED_MAX)
    }

    /// Sends what the host is to carry out, and a sign of life when there is nothing.
    async fn speak<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        sink: &mut Sink<S>,
        opened: &Opened,
        news: News,
    ) -> Result<std::convert::Infallible, Ended> {
        let News {
            mut heard,
            mut usage,
        } = news;
        let mut sent: Option<Sent> = None;
        let mut sent_at = Instant::now();
        let mut refusals = 0;
        // No other loop of this session takes them.
        let mut requests = opened.requests.lock().await;
        let mut told = None;
        loop {
            let now = *heard.borrow_and_update();
            let under_way = sent.as_ref().map(|sent| sent.generation);
            let refused = now.refusals != refusals;
            if refused || under_way.is_none_or(|generation| now.held >= generation) {
                refusals = now.refusals;
                if self.send_plan(sink, opened, &mut sent).await? {
                    sent_at = Instant::now();
                    continue;
                }
            } else if sent_at.elapsed() > self.timing.hold {
                return Err(Ended::NotHeld);
            }
            let news = async {
                tokio::select! {
                    () = opened.wake.notified() => None,
                    _ = heard.changed() => None,
                    Some(request) = requests.recv() => Some(request),
                    Ok(()) = usage.changed() => None,
                }
            };
            match timeout(self.timing.heartbeat, news).await {
                Ok(None) => {}
                Ok(Some(request)) => self.send(sink, request).await?,
                Err(_) => self.send(sink, FromController::Ping).await?,
            }
            self.tell_taken(sink, &usage, &mut told).await?;
        }
    }

    /// Tells the host what of its usage is in the ledger, if that is news.
    async fn tell_taken<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        sink: &mut Sink<S>,
        usage: &watch::Receiver<Option<UsageTaken>>,
        told: &mut Option<UsageTaken>,
    ) -> Result<(), Ended> {
        let taken = usage.borrow().clone();
        if taken == *told {
            return Ok(());
        }
        told.clone_from(&taken);
        match taken {
            Some(taken) => self.send(sink, FromController::UsageTaken(taken)).await,
            None => Ok(()),
        }
    }

    /// Sends what the host does not have yet; gives whether there was anything.
    async fn send_plan<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        sink: &mut Sink<S>,
        opened: &Opened,
        sent: &mut Option<Sent>,
    ) -> Result<bool, Ended> {
        let host = self.host.id;
        let (dirty, intent) = self.fleet().take(host, opened);
        let revision = intent.revision;
        let generation = Generation(revision);
        let newest = intent.clone();
        let parts: Vec<PlanChange> = match (dirty, sent.as_mut()) {
            (Dirty::Items(dirty), Some(sent)) => {
                let parts = outbox::difference(sent, &intent, host, dirty);
                // Nothing differs: what was sent can as well have been made from the newest
                // intent, and the old one need not be kept for it.
                sent.intent = intent;
                parts
            }
            _ => {
                // A large plan takes a while, and others are waiting for this thread.
                let whole = tokio::task::spawn_blocking(move || outbox::whole(&intent, host));
                whole.await.map_err(|_| Ended::NotHeld)?
            }
        };
        if parts.is_empty() {
            self.fleet().considered(host, revision);
            return Ok(false);
        }
        self.fleet().planned(host, generation);
        *sent = Some(Sent {
            generation,
            intent: newest,
        });
        for part in parts {
            self.send(sink, FromController::Plan(part)).await?;
        }
        Ok(true)
    }

    async fn send<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        sink: &mut Sink<S>,
        message: FromController,
    ) -> Result<(), Ended> {
        let sending = timeout(self.timing.write, sink.send(message)).await;
        Ok(sending.map_err(|_| Ended::NotReading)??)
    }

    fn fleet(&self) -> &Fleet {
        self.service.fleet()
    }

    fn event(&self, kind: EventKind, message: String) {
        self.fleet().events.add(kind, self.host.id, message);
    }
}
