//! What is plugged works if the plan knows it, and is dark if not.

use model::PortState;
use model::plan::Generation;

use crate::host::{Host, in_namespace, until};
use crate::plan::{
    BLUE, PHYSICAL, RED, network, open, physical, plan, port, port_id, two_tenants, uuid,
};

/// Frames: from interface 1, a port of red with the address 10.0.0.1.
const ARP_FOR_REMOTE: &str = "in_port=vif1,arp,dl_src=fa:00:00:00:00:01,dl_dst=ff:ff:ff:ff:ff:ff,\
    arp_op=1,arp_sha=fa:00:00:00:00:01,arp_spa=10.0.0.1,arp_tpa=10.0.0.3";
const TO_LOCAL: &str = "in_port=vif1,ip,dl_src=fa:00:00:00:00:01,dl_dst=fa:00:00:00:00:02,\
    nw_src=10.0.0.1,nw_dst=10.0.0.2";
const TO_REMOTE: &str = "in_port=vif1,ip,dl_src=fa:00:00:00:00:01,dl_dst=fa:00:00:00:00:03,\
    nw_src=10.0.0.1,nw_dst=10.0.0.3";
const SPOOFED: &str = "in_port=vif1,ip,dl_src=fa:00:00:00:00:01,dl_dst=fa:00:00:00:00:02,\
    nw_src=10.0.0.9,nw_dst=10.0.0.2";
const TAGGED: &str = "in_port=vif1,ip,dl_src=fa:00:00:00:00:01,dl_dst=fa:00:00:00:00:02,\
    dl_vlan=101,nw_src=10.0.0.1,nw_dst=10.0.0.2";

/// A first fragment of UDP, but for its ports.
const FRAGMENT: &str = "in_port=vif1,udp,dl_src=fa:00:00:00:00:01,dl_dst=fa:00:00:00:00:02,\
    nw_src=10.0.0.1,nw_dst=10.0.0.2";

#[test]
fn the_switch_looks_into_first_fragments_and_passes_none_it_cannot_look_into() {
    in_namespace(async {
        let mut host = Host::start().await;
        host.controller.send(two_tenants(1));
        host.plug_port("vif1", RED, 1);
        host.plug_port("vif2", RED, 2);
        let active = |it: &model::report::Vif| it.state == PortState::Active;
        host.controller
            .hears(|it| it.vifs.len() == 2 && it.vifs.values().all(active))
            .await;
        let honest = format!("{FRAGMENT},udp_src=4000,udp_dst=4000,nw_frag=first");
        assert_ne!(host.trace(&honest), "drop");
        for ports in ["udp_src=67,udp_dst=4000", "udp_src=4000,udp_dst=68"] {
            let server = format!("{FRAGMENT},{ports},nw_frag=first");
            assert_eq!(host.trace(&server), "drop");
        }
        // An agent that looks at its flows just now would put right what is set here.
        host.kill_agent();
        host.ofctl(&["set-frags", "br-int", "normal"]);
        assert_eq!(host.trace(&honest), "drop");
        assert_ne!(host.trace(TO_LOCAL), "drop");
        host.start_agent();
        until("it is put right", || host.trace(&honest) != "drop");
    });
}

#[test]
fn a_known_port_becomes_active_and_an_unknown_one_stays_dark() {
    in_namespace(async {
        let host = Host::start().await;
        host.controller.send(two_tenants(5));
        host.controller
            .hears(|it| it.realized == Generation(5))
            .await;
        host.plug_port("vif1", RED, 1);
        host.plug_port("vif2", RED, 2);
        host.plug_port("vif3", BLUE, 1);
        host.plug("vif4", &uuid(0xdead).to_string());
        let state = |name: &'static str, state| {
            move |vifs: &std::collections::BTreeMap<String, model::report::Vif>| {
                vifs.get(name).is_some_and(|vif| vif.state == state)
            }
        };
        let active = ["vif1", "vif2", "vif3"].map(|name| state(name, PortState::Active));
        let dark = state("vif4", PortState::Down);
        let heard = host
            .controller
            .hears(|it| active.iter().all(|is| is(&it.vifs)) && dark(&it.vifs))
            .await;
        assert_eq!(heard.failures, []);
        assert_eq!(heard.vifs["vif1"].generation, Some(Generation(5)));
        let active = ["get", "Interface", "vif1", "external_ids:bulkhead-active"];
        until("the mark", || host.vsctl(&active).trim() == "\"5\"");

        let number = |name| {
            host.vsctl(&["get", "Interface", name, "ofport"])
                .trim()
                .to_owned()
        };
        let flows = host.flows();
        let dark_port = format!("in_port={},", number("vif4"));
        assert!(!flows.iter().any(|(flow, _)| flow.contains(&dark_port)));
        // The switch itself agrees with what the evaluator says in the pipeline's own tests.
        assert_ne!(host.trace(TO_LOCAL), "drop");
        assert!(
            host.trace(TO_REMOTE)
                .starts_with("push_vlan(vid=100,pcp=0),")
        );
        assert!(!host.trace(ARP_FOR_REMOTE).contains("vlan"));
        assert_ne!(host.trace(ARP_FOR_REMOTE), "drop");
        assert_eq!(host.trace(SPOOFED), "drop");
        assert_eq!(host.trace(TAGGED), "drop");

        host.unplug("vif1");
        host.controller
            .hears(|it| !it.vifs.contains_key("vif1"))
            .await;
        assert_ne!(host.flows().len(), flows.len());
    });
}

