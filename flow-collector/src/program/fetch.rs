//! The inventory, fetched from the controller again and again.
//!
//! While the controller cannot be reached the last inventory stays: what hosts say goes on being
//! attributed, and what is new is counted once it is known.

use std::sync::Arc;
use std::time::Duration;

use api::client::{Client, ClientError};
use model::Inventory;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// How long a change of the inventory stays unknown at most.
const PERIOD: Duration = Duration::from_secs(2);

/// Whether the controller answered last time: each change is worth a line in the log.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Controller {
    Unknown,
    Answers,
    Silent,
}

/// Fetches until `stop`.
pub(super) async fn run(
    client: Client,
    inventory: watch::Sender<Arc<Inventory>>,
    stop: CancellationToken,
) {
    let mut controller = Controller::Unknown;
    let mut period = tokio::time::interval(PERIOD);
    period.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut next = async || {
        period.tick().await;
        client.inventory().await
    };
    while let Some(fetched) = stop.run_until_cancelled(next()).await {
        controller = take(fetched, &inventory, controller);
    }
}

fn take(
    fetched: Result<Inventory, ClientError>,
    inventory: &watch::Sender<Arc<Inventory>>,
    before: Controller,
) -> Controller {
    match fetched {
        Ok(newest) => {
            if before != Controller::Answers {
                info!(
                    hosts = newest.hosts.len(),
                    "the controller told its inventory"
                );
            }
            // Compared whole: a controller that started anew may count its revisions anew.
            inventory.send_if_modified(|known| {
                let is_new = **known != newest;
                if is_new {
                    *known = Arc::new(newest);
                }
                is_new
            });
            Controller::Answers
        }
        Err(error) => {
            if before != Controller::Silent {
                let error = &error as &dyn std::error::Error;
                warn!(error, "could not fetch the inventory; the last one stays");
            }
            Controller::Silent
        }
    }
}
