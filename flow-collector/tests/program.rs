//! `bulkhead-flow-collector` itself, beside a controller that only has an inventory.
#![expect(clippy::unwrap_used, reason = "a broken example fails its test")]

#[path = "support/agent.rs"]
mod agent;

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use agent::{Counters, counters, datagram, host, inventory, vif};
use api::client::{Client, ClientError, Server};
use api::problem::Code;
use api::request::UsageQuery;
use api::tls::{self, Identity};
use axum::http::HeaderMap;
use axum::routing::get;
use axum::{Json, Router};
use model::{Inventory, Timestamp, Usage, UsageOf};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

const TOKEN: &str = "a-token-for-this-test";
/// After any ledger of these tests was begun, in seconds since 1970.
const LATER: i64 = 4_000_000_000;

/// A folder with an authority, a certificate for 127.0.0.1 and the token; and the controller.
struct Pool {
    folder: TempDir,
    controller: SocketAddr,
    _serving: AbortOnDropHandle<()>,
}

impl Pool {
    async fn new(inventory: Inventory) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_credentials(folder.path());
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .unwrap();
        let controller = listener.local_addr().unwrap();
        let config = {
            let certificate_pem = &read(folder.path(), "server.pem");
            let key_pem = &read(folder.path(), "server.key");
            let identity = Identity {
                certificate_pem,
                key_pem,
            };
            tls::server_config(identity, None).unwrap()
        };
        let answer = async move |headers: HeaderMap| {
            assert_eq!(headers["authorization"], format!("Bearer {TOKEN}"));
            Json(inventory)
        };
        let router = Router::new().route("/v1/inventory", get(answer));
        let serving = api::serve::tls(listener, config, router, CancellationToken::new());
        Self {
            folder,
            controller,
            _serving: AbortOnDropHandle::new(tokio::spawn(serving)),
        }
    }
}

