//! Serves a router on sockets: TLS for the network, a unix socket for this machine. HTTP/1.1.
//!
//! Nobody can keep others out: whoever is slow to say hello or to send a request is cut off, one
//! address may hold only a quarter of all connections, and none lives longer than five minutes.

mod admission;

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_http::add_extension::AddExtension;

use admission::{Admission, Ticket};

#[cfg(test)]
pub(crate) mod tests;

/// What connections may cost.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// All connections of one listener.
    connections: usize,
    /// Connections from one address; those on a unix socket have none.
    connections_per_address: usize,
    /// How long a TLS handshake may take.
    handshake: Duration,
    /// How long a connection may be silent before a request, and how long its head may take.
    head: Duration,
    /// How long a connection lives: bounds the slowest reader of an answer.
    lifetime: Duration,
    /// How long the request under way may take once the connection is to end.
    grace: Duration,
}

const LIMITS: Limits = Limits {
    connections: 1024,
    connections_per_address: 256,
    handshake: Duration::from_secs(10),
    head: Duration::from_secs(10),
    lifetime: Duration::from_secs(300),
    grace: Duration::from_secs(10),
};

/// The largest head of a request, in bytes, and the most headers in it.
const MAX_HEAD_BYTES: usize = 32 << 10;
const MAX_HEADERS: usize = 64;

/// How long to wait after a failed `accept`: it fails when this process has no descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a request may know of its connection: it is among the request's extensions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    /// Who is at the other end, as far as the kernel knows.
    pub(crate) peer: Peer,
    /// Cancelled when the connection is to end: an answer without an end must come to one.
    pub(crate) ending: CancellationToken,
    /// Cancels the connection at once, for whoever does not read an answer.
    pub(crate) cut: CancellationToken,
}

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Peer {
    /// Nobody knows.
    #[default]
    Unknown,
    /// Somebody at this address.
    Address(IpAddr),
    /// A process of this user of this machine.
    User(u32),
}

impl Peer {
    const fn address(self) -> Option<IpAddr> {
        match self {
            Self::Address(address) => Some(address),
            Self::Unknown | Self::User(_) => None,
        }
    }

    /// As history names it: an IP address, or `uid:<number>`.
    pub(crate) fn source(self) -> Option<String> {
        match self {
            Self::Unknown => None,
            // What comes over IPv4 is told as IPv4.
            Self::Address(address) => Some(address.to_canonical().to_string()),
            Self::User(id) => Some(format!("uid:{id}")),
        }
    }
}

/// What is cancelled when this process gets SIGTERM or SIGINT.
///
/// # Errors
/// The signals cannot be awaited.
pub fn stop_on_signal() -> io::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let asked = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        asked.cancel();
    });
    Ok(stop)
}

/// Serves `router` over TLS until `stop`; returns when the last connection has ended.
pub async fn tls(
    listener: TcpListener,
    config: Arc<ServerConfig>,
    router: Router,
    stop: CancellationToken,
) {
    tls_within(LIMITS, listener, config, router, stop).await;
}

/// Serves `router` on a unix socket (see [`bind_unix`]) until `stop`; returns when the last
/// connection has ended.
pub async fn unix(listener: UnixListener, router: Router, stop: CancellationToken) {
    unix_within(LIMITS, listener, router, stop).await;
}

/// Makes a unix socket that only this user may connect to (mode 0600).
///
/// The socket that a dead process left at `path` is replaced; one that is served is not.
pub fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        return Err(io::ErrorKind::AddrInUse.into());
    }
    // Under its own name only when nobody else can connect any more.
    let unready = path.with_extension("new");
    if let Err(error) = std::fs::remove_file(&unready)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let listener = UnixListener::bind(&unready)?;
    std::fs::set_permissions(&unready, std::fs::Permissions::from_mode(0o600))?;
    std::fs::rename(&unready, path)?;
    Ok(listener)
}

async fn tls_within(
    limits: Limits,
    listener: TcpListener,
    config: Arc<ServerConfig>,
    router: Router,
    stop: CancellationToken,
) {
    let mut config = ServerConfig::clone(&config);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let server = Server::new(limits, router, stop);
    server
        .run(listener, move |stream| acceptor.accept(stream))
        .await;
}

