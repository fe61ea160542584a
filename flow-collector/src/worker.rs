//! The one task that attributes and tallies, and hands batches to the ledger.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use model::{Inventory, Timestamp};
use sflow::Datagram;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::attribute::Attribution;
use crate::collector::interval_start;
use crate::ledger::{Ledger, LedgerError};
use crate::listen::Received;
use crate::statistics::Counts;
use crate::tally::{Resume, Tally};

/// How often amounts are made durable. A collector that is killed loses so much of the *estimate*;
/// what is counted is counted again from the counters.
const CHECKPOINT: Duration = Duration::from_secs(5);
/// So many datagrams are taken before anything else gets its turn.
const BURST: usize = 256;

/// Asked for: tell when all that was taken is durable.
type Flush = oneshot::Sender<()>;

/// The state of the worker.
#[derive(Debug)]
pub(crate) struct Worker {
    ledger: Ledger,
    tally: Tally,
    interval_seconds: NonZeroU32,
    inventory: watch::Receiver<Arc<Inventory>>,
    attribution: Attribution,
    counts: Arc<Counts>,
}

impl Worker {
    pub(crate) fn new(
        ledger: Ledger,
        resume: Resume,
        interval_seconds: NonZeroU32,
        mut inventory: watch::Receiver<Arc<Inventory>>,
        counts: Arc<Counts>,
    ) -> Self {
        let attribution = Attribution::from(&**inventory.borrow_and_update());
        Self {
            ledger,
            tally: Tally::resume(resume),
            interval_seconds,
            inventory,
            attribution,
            counts,
        }
    }

    /// Works until `requests` is closed, then takes what is in the queue and writes everything.
    pub(crate) async fn run(
        mut self,
        mut queue: mpsc::Receiver<Received>,
        mut requests: mpsc::Receiver<Flush>,
        listener: JoinHandle<()>,
    ) -> Result<(), LedgerError> {
        let mut burst = Vec::with_capacity(BURST);
        let mut waiting: Vec<Flush> = Vec::new();
        let mut checkpoint = tokio::time::interval(CHECKPOINT);
        checkpoint.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                1.. = queue.recv_many(&mut burst, BURST) => self.take(&mut burst),
                request = requests.recv() => match request {
                    Some(flush) => waiting.push(flush),
                    None => break,
                },
                _ = checkpoint.tick() => self.checkpoint(),
                place = self.ledger.wait_for_place(), if !waiting.is_empty() => {
                    // What came before the question is part of the answer.
                    let place = place?;
                    let waiting = std::mem::take(&mut waiting);
                    place.write(self.tally.batch(), waiting);
                }
            }
        }
        listener.abort();
        while let Ok(received) = queue.try_recv() {
            self.take_one(&received);
        }
        let batch = self.tally.batch();
        self.ledger.wait_for_place().await?.write(batch, waiting);
        self.ledger.close().await
    }

    fn take(&mut self, burst: &mut Vec<Received>) {
        // An error means that no newer inventory will come; the last one stays.
        if self.inventory.has_changed().unwrap_or(false) {
            self.attribution = Attribution::from(&**self.inventory.borrow_and_update());
        }
        for received in burst.drain(..) {
            self.take_one(&received);
        }
    }

    fn take_one(&mut self, received: &Received) {
        let Some(sender) = self.attribution.sender(received.source) else {
            self.counts.unknown_agents.fetch_add(1, Relaxed);
            return;
        };
        let Ok(datagram) = Datagram::decode(&received.bytes) else {
            self.counts.malformed.fetch_add(1, Relaxed);
            return;
        };
        let moment = Timestamp::from_unix_seconds(received.arrived.div_euclid(1000));
        self.tally
            .begin(interval_start(moment, self.interval_seconds));
        let taken = self.tally.take(sender, &datagram, received.arrived);
        self.counts.add(taken);
    }

    /// If the ledger is behind, the amounts wait for the next time.
    fn checkpoint(&mut self) {
        let now = interval_start(Timestamp::now(), self.interval_seconds);
        self.tally.begin(now);
        if let Some(place) = self.ledger.place() {
            let batch = self.tally.batch();
            place.write(batch, Vec::new());
        }
    }
}
