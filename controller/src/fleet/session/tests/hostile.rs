//! Agents that are not what they should be.

use std::time::Duration;

use api::backend::Backend;
use api::session::{AgentCodec, FromAgent, FromController, MAX_FRAME_BYTES, PROTOCOL};
use futures::SinkExt;
use model::EventKind;
use model::report::HostReport;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::codec::Framed;

use super::agent::{Agent, connect, hello, vif};
use super::{Lab, Timing, until};
use crate::authority::{Authority, Credentials};
use crate::fleet::identity::Identity;
use crate::fleet::session::Session;

fn quick() -> Timing {
    Timing {
        heartbeat: Duration::from_millis(100),
        hello: Duration::from_millis(300),
        hold: Duration::from_millis(300),
        ..Timing::default()
    }
}

/// Whether whoever has these credentials is turned away before a word is said.
async fn is_turned_away(lab: &Lab, credentials: Option<&Credentials>) -> bool {
    // With TLS 1.3 the client believes itself connected until it first reads.
    let Ok(mut stream) = connect(lab, credentials).await else {
        return true;
    };
    _ = stream.write_all(b"hello").await;
    matches!(stream.read(&mut [0; 64]).await, Ok(0) | Err(_))
}

#[tokio::test]
async fn without_a_valid_certificate_of_a_host_there_is_no_session() {
    let lab = Lab::new(Timing::default()).await;
    let name = "h1".parse().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let stranger = Authority::load_or_create(elsewhere.path()).unwrap();
    let server = lab
        .authority
        .server(lab.folder.path(), &[], &[lab.address.ip()])
        .unwrap();
    assert!(is_turned_away(&lab, None).await, "no certificate");
    assert!(
        is_turned_away(&lab, Some(&stranger.host(&name).unwrap())).await,
        "another authority"
    );
    assert!(
        is_turned_away(&lab, Some(&lab.authority.expired_host(&name))).await,
        "expired"
    );
    assert!(
        is_turned_away(&lab, Some(&server)).await,
        "a server's certificate"
    );
    assert!(
        is_turned_away(&lab, Some(&lab.authority.nobody())).await,
        "a client's, of no host"
    );
    assert_eq!(lab.service.intent().hosts.len(), 0);
    Agent::with_plan(&lab, "h1").await;
}

#[tokio::test]
async fn a_name_that_another_host_has_is_refused_with_a_reason() {
    let lab = Lab::new(Timing::default()).await;
    Agent::with_plan(&lab, "h1").await;
    let twin = lab
        .authority
        .host_with_id(&"h1".parse().unwrap(), model::Id::generate());
    let stream = connect(&lab, Some(&twin)).await.unwrap();
    let frames = Framed::new(stream, AgentCodec::default());
    let mut twin = Agent {
        id: model::Id::generate(),
        frames,
        plan: model::plan::HostPlan::default(),
    };
    twin.say(hello()).await;
    assert!(matches!(
        twin.hear().await,
        Some(FromController::Goodbye { .. })
    ));
    assert_eq!(twin.hear().await, None);
}

#[tokio::test]
async fn an_agent_of_another_protocol_is_told_so() {
    let lab = Lab::new(Timing::default()).await;
    let mut agent = Agent::connected(&lab, "h1").await;
    agent
        .say(FromAgent::Hello {
            protocol: PROTOCOL + 1,
            agent_version: "test".into(),
            held: None,
        })
        .await;
    assert!(matches!(
        agent.hear().await,
        Some(FromController::Goodbye { .. })
    ));
    assert_eq!(agent.hear().await, None);
}

#[tokio::test]
async fn whoever_breaks_the_protocol_loses_the_session_and_nobody_else_does() {
    let lab = Lab::new(Timing::default()).await;
    let mut good = Agent::with_plan(&lab, "good").await;
    let too_large = (u32::try_from(MAX_FRAME_BYTES).unwrap() + 1).to_be_bytes();
    let garbage: [&[u8]; 5] = [
        b"\0\0\0\x05{}{}{",
        b"\0\0\0\x04\xff\xff\xff\xff",
        b"\0\0\0\x0f{\"type\":\"none\"}",
        &u32::MAX.to_be_bytes(),
        &too_large,
    ];
    for bytes in garbage {
        let mut bad = Agent::start(&lab, "bad").await;
        bad.frames.get_mut().write_all(bytes).await.unwrap();
        while bad.hear().await.is_some() {}
    }
    let mut twice = Agent::with_plan(&lab, "bad").await;
    twice.say(hello()).await;
    assert_eq!(twice.hear().await, None);
    let mut rude = Agent::connected(&lab, "bad").await;
    rude.say(FromAgent::Ping).await;
    assert_eq!(rude.hear().await, None);
    lab.port(lab.network, Some(good.id)).await;
    good.take_plan().await;
}

