//! The session with the controller: plans in, reports out.
//!
//! ```text
//!   dial (backoff, jitter) -> TLS, both ends -> Hello {held} -> Welcome -> converse
//!                                                                            |
//!     plan parts -> Assembler -> disk -> published ---> the reconcile task    |
//!     status of the reconcile task ---> complete report, then differences <---+
//!     usage of the accounting task ---> each batch until it is taken <--------+
//!     samples of the switch ----------> once, where the plan says so <--------+
//! ```
//!
//! A session that ends takes nothing with it: the agent works from the plan on disk, and the next
//! session starts with a complete report.

mod assemble;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use api::session::{AgentCodec, FromAgent, FromController, PROTOCOL, SessionError};
use api::tls::{self, Identity, TlsError};
use futures::{SinkExt, StreamExt};
use model::plan::{Generation, HostPlan, PlanChange};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_rustls::TlsConnector;
use tokio_util::codec::Framed;
use tracing::{debug, info, warn};

use crate::accounting::{Said, Usage};
use crate::links::source_towards;
use crate::plan_store::{PlanStore, PlanStoreError};
use crate::plugger::Plugs;
use crate::prober::Probes;
use crate::sample_relay::Samples;
use crate::status::{Remarks, Status};
use crate::tracer::Traces;
use assemble::{Assembled, Assembler};

/// How long the connection, TLS and the welcome may take together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the controller may take to accept a message.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// The pause after the first failure; it doubles with each.
const BACKOFF_MIN: Duration = Duration::from_millis(200);
/// The longest pause between attempts.
const BACKOFF_MAX: Duration = Duration::from_secs(10);
/// How often is looked whether the kernel still speaks from the same address.
const MOVED_INTERVAL: Duration = Duration::from_secs(1);
/// The pause after a refused plan: a controller that sends the same again is not answered in haste.
const REFUSAL_PAUSE: Duration = Duration::from_secs(1);
/// What a heartbeat may be.
const HEARTBEAT_SECONDS: std::ops::RangeInclusive<u64> = 1..=300;

/// The plan as the agent has it: none before the first one ever came.
pub type PlanSender = watch::Sender<Option<Arc<HostPlan>>>;

/// What the reconcile task last found: nothing before its first pass.
pub type StatusReceiver = watch::Receiver<Option<Arc<Status>>>;

/// Where the session is open from; none while there is none.
pub type OpenSender = watch::Sender<Option<IpAddr>>;

/// Where the controller is, and how each side proves who it is.
pub struct Controller {
    address: SocketAddr,
    tls: TlsConnector,
}

