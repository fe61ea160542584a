//! Vectors that other programs made: our own of `tests/data`, made by `ovs-ofctl`, and
//! those of Open vSwitch's tests where they are.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use openflow::message::{FlowMod, HEADER_LEN, ToSwitch};
use openflow::{Action, Flow, Version};
use serde::Deserialize;

fn data(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name);
    fs::read_to_string(file).expect("a file of vectors")
}

fn bytes(hex: &str) -> Vec<u8> {
    let bytes = (0..hex.len()).step_by(2).map(|at| &hex[at..at + 2]);
    bytes
        .map(|digits| u8::from_str_radix(digits, 16).expect("two digits"))
        .collect()
}

/// Each flow of ours: its text and the flow mod that adds it.
fn our_vectors(version: Version) -> Vec<(String, Vec<u8>)> {
    let texts = data("flows.txt");
    let messages = data(&format!("flow_mods_1_{}.hex", version.wire() - 1));
    assert_eq!(texts.lines().count(), messages.lines().count());
    let pairs = texts.lines().zip(messages.lines());
    pairs
        .map(|(text, hex)| (text.to_owned(), bytes(hex)))
        .collect()
}

const VERSIONS: [Version; 2] = [Version::V1_4, Version::V1_5];

#[test]
fn a_flow_of_the_vectors_is_encoded_as_they_say() {
    for version in VERSIONS {
        for (text, message) in our_vectors(version) {
            let flow: Flow = text.parse().expect("a flow");
            let mut encoded = Vec::new();
            let request = ToSwitch::FlowMod(FlowMod::add(flow));
            request
                .encode(version, 0, &mut encoded)
                .expect("a short flow");
            assert_eq!(encoded, message, "{version:?}: {text}");
        }
    }
}

#[test]
fn a_flow_mod_of_the_vectors_is_decoded_to_the_flow_they_say() {
    for version in VERSIONS {
        for (text, message) in our_vectors(version) {
            let decoded = FlowMod::decode(version, &message[HEADER_LEN..]).expect("a flow mod");
            let same = decoded.flow.to_string() == text;
            // 1.5 has no load; 1.4 has no masked set_field.
            let partial = text.contains("load:") || text.contains("set_field:");
            assert!(
                same || partial,
                "{version:?}: {text} became {}",
                decoded.flow
            );
        }
    }
}

#[test]
fn every_text_of_the_vectors_is_printed_as_it_was() {
    for text in data("flows.txt").lines() {
        let flow: Flow = text.parse().expect("a flow");
        assert_eq!(flow.to_string(), text);
    }
}

#[test]
fn a_flow_mod_cut_anywhere_is_an_error_not_a_panic() {
    for version in VERSIONS {
        for (text, message) in our_vectors(version) {
            let body = &message[HEADER_LEN..];
            // Between two instructions a cut leaves a whole, if shorter, flow mod.
            let whole = |end: &usize| instruction_ends(body).contains(end);
            for end in (0..body.len()).filter(|end| !whole(end)) {
                let decoded = FlowMod::decode(version, &body[..end]);
                assert!(decoded.is_err(), "{text} cut at {end}");
            }
        }
    }
}

/// Where the match and each of the instructions of a flow mod end.
fn instruction_ends(body: &[u8]) -> Vec<usize> {
    let length = |at: usize| usize::from(u16::from_be_bytes([body[at + 2], body[at + 3]]));
    let mut end = 40 + length(40).next_multiple_of(8);
    let mut ends = vec![end];
    while end < body.len() {
        end += length(end);
        ends.push(end);
    }
    ends
}

/// Open vSwitch's tests, `tests/ofp-actions.at`: actions and what `ovs-ofctl` prints.
#[derive(Deserialize)]
struct Vectors {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    version: String,
    hex: String,
    text: Vec<String>,
}

/// The actions we do not know, `set_queue` as only OpenFlow 1.0 has it, and `move` as only
/// 1.3 has it (the ONF's extension).
const KEPT: [&str; 8] = [
    "multipath",
    "bundle",
    "sample",
    "encap",
    "dec_nsh_ttl",
    "delete_field",
    "set_queue",
    "move",
];

/// What becomes of a vector here.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// Decoded to the actions of the text, and encoded to the same bytes.
    Same,
    /// Decoded to the actions of the text; we say it in other bytes.
    SaidOtherwise,
    /// Kept as bytes: an action we do not know.
    Kept,
    /// Bytes that are not actions: an error.
    Malformed,
    /// Actions that a switch refuses; whether it does is not the decoder's business.
    Refused,
    /// Actions of OpenFlow 1.0 and 1.1 that 1.4 has in another form, or not at all.
    NotOurs,
}

