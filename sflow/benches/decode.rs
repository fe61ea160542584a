//! How many samples one core decodes per second: every field of every record is read.
#![expect(clippy::unwrap_used, reason = "a broken corpus fails the bench")]

#[path = "../tests/support/pcap.rs"]
mod pcap;

use std::path::Path;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use sflow::{Datagram, DecodeError, Sample};

fn main() {
    divan::main();
}

/// The large mixed corpus where it is at hand, else the captures of the tests.
fn corpus() -> Vec<Vec<u8>> {
    let large = pcap::sibling_captures().join("ovs-3.1/20-mixed-bench.pcap.xz");
    let small = pcap::files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data"));
    let files = if large.exists() { vec![large] } else { small };
    let datagrams = files.iter().flat_map(|file| pcap::read(file));
    datagrams.map(|datagram| datagram.payload).collect()
}

fn decode(bytes: &[u8]) -> Result<usize, DecodeError> {
    let mut samples = 0;
    for sample in Datagram::decode(bytes)?.samples() {
        samples += 1;
        match sample? {
            Sample::Flow(flow) => flow.records().for_each(keep),
            Sample::Counters(counters) => counters.records().for_each(keep),
            Sample::Unknown { body, .. } => keep(body),
        }
    }
    Ok(samples)
}

/// Makes the compiler believe that `value` is looked at.
fn keep<T>(value: T) {
    black_box(value);
}

fn decode_all(corpus: &[Vec<u8>]) -> usize {
    let samples = corpus.iter().map(|bytes| decode(bytes).unwrap());
    samples.sum()
}

#[divan::bench]
fn samples(bencher: Bencher<'_, '_>) {
    let corpus = corpus();
    bencher
        .counter(ItemsCount::new(decode_all(&corpus)))
        .bench_local(|| decode_all(black_box(&corpus)));
}

#[divan::bench]
fn datagrams(bencher: Bencher<'_, '_>) {
    let corpus = corpus();
    bencher
        .counter(ItemsCount::new(corpus.len()))
        .bench_local(|| decode_all(black_box(&corpus)));
}