#[test]
fn the_bridges_are_closed_and_the_patch_carries_just_the_vlans_in_use() {
    in_namespace(async {
        let host = Host::start().await;
        let get = |table, row, column| host.vsctl(&["get", table, row, column]).trim().to_owned();
        assert_eq!(get("Bridge", "br-int", "fail_mode"), "secure");

        host.controller.send(two_tenants(1));
        host.controller
            .hears(|it| it.realized == Generation(1))
            .await;
        assert_eq!(get("Bridge", "br-vm", "fail_mode"), "standalone");
        assert_eq!(get("Port", "in-vm", "vlan_mode"), "trunk");
        assert_eq!(get("Port", "in-vm", "trunks"), "[100, 101]");
        assert_eq!(host.vsctl(&["list-ports", "br-vm"]), "in-vm\nnic1\n");
        let sflow = host.vsctl(&["list", "sFlow"]);
        assert!(sflow.contains("agent               : lo"), "{sflow}");
        assert!(sflow.contains("\"127.0.0.1:6343\""), "{sflow}");

        // One network left, and a hand on the trunk: both are made right.
        host.vsctl(&[
            "add-port",
            "br-int",
            "theirs",
            "--",
            "set",
            "Interface",
            "theirs",
            "type=dummy",
        ]);
        host.controller.send(plan(
            2,
            &[physical(), open(), network(RED, 1, 100), port(RED, 1)],
        ));
        host.controller
            .hears(|it| it.realized == Generation(2))
            .await;
        assert_eq!(get("Port", "in-vm", "trunks"), "[100]");
        assert_eq!(host.vsctl(&["list", "sFlow"]), "");
        host.vsctl(&["clear", "Port", "in-vm", "trunks"]);
        until("the trunk is closed again", || {
            get("Port", "in-vm", "trunks") == "[100]"
        });

        // No network left: no patch, for one without trunks would carry everything.
        host.controller.send(plan(3, &[physical()]));
        host.controller
            .hears(|it| it.realized == Generation(3))
            .await;
        assert_eq!(host.vsctl(&["list-ports", "br-vm"]), "nic1\n");
        host.controller.send(plan(4, &[]));
        host.controller
            .hears(|it| it.realized == Generation(4))
            .await;
        assert_eq!(host.vsctl(&["list-br"]), "br-int\n");
        assert_eq!(host.vsctl(&["list-ports", "br-int"]), "theirs\n");
    });
}

#[test]
fn a_physical_network_whose_nic_belongs_to_another_bridge_is_a_failure_and_is_left_alone() {
    in_namespace(async {
        let host = Host::start().await;
        host.vsctl(&["add-br", "br-theirs", "--", "add-port", "br-theirs", "nic1"]);
        host.controller.send(two_tenants(1));
        let heard = host.controller.hears(|it| !it.failures.is_empty()).await;
        assert_eq!(
            heard.failures[0].key,
            model::plan::PlanKey::PhysicalNetwork(uuid(PHYSICAL).into())
        );
        assert!(heard.failures[0].reason.contains("br-theirs"));
        assert_eq!(host.vsctl(&["list-ports", "br-theirs"]), "nic1\n");
    });
}

/// More at once than what the switch tells of is kept for an agent that is busy.
#[test]
fn of_very_many_interfaces_that_appear_at_once_none_is_missed() {
    const NETWORKS: u128 = 12;
    const PORTS: u8 = 200;
    in_namespace(async {
        let host = Host::start().await;
        let mut items = vec![physical(), open()];
        let mut arguments = Vec::new();
        for id in 1..=NETWORKS {
            let number = u16::try_from(id).unwrap();
            items.push(network(id, number.into(), 99 + number));
            for n in 1..=PORTS {
                items.push(port(id, n));
                let name = format!("v{id}-{n}");
                let iface_id = port_id(id, n);
                arguments.push(format!(
                    "-- add-port br-int {name} -- set Interface {name} type=dummy \
                     external_ids:iface-id={iface_id}"
                ));
            }
        }
        host.controller.send(plan(1, &items));
        host.controller
            .hears(|it| it.realized == Generation(1))
            .await;
        let arguments = arguments.join(" ");
        host.vsctl(&arguments.split_whitespace().skip(1).collect::<Vec<_>>());
        let all = usize::from(PORTS) * usize::try_from(NETWORKS).unwrap();
        let active = |it: &&model::report::Vif| it.state == PortState::Active;
        host.controller
            .hears(|it| it.vifs.values().filter(active).count() == all)
            .await;
    });
}
