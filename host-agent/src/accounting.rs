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

mod clock;
mod drops;
mod intervals;
mod journal;
mod series;
mod state;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use model::{Traffic, UsageBatch, UsageTaken};
use openflow::client::{Client, Error, Event, Events, Options};
use openflow::message::{AsyncConfig, FlowFilter, FlowUpdate, InstalledFlow};
use rustc_hash::FxHashSet;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{debug, warn};
use uuid::Uuid;

use crate::observe::INTEGRATION_BRIDGE;
use crate::pipeline::cookie::{MARK, MARK_MASK};
use crate::pipeline::counting::{Counted, TABLES};
use crate::status::Remarks;
use clock::{Moment, Watch, moment};
use drops::{Dropped, Drops};
use intervals::{Intervals, Span};
use journal::Journal;
use series::{Before, FlowName, Found, Grown, Lost, Series};
use state::{FlowState, MeterState, ReadAt, State};

/// How often flows are read: what a switch that dies takes with it is what moved in so long at most.
const READ_EVERY: Duration = Duration::from_secs(3);

/// The time of the last reading goes to disk so often, although nothing moved.
const KEEP_EVERY: Duration = Duration::from_secs(60);

/// The pause between attempts to reach a switch that is not there.
const RETRY: Duration = Duration::from_millis(100);

/// How long the start waits for a switch that does not answer.
const ARM_PATIENCE: Duration = Duration::from_secs(2);

/// Five minutes, until the controller says otherwise.
const INTERVAL_SECONDS: NonZeroU32 = NonZeroU32::new(300).unwrap();

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

/// The counting flows, and what limits dropped of what they counted.
type Reading = (Vec<InstalledFlow>, Vec<Dropped>);

/// The meters, as in the journal.
struct Books {
    journal: Arc<Mutex<Journal>>,
    epoch: Uuid,
    number: u64,
    series: Series,
    drops: Drops,
    intervals: Intervals,
    last: Option<ReadAt>,
    /// Whether there is something that is not on disk.
    changed: bool,
    kept_at: Instant,
}

/// Whether the switch told everything.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Heard {
    Whole,
    /// Something may have been missed.
    Gap,
}

impl Books {
    /// Goes on from what is on disk; where there is nothing to read, begins anew.
    fn open(folder: &Path, remarks: &Remarks) -> Self {
        let (journal, state) = Journal::load(folder);
        let state = state.unwrap_or_else(|error| {
            if error.kind() != std::io::ErrorKind::NotFound {
                warn!(%error, "could not read the meters; beginning anew");
                remarks.push(
                    "the meters on disk could not be read: what was moved since the last \
                     reading that the controller has is not counted"
                        .to_owned(),
                );
            }
            State::fresh(INTERVAL_SECONDS)
        });
        let flows = state.flows.into_iter().map(FlowState::into_live);
        let meters = state.meters.into_iter();
        let meters = meters.map(|it| (it.port, it.class, it.total));
        Self {
            journal: Arc::new(Mutex::new(journal)),
            epoch: state.epoch,
            number: state.batch,
            series: Series::resume(flows),
            drops: Drops::resume(state.drops),
            intervals: Intervals::resume(state.interval_seconds, meters, state.kept),
            last: state.read,
            changed: false,
            kept_at: Instant::now(),
        }
    }

    fn state(&self) -> State {
        let meters = self.intervals.meters();
        State {
            epoch: self.epoch,
            batch: self.number + 1,
            interval_seconds: self.intervals.length(),
            read: self.last.clone(),
            flows: self
                .series
                .live()
                .map(|(name, it)| FlowState::new(name, it))
                .collect(),
            drops: self.drops.state(),
            meters: meters
                .map(|(port, class, total)| MeterState { port, class, total })
                .collect(),
            kept: self.intervals.kept().cloned().collect(),
        }
    }

