//! How Open vSwitch's sFlow misleads, each with a capture of it, and what we make of it all the same.
#![expect(clippy::unwrap_used, reason = "a broken capture fails its test")]

#[path = "support/agent.rs"]
mod agent;
#[path = "../../sflow/tests/support/pcap.rs"]
mod pcap;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use agent::{host, inventory, vif};
use flow_collector::attribute::Attribution;
use flow_collector::tally::{Heard, Resume, Tally};
use model::{PortId, Traffic};
use pcap::Captured;
use sflow::{Datagram, FlowRecord, FlowSample, Interface, Sample};

const ONE: &str = "172.31.0.1";
const TWO: &str = "172.31.0.2";

fn decoders(name: &str) -> Vec<Captured> {
    read("../sflow/tests/data", name)
}

fn ours(name: &str) -> Vec<Captured> {
    read("tests/data", name)
}

fn read(folder: &str, name: &str) -> Vec<Captured> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    pcap::read(&folder.join(format!("{name}.pcap")))
}

/// What comes of a capture: the estimate by host and ifIndex, and what was heard.
struct Outcome {
    estimates: BTreeMap<(IpAddr, u32), (Traffic, u64)>,
    heard: Vec<Heard>,
}

impl Outcome {
    /// Each host of the capture has a VIF at each of these interfaces.
    fn of(capture: &[Captured], if_indexes: &[u32]) -> Self {
        let hosts = [ONE, TWO].map(|address| {
            let vifs = if_indexes.iter().map(|if_index| vif(*if_index, 0));
            host(address, vifs.collect())
        });
        let whose: BTreeMap<PortId, (IpAddr, u32)> = hosts
            .iter()
            .flat_map(|host| {
                let ports = host.vifs.iter();
                ports.map(|vif| (vif.port_id, (host.address, vif.ifindex)))
            })
            .collect();
        let attribution = Attribution::from(&inventory(hosts.to_vec()));
        let mut tally = Tally::resume(Resume::default());
        for captured in capture {
            let sender = attribution.sender(captured.source).unwrap();
            let datagram = Datagram::decode(&captured.payload).unwrap();
            let taken = tally.take(sender, &datagram, captured.unix_milliseconds);
            assert!(!taken.malformed && taken.refused.is_none());
        }
        tally.begin(i64::MAX);
        let batch = tally.batch();
        let entries = batch.entries.iter().map(|entry| {
            let amounts = entry.amounts;
            (whose[&entry.port], (amounts.sent_estimate, amounts.samples))
        });
        Self {
            estimates: entries.filter(|(_, (_, samples))| *samples > 0).collect(),
            heard: batch.heard,
        }
    }

    fn samples(&self, host: &str, if_index: u32) -> u64 {
        let found = self.estimates.get(&(host.parse().unwrap(), if_index));
        found.map_or(0, |(_, samples)| *samples)
    }
}

/// What is asked of each flow sample of a capture.
fn each<T>(capture: &[Captured], ask: impl Fn(&FlowSample<'_>) -> Option<T>) -> Vec<T> {
    let samples = capture
        .iter()
        .flat_map(|it| Datagram::decode(&it.payload).unwrap().samples());
    let flows = samples.filter_map(|sample| match sample.unwrap() {
        Sample::Flow(flow) => ask(&flow),
        _ => None,
    });
    flows.collect()
}

fn records<'a>(flow: &FlowSample<'a>) -> Vec<FlowRecord<'a>> {
    flow.records().map(Result::unwrap).collect()
}

#[test]
fn what_a_conntrack_pipeline_delivers_looks_dropped_and_is_counted() {
    let capture = decoders("conntrack-local");
    let dropped = each(&capture, |flow| {
        matches!(flow.output, Interface::Dropped(_)).then_some(())
    });
    assert_eq!(dropped.len(), 343);
    let outcome = Outcome::of(&capture, &[6, 7]);
    assert_eq!(
        (outcome.samples(ONE, 6), outcome.samples(ONE, 7)),
        (182, 161)
    );
}

#[test]
fn a_frame_over_an_overlay_is_sampled_on_both_hosts_and_counted_at_its_sender_alone() {
    let capture = decoders("geneve");
    let from_tunnels = each(&capture, |flow| {
        (flow.input == Interface::Unknown).then_some(())
    });
    assert_eq!(from_tunnels.len(), 150);
    let outcome = Outcome::of(&capture, &(1..20).collect::<Vec<_>>());
    assert_eq!((outcome.samples(ONE, 6), outcome.samples(TWO, 6)), (68, 59));
    assert_eq!(outcome.estimates.len(), 2);
}

#[test]
fn a_tunnels_port_is_sent_with_its_bytes_swapped_and_nothing_rests_on_it() {
    let ports = each(&decoders("geneve"), |flow| {
        let tunnel = records(flow).into_iter().find_map(|record| match record {
            FlowRecord::TunnelEgress(tunnel) | FlowRecord::TunnelIngress(tunnel) => Some(tunnel),
            _ => None,
        });
        tunnel.map(|it| (it.destination_port, it.length))
    });
    let geneve = u32::from(6081u16.swap_bytes());
    assert!(!ports.is_empty() && ports.iter().all(|it| *it == (geneve, 0)));
}

