//! What somebody else does to our flows is undone at once; what they do beside them is theirs.

use model::PortState;
use model::plan::Generation;

use crate::host::{Host, in_namespace, until};
use crate::plan::{RED, two_tenants};

const THEIRS: &str = "table=0,priority=7,in_port=77,actions=drop";
const LEFTOVER: &str = "cookie=0xb01d000000000063,table=0,priority=9,in_port=88,actions=drop";

#[test]
fn a_deleted_flow_returns_a_forged_one_goes_and_an_operators_stays() {
    in_namespace(async {
        let host = Host::start().await;
        host.controller.send(two_tenants(1));
        host.plug_port("vif1", RED, 1);
        let active = |state: PortState| state == PortState::Active;
        let is_active = |it: &crate::controller::Heard| {
            it.vifs.get("vif1").is_some_and(|vif| active(vif.state)) && it.realized == Generation(1)
        };
        host.controller.hears(is_active).await;
        let texts = || {
            let mut flows: Vec<_> = host.flows().into_iter().map(|(text, _)| text).collect();
            flows.sort();
            flows
        };
        let right = texts();

        host.ofctl(&["add-flow", "br-int", THEIRS]);
        host.ofctl(&["add-flow", "br-int", LEFTOVER]);
        until("the forged flow is gone", || texts() == right);
        host.ofctl(&["del-flows", "br-int", "table=8"]);
        until("the deleted flows are back", || texts() == right);
        // Somebody's own flow in the place of ours, and one of ours that does something else.
        host.ofctl(&[
            "add-flow",
            "br-int",
            "cookie=5,table=60,priority=0,actions=drop",
        ]);
        until("the replaced flow is back", || texts() == right);
        host.ofctl(&["mod-flows", "br-int", "table=40,actions=NORMAL"]);
        until("the changed flows are right again", || texts() == right);
        assert!(host.ofctl(&["dump-flows", "br-int"]).contains("in_port=77"));
        host.controller
            .hears(|it| it.remarks.iter().any(|remark| remark.contains("restored")))
            .await;
    });
}

#[test]
fn the_shield_is_raised_again_after_somebody_flushed_all_filters() {
    in_namespace(async {
        let _host = Host::start().await;
        let nft = |arguments: &[&str]| {
            let output = std::process::Command::new("nft").args(arguments).output();
            String::from_utf8(output.unwrap().stdout).unwrap()
        };
        // Each with the number that the kernel gave it: one that is made anew has another.
        let tables = || -> Vec<String> {
            let rules = nft(&["-a", "list", "ruleset"]);
            let ours = rules.lines().filter(|it| it.contains(" bulkhead {"));
            ours.map(str::to_owned).collect()
        };
        until("the shield is raised", || tables().len() == 2);
        let before = tables();
        nft(&["flush", "ruleset"]);
        until("the shield is raised again", || {
            let now = tables();
            now.len() == 2 && now.iter().all(|table| !before.contains(table))
        });
    });
}
