//! A connection to libvirt's daemon: one call at a time, events between them.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;
use uuid::Uuid;

use super::Kind;
use super::protocol::{
    self, Described, DomainRef, EventId, Fault, Impact, Listed, Message, Procedure, ProtocolError,
    encode_call, encode_pong, take_message,
};
use super::xdr::{Writer, XdrError};

/// How long an answer may take. libvirt answers nothing about a domain while a hook of its is at work,
/// and ours may hold a start for a minute.
const PATIENCE: Duration = Duration::from_secs(90);

/// How long the migration of a domain may take: a large one sends what it changes again and again.
const MIGRATION: Duration = Duration::from_secs(1_800);

/// `REMOTE_AUTH_NONE`
const NO_AUTHENTICATION: i32 = 0;

/// What is asked to be told of.
const EVENTS: [EventId; 5] = [
    EventId::Lifecycle,
    EventId::DeviceAdded,
    EventId::DeviceRemoved,
    EventId::JobCompleted,
    EventId::MetadataChange,
];

/// The most domains that are remembered as changed; beyond, all are taken to be.
const MOST_CHANGED: usize = 1_024;

/// Why libvirt could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody listens there.
    #[error("could not reach libvirt's daemon")]
    Connect(#[source] io::Error),
    /// The connection broke.
    #[error("lost the connection to libvirt's daemon")]
    Lost(#[source] io::Error),
    /// The other end hung up.
    #[error("libvirt's daemon hung up")]
    HungUp,
    /// No answer came in time.
    #[error("libvirt's daemon gave no answer in {} s", .0.as_secs())]
    Silent(Duration),
    /// It does not speak as it should.
    #[error("libvirt's daemon sent what is no answer")]
    Protocol(#[from] ProtocolError),
    /// It refused.
    #[error("libvirt refused {0:?}")]
    Refused(Procedure, #[source] Fault),
    /// It wants a password or the like.
    #[error("libvirt's daemon wants us to prove who we are, though we are root")]
    Authentication,
}

impl From<XdrError> for Error {
    fn from(error: XdrError) -> Self {
        Self::Protocol(error.into())
    }
}

/// The domains that something happened to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// These.
    Some(BTreeSet<Uuid>),
    /// Nobody knows which.
    All,
}

impl Changed {
    /// Whether this one is among them.
    #[must_use]
    pub fn has(&self, domain: Uuid) -> bool {
        match self {
            Self::Some(domains) => domains.contains(&domain),
            Self::All => true,
        }
    }

    fn add(&mut self, domain: Option<Uuid>) {
        match (domain, &mut *self) {
            (Some(domain), Self::Some(domains)) if domains.len() < MOST_CHANGED => {
                domains.insert(domain);
            }
            _ => *self = Self::All,
        }
    }
}

/// An open connection.
pub struct Connection {
    stream: UnixStream,
    received: BytesMut,
    serial: u32,
    changed: Changed,
}

impl Connection {
    /// Connects to the daemon that listens at `socket`, for its guests of this kind.
    ///
    /// # Errors
    /// When that fails at any step.
    pub async fn open(socket: &Path, kind: Kind) -> Result<Self, Error> {
        let stream = UnixStream::connect(socket).await.map_err(Error::Connect)?;
        let mut connection = Self {
            stream,
            received: BytesMut::new(),
            serial: 0,
            changed: Changed::Some(BTreeSet::new()),
        };
        let ways = connection
            .call(Procedure::Authentication, Writer::default())
            .await?;
        let ways = protocol::decode_authentication(&ways)?;
        if !ways.contains(&NO_AUTHENTICATION) {
            return Err(Error::Authentication);
        }
        connection
            .call(Procedure::Open, protocol::open(kind.uri()))
            .await?;
        Ok(connection)
    }

    /// Asks for events.
    ///
    /// # Errors
    /// When the daemon cannot be asked.
    pub async fn subscribe(&mut self) -> Result<(), Error> {
        for event in EVENTS {
            let body = protocol::register(event);
            self.call(Procedure::RegisterEvent, body).await?;
        }
        Ok(())
    }

    /// The version of libvirt that the daemon is of.
    ///
    /// # Errors
    /// When the daemon cannot be asked.
    pub async fn version(&mut self) -> Result<String, Error> {
        let body = self
            .call(Procedure::LibraryVersion, Writer::default())
            .await?;
        Ok(protocol::decode_version(&body)?)
    }

    /// The domains of one kind.
    ///
    /// # Errors
    /// When the daemon cannot be asked.
    pub async fn domains(&mut self, which: Listed) -> Result<Vec<DomainRef>, Error> {
        let body = self
            .call(Procedure::ListDomains, protocol::list(which))
            .await?;
        Ok(protocol::decode_domains(&body)?)
    }

    /// How a domain is described; none, if it is gone.
    ///
    /// # Errors
    /// When the daemon cannot be asked.
    pub async fn xml(
        &mut self,
        domain: &DomainRef,
        how: Described,
    ) -> Result<Option<String>, Error> {
        let body = protocol::domain_xml(domain, how);
        let called = self.call(Procedure::DomainXml, body).await;
        match called {
            Ok(body) => Ok(Some(protocol::decode_xml(&body)?.to_owned())),
            Err(Error::Refused(_, fault)) if fault.is_gone() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Starts a domain that libvirt forgets when it ends.
    ///
    /// # Errors
    /// When it does not run afterwards.
    pub async fn create(&mut self, xml: &str) -> Result<(), Error> {
        let body = protocol::create_xml(xml);
        self.call(Procedure::CreateXml, body).await.map(drop)
    }

    /// Ends a domain at once, as if its plug were pulled. One that is gone is no failure.
    ///
    /// # Errors
    /// When it may still run.
    pub async fn destroy(&mut self, domain: &DomainRef) -> Result<(), Error> {
        let body = protocol::destroy(domain);
        match self.call(Procedure::Destroy, body).await {
            Err(Error::Refused(_, fault)) if fault.is_gone() => Ok(()),
            called => called.map(drop),
        }
    }

    /// Sends a domain to another host while it runs, by the daemon at `uri` there. Afterwards there is nothing
    /// of it here.
    ///
    /// # Errors
    /// When it runs here still, or nobody knows where.
    pub async fn migrate(&mut self, domain: &DomainRef, uri: &str) -> Result<(), Error> {
        let body = protocol::migrate(domain, uri);
        let called = self.call_within(MIGRATION, Procedure::Migrate, body);
        called.await.map(drop)
    }

    /// Plugs a device into a domain.
    ///
    /// # Errors
    /// When it is not there afterwards.
    pub async fn attach(
        &mut self,
        domain: &DomainRef,
        device: &str,
        impact: Impact,
    ) -> Result<(), Error> {
        let body = protocol::device(domain, device, impact);
        self.call(Procedure::AttachDevice, body).await.map(drop)
    }

    /// Has a domain let go of a device; it may take its time for that.
    ///
    /// # Errors
    /// When it was not asked to.
    pub async fn detach(
        &mut self,
        domain: &DomainRef,
        device: &str,
        impact: Impact,
    ) -> Result<(), Error> {
        let body = protocol::device(domain, device, impact);
        self.call(Procedure::DetachDevice, body).await.map(drop)
    }

    /// Waits until something happened that [`take_changed`](Self::take_changed) does not know yet. Loses
    /// nothing when the wait is given up.
    ///
    /// # Errors
    /// When the connection ends.
    pub async fn changed(&mut self) -> Result<(), Error> {
        while self.changed == Changed::Some(BTreeSet::new()) {
            // A late reply is to a call that was given up: nobody waits for it.
            self.receive().await?;
        }
        Ok(())
    }

    /// What happened since this was last asked.
    #[must_use]
    pub fn take_changed(&mut self) -> Changed {
        std::mem::replace(&mut self.changed, Changed::Some(BTreeSet::new()))
    }

    async fn call(&mut self, procedure: Procedure, body: Writer) -> Result<Bytes, Error> {
        self.call_within(PATIENCE, procedure, body).await
    }

    async fn call_within(
        &mut self,
        patience: Duration,
        procedure: Procedure,
        body: Writer,
    ) -> Result<Bytes, Error> {
        self.serial = self.serial.wrapping_add(1);
        let call = encode_call(procedure, self.serial, body);
        let answered = timeout(patience, self.converse(&call)).await;
        let outcome = answered.unwrap_or(Err(Error::Silent(patience)))?;
        outcome.map_err(|fault| Error::Refused(procedure, fault))
    }

    async fn converse(&mut self, call: &[u8]) -> Result<Result<Bytes, Fault>, Error> {
        self.stream.write_all(call).await.map_err(Error::Lost)?;
        loop {
            if let Some((serial, outcome)) = self.receive().await?
                && serial == self.serial
            {
                return Ok(outcome);
            }
        }
    }

    /// Takes in one message; gives it if it is a reply.
    async fn receive(&mut self) -> Result<Option<(u32, Result<Bytes, Fault>)>, Error> {
        let message = loop {
            if let Some(message) = take_message(&mut self.received)? {
                break message;
            }
            // What was read stays in the buffer, whoever gives up waiting.
            let read = self.stream.read_buf(&mut self.received).await;
            if read.map_err(Error::Lost)? == 0 {
                return Err(Error::HungUp);
            }
        };
        match message {
            Message::Reply { serial, outcome } => return Ok(Some((serial, outcome))),
            Message::Event { domain } => self.changed.add(domain),
            // Nothing is waited for here: a wait that is given up must not leave half an answer behind.
            // What does not fit at once is of a daemon that has not read for long.
            Message::Ping => match self.stream.try_write(&encode_pong()) {
                Ok(written) if written == encode_pong().len() => {}
                Ok(_) => return Err(Error::Silent(PATIENCE)),
                Err(error) => return Err(Error::Lost(error)),
            },
            Message::Other => {}
        }
        Ok(None)
    }
}
