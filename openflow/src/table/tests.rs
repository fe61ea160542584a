//! What the evaluator does, by example; `tests/switch` holds it against a real switch.

use proptest::prelude::*;

use super::*;
use crate::action::{Action, Controller, Ct};
use crate::matching::CtState;

/// UDP from 10.0.0.1 port 1000 to 10.0.0.2 port 53, from :0a to :0b, without UDP checksum.
const UDP: [u8; 46] = [
    2, 0, 0, 0, 0, 0x0b, 2, 0, 0, 0, 0, 0x0a, 8, 0, // Ethernet
    0x45, 0, 0, 32, 0, 0, 0, 0, 2, 17, 0xa4, 0xca, 10, 0, 0, 1, 10, 0, 0, 2, // IPv4
    3, 232, 0, 53, 0, 12, 0, 0, 1, 2, 3, 4, // UDP
];

fn flow(table: u8, priority: u16, matching: Match, actions: &[Action]) -> Flow {
    Flow::new(table, priority, matching).actions(actions.to_vec())
}

fn evaluate(tables: &Tables) -> Outcome<'_> {
    tables.evaluate(Packet::new(1, UDP.to_vec()), &mut Connections::default())
}

fn ports(outcome: &Outcome<'_>) -> Vec<u32> {
    outcome.outputs.iter().map(|output| output.port.0).collect()
}

#[test]
fn the_highest_priority_that_matches_wins() {
    let tables = Tables::new([
        flow(0, 1, Match::new(), &[Action::output(2)]),
        flow(
            0,
            9,
            Match::new().ipv4().udp().exact(Field::UdpDst, 53u16),
            &[Action::output(3)],
        ),
        flow(0, 10, Match::new().ipv4().tcp(), &[Action::output(4)]),
    ]);
    assert_eq!(ports(&evaluate(&tables)), [3]);
}

#[test]
fn nothing_matches_nothing_happens() {
    let tables = Tables::new([flow(1, 1, Match::new(), &[Action::output(2)])]);
    let outcome = evaluate(&tables);
    assert_eq!(
        outcome.path,
        [Hop {
            table: 0,
            flow: None,
            clauses: Vec::new(),
            pass: 0,
        }]
    );
    assert_eq!((outcome.outputs, outcome.failure), (Vec::new(), None));
}

#[test]
fn a_packet_does_not_go_back_where_it_came_from_unless_told_so() {
    let everywhere = [1, 2, 1].map(Action::output);
    let tables = Tables::new([flow(0, 1, Match::new(), &everywhere)]);
    assert_eq!(ports(&evaluate(&tables)), [2]);
    let tables = Tables::new([flow(0, 1, Match::new(), &[Action::in_port()])]);
    assert_eq!(ports(&evaluate(&tables)), [1]);
}

#[test]
fn what_is_changed_goes_out_changed_with_its_checksum_mended() {
    let actions = [
        Action::output(2),
        Action::DecTtl,
        Action::PushVlan(0x8100),
        Action::set_field(Field::VlanVid, 0x1005u16),
        Action::output(3),
    ];
    let tables = Tables::new([flow(0, 1, Match::new().ipv4(), &actions)]);
    let outcome = evaluate(&tables);
    assert_eq!(outcome.outputs[0].frame, UDP);
    let mut wanted = UDP.to_vec();
    wanted[22] = 1;
    wanted[24..26].copy_from_slice(&[0xa5, 0xca]);
    wanted.splice(12..12, [0x81, 0, 0, 5]);
    assert_eq!(outcome.outputs[1].frame, wanted);
}

#[test]
fn a_ttl_that_runs_out_goes_to_the_controller_and_no_further() {
    let tables = Tables::new([flow(
        0,
        1,
        Match::new().ipv4(),
        &[Action::DecTtl, Action::DecTtl, Action::output(2)],
    )]);
    let outcome = evaluate(&tables);
    assert_eq!(outcome.outputs, []);
    assert_eq!(outcome.controllers[0].reason, Reason::InvalidTtl);
}

#[test]
fn a_controller_gets_the_packet_and_the_flows_words() {
    let controller = Controller {
        userdata: vec![7],
        max_len: 20,
        ..Controller::default()
    };
    let flow = flow(0, 1, Match::new(), &[controller.into()]).cookie(5);
    let tables = Tables::new([flow]);
    let sent = &evaluate(&tables).controllers[0];
    assert_eq!(
        (sent.cookie, sent.frame.len(), sent.userdata.as_slice()),
        (5, 20, &[7][..])
    );
}

