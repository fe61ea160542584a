//! Real traffic of Open vSwitch, and the vectors of other projects where they are at hand.
#![expect(clippy::unwrap_used, reason = "a broken capture fails the test")]

#[path = "support/pcap.rs"]
mod pcap;
#[path = "support/walk.rs"]
mod walk;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use sflow::{
    CounterRecord, CounterSample, Datagram, FlowRecord, FlowSample, Sample, SampledHeader,
};
use walk::walk;

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

#[test]
fn a_capture_decodes_to_its_golden_summary() {
    let captures = pcap::files(&data());
    assert!(!captures.is_empty());
    for capture in captures {
        let golden = capture.with_extension("txt");
        let summary = summary(&pcap::read(&capture));
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&golden, &summary).unwrap();
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        assert_eq!(summary, expected, "{} differs", golden.display());
    }
}

#[test]
fn every_capture_at_hand_decodes_whole() {
    let folder = pcap::sibling_captures().join("ovs-3.1");
    let captures = pcap::files(&folder);
    if captures.is_empty() {
        eprintln!("no further captures: {} is absent", folder.display());
    }
    for capture in captures {
        for datagram in pcap::read(&capture) {
            let walked = walk(&datagram.payload);
            assert_eq!(walked.errors, [], "in {}", capture.display());
            assert!(walked.samples > 0 && walked.records > walked.samples);
        }
    }
}

#[test]
fn the_bench_corpus_holds_what_other_decoders_counted_in_it() {
    let corpus = pcap::sibling_captures().join("ovs-3.1/20-mixed-bench.pcap.xz");
    if !corpus.exists() {
        return eprintln!("no bench corpus: {} is absent", corpus.display());
    }
    let datagrams = pcap::read(&corpus);
    let samples: usize = datagrams
        .iter()
        .map(|datagram| walk(&datagram.payload).samples)
        .sum();
    assert_eq!((datagrams.len(), samples), (24_569, 140_001));
}

#[test]
fn vectors_of_other_projects_decode_or_fail_as_they_should() {
    // File, samples, records, whether something in it is broken. Those without records hold a
    // notice of discarded packets (0,5), which is kept as unknown.
    let expected = [
        ("goflow2/goflow2-01.bin", 1, 1, false),
        ("goflow2/goflow2-02.bin", 5, 10, false),
        ("goflow2/goflow2-03.bin", 1, 0, false),
        ("goflow2/goflow2-04.bin", 1, 0, false),
        ("goflow2/goflow2-05.bin", 1, 0, false),
        ("vflow/vflow-01.bin", 5, 15, false),
        ("vflow/vflow-02.bin", 5, 16, false),
    ];
    for (name, samples, records, broken) in expected {
        let path = pcap::sibling_captures().join("public").join(name);
        let Ok(bytes) = std::fs::read(&path) else {
            eprintln!("no vector: {} is absent", path.display());
            continue;
        };
        let walked = walk(&bytes);
        let found = (walked.samples, walked.records, !walked.errors.is_empty());
        assert_eq!(found, (samples, records, broken), "{name}: {walked:?}");
    }
}

#[test]
fn captures_of_other_projects_decode_or_fail_as_they_should() {
    // File, datagrams, and how many of them are broken: those are NetFlow, sent to sFlow's port.
    let expected = [
        ("sflow-print-v6", 25, 0),
        ("sflow_expanded", 1, 0),
        ("sflow_multiple_counter_30_pdus", 30, 5),
        ("sflow_print-segv", 1, 1),
    ];
    for (name, datagrams, broken) in expected {
        let folder = pcap::sibling_captures().join("public/tcpdump");
        let path = folder.join(name).with_extension("pcap");
        if !path.exists() {
            eprintln!("no capture: {} is absent", path.display());
            continue;
        }
        let found = pcap::read(&path);
        let failed = found
            .iter()
            .filter(|datagram| !walk(&datagram.payload).errors.is_empty());
        assert_eq!((found.len(), failed.count()), (datagrams, broken), "{name}");
    }
}

