//! Migrations of the tests.

use model::plan::Generation;
use model::{
    HostId, Migration, MigrationStage, NetworkId, PortId, PortMigration, TenantId, Timestamp,
};

use super::TestPool;
use crate::backend::{Caller, MigrationBackend, Outcome};
use crate::request::MigrationCreate;

pub(crate) fn migration(id: PortId, to: HostId, stage: MigrationStage) -> PortMigration {
    PortMigration {
        id,
        tenant_id: TenantId::generate(),
        network_id: NetworkId::generate(),
        name: None,
        migration: Migration {
            from: HostId::generate(),
            to,
            stage,
            since: Generation(7),
            began_at: Timestamp::from_unix_seconds(1_700_000_000),
        },
        ready: true,
    }
}

impl MigrationBackend for TestPool {
    fn migrations(&self) -> Vec<PortMigration> {
        self.migrations.all()
    }

    fn migration(&self, id: PortId) -> Option<PortMigration> {
        self.migrations.one(id.uuid())
    }

    async fn migration_create(
        &self,
        caller: Caller,
        request: MigrationCreate,
    ) -> Outcome<PortMigration> {
        self.note(caller);
        let made = migration(request.port_id, request.host_id, MigrationStage::Prepared);
        Ok(self.migrations.put(made))
    }

    async fn migration_delete(&self, caller: Caller, id: PortId) -> Outcome<()> {
        self.note(caller);
        self.migrations.take(id.uuid())
    }
}
