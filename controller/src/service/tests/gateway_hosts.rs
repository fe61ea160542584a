//! Which hosts can be gateway hosts, by what is known of their NICs.

use api::request::GatewayCreate;
use serde_json::json;

use super::refused::request;
use super::topology::{nic, pool, tell};
use super::{Op, run};
use crate::service::gateway;

#[test]
fn a_host_that_the_external_network_does_not_come_to_is_no_gateway_host() {
    let (mut intent, mut observed, hosts) = pool();
    for op in [
        Op::Tenant { name: 0 },
        Op::Underlay {
            name: 1,
            endpoints: 1,
        },
        Op::External { tenant: 0, name: 0 },
        Op::Router {
            tenant: 0,
            name: 0,
            networks: Vec::new(),
        },
    ] {
        assert!(!run(&mut intent, &op).is_empty(), "{op:?}");
    }
    let carrier = intent.physical_networks.values().next().unwrap();
    let uplink = carrier.uplink.nics()[0].as_str();
    tell(&mut observed, hosts[0], vec![nic("eth0"), nic(uplink)]);
    tell(&mut observed, hosts[1], vec![nic("eth0"), nic("other0")]);
    let network = intent.networks.values().next().unwrap();
    let router = intent.routers.values().next().unwrap();
    // Of the last one's NICs nothing is known.
    let asked = json!({
        "router_id": router.id, "network_id": network.id,
        "host_ids": [hosts[0], hosts[1], hosts[2]],
    });
    let asked: GatewayCreate = request(asked);
    let refused = gateway::create(&intent, asked, &observed).map(|draft| draft.answer);
    let problem = refused.unwrap_err();
    let about: Vec<_> = problem
        .errors
        .iter()
        .filter(|it| it.message.contains("does not have"))
        .collect();
    let [fault] = &about[..] else {
        panic!("{:?}", problem.errors);
    };
    assert_eq!(fault.field, "host_ids[1]");
    for word in [uplink, "h1", carrier.name.as_str(), "expected a host"] {
        assert!(fault.message.contains(word), "{word}: {}", fault.message);
    }
}
