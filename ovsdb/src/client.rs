//! A connection to an OVSDB server that keeps itself alive.
//!
//! ```text
//!   Client, Monitor --- start a monitor --> supervisor: dials, resumes monitors, backs off
//!         |                                     | owns, per connection
//!         |   +------------- Session -----------+-----------+
//!         +-->| request queue --> writer task --> socket    |
//!             | waiters, feeds <-- reader task <-- socket   |
//!             +---------------------------------------------+
//! ```
//!
//! The reader never waits for the writer, so a server that stops reading until its own
//! output is taken (as ovsdb-server does) cannot lock both up. Answers and updates are
//! decoded by the reader in the order they came: when a transaction is answered, every
//! monitor of the same client already shows what it did.

mod endpoint;
mod feed;
mod session;
mod supervisor;

use std::sync::Arc;
use std::time::Duration;

use serde::ser::{Serialize, SerializeSeq, Serializer};
use serde_json::value::RawValue;
use tokio::sync::{mpsc, oneshot, watch};

use crate::error::Error;
use crate::message::Limits;
use crate::monitor::MonitorRequest;
use crate::operation::{Operation, OperationResult, decode_outcomes};
use crate::schema::Schema;
use feed::{Feed, Subscription};
use session::Session;
use supervisor::{Command, Supervisor};

pub use endpoint::Endpoint;
pub use feed::Monitor;

/// How patient a client is, and how much it takes.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long a connection may take to be made, TLS included.
    pub connect_timeout: Duration,
    /// How long an answer may take, from the call on. It bounds a
    /// [`Wait`](crate::Wait) too, and how long the server may refuse to read.
    pub request_timeout: Duration,
    /// After so much silence the server is probed by an `echo`, and after as much again the
    /// connection is given up.
    pub probe_interval: Duration,
    /// The pause before the first attempt to reconnect; it doubles with each.
    pub backoff_min: Duration,
    /// The longest pause between attempts to reconnect.
    pub backoff_max: Duration,
    /// How many requests may be unanswered at a time; more wait for their turn.
    pub in_flight: usize,
    /// What the server may send before it is cut off.
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            probe_interval: Duration::from_secs(5),
            backoff_min: Duration::from_millis(100),
            backoff_max: Duration::from_secs(8),
            in_flight: 1024,
            limits: Limits::default(),
        }
    }
}

/// Whether there is a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionState {
    /// Yes; of a monitor: and its replica follows the server.
    Connected,
    /// Not now. The client is trying; a replica shows what was last known.
    Disconnected,
}

/// A handle to a database server. Clones share one connection, which lasts until the last
/// of them and of their monitors is dropped.
#[derive(Clone, Debug)]
pub struct Client {
    commands: mpsc::Sender<Command>,
    session: watch::Receiver<Option<Arc<Session>>>,
    connection: watch::Receiver<ConnectionState>,
}

impl Client {
    /// Connects, and from then on reconnects by itself whenever the connection breaks.
    ///
    /// # Errors
    /// When the first connection cannot be made.
    pub async fn connect(endpoint: Endpoint, options: Options) -> Result<Self, Error> {
        let (commands, received) = mpsc::channel(16);
        let (session, current) = watch::channel(None);
        let (state, connection) = watch::channel(ConnectionState::Disconnected);
        let supervisor = Supervisor::new(endpoint, options, received, session, state);
        let link = supervisor.dial().await?;
        tokio::spawn(supervisor.run(link));
        let mut client = Self {
            commands,
            session: current,
            connection,
        };
        client.connected().await;
        Ok(client)
    }

    /// Waits until there is a connection.
    async fn connected(&mut self) {
        // Fails only when the supervisor is gone; every call says so then.
        let _ = self.session.wait_for(Option::is_some).await;
    }

    /// The state of the connection, now and whenever it changes.
    pub fn connection(&self) -> watch::Receiver<ConnectionState> {
        self.connection.clone()
    }

    /// The names of the server's databases (§4.1.1).
    ///
    /// # Errors
    /// When there is no connection or no proper answer.
    pub async fn list_dbs(&self) -> Result<Vec<String>, Error> {
        let none: [(); 0] = [];
        self.session()?
            .call("list_dbs", &none, |raw| {
                serde_json::from_str(raw.get()).map_err(Error::decoding("a list of databases"))
            })
            .await
    }

    /// A database's schema (§4.1.2).
    ///
    /// # Errors
    /// [`Error::Refused`] for an unknown database; or when there is no connection or no
    /// proper answer.
    pub async fn get_schema(&self, db: &str) -> Result<Schema, Error> {
        self.session()?.get_schema(db).await
    }

    /// Executes the operations as one transaction: all of them or none (§4.1.3). The
    /// results are in the order of the operations. It is never repeated by itself.
    ///
    /// Dropping the future cancels the transaction if the server has not begun it.
    ///
    /// # Errors
    /// [`Error::Operation`] if one failed: then nothing was changed. [`Error::NotConnected`]
    /// if nothing was sent. After [`Error::Timeout`] or [`Error::ConnectionLost`] it is not
    /// known whether the transaction was executed: look before trying again.
    pub async fn transact(
        &self,
        db: &str,
        operations: Vec<Operation>,
    ) -> Result<Vec<OperationResult>, Error> {
        let sent = operations.len();
        self.session()?
            .call("transact", &Transaction { db, operations }, move |raw| {
                decode_outcomes(raw, sent)
            })
            .await
    }

    /// Begins to monitor a database. On return the replica holds all that was asked for.
    ///
    /// # Errors
    /// [`Error::UnknownTable`] or [`Error::UnknownColumn`] if the schema has no such thing;
    /// or when the server refuses, or there is no connection or no proper answer.
    pub async fn monitor(&self, db: &str, request: MonitorRequest) -> Result<Monitor, Error> {
        self.session()?;
        let feed = Arc::new(Feed::new(db, request));
        let (started, outcome) = oneshot::channel();
        let command = Command::Start {
            feed: Arc::clone(&feed),
            started,
        };
        let subscription = Subscription::new(self.clone(), feed);
        self.commands
            .send(command)
            .await
            .map_err(|_| Error::NotConnected)?;
        outcome.await.map_err(|_| Error::NotConnected)??;
        Ok(Monitor::new(subscription))
    }

    /// Calls any other method, such as ovsdb-server's `get_server_id` or `convert`, and
    /// gives back its result as JSON text.
    ///
    /// # Errors
    /// [`Error::Refused`] if the server refuses; or when there is no connection or answer.
    pub async fn call(
        &self,
        method: &'static str,
        params: &impl Serialize,
    ) -> Result<Box<RawValue>, Error> {
        self.session()?
            .call(method, params, |raw| Ok(raw.to_owned()))
            .await
    }

    fn session(&self) -> Result<Arc<Session>, Error> {
        self.session.borrow().clone().ok_or(Error::NotConnected)
    }
}

/// The parameters of `transact`: the database, then each operation.
struct Transaction<'a> {
    db: &'a str,
    operations: Vec<Operation>,
}

impl Serialize for Transaction<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut params = serializer.serialize_seq(Some(1 + self.operations.len()))?;
        params.serialize_element(self.db)?;
        for operation in &self.operations {
            params.serialize_element(operation)?;
        }
        params.end()
    }
}
