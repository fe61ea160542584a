//! Events: they happen, nobody makes them.

use model::{Event, EventKind};

use super::{Listed, field};
use crate::backend::Backend;
use crate::server::key::{Field, Key, Kind};

/// The names of all kinds.
const KINDS: Kind = Kind::Word(&[
    "host-connected",
    "host-lost",
    "unknown-vif",
    "port-conflict",
    "port-bound",
    "port-migration",
    "instance-migration",
    "item-failed",
    "topology-on-trial",
    "topology-applied",
    "topology-reverted",
    "tunnel-down",
    "tunnel-up",
    "fabric-fault",
    "fabric-well",
    "remark",
    "spoof-guard",
    "meters-disagree",
    "cap-warned",
    "cap-reached",
    "cap-lifted",
    "cap-late",
    "tenant-suspended",
    "tenant-resumed",
    "controller-started",
    "object-created",
    "object-changed",
    "object-deleted",
    "port-active",
    "port-dark",
    "plan-realized",
]);

impl Listed for Event {
    type Held = Self;

    const FIELDS: &'static [Field<Self>] = &[
        field("id", Kind::Number, |it| Key::Number(it.id)),
        field("at", Kind::Time, |it| Key::Time(it.at)),
        field("kind", KINDS, |it| Key::text(kind_name(it.kind))),
        field("host_id", Kind::Id, |it| {
            Key::of(it.host_id, |id| Key::Id(id.uuid()))
        }),
        field("tenant_id", Kind::Id, |it| {
            Key::of(it.tenant_id, |id| Key::Id(id.uuid()))
        }),
        field("noun", Kind::Text, |it| {
            Key::of(it.noun.as_deref(), Key::text)
        }),
        field("object_id", Kind::Id, |it| Key::of(it.object_id, Key::Id)),
        field("revision", Kind::Number, |it| {
            Key::of(it.revision, Key::Number)
        }),
        field("message", Kind::Text, |it| Key::text(&it.message)),
    ];

    fn all(backend: &impl Backend) -> Vec<Self> {
        backend.events()
    }
}

fn kind_name(kind: EventKind) -> &'static str {
    match kind {
        EventKind::HostConnected => "host-connected",
        EventKind::HostLost => "host-lost",
        EventKind::UnknownVif => "unknown-vif",
        EventKind::PortConflict => "port-conflict",
        EventKind::PortBound => "port-bound",
        EventKind::PortMigration => "port-migration",
        EventKind::InstanceMigration => "instance-migration",
        EventKind::ItemFailed => "item-failed",
        EventKind::TopologyOnTrial => "topology-on-trial",
        EventKind::TopologyApplied => "topology-applied",
        EventKind::TopologyReverted => "topology-reverted",
        EventKind::TunnelDown => "tunnel-down",
        EventKind::TunnelUp => "tunnel-up",
        EventKind::FabricFault => "fabric-fault",
        EventKind::FabricWell => "fabric-well",
        EventKind::Remark => "remark",
        EventKind::SpoofGuard => "spoof-guard",
        EventKind::MetersDisagree => "meters-disagree",
        EventKind::CapWarned => "cap-warned",
        EventKind::CapReached => "cap-reached",
        EventKind::CapLifted => "cap-lifted",
        EventKind::CapLate => "cap-late",
        EventKind::TenantSuspended => "tenant-suspended",
        EventKind::TenantResumed => "tenant-resumed",
        EventKind::ControllerStarted => "controller-started",
        EventKind::ObjectCreated => "object-created",
        EventKind::ObjectChanged => "object-changed",
        EventKind::ObjectDeleted => "object-deleted",
        EventKind::PortActive => "port-active",
        EventKind::PortDark => "port-dark",
        EventKind::PlanRealized => "plan-realized",
    }
}
