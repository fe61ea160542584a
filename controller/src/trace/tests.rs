//! Packets as senders would send them, and verdicts in words.

use api::request::TraceRequest;
use model::{HostId, HostTrace, PortId, SwitchWord, TraceEnd, TraceHop, TracedFrame, Verdict};
use serde_json::json;

use super::names::Names;
use super::words::{self, Seen};
use super::{Found, packet};
use crate::intent::Intent;

fn request(from: PortId) -> TraceRequest {
    serde_json::from_value(json!({"from_port_id": from, "to_address": "10.0.0.7"})).unwrap()
}

fn hop(table: &str, is_miss: bool) -> TraceHop {
    TraceHop {
        table: table.to_owned(),
        question: "who".to_owned(),
        network: None,
        security_group: None,
        port_id: None,
        rule_ids: Vec::new(),
        asks: None,
        translated: None,
        rule: Some("priority=0".to_owned()),
        is_miss,
    }
}

fn seen(hops: &[(&str, bool)], ends: Vec<TraceEnd>) -> Found {
    let trace = HostTrace {
        hops: hops.iter().map(|(table, miss)| hop(table, *miss)).collect(),
        ends,
        failure: None,
        switch: SwitchWord::Same,
    };
    let ports = trace.ends.iter().filter_map(|end| match end {
        TraceEnd::Port { port_id } => Some(*port_id),
        _ => None,
    });
    Found {
        ports: ports.collect(),
        seen: vec![Seen {
            host: HostId::generate(),
            how: "from a VIF".to_owned(),
            frame: TracedFrame::new(Vec::new()).unwrap(),
            trace,
        }],
        ..Found::default()
    }
}

fn told(found: Found, from: PortId) -> model::Trace {
    let intent = Intent::default();
    let names = Names {
        intent: &intent,
        viewer: None,
    };
    words::verdict(&names, &request(from), found)
}

#[test]
fn a_packet_of_nobody_or_of_another_tenants_vif_is_refused() {
    let intent = Intent::default();
    let names = Names {
        intent: &intent,
        viewer: None,
    };
    let problem = packet::of(&names, &request(PortId::generate()));
    let problem = problem.err().unwrap();
    assert_eq!(problem.errors.len(), 1);
    assert_eq!(problem.errors[0].field, "from_port_id");
}

#[test]
fn each_end_of_a_way_has_its_verdict() {
    let (from, to) = (PortId::generate(), PortId::generate());
    let at = |port_id| vec![TraceEnd::Port { port_id }];
    let agent = || {
        let question = "a query of a name".to_owned();
        vec![TraceEnd::Agent { question }]
    };
    let out = [("count_and_output", false)];
    let cases = [
        (seen(&out, at(to)), Verdict::Delivered),
        (seen(&out, at(from)), Verdict::Answered),
        (seen(&[("respond", false)], agent()), Verdict::Answered),
        (seen(&[("undeliverable", false)], agent()), Verdict::Dropped),
        (seen(&[("spoof_guard", true)], vec![]), Verdict::Dropped),
        (Found::default(), Verdict::Dropped),
    ];
    for (found, expected) in cases {
        assert_eq!(told(found, from).verdict, expected);
    }
    let silent = Found {
        silent: vec!["the agent of h2 does not answer".to_owned()],
        ..seen(&[("forward", false)], vec![])
    };
    let trace = told(silent, from);
    assert_eq!(trace.verdict, Verdict::Unknown);
    assert!(trace.message.contains("h2"), "{}", trace.message);
}

#[test]
fn what_dropped_a_packet_is_named_with_what_would_let_it_pass() {
    for table in ["spoof_guard", "admit_in", "next_hop"] {
        let trace = told(
            seen(&[("classify", false), (table, true)], vec![]),
            PortId::generate(),
        );
        assert!(trace.message.contains(table), "{}", trace.message);
        assert!(trace.advice.is_some(), "{table}");
        assert_eq!(trace.hosts[0].steps.last().unwrap().then, "dropped");
    }
}
