//! The task that runs this host's instances, through the drivers of `compute`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use compute::Hypervisor;
use futures::future::join_all;
use model::plan::{HostPlan, PlanItem, PlanKey, PlannedInstance};
use model::report::InstanceReport;
use model::{Driver, InstanceId};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::status::Remarks;

/// How often all instances are looked after, whatever else calls for it.
const LOOK_AFTER: Duration = Duration::from_secs(30);

/// The same, while one comes from another host or leaves.
const LOOK_AFTER_MOVES: Duration = Duration::from_secs(1);

/// What runs here, by instance.
pub type Found = BTreeMap<InstanceId, InstanceReport>;

/// The instances of this host, as its plan wants them.
pub struct Instances {
    /// What runs them.
    drivers: Vec<Box<dyn Hypervisor>>,
    /// What is wanted. Nothing is touched before the first plan.
    plan: watch::Receiver<Option<Arc<HostPlan>>>,
    /// What was found.
    found: watch::Sender<Found>,
    /// What else an operator should know.
    remarks: Remarks,
    /// How often all are looked after.
    look_after: Duration,
}

impl Instances {
    /// Those of `plan`, run by these drivers; what is found is told, and remarked on.
    #[must_use]
    pub fn new(
        drivers: Vec<Box<dyn Hypervisor>>,
        plan: watch::Receiver<Option<Arc<HostPlan>>>,
        found: watch::Sender<Found>,
        remarks: Remarks,
    ) -> Self {
        Self {
            drivers,
            plan,
            found,
            remarks,
            look_after: LOOK_AFTER,
        }
    }

    /// Looks after them, for ever. No driver waits for another.
    pub async fn run(self) {
        let runs = self.drivers.into_iter().map(|driver| {
            let run = Run {
                driver,
                plan: self.plan.clone(),
                found: &self.found,
                remarks: &self.remarks,
                look_after: self.look_after,
            };
            run.run()
        });
        join_all(runs).await;
    }
}

/// The instances of one driver.
struct Run<'a> {
    driver: Box<dyn Hypervisor>,
    plan: watch::Receiver<Option<Arc<HostPlan>>>,
    found: &'a watch::Sender<Found>,
    remarks: &'a Remarks,
    look_after: Duration,
}

impl Run<'_> {
    async fn run(mut self) {
        let mut settled = Settled::default();
        let mut look_at = Instant::now() + self.look_after;
        loop {
            if look_at <= Instant::now() {
                settled.forget();
                look_at = Instant::now() + self.look_after;
            }
            let plan = self.plan.borrow_and_update().clone();
            // Before the first plan nobody knows what is wanted.
            let now = plan.map(|plan| wanted(&plan, self.driver.driver()));
            // Most plans change nothing here, and looking costs something per instance.
            if let Some(now) = now.filter(|now| settled.wanted.as_ref() != Some(now)) {
                self.reconcile(now, &mut settled).await;
            }
            let moves = settled.has_moves();
            let moved = Instant::now() + LOOK_AFTER_MOVES;
            let next = if moves { moved.min(look_at) } else { look_at };
            tokio::select! {
                changed = self.plan.changed() => match changed {
                    Ok(()) => {}
                    Err(_) => return,
                },
                () = self.driver.changed() => settled.forget(),
                () = sleep_until(next), if moves => settled.forget(),
                () = sleep_until(next), if !moves => {}
            }
        }
    }

    /// Makes it so, and tells what was found in place of what was told before.
    async fn reconcile(&self, wanted: Vec<PlannedInstance>, settled: &mut Settled) {
        let reconciled = self.driver.reconcile(&wanted, &settled.running).await;
        for (handle, reason) in reconciled.leftovers {
            self.remarks
                .push(format!("could not stop {handle}: {reason}"));
        }
        let reports = reconciled.instances;
        let ids = reports.iter().map(|it| it.id).collect();
        let told = std::mem::replace(&mut settled.told, ids);
        let running = reports.iter().filter(|it| it.running).map(|it| it.id);
        let running: BTreeSet<InstanceId> = running.collect();
        settled.running = wanted
            .iter()
            .filter(|it| running.contains(&it.id))
            .cloned()
            .collect();
        settled.wanted = Some(wanted);
        self.found.send_if_modified(|found| {
            let mut now = found.clone();
            now.retain(|id, _| !told.contains(id));
            now.extend(reports.into_iter().map(|it| (it.id, it)));
            let changed = *found != now;
            *found = now;
            changed
        });
    }
}

/// What was made right.
#[derive(Default)]
struct Settled {
    /// All that was wanted; none if everything is to be looked at.
    wanted: Option<Vec<PlannedInstance>>,
    /// Of these, what runs.
    running: Vec<PlannedInstance>,
    /// What was told of.
    told: BTreeSet<InstanceId>,
}

impl Settled {
    /// Whether one comes from another host or leaves.
    fn has_moves(&self) -> bool {
        let mut wanted = self.wanted.iter().flatten();
        wanted.any(|it| it.motion.is_some())
    }

    /// Everything is to be looked at again.
    fn forget(&mut self) {
        self.wanted = None;
        self.running.clear();
    }
}

