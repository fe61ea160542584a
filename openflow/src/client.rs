//! A connection to one OpenFlow switch.
//!
//! [`Client::connect`] agrees on a version; after that any number of tasks may ask through
//! clones of the client, all at once. A closed connection fails every request under way and
//! ends [`Client::events`]; to go on, connect again and look at everything anew.
//!
//! What the messages mean is in [`crate::message`]; what to write into a switch is the
//! caller's business.

mod bundle;
mod connection;
mod error;
mod event;
mod handshake;
mod waiting;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

pub use error::{CloseCause, Error};
pub use event::{Event, Events};

use crate::message::{
    Aggregate, AsyncConfig, Features, FlowFilter, FlowMod, FromSwitch, InstalledFlow,
    MultipartReply, PacketOut, PortDescription, SwitchConfig, ToSwitch,
};
use crate::wire::Version;
use connection::Connection;
use waiting::{Answer, Awaits};

/// Where a switch listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A Unix socket, such as Open vSwitch's `<bridge>.mgmt`.
    Unix(PathBuf),
    /// A TCP address: `host:port`.
    Tcp(String),
}

impl From<&Path> for Target {
    fn from(path: &Path) -> Target {
        Target::Unix(path.to_path_buf())
    }
}

impl From<PathBuf> for Target {
    fn from(path: PathBuf) -> Target {
        Target::Unix(path)
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Target::Unix(path) => write!(f, "unix:{}", path.display()),
            Target::Tcp(address) => write!(f, "tcp:{address}"),
        }
    }
}

/// How to connect and what to put up with.
#[derive(Debug, Clone)]
pub struct Options {
    /// The versions to offer; the highest that the switch speaks too is used.
    pub versions: Vec<Version>,
    /// How long connecting and the hellos may take.
    pub connect_timeout: Duration,
    /// How long a request may take, from the call to its whole answer.
    pub request_timeout: Duration,
    /// How often to ask the switch whether it is still there.
    pub echo_interval: Duration,
    /// How long a switch may send nothing, or take nothing, before the connection is closed.
    /// A switch busy with a very large bundle answers nobody for seconds.
    pub max_silence: Duration,
    /// Events that may wait to be taken; of more, the oldest are lost.
    pub event_queue: usize,
    /// Bytes that the answer to one request may have.
    pub max_answer_bytes: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            versions: vec![Version::V1_5, Version::V1_4],
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(30),
            echo_interval: Duration::from_secs(5),
            max_silence: Duration::from_secs(30),
            event_queue: 1024,
            max_answer_bytes: 256 * 1024 * 1024,
        }
    }
}

/// Whole packets for the controller, and first fragments looked into. A switch is told both at once,
/// and whoever told it last is heard, so all of our connections say the same.
const CONFIG: SwitchConfig = SwitchConfig {
    flags: SwitchConfig::FRAGMENTS_NX_MATCH,
    miss_send_len: u16::MAX,
};

/// A connection to a switch. Clones share it; it closes when the last one is dropped.
#[derive(Debug, Clone)]
pub struct Client {
    connection: Arc<Connection>,
    /// Bundles and monitors are numbered by us, per connection.
    next_number: Arc<AtomicU32>,
}

impl Client {
    /// Connects and agrees on a version.
    ///
    /// # Errors
    /// When nobody listens there, the switch speaks none of the versions offered, or it does
    /// not answer within [`Options::connect_timeout`].
    pub async fn connect(target: impl Into<Target>, options: Options) -> Result<Client, Error> {
        let target = target.into();
        let limit = options.connect_timeout;
        let connecting = async {
            match &target {
                Target::Unix(path) => Client::over(UnixStream::connect(path).await?, options).await,
                Target::Tcp(address) => {
                    let stream = TcpStream::connect(address).await?;
                    // Requests are small and somebody waits for each.
                    stream.set_nodelay(true)?;
                    Client::over(stream, options).await
                }
            }
        };
        let connected = timeout(limit, connecting).await;
        connected
            .unwrap_or(Err(Error::Timeout { limit }))
            .map_err(|source| Error::Connect {
                target,
                source: Box::new(source),
            })
    }