/// What a capture holds, in words and sums, and its first datagrams in full.
fn summary(datagrams: &[pcap::Captured]) -> String {
    let mut text = String::new();
    let mut sums = Sums::default();
    for (number, captured) in datagrams.iter().enumerate() {
        let datagram = Datagram::decode(&captured.payload).unwrap();
        sums.add(&datagram);
        if number < 3 {
            describe(&mut text, captured, &datagram);
        }
    }
    let mut head = format!("{} datagrams\n", datagrams.len());
    for (what, (count, bytes)) in sums.0 {
        writeln!(head, "{count:>6} {what}{}", sized(bytes)).unwrap();
    }
    head + &text
}

fn sized(bytes: u64) -> String {
    match bytes {
        0 => String::new(),
        bytes => format!(" ({bytes} bytes)"),
    }
}

/// What there was: how often, and how many bytes of frames.
#[derive(Default)]
struct Sums(BTreeMap<String, (u64, u64)>);

impl Sums {
    fn add(&mut self, datagram: &Datagram<'_>) {
        for sample in datagram.samples() {
            match sample.unwrap() {
                Sample::Flow(flow) => self.add_flow(&flow),
                Sample::Counters(counters) => self.add_counters(&counters),
                Sample::Unknown { format, .. } => self.count(format!("unknown sample {format}"), 0),
            }
        }
    }

    fn add_flow(&mut self, flow: &FlowSample<'_>) {
        let way = format!("flow samples {:?} -> {:?}", flow.input, flow.output);
        for record in flow.records().map(Result::unwrap) {
            if let FlowRecord::Header(header) = record {
                let bytes = header.frame_length - header.stripped;
                self.count(way.clone(), bytes.into());
            }
            self.count(kind(&record), 0);
        }
    }

    fn add_counters(&mut self, counters: &CounterSample<'_>) {
        self.count(format!("counter samples of {:?}", counters.source), 0);
        for record in counters.records().map(Result::unwrap) {
            self.count(kind(&record), 0);
        }
    }

    fn count(&mut self, what: String, bytes: u64) {
        let sum = self.0.entry(what).or_default();
        sum.0 += 1;
        sum.1 += bytes;
    }
}

/// The name of a record's variant, with the format if it is unknown.
fn kind(record: &impl std::fmt::Debug) -> String {
    let text = format!("{record:?}");
    let name = text.split('(').next().unwrap();
    let name = name.split(", body").next().unwrap();
    format!("records {name}")
}

fn describe(text: &mut String, captured: &pcap::Captured, datagram: &Datagram<'_>) {
    writeln!(
        text,
        "\ndatagram {} from {}: {:?}, uptime {} ms",
        datagram.sequence, captured.source, datagram.agent, datagram.uptime_milliseconds
    )
    .unwrap();
    for sample in datagram.samples().map(Result::unwrap) {
        match sample {
            Sample::Flow(flow) => describe_flow(text, &flow),
            Sample::Counters(counters) => describe_counters(text, &counters),
            Sample::Unknown { format, .. } => writeln!(text, "  unknown {format}").unwrap(),
        }
    }
}

fn describe_flow(text: &mut String, flow: &FlowSample<'_>) {
    writeln!(
        text,
        "  flow {} of {:?}: 1 in {}, pool {}, drops {}, {:?} -> {:?}",
        flow.sequence,
        flow.source,
        flow.sampling_rate,
        flow.sample_pool,
        flow.drops,
        flow.input,
        flow.output
    )
    .unwrap();
    for record in flow.records().map(Result::unwrap) {
        match record {
            FlowRecord::Header(header) => describe_header(text, &header),
            record => writeln!(text, "    {record:?}").unwrap(),
        }
    }
}

fn describe_header(text: &mut String, header: &SampledHeader<'_>) {
    let hex: String = header
        .header
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    writeln!(
        text,
        "    Header(protocol {}, frame {}, stripped {}, {} bytes: {hex})",
        header.protocol,
        header.frame_length,
        header.stripped,
        header.header.len()
    )
    .unwrap();
}

fn describe_counters(text: &mut String, counters: &CounterSample<'_>) {
    writeln!(
        text,
        "  counters {} of {:?}",
        counters.sequence, counters.source
    )
    .unwrap();
    for record in counters.records().map(Result::unwrap) {
        match record {
            CounterRecord::PortName(name) => {
                writeln!(text, "    PortName({:?})", String::from_utf8_lossy(name)).unwrap();
            }
            record => writeln!(text, "    {record:?}").unwrap(),
        }
    }
}