#[test]
fn over_ipv6_a_tunnels_record_means_nothing_and_its_frames_are_counted_as_any() {
    let capture = decoders("geneve-ipv6-underlay");
    let vnis = each(&capture, |flow| {
        let records = records(flow);
        let vni = records
            .iter()
            .any(|it| matches!(it, FlowRecord::VniEgress(_) | FlowRecord::VniIngress(_)));
        vni.then_some(())
    });
    assert_eq!(vnis, []);
    let outcome = Outcome::of(&capture, &[6]);
    assert_eq!((outcome.samples(ONE, 6), outcome.samples(TWO, 6)), (59, 47));
}

#[test]
fn sampling_a_second_bridge_shifts_sub_agents_and_is_neither_loss_nor_more_traffic() {
    let capture = ours("both-bridges");
    let outcome = Outcome::of(&capture, &[6]);
    // Of the VIF alone, however many bridges its frames pass.
    assert_eq!(outcome.estimates.len(), 2);
    assert_eq!((outcome.samples(ONE, 6), outcome.samples(TWO, 6)), (82, 73));
    for heard in &outcome.heard {
        assert_eq!((heard.missing, heard.samples_missing), (0, 0), "{heard:?}");
        assert_eq!(heard.sample_drops, 0);
    }
}

#[test]
fn pool_and_drops_say_nothing_of_loss_and_sequence_numbers_do() {
    let capture = decoders("header64");
    let host: Vec<_> = capture
        .into_iter()
        .filter(|it| it.source == ONE.parse::<IpAddr>().unwrap())
        .collect();
    let says = each(&host, |flow| {
        Some((
            u64::from(flow.sample_pool),
            u64::from(flow.sampling_rate),
            flow.drops,
        ))
    });
    assert!(
        says.iter()
            .all(|(pool, rate, drops)| pool % rate == 0 && *drops == 0)
    );

    let whole = Outcome::of(&host, &[6, 7]);
    let (mut lost_datagrams, mut lost_samples) = (0, 0);
    let rest: Vec<_> = host
        .iter()
        .enumerate()
        .filter(|(number, captured)| {
            // What is lost at the ends shows nowhere.
            let lost = number % 4 == 2 && number + 8 < host.len();
            if lost {
                lost_datagrams += 1;
                lost_samples += each(std::slice::from_ref(*captured), |_| Some(())).len();
            }
            !lost
        })
        .map(|(_, captured)| captured.clone())
        .collect();
    let outcome = Outcome::of(&rest, &[6, 7]);
    let heard = outcome.heard.iter().find(|it| it.samples > 0).unwrap();
    assert_eq!(heard.missing, lost_datagrams);
    assert_eq!(heard.samples_missing, u64::try_from(lost_samples).unwrap());
    let frames = |it: &Outcome| {
        it.estimates
            .values()
            .map(|(sent, _)| sent.packets)
            .sum::<u64>()
    };
    // Put right to a frame or two, which rounding costs.
    assert!(frames(&whole).abs_diff(frames(&outcome)) <= 2);
}

#[test]
fn a_length_names_four_bytes_that_never_were() {
    let lengths = each(&decoders("header64"), |flow| {
        records(flow).into_iter().find_map(|record| match record {
            FlowRecord::Header(it) => Some((it.frame_length, it.stripped, it.header.len())),
            _ => None,
        })
    });
    assert!(lengths.iter().all(|(_, stripped, _)| *stripped == 4));
    let outcome = Outcome::of(&decoders("header64"), &[6, 7]);
    let estimated: u64 = outcome.estimates.values().map(|(sent, _)| sent.bytes).sum();
    let rate = each(&decoders("header64"), |flow| Some(flow.sampling_rate))[0];
    let true_bytes: u64 = lengths
        .iter()
        .map(|(length, ..)| u64::from(length - 4))
        .sum();
    assert_eq!(estimated, true_bytes * u64::from(rate));
}

#[test]
fn a_super_frame_is_one_frame_of_its_whole_length() {
    let capture = ours("userspace-tso");
    let outcome = Outcome::of(&capture, &[6, 11]);
    assert_eq!(
        (outcome.samples(ONE, 6), outcome.samples(ONE, 11)),
        (210, 176)
    );
    let (sent, _) = outcome.estimates[&(ONE.parse().unwrap(), 6)];
    assert!(sent.bytes / sent.packets > 1514);
}

#[test]
fn copies_of_a_flooded_frame_are_one_frame_of_its_sender() {
    let capture = decoders("flood");
    let copies = each(&capture, |flow| {
        matches!(flow.output, Interface::Multiple(5)).then_some(())
    });
    assert_eq!(copies.len(), 220);
    let outcome = Outcome::of(&capture, &[6, 7]);
    assert_eq!(outcome.samples(ONE, 6), 220);
}

#[test]
fn what_a_meter_drops_was_sent_all_the_same() {
    let outcome = Outcome::of(&decoders("meter-drop"), &[6, 7]);
    assert_eq!((outcome.samples(ONE, 6), outcome.samples(ONE, 7)), (91, 68));
}
