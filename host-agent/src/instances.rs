//! The task that runs this host's instances, through the drivers of `compute`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use compute::Hypervisor;
use futures::future::join_all;
use model::plan::{HostPlan, PlanItem, PlanKey, PlannedInstance};
use model::report::InstanceReport;
use model::{Driver, InstanceId};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::status::Remarks;

/// How often instances are looked after when nothing calls for it.
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
}

impl Run<'_> {
    async fn run(mut self) {
        let mut settled = None;
        let mut told = Vec::new();
        loop {
            let plan = self.plan.borrow_and_update().clone();
            let now = plan.map(|plan| wanted(&plan, self.driver.driver()));
            // Most plans change nothing here, and looking costs something per instance.
            if now != settled {
                // Before the first plan nobody knows what is wanted.
                if let Some(now) = &now {
                    told = self.reconcile(now, told).await;
                }
                settled = now;
            }
            let moves = |all: &Vec<PlannedInstance>| all.iter().any(|it| it.motion.is_some());
            let look_after = match settled.as_ref().is_some_and(moves) {
                true => LOOK_AFTER_MOVES,
                false => LOOK_AFTER,
            };
            tokio::select! {
                changed = self.plan.changed() => match changed {
                    Ok(()) => {}
                    Err(_) => return,
                },
                () = self.driver.changed() => settled = None,
                () = sleep(look_after) => settled = None,
            }
        }
    }

    /// Makes it so, and tells what was found in place of what was told before; gives what was told.
    async fn reconcile(
        &self,
        wanted: &[PlannedInstance],
        told: Vec<InstanceId>,
    ) -> Vec<InstanceId> {
        let reconciled = self.driver.reconcile(wanted).await;
        for (handle, reason) in reconciled.leftovers {
            self.remarks
                .push(format!("could not stop {handle}: {reason}"));
        }
        let ids = reconciled.instances.iter().map(|it| it.id).collect();
        self.found.send_if_modified(|found| {
            let mut now = found.clone();
            now.retain(|id, _| !told.contains(id));
            now.extend(reconciled.instances.into_iter().map(|it| (it.id, it)));
            let changed = *found != now;
            *found = now;
            changed
        });
        ids
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
    }

    impl Hypervisor for Willing {
        fn driver(&self) -> Driver {
            Driver::Netns
        }

        fn reconcile<'a>(&'a self, wanted: &'a [PlannedInstance]) -> BoxFuture<'a, Reconciled> {
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

    #[tokio::test]
    async fn nothing_is_touched_before_the_first_plan_and_then_just_what_it_says_runs() {
        let driver = Willing::default();
        let asked = Arc::clone(&driver.asked);
        let (sender, receiver) = watch::channel(None);
        let (found, mut seen) = watch::channel(Found::new());
        let instances = Instances {
            drivers: vec![Box::new(driver)],
            plan: receiver,
            found,
            remarks: Remarks::default(),
        };
        let task = tokio::spawn(instances.run());
        tokio::task::yield_now().await;
        assert!(asked.lock().unwrap().is_empty());
        sender.send_replace(Some(Arc::new(plan(&[1, 2]))));
        seen.wait_for(|found| found.len() == 2).await.unwrap();
        sender.send_replace(Some(Arc::new(plan(&[2]))));
        seen.wait_for(|found| found.len() == 1).await.unwrap();
        task.abort();
    }
}
