//! The topology: described in one piece, refused with every fault, different on single hosts.

mod hosts;

use std::collections::BTreeMap;

use api::backend::Outcome;
use api::problem::Problem;
use api::request::{HostUplinkSet, TopologyChange};
use api::resource::Accepted;
use model::plan::{PlanItem, PlanKey, Trial};
use model::report::{HostReport, ManagementPath};
use model::{HostId, Nic, NicUse, PhysicalNetworkId, Role};
use serde_json::{Value, json};

use super::{Op, name, run};
use crate::compile;
use crate::fleet::Observed;
use crate::intent::Intent;
use crate::object::Write;
use crate::service::{network, topology, uplink};
use crate::writer::Draft;

/// A pool of three hosts that nothing was said to yet, of which two have told of their NICs.
pub(super) fn pool() -> (Intent, Observed, Vec<HostId>) {
    let mut intent = Intent::default();
    for it in 0..3 {
        run(&mut intent, &Op::Host { name: it });
    }
    let named = |it| {
        intent
            .hosts
            .values()
            .find(|host| host.name == name("h", it))
    };
    let hosts: Vec<HostId> = (0..3).map(|it| named(it).unwrap().id).collect();
    let mut observed = Observed::default();
    let nics = ["eth0", "eth1", "eth2", "eth3"].map(nic);
    tell(&mut observed, hosts[0], nics.to_vec());
    tell(&mut observed, hosts[1], nics[..2].to_vec());
    (intent, observed, hosts)
}

/// A NIC; the first is the one by which everything reaches the host.
pub(super) fn nic(name: &str) -> Nic {
    let is_first = name == "eth0";
    Nic {
        name: name.parse().unwrap(),
        mac: model::MacAddr::local(7),
        carrier: true,
        speed_mbps: Some(10_000),
        mtu: 1500,
        driver: None,
        addresses: if is_first {
            vec!["192.0.2.7/24".parse().unwrap()]
        } else {
            Vec::new()
        },
        default_route: is_first,
        used_by: None,
    }
}

pub(super) fn tell(observed: &mut Observed, host: HostId, nics: Vec<Nic>) {
    observed.connected_from(host, "192.0.2.7".parse().unwrap(), "0".to_owned());
    let report = HostReport {
        complete: true,
        nics: Some(nics),
        ..HostReport::default()
    };
    observed.absorb(host, report);
}

fn revert(observed: &mut Observed, host: HostId) {
    let report = HostReport {
        management_path: Some(ManagementPath::Reverted {
            at: model::Timestamp::now(),
            reason: "no session in time".to_owned(),
        }),
        ..HostReport::default()
    };
    observed.absorb(host, report);
}

fn apply<T>(intent: &mut Intent, draft: Outcome<Draft<T>>) -> T {
    let draft = draft.unwrap();
    let revision = intent.revision + 1;
    intent.apply(revision, &draft.writes);
    super::assert_sound(intent);
    draft.answer
}

fn set_up(intent: &mut Intent, observed: &Observed, change: Value) -> Accepted {
    let change: TopologyChange = serde_json::from_value(change).unwrap();
    let draft = topology::change(intent, change, observed);
    apply(intent, draft)
}

pub(super) fn faults(problem: &Problem) -> String {
    let faults = problem.errors.iter();
    let faults = faults.map(|it| format!("{} {}", it.field, json!(it.code).as_str().unwrap()));
    faults.collect::<Vec<_>>().join(", ")
}

/// What is refused of a change, one fault after the other.
fn refused(intent: &Intent, observed: &Observed, change: Value) -> (String, Problem) {
    let change: TopologyChange = serde_json::from_value(change).unwrap();
    let problem = topology::change(intent, change, observed).map(|draft| draft.answer);
    let problem = problem.unwrap_err();
    (faults(&problem), problem)
}

fn three_networks() -> Value {
    json!({
        "management": { "uplink": "eth0" },
        "private": { "uplink": "eth1", "vlans": "100-199", "mtu": 1600,
            "endpoints": "10.254.0.0/16" },
    })
}

/// The physical network of a role.
fn of(intent: &Intent, role: Role) -> model::PhysicalNetwork {
    let mut all = intent.physical_networks.values();
    (**all.find(|it| it.role == role).unwrap()).clone()
}

