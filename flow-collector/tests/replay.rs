//! A real agent that starts anew again and again, replayed with the times of the capture.
#![expect(clippy::unwrap_used, reason = "a broken capture fails its test")]

#[path = "support/agent.rs"]
mod agent;
#[path = "../../sflow/tests/support/pcap.rs"]
mod pcap;

use std::collections::BTreeMap;
use std::path::Path;

use agent::{host, inventory, vif};
use flow_collector::attribute::Attribution;
use flow_collector::tally::{Amounts, Resume, Tally};
use model::InventoryVif;
use sflow::{CounterRecord, Datagram, Sample};

fn capture() -> Vec<pcap::Captured> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    pcap::read(&folder.join("agent-restarts.pcap"))
}

/// What the last reading of each interface says: bytes in and out of the switch.
fn last_readings(datagrams: &[pcap::Captured]) -> BTreeMap<u32, (u64, u64)> {
    let samples = datagrams
        .iter()
        .flat_map(|captured| Datagram::decode(&captured.payload).unwrap().samples());
    let records = samples.filter_map(|sample| match sample.unwrap() {
        Sample::Counters(counters) => Some(counters.records()),
        _ => None,
    });
    let counters = records
        .flatten()
        .filter_map(|record| match record.unwrap() {
            CounterRecord::Interface(it) => Some(it),
            _ => None,
        });
    counters
        .map(|it| {
            (
                it.if_index,
                (it.input.octets.unwrap(), it.output.octets.unwrap()),
            )
        })
        .collect()
}

fn flow_samples(datagrams: &[pcap::Captured]) -> usize {
    let samples = datagrams
        .iter()
        .flat_map(|captured| Datagram::decode(&captured.payload).unwrap().samples());
    samples
        .filter(|sample| matches!(sample, Ok(Sample::Flow(_))))
        .count()
}

/// What is found for each ifIndex when these datagrams come, in this order.
fn tally<'c>(datagrams: impl IntoIterator<Item = &'c pcap::Captured>) -> BTreeMap<u32, Amounts> {
    let named = |if_index, name: &str| InventoryVif {
        interface: name.to_owned(),
        ..vif(if_index, 1)
    };
    let vifs = vec![named(4, "fva"), named(5, "fvb")];
    let attribution = Attribution::from(&inventory(vec![host("127.0.0.1", vifs.clone())]));
    let mut tally = Tally::resume(Resume::default());
    let mut clock = 0;
    for captured in datagrams {
        let sender = attribution.sender(captured.source).unwrap();
        // What overtook another came before it.
        clock = captured.unix_milliseconds.max(clock);
        tally.take(sender, &Datagram::decode(&captured.payload).unwrap(), clock);
    }
    let entries = tally.batch().entries;
    let of = |port| {
        entries
            .iter()
            .find(|entry| entry.port == port)
            .unwrap()
            .amounts
    };
    vifs.iter()
        .map(|vif| (vif.ifindex, of(vif.port_id)))
        .collect()
}

fn check(found: &BTreeMap<u32, Amounts>, datagrams: &[pcap::Captured]) {
    let last = last_readings(datagrams);
    for (if_index, amounts) in found {
        let counted = amounts.counted;
        assert_eq!((counted.sent.bytes, counted.received.bytes), last[if_index]);
    }
    let samples: u64 = found.values().map(|amounts| amounts.samples).sum();
    assert_eq!(samples, u64::try_from(flow_samples(datagrams)).unwrap());
}

#[test]
fn an_agent_that_starts_anew_is_counted_through() {
    let datagrams = capture();
    check(&tally(&datagrams), &datagrams);
}

#[test]
fn the_same_with_every_datagram_twice() {
    let datagrams = capture();
    let twice = datagrams.iter().flat_map(|captured| [captured, captured]);
    check(&tally(twice), &datagrams);
}

#[test]
fn the_same_with_neighbours_swapped() {
    let mut swapped = capture();
    let datagrams = swapped.clone();
    // Not across a restart: which of the two came first is then beyond telling.
    let is_first =
        |captured: &pcap::Captured| Datagram::decode(&captured.payload).unwrap().sequence == 1;
    for pair in swapped.chunks_mut(2) {
        if pair.len() == 2 && !pair.iter().any(is_first) {
            pair.swap(0, 1);
        }
    }
    check(&tally(&swapped), &datagrams);
}
