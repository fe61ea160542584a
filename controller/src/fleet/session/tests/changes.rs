//! On which hosts a change is carried out, as scripted agents say it.

use api::backend::ChangeBackend;
use api::problem::Code;
use api::request::TenantCreate;
use api::resource::{ChangeState, ChangeView};
use api::session::FromAgent;
use model::plan::PlanKey;
use model::report::{HostReport, ItemFailure};

use super::agent::Agent;
use super::*;

impl Lab {
    async fn change(&self, revision: u64) -> ChangeView {
        self.service.change(revision, None).await.unwrap()
    }

    fn newest(&self) -> u64 {
        self.service.intent().revision
    }

    /// Waits until a change stands so, and gives how it stands.
    async fn until_it_is(&self, revision: u64, state: ChangeState) -> ChangeView {
        let waiting = async {
            loop {
                let view = self.change(revision).await;
                if view.state == state {
                    return view;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let view = tokio::time::timeout(PATIENCE, waiting).await;
        view.unwrap_or_else(|_| panic!("it never was {state:?}"))
    }
}

fn hosts(view: &ChangeView) -> Vec<(&str, ChangeState)> {
    let hosts = view.hosts.iter();
    hosts.map(|it| (it.name.as_str(), it.state)).collect()
}

#[tokio::test]
async fn a_change_is_realized_when_every_host_it_touches_has_said_so_and_no_other_is_asked() {
    let lab = Lab::new(Timing::default()).await;
    let mut one = Agent::with_plan(&lab, "h1").await;
    let mut two = Agent::with_plan(&lab, "h2").await;
    let _other = Agent::with_plan(&lab, "h3").await;
    lab.port(lab.network, Some(one.id)).await;
    one.take_plan().await;
    lab.port(lab.network, Some(two.id)).await;
    let revision = lab.newest();
    let view = lab.change(revision).await;
    use ChangeState::{Realized, Waiting};
    assert_eq!(hosts(&view), [("h1", Waiting), ("h2", Waiting)]);
    assert!(view.hosts.iter().all(|it| it.reason.is_some()));
    one.take_plan().await;
    until("the first has carried it out", || {
        lab.service
            .host(one.id)
            .unwrap()
            .status
            .realized
            .map(|it| it.0)
            >= Some(revision)
    })
    .await;
    let view = lab.change(revision).await;
    assert_eq!(hosts(&view), [("h1", Realized), ("h2", Waiting)]);
    assert_eq!(view.state, Waiting);
    two.receive_plan().await;
    assert_eq!(lab.change(revision).await.state, Waiting);
    two.hold().await;
    lab.until_it_is(revision, Realized).await;
}

#[tokio::test]
async fn a_change_that_makes_no_difference_to_a_host_waits_for_nothing_there() {
    let lab = Lab::new(Timing::default()).await;
    let mut one = Agent::with_plan(&lab, "h1").await;
    lab.port(lab.network, Some(one.id)).await;
    one.take_plan().await;
    // Where addresses are taken from is in no plan.
    let subnet = lab.service.subnets()[0].id;
    let pools = serde_json::json!({"pools": ["10.0.0.2-10.0.0.99"]});
    let pools = serde_json::from_value(pools).unwrap();
    let before = lab.newest();
    let changed = lab.service.subnet_update(caller(), subnet, pools).await;
    changed.unwrap();
    assert_eq!(lab.newest(), before + 1);
    assert_eq!(hosts(&lab.change(before + 1).await).len(), 1);
    lab.until_it_is(lab.newest(), ChangeState::Realized).await;
    // What concerns no host is carried out at once.
    let tenant = TenantCreate {
        name: "nobody".parse().unwrap(),
        limits: model::Limits::default(),
    };
    lab.service.tenant_create(caller(), tenant).await.unwrap();
    let view = lab.change(lab.newest()).await;
    assert_eq!((view.state, view.hosts), (ChangeState::Realized, vec![]));
}

#[tokio::test]
async fn a_host_that_is_away_or_fails_is_told_with_the_reason() {
    let lab = Lab::new(Timing::default()).await;
    let mut one = Agent::with_plan(&lab, "h1").await;
    let port = lab.port(lab.network, Some(one.id)).await;
    let revision = lab.newest();
    one.receive_plan().await;
    let held = one.report();
    let failing = |key, reason: &str| HostReport {
        failures: vec![ItemFailure {
            key,
            reason: reason.into(),
        }],
        ..held.clone()
    };
    let physical = lab.service.intent().networks[&lab.network]
        .segment
        .physical_network_id();
    let report = failing(PlanKey::PhysicalNetwork(physical), "there is no eth1");
    one.say(FromAgent::Report(report)).await;
    let view = lab.until_it_is(revision, ChangeState::Failing).await;
    let reason = view.hosts[0].reason.clone().unwrap();
    assert!(reason.ends_with("there is no eth1"), "{reason}");
    // What fails there and has nothing to do with it is not its concern.
    let report = failing(PlanKey::Port(model::Id::generate()), "something else");
    one.say(FromAgent::Report(report)).await;
    lab.until_it_is(revision, ChangeState::Realized).await;

    drop(one);
    until("the host is lost", || {
        !lab.service.hosts().iter().any(|it| it.status.connected)
    })
    .await;
    assert_eq!(lab.change(revision).await.state, ChangeState::Realized);
    lab.service.port_delete(caller(), port.id).await.unwrap();
    let view = lab.change(lab.newest()).await;
    assert_eq!(view.state, ChangeState::Waiting);
    let reason = view.hosts[0].reason.clone().unwrap();
    assert!(reason.contains("not connected"), "{reason}");
}

#[tokio::test]
async fn of_a_change_from_before_a_restart_every_host_is_asked() {
    let lab = Lab::new(Timing::default()).await;
    let mut one = Agent::with_plan(&lab, "h1").await;
    lab.port(lab.network, Some(one.id)).await;
    let revision = lab.newest();
    one.take_plan().await;
    drop(one);
    let lab = lab.restarted(Timing::default()).await;
    let view = lab.change(revision).await;
    assert_eq!(hosts(&view), [("h1", ChangeState::Waiting)]);
    let _one = Agent::with_plan(&lab, "h1").await;
    lab.until_it_is(revision, ChangeState::Realized).await;
}

#[tokio::test]
async fn a_tenant_is_told_of_the_changes_that_it_asked_for_and_of_no_other() {
    let lab = Lab::new(Timing::default()).await;
    let own = lab.service.intent().networks[&lab.network].tenant_id;
    let by_own = Caller {
        held_to: Some(own),
        ..caller()
    };
    let revised = by_own.revised.clone();
    let group = serde_json::json!({"tenant_id": own, "name": "mine"});
    let group = serde_json::from_value(group).unwrap();
    let made = lab.service.address_group_create(by_own, group).await;
    made.unwrap();
    let mine = revised.get().unwrap();
    assert_eq!(mine, lab.newest());
    lab.port(lab.network, None).await;
    let others = lab.newest();
    let lab = {
        assert!(lab.service.change(mine, Some(own)).await.is_ok());
        let refused = lab.service.change(others, Some(own)).await.unwrap_err();
        assert_eq!(refused.code, Code::NotFound);
        lab.restarted(Timing::default()).await
    };
    assert!(lab.service.change(mine, Some(own)).await.is_ok());
    for revision in [0, 1, others, lab.newest() + 1, u64::MAX] {
        let refused = lab.service.change(revision, Some(own)).await.unwrap_err();
        assert_eq!(refused.code, Code::NotFound, "{revision}");
        assert!(refused.detail.contains(&revision.to_string()));
    }
}
