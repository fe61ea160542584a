//! Real sockets, real TLS, and clients that behave badly on purpose.

mod streams;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;

use super::*;
use crate::client::{Client, ClientError, Server as At};
use crate::server::router;
use crate::test_pool::{TOKEN, TestPool};
use crate::tls::{self, Identity};

/// Short enough for tests, long enough for a machine under load.
const TIGHT: Limits = Limits {
    connections: 8,
    connections_per_address: 4,
    handshake: Duration::from_millis(300),
    head: Duration::from_millis(300),
    lifetime: Duration::from_secs(20),
    grace: Duration::from_millis(300),
};

/// A certificate authority and a certificate for 127.0.0.1, in PEM.
pub(crate) struct Certificates {
    pub(crate) ca_pem: String,
    pub(crate) certificate_pem: String,
    pub(crate) key_pem: String,
}

pub(crate) fn certificates() -> Certificates {
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let mut ca = rcgen::CertificateParams::new(vec![]).unwrap();
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
    let issuer = rcgen::Issuer::new(ca, ca_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.extended_key_usages = vec![
        rcgen::ExtendedKeyUsagePurpose::ServerAuth,
        rcgen::ExtendedKeyUsagePurpose::ClientAuth,
    ];
    Certificates {
        ca_pem,
        certificate_pem: params.signed_by(&key, &issuer).unwrap().pem(),
        key_pem: key.serialize_pem(),
    }
}

impl Certificates {
    pub(crate) fn identity(&self) -> Identity<'_> {
        Identity {
            certificate_pem: self.certificate_pem.as_bytes(),
            key_pem: self.key_pem.as_bytes(),
        }
    }
}

/// A running server; it stops when the test says so.
struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
    address: SocketAddr,
    ca_pem: String,
}

impl Running {
    async fn tls(limits: Limits) -> Self {
        let certificates = certificates();
        let config = tls::server_config(certificates.identity(), None).unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let router = router(Arc::new(TestPool::default()));
        let task = tokio::spawn(tls_within(limits, listener, config, router, stop.clone()));
        Self {
            stop,
            task,
            address,
            ca_pem: certificates.ca_pem,
        }
    }

