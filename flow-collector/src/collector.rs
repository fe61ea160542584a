//! The collector as a whole: sockets -> meters -> worker -> ledger.
//!
//! ```text
//! UDP sockets --receive: a thread each--> meters: attribute, tally --worker: batches--> ledger thread --> SQLite
//!                                            ^                                                              |
//!                                        inventory                                      report: its own connection
//!
//! agents --session, in the controller--> account: checked, acknowledged when durable --ledger thread--^
//! ```

mod answers;

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use model::{
    CollectorStatistics, HostId, Inventory, MeterFinding, RelayedSamples, SampleWay, Timestamp,
    UsageBatch, UsageTaken,
};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::task::AbortOnDropHandle;

use crate::ledger::{Desk, Ledger, LedgerError};
use crate::meters::{Detail, Meters};
use crate::receive::{Receivers, Sockets};
use crate::upkeep::Upkeep;
use crate::worker::{Flush, Worker};
use crate::{account, check};

/// How long a report waits for the newest amounts to be durable.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(10);

/// So many findings may wait for whoever hears them; the ledger has them all.
const FINDINGS: usize = 256;

/// What a collector needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen for sFlow, usually on UDP port 6343.
    pub listen: SocketAddr,
    /// The file of the usage ledger; it and its folder are made if they are not there.
    pub ledger: PathBuf,
    /// How long an interval of the ledger is, in seconds.
    pub interval_seconds: NonZeroU32,
    /// What is done to it without being asked.
    pub upkeep: Upkeep,
    /// Which way samples come; what comes another way is not believed.
    pub way: SampleWay,
}

impl Config {
    /// Five minutes, as bills have it.
    pub const DEFAULT_INTERVAL_SECONDS: NonZeroU32 = NonZeroU32::new(300).unwrap();
}

/// Why a collector could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The socket could not be opened.
    #[error("could not listen for sFlow on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The ledger could not be opened.
    #[error("could not open the usage ledger")]
    Ledger(#[source] LedgerError),
}

/// A running collector. When it is dropped it stops by itself, and writes what it has.
#[derive(Debug)]
pub struct Collector {
    sockets: Arc<Sockets>,
    meters: Arc<Meters>,
    ledger: PathBuf,
    interval_seconds: NonZeroU32,
    way: SampleWay,
    desk: Desk,
    /// What goes on by itself, and holds the ledger open.
    by_itself: [AbortOnDropHandle<()>; 3],
    findings: broadcast::Sender<MeterFinding>,
    flush: mpsc::Sender<Flush>,
    worker: JoinHandle<Result<(), LedgerError>>,
}

impl Collector {
    /// Starts to listen. Samples are attributed by the newest inventory.
    ///
    /// # Errors
    ///
    /// When the socket cannot be bound, or the ledger cannot be opened, is kept by another collector
    /// or was written by a newer version.
    pub async fn start(
        config: Config,
        inventory: watch::Receiver<Arc<Inventory>>,
    ) -> Result<Self, StartError> {
        let listen_error = |source| StartError::Listen {
            address: config.listen,
            source,
        };
        let sockets = Arc::new(Sockets::bind(config.listen).map_err(listen_error)?);
        let path = config.ledger.clone();
        let interval_start = interval_start(Timestamp::now(), config.interval_seconds);
        let opened = tokio::task::spawn_blocking(move || Ledger::open(&path, interval_start));
        let (ledger, resume) = opened
            .await
            .unwrap_or(Err(LedgerError::Gone))
            .map_err(StartError::Ledger)?;

        let desk = ledger.desk();
        let (findings, _) = broadcast::channel(FINDINGS);
        let by_itself = [
            tokio::spawn(account::learn(desk.clone(), inventory.clone())),
            tokio::spawn(config.upkeep.run(desk.clone())),
            tokio::spawn(check::run(
                desk.clone(),
                config.interval_seconds,
                findings.clone(),
            )),
        ];
        let meters = Meters::resume(resume, config.interval_seconds, inventory);
        let meters = Arc::new(meters.by(config.way));
        let receivers = Receivers::start(&sockets, &meters).map_err(listen_error)?;
        let worker = Worker {
            ledger,
            meters: meters.clone(),
            receivers,
        };
        let (flush, requests) = mpsc::channel(1);
        Ok(Self {
            sockets,
            meters,
            ledger: config.ledger,
            interval_seconds: config.interval_seconds,
            way: config.way,
            desk,
            by_itself: by_itself.map(AbortOnDropHandle::new),
            findings,
            flush,
            worker: tokio::spawn(worker.run(requests)),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.sockets.address()
    }

    /// Puts what a host reports of its ports into the ledger. The host must be who it says: its
    /// ports, and no other's, are what it may report of. When this answers, it is durable.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be written.
    pub async fn account(
        &self,
        host: HostId,
        batch: UsageBatch,
    ) -> Result<UsageTaken, LedgerError> {
        account::take(&self.desk, host, batch).await
    }

    /// Takes what a host's agent hands on. The host must be who it says.
    pub fn relayed(&self, host: HostId, samples: &RelayedSamples) {
        if self.way == SampleWay::Session {
            self.meters.take_relayed(host, samples);
        }
    }

    /// How long an interval of the ledger is, in seconds.
    #[must_use]
    pub const fn interval_seconds(&self) -> NonZeroU32 {
        self.interval_seconds
    }

    /// What it saw and what it could not use, since it started.
    #[must_use]
    pub fn statistics(&self) -> CollectorStatistics {
        // A kernel that does not tell is no reason to hide the rest.
        let dropped_by_kernel = self.sockets.dropped_by_kernel().unwrap_or_default();
        self.meters.counts.statistics(dropped_by_kernel)
    }

    /// Hears where meters disagree, from now on.
    #[must_use]
    pub fn findings(&self) -> broadcast::Receiver<MeterFinding> {
        self.findings.subscribe()
    }

    /// Stops to listen, takes what has come, and writes everything.
    ///
    /// # Errors
    ///
    /// When the ledger does not answer.
    pub async fn stop(self) -> Result<(), LedgerError> {
        for it in self.by_itself {
            it.abort();
            let _aborted = it.await;
        }
        drop(self.desk);
        drop(self.flush);
        self.worker.await.unwrap_or(Err(LedgerError::Gone))
    }

    /// Waits until all that the worker has taken is durable.
    async fn flush(&self, detail: Detail) -> Result<(), LedgerError> {
        let flushed = async {
            let (done, written) = oneshot::channel();
            self.flush.send((detail, done)).await.ok()?;
            written.await.ok()
        };
        let flushed = tokio::time::timeout(FLUSH_TIMEOUT, flushed).await;
        flushed.ok().flatten().ok_or(LedgerError::Gone)
    }
}

/// The start of the interval that a moment lies in, in seconds since 1970.
pub(crate) fn interval_start(moment: Timestamp, interval_seconds: NonZeroU32) -> i64 {
    let interval = i64::from(interval_seconds.get());
    moment.unix_seconds().div_euclid(interval) * interval
}