    /// Agrees on a version over a stream that is already connected, for instance by TLS.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub async fn over<S>(mut stream: S, options: Options) -> Result<Client, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let limit = options.connect_timeout;
        let agreed = timeout(limit, handshake::agree(&mut stream, &options)).await;
        let (version, received) = agreed.map_err(|_| Error::Timeout { limit })??;
        Ok(Client {
            connection: Arc::new(Connection::start(stream, received, version, options)),
            next_number: Arc::new(AtomicU32::new(1)),
        })
    }

    /// The version agreed on.
    #[must_use]
    pub fn version(&self) -> Version {
        self.connection.version
    }

    /// What the switch is.
    ///
    /// # Errors
    /// As all requests: when the connection is closed, the switch refuses, its answer is
    /// malformed, or does not come in time.
    pub async fn features(&self) -> Result<Features, Error> {
        match self.ask(ToSwitch::FeaturesRequest).await? {
            FromSwitch::Features(features) => Ok(features),
            _ => Err(Error::WrongAnswer),
        }
    }

    /// The switch's ports.
    ///
    /// # Errors
    /// As [`Client::features`].
    pub async fn ports(&self) -> Result<Vec<PortDescription>, Error> {
        let parts = self.gather(ToSwitch::PortsRequest).await?;
        collect(parts, |part| match part {
            MultipartReply::Ports(ports) => Some(ports),
            _ => None,
        })
    }

    /// The installed flows that the filter lets through, with their counts. Open vSwitch
    /// brings counts up to date about once a second.
    ///
    /// # Errors
    /// As [`Client::features`].
    pub async fn flows(&self, filter: FlowFilter) -> Result<Vec<InstalledFlow>, Error> {
        let parts = self.gather(ToSwitch::FlowsRequest(filter)).await?;
        collect(parts, |part| match part {
            MultipartReply::Flows(flows) => Some(flows),
            _ => None,
        })
    }

    /// The number of flows that the filter lets through and the sums of their counts.
    ///
    /// # Errors
    /// As [`Client::features`].
    pub async fn aggregate(&self, filter: FlowFilter) -> Result<Aggregate, Error> {
        let parts = self.gather(ToSwitch::AggregateRequest(filter)).await?;
        match parts.as_slice() {
            [MultipartReply::Aggregate(sums)] => Ok(*sums),
            _ => Err(Error::WrongAnswer),
        }
    }

    /// Applies changes to flows in order, all at one instant or none of them, and returns when
    /// they are in force: one atomic ordered bundle, confirmed by a barrier.
    ///
    /// # Errors
    /// [`Error::Bundle`] names the change that was refused and why; nothing is applied then.
    /// After [`Error::Timeout`] or [`Error::Closed`] it is unknown whether all or nothing was.
    pub async fn commit(&self, changes: Vec<FlowMod>) -> Result<(), Error> {
        if changes.is_empty() {
            return Ok(());
        }
        bundle::commit(&self.connection, self.number(), changes).await
    }

    /// Returns when the switch has done everything asked of it before.
    ///
    /// # Errors
    /// As [`Client::features`].
    pub async fn barrier(&self) -> Result<(), Error> {
        self.send(Vec::new()).await
    }

    /// Sends a packet out of the switch, and returns when it has gone.
    ///
    /// # Errors
    /// As [`Client::features`].
    pub async fn packet_out(&self, packet: PacketOut) -> Result<(), Error> {
        self.send(vec![ToSwitch::PacketOut(packet)]).await
    }

    /// Sends messages that have no reply, such as changes to groups and meters, and returns
    /// when the switch has done them. It does them in order, but not all or nothing.
    ///
    /// # Errors
    /// [`Error::Refused`] with the first refusal; what was not refused is done.
    pub async fn send(&self, mut messages: Vec<ToSwitch>) -> Result<(), Error> {
        let barrier = u32::try_from(messages.len()).map_err(|_| Error::TooManyMessages)?;
        messages.push(ToSwitch::BarrierRequest);
        let awaits = Awaits::Barrier(barrier);
        let answer = self.connection.request(&messages, awaits).await?;
        refuse(answer).map(|_| ())
    }

    /// Makes the switch forget the connections that it tracks in these zones, and returns when it has.
    ///
    /// # Errors
    /// As [`Client::features`].
    pub async fn flush_connections(
        &self,
        zones: impl IntoIterator<Item = u16>,
    ) -> Result<(), Error> {
        let flush = |zone| ToSwitch::FlushConnections { zone };
        self.send(zones.into_iter().map(flush).collect()).await
    }

    /// Makes the switch report every change to its flows as [`Event::FlowsChanged`]: in full
    /// when it is somebody else's, as [`crate::message::FlowUpdate::Own`] when it is ours.
    /// Call [`Client::events`] before, and [`Client::flows`] after, to miss nothing.
    ///
    /// # Errors
    /// As [`Client::features`].
    pub async fn watch_flows(&self) -> Result<(), Error> {
        let monitor = self.number();
        self.gather(ToSwitch::WatchFlows { monitor }).await?;
        Ok(())
    }

    /// Makes the switch send packets for the controller, removed flows and changed ports as
    /// events. By default Open vSwitch sends a connection like ours none of them. What asks for them
    /// sets the bridge's treatment of fragments as well, to that of
    /// [`Client::look_into_first_fragments`].
    ///
    /// # Errors
    /// As [`Client::features`].
    pub async fn subscribe(&self, to: AsyncConfig) -> Result<(), Error> {
        self.send(vec![
            ToSwitch::SetConfig(CONFIG),
            ToSwitch::SetPacketInFormat2,
            ToSwitch::SetAsync(to),
        ])
        .await
    }

    /// Makes the switch match the ports, types and codes of first fragments as they are. By default
    /// Open vSwitch takes every fragment to have none (ovs-ofctl(8), `set-frags`). Until anybody says
    /// otherwise.
    ///
    /// # Errors
    /// As [`Client::features`].
    pub async fn look_into_first_fragments(&self) -> Result<(), Error> {
        self.send(vec![ToSwitch::SetConfig(CONFIG)]).await
    }

    /// What happens in the switch from now on. Each receiver gets every event; one that takes
    /// them too slowly gets [`Event::MonitorOverflow`] in place of those it lost. It ends with
    /// the connection.
    #[must_use]
    pub fn events(&self) -> Events {
        Events(self.connection.events())
    }

    fn number(&self) -> u32 {
        self.next_number.fetch_add(1, Ordering::Relaxed)
    }

    /// Sends a request that has one reply.
    async fn ask(&self, request: ToSwitch) -> Result<FromSwitch, Error> {
        let answer = self.connection.request(&[request], Awaits::Reply).await?;
        let mut replies = replies(refuse(answer)?)?;
        replies.pop().ok_or(Error::WrongAnswer)
    }

    /// Sends a multipart request and gathers the parts of its reply.
    async fn gather(&self, request: ToSwitch) -> Result<Vec<MultipartReply>, Error> {
        let answer = self.connection.request(&[request], Awaits::Parts).await?;
        let part = |reply| match reply {
            FromSwitch::Multipart(part) => Ok(part),
            _ => Err(Error::WrongAnswer),
        };
        replies(refuse(answer)?)?.into_iter().map(part).collect()
    }
}

/// The answer, unless part of the request was refused.
fn refuse(answer: Answer) -> Result<Answer, Error> {
    match answer.refusals.into_iter().next() {
        None => Ok(Answer {
            frames: answer.frames,
            refusals: Vec::new(),
        }),
        Some((_, refusal)) => Err(Error::Refused(refusal)),
    }
}

fn replies(answer: Answer) -> Result<Vec<FromSwitch>, Error> {
    let decode = |frame: &bytes::Bytes| FromSwitch::decode(frame).map(|(_, message)| message);
    let decoded: Result<_, _> = answer.frames.iter().map(decode).collect();
    decoded.map_err(Error::Decode)
}

/// Joins the items of all parts; a part of the wrong sort is no answer.
fn collect<T>(
    parts: Vec<MultipartReply>,
    items: impl Fn(MultipartReply) -> Option<Vec<T>>,
) -> Result<Vec<T>, Error> {
    let mut all = Vec::new();
    for part in parts {
        all.extend(items(part).ok_or(Error::WrongAnswer)?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests;
