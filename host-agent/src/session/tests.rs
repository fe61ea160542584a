use std::num::NonZeroU32;

use api::session::ControllerCodec;
use model::report::HostReport;
use model::{HostId, ProbeOrder, ProbeOutcome, ProbeReply, ProbeRequest, UsageBatch, UsageTaken};
use tempfile::TempDir;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::*;
use crate::plugger::Plugger;
use crate::prober::Prober;
use crate::sample_relay::SampleRelay;
use crate::tracer::Tracer;

/// The controller's end of a session whose other end is a real one.
struct Scripted {
    wire: Framed<DuplexStream, ControllerCodec>,
    status: watch::Sender<Option<Arc<Status>>>,
    plan: watch::Receiver<Option<Arc<HostPlan>>>,
    remarks: Remarks,
    usage: watch::Sender<Option<Arc<UsageBatch>>>,
    heard: mpsc::Receiver<Said>,
    folder: TempDir,
}

impl Scripted {
    fn start(held: Option<HostPlan>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let (status, status_receiver) = watch::channel(None);
        let plan = PlanSender::new(held.map(Arc::new));
        let plan_receiver = plan.subscribe();
        let remarks = Remarks::default();
        let (prober, probes) = Prober::new(folder.path().into(), plan.subscribe());
        tokio::spawn(prober.run());
        let (_, known) = watch::channel(Arc::default());
        let (tracer, traces) = Tracer::new(folder.path().into(), known);
        tokio::spawn(tracer.run());
        let (plugger, plugs) = Plugger::new(folder.path().into());
        tokio::spawn(plugger.run());
        let (usage, usage_receiver) = watch::channel(None);
        let (said, heard) = mpsc::channel(8);
        let mut session = Session {
            store: Arc::new(PlanStore::open(folder.path()).unwrap()),
            plan,
            status: status_receiver,
            remarks: remarks.clone(),
            probes,
            traces,
            plugs,
            open: OpenSender::new(None),
            usage: Usage {
                batch: usage_receiver,
                said,
            },
            samples: SampleRelay::new(watch::channel(None).1).1,
        };
        let local = std::net::Ipv4Addr::LOCALHOST.into();
        tokio::spawn(async move { session.converse(theirs, local).await });
        Self {
            wire: Framed::new(ours, ControllerCodec::default()),
            status,
            plan: plan_receiver,
            remarks,
            usage,
            heard,
            folder,
        }
    }

    async fn hear(&mut self) -> FromAgent {
        let heard = timeout(Duration::from_secs(20), self.wire.next()).await;
        heard.unwrap().unwrap().unwrap()
    }

    async fn hear_report(&mut self) -> HostReport {
        loop {
            match self.hear().await {
                FromAgent::Report(report) => return report,
                FromAgent::Ping => {}
                other => panic!("{other:?} instead of a report"),
            }
        }
    }

    async fn say(&mut self, message: FromController) {
        self.wire.send(message).await.unwrap();
    }

    async fn welcome(&mut self) -> Option<Generation> {
        let FromAgent::Hello { held, .. } = self.hear().await else {
            panic!("no hello");
        };
        self.say(FromController::Welcome {
            host_id: HostId::from(Uuid::nil()),
            heartbeat_seconds: 1,
            usage_interval_seconds: NonZeroU32::new(60),
        })
        .await;
        held
    }

    async fn send_plan(&mut self, generation: u64, base: Option<u64>) {
        self.say(FromController::Plan(PlanChange {
            generation: Generation(generation),
            base: base.map(Generation),
            upsert: Vec::new(),
            remove: Vec::new(),
            more: false,
        }))
        .await;
    }

    fn publish(&self, realized: u64) {
        self.status.send_replace(Some(Arc::new(Status {
            realized: Generation(realized),
            ..Status::default()
        })));
    }
}

fn plan(generation: u64) -> HostPlan {
    HostPlan {
        generation: Generation(generation),
        ..HostPlan::default()
    }
}

#[tokio::test]
async fn a_plan_is_on_disk_before_it_takes_effect_and_is_acknowledged() {
    let mut controller = Scripted::start(None);
    assert_eq!(controller.welcome().await, None);
    controller.publish(0);
    assert!(controller.hear_report().await.complete);
    controller.send_plan(5, None).await;
    let report = controller.hear_report().await;
    assert_eq!(report.held, Generation(5));
    assert!(!report.complete);
    assert_eq!(controller.plan.borrow().as_deref(), Some(&plan(5)));
    let text = std::fs::read(controller.folder.path().join("plan.json")).unwrap();
    assert_eq!(serde_json::from_slice::<HostPlan>(&text).unwrap(), plan(5));
}