impl Vector {
    /// The bytes, without the comments that stand between them.
    fn bytes(&self) -> Vec<u8> {
        let words: Vec<&str> = self.hex.split_whitespace().collect();
        let is_hex = |word: &&&str| word.chars().all(|c| c.is_ascii_hexdigit());
        // A comment comes first; the actions begin with four digits.
        let commented = words[0] == "dnl";
        let begins = |word: &&str| !commented || word.len() == 4 && is_hex(&word);
        let start = words.iter().position(begins).expect("some bytes");
        let digits: Vec<&str> = words[start..].iter().filter(is_hex).copied().collect();
        bytes(&digits.concat())
    }

    fn verdict(&self) -> Verdict {
        let version = match self.version.as_str() {
            "OpenFlow15" => Version::V1_5,
            _ => Version::V1_4,
        };
        let message = self.bytes();
        // What is in a clone is of the same version.
        let experimental = message.starts_with(&[0xff, 0xff]) && !self.text[0].contains("clone");
        let old = matches!(self.version.as_str(), "OpenFlow10" | "OpenFlow11");
        if old && !experimental {
            return Verdict::NotOurs;
        }
        let decoded = Action::decode_list(version, &message);
        let Some(expected) = self.text[0].strip_prefix("actions=") else {
            return self.refusal(decoded.is_err());
        };
        let actions = decoded.unwrap_or_else(|error| panic!("{expected}: {error}"));
        if matches!(actions[..], [Action::Unknown(_)]) {
            assert!(
                KEPT.iter().any(|word| expected.starts_with(word)),
                "{expected}"
            );
            assert_eq!(encode(&actions, version), message, "{expected}");
            return Verdict::Kept;
        }
        let parsed = Action::parse_list(expected).expect("actions");
        assert_eq!(actions, parsed, "{expected}");
        match encode(&actions, version) == message {
            true => Verdict::Same,
            false => Verdict::SaidOtherwise,
        }
    }

    fn refusal(&self, is_error: bool) -> Verdict {
        let malformed = self.text[0].contains("BAD_LEN") || self.text[0].contains("SET_LEN");
        assert!(is_error || !malformed, "{} {}", self.version, self.hex);
        if malformed {
            Verdict::Malformed
        } else {
            Verdict::Refused
        }
    }
}

fn encode(actions: &[Action], version: Version) -> Vec<u8> {
    let mut out = Vec::new();
    Action::encode_list(actions, version, &mut out).expect("short actions");
    out
}

/// `None`, said aloud, where the vectors are not.
fn their_vectors() -> Option<Vec<Vector>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/captures/openflow");
    let file: PathBuf = folder.join("actions.json");
    let Ok(text) = fs::read_to_string(&file) else {
        eprintln!(
            "{} is not here: only our own vectors are tested",
            file.display()
        );
        return None;
    };
    let vectors: Vectors = serde_json::from_str(&text).expect("vectors");
    Some(vectors.vectors)
}

#[test]
fn actions_of_open_vswitchs_tests_are_what_they_say() {
    let Some(vectors) = their_vectors() else {
        return;
    };
    let verdicts: Vec<Verdict> = vectors.iter().map(Vector::verdict).collect();
    let count = |wanted: Verdict| {
        verdicts
            .iter()
            .filter(|verdict| **verdict == wanted)
            .count()
    };
    let counts = [
        count(Verdict::Same),
        count(Verdict::SaidOtherwise),
        count(Verdict::Kept),
        count(Verdict::Malformed),
        count(Verdict::Refused),
        count(Verdict::NotOurs),
    ];
    assert_eq!(counts, [56, 14, 19, 4, 13, 34]);
}

#[test]
fn an_action_of_open_vswitchs_tests_cut_anywhere_is_an_error_not_a_panic() {
    for vector in their_vectors().unwrap_or_default() {
        let message = vector.bytes();
        for end in 1..message.len() {
            for version in VERSIONS {
                let decoded = Action::decode_list(version, &message[..end]);
                let between = end % 8 == 0
                    && decoded
                        .as_ref()
                        .is_ok_and(|list| encode(list, version).len() == end);
                assert!(decoded.is_err() || between, "{} cut at {end}", vector.hex);
            }
        }
    }
}
