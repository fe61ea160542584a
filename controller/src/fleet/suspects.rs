//! Ports to look at again, each once however often something was seen of it.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use model::PortId;
use tokio::sync::Notify;

/// A set to wait on.
#[derive(Default)]
pub(super) struct Suspects {
    ports: Mutex<BTreeSet<PortId>>,
    wake: Notify,
}

impl Suspects {
    /// Something was seen of these.
    pub(super) fn add(&self, ports: impl IntoIterator<Item = PortId>) {
        let mut waiting = self.ports.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.extend(ports);
        if !waiting.is_empty() {
            self.wake.notify_one();
        }
    }

    /// Waits for some, and takes `max` of them at most.
    pub(super) async fn take(&self, max: usize) -> BTreeSet<PortId> {
        loop {
            let taken = self.take_now(max);
            if !taken.is_empty() {
                return taken;
            }
            self.wake.notified().await;
        }
    }

    fn take_now(&self, max: usize) -> BTreeSet<PortId> {
        let mut waiting = self.ports.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = waiting.iter().nth(max).copied();
        let rest = rest.map_or_else(BTreeSet::new, |first| waiting.split_off(&first));
        std::mem::replace(&mut waiting, rest)
    }
}