    /// What to tell the controller, now that all of it is on disk.
    fn offer(&mut self) -> Option<UsageBatch> {
        self.changed = false;
        self.kept_at = Instant::now();
        self.number += 1;
        self.intervals.offer(self.epoch, self.number)
    }

    /// There is no switch yet: a series that begins now knows all of its flows.
    fn begin_before_the_switch(&mut self) {
        if self.last.is_some() {
            return;
        }
        self.last = moment().map(|now| ReadAt {
            calendar: now.calendar,
            uptime: now.uptime,
            boot: now.boot,
        });
    }

    /// The first reading of a connection.
    fn begin(&mut self, (found, dropped): Reading, remarks: &Remarks) {
        let Some(now) = moment() else { return };
        let before = match self.last {
            Some(_) => Before::Known,
            None => Before::Unknown,
        };
        self.forget_other_boots(&now);
        let found = counting(found, &now);
        match before {
            Before::Known => self.drops.read(dropped),
            Before::Unknown => self.drops.begin(dropped),
        }
        let (grown, lost) = self.series.begin(found, before);
        self.note(&lost, &now, remarks);
        self.add(grown, now);
    }

    /// Ages of flows say nothing across runs of the host; all of them began anew.
    fn forget_other_boots(&mut self, now: &Moment) {
        if self.last.as_ref().is_some_and(|last| last.boot != now.boot) {
            self.drops.forget();
            let live: Vec<_> = self
                .series
                .live()
                .map(|(name, it)| (name.clone(), *it))
                .collect();
            // Born in the future: no flow that is found can be one of these.
            let gone = live.into_iter().map(|(name, it)| {
                let born = Some(u64::MAX);
                (name, series::Live { born, ..it })
            });
            self.series = Series::resume(gone);
        }
    }

    /// A further reading of the connection, and what was told while it was taken.
    fn read(&mut self, (found, dropped): Reading, meanwhile: &[Event]) {
        let Some(now) = moment() else { return };
        let moving: FxHashSet<FlowName> = meanwhile.iter().filter_map(flow_of).collect();
        let mut found = counting(found, &now);
        found.retain(|found| !moving.contains(&found.name));
        self.drops.read(dropped);
        let grown = self.series.read(found);
        self.add(grown, now);
    }

    /// What the switch tells unasked.
    fn heard(&mut self, event: Event) -> Heard {
        match event {
            Event::FlowsChanged(FlowUpdate::Added(flow)) => {
                if let Some(counted) = Counted::of(&flow) {
                    let name = FlowName::new(flow.table, flow.priority, &flow.matching);
                    self.series.added(name, counted);
                }
            }
            Event::FlowsChanged(FlowUpdate::Removed(flow, _)) => {
                let name = FlowName::new(flow.table, flow.priority, &flow.matching);
                self.series.removed(&name);
            }
            Event::FlowRemoved(gone) => {
                let name = FlowName::new(gone.table, gone.priority, &gone.matching);
                let counts = Traffic {
                    bytes: gone.bytes,
                    packets: gone.packets,
                };
                let grown = self.series.last_counts(&name, counts);
                if let (Some(mut grown), Some(now)) = (grown, moment()) {
                    self.drops.take_off(std::slice::from_mut(&mut grown));
                    let over = self.since_last(&now);
                    self.intervals.add_last_counts(&grown, over);
                    self.changed = true;
                }
            }
            Event::MonitorOverflow | Event::FlowsChanged(FlowUpdate::Paused) => return Heard::Gap,
            Event::FlowsChanged(_) | Event::PacketIn(_) | Event::PortStatus(_) => {}
        }
        Heard::Whole
    }

    /// Whether something changed since it was last on disk, or that was long ago.
    fn worth_keeping(&self) -> bool {
        self.changed || self.kept_at.elapsed() > KEEP_EVERY
    }

