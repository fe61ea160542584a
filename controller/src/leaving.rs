//! Ends migrations of instances when their hosts say how they ended.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use model::{InstanceId, Timestamp};
use tokio::time::sleep;
use tracing::warn;

use crate::fleet::leaving::{End, end};
use crate::service::Service;

/// How often that is looked at: time alone may end one.
const TICK: Duration = Duration::from_millis(250);

/// Looks after them; never returns.
pub(crate) async fn keep_settling(service: Arc<Service>) {
    let mut lost = BTreeMap::new();
    loop {
        let ends = ended(&service, &mut lost);
        if let Err(problem) = service.instances_settle(&ends).await {
            warn!(%problem, "could not take note of migrations that ended; trying again");
        }
        sleep(TICK).await;
    }
}

fn ended(service: &Service, lost: &mut BTreeMap<InstanceId, Timestamp>) -> Vec<(InstanceId, End)> {
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
        let end = end((instance.id, migration), hosts, lost, now);
        ends.extend(end.map(|end| (instance.id, end)));
    }
    lost.retain(|id, _| intent.leaving().any(|it| it.instance.id == *id));
    ends
}
