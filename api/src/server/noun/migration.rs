//! Migrations: ports that two hosts have at once.

use std::future::Future;

use model::{MigrationStage, Name, PortMigration};
use uuid::Uuid;

use super::{Listed, Made, Shown, field};
use crate::backend::{Backend, Caller, Outcome};
use crate::request::MigrationCreate;
use crate::server::fields::Fields;
use crate::server::key::{Field, Key, Kind};

const STAGES: Kind = Kind::Word(&[
    "prepared",
    "switching",
    "switched",
    "returning",
    "calling-off",
]);

impl Listed for PortMigration {
    type Held = Self;

    const FIELDS: &'static [Field<Self>] = &[
        field("id", Kind::Id, |it| Key::Id(it.id.uuid())),
        field("tenant_id", Kind::Id, |it| Key::Id(it.tenant_id.uuid())),
        field("network_id", Kind::Id, |it| Key::Id(it.network_id.uuid())),
        field("name", Kind::Text, |it| {
            Key::of(it.name.as_ref().map(Name::as_str), Key::text)
        }),
        field("from", Kind::Id, |it| Key::Id(it.migration.from.uuid())),
        field("to", Kind::Id, |it| Key::Id(it.migration.to.uuid())),
        field("stage", STAGES, |it| Key::text(stage(it.migration.stage))),
        field("since", Kind::Number, |it| {
            Key::Number(it.migration.since.0)
        }),
        field("ready", Kind::Flag, |it| Key::Flag(it.ready)),
        field("began_at", Kind::Time, |it| {
            Key::Time(it.migration.began_at)
        }),
    ];

    fn all(backend: &impl Backend) -> Vec<Self> {
        backend.migrations()
    }
}

const fn stage(stage: MigrationStage) -> &'static str {
    match stage {
        MigrationStage::Prepared => "prepared",
        MigrationStage::Switching => "switching",
        MigrationStage::Switched => "switched",
        MigrationStage::Returning => "returning",
        MigrationStage::CallingOff => "calling-off",
    }
}

impl Shown for PortMigration {
    fn one(backend: &impl Backend, id: Uuid) -> Option<Self> {
        backend.migration(id.into())
    }
}

impl Made for PortMigration {
    fn read(fields: &mut Fields) -> Option<MigrationCreate> {
        let port_id = fields.required("port_id");
        let host_id = fields.required("host_id");
        Some(MigrationCreate {
            port_id: port_id?,
            host_id: host_id?,
        })
    }

    fn create(
        backend: &impl Backend,
        caller: Caller,
        request: MigrationCreate,
    ) -> impl Future<Output = Outcome<Self>> + Send {
        backend.migration_create(caller, request)
    }

    fn delete(
        backend: &impl Backend,
        caller: Caller,
        id: Uuid,
    ) -> impl Future<Output = Outcome<()>> + Send {
        backend.migration_delete(caller, id.into())
    }
}