/// Why there is no session with the controller.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A certificate or key cannot be read.
    #[error("could not read {file}")]
    Certificate {
        /// Which file.
        file: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Certificate, key and authority do not make an identity.
    #[error("could not use the certificates")]
    Identity(#[source] TlsError),
    /// The controller cannot be reached, or is not who it should be.
    #[error("could not connect to the controller at {address}")]
    Connect {
        /// Where it should be.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Something took too long.
    #[error("the controller was silent for {0:?}")]
    Silent(Duration),
    /// The connection broke, or what came over it is no message.
    #[error("the session broke")]
    Broken(#[source] SessionError),
    /// The controller closed the connection.
    #[error("the controller closed the session")]
    Closed,
    /// The controller ended the session and said why.
    #[error("the controller ended the session: {0}")]
    Goodbye(String),
    /// This host now speaks to the controller from another address.
    #[error("this host no longer speaks from {0}")]
    Moved(IpAddr),
    /// The controller said something that it may not say now.
    #[error("the controller said something out of turn")]
    OutOfTurn,
}

impl Controller {
    /// The controller at `address`, with `ca.pem`, `host.pem` and `host.key` of this folder.
    ///
    /// # Errors
    /// When one of them cannot be read or used.
    pub fn new(address: SocketAddr, certificates: &Path) -> Result<Self, Error> {
        let read = |file: &str| {
            let path = certificates.join(file);
            std::fs::read(&path).map_err(|source| Error::Certificate {
                file: path.display().to_string(),
                source,
            })
        };
        let (authority, certificate, key) = (read("ca.pem")?, read("host.pem")?, read("host.key")?);
        let identity = Identity {
            certificate_pem: &certificate,
            key_pem: &key,
        };
        let config = tls::client_config(&authority, Some(identity)).map_err(Error::Identity)?;
        Ok(Self {
            address,
            tls: TlsConnector::from(config),
        })
    }

    /// Where it is.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Makes a connection, proves who both are, and ends it. Gives the address it was made from.
    ///
    /// # Errors
    /// When the controller is not reached, or is not who it should be.
    pub async fn prove(&self) -> Result<IpAddr, Error> {
        let (_, local) = self.connect().await?;
        Ok(local)
    }

    /// Ends when this host would speak to the controller from another address than this.
    async fn moved(&self, local: IpAddr) {
        loop {
            sleep(MOVED_INTERVAL).await;
            if source_towards(self.address).is_ok_and(|source| source != local) {
                return;
            }
        }
    }

    async fn connect(&self) -> Result<(impl AsyncRead + AsyncWrite + Unpin, IpAddr), Error> {
        let connecting = async {
            let stream = TcpStream::connect(self.address).await?;
            let local = stream.local_addr()?.ip();
            // Reports are small and a hypervisor may wait for each.
            stream.set_nodelay(true)?;
            let name = ServerName::from(self.address.ip());
            Ok((self.tls.connect(name, stream).await?, local))
        };
        let connected = timeout(CONNECT_TIMEOUT, connecting).await;
        let connected = connected.map_err(|_| Error::Silent(CONNECT_TIMEOUT))?;
        connected.map_err(|source| Error::Connect {
            address: self.address,
            source,
        })
    }
}

/// The agent's end of all its sessions, one after the other.
pub struct Session {
    /// Where plans are kept.
    pub store: Arc<PlanStore>,
    /// Where a plan goes once it is kept.
    pub plan: PlanSender,
    /// What to report.
    pub status: StatusReceiver,
    /// What else to report.
    pub remarks: Remarks,
    /// Who takes part in checks of the fabric.
    pub probes: Probes,
    /// Who says what becomes of packets.
    pub traces: Traces,
    /// Who plugs VIFs into guests.
    pub plugs: Plugs,
    /// Where it is said from where a session is open.
    pub open: OpenSender,
    /// What ports moved.
    pub usage: Usage,
    /// What the switch sampled, where it takes this way.
    pub samples: Samples,
}

impl Session {
    /// Keeps a session with the controller, for ever.
    pub async fn run(mut self, controller: Arc<Controller>) {
        let mut backoff = BACKOFF_MIN;
        let mut told = String::new();
        loop {
            let began = Instant::now();
            let outcome = match controller.connect().await {
                Ok((stream, local)) => tokio::select! {
                    outcome = self.converse(stream, local) => outcome,
                    () = controller.moved(local) => Err(Error::Moved(local)),
                },
                Err(error) => Err(error),
            };
            self.open.send_replace(None);
            if let Err(error) = outcome {
                let reason = format!("{:#}", anyhow::Error::from(error));
                // A controller that is away for a day is one line in the log, not thousands.
                match reason == told {
                    true => debug!("still no session with the controller"),
                    false => warn!("no session with the controller: {reason}"),
                }
                told = reason;
            }
            if began.elapsed() > BACKOFF_MAX {
                backoff = BACKOFF_MIN;
            }
            sleep(jittered(backoff)).await;
            backoff = (backoff * 2).min(BACKOFF_MAX);
        }
    }

    /// One session over a stream that is connected and proven.
    async fn converse<S>(&mut self, stream: S, local: IpAddr) -> Result<(), Error>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut wire = Wire::new(stream);
        wire.send(FromAgent::Hello {
            protocol: PROTOCOL,
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            held: self.held(),
        })
        .await?;
        wire.heartbeat = match timeout(CONNECT_TIMEOUT, wire.receive()).await {
            Ok(message) => self.welcomed(message?)?,
            Err(_) => return Err(Error::Silent(CONNECT_TIMEOUT)),
        };
        info!("the controller welcomed us");
        self.open.send_replace(Some(local));
        let mut assembler = Assembler::default();
        let mut reported = None;
        // A status from before this session is news to this controller.
        self.status.mark_changed();
        self.usage.batch.mark_changed();
        loop {
            let silence = wire.heartbeat * 3;
            let (speak_at, give_up_at) = (wire.sent_at + wire.heartbeat, wire.heard_at + silence);
            tokio::select! {
                message = wire.receive() => {
                    let Some(part) = self.plan_part(message?)? else { continue };
                    self.take(&mut wire, &mut assembler, part).await?;
                    // The plan is held now: say so before it is carried out.
                    self.report(&mut wire, &mut reported).await?;
                }
                Some(reply) = self.traces.replies.recv() => {
                    wire.send(FromAgent::Trace(reply)).await?;
                }
                Some(reply) = self.plugs.replies.recv() => {
                    wire.send(FromAgent::Plug(reply)).await?;
                }
                Some(reply) = self.probes.replies.recv() => {
                    wire.send(FromAgent::Probe(reply)).await?;
                }
                samples = self.samples.next() => wire.send(FromAgent::Samples(samples)).await?,
                Ok(()) = self.status.changed() => self.report(&mut wire, &mut reported).await?,
                () = self.remarks.arrived() => self.report(&mut wire, &mut reported).await?,
                Ok(()) = self.usage.batch.changed() => self.tell_usage(&mut wire).await?,
                () = sleep_until(speak_at) => wire.send(FromAgent::Ping).await?,
                () = sleep_until(give_up_at) => return Err(Error::Silent(silence)),
            }
        }
    }

    fn held(&self) -> Option<Generation> {
        self.plan.borrow().as_ref().map(|plan| plan.generation)
    }

    /// Takes a part of a plan; the last part puts the plan on disk and then into effect.
    async fn take<S>(
        &self,
        wire: &mut Wire<S>,
        assembler: &mut Assembler,
        part: PlanChange,
    ) -> Result<(), Error>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let generation = part.generation;
        let held = self.plan.borrow().clone();
        let reason = match assembler.take(held.as_deref(), part) {
            Assembled::Partial | Assembled::Known => return Ok(()),
            Assembled::Plan(plan) => match self.keep(Arc::new(plan)).await {
                Ok(()) => return Ok(()),
                Err(error) => format!("{:#}", anyhow::Error::from(error)),
            },
            Assembled::Refused(reason) => reason,
        };
        warn!(plan.generation = %generation, "refused a plan: {reason}");
        self.remarks.push(format!(
            "refused the plan of generation {generation}: {reason}"
        ));
        wire.send(FromAgent::Refuse { generation, reason }).await?;
        sleep(REFUSAL_PAUSE).await;
        Ok(())
    }

    /// Only a plan that would survive a power cut takes effect.
    async fn keep(&self, plan: Arc<HostPlan>) -> Result<(), PlanStoreError> {
        let (store, stored) = (Arc::clone(&self.store), Arc::clone(&plan));
        match tokio::task::spawn_blocking(move || store.save(&stored)).await {
            Ok(saved) => saved?,
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
        self.plan.send_replace(Some(plan));
        Ok(())
    }

    /// Tells what the controller does not know yet: everything, the first time.
    async fn report<S>(
        &mut self,
        wire: &mut Wire<S>,
        reported: &mut Option<Arc<Status>>,
    ) -> Result<(), Error>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let Some(now) = self.status.borrow_and_update().clone() else {
            return Ok(());
        };
        let held = self.held().unwrap_or_default();
        let mut report = match reported {
            None => now.complete_report(held),
            Some(before) => before.differences_to(&now, held),
        };
        report.remarks = self.remarks.take();
        wire.send(FromAgent::Report(report)).await?;
        *reported = Some(now);
        Ok(())
    }

    /// Tells what ports moved, if it is not all in the ledger.
    async fn tell_usage<S>(&mut self, wire: &mut Wire<S>) -> Result<(), Error>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let batch = self.usage.batch.borrow_and_update().clone();
        match batch {
            Some(batch) => wire.send(FromAgent::Usage((*batch).clone())).await,
            None => Ok(()),
        }
    }

    /// The interval between signs of life that the controller asks for.
    fn welcomed(&self, message: FromController) -> Result<Duration, Error> {
        match message {
            FromController::Welcome {
                heartbeat_seconds,
                usage_interval_seconds,
                ..
            } => {
                if let Some(seconds) = usage_interval_seconds {
                    self.accounting_hears(Said::Interval(seconds));
                }
                let (min, max) = HEARTBEAT_SECONDS.into_inner();
                Ok(Duration::from_secs(heartbeat_seconds.clamp(min, max)))
            }
            FromController::Goodbye { reason } => Err(Error::Goodbye(reason)),
            FromController::Plan(_)
            | FromController::Probe(_)
            | FromController::Trace(_)
            | FromController::Plug(_)
            | FromController::UsageTaken(_)
            | FromController::Ping => Err(Error::OutOfTurn),
        }
    }

    /// What the controller says once it has welcomed us: parts of plans, what is in the ledger, what
    /// to probe, or that it is still there.
    fn plan_part(&self, message: FromController) -> Result<Option<PlanChange>, Error> {
        match message {
            FromController::Plan(part) => Ok(Some(part)),
            FromController::UsageTaken(taken) => {
                self.accounting_hears(Said::Taken(taken));
                Ok(None)
            }
            FromController::Probe(request) => {
                // One that finds no room is not answered: see `FromController::Probe`.
                let _busy = self.probes.requests.try_send(request);
                Ok(None)
            }
            FromController::Trace(request) => {
                let _busy = self.traces.requests.try_send(request);
                Ok(None)
            }
            FromController::Plug(request) => {
                let _busy = self.plugs.requests.try_send(request);
                Ok(None)
            }
            FromController::Ping => Ok(None),
            FromController::Goodbye { reason } => Err(Error::Goodbye(reason)),
            FromController::Welcome { .. } => Err(Error::OutOfTurn),
        }
    }

    /// Should the task be too busy to hear it, it offers the same again, and is told again.
    fn accounting_hears(&self, said: Said) {
        let _busy = self.usage.said.try_send(said);
    }
}

