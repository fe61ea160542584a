//! Instances that go to another host.

use std::sync::Arc;

use api::backend::Outcome;
use api::problem::Code;
use api::request::InstanceUpdate;
use model::{Driver, HostId, InstanceId, MigrationStage, Power};

use super::topology::{nic, pool, tell};
use super::{Op, run};
use crate::fleet::Observed;
use crate::fleet::leaving::End;
use crate::intent::Intent;
use crate::object::{Object, PluggedInstance, Write};
use crate::service::instance::{self, moving};
use crate::writer::Draft;

/// Three hosts, of which two are connected, and a machine on the first with a VIF on a VLAN.
struct Scene {
    intent: Intent,
    observed: Observed,
    hosts: Vec<HostId>,
    machine: InstanceId,
}

impl Scene {
    fn set() -> Self {
        let (mut intent, mut observed, hosts) = pool();
        let network = Op::Network {
            tenant: 0,
            name: 0,
            carrier: 0,
            vlan: None,
        };
        let carrier = Op::PhysicalNetwork { name: 0, vlans: 6 };
        for op in [Op::Tenant { name: 0 }, carrier, network] {
            assert!(!run(&mut intent, &op).is_empty());
        }
        let machine = Op::Instance {
            tenant: 0,
            name: 0,
            host: 0,
            networks: vec![0],
            ports: Vec::new(),
        };
        assert!(!run(&mut intent, &machine).is_empty());
        let carrier = intent.physical_networks.values().next().unwrap();
        let own = carrier.uplink.nics()[0].to_string();
        for host in &hosts[..2] {
            tell(&mut observed, *host, vec![nic(&own)]);
        }
        let machine = *intent.instances.keys().next().unwrap();
        let mut scene = Self {
            intent,
            observed,
            hosts,
            machine,
        };
        scene.alter(|it| it.instance.driver = Driver::Libvirt);
        let on = scene.held().instance.host_id;
        scene.hosts.sort_by_key(|host| *host != on);
        scene
    }

    fn held(&self) -> &PluggedInstance {
        &self.intent.instances[&self.machine]
    }

    fn alter(&mut self, change: impl FnOnce(&mut PluggedInstance)) {
        let mut held = self.held().clone();
        change(&mut held);
        let object = Object::Instance(Arc::new(held));
        self.carry_out(&[Write::Put(object)]);
    }

    fn carry_out(&mut self, writes: &[Write]) {
        self.intent.apply(self.intent.revision + 1, writes);
    }

    fn decide(&self, request: InstanceUpdate) -> Outcome<Draft<PluggedInstance>> {
        instance::update(&self.intent, self.machine, request, &self.observed)
    }

    fn to(&self, host: usize) -> InstanceUpdate {
        InstanceUpdate {
            host_id: Some(self.hosts[host]),
            ..InstanceUpdate::default()
        }
    }

    fn goes(&mut self, request: InstanceUpdate) {
        let draft = self.decide(request).unwrap();
        self.carry_out(&draft.writes);
    }

    fn refused(&self, request: InstanceUpdate) -> String {
        let problem = self.decide(request).err().unwrap();
        let errors = problem.errors.iter().map(|it| it.message.as_str());
        let all: Vec<&str> = errors.chain([problem.detail.as_str()]).collect();
        all.join("; ")
    }
}

const OFF: InstanceUpdate = InstanceUpdate {
    power: Some(Power::Off),
    host_id: None,
};

#[test]
fn a_machine_that_does_not_run_is_at_once_where_it_is_to_be_with_its_ports() {
    let mut scene = Scene::set();
    let there = InstanceUpdate {
        host_id: Some(scene.hosts[2]),
        ..OFF
    };
    scene.goes(there);
    let held = scene.held();
    assert_eq!(held.instance.host_id, scene.hosts[2]);
    assert!(held.instance.migration.is_none());
    let port = &scene.intent.ports[&held.port_ids[0]];
    assert_eq!(port.host_id, Some(scene.hosts[2]));
}

#[test]
fn a_machine_that_runs_migrates_with_its_ports_and_is_left_alone_meanwhile() {
    let mut scene = Scene::set();
    scene.goes(scene.to(1));
    let held = scene.held();
    assert_eq!(held.instance.host_id, scene.hosts[0], "until it is there");
    let port = &scene.intent.ports[&held.port_ids[0]];
    let migration = port.migration.unwrap();
    assert_eq!(
        [migration.from, migration.to],
        [scene.hosts[0], scene.hosts[1]]
    );
    assert_eq!(migration.stage, MigrationStage::Prepared);
    assert!(
        scene.decide(scene.to(1)).unwrap().writes.is_empty(),
        "asked for twice"
    );
    for request in [OFF, scene.to(2)] {
        assert!(scene.refused(request).contains("is on its way"));
    }
    let deleted = instance::delete(&scene.intent, scene.machine);
    assert_eq!(deleted.err().unwrap().code, Code::InUse);
}

#[test]
fn how_a_migration_ended_is_kept_and_one_that_failed_takes_the_ports_back() {
    for end in [End::There, End::Stayed("no memory".to_owned())] {
        let mut scene = Scene::set();
        scene.goes(scene.to(1));
        let ends = [(scene.machine, end.clone())];
        let draft = moving::over(&scene.intent, &ends).unwrap();
        scene.carry_out(&draft.writes);
        let held = scene.held();
        assert!(held.instance.migration.is_none());
        let port = &scene.intent.ports[&held.port_ids[0]];
        if end == End::There {
            assert_eq!(held.instance.host_id, scene.hosts[1]);
            assert!(port.migration.is_some(), "it follows by what its hosts say");
        } else {
            assert_eq!(held.instance.host_id, scene.hosts[0]);
            assert_eq!(held.instance.stayed.as_deref(), Some("no memory"));
            assert!(port.migration.is_none() && port.host_id == Some(scene.hosts[0]));
        }
        let again = moving::over(&scene.intent, &ends).unwrap();
        assert!(again.writes.is_empty(), "it is over");
    }
}

#[test]
fn what_cannot_migrate_is_refused_with_every_reason() {
    let mut scene = Scene::set();
    assert!(scene.refused(scene.to(2)).contains("is not connected"));
    scene.alter(|it| it.instance.driver = Driver::Netns);
    let (target, mut bare) = (scene.hosts[1], nic("eth99"));
    bare.carrier = false;
    tell(&mut scene.observed, target, vec![bare]);
    let reasons = scene.refused(scene.to(1));
    for reason in ["cannot be moved", "does not carry the network"] {
        assert!(reasons.contains(reason), "{reasons}");
    }
}
