//! What a server must be able to do with migrations.

use std::future::Future;

use model::{PortId, PortMigration};

use super::{Caller, Outcome};
use crate::request::MigrationCreate;

/// Migrations of ports from host to host.
pub trait MigrationBackend {
    /// Those that are under way, by their ports' ids.
    fn migrations(&self) -> Vec<PortMigration>;
    /// The one of this port.
    fn migration(&self, id: PortId) -> Option<PortMigration>;
    /// Prepares a port on another host, to which it follows its instance from now on.
    fn migration_create(
        &self,
        caller: Caller,
        request: MigrationCreate,
    ) -> impl Future<Output = Outcome<PortMigration>> + Send;
    /// Calls a migration off: the port is where it was.
    fn migration_delete(
        &self,
        caller: Caller,
        id: PortId,
    ) -> impl Future<Output = Outcome<()>> + Send;
}
