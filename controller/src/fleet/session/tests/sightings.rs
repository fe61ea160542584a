//! Ports follow their interfaces.

use std::sync::Arc;

use api::backend::Backend;
use api::request::InstanceCreate;
use api::session::FromAgent;
use model::plan::{Generation, PlanKey};
use model::report::{HostReport, InstanceReport, ItemFailure};
use model::{EventKind, HostId, Inventory, InventoryVif, PortState};

use super::agent::{Agent, vif};
use super::{Lab, Timing, caller, until};

fn vifs_of(inventory: &Inventory, host: HostId) -> Vec<InventoryVif> {
    let host = inventory.hosts.iter().find(|it| it.id == host);
    host.map(|host| host.vifs.clone()).unwrap_or_default()
}

#[tokio::test]
async fn a_port_is_bound_where_its_interface_appears_and_its_status_is_what_the_host_says() {
    let lab = Lab::new(Timing::default()).await;
    let port = lab.port(lab.network, None).await;
    let mut agent = Agent::with_plan(&lab, "h1").await;
    agent.plug("vif1", port.id).await;
    while !agent.has(PlanKey::Port(port.id)) {
        agent.take_plan().await;
    }
    assert_eq!(lab.host_of(port.id), Some(agent.id));
    assert_eq!(lab.events(EventKind::PortBound).len(), 1);

    let mut active = vif("vif1", Some(port.id));
    active.state = PortState::Active;
    active.generation = Some(Generation(agent.plan.generation.0));
    let report = HostReport {
        vifs: vec![active],
        ..agent.report()
    };
    agent.say(FromAgent::Report(report)).await;
    let status = || lab.service.port(port.id).unwrap().status;
    until("the port is active", || status().state == PortState::Active).await;
    assert_eq!(status().interface.as_deref(), Some("vif1"));

    drop(agent);
    until("the host is lost", || {
        lab.events(EventKind::HostLost).len() == 1
    })
    .await;
    assert_eq!(status().state, PortState::Active, "as last known");
}

#[tokio::test]
async fn an_interface_of_a_port_that_is_plugged_elsewhere_stays_dark_until_that_lets_go() {
    let lab = Lab::new(Timing::default()).await;
    let port = lab.port(lab.network, None).await;
    let mut source = Agent::with_plan(&lab, "source").await;
    let mut target = Agent::with_plan(&lab, "target").await;
    source.plug("vif1", port.id).await;
    source.take_plan().await;
    target.plug("vif2", port.id).await;
    until("operators are told", || {
        lab.events(EventKind::PortConflict).len() == 1
    })
    .await;
    target.plug("vif2", port.id).await;
    assert!(target.hears_nothing().await);
    assert_eq!(lab.host_of(port.id), Some(source.id));
    assert_eq!(lab.events(EventKind::PortConflict).len(), 1, "told once");

    source.unplug("vif1").await;
    target.take_plan().await;
    source.take_plan().await;
    assert_eq!(lab.host_of(port.id), Some(target.id));
    assert!(!source.has(PlanKey::Port(port.id)));
}

#[tokio::test]
async fn a_port_of_a_lost_host_is_bound_to_the_next_that_has_it() {
    let lab = Lab::new(Timing::default()).await;
    let port = lab.port(lab.network, None).await;
    let mut first = Agent::with_plan(&lab, "first").await;
    let mut second = Agent::with_plan(&lab, "second").await;
    first.plug("vif1", port.id).await;
    first.take_plan().await;
    second.plug("vif1", port.id).await;
    until("operators are told", || {
        lab.events(EventKind::PortConflict).len() == 1
    })
    .await;
    drop(first);
    second.take_plan().await;
    assert_eq!(lab.host_of(port.id), Some(second.id));
}

#[tokio::test]
async fn unknown_interfaces_are_told_once_and_again_when_they_come_back() {
    let lab = Lab::new(Timing::default()).await;
    let mut agent = Agent::with_plan(&lab, "h1").await;
    let told = || lab.events(EventKind::UnknownVif).len();
    let nobody = model::PortId::generate();
    for expected in 1..3 {
        agent.plug("vif1", nobody).await;
        until("operators are told of the unknown port", || {
            told() == 2 * expected - 1
        })
        .await;
        let report = HostReport {
            vifs: vec![vif("vif2", None)],
            ..agent.report()
        };
        agent.say(FromAgent::Report(report)).await;
        until("operators are told of the nameless", || {
            told() == 2 * expected
        })
        .await;
        agent.plug("vif1", nobody).await;
        let report = HostReport {
            vifs: vec![vif("vif2", None)],
            ..agent.report()
        };
        agent.say(FromAgent::Report(report)).await;
        assert!(agent.hears_nothing().await);
        assert_eq!(told(), 2 * expected);
        agent.unplug("vif1").await;
        agent.unplug("vif2").await;
    }
}

