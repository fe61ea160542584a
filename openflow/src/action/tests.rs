use super::*;
use crate::matching::Match;
use crate::wire::{EncodeError, Version};

fn encoded(action: &Action, version: Version) -> Vec<u8> {
    let mut out = Vec::new();
    let list = std::slice::from_ref(action);
    Action::encode_list(list, version, &mut out).expect("a short action");
    out
}

fn part(field: Field, offset: u16, bits: u16) -> Subfield {
    Subfield::new(field, offset, bits).expect("a part of the field")
}

#[test]
fn openflow_1_5_sets_where_1_4_loads() {
    let set = Action::set_bits(part(Field::Reg2, 8, 8), 5u8);
    let load = Action::Load {
        target: part(Field::Reg2, 8, 8),
        value: 5,
    };
    let bytes = encoded(&set, Version::V1_4);
    assert_eq!(bytes, encoded(&load, Version::V1_4));
    assert_eq!(
        Action::decode_list(Version::V1_4, &bytes),
        Ok(vec![load.clone()])
    );
    let bytes = encoded(&set, Version::V1_5);
    assert_eq!(bytes, encoded(&load, Version::V1_5));
    assert_eq!(Action::decode_list(Version::V1_5, &bytes), Ok(vec![set]));
}

#[test]
fn openflow_1_4_takes_a_load_for_each_run_of_bits() {
    let set = Action::SetField {
        field: Field::CtLabel,
        value: u128::MAX,
        mask: !(0xff << 16),
    };
    let loads = Action::decode_list(Version::V1_4, &encoded(&set, Version::V1_4));
    let texts: Vec<String> = loads
        .expect("actions")
        .iter()
        .map(Action::to_string)
        .collect();
    assert_eq!(
        texts,
        [
            "load:0xffff->NXM_NX_CT_LABEL[0..15]",
            "load:0xffffffffffffffff->NXM_NX_CT_LABEL[24..87]",
            "load:0xffffffffff->NXM_NX_CT_LABEL[88..127]",
        ]
    );
}

#[test]
fn an_unknown_action_survives() {
    let mut bytes = vec![0xff, 0xff, 0, 24, 0, 0, 0x23, 0x20, 0x12, 0x34];
    bytes.resize(24, 7);
    let actions = Action::decode_list(Version::V1_5, &bytes).expect("an action");
    let [Action::Unknown(unknown)] = &actions[..] else {
        panic!("{actions:?}");
    };
    assert_eq!(unknown.as_bytes(), bytes);
    assert_eq!(encoded(&actions[0], Version::V1_5), bytes);
    assert_eq!(Action::parse_list(&actions[0].to_string()), Ok(actions));
}

#[test]
fn an_action_on_an_unknown_field_survives() {
    let mut bytes = vec![0xff, 0xff, 0, 24, 0, 0, 0x23, 0x20, 0, 7, 0, 31];
    bytes.extend_from_slice(&[0, 1, 0x7e, 4, 0, 0, 0, 0, 0, 0, 0, 1]);
    let actions = Action::decode_list(Version::V1_4, &bytes).expect("an action");
    assert!(matches!(actions[..], [Action::Unknown(_)]));
    assert_eq!(encoded(&actions[0], Version::V1_4), bytes);
}

#[test]
fn what_cannot_be_said_is_an_error() {
    let too_long = Action::note(vec![0; 70_000]);
    let refused = Action::encode_list(&[too_long], Version::V1_5, &mut Vec::new());
    assert!(matches!(refused, Err(EncodeError::TooLong { .. })));
    let late = [Action::PopVlan, Action::Meter(1)];
    let refused = Action::encode_list(&late, Version::V1_4, &mut Vec::new());
    assert!(matches!(refused, Err(EncodeError::Inexpressible { .. })));
    let wide = Action::Load {
        target: Subfield::whole(Field::CtLabel),
        value: 1,
    };
    let refused = Action::encode_list(&[wide], Version::V1_4, &mut Vec::new());
    assert!(matches!(refused, Err(EncodeError::TooLong { .. })));
    let far = Action::Resubmit {
        port: Some(PortNo(0x1_0000)),
        table: None,
        original: false,
    };
    let refused = Action::encode_list(&[far], Version::V1_5, &mut Vec::new());
    assert!(matches!(refused, Err(EncodeError::Inexpressible { .. })));
}

#[test]
fn a_part_is_within_its_field() {
    assert!(Subfield::new(Field::Reg0, 0, 32).is_some());
    assert!(Subfield::new(Field::Reg0, 1, 32).is_none());
    assert!(Subfield::new(Field::Reg0, 0, 0).is_none());
    assert!(Subfield::new(Field::Reg0, u16::MAX, u16::MAX).is_none());
    assert_eq!(part(Field::Reg0, 4, 8).mask(), 0xff0);
}

#[test]
fn a_plain_packet_for_the_controller_is_an_output() {
    let plain = Action::from(Controller {
        max_len: 128,
        ..Controller::default()
    });
    let port = PortNo::CONTROLLER;
    assert_eq!(plain, Action::Output { port, max_len: 128 });
}

#[test]
fn copying_to_a_narrower_field_takes_the_low_bits() {
    let Action::Move { source, target } = Action::copy(Field::TunId, Field::Reg1) else {
        panic!("copy moves");
    };
    assert_eq!((source.bits(), target.bits()), (32, 32));
    assert!(!source.is_whole() && target.is_whole());
}

#[test]
fn a_note_is_as_long_on_the_wire_as_it_was() {
    let note = Action::note([1, 2, 3]);
    let bytes = encoded(&note, Version::V1_5);
    assert_eq!(Action::decode_list(Version::V1_5, &bytes), Ok(vec![note]));
    assert!(Match::new().is_empty());
}
