//! Ends migrations of instances when their hosts say how they ended.

use std::sync::Arc;
use std::time::Duration;

use model::{InstanceId, Timestamp};
use tokio::time::sleep;
use tracing::warn;

use crate::fleet::leaving::{Doubts, End, end};
use crate::service::Service;

/// How often that is looked at: time alone may end one.
const TICK: Duration = Duration::from_millis(250);

/// Looks after them; never returns.
pub(crate) async fn keep_settling(service: Arc<Service>) {
    let mut doubts = Doubts::new();
    loop {
        let ends = ended(&service, &mut doubts);
        if let Err(problem) = service.instances_settle(&ends).await {
            warn!(%problem, "could not take note of migrations that ended; trying again");
        }
        sleep(TICK).await;
    }
}

fn ended(service: &Service, doubts: &mut Doubts) -> Vec<(InstanceId, End)> {
    let (intent, observed) = (service.intent(), service.fleet().observed());
    let now = Timestamp::now();
    let mut ends = Vec::new();
    for plugged in intent.leaving() {
        let instance = &plugged.instance;
        let Some(migration) = &instance.migration else {
            continue;
        };
        let seen = |host| observed.seen_of(instance.id, host, now);
        let hosts = (&seen(instance.host_id), &seen(migration.to));
        let end = end((instance.id, migration), hosts, doubts, now);
        ends.extend(end.map(|end| (instance.id, end)));
    }
    doubts.retain(|id, _| intent.leaving().any(|it| it.instance.id == *id));
    ends
}