/// The instances of a plan that are of one driver, in order of their ids.
fn wanted(plan: &HostPlan, driver: Driver) -> Vec<PlannedInstance> {
    let first = PlanKey::Instance(uuid::Uuid::nil().into());
    let items = plan.items.range(first..).map(|(_, item)| item);
    let instances = items.map_while(|item| match item {
        PlanItem::Instance(instance) => Some(instance),
        _ => None,
    });
    let of_driver = instances.filter(|it| it.driver == driver);
    of_driver.cloned().collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use compute::Reconciled;
    use futures::future::BoxFuture;
    use model::plan::Generation;
    use uuid::Uuid;

    use super::*;

    /// A driver that runs whatever it is asked to, and remembers what that was.
    #[derive(Default)]
    struct Willing {
        asked: Arc<Mutex<Vec<Vec<InstanceId>>>>,
        /// How many it was said of that they are settled.
        settled: Arc<Mutex<Vec<usize>>>,
    }

    impl Hypervisor for Willing {
        fn driver(&self) -> Driver {
            Driver::Netns
        }

        fn reconcile<'a>(
            &'a self,
            wanted: &'a [PlannedInstance],
            settled: &'a [PlannedInstance],
        ) -> BoxFuture<'a, Reconciled> {
            self.settled.lock().unwrap().push(settled.len());
            let ids: Vec<InstanceId> = wanted.iter().map(|it| it.id).collect();
            let instances = ids.iter().map(|id| InstanceReport {
                id: *id,
                running: true,
                handle: None,
                reason: None,
                departure: None,
            });
            let instances = instances.collect();
            self.asked.lock().unwrap().push(ids);
            Box::pin(async {
                Reconciled {
                    instances,
                    leftovers: Vec::new(),
                }
            })
        }
    }

    fn plan(ids: &[u128]) -> HostPlan {
        let items = ids.iter().map(|id| {
            PlanItem::Instance(PlannedInstance {
                id: Uuid::from_u128(*id).into(),
                name: "vm".parse().unwrap(),
                driver: Driver::Netns,
                boot: None,
                motion: None,
                interfaces: Vec::new(),
            })
        });
        HostPlan {
            generation: Generation(1),
            items: items.map(|item| (item.key(), item)).collect(),
        }
    }

    /// A task with such a driver; what the driver is asked, and what is seen of it.
    struct Scene {
        plan: watch::Sender<Option<Arc<HostPlan>>>,
        asked: Arc<Mutex<Vec<Vec<InstanceId>>>>,
        settled: Arc<Mutex<Vec<usize>>>,
        seen: watch::Receiver<Found>,
        _running: tokio::task::JoinSet<()>,
    }

    impl Scene {
        fn set(look_after: Duration) -> Self {
            let driver = Willing::default();
            let (asked, settled) = (Arc::clone(&driver.asked), Arc::clone(&driver.settled));
            let (plan, receiver) = watch::channel(None);
            let (found, seen) = watch::channel(Found::new());
            let drivers: Vec<Box<dyn Hypervisor>> = vec![Box::new(driver)];
            let mut instances = Instances::new(drivers, receiver, found, Remarks::default());
            instances.look_after = look_after;
            let mut running = tokio::task::JoinSet::new();
            running.spawn(instances.run());
            Self {
                plan,
                asked,
                settled,
                seen,
                _running: running,
            }
        }

        /// Wants these, and waits until so many are found.
        async fn want(&mut self, ids: &[u128]) {
            self.plan.send_replace(Some(Arc::new(plan(ids))));
            let found = self.seen.wait_for(|found| found.len() == ids.len()).await;
            found.unwrap();
        }
    }

    #[tokio::test]
    async fn nothing_is_touched_before_the_first_plan_and_then_just_what_it_says_runs() {
        let mut scene = Scene::set(LOOK_AFTER);
        tokio::task::yield_now().await;
        assert!(scene.asked.lock().unwrap().is_empty());
        scene.want(&[1, 2]).await;
        scene.want(&[2]).await;
    }

    #[tokio::test]
    async fn what_runs_needs_no_second_look_when_something_else_changes() {
        let mut scene = Scene::set(LOOK_AFTER);
        scene.want(&[1, 2]).await;
        scene.want(&[1, 2, 3]).await;
        scene.want(&[3]).await;
        assert_eq!(*scene.settled.lock().unwrap(), [0, 2, 3]);
    }

    #[tokio::test]
    async fn everything_is_looked_at_now_and_then_also_while_something_changes_all_the_time() {
        let mut scene = Scene::set(Duration::from_millis(50));
        let began = Instant::now();
        let mut last = 1;
        while scene
            .settled
            .lock()
            .unwrap()
            .iter()
            .filter(|it| **it == 0)
            .count()
            < 3
        {
            scene.want(&(1..=last).collect::<Vec<_>>()).await;
            last += 1;
            tokio::time::sleep(Duration::from_millis(5)).await;
            assert!(
                began.elapsed() < LOOK_AFTER,
                "{last} changes, and no look at all"
            );
        }
    }
}
