//! Gives addresses of ports that are gone back when their hosts have said that nobody uses them any more.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tracing::warn;

use crate::service::Service;

/// How often is looked.
const EVERY: Duration = Duration::from_millis(250);

/// Looks for ever.
pub(crate) async fn keep_lifting(service: Arc<Service>) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(problem) = service.quarantines_lift().await {
            warn!(%problem, "could not give addresses back; trying again");
        }
    }
}
