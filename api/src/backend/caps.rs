//! What a server must be able to do with caps.

use std::future::Future;

use model::CapId;

use super::{Caller, Outcome};
use crate::request::{CapCreate, CapUpdate};
use crate::resource::CapView;

/// Caps: how much may be moved in a period.
pub trait CapBackend {
    /// All caps, by id.
    fn caps(&self) -> Vec<CapView>;
    /// One cap.
    fn cap(&self, id: CapId) -> Option<CapView>;
    /// Makes a cap.
    fn cap_create(
        &self,
        caller: Caller,
        request: CapCreate,
    ) -> impl Future<Output = Outcome<CapView>> + Send;
    /// Changes a cap, or lifts it for the rest of its period.
    fn cap_update(
        &self,
        caller: Caller,
        id: CapId,
        request: CapUpdate,
    ) -> impl Future<Output = Outcome<CapView>> + Send;
    /// Takes a cap away, and with it what it says of being reached.
    fn cap_delete(&self, caller: Caller, id: CapId) -> impl Future<Output = Outcome<()>> + Send;
}
