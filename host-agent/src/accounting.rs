//! Accounting: what each port of this host moved, by the counting flows of the pipeline, told to the
//! controller until it is in the ledger.
//!
//! ```text
//!   br-int --flow counts, every 3 s; last counts of flows that go--> series --grown by--> intervals
//!                                                                                           |
//!   session <--batch, again until it is taken-- offer <-- journal, on disk first <----------+
//! ```
//!
//! **What is exact.** Every frame that passed a counting flow is counted once, whatever becomes of the
//! flow, the port, this agent, the controller or the session between them. Lost is what passed between
//! the last reading and the end of a switch that died, at most a few seconds; the record of the
//! interval says how many.
//!
//! **Bytes** are those of the frame, from the Ethernet header on, without FCS. What came from another host
//! over a VLAN has lost its tag when its connection was looked up, for the switch measures it again then;
//! what belongs to none still has its four bytes.
//!
//! The task has a connection of its own: it must hear every flow's last counts, and nothing shall wait
//! for it. It must be connected before flows are changed; see [`Accounting::armed`].

mod books;
mod clock;
mod drops;
mod intervals;
mod journal;
mod series;
mod state;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use model::{UsageBatch, UsageTaken};
use openflow::client::{Client, Error, Event, Events, Options};
use openflow::message::{AsyncConfig, FlowFilter, InstalledFlow};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{debug, warn};

use crate::observe::INTEGRATION_BRIDGE;
use crate::pipeline::cookie::{MARK, MARK_MASK};
use crate::pipeline::counting::TABLES;
use crate::status::Remarks;
use books::{Books, Heard};
use clock::{Watch, moment};

/// How often flows are read: what a switch that dies takes with it is what moved in so long at most.
const READ_EVERY: Duration = Duration::from_secs(3);

/// The pause between attempts to reach a switch that is not there.
const RETRY: Duration = Duration::from_millis(100);

/// How long the start waits for a switch that does not answer.
const ARM_PATIENCE: Duration = Duration::from_secs(2);

/// Last counts come in bursts: a network that goes takes its flows with it.
const EVENTS: usize = 1 << 16;

/// What the switch shall tell us of: flows that go, whyever.
const TOLD: AsyncConfig = AsyncConfig {
    packet_in: 0,
    port_status: 0,
    flow_removed: 0b11_1111,
};

/// What the session tells.
#[derive(Debug)]
pub enum Said {
    /// How long the ledger's intervals are, in seconds.
    Interval(NonZeroU32),
    /// A batch is in the ledger.
    Taken(UsageTaken),
}

/// The session's end.
#[derive(Clone, Debug)]
pub struct Usage {
    /// What is to be told; none when the ledger has everything.
    pub batch: watch::Receiver<Option<Arc<UsageBatch>>>,
    /// Where what the controller says of it goes.
    pub said: mpsc::Sender<Said>,
}

/// The running task, as its starter sees it.
pub struct Accounting {
    task: tokio::task::JoinHandle<()>,
    armed: watch::Receiver<bool>,
}

impl Accounting {
    /// Starts to count, going on from what is on disk.
    #[must_use]
    pub fn start(run_directory: &Path, state: &Path, remarks: Remarks) -> (Self, Usage) {
        let (batch, batches) = watch::channel(None);
        let (said, heard) = mpsc::channel(64);
        let socket = run_directory.join(format!("{INTEGRATION_BRIDGE}.mgmt"));
        let mut books = Books::open(state, &remarks);
        // Without a bridge there are no flows to hear the last counts of, and all that come are new.
        let there = socket.exists();
        if !there {
            books.begin_before_the_switch();
        }
        let (arm, armed) = watch::channel(!there);
        let accountant = Accountant {
            socket,
            books,
            clock: Watch::default(),
            batch,
            heard,
            arm,
            remarks,
        };
        let task = tokio::spawn(accountant.run());
        let usage = Usage {
            batch: batches,
            said,
        };
        (Self { task, armed }, usage)
    }

    /// Waits until last counts are heard, if there is a switch; not for ever, should it not answer.
    pub async fn armed(&mut self) {
        let armed = self.armed.wait_for(|armed| *armed);
        let _late = timeout(ARM_PATIENCE, armed).await;
    }

    /// Waits for the end, which only a panic is.
    ///
    /// # Errors
    /// The panic.
    pub async fn ended(&mut self) -> Result<(), tokio::task::JoinError> {
        (&mut self.task).await
    }
}