#[test]
fn a_conjunction_matches_when_all_its_clauses_do() {
    let clause = |matching, clause| {
        flow(
            0,
            10,
            matching,
            &[Action::Conjunction {
                id: 4,
                clause,
                clauses: 2,
            }],
        )
    };
    let mut flows = vec![
        clause(Match::new().in_port(1), 1),
        clause(Match::new().in_port(2), 1),
        flow(
            0,
            5,
            Match::new().exact(Field::ConjId, 4u32),
            &[Action::output(3)],
        ),
    ];
    assert_eq!(ports(&evaluate(&Tables::new(flows.clone()))), []);
    flows.push(clause(Match::new().eth_type(0x0800), 2));
    assert_eq!(ports(&evaluate(&Tables::new(flows))), [3]);
}

#[test]
fn a_connection_is_established_once_it_was_committed_and_answered() {
    let tracked = |state| {
        Match::new()
            .ipv4()
            .ct_state(CtState::TRK | state, CtState::default())
    };
    let tables = Tables::new([
        flow(0, 1, Match::new().ipv4(), &[Ct::lookup(7, 1).into()]),
        flow(
            1,
            1,
            tracked(CtState::NEW),
            &[Ct::commit(7).into(), Action::output(2)],
        ),
        flow(1, 2, tracked(CtState::EST), &[Action::output(3)]),
    ]);
    let mut answer = UDP.to_vec();
    answer[26..34].rotate_left(4);
    answer[34..38].rotate_left(2);
    let mut connections = Connections::default();
    let mut send = |port: u32, frame: &[u8]| {
        ports(&tables.evaluate(Packet::new(port, frame.to_vec()), &mut connections))
    };
    assert_eq!(send(1, &UDP), [2]);
    assert_eq!(send(1, &UDP), [2]);
    assert_eq!(send(2, &answer), [3]);
    assert_eq!(send(1, &UDP), [3]);
}

#[test]
fn resubmitting_without_end_is_a_failure_without_output() {
    let again = [Action::output(2), Action::resubmit(0)];
    let tables = Tables::new([flow(0, 1, Match::new(), &again)]);
    let outcome = evaluate(&tables);
    assert_eq!(outcome.failure, Some(Failure::TooDeep));
    assert_eq!(outcome.outputs, []);

    // 4^7 looks into the last table.
    let fork = |table: u8| {
        flow(
            table,
            1,
            Match::new(),
            &vec![Action::resubmit(table + 1); 4],
        )
    };
    let tables = Tables::new((0..7).map(fork));
    assert_eq!(evaluate(&tables).failure, Some(Failure::TooManyResubmits));
}

#[test]
fn tracking_without_end_ends() {
    let again = [Action::output(2), Ct::lookup(1, 0).into()];
    let tables = Tables::new([flow(0, 1, Match::new().ipv4(), &again)]);
    assert_eq!(ports(&evaluate(&tables)), [2; 7]);
}

#[test]
fn what_cannot_be_worked_out_is_a_failure_without_output() {
    for beyond in [
        Action::output(PortNo::NORMAL),
        Action::Group(1),
        Action::PushMpls(0x8847),
    ] {
        let tables = Tables::new([flow(0, 1, Match::new(), &[Action::output(2), beyond])]);
        let outcome = evaluate(&tables);
        assert!(matches!(outcome.failure, Some(Failure::Unsupported(_))));
        assert_eq!(outcome.outputs, []);
    }
}

proptest! {
    #[test]
    fn any_frame_has_an_answer(frame in proptest::collection::vec(any::<u8>(), 0..120)) {
        let actions = [
            Action::PopVlan,
            Action::DecTtl,
            Action::PushVlan(0x8100),
            Action::set_field(Field::Ipv6Src, 1u8),
            Action::set_field(Field::NdSll, 1u8),
            Ct::lookup(1, 1).into(),
            Action::output(2),
        ];
        let tables = Tables::new([flow(0, 1, Match::new(), &actions)]);
        tables.evaluate(Packet::new(1, frame), &mut Connections::default());
    }

    #[test]
    fn a_frame_that_begins_well_has_an_answer(
        prefix in 12usize..46,
        rest in proptest::collection::vec(any::<u8>(), 0..80),
    ) {
        let frame = [&UDP[..prefix], &rest].concat();
        let actions = [Action::DecTtl, Action::set_field(Field::Ipv4Src, 1u8), Ct::lookup(1, 1).into()];
        let tables = Tables::new([flow(0, 1, Match::new(), &actions)]);
        tables.evaluate(Packet::new(1, frame), &mut Connections::default());
    }
}
