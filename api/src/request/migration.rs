//! What clients ask for of migrations.

use model::{HostId, PortId};
use serde::{Deserialize, Serialize};

/// `POST /v1/migrations`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationCreate {
    /// The port: on a host, no sub-port, and of no instance that this pool runs by itself.
    pub port_id: PortId,
    /// The host to prepare it on.
    pub host_id: HostId,
}
