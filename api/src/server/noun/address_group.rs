//! Address groups.

use std::future::Future;
use std::sync::Arc;

use model::AddressGroup;
use uuid::Uuid;

use super::{Changed, Listed, Made, Shown, field};
use crate::backend::{Backend, Caller, Outcome};
use crate::request::{AddressGroupCreate, AddressGroupUpdate};
use crate::server::fields::Fields;
use crate::server::key::{Field, Key, Kind};

impl Listed for AddressGroup {
    type Held = Arc<Self>;

    const FIELDS: &'static [Field<Self>] = &[
        field("id", Kind::Id, |it| Key::Id(it.id.uuid())),
        field("tenant_id", Kind::Id, |it| Key::Id(it.tenant_id.uuid())),
        field("name", Kind::Text, |it| Key::text(it.name.as_str())),
        field("created_at", Kind::Time, |it| Key::Time(it.created_at)),
    ];

    fn all(backend: &impl Backend) -> Vec<Arc<Self>> {
        backend.address_groups()
    }
}

impl Shown for AddressGroup {
    fn one(backend: &impl Backend, id: Uuid) -> Option<Arc<Self>> {
        backend.address_group(id.into())
    }
}

impl Made for AddressGroup {
    fn read(fields: &mut Fields) -> Option<AddressGroupCreate> {
        let tenant_id = fields.required("tenant_id");
        let name = fields.required("name");
        let prefixes = fields.list("prefixes", Self::PREFIXES_MAX);
        Some(AddressGroupCreate {
            tenant_id: tenant_id?,
            name: name?,
            prefixes: prefixes.unwrap_or_default(),
        })
    }

    fn create(
        backend: &impl Backend,
        caller: Caller,
        request: AddressGroupCreate,
    ) -> impl Future<Output = Outcome<Self>> + Send {
        backend.address_group_create(caller, request)
    }

    fn delete(
        backend: &impl Backend,
        caller: Caller,
        id: Uuid,
    ) -> impl Future<Output = Outcome<()>> + Send {
        backend.address_group_delete(caller, id.into())
    }
}

impl Changed for AddressGroup {
    fn read_update(fields: &mut Fields) -> AddressGroupUpdate {
        let add = fields.list("add_prefixes", Self::PREFIXES_MAX);
        let remove = fields.list("remove_prefixes", Self::PREFIXES_MAX);
        AddressGroupUpdate {
            add_prefixes: add.unwrap_or_default(),
            remove_prefixes: remove.unwrap_or_default(),
        }
    }

    fn update(
        backend: &impl Backend,
        caller: Caller,
        id: Uuid,
        request: AddressGroupUpdate,
    ) -> impl Future<Output = Outcome<Self>> + Send {
        backend.address_group_update(caller, id.into(), request)
    }
}
