//! Where a server listens, and how to get there.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use crate::error::Error;

/// Where a server listens.
#[derive(Clone, Debug)]
pub enum Endpoint {
    /// A unix socket, `unix:PATH`.
    Unix(PathBuf),
    /// TCP, `tcp:HOST:PORT`.
    Tcp(String),
    /// TLS over TCP; what Open vSwitch writes as `ssl:HOST:PORT`.
    Tls {
        /// `HOST:PORT`.
        address: String,
        /// The name the server's certificate must have.
        server_name: ServerName<'static>,
        /// Whom to trust, and who we are.
        config: Arc<rustls::ClientConfig>,
    },
}

impl FromStr for Endpoint {
    type Err = Error;

    /// Takes `unix:PATH` and `tcp:HOST:PORT`; TLS needs more than a text can tell.
    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::Endpoint(text.to_owned());
        match text.split_once(':') {
            Some(("unix", path)) if !path.is_empty() => Ok(Self::Unix(path.into())),
            Some(("tcp", address)) => {
                let (host, port) = address.rsplit_once(':').ok_or_else(wrong)?;
                port.parse::<u16>().map_err(|_| wrong())?;
                match host.is_empty() {
                    true => Err(wrong()),
                    false => Ok(Self::Tcp(address.to_owned())),
                }
            }
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(address) => write!(f, "tcp:{address}"),
            Self::Tls { address, .. } => write!(f, "ssl:{address}"),
        }
    }
}

/// Both directions of a connection.
pub(super) struct Streams {
    pub(super) reader: Box<dyn AsyncRead + Send + Unpin>,
    pub(super) writer: Box<dyn AsyncWrite + Send + Unpin>,
}

impl Endpoint {
    pub(super) async fn open(&self) -> io::Result<Streams> {
        match self {
            Self::Unix(path) => {
                let (reader, writer) = UnixStream::connect(path).await?.into_split();
                Ok(streams(reader, writer))
            }
            Self::Tcp(address) => {
                let (reader, writer) = tcp(address).await?.into_split();
                Ok(streams(reader, writer))
            }
            Self::Tls {
                address,
                server_name,
                config,
            } => {
                let connector = TlsConnector::from(Arc::clone(config));
                let stream = connector
                    .connect(server_name.clone(), tcp(address).await?)
                    .await?;
                let (reader, writer) = tokio::io::split(stream);
                Ok(streams(reader, writer))
            }
        }
    }
}

async fn tcp(address: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    // Requests are small and somebody waits for each.
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn streams(
    reader: impl AsyncRead + Send + Unpin + 'static,
    writer: impl AsyncWrite + Send + Unpin + 'static,
) -> Streams {
    Streams {
        reader: Box::new(reader),
        writer: Box::new(writer),
    }
}
