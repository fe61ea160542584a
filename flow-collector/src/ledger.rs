//! The usage ledger: what was moved, per interval, in SQLite.
//!
//! One thread owns the connection that writes. It is handed [`Batch`]es: the amounts of an interval
//! and the counter readings these amounts include. Both go into **one** transaction, so a collector
//! that is killed goes on from readings that fit its amounts: what was not written yet is counted
//! again from the counters, and nothing twice. Amounts are absolute and keyed by (interval, host,
//! port, source): an interval that has ended is never touched again, and writing one twice changes
//! nothing. A batch that cannot be written is kept and tried again with the next.
//!
//! Reports read with a connection of their own ([`crate::report`]): a long one holds up nothing.

pub(crate) mod evidence;
mod rows;
mod schema;
pub(crate) mod split;

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use model::HostId;
use rusqlite::Connection;
use rustc_hash::FxHashMap;
use tokio::sync::{mpsc, oneshot};
use tracing::{error, info};

use crate::tally::evidence::{CounterRun, DatagramRun, Numbered, OfPort};
use crate::tally::split::Kept;
use crate::tally::{Batch, Entry, Heard, InterfaceId, Reading, Resume};
pub(crate) use rows::{Source, amount, bytes, counted, heard, id};
#[cfg(test)]
pub(crate) use schema::open as open_to_write;
pub(crate) use schema::open_to_read;

/// So much may wait for the disk; while it does, amounts gather in the tally and at the hosts.
const WAITING: usize = 64;

/// Why the ledger could not be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Its folder or lock file could not be made.
    #[error("could not prepare the folder of the usage ledger {}", path.display())]
    Prepare {
        /// The ledger.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another process writes it.
    #[error("the usage ledger {} is kept by another collector", .0.display())]
    Taken(PathBuf),
    /// A newer version of this program has changed its form.
    #[error("the usage ledger has form {found}, and this program knows none after {known}")]
    TooNew {
        /// Its form.
        found: i64,
        /// The newest known.
        known: i64,
    },
    /// It could not be opened or read.
    #[error("could not read the usage ledger")]
    Read(#[source] rusqlite::Error),
    /// It could not be written.
    #[error("could not write the usage ledger")]
    Write(#[source] rusqlite::Error),
    /// Its thread could not be started, has ended, or does not get on.
    #[error("the usage ledger does not answer")]
    Gone,
}

/// The way to the ledger's thread.
#[derive(Debug)]
pub(crate) struct Ledger {
    sender: mpsc::Sender<Job>,
    thread: JoinHandle<()>,
}

/// What the ledger's thread is asked to do. What waits together shares a transaction.
enum Job {
    Write(Write),
    Run(Work),
}

/// Work within the transaction; gives what is to be done once it is durable, or not.
type Work = Box<dyn FnOnce(&Connection) -> Told + Send>;
type Told = Box<dyn FnOnce(Durable) + Send>;

/// Whether a transaction is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Durable {
    Yes,
    No,
}

/// A batch, and who waits for it to be durable. If it could not be written, they hear nothing.
#[derive(Debug)]
struct Write {
    batch: Batch,
    waiting: Vec<oneshot::Sender<()>>,
}

/// A place in the queue of a ledger.
pub(crate) struct Place(mpsc::OwnedPermit<Job>);

/// Where others have something written. The ledger is open for as long as there is one.
#[derive(Clone, Debug)]
pub(crate) struct Desk(mpsc::Sender<Job>);

impl Desk {
    /// Does the work in the ledger's thread, all of it or nothing; answers when it is durable.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let (tell, told) = oneshot::channel();
        let work: Work = Box::new(move |connection| {
            let outcome = whole(connection, work).map_err(LedgerError::Write);
            Box::new(move |durable| {
                let outcome = match durable {
                    Durable::Yes => outcome,
                    Durable::No => Err(LedgerError::Gone),
                };
                // Who waited may have given up.
                let _ = tell.send(outcome);
            })
        });
        let sent = self.0.send(Job::Run(work)).await;
        sent.map_err(|_| LedgerError::Gone)?;
        told.await.unwrap_or(Err(LedgerError::Gone))
    }
}

/// All of the work or nothing, within a transaction that others share.
fn whole<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    connection.execute_batch("SAVEPOINT work")?;
    let outcome = work(connection);
    let end = match outcome {
        Ok(_) => "RELEASE work",
        Err(_) => "ROLLBACK TO work; RELEASE work",
    };
    connection.execute_batch(end)?;
    outcome
}

impl Ledger {
    /// Opens the ledger, which is made if it is not there, and tells where to go on.
    /// `interval_start` is of the present interval, in seconds since 1970. Blocks.
    pub(crate) fn open(path: &Path, interval_start: i64) -> Result<(Self, Resume), LedgerError> {
        let lock = lock(path)?;
        let mut connection = schema::open(path)?;
        let resume = rows::resume(&connection, interval_start).map_err(LedgerError::Read)?;
        let (sender, receiver) = mpsc::channel(WAITING);
        let thread = std::thread::Builder::new().name("usage-ledger".into());
        let thread = thread
            .spawn(move || {
                write_all(&mut connection, receiver);
                drop(lock);
            })
            .map_err(|_| LedgerError::Gone)?;
        info!(ledger = %path.display(), "keeping the usage ledger {}", path.display());
        Ok((Self { sender, thread }, resume))
    }

