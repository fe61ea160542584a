use openflow::table::{Hop, Outcome, Packet, Start};
use openflow::{Action, Field, Match};

use super::confirm::{compare, passes};
use super::*;

/// What Open vSwitch 3.1 prints.
const TEXT: &str = "\
Flow: in_port=1,vlan_tci=0x0000,dl_src=fa:16:3e:00:00:01
bridge(\"br-int\")
----------------
 0. in_port=1,vlan_tci=0x0000/0x1fff, priority 100, cookie 0xb01d000000000001
    set_field:0x1->reg0
    goto_table:8
 8. ip,in_port=1, priority 100, cookie 0xb01d000000000001
    goto_table:32
32. No match.
    drop

Final flow: unchanged
Megaflow: recirc_id=0,eth,ip,in_port=1
Datapath actions: drop

bridge(\"br-private\")
--------------------
 0. priority 0
    NORMAL
";

fn flow(table: u8, priority: u16) -> Flow {
    let flow = Flow::new(table, priority, Match::new());
    flow.cookie(0xb01d_0000_0000_0001)
}

fn of(hops: &[(u8, Option<&Flow>)]) -> SwitchWord {
    said_of(hops, TEXT)
}

fn said_of(hops: &[(u8, Option<&Flow>)], text: &str) -> SwitchWord {
    let path = hops.iter().map(|(table, flow)| Hop {
        table: *table,
        flow: *flow,
        clauses: Vec::new(),
        pass: 0,
    });
    let outcome = Outcome {
        path: path.collect(),
        passes: vec![Start {
            table: 0,
            sent_by: None,
            frame: Vec::new(),
            fields: Default::default(),
        }],
        ..Outcome::default()
    };
    compare(&passes(&outcome), &[text.to_owned()])
}

#[test]
fn the_switch_says_the_same_only_where_every_look_is() {
    let (first, second) = (flow(0, 100), flow(8, 100));
    assert_eq!(
        of(&[(0, Some(&first)), (8, Some(&second)), (32, None)]),
        SwitchWord::Same
    );
    for hops in [
        vec![(0, Some(&first)), (8, Some(&second))],
        vec![(0, Some(&first)), (8, None), (32, None)],
        vec![(0, Some(&second)), (9, Some(&second)), (32, None)],
        vec![],
    ] {
        assert!(matches!(of(&hops), SwitchWord::Other { .. }), "{hops:?}");
    }
}

#[test]
fn where_a_packet_is_measured_the_switch_tells_both_ways() {
    let target = openflow::action::Subfield::new(Field::Reg9, 0, 1).unwrap();
    let length = 1414;
    let measuring = flow(0, 100).action(Action::CheckPacketLarger { length, target });
    assert_eq!(of(&[(0, Some(&measuring)), (32, None)]), SwitchWord::Same);
    let back = [(32, None), (0, Some(&measuring))];
    assert!(matches!(of(&back), SwitchWord::Other { .. }));
}

#[test]
fn a_text_that_is_no_trace_says_nothing() {
    for text in [
        "",
        "ofproto/trace: no such bridge",
        ". priority",
        "9999. x, priority 1",
    ] {
        let word = said_of(&[(0, None)], text);
        assert!(matches!(word, SwitchWord::Nothing { .. }), "{text}");
    }
}

/// Conntrack sends a packet on once, to table 1, in zone 5 and with a register.
fn tracked() -> Vec<confirm::Pass> {
    let register = Action::set_field(Field::Reg0, 7u8);
    let tables = Tables::new([
        flow(0, 1)
            .action(register)
            .action(openflow::action::Ct::lookup(5, 1)),
        flow(1, 2),
    ]);
    passes(&tables.evaluate(Packet::new(1, datagram()), &mut Connections::default()))
}

/// From 10.0.0.1, port 4000, to 10.0.0.2, port 53.
fn datagram() -> Vec<u8> {
    let ethernet = [[0xfa; 6], [0xfe; 6]].concat();
    let ip = [
        0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
    ];
    [&ethernet[..], &[8, 0], &ip, &[15, 160, 0, 53, 0, 8, 0, 0]].concat()
}

#[test]
fn where_conntrack_sends_a_packet_the_switch_is_asked_again_with_what_is_known_of_it() {
    let passes = tracked();
    assert_eq!(passes.len(), 2);
    assert!(passes[0].question().is_none());
    let question = passes[1].question().unwrap();
    assert_eq!(
        question.flow,
        "in_port=1,ip,ct_state=new|trk,ct_zone=5,ct_nw_src=10.0.0.1,ct_nw_dst=10.0.0.2,\
         ct_nw_proto=17,ct_tp_src=4000,ct_tp_dst=53"
    );
    assert_eq!(question.actions, "set_field:0x7->reg0,resubmit(,1)");
    assert_eq!(question.frame, datagram());
}

#[test]
fn another_zone_register_address_or_table_after_conntrack_is_no_confirmation() {
    const FIRST: &str = "\
 0. priority 1, cookie 0xb01d000000000001
     -> A clone of the packet is forked to recirculate. The forked pipeline will be resumed at table 1.
====
recirc(0x1)
====
Flow: recirc_id=0x1,ct_state=new|trk,ct_zone=5,eth,udp,reg0=0x7,in_port=1,dl_src=fe:fe:fe:fe:fe:fe,\
dl_dst=fa:fa:fa:fa:fa:fa,nw_src=10.0.0.1,nw_dst=10.0.0.2,tp_src=4000,tp_dst=53
";
    const SECOND: &str = " 1. priority 2, cookie 0xb01d000000000001\n";
    let passes = tracked();
    let said = |first: &str| compare(&passes, &[first.to_owned(), SECOND.to_owned()]);
    assert_eq!(said(FIRST), SwitchWord::Same);
    for (from, to) in [
        ("ct_zone=5", "ct_zone=6"),
        ("reg0=0x7", "reg0=0x8"),
        ("reg0=0x7", "reg0=0x7,reg1=0x1"),
        ("nw_src=10.0.0.1", "nw_src=10.0.0.10"),
        ("resumed at table 1.", "resumed at table 2."),
        ("resumed at table 1.", "dropped."),
    ] {
        let word = said(&FIRST.replace(from, to));
        assert!(matches!(word, SwitchWord::Other { .. }), "{to}: {word:?}");
    }
    let part = compare(&passes, &[FIRST.to_owned()]);
    assert!(matches!(part, SwitchWord::SameSoFar { .. }));
}

#[test]
fn a_reply_is_let_in_where_a_new_connection_is_not() {
    use openflow::action::Ct;
    use openflow::matching::CtState;
    let tracked = Flow::new(0, 1, Match::new().ipv4()).action(Ct::lookup(1, 1));
    let established = CtState::EST;
    let let_in = Match::new().ct_state(established, established);
    let tables = Tables::new([
        tracked,
        Flow::new(1, 1, let_in.ipv4()).action(Action::output(2)),
    ]);
    let mut frame = vec![0; 54];
    frame[12] = 8;
    frame[14] = 0x45;
    frame[17] = 40;
    frame[22..24].copy_from_slice(&[64, 6]);
    frame[46] = 0x50;
    let packet = || Packet::new(1, frame.clone());
    let new = tables.evaluate(packet(), &mut Connections::default());
    assert_eq!(new.outputs, []);
    let reply = tables.evaluate(packet(), &mut Replies::default());
    assert_eq!(reply.outputs.len(), 1);
}