async fn unix_within(
    limits: Limits,
    listener: UnixListener,
    router: Router,
    stop: CancellationToken,
) {
    let server = Server::new(limits, router, stop);
    server
        .run(listener, |stream| std::future::ready(Ok(stream)))
        .await;
}

/// A socket that takes connections.
trait Listener {
    /// A connection.
    type Stream;

    /// The next connection, and who it is from.
    fn next(&self) -> impl Future<Output = io::Result<(Self::Stream, Peer)>> + Send;
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn next(&self) -> io::Result<(TcpStream, Peer)> {
        let (stream, address) = self.accept().await?;
        stream.set_nodelay(true)?;
        Ok((stream, Peer::Address(address.ip())))
    }
}

impl Listener for UnixListener {
    type Stream = UnixStream;

    async fn next(&self) -> io::Result<(UnixStream, Peer)> {
        let (stream, _) = self.accept().await?;
        let user = stream.peer_cred().map(|it| Peer::User(it.uid()));
        Ok((stream, user.unwrap_or_default()))
    }
}

/// One listener's connections.
struct Server {
    limits: Limits,
    router: Router,
    stop: CancellationToken,
    admission: Admission,
    connections: TaskTracker,
}

impl Server {
    fn new(limits: Limits, router: Router, stop: CancellationToken) -> Self {
        Self {
            limits,
            router,
            stop,
            admission: Admission::new(limits.connections, limits.connections_per_address),
            connections: TaskTracker::new(),
        }
    }

    /// Accepts connections until it is told to stop, then waits for those that are left.
    async fn run<L, T, F>(self, listener: L, handshake: impl Fn(L::Stream) -> F)
    where
        L: Listener,
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        F: Future<Output = io::Result<T>> + Send + 'static,
    {
        while let Some(next) = self.stop.run_until_cancelled(self.admit(&listener)).await {
            match next {
                Ok((stream, peer, ticket)) => self.spawn(handshake(stream), peer, ticket),
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection; trying again");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        // Nobody new from here on; each of the others ends by itself within the grace.
        drop(listener);
        self.connections.close();
        self.connections.wait().await;
    }

    /// The next connection that is let in.
    async fn admit<L: Listener>(&self, listener: &L) -> io::Result<(L::Stream, Peer, Ticket)> {
        loop {
            let slot = self.admission.slot().await;
            let (stream, peer) = listener.next().await?;
            match slot.admit(peer.address()) {
                Some(ticket) => return Ok((stream, peer, ticket)),
                None => tracing::debug!(?peer, "too many connections from one address"),
            }
        }
    }

    fn spawn<T, F>(&self, handshake: F, peer: Peer, ticket: Ticket)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        F: Future<Output = io::Result<T>> + Send + 'static,
    {
        let (limits, router, stop) = (self.limits, self.router.clone(), self.stop.clone());
        let line = Line {
            peer,
            ..Line::default()
        };
        self.connections.spawn(async move {
            let stream = stop.run_until_cancelled(timeout(limits.handshake, handshake));
            match stream.await {
                Some(Ok(Ok(stream))) => {
                    serve_connection(stream, line, (limits, stop), router).await
                }
                Some(Ok(Err(error))) => tracing::debug!(%error, "a TLS handshake failed"),
                Some(Err(_)) | None => tracing::debug!("a TLS handshake was cut off"),
            }
            drop(ticket);
        });
    }
}

async fn serve_connection<T>(
    stream: T,
    line: Line,
    (limits, stop): (Limits, CancellationToken),
    router: Router,
) where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS);
    let service = TowerToHyperService::new(AddExtension::new(router, line.clone()));
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => Ok(ended),
        () = line.cut.cancelled() => Ok(Ok(())),
        () = stop.cancelled() => Err(()),
        () = sleep(limits.lifetime) => Err(()),
    };
    let ended = match ended {
        Ok(ended) => ended,
        Err(()) => {
            line.ending.cancel();
            connection.as_mut().graceful_shutdown();
            timeout(limits.grace, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection failed");
    }
}
