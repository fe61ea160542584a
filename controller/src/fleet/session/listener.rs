//! Where agents connect: only hosts with a certificate of our authority get as far as a session.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::{Session, Timing};
use crate::fleet::identity::{self, Identity};
use crate::service::Service;

/// The most connections that may be saying who they are at a time; more wait in the kernel.
const STRANGERS_MAX: usize = 256;

/// The most of them from one address; more are closed, so that nobody can keep others out.
const STRANGERS_PER_ADDRESS_MAX: usize = 64;

/// How long to wait when the system has no more file descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Accepts agents until told to stop; returns when every session has ended.
///
/// `tls` must ask every client for a certificate of the authority.
pub async fn serve(
    service: Arc<Service>,
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    timing: Timing,
    stop: CancellationToken,
) {
    let acceptor = TlsAcceptor::from(tls);
    let strangers = Strangers::default();
    let sessions = TaskTracker::new();
    while let Some(accepted) = stop.run_until_cancelled(strangers.accept(&listener)).await {
        let (stream, address, stranger) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(%error, "could not accept an agent; trying again");
                sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        let (service, acceptor, stop) = (service.clone(), acceptor.clone(), stop.clone());
        sessions.spawn(stop.run_until_cancelled_owned(async move {
            if let Some((host, stream)) = identify(&acceptor, stream, address, timing).await {
                let address = address.ip().to_canonical();
                let session = Session {
                    service,
                    timing,
                    host,
                    address,
                };
                session.run(stream, stranger).await;
            }
        }));
    }
    sessions.close();
    sessions.wait().await;
}

/// Connections of which we do not know yet who they are.
#[derive(Clone, Default)]
struct Strangers {
    by_address: Arc<Mutex<HashMap<IpAddr, usize>>>,
    left: Arc<Notify>,
}

/// One of them; no longer when dropped.
pub(super) struct Stranger {
    strangers: Strangers,
    address: IpAddr,
}

impl Strangers {
    /// The next connection that is let in.
    async fn accept(
        &self,
        listener: &TcpListener,
    ) -> io::Result<(TcpStream, SocketAddr, Stranger)> {
        loop {
            while self.counts().values().sum::<usize>() >= STRANGERS_MAX {
                self.left.notified().await;
            }
            let (stream, address) = listener.accept().await?;
            if let Some(stranger) = self.admit(address.ip()) {
                stream.set_nodelay(true)?;
                return Ok((stream, address, stranger));
            }
            debug!(%address, "too many agents from one address are saying who they are");
        }
    }

    fn admit(&self, address: IpAddr) -> Option<Stranger> {
        let mut counts = self.counts();
        let count = counts.entry(address).or_default();
        if *count >= STRANGERS_PER_ADDRESS_MAX {
            return None;
        }
        *count += 1;
        Some(Stranger {
            strangers: self.clone(),
            address,
        })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.by_address
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let mut counts = self.strangers.counts();
        match counts.get_mut(&self.address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => _ = counts.remove(&self.address),
        }
        self.strangers.left.notify_one();
    }
}

/// The TLS handshake, and who the host is by its certificate.
async fn identify(
    acceptor: &TlsAcceptor,
    stream: TcpStream,
    address: SocketAddr,
    timing: Timing,
) -> Option<(Identity, TlsStream<TcpStream>)> {
    let stream = match timeout(timing.hello, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            debug!(%address, %error, "an agent's TLS handshake failed");
            return None;
        }
        Err(_) => {
            debug!(%address, "an agent was too slow to say who it is");
            return None;
        }
    };
    let certificates = stream.get_ref().1.peer_certificates();
    let host = certificates.and_then(|chain| identity::of_certificate(chain.first()?));
    let Some(host) = host else {
        warn!(%address, "a certificate of our authority names no host; refused");
        return None;
    };
    Some((host, stream))
}
