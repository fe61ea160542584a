//! Migrations, as the REST API has them.

use api::backend::{Caller, MigrationBackend, Outcome};
use api::problem::Problem;
use api::request::MigrationCreate;
use model::{EventKind, PortId, PortMigration};

use crate::service::{Service, migration};

impl MigrationBackend for Service {
    fn migrations(&self) -> Vec<PortMigration> {
        let (intent, observed) = (self.writer.intent(), self.fleet.observed());
        let ports = intent.migrating();
        ports
            .filter_map(|port| migration::view(port, &observed))
            .collect()
    }

    fn migration(&self, id: PortId) -> Option<PortMigration> {
        let intent = self.writer.intent();
        migration::view(intent.ports.get(&id)?, &self.fleet.observed())
    }

    async fn migration_create(
        &self,
        caller: Caller,
        request: MigrationCreate,
    ) -> Outcome<PortMigration> {
        let (actor, id) = (caller.actor.clone(), request.port_id);
        let decide = |intent: &_| migration::create(intent, &request);
        let verb = "migration_create";
        self.writer.change(caller, verb, decide).await?;
        let message = format!("port {id}: {actor} prepared it on another host");
        self.fleet
            .tell_of(EventKind::PortMigration, request.host_id.into(), message);
        let made = self.migration(id);
        made.ok_or_else(|| Problem::not_found("migration", id))
    }

    async fn migration_delete(&self, caller: Caller, id: PortId) -> Outcome<()> {
        let actor = caller.actor.clone();
        let decide = |intent: &_| migration::call_off(intent, id);
        self.writer
            .change(caller, "migration_delete", decide)
            .await?;
        let message = format!("port {id}: {actor} called its migration off");
        self.fleet.note(EventKind::PortMigration, message);
        Ok(())
    }
}
