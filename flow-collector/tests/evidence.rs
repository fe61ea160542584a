//! What amounts rest on is told with them: readings and sequence numbers, run by run.
#![expect(clippy::unwrap_used, reason = "a broken example fails its test")]

#[path = "support/agent.rs"]
mod agent;

use agent::{Counters, counters, datagram, flow, host, inventory, vif};
use flow_collector::attribute::Attribution;
use flow_collector::tally::evidence::{CounterRun, DatagramRun, Evidence};
use flow_collector::tally::{Resume, Tally};
use model::{Inventory, InventoryVif};
use proptest::prelude::*;
use sflow::Datagram;

const HOST: &str = "192.0.2.1";
/// When the ledger of these tests was begun, and its interval starts, in seconds since 1970.
const BEGUN: i64 = 1_000_000;

struct Bench {
    tally: Tally,
    inventory: Inventory,
    arrived: i64,
}

impl Bench {
    fn new(vifs: Vec<InventoryVif>) -> Self {
        Self {
            tally: Tally::resume(Resume {
                begun: BEGUN * 1000,
                interval_start: BEGUN,
                ..Resume::default()
            }),
            inventory: inventory(vec![host(HOST, vifs)]),
            arrived: BEGUN * 1000 + 500_000,
        }
    }

    /// Ten seconds later a datagram comes of an agent that sends one every ten seconds.
    fn take(&mut self, sequence: u32, samples: &[Vec<u32>]) {
        self.arrived += 10_000;
        let bytes = datagram(sequence, sequence * 10_000, samples);
        let attribution = Attribution::from(&self.inventory);
        let sender = attribution.sender(HOST.parse().unwrap()).unwrap();
        let datagram = Datagram::decode(&bytes).unwrap();
        self.tally.take(sender, &datagram, self.arrived);
    }

    fn evidence(&mut self) -> Evidence {
        self.tally.batch().evidence
    }
}

fn sent(bytes: u64) -> Counters {
    Counters {
        sent_bytes: bytes,
        sent_packets: 1,
        ..Counters::default()
    }
}

/// From and to, in bytes sent and as sequence numbers, and how many readings.
fn told(run: &CounterRun) -> ([u64; 2], [u32; 2], u32) {
    let (from, to) = (run.from, run.to);
    (
        [from.sent.bytes, to.sent.bytes],
        [from.stamp.sequence, to.stamp.sequence],
        run.readings,
    )
}

fn range(run: &DatagramRun) -> (u32, u32, u32) {
    (run.first.sequence, run.last.sequence, run.taken)
}

#[test]
fn readings_that_follow_each_other_are_one_run_from_the_first_counted_from() {
    let vif = vif(7, BEGUN);
    let mut bench = Bench::new(vec![vif]);
    for (sequence, bytes) in [(5, 100), (6, 400), (8, 900)] {
        bench.take(sequence, &[counters(7, sent(bytes))]);
    }
    let evidence = bench.evidence();
    let [run] = &evidence.counters[..] else {
        panic!("{evidence:?}")
    };
    // It began while it was watched: from zero on.
    assert_eq!(told(&run.run), ([0, 900], [5, 8], 3));
    let [run] = &evidence.datagrams[..] else {
        panic!("{evidence:?}")
    };
    assert_eq!(range(&run.run), (5, 8, 3));
}

#[test]
fn the_next_interval_goes_on_from_the_last_reading_of_the_one_before() {
    let mut bench = Bench::new(vec![vif(7, BEGUN)]);
    bench.take(5, &[counters(7, sent(100))]);
    bench.take(6, &[flow(7, 64, 100)]);
    bench.tally.begin(BEGUN + 300);
    bench.take(7, &[counters(7, sent(250))]);
    let evidence = bench.evidence();
    let runs: Vec<_> = evidence.counters.iter().map(|it| told(&it.run)).collect();
    assert_eq!(runs, [([0, 100], [5, 5], 1), ([100, 250], [5, 7], 1)]);
    let starts: Vec<_> = evidence
        .counters
        .iter()
        .map(|it| it.interval_start)
        .collect();
    assert_eq!(starts, [BEGUN, BEGUN + 300]);
    let ranges: Vec<_> = evidence.datagrams.iter().map(|it| range(&it.run)).collect();
    assert_eq!(ranges, [(5, 6, 2), (7, 7, 1)]);
}

#[test]
fn counters_and_sequences_that_begin_anew_begin_a_run() {
    let mut bench = Bench::new(vec![vif(7, BEGUN)]);
    bench.take(50, &[counters(7, sent(1000))]);
    bench.take(1, &[counters(7, sent(30))]);
    bench.take(2, &[counters(7, sent(80))]);
    let evidence = bench.evidence();
    let runs: Vec<_> = evidence.counters.iter().map(|it| told(&it.run)).collect();
    assert_eq!(runs, [([0, 1000], [50, 50], 1), ([0, 80], [1, 2], 2)]);
    let ranges: Vec<_> = evidence.datagrams.iter().map(|it| range(&it.run)).collect();
    assert_eq!(ranges, [(50, 50, 1), (1, 2, 2)]);
}

proptest! {
    #[test]
    fn whatever_counters_do_their_runs_add_up_to_the_amount_and_stay_few(
        steps in proptest::collection::vec((0u64..1000, 0u32..5), 1..60),
    ) {
        let vif = vif(7, BEGUN);
        let mut bench = Bench::new(vec![vif]);
        let (mut sequence, mut bytes, mut restarts) = (100, 0, 0);
        for (more, what) in steps {
            if what == 0 {
                (sequence, bytes, restarts) = (0, 0, restarts + 1);
            }
            sequence += 1 + what;
            bytes += more;
            bench.take(sequence, &[counters(7, sent(bytes))]);
        }
        let batch = bench.tally.batch();
        let runs = &batch.evidence.counters;
        prop_assert!(runs.len() <= 8 && batch.evidence.datagrams.len() <= 16);
        if restarts < 8 {
            let sum: u64 = runs.iter().map(|it| it.run.to.sent.bytes - it.run.from.sent.bytes).sum();
            prop_assert_eq!(sum, batch.entries[0].amounts.counted.sent.bytes);
        }
    }
}
