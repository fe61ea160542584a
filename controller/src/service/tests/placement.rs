//! Which hosts a scheduler is told of.

use std::sync::Arc;

use api::problem::Code;
use api::request::Placement;
use model::{
    FabricCheck, Finding, FindingKind, HostId, Loss, Network, PathResult, ProbePath, Timestamp,
};
use serde_json::json;

use super::refused::request;
use super::topology::{nic, pool, tell};
use super::{Op, run};
use crate::fleet::Observed;
use crate::intent::Intent;
use crate::object::{Object, Write};
use crate::service::placement::fitting;

/// A pool of three hosts, of which two are connected, with a network in a VLAN of `eth1`.
struct Scene {
    intent: Intent,
    observed: Observed,
    hosts: Vec<HostId>,
    checks: Vec<Arc<FabricCheck>>,
}

impl Scene {
    fn set() -> Self {
        let (mut intent, mut observed, hosts) = pool();
        let carrier = Op::PhysicalNetwork { name: 0, vlans: 6 };
        let network = Op::Network {
            tenant: 0,
            name: 0,
            carrier: 0,
            vlan: None,
        };
        for op in [Op::Tenant { name: 0 }, carrier, network] {
            assert!(!run(&mut intent, &op).is_empty());
        }
        let carrier = intent.physical_networks.values().next().unwrap();
        let own = carrier.uplink.nics()[0].to_string();
        for host in &hosts[..2] {
            tell(&mut observed, *host, vec![nic(&own)]);
        }
        let mut scene = Self {
            intent,
            observed,
            hosts,
            checks: Vec::new(),
        };
        scene.check(Vec::new(), Vec::new());
        scene
    }

    fn network(&self) -> &Network {
        self.intent.networks.values().next().unwrap()
    }

    fn path(&self) -> ProbePath {
        let vlan = self.network().segment.vlan().unwrap();
        ProbePath::Vlan { vlan }
    }

    fn check(&mut self, findings: Vec<Finding>, losses: Vec<Loss>) {
        let mut check: FabricCheck = request(json!({
            "id": model::FabricCheckId::generate(), "vlan": null, "vlans": "in-use",
            "host_id": null, "physical_network_id": null, "state": "done",
            "created_at": Timestamp::now(), "finished_at": Timestamp::now(),
            "findings": [], "paths": [], "losses": [],
        }));
        check.paths = vec![PathResult {
            physical_network_id: self.network().segment.physical_network_id(),
            path: self.path(),
            pairs: 2,
            small_passed: 2,
            full_passed: 2,
            full_bytes: 1500,
        }];
        (check.findings, check.losses) = (findings, losses);
        self.checks.push(Arc::new(check));
    }

    fn fitting(&self, bandwidth: Option<&str>) -> Vec<HostId> {
        let placement = Placement {
            network_id: self.network().id,
            bandwidth: bandwidth.map(|it| it.parse().unwrap()),
        };
        let found = fitting(&self.intent, &self.observed, &self.checks, placement);
        found.unwrap().iter().map(|host| host.id).collect()
    }

    fn sorted(&self, of: &[usize]) -> Vec<HostId> {
        let mut ids: Vec<HostId> = of.iter().map(|it| self.hosts[*it]).collect();
        ids.sort();
        ids
    }
}

#[test]
fn a_host_fits_that_is_connected_and_has_what_carries_the_network() {
    let mut scene = Scene::set();
    assert_eq!(scene.fitting(None), scene.sorted(&[0, 1]));
    let second = scene.hosts[1];
    let mut unplugged = nic("eth1");
    unplugged.carrier = false;
    let carrier = scene.intent.physical_networks.values().next().unwrap();
    unplugged.name = carrier.uplink.nics()[0].clone();
    tell(&mut scene.observed, second, vec![unplugged]);
    assert_eq!(scene.fitting(None), scene.sorted(&[0]));
    scene.observed = Observed::default();
    assert!(scene.fitting(None).is_empty());
}

#[test]
fn a_host_that_no_check_has_passed_does_not_fit() {
    let mut scene = Scene::set();
    let (first, second) = (scene.hosts[0], scene.hosts[1]);
    let loss = Loss {
        from: first,
        to: second,
        physical_network_id: scene.network().segment.physical_network_id(),
        path: scene.path(),
        largest_bytes: None,
    };
    let finding = |kind, host| Finding {
        kind,
        message: "it is so".to_owned(),
        host_ids: vec![host],
    };
    // Both lost what one of them is at fault for.
    let at_fault = vec![finding(FindingKind::Vlan, second)];
    scene.check(at_fault, vec![loss.clone()]);
    assert_eq!(scene.fitting(None), scene.sorted(&[0]));
    let absent = vec![finding(FindingKind::NotConnected, first)];
    scene.check(absent, Vec::new());
    assert_eq!(scene.fitting(None), scene.sorted(&[1]));
    scene.check(Vec::new(), Vec::new());
    assert_eq!(scene.fitting(None), scene.sorted(&[0, 1]));
    scene.checks.clear();
    assert!(scene.fitting(None).is_empty());
}

#[test]
fn there_is_room_for_what_the_nics_carry_less_what_is_promised() {
    let mut scene = Scene::set();
    assert_eq!(scene.fitting(Some("4G")), scene.sorted(&[0, 1]));
    let limits: model::Limits = request(json!({"rate_out": "3G", "rate_in": "3G"}));
    for _ in 0..3 {
        let body = json!({"network_id": scene.network().id, "host_id": scene.hosts[0]});
        let made = crate::service::port::create(&scene.intent, request(body), &scene.observed);
        let mut port = made.unwrap().answer;
        port.limits = limits;
        let write = Write::Put(Object::Port(Arc::new(port)));
        scene.intent.apply(scene.intent.revision + 1, [&write]);
    }
    assert_eq!(scene.fitting(Some("1G")), scene.sorted(&[0, 1]));
    assert_eq!(scene.fitting(Some("1100M")), scene.sorted(&[1]));
    assert_eq!(scene.fitting(None), scene.sorted(&[0, 1]));
}

#[test]
fn an_unknown_network_is_a_fault_of_the_parameter() {
    let scene = Scene::set();
    let placement = Placement {
        network_id: model::NetworkId::generate(),
        bandwidth: None,
    };
    let refused = fitting(&scene.intent, &scene.observed, &scene.checks, placement);
    let problem = refused.unwrap_err();
    assert_eq!(problem.code, Code::InvalidParameter);
    assert_eq!(problem.errors[0].field, "fits");
}
