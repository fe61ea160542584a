//! Where agents connect: only hosts with a certificate of our authority get as far as a session.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
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
const HANDSHAKES_MAX: usize = 256;

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
    let handshakes = Arc::new(Semaphore::new(HANDSHAKES_MAX));
    let sessions = TaskTracker::new();
    while let Some(accepted) = stop
        .run_until_cancelled(accept(&listener, &handshakes))
        .await
    {
        let (stream, address, permit) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(%error, "could not accept an agent; trying again");
                sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        let (service, acceptor, stop) = (service.clone(), acceptor.clone(), stop.clone());
        sessions.spawn(stop.run_until_cancelled_owned(async move {
            let Some((host, stream)) = identify(&acceptor, stream, address, timing).await else {
                return;
            };
            drop(permit);
            let address = address.ip().to_canonical();
            let session = Session {
                service,
                timing,
                host,
                address,
            };
            session.run(stream).await;
        }));
    }
    sessions.close();
    sessions.wait().await;
}

async fn accept(
    listener: &TcpListener,
    handshakes: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let permit = handshakes.clone().acquire_owned().await;
    let permit = permit.map_err(io::Error::other)?;
    let (stream, address) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, address, permit))
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
