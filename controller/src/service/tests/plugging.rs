//! Which port may be plugged into which guest.

use api::problem::Code;
use api::request::PortAttach;
use model::report::{HostReport, Vif};
use model::{Guest, GuestState, HostId, PortId, PortState};
use uuid::Uuid;

use super::{Op, run};
use crate::fleet::Observed;
use crate::intent::Intent;
use crate::service::plugging::attach;

/// Two hosts, a port of nobody and one of an instance.
struct Scene {
    intent: Intent,
    observed: Observed,
    hosts: Vec<HostId>,
    free: PortId,
    used: PortId,
}

impl Scene {
    fn set() -> Self {
        let mut intent = Intent::default();
        let ops = [
            Op::Tenant { name: 0 },
            Op::PhysicalNetwork { name: 0, vlans: 1 },
            Op::Host { name: 0 },
            Op::Host { name: 1 },
            Op::Network {
                tenant: 0,
                name: 0,
                carrier: 0,
                vlan: None,
            },
            Op::Port {
                network: 0,
                name: None,
                mac: None,
                last: None,
                host: None,
                group: None,
            },
            Op::Instance {
                tenant: 0,
                name: 0,
                host: 0,
                networks: vec![0],
                ports: Vec::new(),
            },
        ];
        for op in &ops {
            assert!(!run(&mut intent, op).is_empty());
        }
        let is_used = |id: &&PortId| intent.instance_with(**id).is_some();
        let used = *intent.ports.keys().find(is_used).unwrap();
        let free = *intent.ports.keys().find(|id| !is_used(id)).unwrap();
        Self {
            observed: Observed::default(),
            hosts: intent.hosts.keys().copied().collect(),
            intent,
            free,
            used,
        }
    }

    /// A host connects, and has this guest with the free port.
    fn connects(&mut self, host: usize, guest: Option<&str>) {
        let host = self.hosts[host];
        let address = "10.0.0.1".parse().unwrap();
        self.observed.connected_from(host, address, String::new());
        let vifs = guest.map(|name| Vif {
            interface: "vnet0".to_owned(),
            iface_id: self.free.to_string(),
            port_id: Some(self.free),
            ifindex: Some(7),
            state: PortState::Active,
            reason: None,
            generation: None,
            spoke: None,
            guest: Some(Guest {
                driver: "libvirt".to_owned(),
                name: name.to_owned(),
                uuid: Uuid::from_u128(9),
                state: GuestState::Running,
            }),
        });
        let report = HostReport {
            complete: true,
            vifs: vifs.into_iter().collect(),
            ..HostReport::default()
        };
        self.observed.absorb(host, report);
    }

    fn attach(&self, port: PortId, guest: &str, host: usize) -> Result<Option<HostId>, Code> {
        let request = PortAttach {
            host_id: self.hosts[host],
            guest: guest.parse().unwrap(),
        };
        let decided = attach(&self.intent, port, &request, &self.observed);
        let draft = decided.map_err(|problem| problem.code)?;
        Ok(draft.answer.host_id)
    }
}

#[test]
fn a_port_is_plugged_into_one_guest_of_a_connected_host_and_never_an_instances() {
    let mut scene = Scene::set();
    let (free, used) = (scene.free, scene.used);
    assert_eq!(scene.attach(free, "web", 0), Err(Code::InvalidFields));
    scene.connects(0, None);
    scene.connects(1, None);
    assert_eq!(scene.attach(free, "web", 1), Ok(Some(scene.hosts[1])));
    assert_eq!(scene.attach(used, "web", 1), Err(Code::InUse));
    let nothing = Uuid::from_u128(1).into();
    assert_eq!(scene.attach(nothing, "web", 1), Err(Code::NotFound));
}

#[test]
fn a_port_that_a_guest_has_is_plugged_into_no_other() {
    let mut scene = Scene::set();
    let free = scene.free;
    scene.connects(1, None);
    scene.connects(0, Some("web"));
    let host = scene.hosts[0];
    for port in scene.intent.ports.values().cloned().collect::<Vec<_>>() {
        let bound = model::Port {
            host_id: Some(host),
            ..model::Port::clone(&port)
        };
        scene.intent.put(&crate::object::Object::Port(bound.into()));
    }
    let uuid = Uuid::from_u128(9).to_string();
    assert_eq!(scene.attach(free, "web", 0), Ok(Some(host)), "once more");
    assert_eq!(scene.attach(free, &uuid, 0), Ok(Some(host)));
    assert_eq!(scene.attach(free, "db", 0), Err(Code::InUse));
    assert_eq!(
        scene.attach(free, "web", 1),
        Err(Code::InUse),
        "its namesake"
    );
}
