//! Random flows, through a bundle into a real switch and back.

use std::collections::BTreeMap;

use openflow::client::{Client, Error};
use openflow::message::{FlowFilter, FlowMod};
use openflow::{Flow, Version};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use crate::drawn::flows;
use crate::ovs::Switch;

/// Flows that each round draws.
const FLOWS: usize = 500;

/// Flows whose tables, priorities and matches differ, so that none replaces another.
fn some_flows() -> Vec<Flow> {
    let mut runner = TestRunner::deterministic();
    let strategy = flows::flow();
    let draw = |_| strategy.new_tree(&mut runner).unwrap().current();
    let mut by_key = BTreeMap::new();
    for mut flow in (0..FLOWS).map(draw) {
        // None goes before it is looked at.
        flow.idle_timeout *= 1000;
        flow.hard_timeout *= 1000;
        by_key.insert((flow.table, flow.priority, flow.matching.clone()), flow);
    }
    by_key.into_values().collect()
}

/// Commits the flows but for those the switch refuses; returns those it took.
async fn commit(client: &Client, mut flows: Vec<Flow>) -> Vec<Flow> {
    loop {
        let changes = flows.iter().cloned().map(FlowMod::add).collect();
        match client.commit(changes).await {
            Ok(()) => return flows,
            Err(Error::Bundle {
                index: Some(index),
                error,
            }) => println!("refused ({error}): {}", flows.remove(index)),
            Err(error) => panic!("{error:?}"),
        }
    }
}

fn encode(flow: &Flow, version: Version) -> Vec<u8> {
    let mut out = Vec::new();
    FlowMod::add(flow.clone())
        .encode(version, &mut out)
        .unwrap();
    out
}

#[tokio::test]
async fn what_is_committed_is_dumped_by_us_and_by_ofctl() {
    let switch = Switch::start(3);
    for version in [Version::V1_4, Version::V1_5] {
        let client = switch.client(version).await;
        let wanted = commit(&client, some_flows()).await;
        assert!(wanted.len() > FLOWS / 2, "only {} are taken", wanted.len());

        let installed = client.flows(FlowFilter::default()).await.unwrap();
        let mut ours: Vec<Flow> = installed
            .into_iter()
            .map(|installed| installed.flow)
            .collect();
        ours.sort_by(|one, other| one.key().cmp(&other.key()));
        for (ours, wanted) in ours.iter().zip(&wanted) {
            // Bytes are what counts: a version may have two ways to say the same.
            assert_eq!(
                encode(ours, version),
                encode(wanted, version),
                "{version:?}: {ours} became of {wanted}"
            );
        }
        assert_eq!(ours.len(), wanted.len());

        let text = switch.ofctl_in(version, &["dump-flows"]);
        let mut theirs: Vec<&str> = text.lines().map(str::trim).collect();
        let mut ours: Vec<String> = ours.iter().map(Flow::to_string).collect();
        theirs.sort_unstable();
        ours.sort_unstable();
        assert_eq!(ours, theirs);
        client
            .commit(vec![FlowMod::delete(FlowFilter::default())])
            .await
            .unwrap();
    }
}