/// A network on the private physical network.
fn network(intent: &mut Intent, asked: Value) -> model::Network {
    if intent.tenants.is_empty() {
        run(intent, &Op::Tenant { name: 0 });
    }
    let tenant = intent.tenants.get_min().unwrap().0;
    let mut request = json!({ "tenant_id": tenant, "kind": "vlan" });
    request
        .as_object_mut()
        .unwrap()
        .extend(asked.as_object().unwrap().clone());
    let draft = network::create(
        intent,
        serde_json::from_value(request).unwrap(),
        &Observed::default(),
    );
    apply(intent, draft)
}

#[test]
fn a_topology_is_described_once_and_again_changes_only_what_differs() {
    let (mut intent, observed, _) = pool();
    let first = set_up(&mut intent, &observed, three_networks());
    assert!(first.changed);
    assert_eq!(first.generation.0, intent.revision);
    let private = of(&intent, Role::Private);
    assert_eq!(private.name.as_str(), "private");
    assert_eq!((private.mtu, private.native_vlan.get()), (1600, 1));
    assert_eq!(intent.endpoints().count(), 3);

    let before = intent.clone();
    let again = topology::change(
        &intent,
        serde_json::from_value(three_networks()).unwrap(),
        &observed,
    );
    let again = again.unwrap();
    assert!(!again.answer.changed && again.writes.is_empty());
    assert_eq!(again.answer.generation.0, before.revision);

    let change =
        json!({ "private": { "vlans": "100-299" }, "storage": { "uplink": "eth1/vlan50" } });
    set_up(&mut intent, &observed, change);
    let now = of(&intent, Role::Private);
    assert_eq!(now.vlans.unwrap().to_string(), "100-299");
    assert_eq!(
        (now.id, now.mtu, now.endpoints),
        (private.id, 1600, private.endpoints)
    );
    assert_eq!(of(&intent, Role::Management), of(&before, Role::Management));
    set_up(
        &mut intent,
        &observed,
        json!({ "storage": null, "private": { "endpoints": null } }),
    );
    assert_eq!(intent.physical_networks.len(), 2);
    assert_eq!(intent.endpoints().count(), 0);
}

#[test]
fn roles_share_a_nic_by_vlans_and_bonds_carry_them() {
    let (mut intent, mut observed, hosts) = pool();
    tell(
        &mut observed,
        hosts[1],
        ["eth0", "eth1", "eth2", "eth3"].map(nic).to_vec(),
    );
    let one_nic = json!({
        "management": { "uplink": "eth0/vlan10" }, "public": { "uplink": "eth0/vlan20" },
        "private": { "uplink": "eth0", "vlans": "100-199" },
    });
    set_up(&mut intent, &observed, one_nic);
    let untagged = json!({
        "management": { "uplink": "eth0" }, "public": { "uplink": "eth0/vlan20" },
        "private": { "uplink": "eth0/vlan30", "vlans": "100-199", "endpoints": "10.254.0.0/16" },
    });
    set_up(&mut intent, &observed, untagged);
    let bonds = json!({
        "management": { "uplink": "eth0" }, "public": { "uplink": "eth3/vlan20" },
        "private": { "uplink": "eth1+eth2/active-backup" },
    });
    set_up(&mut intent, &observed, bonds);
    // Two may change places in one change.
    let trade =
        json!({ "private": { "uplink": "eth3" }, "public": { "uplink": "eth1+eth2/lacp" } });
    set_up(&mut intent, &observed, trade);
}

