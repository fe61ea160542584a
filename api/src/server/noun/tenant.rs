//! Tenants.

use std::future::Future;
use std::sync::Arc;

use model::{Reason, Tenant};
use uuid::Uuid;

use super::{Changed, Listed, Made, Shown, field};
use crate::backend::{Backend, Caller, Outcome};
use crate::request::{TenantCreate, TenantUpdate};
use crate::server::fields::Fields;
use crate::server::key::{Field, Key, Kind};
use crate::server::limits;

const STATE: Kind = Kind::Word(&["active", "suspended"]);

impl Listed for Tenant {
    type Held = Arc<Self>;

    const FIELDS: &'static [Field<Self>] = &[
        field("id", Kind::Id, |it| Key::Id(it.id.uuid())),
        field("name", Kind::Text, |it| Key::text(it.name.as_str())),
        field("state", STATE, |it| Key::text(it.standing.state().name())),
        field("reason", Kind::Text, |it| {
            Key::of(it.standing.reason().map(Reason::as_str), Key::text)
        }),
        field("suspended_at", Kind::Time, |it| {
            Key::of(it.standing.since(), Key::Time)
        }),
        field("created_at", Kind::Time, |it| Key::Time(it.created_at)),
    ];

    fn all(backend: &impl Backend) -> Vec<Arc<Self>> {
        backend.tenants()
    }
}

impl Shown for Tenant {
    fn one(backend: &impl Backend, id: Uuid) -> Option<Arc<Self>> {
        backend.tenant(id.into())
    }
}

impl Made for Tenant {
    fn read(fields: &mut Fields) -> Option<TenantCreate> {
        let name = fields.required("name");
        let limits = limits::read(fields);
        Some(TenantCreate {
            name: name?,
            limits,
        })
    }

    fn create(
        backend: &impl Backend,
        caller: Caller,
        request: TenantCreate,
    ) -> impl Future<Output = Outcome<Self>> + Send {
        backend.tenant_create(caller, request)
    }

    fn delete(
        backend: &impl Backend,
        caller: Caller,
        id: Uuid,
    ) -> impl Future<Output = Outcome<()>> + Send {
        backend.tenant_delete(caller, id.into())
    }
}

impl Changed for Tenant {
    fn read_update(fields: &mut Fields) -> TenantUpdate {
        TenantUpdate {
            limits: limits::read_update(fields),
            state: fields.optional("state"),
            reason: fields.optional("reason"),
        }
    }

    fn update(
        backend: &impl Backend,
        caller: Caller,
        id: Uuid,
        request: TenantUpdate,
    ) -> impl Future<Output = Outcome<Self>> + Send {
        backend.tenant_update(caller, id.into(), request)
    }
}
