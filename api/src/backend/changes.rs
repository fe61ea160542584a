//! What a server must be able to tell of how far a change is carried out.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use model::TenantId;

use super::Outcome;
use crate::resource::ChangeView;

/// Changes, and the hosts that are to carry them out.
pub trait ChangeBackend {
    /// How far a change is carried out; of those that somebody held to this tenant asked for, if to one.
    ///
    /// # Errors
    /// There is no such change, or it cannot be looked up.
    fn change(
        &self,
        revision: u64,
        held_to: Option<TenantId>,
    ) -> impl Future<Output = Outcome<ChangeView>> + Send;
}

/// The number of the change that a request made, once it is durable. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Revised(Arc<AtomicU64>);

impl Revised {
    /// The change with this number is durable.
    pub fn set(&self, revision: u64) {
        self.0.store(revision, Ordering::Release);
    }

    /// The number, if there was a change.
    #[must_use]
    pub fn get(&self) -> Option<u64> {
        let revision = self.0.load(Ordering::Acquire);
        (revision > 0).then_some(revision)
    }
}

impl PartialEq for Revised {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl Eq for Revised {}