    fn client(&self) -> Client {
        let at = At::Https {
            url: format!("https://{}", self.address),
            ca_pem: self.ca_pem.clone().into(),
        };
        Client::new(at, Some(TOKEN)).unwrap()
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
}

fn start_unix(path: PathBuf, limits: Limits) -> (CancellationToken, JoinHandle<()>) {
    let listener = bind_unix(&path).unwrap();
    let stop = CancellationToken::new();
    let router = router(Arc::new(TestPool::default()));
    let task = tokio::spawn(unix_within(limits, listener, router, stop.clone()));
    (stop, task)
}

/// Whether the other side ends the connection, whatever it says before.
async fn is_cut_off(stream: &mut (impl AsyncReadExt + Unpin)) -> bool {
    let mut rest = Vec::new();
    let end = timeout(Duration::from_secs(10), stream.read_to_end(&mut rest)).await;
    end.is_ok()
}

#[tokio::test]
async fn the_api_is_served_over_tls_to_those_who_know_the_authority() {
    let server = Running::tls(LIMITS).await;
    assert_eq!(server.client().health().await.unwrap().status, "ok");
    let stranger = At::Https {
        url: format!("https://{}", server.address),
        ca_pem: certificates().ca_pem.into(),
    };
    let refused = Client::new(stranger, Some(TOKEN)).unwrap().health().await;
    assert!(matches!(refused, Err(ClientError::Unreachable { .. })));
    server.stop.cancel();
    server.task.await.unwrap();
}

#[tokio::test]
async fn the_unix_socket_is_for_its_owner_alone_and_replaces_a_dead_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("api.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let (stop, task) = start_unix(path.clone(), LIMITS);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    let client = Client::new(At::Unix(path.clone()), None).unwrap();
    assert_eq!(client.version().await.unwrap().api, "v1");
    assert_eq!(
        bind_unix(&path).unwrap_err().kind(),
        io::ErrorKind::AddrInUse
    );
    assert_eq!(client.version().await.unwrap().api, "v1");
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn whoever_is_slow_to_ask_is_cut_off() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("api.sock");
    let (stop, _task) = start_unix(path.clone(), TIGHT);
    let half_a_head = b"GET /v1/health HTTP/1.1\r\nhost: a\r\n".as_slice();
    let whole = b"GET /v1/health HTTP/1.1\r\nhost: a\r\n\r\n".as_slice();
    // Says nothing; says half of it; is silent after a request.
    for said in [b"".as_slice(), half_a_head, whole] {
        let mut stream = UnixStream::connect(&path).await.unwrap();
        stream.write_all(said).await.unwrap();
        assert!(is_cut_off(&mut stream).await, "{said:?}");
    }
    stop.cancel();
}

#[tokio::test]
async fn a_handshake_that_drips_in_is_cut_off() {
    let server = Running::tls(TIGHT).await;
    let mut stream = server.connect().await;
    // A TLS handshake of one byte at a time never gets anywhere.
    let dripping = async {
        for byte in [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc].iter().cycle() {
            if stream.write_all(&[*byte]).await.is_err() {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    assert!(timeout(Duration::from_secs(10), dripping).await.is_ok());
    server.stop.cancel();
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("api.sock");
    let (stop, _task) = start_unix(path.clone(), LIMITS);
    let long = format!("GET /{} HTTP/1.1\r\n", "x".repeat(2 * MAX_HEAD_BYTES));
    let many: String = (0..2 * MAX_HEADERS)
        .map(|n| format!("h{n}: 1\r\n"))
        .collect();
    let many = format!("GET /v1/health HTTP/1.1\r\n{many}\r\n");
    for said in [long, many] {
        let mut stream = UnixStream::connect(&path).await.unwrap();
        // The server may hang up before it has read all of it.
        let _written = stream.write_all(said.as_bytes()).await;
        let mut answer = Vec::new();
        let _read = stream.read_to_end(&mut answer).await;
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"));
    }
    stop.cancel();
}

#[tokio::test]
async fn half_open_connections_from_one_address_leave_room_for_others() {
    let server = Running::tls(Limits {
        handshake: Duration::from_secs(60),
        ..TIGHT
    })
    .await;
    let mut held = Vec::new();
    for _ in 0..TIGHT.connections_per_address {
        held.push(server.connect().await);
    }
    // The next from this address is turned away, ...
    assert!(is_cut_off(&mut server.connect().await).await);
    // ... but not one from another.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket
        .bind((Ipv4Addr::new(127, 0, 0, 2), 0).into())
        .unwrap();
    let mut other = socket.connect(server.address).await.unwrap();
    other.write_all(b"no TLS at all").await.unwrap();
    let mut answer = Vec::new();
    let _read = timeout(Duration::from_secs(10), other.read_to_end(&mut answer))
        .await
        .unwrap();
    // A TLS alert (RFC 8446 §6): somebody is listening.
    assert_eq!(answer.first(), Some(&21));
    // Room is made when one of them goes.
    held.pop();
    assert_eq!(retry_health(&server.client()).await, "ok");
    server.stop.cancel();
}

async fn retry_health(client: &Client) -> String {
    for _ in 0..50 {
        if let Ok(health) = client.health().await {
            return health.status;
        }
        sleep(Duration::from_millis(50)).await;
    }
    "never".to_owned()
}

#[tokio::test]
async fn silent_connections_block_nobody_for_long() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("api.sock");
    let (stop, _task) = start_unix(path.clone(), TIGHT);
    let mut silent = Vec::new();
    for _ in 0..TIGHT.connections {
        silent.push(UnixStream::connect(&path).await.unwrap());
    }
    let client = Client::new(At::Unix(path), None).unwrap();
    assert_eq!(client.health().await.unwrap().status, "ok");
    drop(silent);
    stop.cancel();
}

#[tokio::test]
async fn a_stop_lets_the_request_under_way_end_and_takes_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("api.sock");
    let (stop, task) = start_unix(
        path.clone(),
        Limits {
            grace: Duration::from_secs(10),
            ..LIMITS
        },
    );
    let client = Client::new(At::Unix(path.clone()), Some(TOKEN)).unwrap();
    let request = crate::request::TenantCreate {
        name: "slow".parse().unwrap(),
        limits: model::Limits::default(),
    };
    let making = tokio::spawn(async move { client.create::<model::Tenant>(&request).await });
    sleep(Duration::from_millis(100)).await;
    stop.cancel();
    assert_eq!(making.await.unwrap().unwrap().name.as_str(), "slow");
    task.await.unwrap();
    assert!(UnixStream::connect(&path).await.is_err());
}

#[tokio::test]
async fn a_stop_does_not_wait_for_the_silent() {
    let server = Running::tls(Limits {
        handshake: Duration::from_secs(60),
        head: Duration::from_secs(60),
        ..TIGHT
    })
    .await;
    let _silent = server.connect().await;
    assert_eq!(server.client().health().await.unwrap().status, "ok");
    server.stop.cancel();
    timeout(Duration::from_secs(10), server.task)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_connection_does_not_outlive_its_time() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("api.sock");
    let (stop, _task) = start_unix(
        path.clone(),
        Limits {
            lifetime: Duration::from_millis(200),
            head: Duration::from_secs(60),
            ..TIGHT
        },
    );
    let mut stream = UnixStream::connect(&path).await.unwrap();
    // Asks on and on and never reads an answer.
    let asking = async {
        let request = b"GET /v1/tenants HTTP/1.1\r\nhost: a\r\n\r\n".repeat(100);
        while stream.write_all(&request).await.is_ok() {}
    };
    assert!(timeout(Duration::from_secs(10), asking).await.is_ok());
    stop.cancel();
}

#[tokio::test]
async fn agents_and_controller_must_know_each_other() {
    let ours = certificates();
    let theirs = certificates();
    let config = tls::server_config(ours.identity(), Some(ours.ca_pem.as_bytes())).unwrap();
    let acceptor = TlsAcceptor::from(config);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        let mut outcomes = Vec::new();
        for _ in 0..3 {
            let (stream, _) = listener.accept().await.unwrap();
            outcomes.push(acceptor.accept(stream).await.is_ok());
        }
        outcomes
    });
    let ca_pem = ours.ca_pem.as_bytes();
    for identity in [Some(ours.identity()), Some(theirs.identity()), None] {
        let config = tls::client_config(ca_pem, identity).unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        let name = Ipv4Addr::LOCALHOST.into();
        let connector = tokio_rustls::TlsConnector::from(config);
        if let Ok(mut stream) = connector.connect(name, stream).await {
            let _closed = stream.shutdown().await;
        }
    }
    assert_eq!(serving.await.unwrap(), [true, false, false]);
}

#[test]
fn certificates_and_keys_that_are_none_are_refused() {
    let good = certificates();
    let other = certificates();
    let bad = |certificate_pem: &str, key_pem: &str| {
        let identity = Identity {
            certificate_pem: certificate_pem.as_bytes(),
            key_pem: key_pem.as_bytes(),
        };
        tls::server_config(identity, None).is_err()
    };
    assert!(bad("", &good.key_pem));
    assert!(bad(&good.certificate_pem, ""));
    assert!(bad(&good.key_pem, &good.key_pem));
    assert!(bad(&good.certificate_pem, &other.key_pem));
    assert!(tls::client_config(b"no PEM", None).is_err());
    assert!(tls::client_config(good.key_pem.as_bytes(), None).is_err());
}
