//! Reservations.

use std::future::Future;
use std::sync::Arc;

use model::{Name, Reservation};
use uuid::Uuid;

use super::{Listed, Made, Shown, field};
use crate::backend::{Backend, Caller, Outcome};
use crate::request::ReservationCreate;
use crate::server::fields::Fields;
use crate::server::key::{Field, Key, Kind};

impl Listed for Reservation {
    type Held = Arc<Self>;

    const FIELDS: &'static [Field<Self>] = &[
        field("id", Kind::Id, |it| Key::Id(it.id.uuid())),
        field("tenant_id", Kind::Id, |it| Key::Id(it.tenant_id.uuid())),
        field("network_id", Kind::Id, |it| Key::Id(it.network_id.uuid())),
        field("name", Kind::Text, |it| {
            Key::of(it.name.as_ref().map(Name::as_str), Key::text)
        }),
        field("addresses", Kind::Text, |it| {
            Key::Text(it.addresses.to_string().into())
        }),
        field("created_at", Kind::Time, |it| Key::Time(it.created_at)),
    ];

    fn all(backend: &impl Backend) -> Vec<Arc<Self>> {
        backend.reservations()
    }
}

impl Shown for Reservation {
    fn one(backend: &impl Backend, id: Uuid) -> Option<Arc<Self>> {
        backend.reservation(id.into())
    }
}

impl Made for Reservation {
    fn read(fields: &mut Fields) -> Option<ReservationCreate> {
        let network_id = fields.required("network_id");
        let name = fields.optional("name");
        let addresses = fields.required("addresses");
        Some(ReservationCreate {
            network_id: network_id?,
            name,
            addresses: addresses?,
        })
    }

    fn create(
        backend: &impl Backend,
        caller: Caller,
        request: ReservationCreate,
    ) -> impl Future<Output = Outcome<Self>> + Send {
        backend.reservation_create(caller, request)
    }

    fn delete(
        backend: &impl Backend,
        caller: Caller,
        id: Uuid,
    ) -> impl Future<Output = Outcome<()>> + Send {
        backend.reservation_delete(caller, id.into())
    }
}
