//! Messages that Open vSwitch 3.1 sent, what they say, and what becomes of them when broken.

use std::time::Duration;

use bytes::{BufMut, BytesMut};
use proptest::prelude::*;

use super::*;
use crate::action::{Action, Reason};
use crate::field::Field;
use crate::matching::Match;
use crate::port::PortNo;
use crate::wire::{DecodeError, Version};

const VERSIONS: [(Version, &str); 2] = [
    (
        Version::V1_4,
        include_str!("../../tests/data/from_switch_1_4.hex"),
    ),
    (
        Version::V1_5,
        include_str!("../../tests/data/from_switch_1_5.hex"),
    ),
];

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// The messages of both versions: each line of the files is a name and a message.
fn captured() -> Vec<(Version, &'static str, Vec<u8>)> {
    let lines = |(version, file): &(Version, &'static str)| {
        let version = *version;
        let line = move |line: &'static str| {
            let (name, hex) = line.split_once(' ').unwrap();
            (version, name, bytes(hex))
        };
        file.lines().map(line).collect::<Vec<_>>()
    };
    VERSIONS.iter().flat_map(lines).collect()
}

/// Decodes the captured message of this name, in both versions.
fn decoded(name: &str) -> Vec<FromSwitch> {
    let named = captured()
        .into_iter()
        .filter(|(_, known, _)| *known == name);
    named
        .map(|(_, _, message)| FromSwitch::decode(&message).unwrap().1)
        .collect()
}

fn updates(name: &str) -> Vec<FlowUpdate> {
    let update = |message| match message {
        FromSwitch::Multipart(MultipartReply::FlowUpdates(mut updates)) => updates.remove(0),
        other => panic!("{other:?}"),
    };
    decoded(name).into_iter().map(update).collect()
}

#[test]
fn all_that_was_captured_is_understood() {
    for (version, name, message) in captured() {
        let (_, decoded) = FromSwitch::decode(&message).unwrap();
        let is_unknown = matches!(
            decoded,
            FromSwitch::Unknown { .. } | FromSwitch::Multipart(MultipartReply::Unknown { .. })
        );
        assert_eq!(is_unknown, name == "description", "{version:?} {name}");
    }
}

#[test]
fn the_switch_describes_itself() {
    for message in decoded("features") {
        let FromSwitch::Features(features) = message else {
            panic!()
        };
        assert_eq!(
            (features.datapath_id, features.tables),
            (0x124b_525e_ff46, 254)
        );
    }
    for message in decoded("config") {
        let config = SwitchConfig {
            flags: 0,
            miss_send_len: 0xffff,
        };
        assert_eq!(message, FromSwitch::SwitchConfig(config));
    }
    for message in decoded("ports") {
        let FromSwitch::Multipart(MultipartReply::Ports(ports)) = message else {
            panic!()
        };
        let br0 = ports
            .iter()
            .find(|port| port.number == PortNo::LOCAL)
            .unwrap();
        assert_eq!((br0.name.as_str(), br0.state), ("br0", 4));
        assert_eq!(br0.hardware_address, [0x12, 0x4b, 0x52, 0x5e, 0xff, 0x46]);
    }
    for message in decoded("port-status") {
        let FromSwitch::PortStatus(status) = message else {
            panic!()
        };
        assert_eq!(status.change, PortChange::Added);
        assert!(status.port.name.starts_with("late"));
    }
}

#[test]
fn installed_flows_come_with_their_counts() {
    for message in decoded("flows") {
        let FromSwitch::Multipart(MultipartReply::Flows(flows)) = message else {
            panic!()
        };
        let printed: Vec<_> = flows.iter().map(|flow| flow.flow.to_string()).collect();
        let wanted = "cookie=0x1234, table=3, hard_timeout=600, send_flow_rem importance=9, \
                      priority=7,ct_state=+est+trk,tcp,reg0=0x7,tp_dst=80 \
                      actions=set_field:0x3->reg1,resubmit(,4),ct(commit,zone=5)";
        assert!(printed.iter().any(|flow| flow == wanted), "{printed:#?}");
        assert!(
            flows
                .iter()
                .all(|flow| flow.duration < Duration::from_secs(5))
        );
    }
    let sums = Aggregate {
        packets: 0,
        bytes: 0,
        flows: 3,
    };
    for message in decoded("aggregate") {
        assert_eq!(
            message,
            FromSwitch::Multipart(MultipartReply::Aggregate(sums))
        );
    }
}