#[test]
fn every_fault_of_a_topology_is_told_at_once() {
    let (mut intent, observed, _) = pool();
    set_up(&mut intent, &observed, three_networks());
    let cases = [
        (
            json!({ "public": { "uplink": "eth1" } }),
            "public.uplink duplicate, public.uplink duplicate",
        ),
        (
            json!({ "public": { "vlans": "1-2" } }),
            "public.uplink required",
        ),
        (
            json!({ "public": { "uplink": "eth1/vlan1" } }),
            "public.uplink inconsistent, public.uplink inconsistent",
        ),
        (
            json!({ "public": { "uplink": "eth1/vlan150" } }),
            "public.uplink inconsistent",
        ),
        (
            json!({ "private": { "vlans": "2-299" }, "public": { "uplink": "eth1/vlan50" } }),
            "private.uplink inconsistent, public.uplink inconsistent",
        ),
        (
            json!({ "public": { "uplink": "eth1+eth0/lacp" } }),
            "public.uplink inconsistent, public.uplink inconsistent, public.uplink inconsistent",
        ),
        (
            json!({ "public": { "uplink": "eth1/vlan20", "vlans": "5" }, "storage": { "uplink": "eth1/vlan20" } }),
            "public.uplink duplicate, storage.uplink duplicate",
        ),
        (
            json!({ "management": { "vlans": "5", "endpoints": "10.0.0.0/16" } }),
            "management.endpoints duplicate, management.vlans inconsistent, management.endpoints inconsistent",
        ),
        (
            json!({ "private": { "mtu": 1329 } }),
            "private.mtu out_of_range",
        ),
        (
            json!({ "private": { "vlans": null, "endpoints": null } }),
            "private.vlans required",
        ),
        (
            json!({ "private": { "endpoints": "10.254.0.0/31", "mtu": 9217 } }),
            "private.endpoints out_of_range, private.mtu out_of_range",
        ),
    ];
    for (change, expected) in cases {
        let (faults, problem) = refused(&intent, &observed, change.clone());
        let expected: Vec<&str> = expected.split(", ").collect();
        let mut found: Vec<&str> = faults.split(", ").collect();
        found.dedup();
        let mut wanted = expected.clone();
        wanted.dedup();
        assert_eq!(found, wanted, "{change}: {problem:#?}");
    }
    let (mut bare, observed, _) = pool();
    let (faults, _) = refused(&bare, &observed, json!({ "confirm_within_seconds": 30 }));
    assert_eq!(faults, "confirm_within_seconds inconsistent");
    set_up(
        &mut bare,
        &observed,
        json!({ "management": { "uplink": "eth0" } }),
    );
}

#[test]
fn nics_that_hosts_lack_or_need_themselves_are_refused_by_name() {
    let (intent, mut observed, hosts) = pool();
    let change =
        json!({ "private": { "uplink": "eth2", "vlans": "5" }, "public": { "uplink": "eth9" } });
    let (faults, problem) = refused(&intent, &observed, change);
    let expected = "private.uplink unknown_reference, public.uplink unknown_reference, \
                    public.uplink unknown_reference";
    assert_eq!(faults, expected, "{problem:#?}");
    let message = &problem.errors[0].message;
    assert_eq!(
        message,
        "there is no NIC eth2 on h1; expected one of eth0, eth1"
    );

    let change = json!({ "private": { "uplink": "eth0", "vlans": "5" } });
    let (faults, problem) = refused(&intent, &observed, change);
    assert_eq!(faults, "private.uplink inconsistent");
    let message = &problem.errors[0].message;
    assert!(message.contains("default route of h0, h1"), "{message}");
    assert!(message.contains("management on the same one"), "{message}");

    let mut by_address = nic("eth0");
    by_address.default_route = false;
    let mut foreign = nic("eth1");
    foreign.used_by = Some(NicUse::Other {
        name: "docker0".to_owned(),
    });
    tell(&mut observed, hosts[1], vec![by_address, foreign]);
    let change = json!({
        "private": { "uplink": "eth0/vlan7", "endpoints": "10.0.0.0/16" }, "public": { "uplink": "eth1" },
    });
    let (_, problem) = refused(&intent, &observed, change);
    let messages: Vec<&str> = problem
        .errors
        .iter()
        .map(|it| it.message.as_str())
        .collect();
    assert!(
        messages[0].contains("default route of h0;"),
        "{messages:#?}"
    );
    assert!(messages[1].contains("reaches h1 by eth0;"), "{messages:#?}");
    assert!(
        messages[2].contains("eth1 is part of docker0 on h1;"),
        "{messages:#?}"
    );
    assert_eq!(messages.len(), 3);
}

