use std::net::Ipv4Addr;

use super::*;
use crate::PortNo;

fn encoded(matching: &Match, version: Version) -> Vec<u8> {
    let mut out = Vec::new();
    matching.encode(version, &mut out).expect("a short match");
    out
}

fn decoded(bytes: &[u8]) -> Match {
    Match::decode(&mut Reader::new("a match", bytes)).expect("a match")
}

#[test]
fn matches_that_mean_the_same_are_equal() {
    let one = Match::new().in_port(3).ipv4().tcp();
    let other = Match::new().ipv4().tcp().in_port(PortNo(3));
    assert_eq!(one, other);
    let wide = Match::new().exact(Field::Xxreg0, 1u128 << 96 | 4);
    let narrow = Match::new()
        .exact(Field::Reg3, 4u32)
        .exact(Field::Reg2, 0u32)
        .exact(Field::Reg0, 1u32)
        .exact(Field::Reg1, 0u32);
    assert_eq!(wide, narrow);
    let tci = Match::new().exact(Field::VlanTci, 0x7005u16);
    let tag = Match::new().vlan(5).exact(Field::VlanPcp, 3u8);
    assert_eq!(tci, tag);
    let tos = Match::new().exact(Field::IpTos, 32u8);
    assert_eq!(tos, Match::new().exact(Field::IpDscp, 8u8));
    let local = Match::new().exact(Field::InPort16, 0xfffeu16);
    assert_eq!(local, Match::new().in_port(PortNo::LOCAL));
}

#[test]
fn bits_outside_the_mask_do_not_count() {
    let prefix = Match::new().ipv4_src(Ipv4Addr::new(10, 1, 2, 3), 8);
    assert_eq!(prefix, Match::new().ipv4_src(Ipv4Addr::new(10, 0, 0, 0), 8));
    let none = Match::new().ipv4_src(Ipv4Addr::new(10, 1, 2, 3), 0);
    assert!(none.is_empty());
}

#[test]
fn a_field_matched_on_again_is_replaced() {
    let twice = Match::new().in_port(1).in_port(2);
    assert_eq!(twice, Match::new().in_port(2));
    let gone = twice.masked(Field::InPort, 0u32, 0u32);
    assert!(gone.is_empty());
}

#[test]
fn openflow_1_5_has_registers_in_pairs() {
    let matching = Match::new()
        .exact(Field::Reg0, 7u32)
        .masked(Field::Reg1, 8u32, 0xffu32)
        .exact(Field::Reg5, 1u32);
    let bytes = encoded(&matching, Version::V1_5);
    assert_eq!(bytes[4..8], [0x80, 0x01, 0x01, 16]);
    assert_eq!(bytes[24..28], [0x80, 0x01, 0x05, 16]);
    assert_eq!(decoded(&bytes), matching);
    assert_eq!(decoded(&encoded(&matching, Version::V1_4)), matching);
}

#[test]
fn an_unknown_field_survives() {
    let unknown = [0x80, 0x00, 0x7e << 1, 3, 1, 2, 3];
    let experimenter = [0xff, 0xff, 0x02, 6, 0, 0, 0, 9, 1, 2];
    let bytes = [&unknown[..], &experimenter].concat();
    let matching = Match::decode_fields(&bytes).expect("fields");
    assert_eq!(matching.unknown().len(), 2);
    let mut again = Vec::new();
    matching
        .encode_fields(Version::V1_5, &mut again)
        .expect("a short match");
    assert_eq!(again, bytes);
}

#[test]
fn a_mask_on_a_field_that_takes_none_is_not_encoded() {
    let matching = Match::new().masked(Field::EthType, 0x800u16, 0xf00u16);
    let refused = matching.encode(Version::V1_5, &mut Vec::new());
    assert!(matches!(refused, Err(EncodeError::Inexpressible { .. })));
}

#[test]
fn a_field_of_the_wrong_length_is_an_error() {
    let short = [0x80, 0x00, 0x00, 2, 0, 1];
    let long = [0x80, 0x00, 0x00, 5, 0, 0, 0, 1, 0];
    assert!(Match::decode_fields(&short).is_err());
    assert!(Match::decode_fields(&long).is_err());
}

#[test]
fn a_field_wants_its_prerequisites() {
    let missing = |matching: Match| matching.missing_prerequisite();
    let port = |matching: Match| matching.exact(Field::TcpDst, 80u16);
    assert_eq!(missing(port(Match::new())), Some(Field::TcpDst));
    assert_eq!(
        missing(port(Match::new().ipv4().udp())),
        Some(Field::TcpDst)
    );
    assert_eq!(missing(port(Match::new().ipv4().tcp())), None);
    assert_eq!(missing(port(Match::new().ipv6().tcp())), None);
    let later = Match::new().ipv4().tcp().exact(Field::IpFrag, 3u8);
    assert_eq!(missing(port(later)), Some(Field::TcpDst));
    let priority = Match::new().exact(Field::VlanPcp, 3u8);
    assert_eq!(missing(priority.clone()), Some(Field::VlanPcp));
    assert_eq!(missing(priority.tagged()), None);
    let tracked = |set, unset| {
        let state = Match::new().ipv4().ct_state(set, unset);
        missing(state.exact(Field::CtNwSrc, 1u32)).is_none()
    };
    assert!(tracked(CtState::TRK | CtState::EST, CtState(0)));
    assert!(tracked(CtState::TRK, CtState::INV));
    assert!(!tracked(CtState::TRK, CtState(0)));
}
