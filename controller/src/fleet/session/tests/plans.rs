//! What hosts are told.

use api::backend::Backend;
use api::session::{FromAgent, FromController, MAX_ITEMS_PER_CHANGE};
use model::EventKind;
use model::plan::PlanKey;

use super::agent::{Agent, hello};
use super::{Lab, Timing, caller, until};
use crate::compile;

#[tokio::test]
async fn a_host_is_told_its_whole_plan_and_then_what_differs() {
    let lab = Lab::new(Timing::default()).await;
    let mut agent = Agent::with_plan(&lab, "h1").await;
    assert_eq!(agent.plan.items.len(), 1, "only the physical network");
    let local = lab.port(lab.network, Some(agent.id)).await;
    let change = agent.take_plan().await;
    assert_eq!(
        change.upsert.len(),
        3,
        "the network, the port and its group"
    );
    lab.service.port_delete(caller(), local.id).await.unwrap();
    let change = agent.take_plan().await;
    assert_eq!(change.remove.len(), 3);
    assert_eq!(
        agent.plan.items,
        compile::plan(&lab.service.intent(), agent.id).items
    );

    let status = || lab.service.host(agent.id).unwrap().status;
    until("the plan is known to be realized", || {
        status().realized == status().planned
    })
    .await;
    assert!(status().connected);
    assert_eq!(status().address, Some(lab.address.ip()));
}

#[tokio::test]
async fn a_burst_of_changes_is_one_difference_for_a_host_that_is_busy() {
    let lab = Lab::new(Timing::default()).await;
    let mut agent = Agent::with_plan(&lab, "h1").await;
    lab.port(lab.network, Some(agent.id)).await;
    agent.receive_plan().await;
    for _ in 0..20 {
        lab.port(lab.network, Some(agent.id)).await;
    }
    assert!(
        agent.hears_nothing().await,
        "a second difference before the first is held"
    );
    agent.hold().await;
    let change = agent.take_plan().await;
    assert_eq!(change.upsert.len(), 20);
    assert_eq!(agent.plan, compile::plan(&lab.service.intent(), agent.id));
}

#[tokio::test]
async fn hosts_that_a_change_does_not_touch_hear_nothing() {
    let lab = Lab::new(Timing::default()).await;
    let mut one = Agent::with_plan(&lab, "h1").await;
    let mut other = Agent::with_plan(&lab, "h2").await;
    lab.port(lab.network, Some(one.id)).await;
    lab.port(lab.network, None).await;
    lab.network("b").await;
    one.take_plan().await;
    assert!(other.hears_nothing().await);
    assert!(one.hears_nothing().await);
    // With its first port of the network the other learns of those elsewhere, and they of it.
    let port = lab.port(lab.network, Some(other.id)).await;
    other.take_plan().await;
    one.take_plan().await;
    assert!(one.has(PlanKey::RemotePort(port.id)));
    assert_eq!(
        other.plan.items,
        compile::plan(&lab.service.intent(), other.id).items
    );
}

#[tokio::test]
async fn a_large_plan_travels_in_parts() {
    let lab = Lab::new(Timing::default()).await;
    let mut agent = Agent::with_plan(&lab, "h1").await;
    let host = Some(agent.id);
    let ports = (0..MAX_ITEMS_PER_CHANGE + 10).map(|_| lab.port(lab.network, host));
    futures::future::join_all(ports).await;
    let id = agent.id;
    let newest = || compile::plan(&lab.service.intent(), id).items;
    while agent.plan.items != newest() {
        agent.take_plan().await;
    }
    let mut again = Agent::start(&lab, "h1").await;
    match again.hear().await {
        Some(FromController::Plan(part)) => assert!(part.more && part.base.is_none()),
        other => panic!("no plan but {other:?}"),
    }
}

#[tokio::test]
async fn a_refused_plan_is_told_to_operators_and_answered_with_the_whole() {
    let timing = Timing {
        refused: std::time::Duration::from_millis(1),
        ..Timing::default()
    };
    let lab = Lab::new(timing).await;
    let mut agent = Agent::with_plan(&lab, "h1").await;
    lab.port(lab.network, Some(agent.id)).await;
    for _ in 0..3 {
        let generation = agent.receive_plan().await.generation;
        let reason = "it makes no sense".to_owned();
        agent.say(FromAgent::Refuse { generation, reason }).await;
    }
    assert_eq!(agent.take_plan().await.base, None);
    let remarks = lab.events(EventKind::Remark);
    assert_eq!(remarks.len(), 3);
    assert!(remarks[0].message.ends_with("it makes no sense"));
}

#[tokio::test]
async fn a_newer_session_takes_the_place_of_the_older_and_the_host_is_not_lost() {
    let lab = Lab::new(Timing::default()).await;
    let mut older = Agent::with_plan(&lab, "h1").await;
    let mut newer = Agent::with_plan(&lab, "h1").await;
    assert_eq!(older.hear().await, None);
    lab.port(lab.network, Some(newer.id)).await;
    newer.take_plan().await;
    assert!(lab.service.host(newer.id).unwrap().status.connected);
    assert!(lab.events(EventKind::HostLost).is_empty());
    drop(newer);
    until("the host is lost", || {
        lab.events(EventKind::HostLost).len() == 1
    })
    .await;
}

#[tokio::test]
async fn generations_only_grow_over_restarts_and_hosts_stay_who_they_are() {
    let lab = Lab::new(Timing::default()).await;
    let agent = Agent::with_plan(&lab, "h1").await;
    lab.port(lab.network, Some(agent.id)).await;
    let (before, id) = (lab.service.intent().revision, agent.id);
    drop(agent);
    let lab = lab.restarted(Timing::default()).await;
    assert_eq!(lab.service.hosts().len(), 1);
    assert!(!lab.service.hosts()[0].status.connected);
    let agent = Agent::with_plan(&lab, "h1").await;
    assert_eq!(agent.id, id);
    assert!(agent.plan.generation.0 > before);
    assert_eq!(agent.plan.items.len(), 4);
}

#[tokio::test]
async fn a_host_that_holds_a_plan_never_made_here_is_told_to_operators() {
    let lab = Lab::new(Timing::default()).await;
    let mut agent = Agent::connected(&lab, "h1").await;
    let FromAgent::Hello {
        protocol,
        agent_version,
        ..
    } = hello()
    else {
        unreachable!();
    };
    let held = Some(model::plan::Generation(u64::MAX));
    agent
        .say(FromAgent::Hello {
            protocol,
            agent_version,
            held,
        })
        .await;
    until("operators are told", || {
        lab.events(EventKind::Remark).len() == 1
    })
    .await;
}
