//! Checks of the fabric: asked for like an object, and then there with what they find.

use std::future::Future;
use std::sync::Arc;

use model::{FabricCheck, FabricScope, VlanChoice};
use uuid::Uuid;

use super::{Listed, Made, Shown, field};
use crate::backend::{Backend, Caller, Outcome};
use crate::problem::FieldCode;
use crate::server::fields::Fields;
use crate::server::key::{Field, Key, Kind};

impl Listed for FabricCheck {
    type Held = Arc<Self>;

    const FIELDS: &'static [Field<Self>] = &[
        field("id", Kind::Id, |it| Key::Id(it.id.uuid())),
        field("vlan", Kind::Number, |it| {
            Key::of(it.scope.vlan, |vlan| Key::Number(vlan.get().into()))
        }),
        field("vlans", Kind::Word(&["in-use", "all"]), |it| {
            Key::text(it.scope.vlans.name())
        }),
        field("host_id", Kind::Id, |it| {
            Key::of(it.scope.host_id, |id| Key::Id(id.uuid()))
        }),
        field("physical_network_id", Kind::Id, |it| {
            Key::of(it.scope.physical_network_id, |id| Key::Id(id.uuid()))
        }),
        field("state", Kind::Word(&["running", "done"]), |it| {
            Key::text(it.state.name())
        }),
        field("created_at", Kind::Time, |it| Key::Time(it.created_at)),
        field("finished_at", Kind::Time, |it| {
            Key::of(it.finished_at, Key::Time)
        }),
    ];

    fn all(backend: &impl Backend) -> Vec<Arc<Self>> {
        backend.fabric_checks()
    }
}

impl Shown for FabricCheck {
    fn one(backend: &impl Backend, id: Uuid) -> Option<Arc<Self>> {
        backend.fabric_check(id.into())
    }
}

impl Made for FabricCheck {
    fn read(fields: &mut Fields) -> Option<FabricScope> {
        let scope = FabricScope {
            vlan: fields.optional("vlan"),
            vlans: fields.optional("vlans").unwrap_or_default(),
            host_id: fields.optional("host_id"),
            physical_network_id: fields.optional("physical_network_id"),
        };
        if scope.vlan.is_some() && scope.vlans == VlanChoice::All {
            let message = "got all, and one VLAN as well; expected one of the two";
            fields.refuse("vlans", FieldCode::Inconsistent, message);
        }
        Some(scope)
    }

    fn create(
        backend: &impl Backend,
        caller: Caller,
        request: FabricScope,
    ) -> impl Future<Output = Outcome<Self>> + Send {
        backend.fabric_check_create(caller, request)
    }

    fn delete(
        backend: &impl Backend,
        caller: Caller,
        id: Uuid,
    ) -> impl Future<Output = Outcome<()>> + Send {
        backend.fabric_check_delete(caller, id.into())
    }
}