fn write_credentials(folder: &Path) {
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let mut ca = rcgen::CertificateParams::new(vec![]).unwrap();
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
    let issuer = rcgen::Issuer::new(ca, ca_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap().pem();
    for (name, text) in [
        ("ca.pem", ca_pem),
        ("server.pem", certificate),
        ("server.key", key.serialize_pem()),
        ("token", format!("{TOKEN}\n")),
    ] {
        std::fs::write(folder.join(name), text).unwrap();
    }
}

fn read(folder: &Path, name: &str) -> Vec<u8> {
    std::fs::read(folder.join(name)).unwrap()
}

/// The running program; killed when dropped.
struct Program {
    child: Child,
    sflow: SocketAddr,
    api: SocketAddr,
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Program {
    async fn start(pool: &Pool) -> Self {
        let sflow = free_address(|it| UdpSocket::bind(it)?.local_addr());
        let api = free_address(|it| std::net::TcpListener::bind(it)?.local_addr());
        let file = |name: &str| pool.folder.path().join(name);
        let child = Command::new(env!("CARGO_BIN_EXE_bulkhead-flow-collector"))
            .args(["--listen", &sflow.to_string()])
            .args(["--api-listen", &api.to_string()])
            .args(["--controller", &format!("https://{}", pool.controller)])
            .args(["--interval-seconds", "1000000000"])
            .arg("--ledger")
            .arg(file("usage.db"))
            .arg("--ca")
            .arg(file("ca.pem"))
            .arg("--token-file")
            .arg(file("token"))
            .arg("--certificate")
            .arg(file("server.pem"))
            .arg("--key")
            .arg(file("server.key"))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let program = Self { child, sflow, api };
        let client = program.client(pool, None);
        wait_until(async || {
            let health = client.health().await;
            health.is_ok_and(|health| health.status == "ok")
        })
        .await;
        program
    }

    fn client(&self, pool: &Pool, token: Option<&str>) -> Client {
        let server = Server::Https {
            url: format!("https://{}", self.api),
            ca_pem: read(pool.folder.path(), "ca.pem"),
        };
        Client::new(server, token).unwrap()
    }

    /// Has the agent send a datagram over and over until this is the sum.
    async fn count(&self, pool: &Pool, datagram: &[u8], sum: u64) {
        let agent = UdpSocket::bind("127.0.0.2:0").unwrap();
        agent.connect(self.sflow).unwrap();
        let client = self.client(pool, Some(TOKEN));
        wait_until(async || {
            agent.send(datagram).unwrap();
            let usage = client.usage(&everything()).await.unwrap();
            sent(&usage) == sum
        })
        .await;
    }
}

/// An address that nobody listens at just now.
fn free_address(bind: impl Fn(SocketAddr) -> std::io::Result<SocketAddr>) -> SocketAddr {
    bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap()
}

async fn wait_until(mut condition: impl AsyncFnMut() -> bool) {
    for _ in 0..400 {
        if condition().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("waited in vain");
}

fn everything() -> UsageQuery {
    UsageQuery {
        from: Some(Timestamp::from_unix_seconds(0)),
        ..UsageQuery::by(UsageOf::Tenant)
    }
}

fn sent(usage: &[Usage]) -> u64 {
    usage.iter().map(|usage| usage.interface_sent.bytes).sum()
}

fn report(sequence: u32, bytes: u64) -> Vec<u8> {
    let read = Counters {
        sent_bytes: bytes,
        sent_packets: 1,
        ..Counters::default()
    };
    datagram(sequence, sequence * 1000, &[counters(7, read)])
}

#[tokio::test]
async fn a_killed_program_counts_what_moved_meanwhile_and_nothing_twice() {
    let pool = Pool::new(inventory(vec![host("127.0.0.2", vec![vif(7, LATER)])])).await;
    let program = Program::start(&pool).await;
    program.count(&pool, &report(1, 1000), 1000).await;
    // Killed, not asked to stop.
    drop(program);
    let program = Program::start(&pool).await;
    let usage = program
        .client(&pool, Some(TOKEN))
        .usage(&everything())
        .await;
    assert_eq!(sent(&usage.unwrap()), 1000);
    program
        .count(&pool, &report(9, 50_000_000), 50_000_000)
        .await;
}

#[tokio::test]
async fn the_programs_answers_are_for_who_has_the_token_and_asks_well() {
    let pool = Pool::new(inventory(vec![host("127.0.0.2", vec![vif(7, LATER)])])).await;
    let program = Program::start(&pool).await;
    for token in [None, Some("wrong"), Some("a-token-for-this-tesu")] {
        let refused = program.client(&pool, token).usage(&everything()).await;
        assert!(
            matches!(&refused, Err(ClientError::Refused(problem)) if problem.code == Code::Unauthenticated),
            "{refused:?}"
        );
    }
    let client = program.client(&pool, Some(TOKEN));
    assert_eq!(client.version().await.unwrap().api, "v1");
    assert_eq!(client.usage(&everything()).await.unwrap(), []);
    let backwards = UsageQuery {
        to: Some(Timestamp::from_unix_seconds(0)),
        ..everything()
    };
    let refused = client.usage(&backwards).await;
    assert!(
        matches!(&refused, Err(ClientError::Refused(problem)) if problem.code == Code::InvalidParameter && problem.errors[0].field == "to"),
        "{refused:?}"
    );
    let elsewhere = client.inventory().await;
    assert!(
        matches!(&elsewhere, Err(ClientError::Refused(problem)) if problem.code == Code::NoSuchRoute),
        "{elsewhere:?}"
    );
}

#[tokio::test]
async fn a_program_that_is_asked_to_stop_ends_well() {
    let pool = Pool::new(inventory(vec![host("127.0.0.2", vec![vif(7, LATER)])])).await;
    let mut program = Program::start(&pool).await;
    let id = program.child.id().to_string();
    let asked = Command::new("kill").args(["-TERM", &id]).status().unwrap();
    assert!(asked.success());
    let mut ended = None;
    wait_until(async || {
        ended = program.child.try_wait().unwrap();
        ended.is_some()
    })
    .await;
    assert!(ended.unwrap().success());
}
