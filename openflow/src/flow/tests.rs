use super::*;
use crate::PortNo;
use crate::wire::{DecodeError, Version};

fn encoded(instructions: &Instructions, version: Version) -> Vec<u8> {
    let mut out = Vec::new();
    instructions
        .encode(version, &mut out)
        .expect("short instructions");
    out
}

#[test]
fn a_flow_without_instructions_drops() {
    let drop = Flow::new(3, 7, Match::new()).instructions;
    assert!(encoded(&drop, Version::V1_5).is_empty());
    assert_eq!(Instructions::decode(Version::V1_5, &[]), Ok(drop));
}

#[test]
fn a_meter_is_an_instruction_in_openflow_1_4_and_an_action_in_1_5() {
    let flow = Flow::default()
        .action(Action::Meter(4))
        .action(Action::output(PortNo(1)))
        .goto(9);
    for (version, kind) in [(Version::V1_4, 6), (Version::V1_5, 4)] {
        let bytes = encoded(&flow.instructions, version);
        assert_eq!(bytes[..2], [0, kind]);
        let decoded = Instructions::decode(version, &bytes);
        assert_eq!(decoded.as_ref(), Ok(&flow.instructions));
    }
}

#[test]
fn instructions_are_the_same_in_any_order() {
    let goto = [0, 1, 0, 8, 9, 0, 0, 0];
    let clear = [0, 5, 0, 8, 0, 0, 0, 0];
    let meter = [0, 6, 0, 8, 0, 0, 0, 4];
    let decode = |parts: [[u8; 8]; 3]| Instructions::decode(Version::V1_4, &parts.concat());
    assert_eq!(decode([goto, clear, meter]), decode([meter, clear, goto]));
}

#[test]
fn an_unknown_instruction_survives() {
    let bytes = [0xff, 0xff, 0, 16, 0, 0, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8];
    let instructions = Instructions::decode(Version::V1_5, &bytes).expect("an instruction");
    assert_eq!(instructions.unknown[0].as_bytes(), bytes);
    assert_eq!(encoded(&instructions, Version::V1_5), bytes);
}

#[test]
fn an_instruction_of_the_wrong_length_is_an_error() {
    let long = [0, 1, 0, 16, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let odd = [0, 1, 0, 9, 9, 0, 0, 0, 0];
    let none = [0, 1, 0, 0, 9, 0, 0, 0];
    for bytes in [&long[..], &odd, &none] {
        let decoded = Instructions::decode(Version::V1_5, bytes);
        assert!(
            matches!(decoded, Err(DecodeError::BadLength { .. })),
            "{bytes:?}"
        );
    }
}

#[test]
fn flows_with_the_same_key_replace_each_other() {
    let one = Flow::new(1, 2, Match::new().in_port(3));
    let other = one.clone().cookie(7).action(Action::PopVlan);
    assert_ne!(one, other);
    assert_eq!(one.key(), other.key());
    assert_ne!(one.key(), Flow::new(1, 3, Match::new().in_port(3)).key());
}
