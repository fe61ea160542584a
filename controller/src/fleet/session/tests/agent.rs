//! An agent that does what a test says.

use std::io;
use std::time::Duration;

use api::session::{AgentCodec, FromAgent, FromController, PROTOCOL};
use futures::{SinkExt, StreamExt};
use model::plan::{Generation, HostPlan, PlanChange, PlanKey};
use model::report::{HostReport, Vif};
use model::{HostId, PortId, PortState};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::codec::Framed;

use super::{Lab, PATIENCE, identity};
use crate::authority::Credentials;

pub(super) struct Agent {
    pub(super) id: HostId,
    pub(super) frames: Framed<TlsStream<TcpStream>, AgentCodec>,
    /// What it was told to carry out.
    pub(super) plan: HostPlan,
}

/// A TLS connection with these credentials, trusting the lab's controller.
pub(super) async fn connect(
    lab: &Lab,
    credentials: Option<&Credentials>,
) -> io::Result<TlsStream<TcpStream>> {
    let ca_pem = lab.authority.ca_pem().as_bytes();
    let config = api::tls::client_config(ca_pem, credentials.map(identity)).unwrap();
    let stream = TcpStream::connect(lab.address).await?;
    let name = ServerName::from(lab.address.ip());
    TlsConnector::from(config).connect(name, stream).await
}

impl Agent {
    /// Connects and is welcomed.
    pub(super) async fn start(lab: &Lab, name: &str) -> Self {
        let mut agent = Self::connected(lab, name).await;
        agent.say(hello()).await;
        match agent.hear().await {
            Some(FromController::Welcome { host_id, .. }) => assert_eq!(host_id, agent.id),
            other => panic!("no welcome but {other:?}"),
        }
        agent
    }

    /// Connects and takes the whole plan.
    pub(super) async fn with_plan(lab: &Lab, name: &str) -> Self {
        let mut agent = Self::start(lab, name).await;
        let first = agent.take_plan().await;
        assert_eq!(first.base, None);
        agent
    }

    /// Connects and says nothing yet.
    pub(super) async fn connected(lab: &Lab, name: &str) -> Self {
        let name = name.parse().unwrap();
        let credentials = lab.authority.host(&name).unwrap();
        let stream = connect(lab, Some(&credentials)).await.unwrap();
        Self {
            id: lab.authority.host_id(&name),
            frames: Framed::new(stream, AgentCodec::default()),
            plan: HostPlan::default(),
        }
    }

    pub(super) async fn say(&mut self, message: FromAgent) {
        self.frames.send(message).await.unwrap();
    }

    /// The next message but for signs of life; none when the session is over.
    pub(super) async fn hear(&mut self) -> Option<FromController> {
        loop {
            let message = timeout(PATIENCE, self.frames.next())
                .await
                .expect("a message");
            match message {
                Some(Ok(FromController::Ping)) => {}
                Some(Ok(message)) => return Some(message),
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// Takes a plan in all its parts, keeps it, and says that it holds it. Gives the last part,
    /// with everything of the parts before.
    pub(super) async fn take_plan(&mut self) -> PlanChange {
        let change = self.receive_plan().await;
        self.hold().await;
        change
    }

    /// The same, but does not say that it holds it.
    pub(super) async fn receive_plan(&mut self) -> PlanChange {
        let mut whole: Option<PlanChange> = None;
        loop {
            let Some(FromController::Plan(mut part)) = self.hear().await else {
                panic!("no plan");
            };
            if let Some(mut before) = whole.take() {
                assert_eq!(
                    (before.generation, before.base),
                    (part.generation, part.base)
                );
                before.upsert.append(&mut part.upsert);
                before.remove.append(&mut part.remove);
                part = PlanChange {
                    more: part.more,
                    ..before
                };
            }
            if !part.more {
                self.keep(part.clone());
                return part;
            }
            whole = Some(part);
        }
    }

    fn keep(&mut self, change: PlanChange) {
        match change.base {
            None => self.plan = HostPlan::default(),
            Some(base) => {
                assert_eq!(base, self.plan.generation);
                assert!(
                    change.generation > base,
                    "a changed plan under a known generation"
                );
            }
        }
        self.plan.generation = change.generation;
        for item in change.upsert {
            self.plan.items.insert(item.key(), item);
        }
        for key in change.remove {
            assert!(
                self.plan.items.remove(&key).is_some(),
                "{key} was not there"
            );
        }
    }

    pub(super) async fn hold(&mut self) {
        let report = self.report();
        self.say(FromAgent::Report(report)).await;
    }

    /// A report that says nothing but what is held.
    pub(super) fn report(&self) -> HostReport {
        HostReport {
            held: self.plan.generation,
            realized: self.plan.generation,
            ..HostReport::default()
        }
    }

    pub(super) async fn plug(&mut self, interface: &str, port: PortId) {
        let vifs = vec![vif(interface, Some(port))];
        let report = HostReport {
            vifs,
            ..self.report()
        };
        self.say(FromAgent::Report(report)).await;
    }

    pub(super) async fn unplug(&mut self, interface: &str) {
        let vifs_gone = vec![interface.to_owned()];
        let report = HostReport {
            vifs_gone,
            ..self.report()
        };
        self.say(FromAgent::Report(report)).await;
    }

    /// Whether nothing but signs of life comes for a while.
    pub(super) async fn hears_nothing(&mut self) -> bool {
        let waited = timeout(Duration::from_millis(300), self.hear()).await;
        waited.is_err()
    }

    pub(super) fn has(&self, key: PlanKey) -> bool {
        self.plan.items.contains_key(&key)
    }
}

pub(super) fn hello() -> FromAgent {
    FromAgent::Hello {
        protocol: PROTOCOL,
        agent_version: "test".into(),
        held: Some(Generation(0)),
    }
}

/// An interface whose number is the last character of its name.
pub(super) fn vif(interface: &str, port_id: Option<PortId>) -> Vif {
    Vif {
        interface: interface.into(),
        iface_id: port_id.map_or("?".into(), |port| port.to_string()),
        port_id,
        ifindex: interface
            .chars()
            .last()
            .and_then(|digit| digit.to_digit(10)),
        state: PortState::Down,
        reason: None,
        generation: None,
        spoke: None,
        guest: None,
    }
}
