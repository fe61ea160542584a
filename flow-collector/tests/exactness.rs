//! Whatever the network, the agent and crashes of the collector do: what is counted is what moved.
#![expect(clippy::unwrap_used, reason = "a broken simulation fails its test")]

#[path = "support/agent.rs"]
mod agent;

use std::collections::HashMap;

use agent::{Counters, counters, datagram, flow, host, inventory, vif};
use flow_collector::attribute::Attribution;
use flow_collector::tally::{Batch, Resume, Tally};
use model::{Inventory, Traffic};
use proptest::prelude::*;
use sflow::Datagram;

const HOST: &str = "192.0.2.1";
const IF_INDEX: u32 = 7;
const RATE: u32 = 64;
const FRAME: u32 = 1000;
/// When everything starts, in milliseconds since 1970: not at a full second.
const START: i64 = 1_000_000_400;

/// An agent that runs for so long, in milliseconds, is told apart from the next by its start.
const LONG_LIFE: i64 = 4000;

/// What happens next on the host, in the network or to the collector.
#[derive(Clone, Debug)]
enum Step {
    /// Time passes, in milliseconds.
    Wait(i64),
    /// The VIF sends and receives so much.
    Move(u32, u32),
    /// The agent reports, and the network does this with the datagram.
    Report(Fate),
    /// The agent starts anew, after having run for so long at least, in milliseconds.
    RestartAgent,
    /// The VIF is made anew under the same ifIndex: its counters begin at zero.
    RemakeVif,
    /// The collector writes what it has.
    Checkpoint,
    /// The collector is killed and started.
    Crash,
    /// The interval ends.
    NextInterval,
}

/// What the network does with a datagram; times in milliseconds.
#[derive(Clone, Debug)]
enum Fate {
    Lost,
    Delivered(i64),
    Twice(i64, i64),
}

impl Fate {
    fn delays(&self) -> Vec<i64> {
        match *self {
            Self::Lost => Vec::new(),
            Self::Delivered(delay) => vec![delay],
            Self::Twice(first, second) => vec![first, second],
        }
    }
}

/// What reaches the collector.
enum Event {
    Datagram(Vec<u8>),
    Checkpoint,
    Crash,
    NextInterval,
}

/// The host: what its interface counted and its agent said.
struct Host {
    now: i64,
    agent_started: i64,
    sequence: u32,
    counters: Counters,
    /// All that ever moved.
    moved: Counters,
    /// Flow samples that reached the collector at least once.
    sampled: u64,
    events: Vec<(i64, Event)>,
    /// How long an agent runs before it is started anew, in milliseconds.
    agent_lives: i64,
}

impl Host {
    fn run(steps: &[Step], agent_lives: i64) -> Self {
        let mut host = Self {
            now: START,
            agent_started: START,
            sequence: 0,
            counters: Counters::default(),
            moved: Counters::default(),
            sampled: 0,
            events: Vec::new(),
            agent_lives,
        };
        // The collector knows the first agent.
        host.report(&Fate::Delivered(0));
        for step in steps {
            host.step(step);
        }
        host.report_at_last();
        host.events.sort_by_key(|(at, _)| *at);
        host
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Wait(time) => self.now += time,
            Step::Move(sent, received) => {
                add(&mut self.counters, *sent, *received);
                add(&mut self.moved, *sent, *received);
            }
            Step::Report(fate) => self.report(fate),
            Step::RestartAgent => self.restart_agent(),
            Step::RemakeVif => self.remake(),
            Step::Checkpoint => self.events.push((self.now, Event::Checkpoint)),
            Step::Crash => self.events.push((self.now, Event::Crash)),
            Step::NextInterval => self.events.push((self.now, Event::NextInterval)),
        }
    }

    /// Where agents live long, the last datagram of the old one arrives after the first of the new:
    /// its sample is lost.
    fn restart_agent(&mut self) {
        self.now += self.agent_lives;
        let overlap = self.agent_lives >= LONG_LIFE;
        if overlap {
            self.report(&Fate::Delivered(500));
            self.sampled -= 1;
        }
        self.agent_started = self.now;
        self.sequence = 0;
        if overlap {
            self.now += 200;
            self.report(&Fate::Delivered(0));
        }
    }

    fn report(&mut self, fate: &Fate) {
        self.sequence += 1;
        // Whole seconds on both sides, as in Open vSwitch.
        let uptime = (self.now / 1000 - self.agent_started / 1000) * 1000;
        let samples = [
            counters(IF_INDEX, self.counters),
            flow(IF_INDEX, RATE, FRAME),
        ];
        let bytes = datagram(self.sequence, u32::try_from(uptime).unwrap(), &samples);
        self.sampled += u64::from(!fate.delays().is_empty());
        for delay in fate.delays() {
            let event = Event::Datagram(bytes.clone());
            self.events.push((self.now + delay, event));
        }
    }

    /// The old interface's last counters arrive, and the new one's first are smaller: otherwise
    /// nobody can tell.
    fn remake(&mut self) {
        self.step(&Step::Move(1000, 1000));
        self.settle();
        self.counters = Counters::default();
        self.step(&Step::Move(10, 10));
        self.settle();
    }

    /// Reports until the sequence is ahead of all that came before.
    fn settle(&mut self) {
        for _ in 0..70 {
            self.now += 600;
            self.report(&Fate::Delivered(0));
        }
    }

    fn report_at_last(&mut self) {
        self.now += 1000;
        self.settle();
    }
}

