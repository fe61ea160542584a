//! What stops and starts again takes nothing with it.

use std::collections::BTreeMap;

use model::PortState;
use model::plan::Generation;

use crate::controller::Heard;
use crate::host::{Host, in_namespace, until};
use crate::plan::{RED, two_tenants};

fn active(name: &'static str) -> impl Fn(&Heard) -> bool {
    move |heard| {
        let vif = heard.vifs.get(name);
        vif.is_some_and(|vif| vif.state == PortState::Active)
    }
}

/// A host with one plugged port.
async fn plugged() -> Host {
    let host = Host::start().await;
    host.controller.send(two_tenants(3));
    host.plug_port("vif1", RED, 1);
    host.controller.hears(active("vif1")).await;
    host.controller
        .hears(|it| it.realized == Generation(3))
        .await;
    host
}

#[test]
fn an_agent_that_is_killed_and_returns_touches_no_flow_and_changes_only_what_changed() {
    in_namespace(async {
        let mut host = plugged().await;
        host.kill_agent();
        let before: BTreeMap<String, f64> = host.flows().into_iter().collect();
        host.unplug("vif1");
        host.plug_port("vif1", RED, 1);
        // Same name, same port of the plan, but a new number: only its own flows may change.
        host.start_agent();
        host.controller.hears(|it| it.sessions == 2).await;
        host.controller.hears(active("vif1")).await;
        let after: BTreeMap<String, f64> = host.flows().into_iter().collect();
        assert_eq!(before.len(), after.len());
        let kept = after
            .iter()
            .filter_map(|(flow, age)| Some((age, before.get(flow)?)));
        let kept: Vec<_> = kept.collect();
        assert!(kept.len() > 20, "{} flows kept", kept.len());
        for (age, age_before) in kept {
            assert!(age >= age_before, "a flow that was right was written again");
        }
        let heard = host
            .controller
            .hears(|it| it.realized == Generation(3))
            .await;
        assert_eq!(heard.hello, Some(Generation(3)));
        assert!(heard.remarks.is_empty(), "{:?}", heard.remarks);
    });
}

#[test]
fn after_a_crash_of_the_switch_all_flows_return() {
    in_namespace(async {
        let mut host = plugged().await;
        let before: Vec<String> = host.flows().into_iter().map(|(text, _)| text).collect();
        host.kill_vswitchd();
        host.controller
            .hears(|it| it.vifs["vif1"].state == PortState::Building)
            .await;
        host.start_vswitchd();
        host.controller.hears(active("vif1")).await;
        let after: Vec<String> = host.flows().into_iter().map(|(text, _)| text).collect();
        assert_eq!(before, after);
    });
}

#[test]
fn without_a_controller_a_planned_port_still_plugs_in() {
    in_namespace(async {
        let mut host = plugged().await;
        host.controller.stop();
        host.kill_agent();
        host.start_agent();
        let mark = |interface| {
            let get = ["--if-exists", "get", "Interface", interface];
            host.vsctl(&[&get[..], &["external_ids"]].concat())
        };
        host.plug_port("vif2", RED, 2);
        until("the port is active", || {
            mark("vif2").contains("bulkhead-active")
        });
        host.unplug("vif1");
        host.plug_port("vif9", RED, 1);
        until("the replugged port is active", || {
            mark("vif9").contains("bulkhead-active")
        });
    });
}

#[test]
fn an_older_plan_is_refused_and_nothing_changes() {
    in_namespace(async {
        let host = plugged().await;
        let before = host.flows().len();
        host.controller.send(two_tenants(2));
        host.controller
            .hears(|it| it.refused == [Generation(2)])
            .await;
        assert_eq!(host.flows().len(), before);
    });
}
