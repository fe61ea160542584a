//! Who is let in: so many connections at a time, and so many from one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The doorkeeper of one listener.
pub(super) struct Admission {
    slots: Arc<Semaphore>,
    addresses: Arc<Addresses>,
}

/// Room for one connection, whoever it will be from.
pub(super) struct Slot {
    permit: Option<OwnedSemaphorePermit>,
    addresses: Arc<Addresses>,
}

/// One connection's leave to be; it ends when this is dropped.
pub(super) struct Ticket {
    _permit: Option<OwnedSemaphorePermit>,
    address: Option<IpAddr>,
    addresses: Arc<Addresses>,
}

struct Addresses {
    max: usize,
    counts: Mutex<HashMap<IpAddr, usize>>,
}

impl Admission {
    /// At most `max` connections, `max_per_address` of them from one address.
    pub(super) fn new(max: usize, max_per_address: usize) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(max)),
            addresses: Arc::new(Addresses {
                max: max_per_address,
                counts: Mutex::default(),
            }),
        }
    }

    /// Waits until there is room.
    pub(super) async fn slot(&self) -> Slot {
        // The semaphore is never closed, so this always is a permit.
        Slot {
            permit: Arc::clone(&self.slots).acquire_owned().await.ok(),
            addresses: Arc::clone(&self.addresses),
        }
    }
}

impl Slot {
    /// Lets a connection in, unless its address has too many already.
    pub(super) fn admit(self, address: Option<IpAddr>) -> Option<Ticket> {
        if let Some(address) = address {
            let mut counts = self.addresses.lock();
            let count = counts.entry(address).or_default();
            if *count >= self.addresses.max {
                return None;
            }
            *count += 1;
        }
        Some(Ticket {
            _permit: self.permit,
            address,
            addresses: self.addresses,
        })
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let Some(address) = self.address else {
            return;
        };
        let mut counts = self.addresses.lock();
        let Some(count) = counts.get_mut(&address) else {
            return;
        };
        *count -= 1;
        if *count == 0 {
            counts.remove(&address);
        }
    }
}

impl Addresses {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<IpAddr, usize>> {
        // Nothing that could panic happens under this lock.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
