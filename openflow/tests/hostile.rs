//! Bytes and text from strangers: whatever they are, there is an answer and no panic.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use openflow::message::FlowMod;
use openflow::{Action, Flow, Instructions, Match, Version};
use proptest::collection::vec;
use proptest::prelude::*;

const VERSIONS: [Version; 2] = [Version::V1_4, Version::V1_5];

/// Decodes the bytes as everything there is; what can be decoded can be encoded, printed
/// and parsed.
fn decode_all(bytes: &[u8]) {
    for version in VERSIONS {
        if let Ok(actions) = Action::decode_list(version, bytes) {
            say_again(&Flow::default().actions(actions), version);
        }
        if let Ok(instructions) = Instructions::decode(version, bytes) {
            let flow = Flow {
                instructions,
                ..Flow::default()
            };
            say_again(&flow, version);
        }
        if let Ok(matching) = Match::decode_fields(bytes) {
            say_again(&Flow::new(0, 1, matching), version);
        }
        if let Ok(decoded) = FlowMod::decode(version, bytes) {
            say_again(&decoded.flow, version);
        }
    }
}

/// What was understood once is understood the same way ever after.
fn say_again(flow: &Flow, version: Version) {
    let _ = flow.to_string().parse::<Flow>();
    // Not everything that can be read in one version can be said in another.
    let Some(first) = encode(flow, version) else {
        return;
    };
    let again = FlowMod::decode(version, &first)
        .expect("what was encoded")
        .flow;
    assert_eq!(
        encode(&again, version),
        Some(first),
        "{flow} became {again}"
    );
}

fn encode(flow: &Flow, version: Version) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    FlowMod::add(flow.clone()).encode(version, &mut out).ok()?;
    Some(out)
}

/// What follows the header in a flow mod of the vectors.
fn flow_mod() -> impl Strategy<Value = Vec<u8>> {
    let lines = include_str!("data/flow_mods_1_4.hex").lines();
    let lines = lines.chain(include_str!("data/flow_mods_1_5.hex").lines());
    proptest::sample::select(lines.collect::<Vec<_>>()).prop_map(|hex| {
        let bytes = (16..hex.len()).step_by(2).map(|at| &hex[at..at + 2]);
        bytes
            .map(|digits| u8::from_str_radix(digits, 16).expect("two digits"))
            .collect()
    })
}

/// Text of the pieces that flows are made of, in any order.
fn pieces() -> impl Strategy<Value = String> {
    let words = include_str!("data/flows.txt");
    let words: Vec<&str> = words
        .split_inclusive([',', '=', '(', ')', ':', ' ', '['])
        .collect();
    vec(proptest::sample::select(words), 0..20).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_bytes_have_an_answer(bytes in vec(any::<u8>(), 0..200)) {
        decode_all(&bytes);
    }

    #[test]
    fn a_flow_mod_with_wrong_bytes_has_an_answer(
        mut bytes in flow_mod(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        for (index, byte) in changes {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        decode_all(&bytes);
        decode_all(&bytes[40..]);
    }

    #[test]
    fn any_text_has_an_answer(text in ".{0,80}") {
        let _ = text.parse::<Flow>();
        let _ = format!("{text}actions={text}").parse::<Flow>();
        let _ = text.parse::<Match>();
        let _ = Action::parse_list(&text);
    }

    #[test]
    fn pieces_of_flows_in_any_order_have_an_answer(text in pieces()) {
        if let Ok(flow) = text.parse::<Flow>() {
            say_again(&flow, Version::V1_4);
            say_again(&flow, Version::V1_5);
        }
    }
}

#[test]
fn nesting_without_end_is_an_error() {
    let text = format!("actions={}{}", "clone(".repeat(5000), ")".repeat(5000));
    assert!(text.parse::<Flow>().is_err());
    let mut bytes = Vec::new();
    for _ in 0..2000 {
        let length = u16::try_from(bytes.len() + 16).expect("not too many");
        let header = [
            &[0xff, 0xff][..],
            &length.to_be_bytes(),
            &[0, 0, 0x23, 0x20, 0, 42],
        ];
        bytes.splice(0..0, [header.concat(), vec![0; 6]].concat());
    }
    assert!(Action::decode_list(Version::V1_5, &bytes).is_err());
}
