//! The controller's end of agent sessions: says what a test tells it to, remembers what it hears.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use api::session::{ControllerCodec, FromAgent, FromController};
use api::tls::{self, Identity};
use futures::{SinkExt, StreamExt};
use model::HostId;
use model::plan::{Generation, HostPlan, PlanChange};
use model::report::{ItemFailure, Vif};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::codec::Framed;

/// What the agent said so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    /// How many sessions there were.
    pub(crate) sessions: usize,
    /// What it said it holds when the last one began.
    pub(crate) hello: Option<Generation>,
    pub(crate) held: Generation,
    pub(crate) realized: Generation,
    pub(crate) vifs: BTreeMap<String, Vif>,
    pub(crate) failures: Vec<ItemFailure>,
    pub(crate) remarks: Vec<String>,
    pub(crate) refused: Vec<Generation>,
}

pub(crate) struct Controller {
    pub(crate) address: SocketAddr,
    plan: watch::Sender<Option<HostPlan>>,
    heard: watch::Receiver<Heard>,
    task: JoinHandle<()>,
}

impl Controller {
    /// Starts one that has no plan yet, and writes what an agent needs to speak with it.
    pub(crate) async fn start(certificates: &Path) -> Self {
        let acceptor = authority(certificates);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let plan = watch::Sender::new(None);
        let (sender, heard) = watch::channel(Heard::default());
        let task = tokio::spawn(serve(listener, acceptor, plan.subscribe(), sender));
        Self {
            address,
            plan,
            heard,
            task,
        }
    }

    pub(crate) fn send(&self, plan: HostPlan) {
        self.plan.send_replace(Some(plan));
    }

    /// What was heard, once it is as `expected`.
    pub(crate) async fn hears(&self, expected: impl Fn(&Heard) -> bool) -> Heard {
        let mut heard = self.heard.clone();
        let outcome = timeout(Duration::from_secs(60), heard.wait_for(expected)).await;
        let outcome = outcome.map(|heard| heard.unwrap().clone());
        outcome.unwrap_or_else(|_| panic!("never heard; last: {:#?}", self.heard.borrow()))
    }

    /// Closes everything: the agent is on its own.
    pub(crate) fn stop(&self) {
        self.task.abort();
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Makes an authority, a server and a host; writes the host's files.
fn authority(folder: &Path) -> TlsAcceptor {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_pem = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let issue = |name: &str| {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    };
    let (host, host_key) = issue("host");
    std::fs::write(folder.join("ca.pem"), &authority_pem).unwrap();
    std::fs::write(folder.join("host.pem"), host).unwrap();
    std::fs::write(folder.join("host.key"), host_key).unwrap();
    let (server, server_key) = issue("127.0.0.1");
    let identity = Identity {
        certificate_pem: server.as_bytes(),
        key_pem: server_key.as_bytes(),
    };
    let config = tls::server_config(identity, Some(authority_pem.as_bytes())).unwrap();
    TlsAcceptor::from(config)
}

async fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    plan: watch::Receiver<Option<HostPlan>>,
    heard: watch::Sender<Heard>,
) {
    let heard = Arc::new(heard);
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        // One at a time: an agent has one session.
        let _ = converse(stream, &acceptor, plan.clone(), &heard).await;
    }
}

async fn converse(
    stream: TcpStream,
    acceptor: &TlsAcceptor,
    mut plan: watch::Receiver<Option<HostPlan>>,
    heard: &watch::Sender<Heard>,
) -> Option<()> {
    let stream = acceptor.accept(stream).await.ok()?;
    let mut wire = Framed::new(stream, ControllerCodec::default());
    let FromAgent::Hello { held, .. } = wire.next().await?.ok()? else {
        panic!("no hello");
    };
    heard.send_modify(|heard| {
        heard.sessions += 1;
        heard.hello = held;
    });
    let welcome = FromController::Welcome {
        host_id: HostId::from(uuid::Uuid::nil()),
        heartbeat_seconds: 5,
        usage_interval_seconds: None,
    };
    wire.send(welcome).await.ok()?;
    plan.mark_changed();
    loop {
        tokio::select! {
            message = wire.next() => note(message?.ok()?, heard),
            changed = plan.changed() => {
                changed.ok()?;
                let plan = plan.borrow_and_update().clone();
                if let Some(plan) = plan {
                    wire.send(FromController::Plan(whole(plan))).await.ok()?;
                }
            }
        }
    }
}

fn whole(plan: HostPlan) -> PlanChange {
    PlanChange {
        generation: plan.generation,
        base: None,
        upsert: plan.items.into_values().collect(),
        remove: Vec::new(),
        more: false,
    }
}

fn note(message: FromAgent, heard: &watch::Sender<Heard>) {
    heard.send_modify(|heard| match message {
        FromAgent::Report(report) => {
            if report.complete {
                heard.vifs.clear();
            }
            heard.held = report.held;
            heard.realized = report.realized;
            heard.failures = report.failures;
            heard.remarks.extend(report.remarks);
            for name in report.vifs_gone {
                heard.vifs.remove(&name);
            }
            let vifs = report.vifs.into_iter();
            heard
                .vifs
                .extend(vifs.map(|vif| (vif.interface.clone(), vif)));
        }
        FromAgent::Refuse { generation, .. } => heard.refused.push(generation),
        FromAgent::Hello { .. }
        | FromAgent::Probe(_)
        | FromAgent::Trace(_)
        | FromAgent::Plug(_)
        | FromAgent::Usage(_)
        | FromAgent::Samples(_)
        | FromAgent::Ping => {}
    });
}
