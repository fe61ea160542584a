//! Plugging ports into guests that run.

use model::{GuestName, HostId};
use serde::{Deserialize, Serialize};

/// `PUT /v1/ports/{id}/guest`: the guest that is to have the port's VIF.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortAttach {
    /// The host that it runs on.
    pub host_id: HostId,
    /// What the host's hypervisor calls it.
    pub guest: GuestName,
}