    fn add(&mut self, mut grown: Vec<Grown>, now: Moment) {
        self.drops.take_off(&mut grown);
        let over = self.since_last(&now);
        self.changed |= !grown.is_empty();
        for grown in &grown {
            self.intervals.add(grown, over);
        }
        self.last = Some(ReadAt {
            calendar: over.to,
            uptime: now.uptime,
            boot: now.boot,
        });
    }

    /// The span since the last reading. It never ends before the last one did: what was told of an
    /// interval that is over stays as it is, should the clock be set back.
    fn since_last(&self, now: &Moment) -> Span {
        let Some(last) = &self.last else {
            let to = now.calendar;
            return Span { from: to, to };
        };
        let to = now.calendar.max(last.calendar);
        let from = match last.boot == now.boot {
            true => {
                let elapsed = now.uptime.saturating_sub(last.uptime);
                to.saturating_sub(i64::try_from(elapsed).unwrap_or(i64::MAX))
            }
            false => last.calendar,
        };
        Span {
            from: from.clamp(last.calendar.min(to), to),
            to,
        }
    }

    /// Notes in the records of ports what nobody read, and tells operators.
    fn note(&mut self, lost: &[Lost], now: &Moment, remarks: &Remarks) {
        let Some(last) = self.last.clone().filter(|_| !lost.is_empty()) else {
            return;
        };
        let mut longest = 0;
        for lost in lost {
            let seconds = unread_seconds(&last, now, lost);
            longest = longest.max(seconds);
            let (port, class) = (lost.counted.port, lost.counted.class);
            let calendar = now.calendar.max(last.calendar);
            self.intervals.unread(port, class, seconds, calendar);
        }
        remarks.push(format!(
            "the switch lost the counters of {} flows: what ports moved in at most {longest} seconds \
             before is not counted",
            lost.len()
        ));
    }

    fn taken(&mut self, taken: &UsageTaken, remarks: &Remarks) {
        let now = model::Timestamp::now().unix_milliseconds();
        let given_up = self.intervals.taken(taken, now);
        if given_up > 0 {
            remarks.push(format!(
                "the ledger refused {given_up} records for an hour; they are lost"
            ));
        }
        let gone = self.intervals.tidy(now);
        if gone > 0 {
            remarks.push(format!(
                "there was no room for {gone} records of usage; they are lost"
            ));
        }
        let series = &self.series;
        self.intervals
            .forget_meters(|port| series.live().any(|(_, live)| live.counted.port == port));
    }
}

/// The flow that an event is about, if it is about one.
fn flow_of(event: &Event) -> Option<FlowName> {
    match event {
        Event::FlowsChanged(FlowUpdate::Added(flow) | FlowUpdate::Removed(flow, _)) => {
            Some(FlowName::new(flow.table, flow.priority, &flow.matching))
        }
        _ => None,
    }
}

fn counting(found: Vec<InstalledFlow>, now: &Moment) -> Vec<Found> {
    let counting = found.into_iter().filter_map(|it| {
        let age = u64::try_from(it.duration.as_millis()).unwrap_or(u64::MAX);
        Some(Found {
            name: FlowName::new(it.flow.table, it.flow.priority, &it.flow.matching),
            counted: Counted::of(&it.flow)?,
            born: now.uptime.saturating_sub(age),
            counts: Traffic {
                bytes: it.bytes,
                packets: it.packets,
            },
        })
    });
    counting.collect()
}

/// How long at most a lost flow went on counting after it was last read, in seconds.
fn unread_seconds(last: &ReadAt, now: &Moment, lost: &Lost) -> u32 {
    let milliseconds = match last.boot == now.boot {
        true => {
            let end = lost.replaced.unwrap_or(now.uptime).min(now.uptime);
            end.saturating_sub(last.uptime)
        }
        false => (now.calendar - last.calendar).max(0).unsigned_abs(),
    };
    u32::try_from(milliseconds.div_ceil(1000))
        .unwrap_or(u32::MAX)
        .max(1)
}