/// The task's state.
struct Accountant {
    socket: PathBuf,
    books: Books,
    clock: Watch,
    batch: watch::Sender<Option<Arc<UsageBatch>>>,
    heard: mpsc::Receiver<Said>,
    arm: watch::Sender<bool>,
    remarks: Remarks,
}

impl Accountant {
    async fn run(mut self) {
        self.publish().await;
        loop {
            if let Err(error) = self.watch().await {
                debug!("{:#}", anyhow::Error::from(error));
            }
            let until = Instant::now() + RETRY;
            while let Ok(said) = tokio::time::timeout_at(until, self.heard.recv()).await {
                match said {
                    Some(said) => self.take(said).await,
                    // Without a session nobody says anything more.
                    None => sleep_until(until).await,
                }
            }
        }
    }

    /// Reads until the connection is gone, or may have lost something.
    async fn watch(&mut self) -> Result<(), Error> {
        let options = Options {
            event_queue: EVENTS,
            ..Options::default()
        };
        let client = Client::connect(self.socket.clone(), options).await?;
        let mut events = client.events();
        client.subscribe(TOLD).await?;
        client.watch_flows().await?;
        let found = read(&client).await?;
        let dropped = drops::read(&client).await?;
        // What was told until the reading came is in it already.
        drop(waiting(&mut events));
        self.books.begin((found, dropped), &self.remarks);
        self.arm.send_replace(true);
        self.publish().await;
        let mut read_at = next_reading();
        loop {
            tokio::select! {
                event = events.next() => match event {
                    Some(event) => self.hear(event)?,
                    None => return Ok(()),
                },
                Some(said) = self.heard.recv() => self.take(said).await,
                () = sleep_until(read_at) => {
                    self.reading(&client, &mut events).await?;
                    read_at = next_reading();
                }
            }
        }
    }

    async fn reading(&mut self, client: &Client, events: &mut Events) -> Result<(), Error> {
        if let Some(set) = moment().and_then(|now| self.clock.look(now)) {
            self.remarks.push(set);
        }
        for event in waiting(events) {
            self.hear(event)?;
        }
        let found = read(client).await?;
        let dropped = drops::read(client).await?;
        // Whether these happened before or after the reading was taken, nobody can tell: the next
        // one says more of the flows they are about.
        let meanwhile = waiting(events);
        self.books.read((found, dropped), &meanwhile);
        for event in meanwhile {
            self.hear(event)?;
        }
        if self.books.worth_keeping() {
            self.publish().await;
        }
        Ok(())
    }

    fn hear(&mut self, event: Event) -> Result<(), Error> {
        match self.books.heard(event) {
            Heard::Whole => Ok(()),
            // A new connection begins with a reading that nothing is missing from.
            Heard::Gap => Err(Error::WrongAnswer),
        }
    }

    async fn take(&mut self, said: Said) {
        match said {
            Said::Interval(length) => self.books.intervals.set_length(length),
            Said::Taken(taken) => {
                self.books.taken(&taken, &self.remarks);
                self.publish().await;
            }
        }
    }

    /// Offers what the ledger has not, once it is on disk.
    async fn publish(&mut self) {
        let state = self.books.state();
        let journal = self.books.journal.clone();
        let saving = tokio::task::spawn_blocking(move || {
            // Whoever panicked with it has left it to be written anew.
            let mut journal = journal.lock().unwrap_or_else(PoisonError::into_inner);
            journal.save(state)
        });
        match saving.await {
            Ok(Ok(())) => {
                let batch = self.books.offer();
                self.batch.send_replace(batch.map(Arc::new));
            }
            Ok(Err(error)) => warn!(%error, "could not keep the meters; trying again"),
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }
}

/// All counting flows.
async fn read(client: &Client) -> Result<Vec<InstalledFlow>, Error> {
    let mut found = Vec::new();
    for table in TABLES {
        let filter = FlowFilter {
            table: Some(table),
            ..FlowFilter::cookie(MARK, MARK_MASK)
        };
        found.extend(client.flows(filter).await?);
    }
    Ok(found)
}

/// The events that have come.
fn waiting(events: &mut Events) -> Vec<Event> {
    let mut waiting = Vec::new();
    while let Some(Some(event)) = events.next().now_or_never() {
        waiting.push(event);
    }
    waiting
}

/// On the same seconds of every minute, so that intervals begin with a reading.
fn next_reading() -> Instant {
    let every = i64::try_from(READ_EVERY.as_millis()).unwrap_or(i64::MAX);
    let past = model::Timestamp::now()
        .unix_milliseconds()
        .rem_euclid(every);
    Instant::now() + Duration::from_millis((every - past).unsigned_abs())
}
