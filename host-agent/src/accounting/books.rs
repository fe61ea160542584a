//! The meters as they are kept: series of flows, intervals of ports, and what goes to disk of both.

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use model::{Traffic, UsageBatch, UsageTaken};
use openflow::client::Event;
use openflow::message::{FlowUpdate, InstalledFlow};
use rustc_hash::FxHashSet;
use tokio::time::Instant;
use tracing::warn;
use uuid::Uuid;

use super::clock::{Moment, moment};
use super::drops::{Dropped, Drops};
use super::intervals::{Intervals, Span};
use super::journal::Journal;
use super::series::{self, Before, FlowName, Found, Grown, Lost, Series};
use super::state::{FlowState, MeterState, ReadAt, State};
use crate::pipeline::counting::Counted;
use crate::status::Remarks;

/// The time of the last reading goes to disk so often, although nothing moved.
const KEEP_EVERY: Duration = Duration::from_secs(60);

/// Five minutes, until the controller says otherwise.
const INTERVAL_SECONDS: NonZeroU32 = NonZeroU32::new(300).unwrap();

/// The counting flows, and what limits dropped of what they counted.
pub(super) type Reading = (Vec<InstalledFlow>, Vec<Dropped>);

/// The meters, as in the journal.
pub(super) struct Books {
    pub(super) journal: Arc<Mutex<Journal>>,
    epoch: Uuid,
    number: u64,
    series: Series,
    drops: Drops,
    pub(super) intervals: Intervals,
    last: Option<ReadAt>,
    /// Whether there is something that is not on disk.
    changed: bool,
    kept_at: Instant,
}

/// Whether the switch told everything.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    Whole,
    /// Something may have been missed.
    Gap,
}

impl Books {
    /// Goes on from what is on disk; where there is nothing to read, begins anew.
    pub(super) fn open(folder: &Path, remarks: &Remarks) -> Self {
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

    pub(super) fn state(&self) -> State {
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
    pub(super) fn offer(&mut self) -> Option<UsageBatch> {
        self.changed = false;
        self.kept_at = Instant::now();
        self.number += 1;
        self.intervals.offer(self.epoch, self.number)
    }

    /// There is no switch yet: a series that begins now knows all of its flows.
    pub(super) fn begin_before_the_switch(&mut self) {
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
    pub(super) fn begin(&mut self, (found, dropped): Reading, remarks: &Remarks) {
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
    pub(super) fn read(&mut self, (found, dropped): Reading, meanwhile: &[Event]) {
        let Some(now) = moment() else { return };
        let moving: FxHashSet<FlowName> = meanwhile.iter().filter_map(flow_of).collect();
        let mut found = counting(found, &now);
        found.retain(|found| !moving.contains(&found.name));
        self.drops.read(dropped);
        let grown = self.series.read(found);
        self.add(grown, now);
    }

    /// What the switch tells unasked.
    pub(super) fn heard(&mut self, event: Event) -> Heard {
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
    pub(super) fn worth_keeping(&self) -> bool {
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

    pub(super) fn taken(&mut self, taken: &UsageTaken, remarks: &Remarks) {
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