#[tokio::test]
async fn a_complete_report_forgets_what_it_does_not_list() {
    let lab = Lab::new(Timing::default()).await;
    let port = lab.port(lab.network, None).await;
    let mut agent = Agent::with_plan(&lab, "h1").await;
    agent.plug("vif1", port.id).await;
    let status = || lab.service.port(port.id).unwrap().status;
    until("the port is seen", || status().interface.is_some()).await;
    let report = HostReport {
        complete: true,
        ..agent.report()
    };
    agent.say(FromAgent::Report(report)).await;
    until("the port is not seen", || status().interface.is_none()).await;
    assert_eq!(
        lab.host_of(port.id),
        Some(agent.id),
        "it stays bound where it last was"
    );
}

#[tokio::test]
async fn a_host_cannot_take_the_port_of_an_instance_that_runs_elsewhere() {
    let lab = Lab::new(Timing::default()).await;
    let mut home = Agent::with_plan(&lab, "home").await;
    let mut thief = Agent::with_plan(&lab, "thief").await;
    let network = lab.service.intent().networks[&lab.network].clone();
    let request = InstanceCreate {
        tenant_id: network.tenant_id,
        name: "vm".parse().unwrap(),
        host_id: Some(home.id),
        network_ids: vec![network.id],
        security_group_ids: None,
        port_ids: Vec::new(),
        boot: None,
        power: model::Power::On,
    };
    let instance = lab
        .service
        .instance_create(caller(), request)
        .await
        .unwrap();
    home.take_plan().await;
    thief.plug("vif1", instance.port_ids[0]).await;
    until("operators are told", || {
        lab.events(EventKind::PortConflict).len() == 1
    })
    .await;
    assert_eq!(lab.host_of(instance.port_ids[0]), Some(home.id));
    assert!(thief.hears_nothing().await);

    let running = InstanceReport {
        id: instance.instance.id,
        running: true,
        handle: Some("bh-vm".into()),
        reason: None,
        departure: None,
    };
    // What another host says of it does not count.
    let report = |agent: &Agent| HostReport {
        instances: vec![running.clone()],
        ..agent.report()
    };
    thief.say(FromAgent::Report(report(&thief))).await;
    assert!(thief.hears_nothing().await);
    let status = || lab.service.instance(instance.instance.id).unwrap().status;
    assert!(!status().running);
    home.say(FromAgent::Report(report(&home))).await;
    until("the instance runs", || status().running).await;
}

#[tokio::test]
async fn the_inventory_follows_a_port_and_bills_nothing_to_where_it_was() {
    let lab = Lab::new(Timing::default()).await;
    let port = lab.port(lab.network, None).await;
    let mut source = Agent::with_plan(&lab, "source").await;
    let mut target = Agent::with_plan(&lab, "target").await;
    source.plug("vif1", port.id).await;
    let inventory = || -> Arc<Inventory> { lab.service.inventory() };
    until("the source has it", || {
        vifs_of(&inventory(), source.id).len() == 1
    })
    .await;
    let first = vifs_of(&inventory(), source.id)[0].clone();
    assert_eq!((first.port_id, first.ifindex), (port.id, 1));
    assert_eq!(
        (first.network_id, first.tenant_id),
        (port.network_id, port.tenant_id)
    );

    // On both during a migration: only the host it is bound to is billed.
    target.plug("vif2", port.id).await;
    until("operators are told", || {
        lab.events(EventKind::PortConflict).len() == 1
    })
    .await;
    assert!(vifs_of(&inventory(), target.id).is_empty());
    let moving = model::Timestamp::now();
    source.unplug("vif1").await;
    until("the target has it", || {
        vifs_of(&inventory(), target.id).len() == 1
    })
    .await;
    assert!(vifs_of(&inventory(), source.id).is_empty());
    assert!(
        vifs_of(&inventory(), target.id)[0].since >= moving,
        "not since it was dark"
    );

    // The same interface with another number is another interface to a meter.
    let before = vifs_of(&inventory(), target.id)[0].since;
    let mut renumbered = vif("vif2", Some(port.id));
    renumbered.ifindex = Some(9);
    let report = HostReport {
        vifs: vec![renumbered],
        ..target.report()
    };
    target.say(FromAgent::Report(report)).await;
    until("it is known anew", || {
        vifs_of(&inventory(), target.id)[0].ifindex == 9
    })
    .await;
    assert!(vifs_of(&inventory(), target.id)[0].since >= before);

    lab.service.port_delete(caller(), port.id).await.unwrap();
    until("nobody has it", || {
        vifs_of(&inventory(), target.id).is_empty()
    })
    .await;
}

#[tokio::test]
async fn failures_are_told_when_they_are_new_and_shown_while_they_last() {
    let lab = Lab::new(Timing::default()).await;
    let mut agent = Agent::with_plan(&lab, "h1").await;
    let failure = ItemFailure {
        key: PlanKey::Sampling,
        reason: "no such collector".into(),
    };
    for _ in 0..2 {
        let report = HostReport {
            failures: vec![failure.clone()],
            ..agent.report()
        };
        agent.say(FromAgent::Report(report)).await;
    }
    let id = agent.id;
    let shown = || lab.service.host(id).unwrap().status.failures;
    until("it is shown", || shown() == ["sampling: no such collector"]).await;
    agent.say(FromAgent::Report(agent.report())).await;
    until("it is gone", || shown().is_empty()).await;
    assert_eq!(lab.events(EventKind::ItemFailed).len(), 1);
}
