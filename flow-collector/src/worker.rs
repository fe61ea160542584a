//! The one task that hands what the meters gathered to the ledger.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::MissedTickBehavior;

use crate::ledger::{Ledger, LedgerError};
use crate::meters::Meters;
use crate::receive::Receivers;

/// How often amounts are made durable. A collector that is killed loses so much of the *estimate*;
/// what is counted is counted again from the counters.
const CHECKPOINT: Duration = Duration::from_secs(5);

/// Asked for: tell when all that was taken is durable.
type Flush = oneshot::Sender<()>;

/// What it works with.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) ledger: Ledger,
    pub(crate) meters: Arc<Meters>,
    pub(crate) receivers: Receivers,
}

impl Worker {
    /// Works until `requests` is closed, then takes what is in the sockets and writes everything.
    pub(crate) async fn run(self, mut requests: mpsc::Receiver<Flush>) -> Result<(), LedgerError> {
        let mut waiting: Vec<Flush> = Vec::new();
        let mut checkpoint = tokio::time::interval(CHECKPOINT);
        checkpoint.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                request = requests.recv() => match request {
                    Some(flush) => waiting.push(flush),
                    None => break,
                },
                _ = checkpoint.tick() => self.checkpoint(),
                place = self.ledger.wait_for_place(), if !waiting.is_empty() => {
                    // What came before the question is part of the answer.
                    let place = place?;
                    let waiting = std::mem::take(&mut waiting);
                    place.write(self.meters.batch(), waiting);
                }
            }
        }
        let Self {
            ledger,
            meters,
            receivers,
        } = self;
        // A thread that panicked is no reason not to write.
        let _stopped = tokio::task::spawn_blocking(|| receivers.stop()).await;
        let batch = meters.batch();
        ledger.wait_for_place().await?.write(batch, waiting);
        ledger.close().await
    }

    /// If the ledger is behind, the amounts wait for the next time.
    fn checkpoint(&self) {
        if let Some(place) = self.ledger.place() {
            place.write(self.meters.batch(), Vec::new());
        }
    }
}