#[test]
fn changes_to_flows_are_told_apart() {
    let matching = Match::new().ipv4().ipv4_src([10, 0, 0, 0].into(), 8);
    for update in updates("monitor-initial") {
        assert!(matches!(update, FlowUpdate::Initial(_)), "{update:?}");
    }
    for update in updates("monitor-added") {
        let FlowUpdate::Added(flow) = update else {
            panic!("{update:?}")
        };
        assert_eq!(
            (flow.table, flow.priority, &flow.matching),
            (5, 9, &matching)
        );
    }
    for update in updates("monitor-modified") {
        let FlowUpdate::Modified(flow) = update else {
            panic!("{update:?}")
        };
        assert_eq!(flow.instructions.apply, [Action::output(1)]);
    }
    for update in updates("monitor-removed") {
        let FlowUpdate::Removed(flow, reason) = update else {
            panic!("{update:?}")
        };
        assert_eq!(
            (flow.matching, reason),
            (matching.clone(), RemovedReason::Deleted)
        );
    }
    for update in updates("monitor-own") {
        assert_eq!(update, FlowUpdate::Own { xid: 11 });
    }
    for message in decoded("flow-removed") {
        let FromSwitch::FlowRemoved(flow) = message else {
            panic!()
        };
        assert_eq!((flow.cookie, flow.hard_timeout), (0x1234, 600));
        assert_eq!(flow.matching.exact_value(Field::Reg0), Some(7));
    }
}

#[test]
fn packets_come_in_with_port_cookie_and_user_data() {
    for message in decoded("packet-in") {
        let FromSwitch::PacketIn(packet) = message else {
            panic!()
        };
        assert_eq!((packet.in_port(), packet.cookie), (Some(PortNo(2)), 0x56));
        assert_eq!((packet.data.len(), packet.total_bytes), (60, 60));
        assert_eq!(packet.reason, Reason::Action);
    }
    for message in decoded("packet-in-nicira") {
        let FromSwitch::PacketIn(packet) = message else {
            panic!()
        };
        assert_eq!((packet.in_port(), packet.cookie), (Some(PortNo(1)), 0x55));
        assert_eq!((packet.data.len(), packet.userdata), (60, vec![1, 2, 3]));
    }
}

#[test]
fn errors_have_names_and_the_message_they_refuse() {
    for (name, wanted) in [
        ("error", "OFPFMFC_BAD_COMMAND"),
        ("error-nicira", "NXBAC_BAD_CONJUNCTION"),
    ] {
        for message in decoded(name) {
            let FromSwitch::Error(error) = message else {
                panic!()
            };
            assert_eq!(error.to_string(), wanted);
            assert_eq!(error.data.get(1), Some(&kind::FLOW_MOD));
        }
    }
    let nobodys = OpenFlowError {
        kind: 4,
        code: 99,
        experimenter: None,
        data: Vec::new(),
    };
    assert_eq!(nobodys.to_string(), "error type 4 code 99");
}

#[test]
fn the_highest_common_version_is_agreed_on() {
    let ours = Hello::offering(&[Version::V1_4, Version::V1_5]);
    let theirs = |versions| ours.highest_common(Hello { versions });
    assert_eq!(theirs(0x7e), Some(Version::V1_5));
    assert_eq!(theirs(1 << 5 | 1 << 7), Some(Version::V1_4));
    assert_eq!(theirs(1 << 4 | 1 << 7), None);
    // Without a bitmap the header's version and all before it are offered.
    let bare = |version: u8| Hello::decode(version, &[]).unwrap();
    assert_eq!(ours.highest_common(bare(6)), Some(Version::V1_5));
    assert_eq!(ours.highest_common(bare(5)), Some(Version::V1_4));
    assert_eq!(ours.highest_common(bare(4)), None);
    assert_eq!(ours.highest_common(bare(255)), Some(Version::V1_5));
}