#[tokio::test]
async fn the_first_report_waits_for_the_first_pass_and_is_complete() {
    let mut controller = Scripted::start(Some(plan(3)));
    assert_eq!(controller.welcome().await, Some(Generation(3)));
    // Before the first pass there is nothing to say but that we are here.
    assert_eq!(controller.hear().await, FromAgent::Ping);
    controller.publish(3);
    let report = controller.hear_report().await;
    assert!(report.complete);
    assert_eq!(
        (report.held, report.realized),
        (Generation(3), Generation(3))
    );
    controller.publish(4);
    let report = controller.hear_report().await;
    assert!(!report.complete);
    assert_eq!(report.realized, Generation(4));
}

#[tokio::test]
async fn an_older_plan_is_refused_and_the_newer_one_stays() {
    let mut controller = Scripted::start(Some(plan(9)));
    controller.welcome().await;
    controller.send_plan(8, None).await;
    let FromAgent::Refuse { generation, reason } = controller.hear().await else {
        panic!("not refused");
    };
    assert_eq!(generation, Generation(8));
    assert!(reason.contains("older"), "{reason}");
    assert_eq!(controller.plan.borrow().as_deref(), Some(&plan(9)));
}

#[tokio::test]
async fn a_plan_that_cannot_be_stored_does_not_take_effect() {
    let mut controller = Scripted::start(None);
    controller.welcome().await;
    // A folder in the way of the new file: even root cannot write through it.
    std::fs::create_dir(controller.folder.path().join("plan.json.new")).unwrap();
    controller.send_plan(5, None).await;
    let FromAgent::Refuse { reason, .. } = controller.hear().await else {
        panic!("not refused");
    };
    assert!(reason.contains("could not store the plan"), "{reason}");
    assert_eq!(controller.plan.borrow().as_deref(), None);
}

#[tokio::test]
async fn a_silent_controller_is_given_up() {
    let mut controller = Scripted::start(None);
    controller.welcome().await;
    let until_closed = async { while controller.wire.next().await.is_some() {} };
    timeout(Duration::from_secs(20), until_closed)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_remark_is_told_at_once() {
    let mut controller = Scripted::start(None);
    controller.welcome().await;
    controller.publish(1);
    assert!(controller.hear_report().await.complete);
    controller.remarks.push("a flow was restored".to_owned());
    let report = controller.hear_report().await;
    assert_eq!(report.remarks, ["a flow was restored"]);
}

#[tokio::test]
async fn who_is_asked_for_a_check_that_it_knows_nothing_of_says_so() {
    let mut controller = Scripted::start(None);
    controller.welcome().await;
    let check = Uuid::from_u128(7);
    let order = ProbeOrder::Collect;
    let request = ProbeRequest {
        check,
        step: 3,
        order,
    };
    controller.say(FromController::Probe(request)).await;
    let refused = ProbeReply {
        check,
        step: 3,
        outcome: ProbeOutcome::Refused,
    };
    assert_eq!(controller.hear().await, FromAgent::Probe(refused));
}

fn batch(number: u64) -> Arc<UsageBatch> {
    Arc::new(UsageBatch {
        epoch: Uuid::nil(),
        number,
        records: Vec::new(),
    })
}

#[tokio::test]
async fn usage_is_told_in_every_session_until_it_is_taken() {
    let mut controller = Scripted::start(None);
    controller.usage.send_replace(Some(batch(4)));
    controller.welcome().await;
    let Some(Said::Interval(seconds)) = controller.heard.recv().await else {
        panic!("the length of intervals was not passed on");
    };
    assert_eq!(seconds.get(), 60);
    let told = loop {
        match controller.hear().await {
            FromAgent::Usage(batch) => break batch,
            FromAgent::Ping | FromAgent::Report(_) => {}
            other => panic!("{other:?} instead of usage"),
        }
    };
    assert_eq!(told, *batch(4));
    let taken = UsageTaken {
        number: 4,
        refused: vec![0],
    };
    controller
        .say(FromController::UsageTaken(taken.clone()))
        .await;
    let Some(Said::Taken(heard)) = controller.heard.recv().await else {
        panic!("what was taken was not passed on");
    };
    assert_eq!(heard, taken);
}
