use openflow::table::{Hop, Outcome, Packet};
use openflow::{Action, Field, Match};

use super::way::{compare, looks};
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
    let path = hops.iter().map(|(table, flow)| Hop {
        table: *table,
        flow: *flow,
    });
    let outcome = Outcome {
        path: path.collect(),
        ..Outcome::default()
    };
    compare(&looks(&outcome), TEXT)
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
    let outcome = Outcome::default();
    for text in [
        "",
        "ofproto/trace: no such bridge",
        ". priority",
        "9999. x, priority 1",
    ] {
        let word = compare(&looks(&outcome), text);
        assert!(matches!(word, SwitchWord::Nothing { .. }), "{text}");
    }
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
    let reply = tables.evaluate(packet(), &mut Replies);
    assert_eq!(reply.outputs.len(), 1);
}

#[test]
fn the_table_that_asks_who_began_a_connection_is_there() {
    let mut names = crate::pipeline::TABLES.iter().map(|table| table.name);
    assert!(names.any(|name| name == way::RULES));
}