fn add(counters: &mut Counters, sent: u32, received: u32) {
    counters.sent_bytes += u64::from(sent);
    counters.sent_packets += sent % 1000;
    counters.received_bytes += u64::from(received);
    counters.received_packets += received % 1000;
}

/// What is on the collector's disk: the ledger, without SQLite.
#[derive(Default)]
struct Disk {
    entries: HashMap<(i64, model::PortId), flow_collector::tally::Entry>,
    readings: HashMap<flow_collector::tally::InterfaceId, flow_collector::tally::Reading>,
}

impl Disk {
    fn write(&mut self, batch: Batch) {
        for entry in batch.entries {
            self.entries
                .insert((entry.interval_start, entry.port), entry);
        }
        self.readings.extend(batch.readings);
    }

    fn resume(&self, interval_start: i64) -> Tally {
        let entries = self.entries.values().copied();
        Tally::resume(Resume {
            begun: 0,
            interval_start,
            entries: entries
                .filter(|entry| entry.interval_start == interval_start)
                .collect(),
            readings: self
                .readings
                .iter()
                .map(|(id, reading)| (*id, *reading))
                .collect(),
            ..Resume::default()
        })
    }
}

/// What the collector makes of it: sent and received as counted, and the number of samples.
fn collect(host: Host, inventory: &Inventory) -> (Traffic, Traffic, u64) {
    let attribution = Attribution::from(inventory);
    let sender = attribution.sender(HOST.parse().unwrap()).unwrap();
    let mut disk = Disk::default();
    let mut interval = 0;
    let mut tally = disk.resume(interval);
    for (arrived, event) in host.events {
        match event {
            Event::Datagram(bytes) => {
                tally.take(sender, &Datagram::decode(&bytes).unwrap(), arrived);
            }
            Event::Checkpoint => disk.write(tally.batch()),
            Event::Crash => tally = disk.resume(interval),
            Event::NextInterval => {
                interval += 300;
                tally.begin(interval);
            }
        }
    }
    disk.write(tally.batch());
    let (mut sent, mut received, mut samples) = (Traffic::default(), Traffic::default(), 0);
    for entry in disk.entries.values() {
        let amounts = entry.amounts;
        for (sum, more) in [
            (&mut sent, amounts.counted.sent),
            (&mut received, amounts.counted.received),
        ] {
            sum.bytes += more.bytes;
            sum.packets += more.packets;
        }
        assert_eq!(
            amounts.sent_estimate.bytes,
            amounts.samples * u64::from(RATE * FRAME)
        );
        samples += amounts.samples;
    }
    (sent, received, samples)
}

fn check(steps: &[Step], agent_lives: i64) -> Result<(), TestCaseError> {
    let inventory = inventory(vec![host(HOST, vec![vif(IF_INDEX, 1)])]);
    let crashes = steps.iter().any(|step| matches!(step, Step::Crash));
    let rushes = agent_lives < LONG_LIFE;
    let world = Host::run(steps, agent_lives);
    let (moved, sampled) = (world.moved, world.sampled);
    let (sent, received, samples) = collect(world, &inventory);
    prop_assert_eq!(sent.bytes, moved.sent_bytes);
    prop_assert_eq!(sent.packets, u64::from(moved.sent_packets));
    prop_assert_eq!(received.bytes, moved.received_bytes);
    prop_assert_eq!(received.packets, u64::from(moved.received_packets));
    if !crashes && !rushes {
        prop_assert_eq!(samples, sampled);
    }
    Ok(())
}

fn fate(delay: i64) -> impl Strategy<Value = Fate> {
    prop_oneof![
        1 => Just(Fate::Lost),
        4 => (0..=delay).prop_map(Fate::Delivered),
        2 => (0..=delay, 0..=delay).prop_map(|(first, second)| Fate::Twice(first, second)),
    ]
}

fn step(delay: i64) -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0i64..3000).prop_map(Step::Wait),
        4 => (0u32..100_000, 0u32..100_000).prop_map(|(sent, received)| Step::Move(sent, received)),
        8 => fate(delay).prop_map(Step::Report),
        1 => Just(Step::RestartAgent),
        2 => Just(Step::Checkpoint),
        1 => Just(Step::NextInterval),
    ]
}

fn steps(step: impl Strategy<Value = Step>) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step, 1..60)
}

proptest! {
    #[test]
    fn loss_reordering_and_duplicates_change_nothing(steps in steps(step(500))) {
        check(&steps, LONG_LIFE)?;
    }

    #[test]
    fn a_collector_that_is_killed_at_any_moment_neither_loses_nor_doubles(
        steps in steps(prop_oneof![10 => step(500), 1 => Just(Step::Crash)]),
    ) {
        check(&steps, LONG_LIFE)?;
    }

    #[test]
    fn an_agent_that_starts_anew_all_the_time_loses_nothing(
        steps in steps(prop_oneof![10 => step(0), 2 => Just(Step::RestartAgent), 1 => Just(Step::Crash)]),
    ) {
        check(&steps, 200)?;
    }

    #[test]
    fn a_vif_that_is_made_anew_keeps_what_it_had_moved(
        steps in steps(prop_oneof![10 => step(0), 1 => Just(Step::RemakeVif)]),
    ) {
        check(&steps, LONG_LIFE)?;
    }
}
