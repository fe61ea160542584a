//! Monitors: [`Feed`] is the end that the connection writes to, [`Monitor`] the one that
//! users read from. A feed outlives connections; each new one starts it again.

use std::fmt;
use std::sync::Arc;

use serde_json::value::RawValue;
use tokio::sync::watch;
use uuid::Uuid;

use super::session::Session;
use super::{Client, ConnectionState};
use crate::error::Error;
use crate::monitor::{Dialect, Dump, MonitorRequest, Update};
use crate::replica::{Changed, Coverage, Replica};
use crate::schema::Schema;

/// A replica of monitored tables that follows the server, through reconnects too. Clones
/// see the same replica and are woken each on its own.
#[derive(Clone, Debug)]
pub struct Monitor {
    subscription: Arc<Subscription>,
    replica: watch::Receiver<Arc<Replica>>,
}

impl Monitor {
    pub(super) fn new(subscription: Subscription) -> Self {
        let mut replica = subscription.feed.replica.subscribe();
        replica.mark_unchanged();
        Self {
            subscription: Arc::new(subscription),
            replica,
        }
    }

    /// The tables as they are now, or were last known to be. A pointer copy.
    pub fn snapshot(&self) -> Arc<Replica> {
        self.replica.borrow().clone()
    }

    /// Waits until some row differs from what it was when this last returned (or when the
    /// monitor was made); several changes may be one wake-up. Reconnecting alone is none.
    ///
    /// # Errors
    /// [`Error::NotConnected`] when the client's task was ended with its runtime.
    pub async fn changed(&mut self) -> Result<(), Error> {
        tokio::select! {
            changed = self.replica.changed() => changed.map_err(|_| Error::NotConnected),
            () = self.subscription.client.commands.closed() => Err(Error::NotConnected),
        }
    }

    /// Whether the replica follows the server, now and whenever that changes.
    pub fn connection(&self) -> watch::Receiver<ConnectionState> {
        self.subscription.feed.connection.subscribe()
    }
}

/// Somebody's interest in a feed; it ends the monitor when dropped.
pub(super) struct Subscription {
    client: Client,
    feed: Arc<Feed>,
}

impl Subscription {
    pub(super) fn new(client: Client, feed: Arc<Feed>) -> Self {
        Self { client, feed }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("db", &self.feed.db)
            .finish_non_exhaustive()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Ok(session) = self.client.session() {
            session.cancel(&self.feed);
        }
    }
}

/// What the connection knows of a monitor.
pub(crate) struct Feed {
    db: String,
    request: MonitorRequest,
    /// Written by the reader alone, so reading it first and writing it then is safe.
    replica: watch::Sender<Arc<Replica>>,
    connection: watch::Sender<ConnectionState>,
}

impl Feed {
    pub(super) fn new(db: &str, request: MonitorRequest) -> Self {
        Self {
            db: db.to_owned(),
            request,
            replica: watch::Sender::new(Arc::default()),
            connection: watch::Sender::new(ConnectionState::Disconnected),
        }
    }

    pub(super) fn db(&self) -> &str {
        &self.db
    }

    pub(super) fn disconnect(&self) {
        self.connection.send_replace(ConnectionState::Disconnected);
    }

    /// Asks the server for this monitor, from where the replica ends, in the best dialect
    /// the server knows; `dialect` is left at that one.
    pub(super) async fn start(
        self: &Arc<Self>,
        session: &Session,
        schema: &Schema,
        dialect: &mut Dialect,
    ) -> Result<(), Error> {
        let coverage = Arc::new(self.request.coverage(schema)?);
        loop {
            let outcome = self.ask(session, &coverage, *dialect).await;
            let Err(error) = outcome else { return Ok(()) };
            match error {
                // Then the server has no such monitor.
                Error::Refused { .. } => drop(session.unfeed(self)),
                _ => session.cancel(self),
            }
            match dialect.next() {
                Some(next) if error.is_unknown_method() => *dialect = next,
                _ => return Err(error),
            }
        }
    }

    async fn ask(
        self: &Arc<Self>,
        session: &Session,
        coverage: &Arc<Coverage>,
        dialect: Dialect,
    ) -> Result<(), Error> {
        let requests = self.request.encode(coverage, dialect)?;
        let monitor = session.feed(self);
        let feed = Arc::clone(self);
        let covered = Arc::clone(coverage);
        let load = move |raw: &RawValue| feed.load(dialect, &covered, raw);
        let method = dialect.method();
        match dialect {
            Dialect::CondSince => {
                let since = self.position(coverage);
                let params = (&self.db, monitor, requests, since);
                session.call(method, &params, load).await
            }
            Dialect::Cond | Dialect::Plain => {
                let params = (&self.db, monitor, requests);
                session.call(method, &params, load).await
            }
        }
    }

    /// The transaction to resume from; nil to get everything.
    fn position(&self, coverage: &Coverage) -> Uuid {
        let replica = self.replica.borrow();
        match replica.covers(coverage) {
            true => replica.last_transaction(),
            false => Uuid::nil(),
        }
    }

    /// Takes the answer to a monitor request.
    fn load(&self, dialect: Dialect, coverage: &Coverage, raw: &RawValue) -> Result<(), Error> {
        let dump = Dump::decode(dialect, raw).map_err(Error::decoding("the contents of tables"))?;
        let before = self.replica.borrow().clone();
        let next = match dump.resumed {
            true => before.updated(dump.updates, dump.last_transaction),
            false => before.replaced(coverage, dump.updates, dump.last_transaction),
        };
        let (next, changed) =
            next.map_err(|source| self.out_of_step(Error::Inconsistent(source)))?;
        self.publish(next, changed);
        self.connection.send_replace(ConnectionState::Connected);
        Ok(())
    }

    /// Takes an update. After an error the connection must end: the next one gets
    /// everything anew.
    pub(super) fn apply(&self, update: Update<'_>) -> Result<(), Error> {
        let before = self.replica.borrow().clone();
        let (next, changed) = before
            .updated(update.updates, update.last_transaction)
            .map_err(|source| self.out_of_step(Error::Inconsistent(source)))?;
        self.publish(next, changed);
        Ok(())
    }

    fn out_of_step(&self, error: Error) -> Error {
        let unpositioned = self.replica.borrow().without_position();
        self.publish(unpositioned, Changed::No);
        error
    }

    fn publish(&self, next: Replica, changed: Changed) {
        self.replica.send_if_modified(|replica| {
            *replica = Arc::new(next);
            changed == Changed::Yes
        });
    }
}
