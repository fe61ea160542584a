//! The task behind a client: it dials, starts and resumes monitors, and when a connection
//! ends, waits a little longer each time and dials again.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, info, warn};

use super::feed::Feed;
use super::session::{self, Session};
use super::{ConnectionState, Endpoint, Options};
use crate::error::Error;
use crate::monitor::Dialect;
use crate::schema::Schema;

/// What a handle wants from the supervisor.
pub(super) enum Command {
    /// Start a monitor, and resume it on every later connection.
    Start {
        feed: Arc<Feed>,
        started: oneshot::Sender<Result<(), Error>>,
    },
}

pub(super) struct Supervisor {
    endpoint: Endpoint,
    options: Options,
    commands: mpsc::Receiver<Command>,
    session: watch::Sender<Option<Arc<Session>>>,
    connection: watch::Sender<ConnectionState>,
    feeds: Vec<Weak<Feed>>,
}

/// A connection and what was learned about the server behind it.
pub(super) struct Link {
    session: Arc<Session>,
    tasks: JoinSet<Error>,
    schemas: BTreeMap<String, Arc<Schema>>,
    dialect: Dialect,
    /// Monitors that the server refused to resume.
    stalled: Vec<Weak<Feed>>,
}

/// Why a connection is no longer served.
enum End {
    Broken(Error),
    /// Every handle is gone.
    Released,
}

impl Supervisor {
    pub(super) fn new(
        endpoint: Endpoint,
        options: Options,
        commands: mpsc::Receiver<Command>,
        session: watch::Sender<Option<Arc<Session>>>,
        connection: watch::Sender<ConnectionState>,
    ) -> Self {
        Self {
            endpoint,
            options,
            commands,
            session,
            connection,
            feeds: Vec::new(),
        }
    }

    pub(super) async fn dial(&self) -> Result<Link, Error> {
        let streams = timeout(self.options.connect_timeout, self.endpoint.open())
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(|source| Error::Connect {
                endpoint: self.endpoint.to_string(),
                source,
            })?;
        let (session, tasks) = session::start(streams, &self.options);
        Ok(Link {
            session,
            tasks,
            schemas: BTreeMap::new(),
            dialect: Dialect::CondSince,
            stalled: Vec::new(),
        })
    }

    pub(super) async fn run(mut self, mut link: Link) {
        let mut pause = self.options.backoff_min;
        loop {
            let begun = Instant::now();
            let end = self.serve(link).await;
            self.disconnect();
            match end {
                End::Released => return,
                End::Broken(error) => warn!(
                    endpoint = %self.endpoint,
                    error = &error as &dyn std::error::Error,
                    "connection to {} ended; reconnecting", self.endpoint
                ),
            }
            if begun.elapsed() >= self.options.backoff_max {
                pause = self.options.backoff_min;
            }
            match self.redial(&mut pause).await {
                Some(again) => link = again,
                None => return,
            }
            info!(endpoint = %self.endpoint, "connected to {} again", self.endpoint);
        }
    }

    /// Serves a connection until it ends. It is shown to others only once the monitors are
    /// resumed, so that who finds it finds them current.
    async fn serve(&mut self, mut link: Link) -> End {
        self.feeds.retain(|feed| feed.strong_count() > 0);
        if let Err(error) = link.resume(self.feeds.clone()).await {
            return End::Broken(error);
        }
        self.session.send_replace(Some(Arc::clone(&link.session)));
        self.connection.send_replace(ConnectionState::Connected);
        loop {
            tokio::select! {
                ended = link.tasks.join_next() => return End::Broken(why_ended(ended)),
                command = self.commands.recv() => match command {
                    Some(Command::Start { feed, started }) => {
                        self.begin(&mut link, feed, started).await;
                    }
                    None => return End::Released,
                },
                () = sleep(self.options.backoff_max), if !link.stalled.is_empty() => {
                    let stalled = std::mem::take(&mut link.stalled);
                    if let Err(error) = link.resume(stalled).await {
                        return End::Broken(error);
                    }
                }
            }
        }
    }

    async fn begin(
        &mut self,
        link: &mut Link,
        feed: Arc<Feed>,
        started: oneshot::Sender<Result<(), Error>>,
    ) {
        if started.is_closed() {
            return;
        }
        let outcome = link.start(&feed).await;
        if outcome.is_ok() {
            self.feeds.push(Arc::downgrade(&feed));
        }
        if started.send(outcome).is_err() {
            // Whoever asked has given up meanwhile.
            link.session.cancel(&feed);
        }
    }

    fn disconnect(&mut self) {
        self.session.send_replace(None);
        self.connection.send_replace(ConnectionState::Disconnected);
        for feed in self.feeds.iter().filter_map(Weak::upgrade) {
            feed.disconnect();
        }
    }

    /// Dials until it succeeds; `None` when every handle is gone. Commands are refused
    /// meanwhile: their callers know best whether to wait.
    async fn redial(&mut self, pause: &mut Duration) -> Option<Link> {
        loop {
            let wait = sleep(*pause);
            *pause = (*pause * 2).min(self.options.backoff_max);
            tokio::pin!(wait);
            loop {
                tokio::select! {
                    () = &mut wait => break,
                    command = self.commands.recv() => refuse(command?),
                }
            }
            match self.dial().await {
                Ok(link) => return Some(link),
                Err(error) => debug!(
                    endpoint = %self.endpoint,
                    error = &error as &dyn std::error::Error,
                    "no connection to {} yet", self.endpoint
                ),
            }
        }
    }
}

fn refuse(command: Command) {
    let Command::Start { started, .. } = command;
    let _ = started.send(Err(Error::NotConnected));
}

fn why_ended(ended: Option<Result<Error, tokio::task::JoinError>>) -> Error {
    match ended {
        Some(Ok(error)) => error,
        // A task that panicked or was aborted leaves no better reason.
        Some(Err(_)) | None => Error::Closed,
    }
}

impl Link {
    /// Resumes monitors. One that the server refuses, or its schema has no place for, is
    /// set aside to be tried again; any other failure is the connection's.
    async fn resume(&mut self, feeds: Vec<Weak<Feed>>) -> Result<(), Error> {
        for feed in feeds {
            let Some(strong) = feed.upgrade() else {
                continue;
            };
            let Err(error) = self.start(&strong).await else {
                continue;
            };
            if !is_refusal(&error) {
                return Err(error);
            }
            warn!(
                db = strong.db(),
                error = &error as &dyn std::error::Error,
                "could not resume a monitor of {}; trying again",
                strong.db()
            );
            self.stalled.push(feed);
        }
        Ok(())
    }

    async fn start(&mut self, feed: &Arc<Feed>) -> Result<(), Error> {
        let schema = match self.schemas.get(feed.db()) {
            Some(schema) => Arc::clone(schema),
            None => Arc::new(self.session.get_schema(feed.db()).await?),
        };
        self.schemas
            .insert(feed.db().to_owned(), Arc::clone(&schema));
        feed.start(&self.session, &schema, &mut self.dialect).await
    }
}

fn is_refusal(error: &Error) -> bool {
    matches!(
        error,
        Error::Refused { .. }
            | Error::UnknownTable { .. }
            | Error::UnknownColumn { .. }
            | Error::NoConditions
    )
}
