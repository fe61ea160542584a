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
        let Self {
            ledger,
            meters,
            receivers,
        } = self;
        let mut checkpoints = 0u32;
        let mut checkpoint = tokio::time::interval(CHECKPOINT);
        checkpoint.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                request = requests.recv() => match request {
                    Some(flush) => {
                        let others = std::iter::from_fn(|| requests.try_recv().ok());
                        let waiting = std::iter::once(flush).chain(others).collect();
                        answer(&ledger, &meters, waiting).await?;
                    }
                    None => break,
                },
                _ = checkpoint.tick() => {
                    checkpoints = checkpoints.wrapping_add(1);
                    let detail = match checkpoints % SPLITS_EVERY {
                        0 => Detail::WithSplits,
                        _ => Detail::Amounts,
                    };
                    // If the ledger is behind, the amounts wait for the next time.
                    if ledger.has_place() {
                        write(&ledger, &meters, detail).await?;
                    }
                }
            }
        }
        // A thread that panicked is no reason not to write.
        let _stopped = tokio::task::spawn_blocking(|| receivers.stop()).await;
        write(&ledger, &meters, Detail::WithSplits).await?;
        ledger.close().await
    }
}

/// What came before the question is part of the answer.
async fn answer(ledger: &Ledger, meters: &Meters, waiting: Vec<Flush>) -> Result<(), LedgerError> {
    let details = waiting.iter().map(|(detail, _)| *detail);
    let detail = details.max().unwrap_or(Detail::Amounts);
    write(ledger, meters, detail).await?;
    // A portion that could not be written is tried again with this one, which is nothing by itself.
    let waiting = waiting.into_iter().map(|(_, done)| done);
    let place = ledger.wait_for_place().await?;
    place.write(Batch::default(), waiting.collect());
    Ok(())
}

/// Has one portion after the other written: the next is gathered when there is nothing left of the last.
async fn write(ledger: &Ledger, meters: &Meters, detail: Detail) -> Result<(), LedgerError> {
    for portion in meters.portions(detail) {
        let (done, written) = oneshot::channel();
        ledger.wait_for_place().await?.write(portion, vec![done]);
        // What could not be written the ledger keeps, and tries again.
        let _failed = written.await;
    }
    Ok(())
}