/// Messages over a stream, and when each side last said something.
struct Wire<S> {
    frames: Framed<S, AgentCodec>,
    heartbeat: Duration,
    sent_at: Instant,
    heard_at: Instant,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    fn new(stream: S) -> Self {
        Self {
            frames: Framed::new(stream, AgentCodec::default()),
            heartbeat: CONNECT_TIMEOUT,
            sent_at: Instant::now(),
            heard_at: Instant::now(),
        }
    }

    async fn send(&mut self, message: FromAgent) -> Result<(), Error> {
        let sent = timeout(SEND_TIMEOUT, self.frames.send(message)).await;
        sent.map_err(|_| Error::Silent(SEND_TIMEOUT))?
            .map_err(Error::Broken)?;
        self.sent_at = Instant::now();
        Ok(())
    }

    /// The next message. Loses nothing when the wait is given up.
    async fn receive(&mut self) -> Result<FromController, Error> {
        let message = self.frames.next().await.ok_or(Error::Closed)?;
        self.heard_at = Instant::now();
        message.map_err(Error::Broken)
    }
}

/// Between half of it and all of it, so that a thousand agents do not return as one.
fn jittered(pause: Duration) -> Duration {
    let (random, _) = uuid::Uuid::new_v4().as_u64_pair();
    let share = u32::try_from(random % 1_000).unwrap_or(0);
    pause / 2 + pause * share / 2_000
}

#[cfg(test)]
mod tests;
