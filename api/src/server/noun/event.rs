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
    }
}
