//! The codec and the text against `ovs-ofctl`, in both directions and both versions.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod fake_switch;
mod flows;
mod ofctl;

use std::fs;
use std::path::Path;

use openflow::message::{FlowMod, HEADER_LEN, ToSwitch};
use openflow::{Field, Flow, Version};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

const VERSIONS: [Version; 2] = [Version::V1_4, Version::V1_5];

/// How many flows each test draws.
const FLOWS: usize = 3000;

fn some_flows() -> Vec<Flow> {
    let mut runner = TestRunner::deterministic();
    let strategy = flows::flow();
    let draw = |_| strategy.new_tree(&mut runner).expect("a flow").current();
    (0..FLOWS).map(draw).collect()
}

fn encode(flow: &Flow, version: Version) -> Vec<u8> {
    let mut message = Vec::new();
    let request = ToSwitch::FlowMod(FlowMod::add(flow.clone()));
    request
        .encode(version, 1, &mut message)
        .expect("the flow is not too long");
    message
}

fn decode(message: &[u8], version: Version) -> Flow {
    let decoded = FlowMod::decode(version, &message[HEADER_LEN..]);
    decoded.expect("a flow mod").flow
}

/// Messages are the same but for their xid.
fn without_xid(mut message: Vec<u8>) -> Vec<u8> {
    message[4..8].fill(0);
    message
}

#[test]
fn the_drawn_flows_match_on_every_field() {
    let flows = some_flows();
    let matched = |field: &Field| flows.iter().any(|flow| flow.matching.get(*field).is_some());
    let view = |field: &Field| {
        // A match has these only as the fields they are views of.
        matches!(field, Field::VlanTci | Field::InPort16 | Field::IpTos)
            || !field.reg_parts().is_empty()
    };
    let missing: Vec<_> = Field::ALL
        .iter()
        .filter(|field| !matched(field) && !view(field))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn text_says_all_there_is_to_say() {
    for flow in some_flows() {
        let text = flow.to_string();
        let parsed = text
            .parse::<Flow>()
            .unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(parsed, flow, "{text}");
    }
}

#[test]
fn ofctl_encodes_our_text_as_we_do() {
    let flows = some_flows();
    let lines: String = flows.iter().map(|flow| format!("{flow}\n")).collect();
    for version in VERSIONS {
        let theirs = ofctl::encode(&lines, version);
        assert_eq!(theirs.len(), flows.len());
        for (flow, theirs) in flows.iter().zip(theirs) {
            let ours = without_xid(encode(flow, version));
            let theirs = without_xid(theirs);
            let decoded = decode(&theirs, version);
            assert_eq!(
                hex(&theirs),
                hex(&ours),
                "{version:?}: {flow}, not {decoded}"
            );
        }
    }
}

#[test]
fn ofctl_prints_our_bytes_as_we_do() {
    let flows = some_flows();
    for version in VERSIONS {
        let messages: Vec<_> = flows.iter().map(|flow| encode(flow, version)).collect();
        let printed = ofctl::print(&messages.concat());
        let printed: Vec<_> = printed
            .split("OFPT_FLOW_MOD")
            .skip(1)
            .map(str::trim_end)
            .collect();
        assert_eq!(printed.len(), flows.len());
        for (message, theirs) in messages.iter().zip(printed) {
            let ours = as_flow_mod(&decode(message, version));
            let (_, theirs) = theirs.split_once("): ").expect("a kind of message");
            assert_eq!(theirs, ours, "{version:?}: {}", hex(message));
        }
    }
}

/// `tests/vectors.rs` reads these files; `BLESS=1` writes them anew.
#[test]
fn vectors_are_what_ofctl_says() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let lines = fs::read_to_string(data.join("flows.txt")).expect("the flows of the vectors");
    for version in VERSIONS {
        let messages = ofctl::encode(&lines, version).into_iter().map(without_xid);
        let said: String = messages.map(|message| hex(&message) + "\n").collect();
        let file = data.join(format!("flow_mods_1_{}.hex", version.wire() - 1));
        if std::env::var_os("BLESS").is_some() {
            fs::write(&file, &said).expect("the vectors are written");
        }
        let known = fs::read_to_string(&file).expect("the vectors");
        assert!(
            said == known,
            "{} is not what ovs-ofctl says",
            file.display()
        );
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The flow as `ovs-ofctl` prints a flow mod: the attributes stand elsewhere.
fn as_flow_mod(flow: &Flow) -> String {
    let plain = Flow {
        matching: flow.matching.clone(),
        instructions: flow.instructions.clone(),
        ..Flow::new(0, flow.priority, openflow::Match::new())
    };
    let text = plain.to_string();
    let (matching, actions) = text.split_once("actions=").expect("actions");
    let flags = Flow {
        flags: flow.flags,
        ..Flow::default()
    }
    .to_string();
    let (flags, _) = flags.split_once("actions=").expect("actions");
    let number = |name: &str, value: u16| match value {
        0 => String::new(),
        _ => format!("{name}:{value}"),
    };
    let attributes = [
        number(" table", flow.table.into()),
        format!(" {matching}"),
        if flow.cookie == 0 {
            String::new()
        } else {
            format!("cookie:{:#x} ", flow.cookie)
        },
        spaced(number("idle", flow.idle_timeout)),
        spaced(number("hard", flow.hard_timeout)),
        spaced(number("importance", flow.importance)),
        flags.to_owned(),
    ];
    format!("ADD{}actions={actions}", attributes.concat())
}

fn spaced(text: String) -> String {
    if text.is_empty() { text } else { text + " " }
}
