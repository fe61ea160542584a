//! The evaluator does as the switch does: the same random flows, the same random packets, the
//! same frames out of the same ports, and the same way through the tables.

use std::collections::BTreeMap;
use std::path::Path;

use openflow::client::Error;
use openflow::message::{FlowFilter, FlowMod};
use openflow::table::{Connections, Failure, Hop, Packet, Tables};
use openflow::{Flow, PortNo, Version};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use tokio::runtime::Runtime;

use crate::ovs::Switch;
use crate::packets::{Recipe, recipe};
use crate::tables::{Conntrack, Listing, tables};

/// Ports 1 to 4, each with a file of what goes out.
const PORTS: u16 = 4;

/// A switch whose ports write down what they send.
pub(crate) struct Bench {
    pub(crate) switch: Switch,
    runtime: Runtime,
    client: openflow::client::Client,
    /// How much of each port's file was read.
    seen: BTreeMap<u16, usize>,
}

pub(crate) type Outputs = Vec<(PortNo, Vec<u8>)>;

impl Bench {
    pub(crate) fn start() -> Bench {
        let switch = Switch::start(PORTS);
        for port in 1..=PORTS {
            let file = switch.path(&format!("p{port}.pcap"));
            let option = format!("options:tx_pcap={}", file.display());
            switch.vsctl(&["set", "interface", &format!("p{port}"), &option]);
        }
        let runtime = Runtime::new().unwrap();
        let client = runtime.block_on(switch.client(Version::V1_5));
        let seen = (1..=PORTS).map(|port| (port, 24)).collect();
        Bench {
            switch,
            runtime,
            client,
            seen,
        }
    }

    /// Installs these flows in place of those there are. Returns those the switch takes.
    pub(crate) fn install(&self, mut flows: Vec<Flow>) -> Vec<Flow> {
        loop {
            let mut changes = vec![FlowMod::delete(FlowFilter::default())];
            changes.extend(flows.iter().cloned().map(FlowMod::add));
            match self.runtime.block_on(self.client.commit(changes)) {
                Ok(()) => break,
                Err(Error::Bundle {
                    index: Some(index),
                    error,
                }) => {
                    let refused = flows.remove(index - 1);
                    println!("refused ({error}): {refused}");
                }
                Err(error) => panic!("{error:?}"),
            }
        }
        // What the datapath remembers of the flows before.
        self.switch.control("revalidator/purge", &[]);
        self.switch.control("dpctl/flush-conntrack", &[]);
        flows
    }

    /// Sends a frame into a port and returns what comes out, sorted.
    pub(crate) fn send(&mut self, in_port: u16, frame: &[u8]) -> Outputs {
        let name = format!("p{in_port}");
        self.switch
            .control("netdev-dummy/receive", &[&name, &hex(frame)]);
        // The daemon takes at most ten commands between two looks at its ports.
        for _ in 0..25 {
            self.switch.control("version", &[]);
        }
        let mut outputs = Vec::new();
        for (port, seen) in &mut self.seen {
            let file = self.switch.path(&format!("p{port}.pcap"));
            for frame in read_pcap(&file, seen) {
                outputs.push((PortNo((*port).into()), frame));
            }
        }
        outputs.sort();
        outputs
    }

    /// The tables and priorities that `ofproto/trace` says a frame goes through.
    fn trace(&self, in_port: u16, frame: &[u8]) -> Vec<(u8, Option<u16>)> {
        let port = format!("in_port={in_port}");
        let text = self
            .switch
            .control("ofproto/trace", &["br0", &port, &hex(frame)]);
        text.lines().filter_map(hop).collect()
    }
}

/// A line of a trace that is a look into a table: ` 3. ip,reg0=0x1, priority 7`.
fn hop(line: &str) -> Option<(u8, Option<u16>)> {
    let (table, rest) = line.trim().split_once(". ")?;
    let table = table.parse().ok()?;
    if rest.starts_with("No match") {
        return Some((table, None));
    }
    let (_, priority) = rest.rsplit_once("priority ")?;
    let digits = priority.split(|c: char| !c.is_ascii_digit()).next()?;
    Some((table, digits.parse().ok()))
}