    /// Where others have something written.
    pub(crate) fn desk(&self) -> Desk {
        Desk(self.sender.clone())
    }

    /// Whether there is a place in the queue.
    pub(crate) fn has_place(&self) -> bool {
        self.sender.capacity() > 0
    }

    /// A place in the queue, as soon as there is one.
    pub(crate) fn wait_for_place(
        &self,
    ) -> impl Future<Output = Result<Place, LedgerError>> + use<> {
        let sender = self.sender.clone();
        async {
            let place = sender.reserve_owned().await;
            place.map(Place).map_err(|_| LedgerError::Gone)
        }
    }

    /// Writes what waits and closes the ledger.
    pub(crate) async fn close(self) -> Result<(), LedgerError> {
        drop(self.sender);
        let ended = tokio::task::spawn_blocking(|| self.thread.join()).await;
        match ended {
            Ok(Ok(())) => Ok(()),
            _ => Err(LedgerError::Gone),
        }
    }
}

impl Place {
    /// Has the batch written, and then tells those who wait for it.
    pub(crate) fn write(self, batch: Batch, waiting: Vec<oneshot::Sender<()>>) {
        self.0.send(Job::Write(Write { batch, waiting }));
    }
}

/// The lock lasts as long as the file is open: a killed collector leaves none behind.
fn lock(path: &Path) -> Result<File, LedgerError> {
    let prepare = |source| LedgerError::Prepare {
        path: path.to_owned(),
        source,
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(prepare)?;
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = File::create(PathBuf::from(name)).map_err(prepare)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LedgerError::Taken(path.to_owned())),
        Err(TryLockError::Error(source)) => Err(prepare(source)),
    }
}

/// What is not durable yet. Newer amounts and readings replace older ones.
#[derive(Debug, Default)]
struct Pending {
    entries: FxHashMap<(i64, HostId, model::PortId), Entry>,
    readings: FxHashMap<InterfaceId, Reading>,
    heard: FxHashMap<(i64, HostId), Heard>,
    counters: FxHashMap<(i64, OfPort, u32), Numbered<OfPort, CounterRun>>,
    datagrams: FxHashMap<(i64, HostId, u32), Numbered<HostId, DatagramRun>>,
    splits: FxHashMap<(i64, HostId, model::PortId), Kept>,
    /// When this run of the collector began, in milliseconds since 1970.
    begun: i64,
}

impl Pending {
    fn add(&mut self, batch: Batch) {
        for entry in batch.entries {
            let key = (entry.interval_start, entry.host, entry.port);
            self.entries.insert(key, entry);
        }
        self.readings.extend(batch.readings);
        let heard = batch.heard.into_iter();
        self.heard
            .extend(heard.map(|it| ((it.interval_start, it.host), it)));
        for kept in batch.splits {
            let key = (kept.interval_start, kept.host, kept.port);
            self.splits.insert(key, kept);
        }
        for run in batch.evidence.counters {
            let key = (run.interval_start, run.of, run.number);
            self.counters.insert(key, run);
        }
        for run in batch.evidence.datagrams {
            let key = (run.interval_start, run.of, run.number);
            self.datagrams.insert(key, run);
        }
    }
}

fn write_all(connection: &mut Connection, mut receiver: mpsc::Receiver<Job>) {
    let begun = model::Timestamp::now().unix_milliseconds();
    let nothing = || Pending {
        begun,
        ..Pending::default()
    };
    let mut pending = nothing();
    while let Some(first) = receiver.blocking_recv() {
        let waiting = std::iter::from_fn(|| receiver.try_recv().ok());
        let (mut writes, mut works) = (Vec::new(), Vec::new());
        for job in std::iter::once(first).chain(waiting.take(WAITING)) {
            match job {
                Job::Write(write) => {
                    pending.add(write.batch);
                    writes.extend(write.waiting);
                }
                Job::Run(work) => works.push(work),
            }
        }
        let (durable, told) = transact(connection, &pending, works);
        for told in told {
            told(durable);
        }
        if durable == Durable::No {
            continue;
        }
        pending = nothing();
        for done in writes {
            // Who waited may have given up.
            let _ = done.send(());
        }
    }
}

fn transact(
    connection: &mut Connection,
    pending: &Pending,
    works: Vec<Work>,
) -> (Durable, Vec<Told>) {
    let mut told = Vec::new();
    let written = connection.transaction().and_then(|transaction| {
        rows::write(&transaction, pending)?;
        told = works.into_iter().map(|work| work(&transaction)).collect();
        transaction.commit()
    });
    match written {
        Ok(()) => (Durable::Yes, told),
        Err(error) => {
            error!(%error, "could not write the usage ledger; it will be tried again");
            (Durable::No, told)
        }
    }
}

#[cfg(test)]
mod tests;
