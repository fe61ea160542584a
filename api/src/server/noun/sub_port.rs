//! Sub-ports: the ports that trunks carry.

use std::future::Future;

use model::Name;
use uuid::Uuid;

use super::{Listed, Made, Shown, field};
use crate::backend::{Backend, Caller, Outcome};
use crate::request::SubPortCreate;
use crate::resource::SubPort;
use crate::server::fields::Fields;
use crate::server::key::{Field, Key, Kind};

impl Listed for SubPort {
    type Held = Self;

    const FIELDS: &'static [Field<Self>] = &[
        field("id", Kind::Id, |it| Key::Id(it.id.uuid())),
        field("tenant_id", Kind::Id, |it| Key::Id(it.tenant_id.uuid())),
        field("network_id", Kind::Id, |it| Key::Id(it.network_id.uuid())),
        field("name", Kind::Text, |it| {
            Key::of(it.name.as_ref().map(Name::as_str), Key::text)
        }),
        field("trunk_id", Kind::Id, |it| Key::Id(it.trunk_id.uuid())),
        field("vlan", Kind::Number, |it| Key::Number(it.vlan.get().into())),
    ];

    fn all(backend: &impl Backend) -> Vec<Self> {
        backend.sub_ports()
    }
}

impl Shown for SubPort {
    fn one(backend: &impl Backend, id: Uuid) -> Option<Self> {
        backend.sub_port(id.into())
    }
}

impl Made for SubPort {
    fn read(fields: &mut Fields) -> Option<SubPortCreate> {
        let trunk_id = fields.required("trunk_id");
        let port_id = fields.required("port_id");
        let vlan = fields.required("vlan");
        Some(SubPortCreate {
            trunk_id: trunk_id?,
            port_id: port_id?,
            vlan: vlan?,
        })
    }

    fn create(
        backend: &impl Backend,
        caller: Caller,
        request: SubPortCreate,
    ) -> impl Future<Output = Outcome<Self>> + Send {
        backend.sub_port_create(caller, request)
    }

    fn delete(
        backend: &impl Backend,
        caller: Caller,
        id: Uuid,
    ) -> impl Future<Output = Outcome<()>> + Send {
        backend.sub_port_delete(caller, id.into())
    }
}
