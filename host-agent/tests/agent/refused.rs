//! What the switch refuses of one network holds up no other.

use model::PortState;
use model::plan::{Generation, PlanKey};

use crate::controller::Heard;
use crate::host::{Host, in_namespace, until};
use crate::plan::{BLUE, RED, port, two_tenants, uuid};

fn is_active(heard: &Heard, interface: &str) -> bool {
    let vif = heard.vifs.get(interface);
    vif.is_some_and(|vif| vif.state == PortState::Active)
}

/// Lets so many flows into the table that outputs.
fn limit(host: &Host, flows: &str) {
    let limit = format!("flow_limit={flows}");
    let table = ["--", "--id=@t", "create", "Flow_Table", &limit];
    let of = ["--", "set", "Bridge", "br-int", "flow_tables:60=@t"];
    host.vsctl(&[&table[..], &of[..]].concat());
}

fn flows_of(host: &Host, network: u8) -> Vec<String> {
    let cookie = format!("cookie=0xb01d0000000000{network:02x}");
    let flows = host.flows().into_iter().map(|(text, _)| text);
    flows.filter(|text| text.contains(&cookie)).collect()
}

#[test]
fn a_network_whose_flows_are_refused_is_left_out_and_comes_when_they_fit() {
    in_namespace(async {
        let host = Host::start().await;
        // One for misses and four for blue, but not red's six, or eight with a way out.
        limit(&host, "5");
        host.plug_port("vif1", BLUE, 1);
        for (interface, n) in [("vif2", 1), ("vif3", 2), ("vif4", 4)] {
            host.plug_port(interface, RED, n);
        }
        let mut plan = two_tenants(1);
        let more = port(RED, 4);
        plan.items.insert(more.key(), more);
        host.controller.send(plan);
        let refused = |heard: &Heard| {
            let red = PlanKey::Network(uuid(RED).into());
            heard.failures.iter().any(|it| it.key == red) && !is_active(heard, "vif2")
        };
        let both = |it: &Heard| refused(it) && is_active(it, "vif1");
        let heard = host.controller.hears(both).await;
        let reason = &heard.failures[0].reason;
        assert!(reason.contains("OFPFMFC_TABLE_FULL"), "{reason}");
        assert_ne!(flows_of(&host, 2), Vec::<String>::new());
        limit(&host, "100");
        let well =
            |it: &Heard| it.failures.is_empty() && is_active(it, "vif2") && is_active(it, "vif4");
        host.controller.hears(well).await;
    });
}

#[test]
fn of_a_refused_network_just_what_is_still_right_stays() {
    in_namespace(async {
        let host = Host::start().await;
        host.controller.send(two_tenants(1));
        host.plug_port("vif1", RED, 1);
        host.controller.hears(|it| is_active(it, "vif1")).await;
        host.controller
            .hears(|it| it.realized == Generation(1))
            .await;
        let before = flows_of(&host, 1);
        limit(&host, "5");
        host.plug_port("vif2", RED, 2);
        host.controller.hears(|it| !it.failures.is_empty()).await;
        // The flood, and who answers for the new port, would have to change.
        let after = flows_of(&host, 1);
        assert!(!after.is_empty() && after.len() < before.len());
        assert!(after.iter().all(|flow| before.contains(flow)));
        host.unplug("vif2");
        until("red is as it was", || flows_of(&host, 1) == before);
    });
}
