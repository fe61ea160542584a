//! The one task that hands what the meters gathered to the ledger.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::MissedTickBehavior;

use crate::ledger::{Ledger, LedgerError};
use crate::meters::{Detail, Meters};
use crate::receive::Receivers;
use crate::tally::Batch;

/// How often amounts are made durable. A collector that is killed loses so much of the *estimate*;
/// what is counted is counted again from the counters.
const CHECKPOINT: Duration = Duration::from_secs(5);

/// So many checkpoints have the splits, too: a collector that is killed loses so much of these.
const SPLITS_EVERY: u32 = 12;

/// Asked for: tell when all that was taken is durable.
pub(crate) type Flush = (Detail, oneshot::Sender<()>);

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
        let mut checkpoints = 0u32;
        let mut checkpoint = tokio::time::interval(CHECKPOINT);
        checkpoint.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                request = requests.recv() => match request {
                    Some(flush) => waiting.push(flush),
                    None => break,
                },
                _ = checkpoint.tick() => {
                    checkpoints = checkpoints.wrapping_add(1);
                    self.checkpoint(match checkpoints % SPLITS_EVERY {
                        0 => Detail::WithSplits,
                        _ => Detail::Amounts,
                    });
                }
                place = self.ledger.wait_for_place(), if !waiting.is_empty() => {
                    // What came before the question is part of the answer.
                    let place = place?;
                    let (batch, waiting) = self.asked_for(std::mem::take(&mut waiting));
                    place.write(batch, waiting);
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
        let batch = meters.batch(Detail::WithSplits);
        let waiting = waiting.into_iter().map(|(_, done)| done).collect();
        ledger.wait_for_place().await?.write(batch, waiting);
        ledger.close().await
    }

    /// If the ledger is behind, the amounts wait for the next time.
    fn checkpoint(&self, detail: Detail) {
        if let Some(place) = self.ledger.place() {
            place.write(self.meters.batch(detail), Vec::new());
        }
    }

    /// What those who wait ask for, and where to tell them.
    fn asked_for(&self, waiting: Vec<Flush>) -> (Batch, Vec<oneshot::Sender<()>>) {
        let details = waiting.iter().map(|(detail, _)| *detail);
        let detail = details.max().unwrap_or(Detail::Amounts);
        let waiting = waiting.into_iter().map(|(_, done)| done);
        (self.meters.batch(detail), waiting.collect())
    }
}