#[tokio::test]
async fn a_silent_agent_is_lost_and_one_that_only_pings_is_not() {
    let lab = Lab::new(quick()).await;
    let mut silent = Agent::with_plan(&lab, "silent").await;
    let mut pinging = Agent::with_plan(&lab, "pinging").await;
    let connected = |agent: &Agent| lab.service.host(agent.id).unwrap().status.connected;
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        pinging.say(FromAgent::Ping).await;
    }
    assert_eq!(silent.hear().await, None);
    assert!(!connected(&silent));
    assert!(connected(&pinging));
    let mut mute = Agent::connected(&lab, "mute").await;
    assert_eq!(mute.hear().await, None);
}

#[tokio::test]
async fn an_agent_that_never_holds_its_plan_loses_the_session() {
    let lab = Lab::new(quick()).await;
    let mut agent = Agent::start(&lab, "h1").await;
    agent.receive_plan().await;
    let mut ended = false;
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        ended |= agent.frames.send(FromAgent::Ping).await.is_err();
    }
    assert!(ended);
    let lost = lab.events(EventKind::HostLost);
    assert!(
        lost[0].message.contains("did not take its plan"),
        "{lost:?}"
    );
}

#[tokio::test]
async fn an_agent_that_does_not_read_loses_the_session() {
    let timing = Timing {
        write: Duration::from_millis(300),
        ..Timing::default()
    };
    let lab = Lab::new(timing).await;
    let id = Agent::with_plan(&lab, "h1").await.id;
    let ports = (0..100).map(|_| lab.port(lab.network, Some(id)));
    futures::future::join_all(ports).await;
    // A pipe that takes a welcome, but no plan of a hundred ports.
    let (ours, theirs) = tokio::io::duplex(4096);
    let session = Session {
        service: lab.service.clone(),
        timing,
        host: Identity {
            id,
            name: "h1".parse().unwrap(),
        },
        address: lab.address.ip(),
    };
    let mut deaf = Framed::new(ours, AgentCodec::default());
    deaf.send(hello()).await.unwrap();
    session.run(theirs, ()).await;
    let lost = lab.events(EventKind::HostLost);
    let reason = "does not read";
    assert!(
        lost.iter().any(|it| it.message.contains(reason)),
        "{lost:?}"
    );
}

#[tokio::test]
async fn strangers_from_one_address_cannot_use_up_all_patience() {
    let lab = Lab::new(Timing::default()).await;
    let mut strangers = Vec::new();
    for _ in 0..100 {
        strangers.push(tokio::net::TcpStream::connect(lab.address).await.unwrap());
    }
    let mut closed = 0;
    for stranger in &mut strangers {
        let mut byte = [0];
        let read = tokio::time::timeout(Duration::from_millis(20), stranger.read(&mut byte));
        closed += usize::from(matches!(read.await, Ok(Ok(0) | Err(_))));
    }
    assert_eq!(closed, 36);
    drop(strangers);
    Agent::with_plan(&lab, "h1").await;
}

#[tokio::test]
async fn a_report_without_measure_is_cut_to_size() {
    let lab = Lab::new(Timing::default()).await;
    let mut agent = Agent::with_plan(&lab, "h1").await;
    let huge = "x".repeat(100_000);
    let mut named_too_long = vif(&huge, None);
    named_too_long.ifindex = Some(7);
    let mut vifs = vec![named_too_long];
    for number in 0..20_000 {
        vifs.push(vif(&format!("v{number}"), None));
    }
    vifs[1].iface_id.clone_from(&huge);
    let report = HostReport {
        vifs,
        remarks: vec![huge; 5],
        ..agent.report()
    };
    agent.say(FromAgent::Report(report)).await;
    until("the report was read", || {
        !lab.events(EventKind::UnknownVif).is_empty()
    })
    .await;
    let observed = lab.service.fleet().observed();
    assert_eq!(observed.host(agent.id).unwrap().vifs.len(), 10_000);
    assert!(
        lab.service
            .fleet()
            .events()
            .iter()
            .all(|it| it.message.len() <= 500)
    );
    lab.service.settled();
    assert!(lab.service.fleet().events().len() <= 251);
    lab.port(lab.network, Some(agent.id)).await;
    agent.take_plan().await;
}
