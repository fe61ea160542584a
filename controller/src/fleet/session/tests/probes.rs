//! Checks of the fabric with scripted agents: whatever they say, a check comes to an end.

use std::time::Duration;

use api::backend::Backend;
use api::problem::Code;
use api::session::{FromAgent, FromController};
use model::{
    FabricCheck, FabricScope, FabricState, ProbeArrival, ProbeLane, ProbeOrder, ProbeOutcome,
    ProbePath, ProbeReply,
};

use super::agent::Agent;
use super::{Lab, Timing, caller};

/// What an agent says it heard in these lanes, given its number in the check.
type Hears = fn(u16, &[ProbeLane]) -> Vec<ProbeArrival>;

/// Takes part in checks until the session is over.
async fn take_part(mut agent: Agent, hears: Hears) {
    let mut listening = (0, Vec::new());
    while let Some(message) = agent.hear().await {
        let FromController::Probe(request) = message else {
            continue;
        };
        let outcome = match request.order {
            ProbeOrder::Listen { host, lanes, .. } => {
                listening = (host, lanes);
                ProbeOutcome::Listening {
                    nics: Vec::new(),
                    absent: Vec::new(),
                    obstacles: Vec::new(),
                }
            }
            ProbeOrder::Send { .. } => ProbeOutcome::Sent,
            ProbeOrder::Collect => ProbeOutcome::Heard {
                arrivals: hears(listening.0, &listening.1),
            },
        };
        let reply = ProbeReply {
            check: request.check,
            step: request.step,
            outcome,
        };
        agent.say(FromAgent::Probe(reply)).await;
    }
}

/// All that the other of two hosts sends.
fn everything(host: u16, lanes: &[ProbeLane]) -> Vec<ProbeArrival> {
    let sizes = lanes.iter().flat_map(|lane| [(lane, 64), (lane, 1_500)]);
    let arrivals = sizes.map(|(lane, bytes)| ProbeArrival {
        from: 1 - host,
        lane: lane.number,
        bytes,
        vlan: match lane.path {
            ProbePath::Vlan { vlan } => Some(vlan),
            _ => None,
        },
    });
    arrivals.collect()
}

/// What nobody sent: from hosts and in lanes that there are not, from itself, of any size.
fn nonsense(host: u16, lanes: &[ProbeLane]) -> Vec<ProbeArrival> {
    let strange = everything(host, lanes).into_iter().flat_map(|it| {
        [
            ProbeArrival { from: 999, ..it },
            ProbeArrival { from: host, ..it },
            ProbeArrival {
                lane: u16::MAX,
                bytes: u16::MAX,
                ..it
            },
        ]
    });
    strange.collect()
}

async fn check(lab: &Lab) -> FabricCheck {
    let service = &lab.service;
    let asked = service.fabric_check_create(caller(), FabricScope::default());
    let id = asked.await.unwrap().id;
    loop {
        let check = service.fabric_check(id).unwrap();
        if check.state == FabricState::Done {
            return FabricCheck::clone(&check);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn messages(check: &FabricCheck) -> Vec<&str> {
    let findings = check.findings.iter();
    findings.map(|it| it.message.as_str()).collect()
}

#[tokio::test]
async fn hosts_that_hear_each_other_are_well_and_one_at_a_time_checks() {
    let lab = Lab::new(Timing::default()).await;
    for name in ["h1", "h2"] {
        let agent = Agent::with_plan(&lab, name).await;
        tokio::spawn(take_part(agent, everything));
    }
    let service = &lab.service;
    let asked = service.fabric_check_create(caller(), FabricScope::default());
    let first = asked.await.unwrap();
    let second = service.fabric_check_create(caller(), FabricScope::default());
    assert_eq!(second.await.unwrap_err().code, Code::InUse);
    service
        .fabric_check_delete(caller(), first.id)
        .await
        .unwrap();
    let found = check(&lab).await;
    assert_eq!(messages(&found), [""; 0]);
    let [path] = found.paths.try_into().unwrap();
    assert_eq!((path.pairs, path.small_passed, path.full_passed), (2, 2, 2));
}

#[tokio::test]
async fn a_host_that_says_nonsense_is_not_believed() {
    let lab = Lab::new(Timing::default()).await;
    for (name, hears) in [("h1", everything as Hears), ("h2", nonsense)] {
        let agent = Agent::with_plan(&lab, name).await;
        tokio::spawn(take_part(agent, hears));
    }
    let found = check(&lab).await;
    let lost = "VLAN 100 does not pass from h1 to h2 on physical network private";
    assert_eq!(messages(&found), [lost]);
}

#[tokio::test]
async fn a_host_that_does_not_answer_is_named_and_holds_nobody_up() {
    let lab = Lab::new(Timing::default()).await;
    let dumb = Agent::with_plan(&lab, "h1").await;
    let agent = Agent::with_plan(&lab, "h2").await;
    tokio::spawn(take_part(agent, everything));
    let found = check(&lab).await;
    assert_eq!(
        messages(&found),
        ["host h1 took no part: its agent did not answer in time"]
    );
    drop(dumb);
}

#[tokio::test]
async fn a_pool_without_hosts_has_no_fabric_that_could_be_wrong() {
    let lab = Lab::new(Timing::default()).await;
    assert_eq!(messages(&check(&lab).await), [""; 0]);
}