#[test]
fn what_is_not_known_is_kept() {
    let body = vec![1, 2, 3];
    let raw = ToSwitch::Raw {
        kind: 77,
        body: body.clone(),
    };
    let mut message = Vec::new();
    raw.encode(Version::V1_5, 9, &mut message).unwrap();
    let decoded = FromSwitch::decode(&message).unwrap();
    assert_eq!(decoded, (9, FromSwitch::Unknown { kind: 77, body }));
}

#[test]
fn connections_are_flushed_zone_by_zone() {
    let flush = ToSwitch::FlushConnections { zone: 0x1234 };
    let mut message = Vec::new();
    flush.encode(Version::V1_5, 7, &mut message).unwrap();
    let expected = [
        6, 4, 0, 24, 0, 0, 0, 7, 0, 0, 0x23, 0x20, 0, 0, 0, 29, 0, 0, 0, 0, 0, 0, 0x12, 0x34,
    ];
    assert_eq!(message, expected);
}

#[test]
fn a_message_too_long_for_its_length_is_refused() {
    let raw = ToSwitch::EchoRequest(vec![0; 65_528]);
    assert!(raw.encode(Version::V1_5, 1, &mut Vec::new()).is_err());
}

#[test]
fn a_message_cut_anywhere_is_an_error_not_a_panic() {
    for (version, name, message) in captured() {
        for end in 0..message.len() {
            assert!(
                FromSwitch::decode(&message[..end]).is_err(),
                "{version:?} {name} cut at {end}"
            );
        }
    }
}

#[test]
fn a_message_cut_anywhere_that_says_so_does_not_panic() {
    for (_, _, message) in captured() {
        for end in HEADER_LEN..message.len() {
            let mut cut = message[..end].to_vec();
            cut[2..4].copy_from_slice(&u16::try_from(end).unwrap().to_be_bytes());
            let _ = FromSwitch::decode(&cut);
        }
    }
}

#[test]
fn an_impossible_length_ends_the_stream() {
    let mut buffer = BytesMut::from(&[6, 2, 0, 7, 0, 0, 0, 0][..]);
    let failed = take_frame(&mut buffer).unwrap_err();
    assert!(
        matches!(failed, DecodeError::BadLength { length: 7, .. }),
        "{failed:?}"
    );
}

proptest! {
    #[test]
    fn any_bytes_have_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = FromSwitch::decode(&bytes);
    }

    #[test]
    fn any_body_of_any_kind_has_an_answer(
        version in 5u8..7,
        kind in 0u8..36,
        multipart in 0u16..18,
        body in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut message = vec![version, kind];
        let body = match kind {
            kind::MULTIPART_REPLY => [&multipart.to_be_bytes()[..], &[0; 6], &body].concat(),
            _ => body,
        };
        message.put_u16(u16::try_from(8 + body.len()).unwrap());
        message.put_u32(1);
        message.extend(body);
        let _ = FromSwitch::decode(&message);
    }

    #[test]
    fn a_captured_message_with_wrong_bytes_has_an_answer(
        which in any::<proptest::sample::Index>(),
        wrong in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let (_, _, mut message) = which.get(&captured()).clone();
        for (at, byte) in wrong {
            let at = at.index(message.len());
            message[at] = byte;
        }
        let _ = FromSwitch::decode(&message);
    }

    #[test]
    fn messages_are_found_however_the_stream_is_cut(sizes in proptest::collection::vec(1usize..99, 1..50)) {
        let messages: Vec<Vec<u8>> = captured().into_iter().map(|(_, _, message)| message).collect();
        let stream = messages.concat();
        let mut rest = stream.as_slice();
        let mut sizes = sizes.iter().cycle();
        let (mut buffer, mut found) = (BytesMut::new(), Vec::new());
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
            buffer.extend_from_slice(now);
            rest = later;
            while let Some(frame) = take_frame(&mut buffer).unwrap() {
                found.push(frame.to_vec());
            }
        }
        prop_assert_eq!(found, messages);
    }
}
