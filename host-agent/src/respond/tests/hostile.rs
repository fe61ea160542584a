//! Requests that are cut, lie, or are no requests.

use dhcproto::Encodable;
use proptest::prelude::*;

use super::*;

/// Good requests, one for each question.
fn good() -> Vec<(Question, Vec<u8>)> {
    let nobody = Ipv4Addr::UNSPECIFIED;
    let discover = v4::message(dhcproto::v4::MessageType::Discover, nobody, vec![]);
    let inform = v6::message(dhcproto::v6::MessageType::InformationRequest, vec![]);
    let (discover, inform) = (discover.to_vec().unwrap(), inform.to_vec().unwrap());
    vec![
        (Question::Dhcpv4, ipv4_frame(nobody, (68, 67), &discover)),
        (Question::Dhcpv6, ipv6_frame((546, 547), &inform)),
        (Question::RouterSolicit, router_solicitation(mac())),
    ]
}

/// Every answer is for this port, from the gateway, and fits its link.
fn check(answer: Option<Vec<u8>>) {
    let Some(frame) = answer else { return };
    let port = port();
    let config = port.config();
    let is_group = frame[0] & 1 == 1;
    assert!(is_group || frame[..6] == config.mac.octets());
    assert_eq!(frame[6..12], config.gateway_mac.octets());
    assert!(frame.len() <= 14 + 1280, "{} bytes", frame.len());
}

#[test]
fn a_request_cut_anywhere_is_not_answered_and_no_panic() {
    let port = port();
    for (question, frame) in good() {
        assert!(frame_of(question, &frame, &port.config()).is_some());
        for end in 0..frame.len() {
            let answer = frame_of(question, &frame[..end], &port.config());
            assert_eq!(answer, None, "{question:?} cut at {end}");
        }
    }
}

#[test]
fn a_fragment_is_not_answered() {
    let port = port();
    let mut frame = good().remove(0).1;
    frame[14 + 6] = 0x20;
    assert_eq!(frame_of(Question::Dhcpv4, &frame, &port.config()), None);
}

#[test]
fn options_beyond_counting_make_no_large_answer() {
    let port = port();
    let association = [&[0, 3, 0, 40][..], &[7; 12], &[0, 5, 0, 24], &[9; 24]].concat();
    let head = [&[1, 1, 2, 3][..], &[0, 1, 0, 4, 1, 2, 3, 4]].concat();
    let message = [head, association.repeat(1000)].concat();
    let frame = ipv6_frame((546, 547), &message);
    let answer = frame_of(Question::Dhcpv6, &frame, &port.config());
    assert!(answer.is_some());
    check(answer);
}

#[test]
fn options_nested_in_themselves_are_read_without_recursion() {
    let port = port();
    let mut nested = Vec::new();
    for _ in 0..1500 {
        let length = u16::try_from(nested.len() + 12).unwrap().to_be_bytes();
        nested = [&[0, 3, length[0], length[1]][..], &[0; 12], &nested].concat();
    }
    let message = [&[1, 1, 2, 3, 0, 1, 0, 1, 1][..], &nested].concat();
    let frame = ipv6_frame((546, 547), &message);
    check(frame_of(Question::Dhcpv6, &frame, &port.config()));
}

fn any_question() -> impl Strategy<Value = Question> {
    proptest::sample::select(Question::ALL.to_vec())
}

proptest! {
    #[test]
    fn any_bytes_are_answered_to_the_port_or_not_at_all(
        question in any_question(),
        frame in proptest::collection::vec(any::<u8>(), 0..400),
    ) {
        check(frame_of(question, &frame, &port().config()));
    }

    #[test]
    fn any_options_are_answered_to_the_port_or_not_at_all(
        kind in any::<u8>(),
        options in proptest::collection::vec(any::<u8>(), 0..1200),
    ) {
        let port = port();
        let mut message = vec![0; 240];
        message[..3].copy_from_slice(&[1, 1, 6]);
        message[28..34].copy_from_slice(&mac().octets());
        message[236..].copy_from_slice(&[99, 130, 83, 99]);
        message.extend([53, 1, kind % 9]);
        message.extend(&options);
        let frame = ipv4_frame(Ipv4Addr::UNSPECIFIED, (68, 67), &message);
        check(frame_of(Question::Dhcpv4, &frame, &port.config()));
        let message = [&[kind % 13, 1, 2, 3][..], &options].concat();
        let frame = ipv6_frame((546, 547), &message);
        check(frame_of(Question::Dhcpv6, &frame, &port.config()));
    }

    #[test]
    fn a_good_request_with_some_bytes_changed_makes_no_panic(
        which in 0..3usize,
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..8),
    ) {
        let (question, mut frame) = good().remove(which);
        for (index, byte) in changes {
            let at = index.index(frame.len());
            frame[at] = byte;
        }
        check(frame_of(question, &frame, &port().config()));
    }
}