/// The frames in a file beyond what was seen, which then counts as seen.
fn read_pcap(file: &Path, seen: &mut usize) -> Vec<Vec<u8>> {
    let bytes = std::fs::read(file).unwrap_or_default();
    let mut frames = Vec::new();
    while let Some(header) = bytes.get(*seen..*seen + 16) {
        let length = u32::from_ne_bytes(header[8..12].try_into().unwrap()) as usize;
        let Some(frame) = bytes.get(*seen + 16..*seen + 16 + length) else {
            break;
        };
        frames.push(frame.to_vec());
        *seen += 16 + length;
    }
    frames
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn outputs_of(outcome: &openflow::table::Outcome<'_>) -> Outputs {
    let real = |port: &PortNo| (1..=u32::from(PORTS)).contains(&port.0);
    let outputs = outcome.outputs.iter().filter(|output| real(&output.port));
    let mut outputs: Outputs = outputs
        .map(|output| (output.port, output.frame.clone()))
        .collect();
    outputs.sort();
    outputs
}

fn path_of(path: &[Hop<'_>]) -> Vec<(u8, Option<u16>)> {
    path.iter()
        .map(|hop| (hop.table, hop.flow.map(|flow| flow.priority)))
        .collect()
}

/// A case is a whole switch full of flows: an eighth of what `PROPTEST_CASES` says, 32
/// unless it says something, is plenty.
pub(crate) fn runner() -> TestRunner {
    let config = Config::default();
    let config = Config {
        cases: config.cases / 8,
        failure_persistence: None,
        max_shrink_iters: 300,
        ..config
    };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

#[test]
fn the_evaluator_does_what_the_switch_does() {
    let bench = std::cell::RefCell::new(Bench::start());
    let packets = proptest::collection::vec((1..4u16, recipe()), 8);
    let case = |(flows, packets): (Listing, Vec<(u16, Recipe)>)| {
        let mut bench = bench.borrow_mut();
        let tables = Tables::new(bench.install(flows.0));
        for (in_port, recipe) in packets {
            let frame = recipe.build();
            let packet = Packet::new(u32::from(in_port), frame.clone());
            let ours = tables.evaluate(packet, &mut Connections::default());
            prop_assert!(!matches!(ours.failure, Some(Failure::Unsupported(_))));
            prop_assert_eq!(path_of(&ours.path), bench.trace(in_port, &frame));
            let theirs = bench.send(in_port, &frame);
            prop_assert_eq!(
                recipe.comparable(outputs_of(&ours)),
                recipe.comparable(theirs)
            );
        }
        Ok(())
    };
    runner()
        .run(&(tables(Conntrack::Unused), packets), case)
        .unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn the_evaluator_tracks_connections_as_the_switch_does() {
    let bench = std::cell::RefCell::new(Bench::start());
    let packets = proptest::collection::vec((1..4u16, recipe()), 8);
    let case = |(flows, packets): (Listing, Vec<(u16, Recipe)>)| -> Result<(), TestCaseError> {
        let mut bench = bench.borrow_mut();
        let tables = Tables::new(bench.install(flows.0));
        // The rest of a fragment's packet would have to come from somewhere.
        let whole = packets
            .into_iter()
            .filter(|(_, recipe)| !recipe.is_fragment());
        for (in_port, recipe) in whole {
            bench.switch.control("dpctl/flush-conntrack", &[]);
            let mut connections = Connections::default();
            for (in_port, recipe) in exchange(in_port, recipe) {
                let frame = recipe.build();
                let packet = Packet::new(u32::from(in_port), frame.clone());
                let ours = tables.evaluate(packet, &mut connections);
                let theirs = bench.send(in_port, &frame);
                prop_assert_eq!(
                    recipe.comparable(outputs_of(&ours)),
                    recipe.comparable(theirs)
                );
            }
        }
        Ok(())
    };
    runner()
        .run(&(tables(Conntrack::Used), packets), case)
        .unwrap_or_else(|e| panic!("{e}"));
}

/// A packet, its answer, and what follows that.
fn exchange(in_port: u16, recipe: Recipe) -> Vec<(u16, Recipe)> {
    let answer = recipe.answer();
    let other = in_port % 3 + 1;
    vec![
        (in_port, recipe.clone()),
        (other, answer),
        (in_port, recipe),
    ]
}