#[test]
fn what_networks_use_is_not_changed_below_them() {
    let (mut intent, observed, _) = pool();
    set_up(&mut intent, &observed, three_networks());
    network(&mut intent, json!({ "name": "web", "vlan": 150 }));
    network(&mut intent, json!({ "name": "over", "kind": "vxlan" }));
    let change = json!({ "private": {
        "vlans": "100-149", "native_vlan": 150, "mtu": 1599, "endpoints": "10.253.0.0/16",
    } });
    let (faults, problem) = refused(&intent, &observed, change);
    let expected = "private.vlans inconsistent, private.endpoints inconsistent, \
                    private.mtu inconsistent, private.native_vlan inconsistent";
    assert_eq!(faults, expected, "{problem:#?}");
    assert!(
        problem.errors[0].message.contains("use: web"),
        "{problem:#?}"
    );
    assert!(
        problem.errors[2].message.contains("at least 1600"),
        "{problem:#?}"
    );
    let (faults, _) = refused(
        &intent,
        &observed,
        json!({ "private": null, "management": null }),
    );
    assert_eq!(faults, "private inconsistent");
    let inside = json!({ "private": { "uplink": "eth1/vlan155" } });
    let (faults, _) = refused(&intent, &observed, inside);
    assert_eq!(faults, "private.uplink inconsistent");
    set_up(
        &mut intent,
        &observed,
        json!({ "private": { "vlans": "150,300", "mtu": 9000 } }),
    );
}

#[test]
fn the_native_vlan_is_neither_given_nor_taken() {
    let (mut intent, observed, _) = pool();
    let private = json!({ "private": { "uplink": "eth1", "vlans": "1,7-8", "native_vlan": 7 } });
    set_up(&mut intent, &observed, private);
    let first = network(&mut intent, json!({ "name": "a" }));
    assert_eq!(first.segment.vlan().unwrap().get(), 1);
    let second = network(&mut intent, json!({ "name": "b" }));
    assert_eq!(second.segment.vlan().unwrap().get(), 8);
    let tenant = intent.tenants.get_min().unwrap().0;
    let asked = json!({ "tenant_id": tenant, "name": "c", "kind": "vlan", "vlan": 7 });
    let refused = network::create(&intent, serde_json::from_value(asked).unwrap(), &observed);
    assert_eq!(
        faults(&refused.map(|draft| draft.answer).unwrap_err()),
        "vlan inconsistent"
    );
}

/// Frames of tenants would be among those by which the controller reaches the hosts.
#[test]
fn what_tenants_speak_untagged_is_never_beside_what_hosts_speak_untagged() {
    let (mut intent, observed, hosts) = pool();
    let one_nic = json!({
        "management": { "uplink": "eth0" }, "private": { "uplink": "eth0", "vlans": "100-199" },
    });
    set_up(&mut intent, &observed, one_nic);
    run(&mut intent, &Op::Tenant { name: 0 });
    let tenant = intent.tenants.get_min().unwrap().0;
    let private = of(&intent, Role::Private).id;
    let flat = json!({
        "tenant_id": tenant, "name": "flat", "kind": "flat", "physical_network_id": private,
    });
    let make = |intent: &Intent| {
        network::create(
            intent,
            serde_json::from_value(flat.clone()).unwrap(),
            &observed,
        )
    };
    let refused = make(&intent).map(|draft| draft.answer).unwrap_err();
    assert_eq!(faults(&refused), "physical_network_id inconsistent");

    // Apart it may be; then they may not come together, in the pool and on no host.
    set_up(
        &mut intent,
        &observed,
        json!({ "private": { "uplink": "eth1" } }),
    );
    let draft = make(&intent);
    apply(&mut intent, draft);
    let together = json!({ "private": { "uplink": "eth0" } });
    assert_eq!(
        refused_faults(&intent, &observed, together),
        "private.uplink duplicate"
    );
    let together = json!({ "management": { "uplink": "eth1" } });
    assert_eq!(
        refused_faults(&intent, &observed, together),
        "management.uplink duplicate"
    );
    let own = json!({ "physical_network_id": private, "uplink": "eth0" });
    let refused = uplink_set(&intent, &observed, hosts[0], own);
    let refused = refused.map(|draft| draft.answer).unwrap_err();
    assert_eq!(faults(&refused), "uplink duplicate");
}

fn refused_faults(intent: &Intent, observed: &Observed, change: Value) -> String {
    refused(intent, observed, change).0
}

fn uplink_set(
    intent: &Intent,
    observed: &Observed,
    host: HostId,
    request: Value,
) -> Outcome<Draft<Accepted>> {
    let request: HostUplinkSet = serde_json::from_value(request).unwrap();
    uplink::set(intent, host, request, observed)
}
